"""Updates whose worker died after it had stored what it was about to write, and before it sent it.

Nobody can tell such a write from one whose answer was lost: what was to be put there is known, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shared.domain.records import Ref, Side
from shared.ports.connector import Op
from shared.ports.state import PartitionStore
from shared.state.model import Batch
from shared.state.shelf import Shelf
from tests.simulation.ledger import Asked, Ledger
from tests.simulation.moments import held_at
from tests.simulation.troubles import Worker

_INTENT = ".i000"


@dataclass(slots=True)
class Intents:
    """Follows each intent from the transaction that stores it to the call that sends it."""

    ledger: Ledger
    store: PartitionStore
    partition: str
    never_sent: list[Asked] = field(default_factory=list)
    _open: dict[str, list[str]] = field(default_factory=dict)  # batches that were stored and not sent yet, by worker

    def stored(self, worker: Worker, rows: Sequence[str]) -> None:
        """A transaction of a worker changed these rows."""
        begun = [row.split(".")[1] for row in rows if row.startswith("b.") and row.endswith(_INTENT)]
        self._open.setdefault(worker.name, []).extend(begun)

    def dropped(self, rows: Sequence[str]) -> None:
        """A transaction took these rows away: what is left of their batches is no intent."""
        gone = {row.split(".")[1] for row in rows if row.startswith("b.")}
        for name, left in self._open.items():
            self._open[name] = [batch for batch in left if batch not in gone]

    def sent(self, worker: Worker) -> None:
        """Batches are sent in the order in which they were stored."""
        del self._open.get(worker.name, [])[:1]

    def slice_ended(self, worker: Worker) -> None:
        """What was not sent by now never will be: it was to put there what its worker had seen on the other side."""
        left = self._open.pop(worker.name, [])
        if left:
            for stored in Shelf(self.store, self.partition).read(left):
                self.never_sent.extend(self._updates(worker, stored.batch))

    def of(self, side: Side, ref: Ref) -> list[Asked]:
        return [asked for asked in self.never_sent if (asked.side, asked.ref) == (side, ref)]

    def _updates(self, worker: Worker, batch: Batch) -> Iterator[Asked]:
        side, other = batch.side, batch.side.other
        for entry in batch.entries if batch.op is Op.UPDATE else ():
            target, source = (entry.crm, entry.partner) if side is Side.CRM else (entry.partner, entry.crm)
            seen = worker.read.get((other, source.id)) if source is not None else None
            if target is None or source is None or seen is None:
                continue
            events = self.ledger.of.get((other, source), [])
            items = [item for item in self.ledger.profile.fields_of(target.kind) if item.id in entry.intended]
            values = {item.name: held_at(item, events, other, seen) for item in items}
            yield Asked(seen, side, batch.op, target, values, form=other)
