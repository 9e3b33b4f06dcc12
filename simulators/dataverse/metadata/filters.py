"""``$filter`` over metadata: comparisons of primitive and enum properties, `and`, `or`, `not`, three text functions.

Enum properties need their typed literal (``Microsoft.Dynamics.CRM.OwnershipTypes'UserOwned'``), complex ones a path to
their ``Value``. Source: dataverse.md 3.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.evaluator import KIND_NAMES, OPERATORS

type Json = dict[str, Any]
type Test = Callable[[Json], bool]

ENUMS = {
    "OwnershipType": "OwnershipTypes",
    "AttributeType": "AttributeTypeCode",
    "RequiredLevel/Value": "AttributeRequiredLevel",
    "EntityKeyIndexStatus": "EntityKeyIndexStatus",
    "RelationshipType": "RelationshipType",
    "SecurityTypes": "SecurityTypes",
    "OptionSetType": "OptionSetType",
    "ImeMode": "ImeMode",
}
MAX_DEPTH = 50
_TOKEN = re.compile(
    r"\s*(?:(?P<enum>Microsoft\.Dynamics\.CRM\.(?P<type>\w+)'(?P<member>[^']*)')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][\w./]*)|(?P<mark>[(),]))"
)
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}


@dataclass(frozen=True, slots=True)
class _Literal:
    value: object
    enum: str = ""


def parse_filter(text: str, sample: Json, type_name: str, *, plain_enums: bool) -> Test:
    """Return the test that a filter describes.

    Args:
        text: the option's value.
        sample: a thing of the kind filtered, whose keys are the known properties.
        type_name: its metadata type, for error texts.
        plain_enums: whether an enum property may be compared with an untyped text.

    Raises:
        DataverseError: 400 for a syntax error, an unknown property or a comparison of unlike things.
    """
    parser = _Parser(text, sample, type_name, plain_enums=plain_enums)
    test = parser.either(0)
    if parser.peek():
        raise parser.wrong()
    return test


class _Parser:
    def __init__(self, text: str, sample: Json, type_name: str, *, plain_enums: bool) -> None:
        self._text, self._sample, self._type, self._plain = text, sample, type_name, plain_enums
        self._tokens = self._split(text)
        self._at = 0

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self.wrong()
            kind = next(name for name in ("enum", "text", "guid", "number", "name", "mark") if found[name] is not None)
            tokens.append((kind, found[kind]))
            at = found.end()
        return tokens

    def wrong(self) -> DataverseError:
        return error("SyntaxError", message=f"Syntax error at position 0 in '{self._text[:200]}'.")

    def peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise self.wrong()
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, mark: str) -> None:
        if self._take() != ("mark", mark):
            raise self.wrong()

    def either(self, depth: int) -> Test:
        tests = [self._all(depth)]
        while self.peek() == "or":
            self._take()
            tests.append(self._all(depth))
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _all(self, depth: int) -> Test:
        tests = [self._one(depth)]
        while self.peek() == "and":
            self._take()
            tests.append(self._one(depth))
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self, depth: int) -> Test:
        if depth > MAX_DEPTH:
            raise error("SyntaxError", message="The recursion limit has been exceeded.")
        kind, word = self._take()
        if (kind, word) == ("mark", "("):
            inner = self.either(depth + 1)
            self._expect(")")
            return inner
        if (kind, word) == ("name", "not"):
            negated = self._one(depth + 1)
            return lambda row: not negated(row)
        if kind != "name":
            raise self.wrong()
        if word in _FUNCTIONS and self.peek() == "(":
            return self._function(word)
        return self._comparison(word)

    def _function(self, name: str) -> Test:
        self._expect("(")
        path = self._path(self._take()[1])
        self._expect(",")
        literal = self._literal()
        self._expect(")")
        if not isinstance(literal.value, str):
            raise self.wrong()
        test, part = _FUNCTIONS[name], literal.value.casefold()
        return lambda row: isinstance(value := _follow(row, path), str) and test(value.casefold(), part)

    def _comparison(self, name: str) -> Test:
        path = self._path(name)
        kind, word = self._take()
        compare = OPERATORS.get(word)
        if kind != "name" or compare is None:
            raise self.wrong()
        literal = self._literal()
        self._check_enum("/".join(path), literal, word)
        wanted = _fold(literal.value)
        if wanted is None and word not in {"eq", "ne"}:
            raise self.wrong()
        return lambda row: _compare(compare, _fold(_follow(row, path)), wanted)

    def _path(self, name: str) -> list[str]:
        path = name.split("/")
        value: object = self._sample
        for step in path:
            if not isinstance(value, dict) or step not in value or step.startswith("@"):
                raise error("UnknownProperty", name=step[:200], table=self._type)
            value = value[step]
        if isinstance(value, dict | list):
            raise error(
                "SyntaxError",
                message=f"The property '{name[:200]}' of type 'Microsoft.Dynamics.CRM.{self._type}' is no primitive "
                "value and cannot be used in $filter.",
            )
        return path

    def _literal(self) -> _Literal:
        kind, word = self._take()
        if kind == "enum":
            type_name, _, member = word.removeprefix("Microsoft.Dynamics.CRM.").partition("'")
            return _Literal(member[:-1], type_name)
        if kind == "text":
            return _Literal(word[1:-1].replace("''", "'"))
        if kind == "number":
            return _Literal(float(word) if "." in word else int(word))
        if kind == "guid":
            return _Literal(word.lower())
        if kind == "name" and word in {"true", "false", "null"}:
            return _Literal({"true": True, "false": False, "null": None}[word])
        raise self.wrong()

    def _check_enum(self, path: str, literal: _Literal, word: str) -> None:
        expected = ENUMS.get(path, "")
        if literal.value is None or literal.enum == expected or (self._plain and not literal.enum):
            return
        found = (literal.enum and f"Microsoft.Dynamics.CRM.{literal.enum}") or _edm(literal.value)
        mine = (expected and f"Microsoft.Dynamics.CRM.{expected}") or "Edm.String"
        raise error(
            "SyntaxError",
            message="A binary operator with incompatible types was detected. Found operand types "
            f"'{mine}' and '{found}' for operator kind '{KIND_NAMES.get(word, word)}'.",
        )


def _edm(value: object) -> str:
    if isinstance(value, bool):
        return "Edm.Boolean"
    return "Edm.Int32" if isinstance(value, int | float) else "Edm.String"


def _fold(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


def _follow(row: Json, path: list[str]) -> object:
    value: object = row
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _compare(compare: Callable[[Any, Any], bool], left: object, right: object) -> bool:
    if left is None or right is None:
        return compare(left, right) if compare in {operator.eq, operator.ne} else False
    if isinstance(left, str) != isinstance(right, str):
        return compare is operator.ne
    return compare(left, right)
