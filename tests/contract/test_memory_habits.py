"""What only the memory system has: its own habits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.connectors.memory import MemoryConnector, Overlong, RowState
from shared.domain.records import (
    Gone,
    GoneReason,
    Record,
    Ref,
    RemoteId,
)
from shared.errors import AuthError, ConfigError, Rejected
from shared.ports.connector import (
    Op,
    Outcome,
    Write,
)
from tests.contract.connector_contract import Feed
from tests.contract.memory import (
    ACTIVECAMPAIGN_LIKE,
    DATAVERSE_LIKE,
    EXCHANGE_LIKE,
    MAIL,
    MARKETO_LIKE,
    NAME,
    NOTE,
    PERSON,
    POOR,
    SHORT,
    STATE,
    VISIT,
    WRITE_ONCE,
    MemoryHarness,
)


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
