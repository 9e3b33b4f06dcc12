"""Marketo's own CRM sync beside the app: nothing is begun, what runs stops, people alone go where that was chosen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from shared.connectors.marketo.defaults import default_entities
from tests.app.marketo import MarketoWorld, email, marketo_world
from tests.pace import PATIENCE

pytestmark = [
    pytest.mark.storage,
    pytest.mark.xdist_group("app-marketo"),
    pytest.mark.feature("MK-10", system="marketo"),
    pytest.mark.feature("HUB-30", system="marketo"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketoWorld]:
    with marketo_world(tmp_path_factory.mktemp("clock") / "clock.json") as made:
        yield made


def native(world: MarketoWorld, on: bool) -> None:
    world.sims.control("marketo", "POST", "switches", {"native_sync": on})


def written(world: MarketoWorld) -> list[str]:
    return [str(each["kind"]) for each in world.writes("marketo") if each["kind"] != "activityType"]


def people_alone() -> list[dict[str, Any]]:
    """The default maps, those of what the native sync owns switched off."""
    return [{**item, "on": item["name"] in {"contact", "lead"}} for item in default_entities()]


def test_it_is_refused_before_the_connection_is_switched_on(world: MarketoWorld) -> None:
    world.reseed(2)
    native(world, on=True)
    connection = world.connect()
    answer = world.call("PATCH", f"connections/{connection}", {"switch": "on"}, status=None)["error"]
    assert "native_sync" in str(answer)
    assert "people, lists, custom objects and custom activities can be written" in answer["message"]
    steps = world.call("POST", f"connections/{connection}/check")
    assert "people_only" in str(steps)
    world.tick()
    assert world.status(connection)["switch"] != "on"
    assert written(world) == []
    native(world, on=False)
    world.switch_on(connection)
    world.wait_for(connection, 1)
    assert set(world.leads()) == {email(0), email(1)}


def test_what_runs_stops_when_it_is_switched_on_later_and_goes_on_when_it_is_off_again(world: MarketoWorld) -> None:
    connection = world.begun(2)
    before = written(world)
    native(world, on=True)
    row = world.rows("contact")[0]
    world.edit("contact", row["contactid"], firstname="Meanwhile")
    due = datetime.fromisoformat(world.status(connection)["nextRun"])
    world.advance(max(0.0, (due - world.now()).total_seconds()) + 1)
    world.tick()
    end = time.monotonic() + PATIENCE
    while "broken" not in (status := world.status(connection)):
        assert time.monotonic() < end, status
        time.sleep(0.5)
    assert status["broken"]["code"] == "native_sync", status
    assert "End the native sync" in str(status["broken"])
    assert written(world) == before
    native(world, on=False)
    world.call("POST", f"connections/{connection}/resume", {}, status=202)
    end = time.monotonic() + PATIENCE
    while world.status(connection)["runsEnded"] == status["runsEnded"]:
        assert time.monotonic() < end, world.status(connection)
        world.tick()
        time.sleep(1)
    assert world.lead(row["emailaddress1"])["firstName"] == "Meanwhile"


def test_people_alone_go_beside_it_where_that_was_chosen(world: MarketoWorld) -> None:
    world.reseed(2)
    native(world, on=True)
    whole = world.connect(partner_native_sync="people_only")
    answer = world.call("PATCH", f"connections/{whole}", {"switch": "on"}, status=None)["error"]
    assert "Switch this entity off here" in str(answer), "accounts cannot go"
    world.call("PATCH", f"connections/{whole}", {"entities": people_alone()})
    world.switch_on(whole)
    world.wait_for(whole, 1)
    assert set(world.leads()) == {email(0), email(1)}
    assert set(written(world)) == {"lead"}
    native(world, on=False)
