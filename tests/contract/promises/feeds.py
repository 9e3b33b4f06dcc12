"""What a connector's change feed promises. See `tests.contract.connector_contract`."""

from __future__ import annotations

import pytest

from shared.domain.records import Gone, GoneReason, Record, Ref, RemoteId
from shared.errors import CursorExpired
from shared.ports.connector import (
    Cursor,
    Deletes,
    FeedKind,
)
from tests.contract.promises.ground import (
    Feed,
    Harness,
    Promises,
    has_feed,
    needs,
)


class Feeds(Promises):
    """See the module."""

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
