"""What becomes of new records. See `tests.contract.connector_contract`."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.domain.records import Kind, Record, Ref, RemoteId
from shared.ports.connector import (
    CreateKey,
    Outcome,
)
from shared.ports.logbook import Logbook, Notice
from tests.contract.promises.ground import (
    HOSTILE,
    Feed,
    Harness,
    Promises,
    creates_at_once,
    needs,
    updates,
)


class Creating(Promises):
    """See the module."""

    @needs("create that answers at once", creates_at_once)
    def test_a_created_record_holds_what_was_sent(self, harness: Harness) -> None:
        values = harness.values(1)
        result = self._one(harness, self._create(harness, values))
        assert result.outcome is Outcome.APPLIED
        assert result.ref is not None
        stored = harness.stored(result.ref.id)
        assert stored is not None
        assert {name: stored[name] for name in values} == values

    @needs("create that answers at once", creates_at_once)
    def test_results_come_in_the_order_of_the_writes_and_under_their_keys(self, harness: Harness) -> None:
        size = min(4, self._kind(harness).bulk_size)
        writes = [self._create(harness, harness.values(number), key=f"k{number}") for number in range(size)]
        results = harness.connector.write(writes)
        assert [result.key for result in results] == [write.key for write in writes]
        for number, result in enumerate(results):
            assert result.ref is not None
            stored = harness.stored(result.ref.id)
            assert stored is not None
            assert stored[harness.text] == harness.values(number)[harness.text]

    @needs("ids chosen by the caller", lambda kind: kind.create_key is CreateKey.CALLER_ID and creates_at_once(kind))
    def test_a_second_create_with_one_id_meets_the_first_and_leaves_it_alone(self, harness: Harness) -> None:
        write = self._create(harness, harness.values(1))
        first = self._one(harness, write)
        assert first.outcome is Outcome.APPLIED
        assert first.ref == write.ref
        harness.edit(write.ref.id, {harness.text: "a user was here"})
        again = self._one(harness, write)
        assert again.outcome is Outcome.EXISTS
        assert again.ref == write.ref
        stored = harness.stored(write.ref.id)
        assert stored is not None
        assert stored[harness.text] == "a user was here"

    @needs(
        "unique match values with a create that answers at once",
        lambda kind: kind.create_key is CreateKey.UNIQUE_MATCH and creates_at_once(kind),
    )
    def test_a_create_with_a_taken_match_value_meets_its_holder_and_leaves_it_alone(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        field = self._match_field(harness)
        values = {**harness.values(2), field: self._match(harness, 1)}
        result = self._one(harness, self._create(harness, values))
        assert result.outcome is Outcome.EXISTS
        assert result.ref == Ref(harness.kind, row)
        assert list(harness.rows()) == [row]
        stored = harness.stored(row)
        assert stored is not None
        assert stored[harness.text] == harness.values(1)[harness.text]

    @needs("create that answers at once", creates_at_once)
    def test_one_refused_record_of_a_batch_leaves_the_others_alone(self, harness: Harness) -> None:
        if self._kind(harness).bulk_size < 3:
            pytest.skip(f"{harness.connector.capabilities.title} takes fewer than three records a call")
        bad = self._invalid(harness)
        if bad is None:
            pytest.skip(f"{harness.connector.capabilities.title} has no typed field a value could be wrong for")
        field, value = bad
        writes = [
            self._create(harness, harness.values(1), key="good"),
            self._create(harness, {**harness.values(2), field: value}, key="bad"),
            self._create(harness, harness.values(3), key="also good"),
        ]
        results = harness.connector.write(writes)
        assert [result.outcome for result in results] == [Outcome.APPLIED, Outcome.REJECTED, Outcome.APPLIED]
        assert results[1].field in {field, None}
        assert results[1].code
        assert len(harness.rows()) == 2

    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_hostile_text_is_stored_as_it_is_or_refused_for_its_record_alone(
        self, harness: Harness, name: str
    ) -> None:
        row = harness.create(harness.values(1))
        text = HOSTILE[name]
        if not updates(self._kind(harness)):
            pytest.skip(f"{harness.connector.capabilities.title} does not update this kind")
        result = self._one(harness, self._update(harness, row, {harness.text: text}))
        stored = harness.stored(row)
        assert stored is not None
        if result.outcome is Outcome.APPLIED:
            assert stored[harness.text] == text
        else:
            assert result.outcome is Outcome.REJECTED
            assert text not in result.message
            assert stored[harness.text] == harness.values(1)[harness.text]
        assert stored[harness.other] == harness.values(1)[harness.other]

    @needs("asynchronous create", lambda kind: kind.asynchronous_create)
    def test_an_accepted_create_is_made_later_and_found_by_its_match_value(self, harness: Harness) -> None:
        feed = Feed(harness, [harness.text])
        feed.drain()
        result = self._one(harness, self._create(harness, harness.values(1)))
        assert result.outcome is Outcome.ACCEPTED
        assert result.ticket
        self._wait_for(harness, result)
        (found,) = self._find(harness, self._match(harness, 1))
        assert found.ref.id in feed.drain()

    @needs("asynchronous create", lambda kind: kind.asynchronous_create)
    def test_what_an_accepted_create_made_is_told_from_what_was_there_by_the_systems_own_time(
        self, harness: Harness
    ) -> None:
        harness.create(harness.values(1))
        harness.advance(2)
        result = self._one(harness, self._create(harness, harness.values(1)))
        assert result.at is not None
        self._wait_for(harness, result)
        (known,) = self._find(harness, self._match(harness, 1))
        assert known.created_at is not None
        assert known.created_at.timestamp() <= int(result.at.timestamp())
        result = self._one(harness, self._create(harness, harness.values(2)))
        assert result.at is not None
        self._wait_for(harness, result)
        (made,) = self._find(harness, self._match(harness, 2))
        walked = Feed(harness, [harness.text]).drain()[made.ref.id]
        read = harness.connector.read(harness.kind, [made.ref.id], [harness.text])[made.ref.id]
        for record in (made, walked, read):
            assert isinstance(record, Record)
            assert record.created_at is not None
            assert record.created_at.timestamp() > int(result.at.timestamp())

    @needs("asynchronous create", lambda kind: kind.asynchronous_create)
    def test_a_refused_part_of_an_accepted_batch_is_named_when_it_is_settled(self, harness: Harness) -> None:
        bad = self._invalid(harness)
        if bad is None or self._kind(harness).bulk_size < 2:
            pytest.skip(f"{harness.connector.capabilities.title} has nothing to refuse in a batch")
        field, value = bad
        writes = [
            self._create(harness, harness.values(1), key="good"),
            self._create(harness, {**harness.values(2), field: value}, key="bad"),
        ]
        results = harness.connector.write(writes)
        at_once = {result.key: result.outcome for result in results}
        assert at_once["good"] is Outcome.ACCEPTED
        refused: set[str] = set()
        for result in results:
            if result.outcome is Outcome.ACCEPTED:
                refused |= set(self._wait_for(harness, result))
        assert at_once["bad"] is Outcome.REJECTED or refused == {self._match(harness, 2)}
        assert len(harness.rows()) == 1

    @needs("asynchronous create", lambda kind: kind.asynchronous_create)
    def test_a_ticket_the_server_forgot_is_lost(self, harness: Harness) -> None:
        result = self._one(harness, self._create(harness, harness.values(1)))
        assert result.ticket
        harness.forget_imports()
        (settled,) = harness.connector.settle([result.ticket])
        assert settled.lost
        assert not settled.running

    def test_a_notice_stands_in_the_log_of_its_record_and_one_in_doubt_is_not_told_twice(
        self, harness: Harness
    ) -> None:
        connector = harness.connector
        if not connector.capabilities.keeps_log:
            pytest.skip(f"{connector.capabilities.title}: declares that it keeps no log")
        assert isinstance(connector, Logbook)
        rows = [harness.create(harness.values(number)) for number in range(2)]
        notices = [self._notice(harness, row, f"refused_{number}") for number, row in enumerate(rows)]
        assert connector.note(notices) == {notice.key for notice in notices}
        assert [list(harness.logged(row)) for row in rows] == [["refused_0"], ["refused_1"]]
        more = self._notice(harness, rows[0], "refused_2")
        assert connector.note([*notices, more], doubtful=[notice.key for notice in notices]) == {
            notice.key for notice in [*notices, more]
        }
        assert [sorted(harness.logged(row)) for row in rows] == [["refused_0", "refused_2"], ["refused_1"]]

    def test_nobody_is_told_about_a_record_that_is_gone(self, harness: Harness) -> None:
        connector = harness.connector
        if not connector.capabilities.keeps_log:
            pytest.skip(f"{connector.capabilities.title}: declares that it keeps no log")
        assert isinstance(connector, Logbook)
        row = harness.create(harness.values(1))
        notice = self._notice(harness, row, "refused")
        harness.delete(row)
        assert connector.note([notice]) == {notice.key}

    def _notice(self, harness: Harness, row: RemoteId, code: str) -> Notice:
        ref = Ref(harness.kind, row)
        crm = Ref(Kind("contact"), RemoteId("5f2b1c1e-0000-4000-8000-000000000001"))
        told = datetime(2026, 10, 14, 14, tzinfo=UTC)
        return Notice(key=f"{row}{code}", link="ab", ref=ref, crm=crm, at=told, entity="contact", code=code)

    def test_settling_nothing_answers_nothing(self, harness: Harness) -> None:
        assert list(harness.connector.settle([])) == []
