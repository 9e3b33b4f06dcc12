"""Which batches a lane has, and their bodies a few at a time: a large import leaves hundreds of accepted ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.ports.state import PartitionStore, Row
from shared.state import batches
from shared.state.batches import FIRST, LAST, Stored

_WINDOW: Final = 8
"""Rows read at a time: of up to 700 kB each."""


class Shelf:
    """The batches of one lane as its lease holder knows them, who alone begins and drops any.

    Finding them reads each row once and keeps only names. Raises StateDamaged, ConfigError, Transient.
    """

    def __init__(self, store: PartitionStore, partition: str) -> None:
        self._store = store
        self._partition = partition
        self._orders, self.orphans = batches.survey(partition, self._rows())

    def put(self, batch_id: str, order: int) -> None:
        """A batch was begun."""
        self._orders[batch_id] = order

    def drop(self, batch_id: str) -> None:
        """A batch is gone."""
        self._orders.pop(batch_id, None)

    def names(self) -> list[str]:
        """The ids, oldest first."""
        return sorted(self._orders, key=lambda name: (self._orders[name], name))

    def read(self, names: Sequence[str]) -> Iterator[Stored]:
        """Those of the batches that are still there, in the order asked for."""
        wanted = sorted((name for name in names if name in self._orders), key=_place)
        rows: list[Row] = []
        for first, last in self._stretches(wanted):
            rows.extend(self._store.scan(self._partition, f"{FIRST}{first}.", f"{FIRST}{last}/"))
        found = batches.read_batches(self._partition, rows)
        yield from (found[name] for name in names if name in found)

    def _stretches(self, wanted: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Wanted batches that are neighbours in the store, as one range: they were begun one after the other."""
        places = {name: number for number, name in enumerate(sorted(self._orders, key=_place))}
        stretch: list[str] = []
        for name in wanted:
            if stretch and places[name] != places[stretch[-1]] + 1:
                yield stretch[0], stretch[-1]
                stretch = []
            stretch.append(name)
        if stretch:
            yield stretch[0], stretch[-1]

    def _rows(self) -> Iterator[Row]:
        first = FIRST
        while window := self._store.scan(self._partition, first, LAST, limit=_WINDOW):
            yield from window
            first = window[-1].key + "!"


def _place(name: str) -> str:
    """What the rows of a batch are sorted by."""
    return f"{name}."
