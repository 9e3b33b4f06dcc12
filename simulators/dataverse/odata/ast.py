"""The tree of an OData expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf

type Comparison = OneOf["eq", "ne", "gt", "ge", "lt", "le"]


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal: `kind` is string, number, boolean, null, guid, moment, date or json."""

    kind: str
    value: str | float | bool | None

    @property
    def edm(self) -> str:
        """Name of its OData type."""
        if self.kind == "number":
            return "Edm.Int32" if isinstance(self.value, int) else "Edm.Double"
        return {
            "string": "Edm.String",
            "boolean": "Edm.Boolean",
            "guid": "Edm.Guid",
            "moment": "Edm.DateTimeOffset",
            "date": "Edm.Date",
        }.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class Path:
    """A property path: `('primarycontactid', 'fullname')`; inside a lambda it begins with the variable."""

    names: tuple[str, ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and a comparison."""

    op: Comparison
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Both:
    """`and` or `or`."""

    op: OneOf["and", "or"]
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Negation:
    """`not`."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A built-in function with positional arguments."""

    name: str
    arguments: tuple[Node, ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class QueryFunction:
    """`Microsoft.Dynamics.CRM.<name>(PropertyName='x',...)`."""

    name: str
    arguments: dict[str, Node]


@dataclass(frozen=True, slots=True)
class Lambda:
    """`collection/any(o:o/x eq 1)`; without a body `any()`."""

    path: Path
    op: OneOf["any", "all"]
    variable: str
    body: Node | None


@dataclass(frozen=True, slots=True)
class Alias:
    """A parameter alias `@p1`."""

    name: str


type Node = Constant | Path | Compare | Both | Negation | Call | QueryFunction | Lambda | Alias
