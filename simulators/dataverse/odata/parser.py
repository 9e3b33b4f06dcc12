"""`$filter` and `$orderby` texts to trees. Precedence: comparison, `not`, `and`, `or`."""

from __future__ import annotations

from typing import Literal, cast

from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.ast import (
    Alias,
    Both,
    Call,
    Compare,
    Comparison,
    Constant,
    Lambda,
    Negation,
    Node,
    Path,
    QueryFunction,
)
from simulators.dataverse.odata.lexer import Token, TokenKind, syntax_error, tokenise
from simulators.dataverse.odata.path import NAMESPACE

_COMPARISONS = frozenset(("eq", "ne", "gt", "ge", "lt", "le"))
_WORDS: dict[str, Constant] = {
    "null": Constant("null", None),
    "true": Constant("boolean", value=True),
    "false": Constant("boolean", value=False),
}
_MAX_DEPTH = 100


def parse_expression(text: str) -> Node:
    """Parse a filter.

    Raises:
        DataverseError: 400, worded as the OData library does.
    """
    parser = _Parser(text)
    node = parser.either()
    parser.end()
    return node


def parse_operand(text: str) -> Node:
    """Parse a single operand, such as the value of a parameter alias; see `parse_expression` for errors."""
    parser = _Parser(text)
    node = parser.operand()
    parser.end()
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenise(text)
        self._next = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def end(self) -> None:
        if self._token.kind is not TokenKind.END:
            raise syntax_error(self._token.at, self._text)

    def either(self) -> Node:
        node = self._both()
        while self._word("or"):
            node = Both("or", node, self._both())
        return node

    def _both(self) -> Node:
        node = self._unary()
        while self._word("and"):
            node = Both("and", node, self._unary())
        return node

    def _unary(self) -> Node:
        if self._word("not"):
            self._deeper()
            node = Negation(self._unary())
            self._depth -= 1
            return node
        left = self.operand()
        token = self._token
        if token.kind is TokenKind.NAME and token.text in _COMPARISONS:
            self._next += 1
            return Compare(cast("Comparison", token.text), left, self.operand())
        return left

    def operand(self) -> Node:
        token = self._token
        self._next += 1
        if token.kind is TokenKind.MARK and token.text == "(":
            self._deeper()
            node = self.either()
            self._depth -= 1
            self._expect(")")
            return node
        if token.kind is TokenKind.ALIAS:
            return Alias(token.text)
        if token.kind is TokenKind.NAME:
            return self._name(token)
        constant = _constant(token)
        if constant is None:
            raise self._unexpected(token)
        return constant

    def _name(self, token: Token) -> Node:
        if self._mark("("):
            if token.text.startswith(NAMESPACE):
                return QueryFunction(token.text.removeprefix(NAMESPACE), self._named_arguments())
            return Call(token.text, self._arguments(), token.at)
        if token.text in _WORDS:
            return _WORDS[token.text]
        names = [token.text]
        while self._mark("/"):
            part = self._token
            if part.kind is not TokenKind.NAME:
                raise self._unexpected(part)
            self._next += 1
            if part.text in ("any", "all") and self._mark("("):
                return self._lambda(tuple(names), cast("Literal['any', 'all']", part.text), token.at)
            names.append(part.text)
        return Path(tuple(names), token.at)

    def _lambda(self, names: tuple[str, ...], op: Literal["any", "all"], at: int) -> Lambda:
        if op == "any" and self._mark(")"):
            return Lambda(Path(names, at), op, "", None)
        variable = self._token
        self._next += 1
        if variable.kind is not TokenKind.NAME:
            raise self._unexpected(variable)
        self._expect(":")
        self._deeper()
        body = self.either()
        self._depth -= 1
        self._expect(")")
        return Lambda(Path(names, at), op, variable.text, body)

    def _arguments(self) -> tuple[Node, ...]:
        if self._mark(")"):
            return ()
        found = [self.operand()]
        while self._mark(","):
            found.append(self.operand())
        self._expect(")")
        return tuple(found)

    def _named_arguments(self) -> dict[str, Node]:
        found: dict[str, Node] = {}
        if self._mark(")"):
            return found
        while True:
            name = self._token
            if name.kind is not TokenKind.NAME:
                raise self._unexpected(name)
            self._next += 1
            self._expect("=")
            found[name.text] = self.operand()
            if not self._mark(","):
                break
        self._expect(")")
        return found

    def _word(self, word: str) -> bool:
        token = self._token
        if token.kind is TokenKind.NAME and token.text == word:
            self._next += 1
            return True
        return False

    def _mark(self, mark: str) -> bool:
        token = self._token
        if token.kind is TokenKind.MARK and token.text == mark:
            self._next += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._mark(mark):
            at = self._token.at
            if mark == ")":
                message = f"')' or operator expected at position {at} in '{self._text}'."
                raise error("SyntaxError", message=message)
            raise syntax_error(at, self._text)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            message = "Recursion depth exceeded allowed limit."
            raise error("SyntaxError", message=message)

    def _unexpected(self, token: Token) -> DataverseError:
        if token.kind is TokenKind.END:
            message = f"Expression expected at position {token.at} in '{self._text}'."
            return error("SyntaxError", message=message)
        return syntax_error(token.at, self._text)


def _constant(token: Token) -> Constant | None:
    text = token.text
    if token.kind is TokenKind.NUMBER:
        if text.lstrip("-").isdigit():
            return Constant("number", int(text))
        return Constant("number", float(text.replace("INF", "inf")))
    if token.kind is TokenKind.GUID:
        return Constant("guid", text.lower())
    if token.kind in (TokenKind.STRING, TokenKind.MOMENT, TokenKind.DATE, TokenKind.JSON):
        return Constant(token.kind.value, text)
    return None
