"""Two memory systems, a memory store and an engine between them: the smallest world the engine runs in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from shared.connectors.memory import HUB, KindDesign, MemoryConnector, MemorySystem, MemoryUsers
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.identity import Digester
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Ref, Value
from shared.ports.connector import Connector, CreateKey, Deletes, FeedKind, KindCapabilities
from shared.ports.report import ConflictEntry, RecordOutcome
from shared.state.lane import LaneStore
from shared.state.model import LaneId
from shared.sync.engine import Engine, SliceResult
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.partition_store import MemoryPartitionStore

CONTACT = Kind("contact")
PERSON = Kind("person")
MAIL, NAME, PHONE, NOTE = (FieldName(name) for name in ("mail", "name", "phone", "note"))

CRM_CAPABILITIES = KindCapabilities(
    feed=FeedKind.DELTA,
    deletes=Deletes.TOLD,
    conditional_write=True,
    create_key=CreateKey.CALLER_ID,
    match_field=MAIL,
    bulk_size=5,
    find_size=10,
)
PARTNER_CAPABILITIES = KindCapabilities(
    feed=FeedKind.SINCE,
    deletes=Deletes.ABSENCE,
    create_key=CreateKey.UNIQUE_MATCH,
    match_field=MAIL,
    asynchronous_create=True,
    bulk_size=5,
)

MERGING_CRM = replace(CRM_CAPABILITIES, tells_merges=True)
MERGING_PARTNER = replace(
    PARTNER_CAPABILITIES,
    feed=FeedKind.DELTA,
    deletes=Deletes.TOLD,
    asynchronous_create=False,
    create_key=CreateKey.NONE,
    tells_merges=True,
)
"""Two systems that both tell which record another one was merged into."""

ENTITY: Mapping[str, object] = {
    "name": "contact",
    "crm_kind": "contact",
    "partner_kind": "person",
    "direction": "both",
    "match": "mail",
    "fields": [
        {"id": "mail", "crm": "mail", "partner": "mail", "required": True},
        {"id": "name", "crm": "name", "partner": "name"},
        {"id": "phone", "crm": "phone", "partner": "phone"},
        {"id": "note", "crm": "note", "partner": "note"},
    ],
}


def specs() -> tuple[FieldSpec, ...]:
    return (
        FieldSpec(name=MAIL, type=FieldType.EMAIL, max_length=100),
        FieldSpec(name=NAME, type=FieldType.TEXT, max_length=50),
        FieldSpec(name=PHONE, type=FieldType.PHONE, max_length=20),
        FieldSpec(name=NOTE, type=FieldType.TEXT, max_length=30),
    )


@dataclass(slots=True)
class MemoryJournal:
    """Keeps what the engine tells; a part that was told already is ignored."""

    outcomes: list[RecordOutcome] = field(default_factory=list)
    entries: list[ConflictEntry] = field(default_factory=list)
    runs: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    healed: list[str] = field(default_factory=list)
    _told: set[tuple[str, str]] = field(default_factory=set)

    def begin_run(self, run_id: str, *, slot: str, reason: str) -> None:
        if run_id not in self.runs:
            self.reasons.append(reason)
        self.runs.setdefault(run_id, "running")

    def tell(
        self,
        run_id: str,
        part: str,
        outcomes: Sequence[RecordOutcome],
        counts: Mapping[str, int],
        *,
        unless: str = "",
    ) -> bool:
        if {(run_id, part), (run_id, unless)} & self._told:
            return False
        self._told.add((run_id, part))
        self.outcomes.extend(outcomes)
        for code, count in counts.items():
            self.counts[code] = self.counts.get(code, 0) + count
        return True

    def conflicts(self, run_id: str, part: str, entries: Sequence[ConflictEntry]) -> None:
        self.entries.extend(entries)

    def well(self, links: Sequence[str]) -> None:
        self.healed.extend(links)

    def end_run(self, run_id: str, *, state: str, code: str = "", message: str = "") -> None:
        self.runs[run_id] = state


class Slow:
    """A connector whose every call takes a while of the driven clock."""

    def __init__(self, real: Connector, clock: FakeClock, seconds: float) -> None:
        self._real = real
        self._clock = clock
        self._seconds = seconds

    def __getattr__(self, name: str) -> object:
        found = getattr(self._real, name)
        if name in {"changes", "read", "find", "write", "settle"}:
            self._clock.advance(self._seconds)
        return found


class Rig:
    """`run` works until the lane is quiet; `crm` and `partner` are the users' hands on both sides."""

    def __init__(
        self,
        *,
        entity: Mapping[str, object] = ENTITY,
        crm: KindCapabilities = CRM_CAPABILITIES,
        partner: KindCapabilities = PARTNER_CAPABILITIES,
        page_size: int = 50,
        options: Mapping[str, object] | None = None,
        entities: Sequence[Mapping[str, object]] = (),
        designs: tuple[Sequence[KindDesign], Sequence[KindDesign]] = ((), ()),
        fields: Sequence[FieldSpec] = (),
    ) -> None:
        columns = (*specs(), *fields)
        self.clock = FakeClock()
        self.ids = FakeIds()
        self.crm_system = MemorySystem(
            "crm",
            [*designs[0], KindDesign(kind=CONTACT, fields=columns, capabilities=crm, page_size=page_size)],
            now=self.clock.now,
        )
        self.partner_system = MemorySystem(
            "partner",
            [*designs[1], KindDesign(kind=PERSON, fields=columns, capabilities=partner, page_size=page_size)],
            now=self.clock.now,
        )
        self.commits: Counter[str] = Counter()
        for side, system in (("crm", self.crm_system), ("partner", self.partner_system)):
            system.observers.append(lambda commit, side=side: self.commits.update([side] * (commit.by == HUB)))
        self.crm = MemoryUsers(self.crm_system)
        self.partner = MemoryUsers(self.partner_system)
        self.store = MemoryPartitionStore(self.clock)
        self.lane = LaneStore(self.store, LaneId("c1"), clock=self.clock, ids=self.ids)
        self.journal = MemoryJournal()
        self.config = ConnectionConfig(
            id="c1", name="Test", system="memory", crm={}, partner={}, entities=(*entities, entity), switch=Switch.ON
        )
        from shared.sync.options import parse_options

        self.engine = Engine(
            connection=self.config,
            crm=MemoryConnector(self.crm_system),
            partner=MemoryConnector(self.partner_system),
            lane=self.lane,
            clock=self.clock,
            ids=self.ids,
            digester=Digester(b"k" * 32),
            journal=self.journal,
            options=parse_options(options or {}),
        )

    COMPANY = Kind("account")
    PARTNER_COMPANY = Kind("firm")
    PARENT = FieldName("company")

    @classmethod
    def with_companies(cls) -> Rig:
        """Accounts on both sides, and contacts that refer to theirs."""
        plain = KindCapabilities(feed=FeedKind.DELTA, deletes=Deletes.TOLD, conditional_write=True)
        own_ids = replace(plain, create_key=CreateKey.CALLER_ID)
        entity = {
            **ENTITY,
            "parents": ["account"],
            "fields": [*ENTITY["fields"], {"id": "company", "crm": "company", "partner": "company"}],  # type: ignore[misc]
        }
        account = {
            "name": "account",
            "crm_kind": "account",
            "partner_kind": "firm",
            "direction": "both",
            "fields": [{"id": "name", "crm": "name", "partner": "name"}],
        }
        names = (FieldSpec(name=NAME, type=FieldType.TEXT, max_length=50),)
        crm = KindDesign(kind=cls.COMPANY, fields=names, capabilities=own_ids)
        partner = KindDesign(kind=cls.PARTNER_COMPANY, fields=names, capabilities=plain)
        more = [FieldSpec(name=cls.PARENT, type=FieldType.REFERENCE, targets=(cls.COMPANY, cls.PARTNER_COMPANY))]
        synchronous = replace(PARTNER_CAPABILITIES, asynchronous_create=False)
        return cls(
            entity=entity, entities=(account,), partner=synchronous, designs=([crm], [partner]), fields=tuple(more)
        )

    def turn(self, switch: Switch) -> None:
        self.engine = replace(self.engine, connection=replace(self.engine.connection, switch=switch))

    def confirm(self) -> None:
        """The connection remembers which accounts it was made for."""
        identities = self.engine.crm.identity(), self.engine.partner.identity()
        config = replace(self.engine.connection, crm_identity=identities[0], partner_identity=identities[1])
        self.engine = replace(self.engine, connection=config)

    def delay(self, seconds: float) -> None:
        """From now on each remote call takes so long, by the driven clock."""
        self.engine = replace(
            self.engine,
            crm=cast("Connector", Slow(self.engine.crm, self.clock, seconds)),
            partner=cast("Connector", Slow(self.engine.partner, self.clock, seconds)),
        )

    def refs(self, kind: Kind) -> list[tuple[Ref, dict[str, Value | None]]]:
        """The rows of a partner kind with their refs."""
        self.partner_system.run_due()
        rows = self.partner_system.tables[kind].current()
        return [(Ref(kind, row), {str(name): value for name, value in version.fields.items()}) for row, version in rows]

    def run(self, cycles: int = 1) -> SliceResult:
        result = SliceResult(ran=False)
        for _ in range(cycles):
            result = self.engine.run_slice("w1")
            for _ in range(50):
                if not result.more:
                    break
                result = self.engine.run_slice("w1")
            self.clock.advance(10)
        return result

    def person(self, ref: Ref) -> dict[str, Value | None]:
        row = self.partner_system.row(ref)
        assert row is not None
        return {str(name): value for name, value in row.fields.items()}

    def people(self, side: str = "partner") -> list[dict[str, Value | None]]:
        system, kind = (self.partner_system, PERSON) if side == "partner" else (self.crm_system, CONTACT)
        system.run_due()
        return [
            {str(name): value for name, value in version.fields.items()} for _, version in system.tables[kind].current()
        ]
