"""Hands of the tests of Marketo's flow steps: install, hand people over, wait for rows and callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.app.marketo import MarketoWorld, email
from tests.pace import PATIENCE

STEPS = ("syncPerson", "changeOwner", "createTask", "addToCampaign", "removeFromCampaign")


def hooks(world: MarketoWorld, connection: str) -> dict[str, str]:
    return {item["what"]: item["url"] for item in world.call("GET", f"connections/{connection}/hooks")["value"]}


def installed(world: MarketoWorld, connection: str, *steps: str) -> dict[str, str]:
    """The names under which these steps are installed in Marketo."""
    addresses = hooks(world, connection)
    key = addresses["syncPerson:webhook"].rpartition("key=")[2]
    names = {}
    for step in steps or STEPS:
        told = world.mk("install_flow_step", url=addresses[step], key=key)
        assert told["installed"], told
        names[step] = told["name"]
    return names


def people(world: MarketoWorld, count: int, start: int = 0, **values: Any) -> list[int]:
    """People who are in Marketo only; their ids."""
    return [
        world.mk(
            "create_lead",
            values={"email": email(number, "new"), "firstName": "New", "lastName": f"Person {number}", **values},
        )["id"]
        for number in range(start, start + count)
    ]


def chunks(world: MarketoWorld, batch: str) -> list[dict[str, Any]]:
    found = world.sims.control("marketo", "GET", "state?kind=flowsteps")["flowsteps"]
    return [each for each in found if each["batch"] == batch]


def until[Found](look: Callable[[], Found], seconds: float = PATIENCE, world: MarketoWorld | None = None) -> Found:
    """What `look` finds, once it finds something; the minute timer fires every few seconds meanwhile."""
    end, ticked = time.monotonic() + seconds, time.monotonic()
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)
        if world is not None and time.monotonic() - ticked > 3:
            world.tick()
            ticked = time.monotonic()
    return found


def called_back(world: MarketoWorld, batch: str, seconds: float = PATIENCE) -> list[dict[str, Any]]:
    """The chunks of a batch once each has its callback."""

    def look() -> list[dict[str, Any]]:
        found = chunks(world, batch)
        return found if all(effective(each) for each in found) else []

    return until(look, seconds, world)


def effective(chunk: dict[str, Any]) -> int:
    return sum(each["effective"] for each in chunk["callbacks"])


def made(world: MarketoWorld, table: str, address: str) -> dict[str, Any] | None:
    return next((row for row in world.rows(table) if row.get("emailaddress1") == address), None)


def run(world: MarketoWorld, service: str, leads: list[int], kind: str = "trigger", **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = world.mk("run_campaign", service=service, leads=leads, kind=kind, **more)
    return told


def waits(world: MarketoWorld, connection: str, state: str) -> list[dict[str, Any]]:
    """Calls of flow steps in one state, as the API lists them."""
    found = world.call("GET", f"connections/{connection}/requests?state={state}")["value"]
    return [each for each in found if each["id"].startswith("fl")]
