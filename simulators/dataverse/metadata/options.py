"""``$select``, ``$filter`` and ``$expand`` over metadata. There is no paging and no row limit (dataverse.md 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulators.dataverse.errors import error
from simulators.dataverse.metadata.filters import parse_filter
from simulators.dataverse.odata.options import split

type Json = dict[str, Any]
type Expander = Callable[[Json, "Query"], object]
_KNOWN = frozenset(("$select", "$filter", "$expand", "$count"))
_MAX_NESTING = 10


@dataclass(frozen=True, slots=True)
class Query:
    """The options of a metadata call, or of one expanded property."""

    select: tuple[str, ...] = ()
    filter: str = ""
    expand: Mapping[str, Query] = field(default_factory=dict)
    count: bool = False


def read_query(pairs: Iterable[tuple[str, str]], depth: int = 0) -> Query:
    """Read options. Raises DataverseError for those that metadata does not support."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name.startswith("$"):
            if name not in _KNOWN:
                raise error("QueryNotSupported", option=name[:100])
            found[name] = value
    return Query(
        select=tuple(part.strip() for part in found.get("$select", "").split(",") if part.strip()),
        filter=found.get("$filter", "").strip(),
        expand=_read_expand(found.get("$expand", ""), depth),
        count=found.get("$count", "").strip().lower() == "true",
    )


def _read_expand(text: str, depth: int) -> dict[str, Query]:
    if depth > _MAX_NESTING:
        raise error("SyntaxError", message="The $expand option is nested too deeply.")
    expanded: dict[str, Query] = {}
    for part in split(text, ","):
        name, parenthesis, rest = part.strip().partition("(")
        if not name:
            continue
        if parenthesis and not rest.endswith(")"):
            raise error("SyntaxError", message=f"Syntax error in $expand: '{text[:200]}'.")
        inner = split(rest[:-1], ";") if parenthesis else []
        pairs = [(key.strip(), value) for key, _, value in (option.partition("=") for option in inner)]
        expanded[name.strip()] = read_query(pairs, depth + 1)
    return expanded


def apply_query(
    items: list[Json], query: Query, type_name: str, expander: Mapping[str, Expander], *, plain_enums: bool
) -> list[Json]:
    """Filter and shape the items of one collection.

    Raises:
        DataverseError: 400 for an unknown property.
    """
    sample = _sample(items)
    if query.filter and sample:
        test = parse_filter(query.filter, sample, type_name, plain_enums=plain_enums)
        items = [item for item in items if test(item)]
    return [shape_item(item, query, type_name, expander, sample) for item in items]


def _sample(items: list[Json]) -> Json:
    """The properties known of a collection: of mixed types only what all share."""
    if not items:
        return {}
    shared = set(items[0])
    for item in items[1:]:
        shared &= set(item)
    return {name: value for name, value in items[0].items() if name in shared}


def shape_item(
    item: Json, query: Query, type_name: str, expander: Mapping[str, Expander], sample: Json | None = None
) -> Json:
    """Select and expand one item; its type and `MetadataId` always stay."""
    known = item if sample is None else sample
    shaped = _select(item, query.select, known, type_name, expander)
    for name, inner in query.expand.items():
        if name not in expander:
            raise error("UnknownProperty", name=name[:200], table=type_name)
        shaped[name] = expander[name](item, inner)
    return shaped


def _select(item: Json, select: tuple[str, ...], known: Json, type_name: str, expander: Mapping[str, Expander]) -> Json:
    if not select or select == ("*",):
        return dict(item)
    for name in select:
        if (name not in known and name not in expander) or name.startswith("@"):
            raise error("UnknownProperty", name=name[:200], table=type_name)
    kept = [name for name in ("@odata.type", *select, "MetadataId") if name in item]
    return {name: item[name] for name in kept}
