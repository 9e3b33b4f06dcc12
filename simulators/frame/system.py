"""What the frame asks of a simulated system."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from simulators.frame.clock import Agenda, Clock
from simulators.frame.http import Request, Response
from simulators.frame.logs import WriteLog
from simulators.frame.switches import Switch, Switches


class ControlError(ValueError):
    """A control call (seed, act, state) asked for something that cannot be; the text says what to send instead."""


class System(Protocol):
    """A vendor as a server sees it. Every method may be called from many threads at once."""

    name: str
    clock: Clock
    agenda: Agenda
    switches: Switches
    writes: WriteLog

    def handle(self, request: Request) -> Response:
        """Answer one vendor call. Must not raise, whatever the bytes."""
        ...

    def flight(self, request: Request) -> AbstractContextManager[None]:
        """Entered while a vendor call is under way, latency included: what counts concurrent calls counts here."""
        ...

    def reset(self, seed: int) -> None:
        """Forget all state and start again from this seed; switches go back to their defaults."""
        ...

    def seed(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Create what `spec` lists and return what was created. Raises ControlError for a bad spec."""
        ...

    def state(self, query: dict[str, str]) -> dict[str, Any]:
        """A plain view of all the vendor holds, by pages where it can be long. Raises ControlError."""
        ...

    def act(self, action: str, spec: dict[str, Any]) -> dict[str, Any]:
        """Let something happen without an API call (a person edits, a mail bounces). Raises ControlError."""
        ...

    def started(self, urls: Mapping[str, str], ca_file: str) -> None:
        """Told once all systems of the process listen: base URL by system name, and the CA to trust."""
        ...


class SystemBase:
    """What every system shares: clock, agenda, switches, write log and a seeded source of chance.

    `seed` fixes every random choice, so the same calls in the same order give the same ids and answers.
    """

    name = ""
    switch_list: tuple[Switch, ...] = ()

    def __init__(self, clock: Clock | None = None, *, seed: int = 1) -> None:
        self.clock = clock or Clock()
        self.agenda = Agenda(self.clock)
        self.switches = Switches(self.switch_list)
        self.writes = WriteLog()
        self.chance = random.Random(seed)
        self.urls: dict[str, str] = {}
        self.ca_file = ""

    def flight(self, request: Request) -> AbstractContextManager[None]:
        """See `System.flight`; most systems do not count."""
        del request
        return nullcontext()

    def reset(self, seed: int) -> None:
        """See `System.reset`; a system extends this."""
        self.agenda.clear()
        self.switches.reset()
        self.writes.clear()
        self.chance = random.Random(seed)

    def act(self, action: str, spec: dict[str, Any]) -> dict[str, Any]:
        """See `System.act`; a system without actions knows none."""
        raise ControlError(f"{self.name} knows no action {action!r} (sent with {sorted(spec)})")

    def started(self, urls: Mapping[str, str], ca_file: str) -> None:
        """See `System.started`."""
        self.urls, self.ca_file = dict(urls), ca_file
