"""Reads configuration data and gathers every mistake instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from enum import StrEnum

from shared.domain.mistakes import Mistake


class Reader:
    """One object of a configuration: asks for keys, remembers which were known, notes what is wrong and where."""

    def __init__(self, data: object, place: str, mistakes: list[Mistake]) -> None:
        self.place = place
        self.mistakes = mistakes
        self.data: Mapping[str, object] = data if isinstance(data, Mapping) else {}
        self.known: set[str] = set()
        if not isinstance(data, Mapping):
            self.note("", "wrong_type", "must be an object with named settings")

    def at(self, key: str) -> str:
        return f"{self.place}.{key}" if key and self.place else key or self.place

    def note(self, key: str, code: str, message: str) -> None:
        self.mistakes.append(Mistake(self.at(key), code, message))

    def has(self, key: str) -> bool:
        self.known.add(key)
        return self.data.get(key) is not None

    def get(self, key: str) -> object:
        self.known.add(key)
        return self.data.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty; without a default it has to be there."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value.strip():
            self.note(key, "missing" if value is None else "wrong_type", "must be a text that is not empty")
            return default or ""
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.note(key, "wrong_type", "must be true or false")
            return default
        return value

    def number(self, key: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.note(key, "wrong_type", f"must be a whole number from {least} to {most}")
            return default
        return value

    def choice[E: StrEnum](self, key: str, kinds: type[E], default: E) -> E:
        """One of an enumeration's values."""
        value = self.get(key)
        if value is None:
            return default
        for member in kinds:
            if value == member.value:
                return member
        self.unknown(key, value, [member.value for member in kinds])
        return default

    def unknown(self, key: str, value: object, allowed: Collection[str]) -> None:
        """Notes a value that is none of those allowed, with the likeliest one meant."""
        near = get_close_matches(str(value), list(allowed), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        self.note(key, "unknown_value", f"{value!r} is none of {', '.join(sorted(allowed))}{hint}")

    def items(self, key: str) -> Sequence[object]:
        value = self.get(key)
        if value is None:
            return ()
        if isinstance(value, str) or not isinstance(value, Sequence):
            self.note(key, "wrong_type", "must be a list")
            return ()
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        found = self.items(key)
        if all(isinstance(item, str) and item for item in found):
            return tuple(str(item) for item in found)
        self.note(key, "wrong_type", "must be a list of texts")
        return ()

    def pairs(self, key: str) -> dict[str, str]:
        """An object whose values are texts (numbers and flags are taken as text)."""
        value = self.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.note(key, "wrong_type", "must be an object of texts")
            return {}
        found: dict[str, str] = {}
        for name, item in value.items():
            if isinstance(item, bool):
                found[str(name)] = "true" if item else "false"
            elif isinstance(item, str | int):
                found[str(name)] = str(item)
            else:
                self.note(f"{key}.{name}", "wrong_type", "must be a text")
        return found

    def close(self) -> None:
        """Notes every key that nobody asked for."""
        for key in self.data:
            if key not in self.known:
                near = get_close_matches(str(key), list(self.known), n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(self.known))}"
                self.note(str(key), "unknown_setting", f"is not a setting here{hint}")
