"""The lease in hand: everything a worker may do to a lane while it holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import batched
from typing import Final

from shared.domain.identity import Link, LinkKey, MatchKey
from shared.domain.records import Ref
from shared.errors import LeaseLost, SyncError, Transient
from shared.ports.ambient import Clock
from shared.ports.state import Conflict, Operation, PartitionStore
from shared.state import batches as batch_rows
from shared.state import cursors, inbox, repair, tellings
from shared.state.folding import Folding
from shared.state.inbox import Waiting
from shared.state.lease import Fence
from shared.state.links import tally
from shared.state.model import (
    Awaited,
    Batch,
    Command,
    CursorState,
    Fact,
    LaneChanges,
    LaneView,
    MatchEntry,
    Result,
    Telling,
)
from shared.state.reader import LaneReader, scan
from shared.state.series import commit_series, fits_one
from shared.state.shelf import Shelf

_ROUNDS: Final = 5

_AT_ONCE: Final = 4
"""Batches in hand at a time: an import of 250 people with sixty fields takes some megabytes."""


class Held:
    """A lane under lease; made by `LaneStore.acquire`. Several threads of the worker may use it.

    Every method raises LeaseLost once another worker took the lane: stop at once, nothing was written. Transient:
    the store did not answer within about 20 s; the call may be repeated, or the slice ended. StateDamaged names a row
    that cannot be read. ConfigError: the row was written by a newer release.
    """

    def __init__(self, store: PartitionStore, partition: str, fence: Fence, *, clock: Clock, found: LaneView) -> None:
        self._store = store
        self._partition = partition
        self._fence = fence
        self._clock = clock
        self._reader = LaneReader(store, partition)
        self._folding = Folding(fence, self._reader, partition)
        self._waiting: dict[str, Waiting] = {}
        self._batch_keys: dict[str, set[str]] = {}
        self._awaited: dict[str, Awaited] = {}
        self._orphans: set[str] = set()
        self._shelf: Shelf | None = None
        self.found = found
        """The lane as it was found, before this lease."""

    # -- the lease --------------------------------------------------------------------------------------------------

    @property
    def fence(self) -> int:
        """The number of this lease; each take-over has a larger one."""
        return self._fence.row.fence

    @property
    def facts(self) -> Mapping[str, Fact]:
        """The lane's facts as last committed."""
        return self._fence.row.facts

    @property
    def counts(self) -> Mapping[str, int]:
        """Links by entity and state, exact as of the last commit (`LaneView.counts`)."""
        return self._fence.row.counts

    def remaining(self) -> float:
        """Seconds of the lease that are left for sure. Every commit renews it."""
        return self._fence.remaining()

    def renew(self) -> None:
        """Extends the lease to its full length from now."""
        with self._guarded():
            self._fence.commit()

    def release(self, not_before: datetime | None = None, facts: Mapping[str, Fact] | None = None) -> bool:
        """Lets the lane go, not to be taken up by the timer before `not_before`.

        Answers whether somebody met the lane busy meanwhile, as of the very transaction that released it; the lane
        row keeps saying so until somebody acquires it.
        """
        self._tidy()
        with self._guarded():
            released = self._fence.release(not_before, facts or {})
            self._fence.give_up()
            return released.wanted

    # -- reading ----------------------------------------------------------------------------------------------------

    def links(self, keys: Iterable[LinkKey]) -> dict[LinkKey, Link]:
        """The links that exist."""
        with self._guarded():
            return self._reader.links(keys)

    def by_partner(self, refs: Iterable[Ref]) -> dict[Ref, LinkKey]:
        """The link of each partner record that has one, verified: in use before tombstones and refusals."""
        with self._guarded():
            return self._reader.by_partner(refs)

    def by_match(self, keys: Iterable[MatchKey]) -> dict[MatchKey, MatchEntry]:
        """What is known of each match key, verified: links agreed on it, unlinked partner records that carry it."""
        with self._guarded():
            return self._reader.by_match(keys)

    def tellings(self, refs: Collection[Ref], since: datetime) -> dict[Ref, Telling]:
        """What was told of partner records at or after `since`, for those that were told whole."""
        with self._guarded():
            return self._reader.told.read(refs, since)

    def forget_tellings(self) -> None:
        """Takes away what was kept of them."""
        with self._guarded():
            removals = tellings.removals(self._store, self._partition)
            self._reader.told.forget()
            if removals:
                commit_series(self._fence, removals)

    def scan_links(self, after: LinkKey | None = None, limit: int | None = None) -> Iterator[Link]:
        """Links in key order, those after `after`. Folds in between are fine; a link behind the scan is not shown
        again."""

        def window(start: int) -> tuple[list[Link], int | None]:
            with self._guarded():
                return self._reader.scan_window(start)

        return scan(window, after, limit)

    def cursor(self, name: str) -> CursorState | None:
        """A feed's cursor."""
        with self._guarded():
            return cursors.read_cursor(self._store, self._partition, name)

    def cursors(self) -> dict[str, CursorState]:
        """All cursors of the lane by name."""
        with self._guarded():
            return cursors.read_cursors(self._store, self._partition)

    def inbox(self, limit: int, now: datetime) -> list[Command]:
        """Commands that are due, in the order they fell due."""
        with self._guarded():
            return self._known(inbox.due(self._store, self._partition, now, limit))

    def aside(self, limit: int) -> list[Command]:
        """Commands that were put aside for the end of a run (due from `inbox.ASIDE` on), in their order."""
        with self._guarded():
            return self._known(inbox.aside(self._store, self._partition, limit))

    def _known(self, found: Sequence[Waiting]) -> list[Command]:
        self._waiting.update((waiting.command.key, waiting) for waiting in found)
        return [waiting.command for waiting in found]

    # -- batches ----------------------------------------------------------------------------------------------------

    def begin(self, *batches: Batch, facts: Mapping[str, Fact] | None = None) -> None:
        """Writes the intents, and facts of the lane beside; call the vendor only after this returned. ValueError for
        one over some 50 MB."""
        with self._guarded():
            order = self._order()
            rows = [batch_rows.intent_rows(batch, order) for batch in batches]
            commit_series(self._fence, [row for each in rows for row in each], lambda row: row.counted({}, facts or {}))
            for batch, each in zip(batches, rows, strict=True):
                self._batch_keys.setdefault(batch.id, set()).update(row.key for row in each)
                self._awaited[batch.id] = Awaited.of(batch)
                if self._shelf is not None:
                    self._shelf.put(batch.id, order)

    def finish(self, ended: Mapping[str, Sequence[Result]], *, ticket: str = "") -> None:
        """Writes what became of the entries of batches, by id, in one transaction where they fit it. May be called
        again, as when a ticket was settled: the last counts.

        A batch is ACCEPTED while a result is, else DONE. An entry without a result is not known. ValueError for results
        of one batch over some 3 MB: they must fit one transaction.
        """
        with self._guarded():
            order = self._order()
            found = {name: batch_rows.result_rows(name, results, ticket, order) for name, results in ended.items()}
            for name, rows in found.items():
                if not fits_one(rows):
                    raise ValueError(f"the results of batch {name} are too large: split the batch")
            together = [row for rows in found.values() for row in rows]
            for group in [together] if fits_one(together) else found.values():
                self._fence.commit(group)
            for name, rows in found.items():
                self._batch_keys.setdefault(name, set()).update(row.key for row in rows)
                if name in self._awaited:
                    self._awaited[name] = self._awaited[name].told(ended[name])

    def batches(self) -> list[Batch]:
        """Batches that no fold dropped yet, oldest first."""
        return list(self.each_batch())

    def each_batch(self) -> Iterator[Batch]:
        """The same, read and decoded a few at a time: a large import leaves many."""
        with self._guarded():
            names = self._shelved().names()
        for some in batched(names, _AT_ONCE, strict=False):
            yield from self.batches_of(some)

    def batches_of(self, names: Sequence[str]) -> list[Batch]:
        """Those of some batches that are still there."""
        with self._guarded():
            stored = list(self._shelved().read(names))
            for item in stored:
                self._batch_keys.setdefault(item.batch.id, set()).update(item.keys)
                self._awaited[item.batch.id] = Awaited.of(item.batch)
        return [item.batch for item in stored]

    def awaited(self) -> Iterator[Awaited]:
        """Batches with accepted writes, oldest first. What this holder wrote or read itself is not read again."""
        with self._guarded():
            names = self._shelved().names()
        for some in batched(names, _AT_ONCE, strict=False):
            if missing := [name for name in some if name not in self._awaited]:
                self.batches_of(missing)
            found = [self._awaited[name] for name in some if name in self._awaited]
            yield from (each for each in found if each.accepted)

    def _shelved(self) -> Shelf:
        """Which batches there are: found once a lease, whose holder alone begins and drops any."""
        if self._shelf is None:
            self._shelf = Shelf(self._store, self._partition)
            self._orphans.update(self._shelf.orphans)
        return self._shelf

    # -- folding ----------------------------------------------------------------------------------------------------

    def fold(self, changes: LaneChanges) -> int:
        """Makes changes true and answers in how many transactions; the cursors move in the last one.

        Idempotent: after a crash at any point, folding the same changes again ends in the same state. A command that
        was renewed since this worker read it stays in the inbox. Raises AlreadyLinked, before anything is written,
        when a partner record would get a second link in use.
        """
        for _ in range(_ROUNDS):
            try:
                with self._guarded():
                    return self._fold(changes)
            except Conflict:
                still = inbox.unchanged(self._store, self._partition, self._waiting.values())
                self._waiting = {key: waiting for key, waiting in self._waiting.items() if key in still}
        raise Transient("commands of the lane change too often to be folded", code="inbox_contended")

    def merge(self) -> int:
        """Brings into the pages what large folds left on top of them; in how many transactions. `release` does it, and
        a fold does it when there is enough."""
        with self._guarded():
            return self._folding.merge()

    def merge_when_ready(self) -> int:
        """Merges when it is worth it, in how many transactions. For the moment between two pages of work, whose memory
        is free then; a fold waits longer before it merges by itself."""
        with self._guarded():
            return self._folding.merge_when_ready()

    # -- repair -----------------------------------------------------------------------------------------------------

    def mend(self) -> list[str]:
        """Takes out every row of the lane that does not decode; answers their keys. Repeating it does no harm.

        `rebuild_reverse` and `recount` have to follow (the counters still count what was lost), and a resync, which
        fills what is empty now. Raises ConfigError for a row that a newer release wrote.
        """
        mended: list[str] = []
        with self._guarded():
            if (found := repair.damaged_layers(self._store, self._partition)) is not None:
                mended.append(found[0])
                commit_series(self._fence, found[1])
                self._reader.forget()
            for key, operations in repair.damaged_rows(self._store, self._partition, self._reader):
                mended.append(key)
                commit_series(self._fence, operations)
            self._forget()
        return mended

    def waits(self, command_key: str) -> bool:
        """Whether a command lies in the inbox, due or not; no other one is read."""
        with self._guarded():
            return inbox.lies(self._store, self._partition, command_key)

    def rebuild_reverse(self, after: LinkKey | None = None, limit: int = 5000) -> LinkKey | None:
        """Writes the reverse entries of up to `limit` links again; answers the last one done, None at the end.

        Candidates are not rebuilt: they come back with the partner's next walk.
        """
        links = list(self.scan_links(after, limit))
        self.fold(LaneChanges(links=links))
        self.merge()
        return links[-1].key if links else None

    def recount(self) -> dict[str, int]:
        """Counts all links afresh and corrects the lane's counters; for after a repair."""
        counts: Counter[str] = Counter()
        for link in self.scan_links():
            counts.update(tally(link))
        with self._guarded():
            self._fence.commit((), lambda row: replace(row, counts=dict(counts)))
        return dict(counts)

    def _tidy(self) -> None:
        """Merges before the lane is let go. What stands in the way of that is for the next holder to meet."""
        try:
            self.merge()
        except LeaseLost:
            raise
        except SyncError:
            return

    def _fold(self, changes: LaneChanges) -> int:
        now = self._clock.now()
        taken = [self._waiting[key] for key in changes.commands_done if key in self._waiting]
        loose: list[Sequence[Operation]] = [
            batch_rows.removals(self._rows_of(batch_id)) for batch_id in changes.batches_dropped
        ]
        loose.append(batch_rows.removals(self._orphans))
        told = list(tellings.rows(changes.tellings, self._order(), now))
        loose.extend([row] for row in told)
        loose.extend(inbox.removal(waiting) for waiting in taken)
        later = [command for command in changes.commands_postponed if command.key in self._waiting]
        loose.extend(inbox.postponement(self._waiting[command.key], command, now) for command in later)
        commits = self._folding.fold(changes, loose, cursors.operations(changes.cursors))
        self._reader.told.added(told)
        for key in [waiting.command.key for waiting in taken] + [command.key for command in later]:
            self._waiting.pop(key, None)
        for batch_id in changes.batches_dropped:
            self._batch_keys.pop(batch_id, None)
            self._awaited.pop(batch_id, None)
            if self._shelf is not None:
                self._shelf.drop(batch_id)
        self._orphans.clear()
        return commits

    def _rows_of(self, batch_id: str) -> set[str]:
        if batch_id not in self._batch_keys:
            rows = self._store.scan(self._partition, f"b.{batch_id}.", f"b.{batch_id}/")
            self._batch_keys[batch_id] = {row.key for row in rows}
        return self._batch_keys[batch_id]

    def _order(self) -> int:
        """A number that grows with every commit of the lane."""
        return self._fence.row.fence << 32 | self._fence.row.commit

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """One call under the lock, on a lease that is known to be good. Whatever is raised, nothing read is believed
        afterwards."""
        with self._fence.lock:
            self._fence.check()
            try:
                yield
            except BaseException:
                self._forget()
                raise

    def _forget(self) -> None:
        """Believes nothing that was read before."""
        self._reader.forget()
        self._awaited.clear()
        self._shelf = None
