"""What a connector is built from, and how its settings are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from threading import Lock
from typing import Any

from shared.connectors.limits import CALLS, PERCENT, Limit
from shared.domain.records import Kind
from shared.errors import ConfigError
from shared.http.client import Runtime
from shared.http.entra import TokenPool
from shared.http.origin import Origin
from shared.ports.ambient import SecretSource
from shared.ports.coordination import RequestBudget


class Memo:
    """Remembers what is dear to fetch (schemas, ids of tags) for the life of a process, each for its own time.

    Safe to share by threads. Two threads may fetch the same thing at once; the later one stays.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._kept: dict[tuple[object, ...], tuple[float, Any]] = {}
        self._oldest = inf

    def capped(self, oldest: float) -> Memo:
        """The same memory for a caller who takes nothing older than `oldest` seconds, whatever it is asked for."""
        if oldest == inf:
            return self
        view = Memo(self._monotonic)
        view._lock, view._kept, view._oldest = self._lock, self._kept, oldest
        return view

    def get[T](self, key: tuple[object, ...], seconds: float, fetch: Callable[[], T]) -> T:
        """The value of `key`, at most `seconds` old; fetched when there is none."""
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and self._monotonic() - kept[0] < min(seconds, self._oldest):
            value: T = kept[1]
            return value
        return self.put(key, fetch())

    def put[T](self, key: tuple[object, ...], value: T) -> T:
        with self._lock:
            self._kept[key] = (self._monotonic(), value)
        return value

    def drop(self, key: tuple[object, ...]) -> None:
        with self._lock:
            self._kept.pop(key, None)

    def clear(self) -> None:
        """Forget everything; it is fetched again when it is needed."""
        with self._lock:
            self._kept.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All a connector gets besides its settings.

    `budget` is the one of the connector's remote account. `tokens` and `memo` live as long as the process.
    `trusted_hosts` are hosts (with their port, `127.0.0.1:8800`) that an administrator of the app allows beyond the
    vendors' own: simulators, a proxy. Empty in production. `labels` are the label names that the connection's maps
    decide by, every spelling of them: a system that tells labels at a price tells at least these. `kinds` are the
    kinds of this side that the maps name.
    """

    runtime: Runtime
    budget: RequestBudget
    secrets: SecretSource
    tokens: TokenPool
    memo: Memo
    trusted_hosts: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingSpec:
    """One setting of a connector, for forms and documents. `secret`: its value is the *name* of a secret."""

    name: str
    help: str
    required: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()
    default: object = None


def limit_settings(limit: Limit) -> tuple[SettingSpec, SettingSpec]:
    """The settings by which an administrator tells of another limit, the same on every connection of the account."""
    return (
        SettingSpec(
            name=CALLS,
            help=f"Calls the account allows all its clients in {limit.seconds:g} s, where the vendor granted another "
            "number.",
            default=limit.calls,
        ),
        SettingSpec(name=PERCENT, help="Percent of that limit that is ours, at most.", default=limit.percent),
    )


@dataclass(frozen=True, slots=True)
class SettingsReader:
    """Reads a side's settings strictly: an unknown name, a missing one or a wrong type is a ConfigError naming it."""

    data: Mapping[str, object]
    specs: Sequence[SettingSpec]
    where: str
    _named: Mapping[str, SettingSpec] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_named", {spec.name: spec for spec in self.specs})
        for name in self.data:
            if name not in self._named:
                raise self._wrong(name, "is not a setting of this system", "Remove it, or use one of: " + self._names())

    def text(self, name: str) -> str:
        """A text; its default (or "") when it is not given."""
        value = self._given(name)
        if not isinstance(value, str):
            raise self._wrong(name, "must be a text", "Enter a text.")
        value = value.strip()
        spec = self._named[name]
        if spec.required and not value:
            raise self._wrong(name, "is missing", spec.help)
        if spec.choices and value and value not in spec.choices:
            raise self._wrong(name, "is not one of the known values", "Use one of: " + ", ".join(spec.choices))
        return value

    def number(self, name: str, *, low: int, high: int) -> int:
        value = self._given(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._wrong(
                name, f"must be a whole number from {low} to {high}", f"The usual value is {self._default(name)}."
            )
        return value

    def flag(self, name: str) -> bool:
        value = self._given(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "must be true or false", f"The usual value is {self._default(name)}.")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._given(name)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise self._wrong(name, "must be a list of texts", self._named[name].help)
        choices = self._named[name].choices
        if choices and not set(value) <= set(choices):
            raise self._wrong(name, "holds an unknown value", "Use some of: " + ", ".join(choices))
        return tuple(value)

    def vendor(self, title: str, hosts: re.Pattern[str], trusted: frozenset[str], *, next_step: str) -> Origin:
        """The origin of `url`. Raises ConfigError (`unknown_host`) where it is neither the vendor's nor trusted."""
        where = f"{self.where}.url"
        origin = Origin.parse(self.text("url"), setting=where)
        if not origin.is_known(hosts, trusted):
            raise ConfigError(
                f"{where} is no API address of {title}", setting=where, code="unknown_host", next_step=next_step
            )
        return origin

    def check_limit(self) -> None:
        """Raises ConfigError when the settings of the limit are wrong."""
        self.number(CALLS, low=1, high=1_000_000)
        self.number(PERCENT, low=1, high=100)

    def _given(self, name: str) -> object:
        value = self.data.get(name)
        return value if value is not None else self._default(name)

    def _default(self, name: str) -> object:
        default = self._named[name].default
        return "" if default is None else default

    def _names(self) -> str:
        return ", ".join(sorted(self._named))

    def _wrong(self, name: str, what: str, next_step: str) -> ConfigError:
        return ConfigError(f"{self.where}.{name} {what}", setting=f"{self.where}.{name}", next_step=next_step)
