"""The tables of a FetchXML query, how they are joined, and their filters.

A result line holds one row of each table of the query, in document order; None where an outer join found nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from xml.etree import ElementTree as ET

from simulators.dataverse.collection import Selection
from simulators.dataverse.conditions import column_named, condition, reader
from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.options import QueryOptions
from simulators.dataverse.odata.scope import Scope
from simulators.dataverse.schema import Table
from simulators.dataverse.store import Ref, Row, Value, fold

type Line = tuple[Row | None, ...]
type LineTest = Callable[[Line], bool | None]
_MAX_LINKS, _MAX_CONDITIONS, _MAX_LINES = 15, 500, 200_000
_KINDS = frozenset(("inner", "outer", "exists", "in"))
_ONLY_WHETHER = frozenset(("exists", "in"))


@dataclass(slots=True)
class Source:
    """One table of the query.

    Attributes:
        alias: the name its columns go by; empty for the entity itself.
        place: where its row stands in a line.
        parent: place of the table it is joined to.
        kind: `inner`, `outer`, or `exists` and `in`, which keep a line once and show nothing of the joined row.
    """

    alias: str
    element: ET.Element
    scope: Scope
    place: int
    parent: int = -1
    kind: str = "inner"
    children: list[Source] = field(default_factory=list)

    @property
    def table(self) -> Table:
        return self.scope.table

    def get(self, column_name: str) -> Callable[[Line], Value]:
        """Return how a column's value is read from a line. Raises DataverseError 400 for no such column."""
        place, read = self.place, reader(self.scope, column_named(self.table, column_name))
        return lambda line: None if (row := line[place]) is None else read(row)


def invalid() -> DataverseError:
    """Return the refusal of XML that is no FetchXML."""
    return error("InvalidXml")


def sources_of(context: Context, table: Table, entity: ET.Element) -> list[Source]:
    """Return the tables of the query in document order, the entity first.

    Raises:
        DataverseError: 400 for more than 15 joins or an alias used twice, 404 for no such table, 403 for a table the
            caller may not read, 501 for a kind of join that is not modelled.
    """
    found = [Source("", entity, Scope(context, table), 0)]
    _add_links(context, found, found[0])
    names = [source.alias.lower() for source in found]
    if len(set(names)) < len(names):
        raise error("InvalidArgument", message="Link entity name or alias is not unique.")
    return found


def _add_links(context: Context, found: list[Source], parent: Source) -> None:
    for element in parent.element.findall("link-entity"):
        if len(found) > _MAX_LINKS:
            raise error("TooManyExpands", limit=_MAX_LINKS)
        name, kind = element.get("name", ""), element.get("link-type", "inner")
        table = context.schema.get(name)
        if table is None:
            message = f"The entity with a name = '{name[:100]}' was not found in the MetadataCache."
            raise DataverseError(404, "0x80041102", message)
        if kind not in _KINDS:
            raise error("NotImplemented", what=f"FetchXML with link-type '{kind[:30]}'")
        context.service.hooks.security.require(context, "Read", table)
        alias = element.get("alias") or f"{table.name}{len(found)}"
        source = Source(alias, element, Scope(context, table), len(found), parent.place, kind)
        found.append(source)
        parent.children.append(source)
        _add_links(context, found, source)


def joined_lines(context: Context, options: QueryOptions, sources: list[Source]) -> list[Line]:
    """Return the lines that joins and filters leave, in key order of the entity.

    Raises:
        DataverseError: 400 for columns, operators or values that do not fit, or a join that grows out of bounds.
    """
    main = sources[0]
    tests = [_filter(sources, main, each) for each in main.element.findall("filter")]
    walk: Iterator[Row] = Selection(context, main.table, QueryOptions(aliases=options.aliases)).walk()
    lines: list[Line] = [(row,) for row in walk] if sources[1:] else [(row,) for row in walk if _kept((row,), tests)]
    for source in main.children:
        lines = _join(context, sources, source, lines)
    return [line for line in lines if _kept(line, tests)] if sources[1:] else lines


def _kept(line: Line, tests: list[LineTest]) -> bool:
    return all(test(line) is True for test in tests)


def _join(context: Context, sources: list[Source], source: Source, lines: list[Line]) -> list[Line]:
    found: list[Line] = []
    near = sources[source.parent].get(source.element.get("to", ""))
    rows = _rows_by_key(context, sources, source)
    for line in lines:
        key = _key(near(line))
        matches = rows.get(key, ()) if key is not None else ()
        found += [(*line, row) for row in matches]
        if not matches and source.kind == "outer":
            found.append((*line, None))
        if len(found) > _MAX_LINES:
            raise error("AggregateQueryRecordLimitExceeded")
    for child in source.children:
        found = _join(context, sources, child, found)
    return _once(source, found) if source.kind in _ONLY_WHETHER else found


def _once(source: Source, lines: list[Line]) -> list[Line]:
    """Each line once, with nothing of the joined rows."""
    kept: dict[tuple[int, ...], Line] = {}
    for line in lines:
        before = line[: source.place]
        kept.setdefault(tuple(map(id, before)), before + (None,) * (len(line) - source.place))
    return list(kept.values())


def _rows_by_key(context: Context, sources: list[Source], source: Source) -> dict[Value, list[Row]]:
    """The rows a link may meet, by the value that its `from` column has. Filters of the link work before the join."""
    read = reader(source.scope, column_named(source.table, source.element.get("from", "")))
    alone = Source(source.alias, source.element, source.scope, 0)
    tests = [_filter([alone], alone, each) for each in source.element.findall("filter")]
    found: dict[Value, list[Row]] = defaultdict(list)
    for row in Selection(context, source.table, QueryOptions()).walk():
        key = _key(read(row))
        if key is not None and _kept((row,), tests):
            found[key].append(row)
    return found


def _key(value: Value) -> Value:
    return value.id if isinstance(value, Ref) else fold(value)


def _filter(sources: list[Source], own: Source, element: ET.Element) -> LineTest:
    tests = []
    for each in islice(element, _MAX_CONDITIONS):
        if each.tag == "filter":
            tests.append(_filter(sources, own, each))
        elif each.tag == "condition":
            tests.append(_condition(sources, own, each))
        elif each.tag == "link-entity":
            raise error("NotImplemented", what="FetchXML with a link-entity inside a filter")
        else:
            raise invalid()
    if element.get("type", "and") == "or":
        return lambda line: any(test(line) is True for test in tests)
    return lambda line: all(test(line) is True for test in tests)


def _condition(sources: list[Source], own: Source, element: ET.Element) -> LineTest:
    source = named_source(sources, element.get("entityname", ""), own)
    values = [value.text or "" for value in element.findall("value")]
    if element.get("value") is not None:
        values = [element.get("value", "")]
    column, op = column_named(source.table, element.get("attribute", "")), element.get("operator", "")
    place, test = source.place, condition(source.scope, column, op, values)
    nothing = op == "null"
    return lambda line: nothing if (row := line[place]) is None else test(row)


def named_source(sources: list[Source], name: str, own: Source) -> Source:
    """Return the table that `entityname` names; `own` without one.

    Raises:
        DataverseError: 400 for an alias the query has not.
    """
    if not name or name == own.alias:
        return own
    for source in sources:
        if source.alias == name or (not source.place and source.table.name == name):
            return source
    raise error("InvalidArgument", message=f"LinkEntity name or alias '{name[:100]}' is not found.")
