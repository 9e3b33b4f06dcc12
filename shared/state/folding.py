"""How changes become part of a lane: straight into the pages, or as a layer that is merged into them later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shared.domain.identity import Link, LinkKey
from shared.ports.state import Operation, Remove
from shared.state import layers as over
from shared.state.errors import StateDamaged
from shared.state.fold import Fold, Target
from shared.state.layers import Claim, Layer
from shared.state.lease import Fence
from shared.state.links import is_live, pack_link, tally
from shared.state.model import LaneChanges
from shared.state.pages import Tree
from shared.state.reader import LaneReader
from shared.state.unique import refuse_second_links
from shared.state.words import Words
from shared.state.writer import Writer

type Groups = Sequence[Sequence[Operation]]
"""Operations in groups that belong into one transaction each."""


class Folding:
    """The folds of one lease."""

    def __init__(self, fence: Fence, reader: LaneReader, partition: str) -> None:
        self._fence = fence
        self._reader = reader
        self._partition = partition

    def fold(self, changes: LaneChanges, loose: Groups, last: Sequence[Operation]) -> int:
        """Commits the changes with other operations, `last` those of the last transaction; in how many transactions.

        Raises AlreadyLinked before anything is written.
        """
        links = {link.key: link for link in changes.links}
        removed = set(changes.links_removed) - links.keys()
        moving, linked = refuse_second_links(self._reader, links, removed)
        size = len(links) + len(removed) + len(changes.candidates)
        if self._as_layer(size):
            live = {link.partner for link in links.values() if is_live(link)}
            candidates = {ref: match for ref, match in changes.candidates.items() if ref not in live}
            layers = self._reader.pages.layers()
            layer = layers.make(links.values(), removed, candidates | dict.fromkeys(linked))
            commits = self._layer(layer, self._deltas(links, removed), changes, loose=loose, last=last)
            if layers.full():
                commits += self.merge()
        else:
            target = Target(
                claims={key: Claim.of(link) for key, link in links.items()},
                packed=lambda key, words: pack_link(links[key], words),
                removed=removed,
                candidates=changes.candidates,
                moving=moving,
                tallies=lambda key: tally(links[key]),
            )
            commits = Fold(self._fence, self._reader, target).run(loose, last, changes.facts)
        self._reader.changed()
        return commits

    def merge_when_ready(self) -> int:
        """Merges when there is enough to merge; for a moment in which nothing else is in hand."""
        return self.merge() if self._reader.pages.layers().ready() else 0

    def merge(self) -> int:
        """Brings all layers into the pages. Cut short, it is done again: the layers lie on top until it ended.

        The rows of the oldest layer go first: what is left of layers on top is never older than what is below.
        """
        found = self._reader.pages.layers()
        if not found:
            return 0
        self._reader.changed()
        target = Target(
            claims={key: claim for key, claim in found.claims.items() if claim is not None},
            packed=self._layered,
            removed={key for key, claim in found.claims.items() if claim is None},
            candidates=found.candidates,
        )
        loose = [[Remove(key)] for key in sorted(found.rows)]
        commits = Fold(self._fence, self._reader, target).run(loose, (), {})
        self._reader.pages.merged()
        return commits

    def _as_layer(self, size: int) -> bool:
        """Layers go on top of layers, so that the newest wins; else only where it pays."""
        pages = self._reader.pages
        if pages.layers():
            return size > 0
        return size > over.LARGE_FOLD and len(pages.directory(Tree.LINKS)) > over.MANY_PAGES

    def _layer(
        self, layer: Layer, deltas: Counter[str], changes: LaneChanges, *, loose: Groups, last: Sequence[Operation]
    ) -> int:
        """Writes a layer: its first part, which makes it count, with the counters it moves and before all else."""
        writer = Writer(self._fence, self._reader.pages)
        for row in layer.rows:
            writer.add([row])
        writer.counts.update(deltas)
        for group in loose:
            writer.add(group)
        writer.finish(last, changes.facts)
        self._reader.pages.layers().put(layer)
        return writer.commits

    def _deltas(self, links: dict[LinkKey, Link], removed: set[LinkKey]) -> Counter[str]:
        """How the lane's counters move."""
        deltas: Counter[str] = Counter()
        for names in self._reader.tallies([*links, *removed]).values():
            deltas.subtract(names)
        for link in links.values():
            deltas.update(tally(link))
        return deltas

    def _layered(self, key: LinkKey, words: Words) -> bytes:
        try:
            return self._reader.pages.layers().packed(key, words)
        except ValueError as error:
            raise StateDamaged(self._partition, over.FIRST, str(error)) from error
