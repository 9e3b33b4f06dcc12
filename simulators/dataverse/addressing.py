"""Finding the row that a URL or a reference names: by id, by named primary key, by alternate key."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.path import GUID, Segment, parse_path
from simulators.dataverse.odata.path import unquote as unquote_literal
from simulators.dataverse.schema import AlternateKey, Column, Kind, Table
from simulators.dataverse.store import Ref, Row, Value, fold
from simulators.dataverse.values import TypeMismatchError, read_value

# dataverse.md 1.5: key values with these break GET and PATCH by key.
_FORBIDDEN = frozenset("/<>*%&:\\?+")
_PRINCIPALS = {"systemuser", "team"}


@dataclass(frozen=True, slots=True)
class Address:
    """What names a row: its id, or an alternate key with values (keyed by column)."""

    table: Table
    id: str | None = None
    key: AlternateKey | None = None
    values: dict[str, Value] | None = None
    text: str = ""

    def find(self, context: Context) -> Row | None:
        """Return the row, or None.

        Raises:
            DataverseError: 400 when several rows carry the key (its index is not active).
        """
        rows = context.store[self.table.name]
        if self.id is not None:
            return rows.get(self.id)
        found = rows_with_key(context, self.table, self.values or {})
        if len(found) > 1:
            raise error("MultipleRecordsFoundByEntityKey", table=self.table.name)
        return found[0] if found else None

    def get(self, context: Context) -> Row:
        """Return the row.

        Raises:
            DataverseError: 404 when there is none.
        """
        row = self.find(context)
        if row is None:
            raise self.missing()
        return row

    def fill(self, values: dict[str, Value]) -> None:
        """Give a new row what names it: its id, or the key's values where it has none of its own (1.5)."""
        if self.id is not None:
            values[self.table.primary_id] = self.id
        for name, value in (self.values or {}).items():
            if isinstance(value, Ref):
                values.setdefault(name, Ref(next(iter(self.table.columns[name].targets)), value.id))
            else:
                values.setdefault(name, value)

    def missing(self) -> DataverseError:
        """Return the 404 for this address."""
        if self.id is not None:
            return not_found(self.table, self.id)
        return error("RecordNotFoundByEntityKey", table=self.table.name)


def not_found(table: Table, row_id: str) -> DataverseError:
    """Return the 404 for a row id."""
    return error("ObjectDoesNotExist", table=table.name, id=row_id)


def rows_with_key(context: Context, table: Table, values: dict[str, Value]) -> list[Row]:
    """Return the rows whose columns equal the values; none when a value is null (nulls are not unique)."""
    if not values or any(value is None for value in values.values()):
        return []
    first, *rest = values.items()
    found = context.store[table.name].find(*first)
    return [row for row in found if all(fold(row.get(column)) == fold(value) for column, value in rest)]


def address(context: Context, segment: Segment, *, in_url: bool = True) -> Address:
    """Read the parentheses of `contacts(...)`.

    Raises:
        DataverseError: 400 for a key that the table has not, or a value that breaks a URL; 404 for an unknown set.
    """
    table = context.schema.by_set(segment.name)
    if table is None:
        raise error("SegmentNotFound", segment=segment.name)
    arguments = segment.arguments or {}
    if segment.guid is not None and len(arguments) == 1:
        return Address(table, id=segment.guid, text=segment.guid)
    named = primary_key_of(table, arguments)
    if named is not None:
        return Address(table, id=named, text=named)
    return _by_key(table, arguments, in_url=in_url)


def primary_key_of(table: Table, arguments: dict[str, str]) -> str | None:
    """Return the id in `contacts(contactid=guid)`; principals are named by `ownerid` (dataverse.md 2)."""
    name = "ownerid" if table.name in _PRINCIPALS else table.primary_id
    value = arguments.get(name, "")
    return value.lower() if len(arguments) == 1 and GUID.fullmatch(value) else None


def _by_key(table: Table, arguments: dict[str, str], *, in_url: bool) -> Address:
    columns = {name: table.by_wire_name.get(name) for name in arguments}
    key = table.key_on(frozenset(column.name for column in columns.values() if column is not None))
    if key is None or None in columns.values():
        raise error("InvalidKey", table=table.name)
    values = {
        column.name: _key_value(table, column, arguments[name], in_url=in_url)
        for name, column in columns.items()
        if column is not None
    }
    text = ",".join(f"{name}={value}" for name, value in arguments.items())
    return Address(table, key=key, values=values, text=text)


def _key_value(table: Table, column: Column, literal: str, *, in_url: bool) -> Value:
    text = unquote_literal(literal)
    if in_url and text is not None and (bad := next((c for c in text if c in _FORBIDDEN), None)):
        message = f"A potentially dangerous Request.Path value was detected from the client ({bad})."
        raise error("BadRequest", message=message)
    if column.is_lookup:
        if not GUID.fullmatch(literal):
            raise error("InvalidKey", table=table.name)
        return Ref("", literal.lower())
    value = _literal(column, literal, text)
    if value is None:
        raise error("InvalidKey", table=table.name)
    try:
        return read_value(table, column, value)
    except TypeMismatchError:
        raise error("InvalidKey", table=table.name) from None


def _literal(column: Column, literal: str, text: str | None) -> object:
    if column.kind in (Kind.STRING, Kind.MEMO):
        return text
    if column.kind is Kind.DATETIME:
        return literal
    try:
        return float(literal) if column.kind in (Kind.DECIMAL, Kind.MONEY, Kind.DOUBLE) else int(literal)
    except ValueError:
        return literal


def resolve(context: Context, text: str, expected: frozenset[str] | None = None) -> Ref:
    """Return what `@odata.bind` or `@odata.id` refers to: relative, absolute, by key, or `$n` inside a batch.

    Raises:
        DataverseError: 400 for what is no reference or leads to a table not `expected`, 404 for a missing row.
    """
    relative = reference_path(context, text)
    path = parse_path(relative)
    if len(path.segments) != 1 or path.first.arguments is None:
        raise _bad_reference(text)
    found = address(context, path.first, in_url=False)
    if expected is not None and found.table.name not in expected:
        raise error(
            "BadRequest",
            message=f"A navigation property expects {', '.join(sorted(expected))}, not {found.table.name}.",
        )
    row = found.get(context)
    return Ref(found.table.name, str(row[found.table.primary_id]))


def reference_path(context: Context, text: str) -> str:
    """Return a reference relative to the service root.

    Raises:
        DataverseError: 400 when it points elsewhere.
    """
    if text.startswith("$") and context.in_batch:
        known = context.references.get(text.removeprefix("$"))
        if known is None:
            raise error("BadRequest", message=f"Content-ID Reference: '{text}' does not exist in the batch context.")
        return known
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _bad_reference(text) from None
    if not parts.scheme:
        return unquote(text).lstrip("/").removeprefix(urlsplit(context.base_url).path.lstrip("/")).lstrip("/")
    path = unquote(parts.path)
    for version in ("v9.0", "v9.1", "v9.2"):
        root = f"/api/data/{version}/"
        if path.startswith(root):
            return path.removeprefix(root)
    raise _bad_reference(text)


def _bad_reference(text: str) -> DataverseError:
    message = f"The URI '{text[:200]}' is not valid for resource reference."
    return error("BadRequest", message=message)
