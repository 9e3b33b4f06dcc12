"""What one line of criteria asks: each test judges a value and says itself in OData, both from the same facts.

A test is never unknown for an empty field: it holds or it does not, and its negation is its exact opposite. The
OData texts spell out what happens to empty fields (`or column eq null`), because what `ne` and `not contains` do with
them is not documented and differs between the ways Dataverse is asked.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from shared.domain.records import Ref, Value


class Predicate(Protocol):
    """One question about one column."""

    def holds(self, value: Value | None, now: datetime) -> bool:
        """Whether a value (None: the field is empty) answers the question with yes."""
        ...

    def odata(self, name: str, now: datetime, *, negated: bool) -> str:
        """The question, or its opposite, as a `$filter` expression that can stand in `and` and `or`."""
        ...


def quote(text: str) -> str:
    """A text as an OData literal: quotes doubled, nothing else has a meaning inside."""
    return "'" + text.replace("'", "''") + "'"


def moment(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def literal_text(value: Value) -> str:
    """A value as an OData literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, int) else quote(str(value))


def folded(text: str, *, accents: bool) -> str:
    """A text as Dataverse compares it: without case; without accents too where the organisation's collation is so."""
    found = unicodedata.normalize("NFC", text).casefold()
    if accents or found.isascii():
        return found
    return "".join(char for char in unicodedata.normalize("NFD", found) if unicodedata.category(char) != "Mn")


type Fold = Callable[[Value], object]


@dataclass(frozen=True, slots=True)
class Empty:
    """The field is empty."""

    def holds(self, value: Value | None, now: datetime) -> bool:
        del now
        return value is None or value in ("", frozenset())

    def odata(self, name: str, now: datetime, *, negated: bool) -> str:
        del now
        return f"{name} {'ne' if negated else 'eq'} null"


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is one of these. `texts` are the literals in OData."""

    keys: frozenset[object]
    texts: tuple[str, ...]
    fold: Fold

    def holds(self, value: Value | None, now: datetime) -> bool:
        del now
        return value is not None and self.fold(value) in self.keys

    def odata(self, name: str, now: datetime, *, negated: bool) -> str:
        del now
        if not negated:
            return _joined("or", [f"{name} eq {text}" for text in self.texts])
        others = " and ".join(f"{name} ne {text}" for text in self.texts)
        inner = f"({others})" if len(self.texts) > 1 else others
        return f"({name} eq null or {inner})"


@dataclass(frozen=True, slots=True)
class Contains:
    """A text holds another one: `function` is contains, startswith or endswith."""

    function: str
    wanted: str
    fold: Callable[[str], str]
    key: str

    def holds(self, value: Value | None, now: datetime) -> bool:
        del now
        if not isinstance(value, str):
            return False
        return _FUNCTIONS[self.function](self.fold(value), self.key)

    def odata(self, name: str, now: datetime, *, negated: bool) -> str:
        del now
        call = f"{self.function}({name},{quote(escape_like(self.wanted))})"
        return f"({name} eq null or not {call})" if negated else call


_FUNCTIONS: Final[dict[str, Callable[[str, str], bool]]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def escape_like(text: str) -> str:
    """A text in which `%`, `_` and `[` mean themselves: Dataverse reads string functions as SQL patterns."""
    return "".join(f"[{char}]" if char in "%_[" else char for char in text)


type Bound = Callable[[datetime], tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Between:
    """The value lies between two bounds, which may depend on now; None is no bound.

    `low_in` and `high_in` say whether a bound belongs to the span.
    """

    bounds: Bound
    low_in: bool = True
    high_in: bool = False
    of: Fold = lambda value: value

    def holds(self, value: Value | None, now: datetime) -> bool:
        if value is None:
            return False
        low, high = self.bounds(now)
        found: Any = self.of(value)
        above = low is None or (found >= low if self.low_in else found > low)
        return above and (high is None or (found <= high if self.high_in else found < high))

    def odata(self, name: str, now: datetime, *, negated: bool) -> str:
        low, high = self.bounds(now)
        if negated:
            parts = [f"{name} eq null"]
            if low is not None:
                parts.append(f"{name} {'lt' if self.low_in else 'le'} {literal_text(low)}")
            if high is not None:
                parts.append(f"{name} {'gt' if self.high_in else 'ge'} {literal_text(high)}")
            return _joined("or", parts)
        parts = [] if low is None else [f"{name} {'ge' if self.low_in else 'gt'} {literal_text(low)}"]
        if high is not None:
            parts.append(f"{name} {'le' if self.high_in else 'lt'} {literal_text(high)}")
        return _joined("and", parts)


@dataclass(frozen=True, slots=True)
class AnyChoice:
    """A field of several choices holds at least one of these."""

    wanted: frozenset[str]

    def holds(self, value: Value | None, now: datetime) -> bool:
        del now
        return isinstance(value, frozenset) and not self.wanted.isdisjoint(value)

    def odata(self, name: str, now: datetime, *, negated: bool) -> str:
        del now
        function = "DoesNotContainValues" if negated else "ContainValues"
        values = ",".join(quote(choice) for choice in sorted(self.wanted))
        call = f"Microsoft.Dynamics.CRM.{function}(PropertyName={quote(name)},PropertyValues=[{values}])"
        return f"({name} eq null or {call})" if negated else call


def reference_id(value: Value) -> object:
    return value.id.lower() if isinstance(value, Ref) else str(value).lower()


def _joined(word: str, parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else "(" + f" {word} ".join(parts) + ")"
