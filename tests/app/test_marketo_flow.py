"""Marketo's flow steps through the app's own doors: answered at once, made in Dynamics, called back exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.marketo import MarketoWorld, email, marketo_world

pytestmark = [pytest.mark.storage, pytest.mark.slow, pytest.mark.xdist_group("marketo-flow")]
STEPS = ("syncPerson", "changeOwner", "createTask")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketoWorld]:
    clock: Path = tmp_path_factory.mktemp("marketo-flow") / "clock.json"
    clock.write_text('{"offset": 0}')
    with marketo_world(clock) as made:
        yield made


# -- hands ---------------------------------------------------------------------------------------------------------
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


def until[Found](look: Callable[[], Found], seconds: float = 60.0, world: MarketoWorld | None = None) -> Found:
    """What `look` finds, once it finds something; the minute timer fires every few seconds meanwhile."""
    end, ticked = time.monotonic() + seconds, time.monotonic()
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)
        if world is not None and time.monotonic() - ticked > 3:
            world.tick()
            ticked = time.monotonic()
    return found


def called_back(world: MarketoWorld, batch: str, seconds: float = 60.0) -> list[dict[str, Any]]:
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


# -- the step --------------------------------------------------------------------------------------------------------
@pytest.mark.feature("MK-04.1", system="marketo")
@pytest.mark.feature("MK-04.3", system="marketo")
def test_a_trigger_campaign_makes_the_row_at_once_and_is_called_back_once(world: MarketoWorld) -> None:
    connection = world.begun(1)
    names = installed(world, connection)
    [person] = people(world, 1)
    began = time.monotonic()
    told = run(world, names["syncPerson"], [person])
    [chunk] = told["chunks"]
    assert chunk["tries"] == [201]
    assert chunk["seconds"] < 2
    row = until(lambda: made(world, "lead", email(0, "new")))
    print(f"201 after {chunk['seconds']:.3f} s, the row after {time.monotonic() - began:.1f} s")
    assert (row["firstname"], row["lastname"]) == ("New", "Person 0")
    [chunk] = called_back(world, told["batch"])
    assert chunk["activities"][str(person)] == {
        "success": True,
        "outcome": "created",
        "dynamicsId": row["leadid"],
        "dynamicsEntity": "lead",
    }
    writes = len(world.writes("dataverse"))
    again = run(world, names["syncPerson"], [person])
    [chunk] = called_back(world, again["batch"])
    assert chunk["activities"][str(person)]["outcome"] == "alreadyInSync"
    assert chunk["activities"][str(person)]["dynamicsId"] == row["leadid"]
    assert len(world.writes("dataverse")) == writes, "nothing is written for a person who is there"
    assert [effective(each) for each in chunks(world, told["batch"])] == [1]
    world.next_run(connection)
    assert len(world.rows("lead")) == 1
