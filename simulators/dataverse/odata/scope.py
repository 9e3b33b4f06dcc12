"""What an expression is evaluated against: a table, the parameter aliases, and how a path leads to a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.odata.ast import Alias, Constant, Node, Path
from simulators.dataverse.odata.parser import parse_operand
from simulators.dataverse.schema import Column, Navigation, Table
from simulators.dataverse.store import Ref, Row, Value

type Getter = Callable[[Row], Value]
type Test = Callable[[Row], bool | None]


@dataclass(frozen=True, slots=True)
class Scope:
    """The table whose rows are tested.

    Attributes:
        aliases: texts of the parameter aliases, by name with `@`.
        variable: inside a lambda the name its rows go by; a path must begin with it.
        used: the columns of the table that paths began at so far.
    """

    context: Context
    table: Table
    aliases: Mapping[str, str] = field(default_factory=dict)
    variable: str = ""
    used: set[str] = field(default_factory=set)

    def inside(self, table: Table, variable: str) -> Scope:
        """Return the scope of a lambda's body."""
        return replace(self, table=table, variable=variable)

    def settle(self, node: Node) -> Node:
        """Return what an alias stands for; an alias without a value is null (dataverse.md 1.3)."""
        for _ in range(10):
            if not isinstance(node, Alias):
                return node
            text = self.aliases.get(node.name, "")
            node = parse_operand(text) if text.strip() else Constant("null", None)
        raise error("SyntaxError", message="Recursion depth exceeded allowed limit.")

    def column(self, path: Path) -> tuple[Column, Getter]:
        """Return the column at the end of a path and how to read it from a row.

        Raises:
            DataverseError: 400 for a name that is no property.
        """
        table, names = self.table, path.names
        if self.variable:
            if names[0] != self.variable or len(names) < 2:
                raise error("UnknownProperty", name=names[0], table=table.name)
            names = names[1:]
        elif names[0] == "$it" and len(names) > 1:
            names = names[1:]
        steps: list[str] = []
        for name in names[:-1]:
            navigation = single_valued(table, name)
            steps.append(navigation.column)
            table = self.context.schema[navigation.table]
        column = property_column(table, names[-1])
        self.used.add(steps[0] if steps else column.name)
        return column, self._getter(steps, table, column)

    def _getter(self, steps: list[str], table: Table, column: Column) -> Getter:
        name, default = column.name, column.default
        if name in self.context.service.hooks.security.hidden_columns(self.context, table):
            return lambda row: None
        if not steps:
            return lambda row: row.get(name, default)
        store = self.context.store

        def walk(row: Row) -> Value:
            for step in steps:
                reference = row.get(step)
                if not isinstance(reference, Ref):
                    return None
                related = store[reference.table].get(reference.id)
                if related is None:
                    return None
                row = related
            return row.get(name, default)

        return walk


def property_column(table: Table, name: str) -> Column:
    """Return the column that goes by this name in JSON, or that a single-valued navigation property stands on.

    Raises:
        DataverseError: 400; names are case-sensitive.
    """
    column = table.by_wire_name.get(name)
    if column is not None and column.read:
        return column
    if name == "ownerid" and table.name in ("systemuser", "team"):
        return table.columns[table.primary_id]
    raise error("UnknownProperty", name=name, table=table.name)


def single_valued(table: Table, name: str) -> Navigation:
    """Return a single-valued navigation property.

    Raises:
        DataverseError: 400.
    """
    navigation = table.navigation.get(name)
    if navigation is None:
        raise error("UnknownProperty", name=name, table=table.name)
    if navigation.collection:
        message = (
            "The parent value for a property access of a property '{}' is not a single value. Property access can only "
            "be applied to a single value."
        )
        raise error("SyntaxError", message=message.format(name))
    return navigation


def related_rows(context: Context, navigation: Navigation, table: Table, row: Row) -> list[Row]:
    """Return the rows at the other end of a collection-valued navigation property, in key order."""
    row_id = str(row[table.primary_id])
    if not navigation.intersect:
        return context.store[navigation.table].find(navigation.column, Ref(table.name, row_id))
    links = context.store[navigation.intersect].find(navigation.near, row_id)
    found = (context.store[navigation.table].get(str(link.get(navigation.far))) for link in links)
    return [each for each in found if each is not None]
