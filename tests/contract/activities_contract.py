"""What a kind promises whose records are told once and never change. Every partner with activities is held to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pytest

from shared.domain.records import FieldName, FieldType, Gone, GoneReason, Kind, Record, Ref, RemoteId
from shared.errors import CursorExpired
from shared.ports.connector import Connector, Cursor, Deletes, Op, Outcome, Write


class Account(Protocol):
    """One account, and hands in it. `moment` is the field of when it happened, `person` that of whom."""

    connector: Connector
    activities: Kind
    moment: FieldName
    person: FieldName

    def somebody(self) -> Ref:
        """A new person."""
        ...

    def happen(self, who: Ref, *, ago: int = 0) -> None:
        """Something happens to a person, or is written down now that happened `ago` seconds before."""
        ...

    def advance(self, seconds: float) -> None: ...


class Reader:
    """Reads the feed and keeps every telling."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.cursor: Cursor | None = None
        self.walked = False

    @property
    def fields(self) -> Sequence[FieldName]:
        return list(self.account.connector.describe(self.account.activities).fields)

    def drain(self) -> list[Record]:
        told: list[Record] = []
        for _ in range(500):
            page = self.account.connector.changes(self.account.activities, self.cursor, self.fields)
            self.cursor, self.walked = page.cursor, self.walked or page.walked
            assert all(isinstance(item, Record) for item in page.items)
            told += [item for item in page.items if isinstance(item, Record)]
            if not page.more:
                return told
        pytest.fail("the feed did not end within 500 pages")


class ActivitiesContract:
    """See the module."""

    @pytest.fixture
    def account(self) -> Account:
        pytest.fail(f"{type(self).__name__} has no fixture `account` of its own")

    def test_it_is_declared_as_told_once(self, account: Account) -> None:
        kind = account.connector.capabilities.kinds[account.activities]
        assert kind.create_only
        assert kind.writes == frozenset()
        assert kind.deletes is Deletes.NEVER

    def test_it_is_described_with_a_person_a_moment_and_words(self, account: Account) -> None:
        fields = account.connector.describe(account.activities).fields
        person = fields[account.person]
        assert person.type is FieldType.REFERENCE
        assert set(person.targets) <= set(account.connector.capabilities.kinds)
        assert fields[account.moment].type is FieldType.DATETIME

    def test_a_first_walk_tells_what_there_is_and_ends(self, account: Account) -> None:
        people = [account.somebody() for _ in range(3)]
        for number in range(12):
            account.happen(people[number % 3])
            account.advance(1)
        reader = Reader(account)
        told = reader.drain()
        assert reader.walked
        assert len({record.ref for record in told}) == 12
        assert {record.value(account.person) for record in told} == set(people)
        assert all(record.value(account.moment) for record in told)

    def test_a_cursor_goes_on_where_it_was_and_misses_nothing(self, account: Account) -> None:
        who, reader, seen = account.somebody(), Reader(account), set[Ref]()
        for batch in range(4):
            for _ in range(batch + 1):
                account.happen(who)
            account.advance(2)
            seen |= {record.ref for record in reader.drain()}
            assert len(seen) == sum(range(1, batch + 2))
        account.advance(3600)
        again = reader.drain()
        assert {record.ref for record in again} <= seen

    def test_what_is_told_again_is_the_same(self, account: Account) -> None:
        who = account.somebody()
        for _ in range(5):
            account.happen(who)
        first = {record.ref: record for record in Reader(account).drain()}
        account.advance(60)
        assert {record.ref: record for record in Reader(account).drain()} == first

    def test_what_is_written_down_a_little_late_is_told(self, account: Account) -> None:
        who, reader = account.somebody(), Reader(account)
        account.advance(100)
        account.happen(who)
        before = {record.ref for record in reader.drain()}
        account.advance(5)
        account.happen(who, ago=self.late)
        account.happen(who)
        assert len({record.ref for record in reader.drain()} | before) == 3

    late = 40

    @pytest.mark.parametrize("text", ["", "{}", "null", "[]", "not json", '{"select": 1}', '{"phase": "list"}'])
    def test_what_is_no_cursor_starts_anew(self, account: Account, text: str) -> None:
        with pytest.raises(CursorExpired):
            account.connector.changes(account.activities, Cursor(text), Reader(account).fields)

    def test_a_cursor_for_other_fields_starts_anew(self, account: Account) -> None:
        reader = Reader(account)
        reader.drain()
        assert reader.cursor is not None
        with pytest.raises(CursorExpired):
            account.connector.changes(account.activities, reader.cursor, reader.fields[:1])

    def test_nothing_is_ever_written_there(self, account: Account) -> None:
        writes = [
            Write(key=op.value, op=op, ref=Ref(account.activities, RemoteId("" if op is Op.CREATE else "1")))
            for op in Op
        ]
        for write in writes:
            (result,) = account.connector.write([write])
            assert result.outcome is Outcome.REJECTED

    def test_one_that_cannot_be_asked_for_is_hidden_and_never_gone(self, account: Account) -> None:
        account.happen(account.somebody())
        (record,) = Reader(account).drain()
        found = account.connector.read(account.activities, [record.ref.id], Reader(account).fields)[record.ref.id]
        assert isinstance(found, Record) or (isinstance(found, Gone) and found.reason is GoneReason.HIDDEN)
