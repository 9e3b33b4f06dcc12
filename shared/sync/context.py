"""What a slice of work carries along: the lane in hand, the time that is left, the facts of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

from shared.domain.entity_map import parents_first
from shared.domain.mapping import CompiledMap
from shared.domain.records import Kind, Ref, Side
from shared.ports.connector import Connector
from shared.state.model import Batch, Command, Fact, about_pair
from shared.sync.cases import Case
from shared.sync.columns import Columns

if TYPE_CHECKING:
    from shared.state.lanes import HeldLane
    from shared.sync.engine import Engine

PUT_BACK = "put_back"
"""The lane's fact that counts the pages of its run that were put back."""

EARLY = "early"
"""The lane's fact that an unlinked record was told while creates were awaited: it may be what one of them made."""

LABELS_DUE = "labels_due:"
"""How the lane's fact begins that says, by a kind of the partner's, that some of its records may ask for a row without
having been heard: see `shared.sync.asking`."""

_MARGIN = 10.0  # seconds of lease that must be left before a remote write is sent


_COUNTED = frozenset({"deletes"})
"""Facts that a write may make more: a worker that dies right after it must not make that undone."""


class Work:
    """One slice of one lane. Everything in it ends with the slice; what must last goes through `fold`."""

    def __init__(self, engine: Engine, held: HeldLane, maps: Sequence[CompiledMap], seconds: float) -> None:
        self.engine = engine
        self.held = held
        self.maps = tuple(maps)
        self.columns = Columns(held.facts)
        self.now: datetime = engine.clock.now()
        self.facts: dict[str, Fact] = dict(held.facts)
        self.stored: dict[str, Fact] = dict(held.facts)
        self._opening: dict[str, Fact] = {}
        self.retries: list[Command] = []
        self.written: set[tuple[Side, Ref]] = set()  # records that were sent a write since somebody cleared this
        self._end = engine.clock.monotonic() + seconds
        self._looked = engine.clock.monotonic()
        self._suppressed: frozenset[bytes] | None = None
        self._open: frozenset[str] | None = None

    @property
    def suppressed(self) -> frozenset[bytes]:
        """Who must stay away, as the slice found it: an erasure holds the lane while it works."""
        if self._suppressed is None:
            self._suppressed = self.engine.suppressed() if self.engine.suppressed is not None else frozenset()
        return self._suppressed

    # -- time ----------------------------------------------------------------------------------------------------------

    @property
    def left(self) -> float:
        """Seconds left of this slice."""
        return self._end - self.engine.clock.monotonic()

    def keep_lease(self) -> None:
        """Renews the lease in time; raises LeaseLost when it is gone, before anything more is written."""
        if self.held.remaining() < self.engine.options.lease_seconds / 2 + _MARGIN / 2:
            self.held.renew()

    def tick(self) -> None:
        self.now = self.engine.clock.now()
        self.keep_lease()

    # -- facts of the run ----------------------------------------------------------------------------------------------

    def number(self, name: str) -> int:
        value = self.facts.get(name)
        return int(value) if isinstance(value, int | float) else 0

    def text(self, name: str) -> str:
        value = self.facts.get(name)
        return value if isinstance(value, str) else ""

    def linked(self) -> int:
        """How many pairs are linked, by the lane's exact counters."""
        counts = self.held.counts
        return sum(count for name, count in counts.items() if name.endswith((".linked", ".awaiting")))

    def awaiting(self) -> int:
        """How many pairs wait for the id of an accepted create."""
        return sum(count for name, count in self.held.counts.items() if name.endswith(".awaiting"))

    def is_open(self, ticket: str) -> bool:
        """Whether the accepted write of a ticket may still be refused: its batch was not settled yet. A link keeps the
        ticket of its create until the record is told, so that what ended well rewrites no link."""
        return ticket in self._open_tickets()

    def anything_open(self) -> bool:
        """Whether the accepted create of any pair may still take effect."""
        return self.awaiting() > 0 and any(self._open_tickets())

    def _open_tickets(self) -> frozenset[str]:
        if self._open is None:
            self._open = frozenset(ticket for batch in self.held.awaited() for ticket in batch.tickets)
        return self._open

    def batches_changed(self) -> None:
        """What was known of open tickets may be no longer so."""
        self._open = None

    def changed_facts(self) -> dict[str, Fact]:
        changed = {name: value for name, value in self.facts.items() if self.stored.get(name) != value}
        changed.update(dict.fromkeys(self.stored.keys() - self.facts.keys()))
        return changed

    def opened(self) -> None:
        """A run began: its first intents or its first fold store what that changed, whichever comes first. A worker
        that dies in between goes on with this run, whose list has what was written."""
        self._opening = self.changed_facts()

    def intend(self, batches: Sequence[Batch]) -> None:
        """Stores what is about to be written, and how many deletes the run is at with it."""
        facts = self._opening | {name: self.facts[name] for name in _COUNTED & self.facts.keys()}
        self.held.begin(*batches, facts=facts)
        changed = {**self.stored, **facts}
        self.stored = {name: value for name, value in changed.items() if value is not None}
        self._opening = {}

    def part(self, name: str) -> str:
        """The name under which a page tells its run what it did. A page that comes again after it was put back tells
        the rest under another one; one that is done again because its worker died, under the same."""
        again = self.number(PUT_BACK)
        return blake2b(f"{name}|{again}".encode() if again else name.encode(), digest_size=8).hexdigest()

    def put_back(self) -> dict[str, Fact]:
        """The facts to store with a page that comes again."""
        self.facts[PUT_BACK] = self.number(PUT_BACK) + 1
        return self.changed_facts()

    def folded(self) -> None:
        """All facts are stored."""
        self.stored, self._opening = dict(self.facts), {}

    # -- the two sides -------------------------------------------------------------------------------------------------

    def identity(self, side: Side) -> str:
        """What the account called itself when the connection was confirmed: a cursor is only good for that one."""
        connection = self.engine.connection
        return connection.crm_identity if side is Side.CRM else connection.partner_identity

    def connector(self, side: Side) -> Connector:
        return self.engine.crm if side is Side.CRM else self.engine.partner

    def maps_of(self, side: Side, kind: Kind) -> list[CompiledMap]:
        """The entity maps of a kind, the one that keeps a contested record first."""
        found = [item for item in self.maps if item.kind(side) == kind and item.entity.on]
        return sorted(found, key=lambda item: -item.entity.rank)

    def map_named(self, name: str) -> CompiledMap | None:
        return next((item for item in self.maps if item.entity.name == name), None)

    def each[Given, Answer](self, call: Callable[[Given], Answer], items: Sequence[Given]) -> Iterator[Answer]:
        """Calls with every item, several at a time where the slice has more than one; answers in order."""
        if len(items) == 1:
            yield call(items[0])
            return
        with ThreadPoolExecutor(len(items)) as pool:
            waiting = [pool.submit(copy_context().run, call, item) for item in items]
            yield from (one.result() for one in waiting)

    # -- later ---------------------------------------------------------------------------------------------------------

    def next_try(self, tries: int) -> datetime:
        """When a parked record is tried again: 1 min, 5 min, 30 min, 2 h, then daily, at the rhythm's next time."""
        pauses = self.engine.options.retries
        when = self.now + timedelta(seconds=pauses[min(tries, len(pauses) - 1)])
        return self.engine.round_up(when) if self.engine.round_up is not None else when

    def next_walk(self) -> datetime:
        """When what was told once may be told again."""
        return self.now + timedelta(hours=self.engine.options.sweep_hours)

    def retry(self, case: Case, when: datetime) -> None:
        """Leaves word to look at this pair again; the same word twice is one."""
        self.retries.append(
            Command(
                key=f"look-{case.key.hex()}" + (f"-{case.partner_ref.id}" if case.alone and case.partner_ref else ""),
                op="look",
                side=Side.CRM,
                ref=case.crm_ref,
                payload=about_pair(case.map.entity.name, case.partner_ref),
                not_before=when,
                tries=case.tries + 1,
            )
        )


def kinds_in_order(work: Work, side: Side) -> list[Kind]:
    """The kinds of the connection's entities on one side, each once: as the connector declares them, and after those
    that the maps name as their parents."""
    declared = list(work.connector(side).capabilities.kinds)
    used = [item for item in work.maps if item.entity.on and item.kind(side) in declared]
    kinds = {item.entity.name: item.kind(side) for item in used}
    ordered = parents_first(sorted((item.entity for item in used), key=lambda each: declared.index(kinds[each.name])))
    return list(dict.fromkeys(kinds[entity.name] for entity in ordered))
