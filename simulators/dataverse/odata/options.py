"""The query options of a request, read from its query string."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from simulators.dataverse.errors import error
from simulators.dataverse.odata.ast import Alias, Node, Path
from simulators.dataverse.odata.lexer import syntax_error
from simulators.dataverse.odata.parser import parse_expression, parse_operand
from simulators.dataverse.odata.text import UnbalancedError, split_outside

# Options whose names are case-sensitive; the rest of the `$` names do not exist for the service (dataverse.md 1.3).
SYSTEM = frozenset(
    ("$select", "$filter", "$orderby", "$top", "$count", "$expand", "$apply", "$skiptoken", "$deltatoken")
)
_CUSTOM = frozenset(("fetchXml", "sql", "savedQuery", "userQuery", "tag", "partitionId", "partitionid", "annotations"))
_MAX_EXPANDS = 15
_SAFE = "$,()/'=:;@*!~.-_\""


@dataclass(frozen=True, slots=True)
class Order:
    """One `$orderby` item."""

    path: Path
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Expand:
    """One `$expand` item with the options in its parentheses; `reference` for `/$ref`."""

    name: str
    reference: bool
    options: QueryOptions


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """What a query asks for. `None` means the option was not sent."""

    select: tuple[str, ...] | None = None
    filter: Node | None = None
    filter_text: str = ""
    orderby: tuple[Order, ...] = ()
    top: int | None = None
    count: bool = False
    expand: tuple[Expand, ...] = ()
    apply: str | None = None
    skiptoken: str | None = None
    deltatoken: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    pairs: tuple[tuple[str, str], ...] = ()

    def custom(self, name: str) -> str | None:
        """Return a non-system option such as `fetchXml`."""
        return next((value for key, value in self.pairs if key == name), None)

    def sent(self, name: str) -> bool:
        """Say whether an option was sent."""
        return any(key == name for key, _ in self.pairs)

    def without(self, *names: str) -> str:
        """Return the query string again, without some options, as the service writes it into links."""
        kept = [(name, value) for name, value in self.pairs if name not in names]
        return "&".join(f"{quote(name, safe=_SAFE)}={quote(value, safe=_SAFE)}" for name, value in kept)


def parse_options(pairs: Sequence[tuple[str, str]]) -> QueryOptions:
    """Read decoded name and value pairs.

    Raises:
        DataverseError: 400 for an option the service does not know or take, or one that cannot be read.
    """
    known: dict[str, str] = {}
    for name, value in pairs:
        _check_name(name)
        if name in known:
            message = f"Query option '{name}' was specified more than once, but it must be specified at most once."
            raise error("SyntaxError", message=message)
        known[name] = value
    aliases = {name: value for name, value in known.items() if name.startswith("@")}
    options = _read(known, aliases, tuple(pairs))
    if _expands(options) > _MAX_EXPANDS:
        raise error("TooManyExpands", limit=_MAX_EXPANDS)
    return options


def _check_name(name: str) -> None:
    if name == "$skip":
        raise error("SkipNotSupported")
    if name in SYSTEM or name in _CUSTOM or name.startswith("@"):
        return
    raise error("QueryNotSupported", option=name)


def _read(known: Mapping[str, str], aliases: Mapping[str, str], pairs: tuple[tuple[str, str], ...]) -> QueryOptions:
    select = known.get("$select")
    filter_text = known.get("$filter")
    return QueryOptions(
        select=None if select is None else parse_select(select),
        filter=None if filter_text is None else parse_expression(filter_text),
        filter_text=filter_text or "",
        orderby=parse_orderby(known["$orderby"], aliases) if "$orderby" in known else (),
        top=_top(known["$top"]) if "$top" in known else None,
        count=_count(known["$count"]) if "$count" in known else False,
        expand=parse_expand(known["$expand"]) if "$expand" in known else (),
        apply=known.get("$apply"),
        skiptoken=known.get("$skiptoken"),
        deltatoken=known.get("$deltatoken"),
        aliases=aliases,
        pairs=pairs,
    )


def parse_select(text: str) -> tuple[str, ...]:
    """Read `$select`.

    Raises:
        DataverseError: 400 for an empty item.
    """
    names = tuple(part.strip() for part in text.split(","))
    if not all(names):
        raise error("SyntaxError", message=f"Term '{text}' is not valid in a $select or $expand expression.")
    return tuple(dict.fromkeys(names))


def parse_orderby(text: str, aliases: Mapping[str, str] | None = None) -> tuple[Order, ...]:
    """Read `$orderby`: `name desc,createdon`; an alias stands for a property.

    Raises:
        DataverseError: 400 for what is no property or direction.
    """
    items = []
    for part in split(text, ","):
        words = part.split()
        if not words or len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
            raise syntax_error(len(part), text)
        node = parse_operand(words[0])
        if isinstance(node, Alias):
            node = parse_operand((aliases or {}).get(node.name) or "null")
        if not isinstance(node, Path):
            raise error("SyntaxError", message="Only properties specified in $orderby are supported.")
        items.append(Order(node, words[-1] == "desc"))
    return tuple(items)


def _top(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        message = f"Invalid value '{text}' for $top query option found. The $top query option requires a non-negative "
        raise error("SyntaxError", message=message + "integer value.")
    return int(text)


def _count(text: str) -> bool:
    if text not in ("true", "false"):
        message = f"Invalid value '{text}' for $count query option found. Valid values are 'true' and 'false'."
        raise error("SyntaxError", message=message)
    return text == "true"


def parse_expand(text: str) -> tuple[Expand, ...]:
    """Read `$expand`: navigation properties with options in parentheses, parted by `;`.

    Raises:
        DataverseError: 400 for unbalanced parentheses or options that `$expand` does not take.
    """
    items = []
    for part in split(text, ","):
        item = part.strip()
        name, parenthesis, rest = item.partition("(")
        name = name.strip()
        if not name or (parenthesis and not rest.endswith(")")):
            raise error("SyntaxError", message=f"Term '{item}' is not valid in a $select or $expand expression.")
        reference = name.endswith("/$ref")
        options = _expand_options(rest[:-1]) if parenthesis else QueryOptions()
        items.append(Expand(name.removesuffix("/$ref"), reference, options))
    return tuple(items)


def _expand_options(text: str) -> QueryOptions:
    known: dict[str, str] = {}
    for part in split(text, ";"):
        name, equals, value = part.strip().partition("=")
        if not equals or name not in ("$select", "$filter", "$orderby", "$top", "$expand"):
            message = f"Term '{part.strip()}' is not valid in a $select or $expand expression."
            raise error("SyntaxError", message=message)
        known[name] = value
    return _read(known, {}, tuple(known.items()))


def _expands(options: QueryOptions) -> int:
    return sum(1 + _expands(item.options) for item in options.expand)


def split(text: str, separator: str) -> list[str]:
    """Split outside quotes and parentheses.

    Raises:
        DataverseError: 400 when they do not balance.
    """
    try:
        return split_outside(text, separator)
    except UnbalancedError:
        message = f"')' or operator expected at position {len(text)} in '{text}'."
        raise error("SyntaxError", message=message) from None
