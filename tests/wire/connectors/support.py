"""What connectors are given in tests: a clock that costs no time, secrets, a budget, a trusted local server."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from shared.connectors import registry
from shared.connectors.surroundings import Memo, Surroundings
from shared.domain.records import FieldName, Kind, RemoteId, Schema
from shared.errors import ConfigError, SyncError, Throttled
from shared.http.calls import Observer
from shared.http.client import Runtime
from shared.http.counts import CallCounts
from shared.http.entra import TokenPool
from shared.http.session import new_session
from shared.ports.connector import Connector
from simulators.frame import Authority, Clock, RunningServer, System, make_authority


class DrivenClock:
    """Our clock, on the simulator's: a sleep passes at once, on both sides."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._passed = 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []
        self.offset = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time() + self.offset, tz=UTC)

    def monotonic(self) -> float:
        return self._passed

    def sleep(self, seconds: float) -> None:
        assert seconds <= 5, "waits over 5 seconds go back to the lane"
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._passed += seconds
        self._clock.advance(seconds)


class Budget:
    """Gives leave until it is closed; remembers how it was used."""

    def __init__(self, clock: DrivenClock) -> None:
        self._clock = clock
        self.taken = 0
        self.closed_until = 0.0
        self.closings: list[float] = []

    def acquire(self, calls: int = 1, *, interactive: bool = False) -> None:
        del interactive
        left = self.closed_until - self._clock.monotonic()
        if 0 < left <= 5:
            self._clock.sleep(left)
        elif left > 0:
            raise Throttled("closed", retry_after=left, scope="test")
        self.taken += calls

    def close_for(self, seconds: float) -> None:
        self.closings.append(seconds)
        self.closed_until = max(self.closed_until, self._clock.monotonic() + seconds)

    def open(self) -> None:
        self.closed_until = 0.0


class Secrets:
    """Secrets by name."""

    def __init__(self, **known: str) -> None:
        self.known = known

    def secret(self, name: str) -> str:
        if name not in self.known:
            raise ConfigError(f"there is no secret named {name}", setting=name)
        return self.known[name]


class Around:
    """Surroundings with their parts in reach."""

    def __init__(
        self,
        clock: Clock,
        *,
        trusted: frozenset[str],
        secrets: Mapping[str, str],
        labels: frozenset[str] = frozenset(),
        kinds: tuple[Kind, ...] = (),
        driven: DrivenClock | None = None,
    ) -> None:
        self.clock = driven or DrivenClock(clock)
        self.budget = Budget(self.clock)
        self.secrets = Secrets(**secrets)
        self.counts = CallCounts()
        self.observers: list[Observer] = [self.counts]
        self.memo = Memo(self.clock.monotonic)
        self.session = new_session()
        self.surroundings = Surroundings(
            runtime=Runtime(session=self.session, clock=self.clock, jitter=lambda: 0.5, observers=self.observers),
            budget=self.budget,
            secrets=self.secrets,
            tokens=TokenPool(),
            memo=self.memo,
            trusted_hosts=trusted,
            labels=labels,
            kinds=kinds,
        )

    def calls(self, system: str) -> dict[str, int]:
        """Calls by purpose."""
        return {what: tally.calls for (name, what), tally in self.counts.snapshot().items() if name == system}


class Hands(ABC):
    """What the hands in every simulated system share; see `tests.contract.connector_contract.Harness`.

    What a system has not is refused here: a contract test that asks for it is switched on by mistake.
    """

    kind: Kind
    system: System

    def __init__(self, name: str, server: RunningServer, around: Around, settings: Mapping[str, object]) -> None:
        self.server, self.around, self.settings = server, around, settings
        self.connector: Connector = registry.build(name, settings, around.surroundings)

    @abstractmethod
    def fault(self, error: type[SyncError]) -> Mapping[str, Any]:
        """The fault with which the simulated system fails as the class says."""

    @cached_property
    def schema(self) -> Schema:
        """As the connector describes it, kept."""
        return self.connector.describe(self.kind)

    def labels(self, row: RemoteId) -> frozenset[str]:
        raise AssertionError(f"people of this system have no labels ({row})")

    def advance(self, seconds: float) -> None:
        self.around.clock.advance(seconds)
        self.system.agenda.run_due()

    def expire_cursors(self) -> None:
        raise AssertionError("this system's cursors do not expire")

    def forget_imports(self) -> None:
        raise AssertionError("nothing is accepted for later")

    def break_down(self, error: type[SyncError] | None) -> None:
        self.server.host.faults.clear()
        self.around.budget.open()
        if error is not None:
            self.server.host.faults.add([self.fault(error)])

    def unreadable(self) -> FieldName | None:
        return None

    def logged(self, row: RemoteId) -> Sequence[str]:
        raise AssertionError(f"this system keeps no log of {row}")


@contextmanager
def authority(folder: Path) -> Iterator[Authority]:
    """A CA that this process trusts meanwhile."""
    made = make_authority(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(made.ca_file))
        yield made
