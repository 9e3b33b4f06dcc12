"""`GET contacts?sql=SELECT ...`: one table, listed columns, WHERE, ORDER BY, TOP."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from simulators.dataverse.collection import Selection
from simulators.dataverse.conditions import column_named, condition
from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.ast import Path
from simulators.dataverse.odata.options import Order, QueryOptions
from simulators.dataverse.odata.ordering import sort_rows
from simulators.dataverse.odata.paging import MAX_PAGE
from simulators.dataverse.odata.projection import context_fragment, project
from simulators.dataverse.odata.scope import Scope, Test
from simulators.dataverse.replies import applied, json_reply, metadata_url
from simulators.dataverse.schema import Column, Table
from simulators.frame import Response

_TOKEN = re.compile(r"\s*(?:(?P<text>N?'(?:[^']|'')*')|(?P<mark><>|!=|<=|>=|[=<>(),*.])|(?P<word>[\w\[\]-]+))")
_OPERATORS = {"=": "eq", "<>": "ne", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_CLAUSES = frozenset(("where", "order", "offset"))
_MAX_DEPTH = 50


def run(context: Context, table: Table, options: QueryOptions) -> Response:
    """Answer a SQL query.

    Raises:
        DataverseError: 400 for what cannot be read or is outside the subset.
    """
    statement = _Parser(options.custom("sql") or "", Scope(context, table)).statement()
    shown = replace(options, select=statement.columns, expand=())
    projection = project(context, table, shown)
    walk = Selection(context, table, replace(options, filter=None)).walk()
    rows = [row for row in walk if statement.test is None or statement.test(row) is True]
    if statement.orders:
        rows = sort_rows(Scope(context, table), statement.orders, rows)
    show = projection.renderer()
    body: dict[str, object] = {
        "@odata.context": metadata_url(context, context_fragment(table, shown)),
        "value": [show(row) for row in rows[: statement.top]],
    }
    return json_reply(context, body, headers=applied(context, "annotations"))


@dataclass(frozen=True, slots=True)
class Statement:
    """A query as read."""

    columns: tuple[str, ...]
    top: int
    test: Test | None
    orders: tuple[Order, ...]


class _Parser:
    def __init__(self, text: str, scope: Scope) -> None:
        self._scope = scope
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def statement(self) -> Statement:
        self._expect("select")
        if self._take("distinct"):
            raise _unsupported("DISTINCT")
        top = self._number() if self._take("top") else MAX_PAGE
        columns = self._columns()
        self._expect("from")
        table = self._word().lower()
        if table != self._scope.table.name:
            raise _unsupported(f"FROM {table} on the set {self._scope.table.entity_set}")
        if not self._done() and self._peek().lower() not in _CLAUSES:
            self._take("as")
            self._word()
        test = self._either() if self._take("where") else None
        orders = self._orders() if self._take("order") else ()
        if not self._done():
            raise _unsupported(self._peek())
        return Statement(columns, min(top, MAX_PAGE), test, orders)

    def _columns(self) -> tuple[str, ...]:
        names = []
        while True:
            if self._peek() == "*":
                raise _unsupported("SELECT *")
            names.append(self._column().wire_name)
            if self._take("as"):
                raise _unsupported("column aliases")
            if not self._take(","):
                return tuple(names)

    def _column(self) -> Column:
        name = self._word()
        if self._take("."):
            name = self._word()
        return column_named(self._scope.table, name.strip("[]").lower())

    def _orders(self) -> tuple[Order, ...]:
        self._expect("by")
        found = []
        while True:
            path = Path((self._column().wire_name,))
            descending = self._take("desc")
            if not descending:
                self._take("asc")
            found.append(Order(path, descending))
            if not self._take(","):
                return tuple(found)

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) is True for test in tests)

    def _both(self) -> Test:
        tests = [self._unary()]
        while self._take("and"):
            tests.append(self._unary())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) is True for test in tests)

    def _unary(self) -> Test:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _unsupported("a condition this deep")
        if self._take("not"):
            inner = self._unary()
            test: Test = lambda row: not inner(row)  # noqa: E731
        elif self._take("("):
            test = self._either()
            self._expect(")")
        else:
            test = self._condition()
        self._depth -= 1
        return test

    def _condition(self) -> Test:
        column = self._column()
        if self._take("is"):
            negated = self._take("not")
            self._expect("null")
            return condition(self._scope, column, "not-null" if negated else "null", [])
        prefix = "not-" if self._take("not") else ""
        if self._take("like"):
            return condition(self._scope, column, f"{prefix}like", [self._literal()])
        if self._take("in"):
            self._expect("(")
            values = [self._literal()]
            while self._take(","):
                values.append(self._literal())
            self._expect(")")
            return condition(self._scope, column, f"{prefix}in", values)
        if self._take("between"):
            low = self._literal()
            self._expect("and")
            return condition(self._scope, column, f"{prefix}between", [low, self._literal()])
        op = _OPERATORS.get(self._word())
        if op is None or prefix:
            raise _unsupported("this comparison")
        return condition(self._scope, column, op, [self._literal()])

    def _literal(self) -> str:
        token = self._word()
        if token.lstrip("N").startswith("'"):
            return token.lstrip("N")[1:-1].replace("''", "'")
        return token

    def _number(self) -> int:
        token = self._word()
        if not token.isascii() or not token.isdigit() or len(token) > 9:
            raise _unsupported(f"TOP {token}")
        return int(token)

    def _done(self) -> bool:
        return self._next >= len(self._tokens)

    def _peek(self) -> str:
        if self._done():
            raise _unsupported("a statement that ends here")
        return self._tokens[self._next]

    def _word(self) -> str:
        token = self._peek()
        self._next += 1
        return token

    def _take(self, word: str) -> bool:
        if not self._done() and self._tokens[self._next].lower() == word:
            self._next += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise _unsupported(f"a statement without {word.upper()} here")


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text.rstrip(" ;\r\n\t")):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unsupported(text[at : at + 20])
        found.append(match["text"] or match["mark"] or match["word"])
        at = match.end()
    return found


def _unsupported(what: str) -> DataverseError:
    return error("SqlNotSupported", what=what[:100])
