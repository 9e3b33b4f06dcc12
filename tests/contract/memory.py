"""The memory system as every kind of system it can be, and hands to act in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from shared.connectors.memory import KindDesign, MemoryConnector, MemorySystem, MemoryUsers
from shared.connectors.memory.table import Version
from shared.domain.records import (
    FieldName,
    FieldSpec,
    FieldType,
    Kind,
    Option,
    Ref,
    RemoteId,
    Value,
)
from shared.errors import SyncError, Throttled
from shared.ports.connector import (
    ClearBy,
    Connector,
    CreateKey,
    Deletes,
    FeedKind,
    KindCapabilities,
    Op,
)
from tests.fakes.clock import FakeClock

PERSON, COMPANY, VISIT = Kind("person"), Kind("company"), Kind("visit")
NAME, NOTE, MAIL, SECRET, STAMP = (FieldName(name) for name in ("name", "note", "mail", "secret", "stamp"))
STATE, SHORT = FieldName("state"), FieldName("short")

CHOICES = (Option("1", "One"), Option("2", "Two"), Option("3", "Three"))


def _spec(name: str, kind: FieldType, **more: object) -> FieldSpec:
    return FieldSpec(name=FieldName(name), type=kind, **more)  # type: ignore[arg-type]


FIELDS = (
    _spec("name", FieldType.TEXT, max_length=100),
    _spec("note", FieldType.MEMO, max_length=400, custom=True),
    _spec("mail", FieldType.EMAIL, max_length=100),
    _spec("short", FieldType.TEXT, max_length=5),
    _spec("count", FieldType.INTEGER, minimum=Decimal(0), maximum=Decimal(100)),
    _spec("worth", FieldType.MONEY, scale=2),
    _spec("agreed", FieldType.BOOLEAN),
    _spec("born", FieldType.DATE),
    _spec("met", FieldType.DATETIME),
    _spec("level", FieldType.CHOICE, options=CHOICES),
    _spec("topics", FieldType.MULTI_CHOICE, options=CHOICES, custom=True),
    _spec("company", FieldType.REFERENCE, targets=(COMPANY,)),
    _spec("secret", FieldType.TEXT, readable=False),
    _spec("fixed", FieldType.TEXT, creatable=False, updatable=False),
    _spec("state", FieldType.CHOICE, options=CHOICES),
)


class MemoryHarness:
    """A memory system with people in it, behind the suite's harness."""

    def __init__(
        self, capabilities: KindCapabilities, *, shard: str | None = None, keeps_log: bool = False, **design: object
    ) -> None:
        self.clock = FakeClock()
        fields = (*FIELDS, _spec("stamp", FieldType.TEXT)) if capabilities.stamp else FIELDS
        self.system = MemorySystem(
            "fake",
            [
                KindDesign(kind=COMPANY, fields=(_spec("name", FieldType.TEXT),), capabilities=_PLAIN),
                KindDesign(kind=PERSON, fields=fields, capabilities=capabilities, page_size=4, **design),  # type: ignore[arg-type]
            ],
            now=self.clock.now,
            keeps_log=keeps_log,
        )
        self.users = MemoryUsers(self.system)
        self.shard = shard or ""
        self.connector: Connector = MemoryConnector(self.system, shard=shard)
        self.kind, self.text, self.other = PERSON, NAME, NOTE
        self.company = self.users.create(COMPANY, {NAME: "Works"})

    def values(self, number: int) -> dict[FieldName, Value | None]:
        return {
            NAME: f"Person {number}",
            NOTE: f"About {number}",
            MAIL: f"person{number}@example.org",
            SHORT: str(number),
            FieldName("count"): number % 100,
            FieldName("worth"): Decimal(f"{number}.50"),
            FieldName("agreed"): number % 2 == 0,
            FieldName("born"): date(1980, 3, 1 + number % 28),
            FieldName("met"): datetime(2026, 1, 1 + number % 28, 12, 30, tzinfo=UTC),
            FieldName("level"): "2",
            FieldName("topics"): frozenset({"1", "3"}),
            FieldName("company"): self.company,
        }

    def create(self, values: Mapping[FieldName, Value | None]) -> RemoteId:
        self.clock.advance(0.1)
        return self.users.create(PERSON, values, shard=self.shard).id

    def edit(self, row: RemoteId, values: Mapping[FieldName, Value | None]) -> None:
        self.users.edit(Ref(PERSON, row), values)

    def delete(self, row: RemoteId) -> None:
        self.users.delete(Ref(PERSON, row))

    def merge(self, loser: RemoteId, winner: RemoteId) -> None:
        self.users.merge(Ref(PERSON, loser), Ref(PERSON, winner))

    def row(self, row: RemoteId) -> Version | None:
        self.system.run_due()
        found = self.system.row(Ref(PERSON, row))
        return found if found is not None and found.there else None

    def stored(self, row: RemoteId) -> Mapping[FieldName, Value | None] | None:
        found = self.row(row)
        return found.fields if found is not None else None

    def rows(self) -> Sequence[RemoteId]:
        self.system.run_due()
        return [row for row, _ in self.system.tables[PERSON].current()]

    def labels(self, row: RemoteId) -> frozenset[str]:
        found = self.row(row)
        return found.labels if found is not None else frozenset()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def expire_cursors(self) -> None:
        self.system.expire_tokens()

    def forget_imports(self) -> None:
        self.system.forget_jobs()

    def break_down(self, error: type[SyncError] | None) -> None:
        if error is None:
            self.system.outage = None
        elif error is Throttled:
            self.system.outage = Throttled("slow down", retry_after=2.0, scope="fake")
        else:
            self.system.outage = error("out of order")

    def lose_next_answer(self) -> None:
        self.system.answers_to_lose = 1

    def unreadable(self) -> FieldName | None:
        return SECRET

    def logged(self, row: RemoteId) -> Sequence[str]:
        return [notice.code for notice in self.system.log if notice.ref == Ref(PERSON, row)]


_PLAIN = KindCapabilities(feed=FeedKind.WALK, deletes=Deletes.ABSENCE, create_key=CreateKey.NONE)

DATAVERSE_LIKE = KindCapabilities(
    feed=FeedKind.DELTA,
    deletes=Deletes.TOLD,
    conditional_write=True,
    create_key=CreateKey.CALLER_ID,
    match_field=MAIL,
    bulk_size=50,
    find_size=10,
    deactivate={STATE: "3"},
)
ACTIVECAMPAIGN_LIKE = KindCapabilities(
    feed=FeedKind.SINCE,
    deletes=Deletes.ABSENCE,
    create_key=CreateKey.UNIQUE_MATCH,
    match_field=MAIL,
    asynchronous_create=True,
    partial_rows=True,
    labels=True,
    bulk_size=10,
    clear=ClearBy.EMPTY,
)
MARKETO_LIKE = KindCapabilities(
    feed=FeedKind.LOG,
    deletes=Deletes.TOLD,
    create_key=CreateKey.UNIQUE_MATCH,
    match_field=MAIL,
    bulk_size=300,
    tells_merges=True,
    coarse=timedelta(seconds=2),
)
EXCHANGE_LIKE = KindCapabilities(
    feed=FeedKind.DELTA, deletes=Deletes.TOLD, conditional_write=True, bulk_size=20, match_field=MAIL, stamp=STAMP
)
POOR = KindCapabilities(
    feed=FeedKind.WALK, deletes=Deletes.ABSENCE, bulk_size=1, match_field=MAIL, clear=ClearBy.IMPOSSIBLE
)
WRITE_ONCE = KindCapabilities(
    feed=FeedKind.NONE,
    deletes=Deletes.NEVER,
    writes=frozenset({Op.CREATE}),
    create_key=CreateKey.CALLER_ID,
    create_only=True,
    bulk_size=100,
)
