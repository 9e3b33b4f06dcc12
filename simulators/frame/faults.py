"""Faults to order: which call, and what goes wrong with it."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_MATCH_KEYS = {"method", "path", "nth", "every", "times", "probability"}
_WORDS = {"drop_before", "drop_after", "truncate"}
_DO_KEYS = {"status", "body", "headers", "status_after", "delay_ms", "delay_after_ms", "html", "late_effect_ms"}


@dataclass(slots=True)
class Effect:
    """What one fault does to a call. At most one of the fields that replace the answer is set."""

    name: str
    drop_before: bool = False
    drop_after: bool = False
    truncate: bool = False
    status: int = 0
    status_after: int = 0
    body: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    html: str | None = None
    delay_ms: float = 0.0
    delay_after_ms: float = 0.0
    late_effect_ms: float | None = None


@dataclass(slots=True)
class Fault:
    """A rule with its counter of calls that matched method and path."""

    spec: dict[str, Any]
    effect: Effect
    method: str = ""
    path: re.Pattern[str] = re.compile("")
    nth: int = 0
    every: int = 0
    times: int = 0
    probability: float = 1.0
    seen: int = 0
    fired: int = 0

    def fires(self, method: str, path: str, chance: random.Random) -> bool:
        """Count this call if it matches, and say whether the fault strikes it."""
        if (self.method and self.method != method) or not self.path.search(path):
            return False
        self.seen += 1
        if self.nth and self.seen != self.nth:
            return False
        if self.every and self.seen % self.every:
            return False
        if self.times and self.fired >= self.times:
            return False
        if self.probability < 1.0 and chance.random() >= self.probability:
            return False
        self.fired += 1
        return True


class Faults:
    """The faults in force. The first rule that strikes a call decides; later rules then do not count the call."""

    def __init__(self, seed: int = 1) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._chance = random.Random(seed)

    def strike(self, method: str, path: str) -> Effect | None:
        """What goes wrong with this call, if anything. `path` includes the query string."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.fires(method, path, self._chance):
                    return fault.effect
        return None

    def add(self, specs: list[Any]) -> None:
        """Add rules, all or none. Raises ValueError saying what is wrong with one."""
        parsed = [parse_fault(spec) for spec in specs]
        with self._lock:
            self._faults.extend(parsed)

    def clear(self, seed: int | None = None) -> None:
        """Remove all rules."""
        with self._lock:
            self._faults.clear()
            if seed is not None:
                self._chance = random.Random(seed)

    def describe(self) -> list[dict[str, Any]]:
        """The rules with how often each matched and struck."""
        with self._lock:
            return [{**fault.spec, "seen": fault.seen, "fired": fault.fired} for fault in self._faults]


def parse_fault(spec: Any) -> Fault:
    """One rule `{"match": {...}, "do": ...}`. Raises ValueError saying what is wrong with it."""
    if not isinstance(spec, Mapping) or "do" not in spec:
        raise ValueError('a fault is {"match": {...}, "do": ...}')
    match = spec.get("match", {})
    if not isinstance(match, Mapping) or (unknown := set(match) - _MATCH_KEYS):
        raise ValueError(f"a fault's match knows {sorted(_MATCH_KEYS)}, not {sorted(unknown) if match else match!r}")
    try:
        pattern = re.compile(str(match.get("path", "")))
    except re.error as error:
        raise ValueError(f"a fault's path is not a regular expression: {error}") from error
    return Fault(
        spec=dict(spec),
        effect=_parse_effect(spec["do"]),
        method=str(match.get("method", "")).upper(),
        path=pattern,
        nth=int(match.get("nth", 0)),
        every=int(match.get("every", 0)),
        times=int(match.get("times", 0)),
        probability=float(match.get("probability", 1.0)),
    )


def _parse_effect(do: Any) -> Effect:
    if isinstance(do, str):
        if do not in _WORDS:
            raise ValueError(f"a fault's do is one of {sorted(_WORDS)} or an object, not {do!r}")
        return Effect(
            name=do, drop_before=do == "drop_before", drop_after=do == "drop_after", truncate=do == "truncate"
        )
    if not isinstance(do, Mapping) or not do or (set(do) - _DO_KEYS):
        raise ValueError(f"a fault's do is one of {sorted(_WORDS)} or an object with keys of {sorted(_DO_KEYS)}")
    body = do.get("body", "")
    return Effect(
        name=next(iter(do)),
        status=int(do.get("status", 0)),
        status_after=int(do.get("status_after", 0)),
        body=body if isinstance(body, str) else _as_json(body),
        headers=[(str(k), str(v)) for k, v in dict(do.get("headers", {})).items()],
        html=None if do.get("html") is None else str(do["html"]),
        delay_ms=float(do.get("delay_ms", 0)),
        delay_after_ms=float(do.get("delay_after_ms", 0)),
        late_effect_ms=None if do.get("late_effect_ms") is None else float(do["late_effect_ms"]),
    )


def _as_json(body: Any) -> str:
    from simulators.frame.http import to_json

    return to_json(body).decode()
