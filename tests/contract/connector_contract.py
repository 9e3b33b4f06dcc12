"""What every connector promises, one sentence a test.

A connector's test subclasses `ConnectorContract`, gives it a `harness`, and runs the whole list. What a system cannot
do is switched off by what its connector *declares*, by nothing else; the skip names the capability. The sentences are
those of `shared/ports/connector.py`; where that text leaves a question open, `shared.connectors.memory` is the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from zlib import crc32

import pytest

from shared.domain.records import FieldName, FieldType, Gone, GoneReason, Kind, Record, Ref, RemoteId, Value
from shared.errors import AuthError, CursorExpired, SyncError, Throttled, Transient
from shared.ports.connector import (
    ChangePage,
    CheckState,
    ClearBy,
    Connector,
    CreateKey,
    Cursor,
    Deletes,
    FeedKind,
    KindCapabilities,
    Op,
    Outcome,
    StampFinder,
    Write,
    WriteResult,
)
from shared.ports.logbook import Logbook, Notice

HOSTILE = {
    "quotes": 'O\'Brien "the" `back`',
    "odata": "x') or (1 eq 1",
    "formula": "=cmd|' /C calc'!A0",
    "markup": "<script>alert(1)</script>&amp;",
    "percent": "%00%27 + & ? # /",
    "emoji": "👩‍👩‍👧‍👦 zoë",
    "right_to_left": "abc\u202edef\u202c",
    "combining": "Jose\u0301",
    "control": "a\tb\u0007c",
    "property": "@odata.type",
    "prototype": "__proto__",
    "json": '{"fields": [1, 2]}',
    "nul": "a\x00b",
    "surrogate": "a\ud800b",
}
"""Texts that break careless code. Each must be stored as it is, or refused for its record alone."""


class Harness(Protocol):
    """One empty account of a system, and hands to act in it as its users and its server would.

    `kind` is the kind of people. `text` and `other` are two free text fields of it that may be empty and hold at
    least 40 characters. `values(n)` are complete, valid values of the nth person, `match` field included, all of them
    different from those of other people in every text.
    """

    connector: Connector
    kind: Kind
    text: FieldName
    other: FieldName

    def values(self, number: int) -> dict[FieldName, Value | None]: ...

    def create(self, values: Mapping[FieldName, Value | None]) -> RemoteId:
        """A user makes a record."""
        ...

    def edit(self, row: RemoteId, values: Mapping[FieldName, Value | None]) -> None: ...

    def delete(self, row: RemoteId) -> None: ...

    def merge(self, loser: RemoteId, winner: RemoteId) -> None:
        """A user merges two records (only where merges are told)."""
        ...

    def stored(self, row: RemoteId) -> Mapping[FieldName, Value | None] | None:
        """What the server holds, in the port's types; None when there is no such record."""
        ...

    def rows(self) -> Sequence[RemoteId]:
        """The ids of all records of the kind that exist."""
        ...

    def labels(self, row: RemoteId) -> frozenset[str]:
        """The labels the record carries (only where there are labels)."""
        ...

    def advance(self, seconds: float) -> None:
        """The server's clock goes on; work that was under way there (an import) ends when it is due."""
        ...

    def expire_cursors(self) -> None:
        """The server forgets every token it gave (only where tokens can expire)."""
        ...

    def forget_imports(self) -> None:
        """The server no longer knows the imports it took (only where creates are asynchronous)."""
        ...

    def break_down(self, error: type[SyncError] | None) -> None:
        """Requests fail as the class says (Transient: 503; Throttled: 429; AuthError: refused), until None."""
        ...

    def lose_next_answer(self) -> None:
        """The next write takes effect, and its answer is lost."""
        ...

    def unreadable(self) -> FieldName | None:
        """A field of the kind that we may not read, or None when the system has no such thing."""
        ...

    def logged(self, row: RemoteId) -> Sequence[str]:
        """The codes of what was told in the record's log (only where the connector keeps one)."""
        ...


@dataclass(frozen=True, slots=True)
class Need:
    """What a kind must be able to do for a test to make sense."""

    reason: str
    met: Callable[[KindCapabilities], bool]


def needs(reason: str, met: Callable[[KindCapabilities], bool]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def mark(test: Callable[..., None]) -> Callable[..., None]:
        test.need = Need(reason, met)  # type: ignore[attr-defined]
        return test

    return mark


def has_feed(kind: KindCapabilities) -> bool:
    return kind.feed is not FeedKind.NONE


def creates_at_once(kind: KindCapabilities) -> bool:
    return Op.CREATE in kind.writes and not kind.asynchronous_create


def updates(kind: KindCapabilities) -> bool:
    return Op.UPDATE in kind.writes and not kind.create_only


def deletes(kind: KindCapabilities) -> bool:
    return Op.DELETE in kind.writes and not kind.create_only


def _several(kind: KindCapabilities) -> bool:
    return kind.match_field is not None and kind.create_key is not CreateKey.UNIQUE_MATCH


class Feed:
    """Reads a feed page by page and keeps what it told last of each record."""

    def __init__(self, harness: Harness, fields: Sequence[FieldName], kind: Kind | None = None) -> None:
        self.connector, self.kind, self.fields = harness.connector, kind or harness.kind, tuple(fields)
        self.cursor: Cursor | None = None
        self.walked = False

    def page(self) -> ChangePage:
        page = self.connector.changes(self.kind, self.cursor, self.fields)
        self.cursor = page.cursor
        self.walked = self.walked or page.walked
        return page

    def drain(self, limit: int = 200) -> dict[RemoteId, Record | Gone]:
        seen: dict[RemoteId, Record | Gone] = {}
        for _ in range(limit):
            page = self.page()
            for item in page.items:
                seen[item.ref.id] = item
            if not page.more:
                return seen
        pytest.fail(f"the feed did not end within {limit} pages")


class ConnectorContract:
    """The list. Subclasses are named Test..., and override `harness`."""

    @pytest.fixture
    def harness(self) -> Harness:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _only_what_is_declared(self, request: pytest.FixtureRequest, harness: Harness) -> None:
        need: Need | None = getattr(request.function, "need", None)
        capabilities = harness.connector.capabilities
        if need is not None and not need.met(capabilities.kinds[harness.kind]):
            pytest.skip(f"{capabilities.title}, kind {harness.kind}: declares that it has no {need.reason}")

    # -- what it says of itself ----------------------------------------------------------------------------------------

    def test_capabilities_stay_the_same_for_the_life_of_the_account(self, harness: Harness) -> None:
        assert harness.connector.capabilities == harness.connector.capabilities
        assert harness.kind in harness.connector.capabilities.kinds

    def test_identity_names_the_account_the_same_each_time(self, harness: Harness) -> None:
        assert harness.connector.identity()
        assert harness.connector.identity() == harness.connector.identity()

    def test_described_fields_carry_their_own_names_and_the_digest_is_stable(self, harness: Harness) -> None:
        schema = harness.connector.describe(harness.kind)
        assert {harness.text, harness.other} <= set(schema.fields)
        assert all(name == spec.name for name, spec in schema.fields.items())
        assert schema.digest() == harness.connector.describe(harness.kind).digest()

    def test_a_choice_is_described_with_its_options(self, harness: Harness) -> None:
        schema = harness.connector.describe(harness.kind)
        choices = {FieldType.CHOICE, FieldType.MULTI_CHOICE}
        for spec in schema.fields.values():
            assert spec.type not in choices or spec.options
            assert spec.type is not FieldType.REFERENCE or spec.targets

    def test_every_step_of_a_check_of_a_sound_account_passes_or_says_why_not(self, harness: Harness) -> None:
        steps = list(harness.connector.check())
        assert steps
        assert len({step.name for step in steps}) == len(steps)
        for step in steps:
            assert step.state is not CheckState.FAILED, step
            assert step.state is CheckState.PASSED or step.reason, step

    def test_a_check_of_a_refused_account_fails_one_step_and_skips_what_needs_it(self, harness: Harness) -> None:
        harness.break_down(AuthError)
        steps = list(harness.connector.check())
        states = [step.state for step in steps]
        assert CheckState.FAILED in states
        failed = steps[states.index(CheckState.FAILED)]
        assert failed.reason
        assert failed.next_step
        later = states[states.index(CheckState.FAILED) + 1 :]
        assert CheckState.PASSED not in later

    # -- feeds ---------------------------------------------------------------------------------------------------------

    @needs("feed", has_feed)
    def test_a_feed_without_a_cursor_tells_every_row_there_is(self, harness: Harness) -> None:
        made = [harness.create(harness.values(number)) for number in range(7)]
        feed = Feed(harness, [harness.text])
        told = feed.drain()
        assert feed.walked
        assert set(made) <= set(told)
        for row in made:
            record = told[row]
            assert isinstance(record, Record)
            assert record.ref == Ref(harness.kind, row)

    @needs("feed", has_feed)
    def test_an_empty_account_ends_its_walk_at_once(self, harness: Harness) -> None:
        feed = Feed(harness, [harness.text])
        assert feed.drain() == {}
        assert feed.walked

    @needs("feed", has_feed)
    def test_an_edit_is_told_with_the_values_of_now(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        feed = Feed(harness, self._plain(harness))
        feed.drain()
        harness.edit(row, {harness.text: "first"})
        harness.edit(row, {harness.text: "second"})
        record = feed.drain()[row]
        assert isinstance(record, Record)
        if harness.text in record.fields:
            assert record.fields[harness.text] == "second"

    @needs("feed", has_feed)
    def test_a_row_made_after_the_walk_is_told(self, harness: Harness) -> None:
        harness.create(harness.values(1))
        feed = Feed(harness, [harness.text])
        feed.drain()
        row = harness.create(harness.values(2))
        assert isinstance(feed.drain()[row], Record)

    @needs("feed", has_feed)
    def test_what_changes_while_a_walk_runs_is_told_in_it_or_after_it(self, harness: Harness) -> None:
        made = [harness.create(harness.values(number)) for number in range(5)]
        feed = Feed(harness, self._plain(harness))
        page = feed.page()
        for row in made:
            harness.edit(row, {harness.text: f"later {row}"})
        new = harness.create(harness.values(9))
        told: dict[RemoteId, Record | Gone] = {item.ref.id: item for item in page.items}
        if page.more:
            told |= feed.drain()
        told |= feed.drain()
        assert new in told
        for row in made:
            record = told[row]
            assert isinstance(record, Record)
            if harness.text in record.fields:
                assert record.fields[harness.text] == f"later {row}"

    @needs("feed", has_feed)
    def test_two_edits_in_one_tick_of_the_clock_are_both_told(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        feed = Feed(harness, self._plain(harness))
        feed.drain()
        harness.edit(row, {harness.text: "before the question"})
        feed.drain()
        harness.edit(row, {harness.text: "after the question"})
        record = feed.drain().get(row)
        assert isinstance(record, Record)
        if harness.text in record.fields:
            assert record.fields[harness.text] == "after the question"

    @needs("feed", has_feed)
    def test_a_cursor_may_be_used_again(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        feed = Feed(harness, [harness.text])
        feed.drain()
        place = feed.cursor
        harness.edit(row, {harness.text: "once"})
        assert row in feed.drain()
        feed.cursor = place
        assert row in feed.drain()

    @needs("feed", has_feed)
    def test_a_cursor_is_text_of_at_most_16_kilobytes(self, harness: Harness) -> None:
        harness.create(harness.values(1))
        feed = Feed(harness, [harness.text, harness.other])
        feed.drain()
        assert isinstance(feed.cursor, str)
        assert 0 < len(feed.cursor.encode()) <= 16 * 1024

    @needs("feed", has_feed)
    @pytest.mark.parametrize(
        "cursor", ["nonsense", "{}", "[]", '{"select": 1}', "\u0000", "https://evil.example/delta"]
    )
    def test_a_cursor_that_is_none_of_ours_is_expired(self, harness: Harness, cursor: str) -> None:
        with pytest.raises(CursorExpired):
            harness.connector.changes(harness.kind, Cursor(cursor), [harness.text])

    @needs("feed whose place can expire", lambda kind: kind.feed in {FeedKind.DELTA, FeedKind.LOG})
    def test_a_cursor_the_server_forgot_is_expired_and_a_walk_helps(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        feed = Feed(harness, [harness.text])
        feed.drain()
        harness.expire_cursors()
        with pytest.raises(CursorExpired):
            feed.page()
        fresh = Feed(harness, [harness.text])
        assert row in fresh.drain()
        assert fresh.walked

    @needs("feed that tells deletes", lambda kind: kind.deletes is Deletes.TOLD)
    def test_a_delete_is_told(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        feed = Feed(harness, [harness.text])
        feed.drain()
        harness.delete(row)
        gone = feed.drain()[row]
        assert isinstance(gone, Gone)
        assert gone.reason is GoneReason.TOLD

    @needs("absence as its only sign of a delete", lambda kind: kind.deletes is Deletes.ABSENCE)
    def test_a_deleted_row_is_missing_from_the_next_walk_and_a_read_confirms_it(self, harness: Harness) -> None:
        row, kept = harness.create(harness.values(1)), harness.create(harness.values(2))
        Feed(harness, [harness.text]).drain()
        harness.delete(row)
        walk = Feed(harness, [harness.text])
        told = walk.drain()
        assert walk.walked
        assert row not in told
        assert kept in told
        gone = harness.connector.read(harness.kind, [row], [harness.text])[row]
        assert isinstance(gone, Gone)
        assert gone.reason is GoneReason.CONFIRMED

    @needs("told merges", lambda kind: kind.tells_merges)
    def test_a_merge_tells_the_loser_with_its_winner(self, harness: Harness) -> None:
        loser, winner = harness.create(harness.values(1)), harness.create(harness.values(2))
        feed = Feed(harness, [harness.text])
        feed.drain()
        harness.merge(loser, winner)
        gone = feed.drain()[loser]
        assert isinstance(gone, Gone)
        assert gone.merged_into == Ref(harness.kind, winner)

    @needs("rows without custom fields", lambda kind: kind.partial_rows)
    def test_what_a_row_of_a_list_does_not_hold_is_absent_and_a_read_tells_it(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        schema = harness.connector.describe(harness.kind)
        custom = [name for name, spec in schema.fields.items() if spec.custom and spec.readable]
        assert custom, "a kind with partial rows has custom fields"
        record = Feed(harness, custom).drain()[row]
        assert isinstance(record, Record)
        assert not set(custom) & set(record.fields)
        whole = harness.connector.read(harness.kind, [row], custom)[row]
        assert isinstance(whole, Record)
        assert set(custom) <= set(whole.fields)

    @needs("feed", has_feed)
    def test_a_feed_of_many_rows_ends_and_loses_none(self, harness: Harness) -> None:
        made = {harness.create(harness.values(number)) for number in range(60)}
        feed = Feed(harness, [harness.text])
        assert made <= set(feed.drain())

    @needs("feed", has_feed)
    def test_the_echo_of_our_own_write_is_told(self, harness: Harness) -> None:
        feed = Feed(harness, [harness.text])
        feed.drain()
        row = self._made(harness, harness.values(1))
        assert row in feed.drain()

    # -- reading -------------------------------------------------------------------------------------------------------

    def test_a_read_tells_every_field_asked_for(self, harness: Harness) -> None:
        values = harness.values(1)
        row = harness.create(values)
        schema = harness.connector.describe(harness.kind)
        fields = [name for name, spec in schema.fields.items() if spec.readable]
        record = harness.connector.read(harness.kind, [row], fields)[row]
        assert isinstance(record, Record)
        assert set(record.fields) == set(fields)
        for name, value in values.items():
            if schema.fields[name].readable:
                assert record.fields[name] == value, name

    def test_a_read_of_nothing_asks_nothing(self, harness: Harness) -> None:
        assert dict(harness.connector.read(harness.kind, [], [harness.text])) == {}

    def test_a_read_answers_for_each_id_also_for_those_that_never_were(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        gone = harness.create(harness.values(2))
        harness.delete(gone)
        answer = harness.connector.read(harness.kind, [row, gone, row], [harness.text])
        assert set(answer) == {row, gone}
        assert isinstance(answer[row], Record)
        assert isinstance(answer[gone], Gone)

    def test_an_empty_field_reads_as_none_and_not_as_absent(self, harness: Harness) -> None:
        values = {name: value for name, value in harness.values(1).items() if name != harness.other}
        row = harness.create(values)
        record = harness.connector.read(harness.kind, [row], [harness.text, harness.other])[row]
        assert isinstance(record, Record)
        assert record.fields[harness.other] is None

    def test_a_field_that_may_not_be_read_is_absent(self, harness: Harness) -> None:
        secret = harness.unreadable()
        if secret is None:
            pytest.skip(f"{harness.connector.capabilities.title} hides no fields from us")
        row = harness.create(harness.values(1))
        record = harness.connector.read(harness.kind, [row], [harness.text, secret])[row]
        assert isinstance(record, Record)
        assert secret not in record.fields
        assert harness.connector.describe(harness.kind).fields[secret].readable is False

    def test_times_are_aware(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        record = harness.connector.read(harness.kind, [row], [harness.text])[row]
        assert isinstance(record, Record)
        assert record.modified_at is None or record.modified_at.utcoffset() is not None

    # -- finding -------------------------------------------------------------------------------------------------------

    @needs("match field", lambda kind: kind.match_field is not None)
    def test_a_find_answers_for_every_value(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        known, unknown = self._match(harness, 1), self._match(harness, 99)
        assert [record.ref.id for record in self._find(harness, known)] == [row]
        assert self._find(harness, unknown) == []

    @needs("match field", lambda kind: kind.match_field is not None)
    def test_a_find_compares_without_case(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        assert [record.ref.id for record in self._find(harness, self._match(harness, 1).upper())] == [row]

    @needs("match values that several records may share", _several)
    def test_a_find_tells_all_candidates(self, harness: Harness) -> None:
        field = self._match_field(harness)
        first = harness.create(harness.values(1))
        second = harness.create({**harness.values(2), field: self._match(harness, 1)})
        assert {record.ref.id for record in self._find(harness, self._match(harness, 1))} == {first, second}

    @needs("match field", lambda kind: kind.match_field is not None)
    @pytest.mark.parametrize(
        "value", ["x') or (1 eq 1", "*", "%", "a@b.example&email=c@d.example", "' or '1'='1", "a+b"]
    )
    def test_a_hostile_value_finds_only_itself(self, harness: Harness, value: str) -> None:
        harness.create(harness.values(1))
        assert self._find(harness, value) == []

    # -- creating ------------------------------------------------------------------------------------------------------

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

    # -- updating and deleting -----------------------------------------------------------------------------------------

    @needs("update", updates)
    def test_an_update_writes_the_fields_it_names_and_no_other(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        result = self._one(harness, self._update(harness, row, {harness.text: "new"}))
        assert result.outcome is Outcome.APPLIED
        stored = harness.stored(row)
        assert stored is not None
        assert stored[harness.text] == "new"
        assert {name: stored[name] for name in harness.values(1) if name != harness.text} == {
            name: value for name, value in harness.values(1).items() if name != harness.text
        }

    @needs("update", updates)
    def test_an_update_never_makes_a_record(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        revision = self._revision(harness, row)
        harness.delete(row)
        result = self._one(harness, self._update(harness, row, {harness.text: "new"}, expect=revision))
        assert result.outcome is Outcome.GONE
        assert list(harness.rows()) == []

    @needs("conditional write", lambda kind: kind.conditional_write and updates(kind))
    def test_an_update_that_expects_an_old_revision_is_stale_and_changes_nothing(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        old = self._revision(harness, row)
        harness.edit(row, {harness.other: "a user was here"})
        result = self._one(harness, self._update(harness, row, {harness.text: "ours"}, expect=old))
        assert result.outcome is Outcome.STALE
        stored = harness.stored(row)
        assert stored is not None
        assert stored[harness.text] == harness.values(1)[harness.text]
        assert stored[harness.other] == "a user was here"

    @needs("conditional write", lambda kind: kind.conditional_write and updates(kind))
    def test_an_update_that_expects_the_present_revision_is_applied_and_makes_a_new_one(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        present = self._revision(harness, row)
        result = self._one(harness, self._update(harness, row, {harness.text: "ours"}, expect=present))
        assert result.outcome is Outcome.APPLIED
        assert self._revision(harness, row) != present
        if result.revision is not None:
            assert result.revision == self._revision(harness, row)

    @needs("update", updates)
    def test_a_cleared_field_reads_as_none_or_the_write_is_refused(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        result = self._one(harness, self._update(harness, row, {harness.other: None}))
        stored = harness.stored(row)
        assert stored is not None
        if self._kind(harness).clear is ClearBy.IMPOSSIBLE:
            assert result.outcome is Outcome.REJECTED
            assert result.code == "cannot_clear"
            assert stored[harness.other] == harness.values(1)[harness.other]
            return
        assert result.outcome is Outcome.APPLIED
        record = harness.connector.read(harness.kind, [row], [harness.other])[row]
        assert isinstance(record, Record)
        assert record.fields[harness.other] is None

    @needs("update", updates)
    def test_every_type_of_value_comes_back_as_it_was_written(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        schema = harness.connector.describe(harness.kind)
        values = {
            name: value
            for name, value in harness.values(2).items()
            if schema.fields[name].updatable
            and schema.fields[name].readable
            and name != self._kind(harness).match_field
        }
        result = self._one(harness, self._update(harness, row, values))
        assert result.outcome is Outcome.APPLIED
        record = harness.connector.read(harness.kind, [row], list(values))[row]
        assert isinstance(record, Record)
        assert dict(record.fields) == values

    @needs("delete", deletes)
    def test_a_delete_removes_and_a_second_one_has_nothing_left_to_do(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        write = Write(key="k", op=Op.DELETE, ref=Ref(harness.kind, row), expect=self._revision(harness, row))
        assert self._one(harness, write).outcome is Outcome.APPLIED
        assert list(harness.rows()) == []
        assert self._one(harness, write).outcome in {Outcome.APPLIED, Outcome.GONE}

    @needs("conditional delete", lambda kind: kind.conditional_write and deletes(kind))
    def test_a_delete_that_expects_an_old_revision_is_stale(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        old = self._revision(harness, row)
        harness.edit(row, {harness.text: "a user was here"})
        result = self._one(harness, Write(key="k", op=Op.DELETE, ref=Ref(harness.kind, row), expect=old))
        assert result.outcome is Outcome.STALE
        assert list(harness.rows()) == [row]

    @needs("refusal of all but creates", lambda kind: kind.create_only)
    def test_what_is_written_once_is_never_changed(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        result = self._one(harness, self._update(harness, row, {harness.text: "new"}))
        assert result.outcome is Outcome.REJECTED
        stored = harness.stored(row)
        assert stored is not None
        assert stored[harness.text] == harness.values(1)[harness.text]

    @needs("labels", lambda kind: kind.labels and updates(kind))
    def test_labels_are_added_and_removed_without_touching_others(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        for add, remove in [({"one", "two"}, set()), ({"three"}, {"one"}), (set(), {"never there"})]:
            write = self._update(harness, row, {})
            write = Write(
                key="k", op=Op.UPDATE, ref=write.ref, expect=write.expect, add_labels=frozenset(add),
                remove_labels=frozenset(remove),
            )  # fmt: skip
            assert self._one(harness, write).outcome is Outcome.APPLIED
        assert harness.labels(row) == {"two", "three"}
        record = harness.connector.read(harness.kind, [row], [harness.text])[row]
        assert isinstance(record, Record)
        assert record.labels == {"two", "three"}

    @needs("stamp", lambda kind: kind.stamp is not None and creates_at_once(kind) and updates(kind))
    def test_a_stamp_is_stored_in_the_same_write(self, harness: Harness) -> None:
        stamp = self._kind(harness).stamp
        assert stamp is not None
        write = self._create(harness, harness.values(1))
        result = self._one(harness, Write(**{**_as_dict(write), "stamp": "intent-1"}))
        assert result.ref is not None
        finder = harness.connector
        assert isinstance(finder, StampFinder)
        found = finder.stamped(harness.kind, "intent-1", [harness.text])
        assert found is not None
        assert found.ref == result.ref
        update = self._update(harness, result.ref.id, {harness.text: "new"})
        self._one(harness, Write(**{**_as_dict(update), "stamp": "intent-2"}))
        assert finder.stamped(harness.kind, "intent-1", [harness.text]) is None
        record = harness.connector.read(harness.kind, [result.ref.id], [stamp])[result.ref.id]
        assert isinstance(record, Record)
        assert record.fields[stamp] == "intent-2"

    # -- when things go wrong ------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("error", [Transient, Throttled, AuthError])
    def test_a_failing_request_raises_the_class_the_runtime_acts_on(
        self, harness: Harness, error: type[SyncError]
    ) -> None:
        row = harness.create(harness.values(1))
        harness.break_down(error)
        with pytest.raises(error) as raised:
            harness.connector.read(harness.kind, [row], [harness.text])
        if isinstance(raised.value, Throttled):
            assert raised.value.retry_after > 0
        harness.break_down(None)
        assert isinstance(harness.connector.read(harness.kind, [row], [harness.text])[row], Record)

    @pytest.mark.parametrize("error", [Transient, Throttled, AuthError])
    @needs("update", updates)
    def test_a_write_that_was_not_taken_says_so_and_changes_nothing(
        self, harness: Harness, error: type[SyncError]
    ) -> None:
        row = harness.create(harness.values(1))
        write = self._update(harness, row, {harness.text: "ours"})
        harness.break_down(error)
        try:
            outcomes = {result.outcome for result in harness.connector.write([write])}
        except error:
            outcomes = {Outcome.NOT_TRIED}
        harness.break_down(None)
        assert outcomes <= {Outcome.NOT_TRIED, Outcome.UNKNOWN}
        stored = harness.stored(row)
        assert stored is not None
        assert stored[harness.text] == harness.values(1)[harness.text]

    @needs("update", updates)
    def test_a_lost_answer_is_unknown_and_never_an_exception(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        write = self._update(harness, row, {harness.text: "ours"})
        harness.lose_next_answer()
        (result,) = harness.connector.write([write])
        assert result.outcome is Outcome.UNKNOWN
        stored = harness.stored(row)
        assert stored is not None
        assert stored[harness.text] == "ours"

    def test_writing_nothing_answers_nothing(self, harness: Harness) -> None:
        assert list(harness.connector.write([])) == []

    # -- helpers -------------------------------------------------------------------------------------------------------

    def _kind(self, harness: Harness) -> KindCapabilities:
        return harness.connector.capabilities.kinds[harness.kind]

    def _plain(self, harness: Harness) -> list[FieldName]:
        return [harness.text, harness.other]

    def _match_field(self, harness: Harness) -> FieldName:
        field = self._kind(harness).match_field
        assert field is not None
        return field

    def _match(self, harness: Harness, number: int) -> str:
        value = harness.values(number)[self._match_field(harness)]
        assert isinstance(value, str)
        return value

    def _find(self, harness: Harness, value: str) -> list[Record]:
        answer = harness.connector.find(harness.kind, [value], [harness.text])
        assert set(answer) == {value}
        return list(answer[value])

    def _create(self, harness: Harness, values: Mapping[FieldName, Value | None], key: str = "k") -> Write:
        kind = self._kind(harness)
        chosen = f"00000000-0000-4000-8000-{crc32(repr((key, values.get(harness.text))).encode()):012d}"
        row = RemoteId(chosen if kind.create_key is CreateKey.CALLER_ID else "")
        match = values.get(kind.match_field) if kind.match_field is not None else None
        return Write(
            key=key,
            op=Op.CREATE,
            ref=Ref(harness.kind, row),
            fields=values,
            match=match if isinstance(match, str) else None,
        )

    def _update(
        self, harness: Harness, row: RemoteId, values: Mapping[FieldName, Value | None], *, expect: str | None = None
    ) -> Write:
        expect = expect if expect is not None else self._revision(harness, row)
        return Write(key="k", op=Op.UPDATE, ref=Ref(harness.kind, row), fields=values, expect=expect)

    def _revision(self, harness: Harness, row: RemoteId) -> str | None:
        if not self._kind(harness).conditional_write:
            return None
        record = harness.connector.read(harness.kind, [row], [harness.text])[row]
        assert isinstance(record, Record)
        assert record.revision
        return record.revision

    def _one(self, harness: Harness, write: Write) -> WriteResult:
        (result,) = harness.connector.write([write])
        assert result.key == write.key
        return result

    def _made(self, harness: Harness, values: Mapping[FieldName, Value | None]) -> RemoteId:
        """A record made through the connector, whichever way its system makes one."""
        before = set(harness.rows())
        result = self._one(harness, self._create(harness, values))
        if result.outcome is Outcome.ACCEPTED:
            self._wait_for(harness, result)
        (row,) = set(harness.rows()) - before
        return row

    def _wait_for(self, harness: Harness, result: WriteResult) -> Mapping[str, str]:
        assert result.ticket is not None
        for _ in range(100):
            (settled,) = harness.connector.settle([result.ticket])
            assert not settled.lost
            if not settled.running:
                return settled.refused
            harness.advance(5)
        pytest.fail("the import did not end")

    def _invalid(self, harness: Harness) -> tuple[FieldName, Value] | None:
        """A field with a value that its type refuses on the server."""
        schema = harness.connector.describe(harness.kind)
        for name, spec in schema.fields.items():
            if spec.type is FieldType.CHOICE and spec.creatable:
                return name, "no such option"
        return None


def _as_dict(write: Write) -> dict[str, object]:
    return {name: getattr(write, name) for name in Write.__dataclass_fields__}


def contract_tests() -> dict[str, Need | None]:
    """Every test of the list with what it needs (`test_memory_connector` asks whom each one serves)."""
    return {
        name: getattr(test, "need", None) for name, test in vars(ConnectorContract).items() if name.startswith("test_")
    }
