"""Tokens of an OData expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from simulators.dataverse.errors import DataverseError, error


class TokenKind(StrEnum):
    """What a token is."""

    NAME = "name"
    STRING = "string"
    NUMBER = "number"
    GUID = "guid"
    MOMENT = "moment"
    DATE = "date"
    ALIAS = "alias"
    MARK = "mark"
    JSON = "json"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `text` of a string is without quotes."""

    kind: TokenKind
    text: str
    at: int


_PATTERNS: tuple[tuple[TokenKind, re.Pattern[str]], ...] = (
    (
        TokenKind.GUID,
        re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?![\w-])"),
    ),
    (TokenKind.MOMENT, re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,12})?)?(Z|[+-]\d\d:\d\d)?(?!\w)")),
    (TokenKind.DATE, re.compile(r"\d{4}-\d\d-\d\d(?![\w-])")),
    (TokenKind.NUMBER, re.compile(r"-?(\d+(\.\d+)?([eE][+-]?\d+)?|INF)(?!\w)")),
    (TokenKind.ALIAS, re.compile(r"@[A-Za-z_]\w*")),
    (TokenKind.NAME, re.compile(r"\$?[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")),
    (TokenKind.MARK, re.compile(r"[(),/:=;]")),
)


def tokenise(text: str) -> list[Token]:
    """Return the tokens, closed by an END.

    Raises:
        DataverseError: 400 for an unterminated literal or a stray character, worded as the OData library does.
    """
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
            continue
        token, at = _next(text, at)
        tokens.append(token)
    tokens.append(Token(TokenKind.END, "", len(text)))
    return tokens


def _next(text: str, at: int) -> tuple[Token, int]:
    letter = text[at]
    if letter == "'":
        return _string(text, at)
    if letter == "[":
        return _array(text, at)
    for kind, pattern in _PATTERNS:
        match = pattern.match(text, at)
        if match:
            return Token(kind, match[0], at), match.end()
    raise syntax_error(at, text)


def _string(text: str, at: int) -> tuple[Token, int]:
    end = at + 1
    while True:
        end = text.find("'", end)
        if end < 0:
            raise error("SyntaxError", message=f"There is an unterminated literal at position {len(text)} in '{text}'.")
        if text[end + 1 : end + 2] != "'":
            return Token(TokenKind.STRING, text[at + 1 : end].replace("''", "'"), at), end + 1
        end += 2


def _array(text: str, at: int) -> tuple[Token, int]:
    """Take a JSON array whole; its strings may be in either kind of quotes."""
    quote = ""
    for end in range(at, len(text)):
        letter = text[end]
        if quote:
            if letter == quote and text[end - 1] != "\\":
                quote = ""
        elif letter in "'\"":
            quote = letter
        elif letter == "]":
            return Token(TokenKind.JSON, text[at : end + 1], at), end + 1
    end = text.find("]", at)
    if end > 0:
        # The quotes do not pair: the reader of the array says what is wrong with it.
        return Token(TokenKind.JSON, text[at : end + 1], at), end + 1
    raise error("SyntaxError", message="Invalid JSON. Unexpected end of input was found in JSON content.")


def syntax_error(at: int, text: str) -> DataverseError:
    """Return the error for a token that cannot stand here."""
    return error("SyntaxError", message=f"Syntax error at position {at} in '{text}'.")
