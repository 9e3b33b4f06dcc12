"""Switches: what the vendor's documents leave open, and what an account may have or lack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Switch:
    """One fact that can be either way.

    `values` lists what is allowed; empty means any value of the default's type. `source` names the reference line.
    """

    name: str
    default: Value
    text: str
    source: str
    values: tuple[Value, ...] = ()

    def check(self, value: Any) -> Value:
        """`value` as this switch holds it. Raises ValueError naming what is allowed."""
        if self.values:
            if value in self.values and isinstance(value, bool) == isinstance(self.default, bool):
                return self.values[self.values.index(value)]
            allowed = ", ".join(repr(each) for each in self.values)
            raise ValueError(f"switch {self.name}: {value!r} is not one of {allowed}")
        if isinstance(self.default, float) and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if type(value) is not type(self.default):
            raise ValueError(f"switch {self.name}: {value!r} is not a {type(self.default).__name__}")
        checked: Value = value
        return checked


def flag(name: str, *, default: bool, text: str, source: str) -> Switch:
    """A switch that is on or off."""
    return Switch(name=name, default=default, text=text, source=source, values=(False, True))


class Switches(Mapping[str, Value]):
    """The declared switches of a system with their present values."""

    def __init__(self, declared: Iterable[Switch] = ()) -> None:
        self._declared = {switch.name: switch for switch in declared}
        self._values: dict[str, Value] = {}
        self.reset()

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def on(self, name: str) -> bool:
        """Whether a switch is on."""
        return bool(self._values[name])

    def number(self, name: str) -> float:
        """A switch's number. Raises TypeError when it holds text."""
        value = self._values[name]
        if isinstance(value, str):
            raise TypeError(f"switch {name} holds text")
        return float(value)

    def word(self, name: str) -> str:
        """A switch's text."""
        return str(self._values[name])

    def set(self, changes: Mapping[str, Any]) -> None:
        """Set several at once, all or none. Raises ValueError for an unknown name or a value that is not allowed."""
        checked: dict[str, Value] = {}
        for name, value in changes.items():
            if name not in self._declared:
                raise ValueError(f"no switch is called {name!r}; there are: {', '.join(sorted(self._declared))}")
            checked[name] = self._declared[name].check(value)
        self._values |= checked

    def reset(self) -> None:
        """Back to the defaults."""
        self._values = {name: switch.default for name, switch in self._declared.items()}

    def declared(self) -> list[Switch]:
        """All switches, as declared."""
        return list(self._declared.values())

    def describe(self) -> list[dict[str, Any]]:
        """Name, value, default, allowed values, text and source of each, as plain JSON."""
        return [
            {
                "name": switch.name,
                "value": self._values[switch.name],
                "default": switch.default,
                "values": list(switch.values),
                "text": switch.text,
                "source": switch.source,
            }
            for switch in self._declared.values()
        ]
