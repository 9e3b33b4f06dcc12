"""A world whose servers can be made to lie: `tamper` changes what a system answers, byte by byte where needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from simulators.frame import Request, Response
from simulators.frame.http import json_response
from tests.scenarios.world import World
from tests.wire.http.hostile import Hostile

type Lie = Callable[[Request, Response], Response | None]
"""What to answer instead of the true answer; None leaves it."""


class Evil:
    """A linked pair in a world, and the means to attack it."""

    def __init__(self, world: World, trap: Hostile) -> None:
        self.world, self.trap = world, trap
        self.row, self.person = world.pair(telephone1="+34 0")
        self._real: list[tuple[Any, Any]] = []
        self._trapped = len(trap.requests)
        self.lies = 0

    def tamper(self, system: str, lie: Lie, *, path: str = "", method: str = "") -> None:
        """From now on `system` lies in answers to calls whose path holds `path`."""
        partner = self.world.ac.system
        target = {**self.world.crm.systems, "activecampaign": partner, "marketo": partner}[system]
        real = target.handle

        def handle(request: Request) -> Response:
            told: Response = real(request)
            if path not in request.raw_target or method not in {"", request.method}:
                return told
            changed = lie(request, told)
            self.lies += changed is not None
            return changed if changed is not None else told

        self._real.append((target, real))
        target.handle = handle

    def repent(self) -> None:
        """Everybody tells the truth again; a person resumes what stopped."""
        for target, real in reversed(self._real):
            target.handle = real
        self._real.clear()
        self.world.heal()
        self.world.crm.around.memo.clear()
        self.world.ac.around.memo.clear()
        self.world.command("resume")

    def attack(self) -> float:
        """Edits on both sides, some slices under attack; answers the seconds by the driven clock that slices took."""
        world = self.world
        world.edit_row(self.row, firstname="Anna")
        world.edit_person(self.person, phone="+34 1")
        worked = 0.0
        for _ in range(4):
            began = world.clock.monotonic()
            world.slice()
            worked = max(worked, world.clock.monotonic() - began)
            world.advance(700)
            world.heal_budgets()
        return worked

    def assert_unharmed(self, *, at_the_walk: bool = False) -> None:
        """Nobody else was called, nothing was deleted or emptied, and once the lies end both edits arrive: at once, or
        with the next complete walk where the lie was a believable one."""
        assert self.lies, "the attack never happened"
        assert self.trap.requests[self._trapped :] == [], "a foreign server was called"
        world = self.world
        self.repent()
        assert [write for write in world.ours() if write["op"] in {"delete", "create"}] == []
        row = world.get_row(self.row)
        assert row is not None
        assert (row["lastname"], row["emailaddress1"]) == ("Lee 1", "ann1@example.org")
        if at_the_walk:
            world.advance(86_400)
        world.run(3)
        assert world.broken() == ""
        row, person = world.get_row(self.row), world.get_person(self.person)
        assert row is not None
        assert person is not None
        assert (person["firstName"], row["telephone1"]) == ("Anna", "+34 1")
        assert len(world.people()) == len(world.rows()) == 1


def raw(body: bytes, status: int = 200, content_type: str = "application/json", **headers: str) -> Lie:
    """A fixed answer."""
    pairs = [("Content-Type", content_type), *((name.replace("_", "-"), value) for name, value in headers.items())]
    return lambda request, told: Response(status, pairs, body)


def patched(change: Callable[[dict[str, Any]], Any]) -> Lie:
    """The true answer with its JSON changed: `change` edits it in place, or answers another."""

    def lie(_: Request, told: Response) -> Response | None:
        try:
            data = told.json()
        except ValueError:
            return None
        if not isinstance(data, dict) or told.status >= 300:
            return None
        other = change(data)
        return json_response(told.status, other if other is not None else data)

    return lie


def quoted(old: bytes, new: bytes) -> Lie:
    """The true answer with bytes replaced."""

    def lie(_: Request, told: Response) -> Response | None:
        if old not in told.body:
            return None
        kept = [(name, value) for name, value in told.headers if name.lower() != "content-length"]
        return Response(told.status, kept, told.body.replace(old, new))

    return lie


def as_bytes(data: object) -> bytes:
    return json.dumps(data).encode()
