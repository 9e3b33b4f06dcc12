"""The memory connector keeps the contract it defines, as every kind of system it can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from shared.connectors.memory import KindDesign, MemoryConnector, MemorySystem, MemoryUsers, Overlong, RowState
from shared.connectors.memory.table import Version
from shared.connectors.registry import PACKAGES, build
from shared.domain.records import (
    FieldName,
    FieldSpec,
    FieldType,
    Gone,
    GoneReason,
    Kind,
    Option,
    Record,
    Ref,
    RemoteId,
    Value,
)
from shared.errors import AuthError, ConfigError, Rejected, SyncError, Throttled
from shared.ports.connector import (
    ClearBy,
    Connector,
    CreateKey,
    Deletes,
    FeedKind,
    KindCapabilities,
    Op,
    Outcome,
    Write,
)
from simulators.frame import Clock
from tests.contract.connector_contract import ConnectorContract, Feed, contract_tests
from tests.fakes.clock import FakeClock
from tests.wire.connectors.support import Around

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


class TestAsDataverse(ConnectorContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(DATAVERSE_LIKE, refuses_unknown_fields=True)


class TestAsActiveCampaign(ConnectorContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(ACTIVECAMPAIGN_LIKE, overlong=Overlong.TRUNCATE, partial_labels=True)


class TestAsMarketo(ConnectorContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(MARKETO_LIKE, keeps_log=True, representation=True)


class TestAsExchange(ConnectorContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(EXCHANGE_LIKE, shard="mailbox-1")


class TestAsPoorSystem(ConnectorContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(POOR)


class TestAsWriteOnceLog(ConnectorContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(WRITE_ONCE)


ALL = (DATAVERSE_LIKE, ACTIVECAMPAIGN_LIKE, MARKETO_LIKE, EXCHANGE_LIKE, POOR, WRITE_ONCE)


def test_every_sentence_of_the_contract_is_tried_on_some_memory_system() -> None:
    idle = [name for name, need in contract_tests().items() if need and not any(need.met(kind) for kind in ALL)]
    assert idle == []


ID = "3c6e0b8a-9c15-4fd2-8e5b-7d0f4c1a2b39"
SETTINGS: Mapping[str, Mapping[str, object]] = {
    "dynamics": {"url": "https://org.crm.dynamics.com", "tenant": ID, "client_id": ID, "secret": "s"},
    "activecampaign": {"url": "https://demo.api-us1.com", "key": "k"},
    "marketo": {"url": "https://123-abc-456.mktorest.com", "client_id": "c", "client_secret": "s"},
}
SILENT = {
    "test_a_stamp_is_stored_in_the_same_write",  # none needs one: ids are ours, or e-mails are unique
    "test_what_a_row_of_a_list_does_not_hold_is_absent_and_a_read_tells_it",  # each can be asked for whole rows
    "test_what_is_written_once_is_never_changed",  # activities come with Exchange and LinkedIn
}


def test_no_other_sentence_is_switched_off_for_the_whole_product() -> None:
    """A capability declared wrongly everywhere would silence a test everywhere; what may be silent is listed."""
    around = Around(Clock(), trusted=frozenset(), secrets={}).surroundings
    built = [build(system, settings, around).capabilities for system, settings in SETTINGS.items()]
    assert set(SETTINGS) == set(PACKAGES)
    kinds = [kind for capabilities in built for kind in capabilities.kinds.values()]
    silent = {name for name, need in contract_tests().items() if need and not any(need.met(kind) for kind in kinds)}
    assert silent == SILENT


# -- what only the memory system has: its own habits -------------------------------------------------------------------


def test_a_commit_that_becomes_visible_late_is_missed_without_overlap_and_found_with_it() -> None:
    harness = MemoryHarness(ACTIVECAMPAIGN_LIKE)
    careless = Feed(harness, [NAME])
    harness.connector = MemoryConnector(harness.system, overlap=timedelta(seconds=30))
    careful = Feed(harness, [NAME])
    for feed in (careless, careful):
        feed.drain()
    harness.clock.advance(10)
    late = harness.users.create(PERSON, {NAME: "Late"}, late=timedelta(seconds=20))
    harness.clock.advance(10)
    harness.users.create(PERSON, {NAME: "In time"})
    for feed in (careless, careful):
        assert late.id not in feed.drain()
    harness.clock.advance(30)
    assert late.id not in careless.drain()
    assert late.id in careful.drain()


def test_a_change_to_a_row_waits_for_the_transaction_that_holds_it() -> None:
    harness = MemoryHarness(DATAVERSE_LIKE)
    row = harness.create(harness.values(1))
    harness.users.edit(Ref(PERSON, row), {NAME: "slow"}, late=timedelta(seconds=60))
    harness.edit(row, {NOTE: "quick"})
    stored = harness.stored(row)
    assert stored is not None
    assert (stored[NAME], stored[NOTE]) == ("slow", "quick")


def test_a_system_that_truncates_cuts_between_characters() -> None:
    harness = MemoryHarness(ACTIVECAMPAIGN_LIKE, overlong=Overlong.TRUNCATE)
    row = harness.create({SHORT: "abcd😀"})
    assert harness.stored(row)[SHORT] == "abcd"  # type: ignore[index]


def test_a_secret_limit_is_not_described() -> None:
    harness = MemoryHarness(ACTIVECAMPAIGN_LIKE, overlong=Overlong.TRUNCATE, secret_limits={NAME: 3})
    row = harness.create({NAME: "abcdef"})
    assert harness.stored(row)[NAME] == "abc"  # type: ignore[index]
    assert harness.connector.describe(PERSON).fields[NAME].max_length == 100


def test_a_dropped_column_is_no_longer_described_told_or_written_and_comes_back_empty() -> None:
    harness = MemoryHarness(DATAVERSE_LIKE, refuses_unknown_fields=True)
    row = harness.create(harness.values(1))
    spec = harness.system.drop_column(PERSON, NOTE)
    assert NOTE not in harness.connector.describe(PERSON).fields
    with pytest.raises(ConfigError) as raised:
        harness.connector.read(PERSON, [row], [NOTE])
    assert raised.value.setting == "person.note"
    record = harness.connector.read(PERSON, [row], [NAME])[row]
    assert isinstance(record, Record)
    write = Write(key="k", op=Op.UPDATE, ref=Ref(PERSON, row), fields={NOTE: "x"}, expect=record.revision)
    (result,) = harness.connector.write([write])
    assert (result.outcome, result.field, result.code) == (Outcome.REJECTED, NOTE, "unknown_field")
    harness.system.add_column(PERSON, spec)
    record = harness.connector.read(PERSON, [row], [NOTE])[row]
    assert isinstance(record, Record)
    assert record.fields == {NOTE: None}


def test_a_deactivated_row_is_told_as_inactive() -> None:
    harness = MemoryHarness(DATAVERSE_LIKE)
    row = harness.create(harness.values(1))
    harness.edit(row, {STATE: "3"})
    record = harness.connector.read(PERSON, [row], [NAME])[row]
    assert isinstance(record, Record)
    assert record.active is False


def test_a_hidden_row_is_not_told_reads_as_hidden_and_refuses_writes() -> None:
    harness = MemoryHarness(DATAVERSE_LIKE)
    row = harness.create(harness.values(1))
    feed = Feed(harness, [NAME])
    feed.drain()
    harness.users.show(Ref(PERSON, row), RowState.HIDDEN)
    assert row not in feed.drain()
    gone = harness.connector.read(PERSON, [row], [NAME])[row]
    assert isinstance(gone, Gone)
    assert gone.reason is GoneReason.HIDDEN
    (result,) = harness.connector.write([Write(key="k", op=Op.UPDATE, ref=Ref(PERSON, row), fields={NAME: "x"})])
    assert (result.outcome, result.code) == (Outcome.REJECTED, "no_access")


def test_a_shard_sees_and_makes_only_its_own_rows() -> None:
    harness = MemoryHarness(EXCHANGE_LIKE, shard="mailbox-1")
    mine = harness.create(harness.values(1))
    foreign = harness.users.create(PERSON, harness.values(2), shard="mailbox-2")
    assert set(Feed(harness, [NAME]).drain()) == {mine}
    assert isinstance(harness.connector.read(PERSON, [foreign.id], [NAME])[foreign.id], Gone)
    (result,) = harness.connector.write([Write(key="k", op=Op.CREATE, ref=Ref(PERSON, RemoteId("")), fields={})])
    assert result.ref is not None
    assert harness.system.tables[PERSON].shard_of[result.ref.id] == "mailbox-1"


def test_a_restored_row_comes_back_under_its_id_with_its_values() -> None:
    harness = MemoryHarness(DATAVERSE_LIKE)
    row = harness.create(harness.values(1))
    feed = Feed(harness, [NAME])
    feed.drain()
    harness.delete(row)
    harness.users.restore(Ref(PERSON, row))
    record = feed.drain()[row]
    assert isinstance(record, Record)
    assert record.fields[NAME] == "Person 1"


def test_a_kind_without_a_feed_says_so() -> None:
    with pytest.raises(ConfigError):
        MemoryHarness(WRITE_ONCE).connector.changes(PERSON, None, [NAME])


def test_an_unknown_kind_is_rejected() -> None:
    with pytest.raises(Rejected):
        MemoryHarness(POOR).connector.describe(VISIT)


def test_a_log_tells_short_and_empty_pages_and_goes_on() -> None:
    harness = MemoryHarness(MARKETO_LIKE)
    row = harness.create(harness.values(1))
    feed = Feed(harness, [NAME])
    feed.drain()
    for number in range(4):
        harness.edit(row, {NOTE: f"nobody asked {number}"})
    harness.edit(row, {NAME: "asked"})
    page = feed.page()
    assert list(page.items) == []
    assert page.more
    assert [item.ref.id for item in feed.page().items] == [row]


def test_an_import_under_way_happens_though_its_ticket_is_lost() -> None:
    harness = MemoryHarness(ACTIVECAMPAIGN_LIKE)
    write = Write(key="k", op=Op.CREATE, ref=Ref(PERSON, RemoteId("")), fields={MAIL: "a@example.org"}, match="a")
    (result,) = harness.connector.write([write])
    assert result.ticket is not None
    harness.forget_imports()
    assert harness.connector.settle([result.ticket])[0].lost
    assert list(harness.rows()) == []
    harness.clock.advance(10)
    assert len(harness.rows()) == 1


def test_a_call_with_more_than_the_bulk_size_is_a_bug_of_the_caller() -> None:
    harness = MemoryHarness(POOR)
    writes = [Write(key=f"{n}", op=Op.CREATE, ref=Ref(PERSON, RemoteId("")), fields={}) for n in range(2)]
    with pytest.raises(ValueError, match="too many"):
        harness.connector.write(writes)


def test_an_auth_failure_is_told_by_the_check_with_its_next_step() -> None:
    harness = MemoryHarness(POOR)
    harness.break_down(AuthError)
    first = next(iter(harness.connector.check()))
    assert first.code == "auth"
    assert first.next_step
