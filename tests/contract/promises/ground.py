"""What the list of promises stands on: an account with hands in it, and what a kind must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

import pytest

from shared.domain.records import FieldName, FieldType, Gone, Kind, Record, Ref, RemoteId, Value
from shared.errors import SyncError
from shared.ports.connector import (
    ChangePage,
    Connector,
    CreateKey,
    Cursor,
    FeedKind,
    KindCapabilities,
    Op,
    Outcome,
    Write,
    WriteResult,
)

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


def several(kind: KindCapabilities) -> bool:
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


class Promises:
    """What every part of the list stands on: the account under test, and short ways to use it."""

    @pytest.fixture
    def harness(self) -> Harness:
        pytest.fail(f"{type(self).__name__} has no fixture `harness` of its own")

    @pytest.fixture(autouse=True)
    def _only_what_is_declared(self, request: pytest.FixtureRequest, harness: Harness) -> None:
        need: Need | None = getattr(request.function, "need", None)
        capabilities = harness.connector.capabilities
        if need is not None and not need.met(capabilities.kinds[harness.kind]):
            pytest.skip(f"{capabilities.title}, kind {harness.kind}: declares that it has no {need.reason}")

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


def as_dict(write: Write) -> dict[str, object]:
    return {name: getattr(write, name) for name in Write.__dataclass_fields__}
