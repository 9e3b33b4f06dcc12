"""How a connection is doing, in numbers: each count is that of the list it names."""

from __future__ import annotations

import time
from typing import Any

import pytest

from cli.main import run
from tests.app.conftest import World
from tests.app.test_conflicts import asking, clash
from tests.app.test_failures import person
from tests.pace import PATIENCE

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app-two")]


def numbers(world: World, connection: str) -> dict[str, Any]:
    found: dict[str, Any] = world.call("GET", f"connections/{connection}/statistics")
    return found


def listed(world: World, path: str) -> int:
    """How many items the list behind a count holds."""
    found, query = 0, path + ("&" if "?" in path else "?") + "maxpagesize=1000"
    page = world.call("GET", query)
    while True:
        found += len(page["value"])
        if "nextLink" not in page:
            return found
        page = world.call("GET", page["nextLink"].partition("/api/")[2])


def rested(world: World, connection: str) -> dict[str, Any]:
    """The numbers once the worker has put the lane down: a run is told as ended a moment before."""
    end = time.monotonic() + PATIENCE
    while (found := numbers(world, connection))["state"]["code"] == "running":
        assert time.monotonic() < end, found
        time.sleep(0.2)
    return found


@pytest.mark.feature("HUB-22.1", system="activecampaign")
@pytest.mark.feature("HUB-22.2", system="activecampaign")
@pytest.mark.feature("HUB-22.4", system="activecampaign")
@pytest.mark.feature("HUB-22.5", system="activecampaign")
@pytest.mark.feature("APP-04")
def test_every_count_is_that_of_the_list_it_opens(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = asking(world, 6)
    rule = {"table": "contact", "message": "Title is closed.", "on": ["update"]}
    rule |= {"column": "lastname", "when": "equals", "value": "Forbidden"}
    world.sims.control("dataverse", "POST", "seed", {"rejections": [rule]})
    for number in range(2):
        world.ac("edit_contact", contact=str(person(world, number)["id"]), lastName="Forbidden")
    wanted = [item for item in world.contacts() if item["email"].startswith(("person3", "person4"))]
    for item in wanted:
        clash(world, world.contacts().index(item), "Ours", "Theirs")
    world.sims.control("activecampaign", "POST", "seed", {"contacts": [{"email": "no.tag@example.org"}]})
    world.next_run(connection)
    found = numbers(world, connection)
    counts = found["counts"]
    assert (counts["failing"]["count"], counts["conflicts"]["count"], counts["linked"]["count"]) == (2, 2, 6)
    assert counts["excluded"]["count"] > 0
    for name in ("failing", "conflicts", "excluded"):
        assert counts[name]["count"] == listed(world, counts[name]["list"]), name
        assert counts[name]["shown"] == str(counts[name]["count"])
    assert rested(world, connection)["state"]["code"] == "waits"
    last = world.call("GET", f"connections/{connection}/runs")["value"][0]
    assert found["lastSync"] == {"run": last["id"], "state": "partly_failed", "ended": last["ended"]}
    assert found["throughput"]["records"] > 6
    assert found["throughput"]["recordsPerMinute"] > 0
    failing = world.call("GET", counts["failing"]["list"])["value"]
    links = [item["link"] for item in failing]
    world.call("POST", f"connections/{connection}/failures/dismiss", {"links": links[:1]})
    assert numbers(world, connection)["counts"]["failing"]["count"] == 1
    world.call("POST", f"connections/{connection}/conflicts/decide", {"filter": {}, "winner": "crm"}, status=202)
    decided = numbers(world, connection)
    assert decided["counts"]["conflicts"]["count"] == 0
    assert decided["backlog"]["waiting"]["count"] >= 2  # the decisions wait for the next run
    monkeypatch.setenv("DYNASYNC_URL", world.host.url)
    monkeypatch.setenv("DYNASYNC_KEY", world.host.host_key)
    for command in (["errors", "list", connection], ["conflicts", "list", connection, "--decided"]):
        assert run(command) == 0
        assert ("Title is closed" if command[0] == "errors" else "Theirs") in capsys.readouterr().out
    assert run(["errors", "list", connection, "--dismissed", "true", "--json"]) == 0
    assert links[0] in capsys.readouterr().out
    assert run(["errors", "retry", connection, *links]) == 0
    assert capsys.readouterr().out.startswith("retried: 2, at ")
    assert run(["status", connection]) == 0
    assert "records a minute" in capsys.readouterr().out


@pytest.mark.feature("HUB-22.1", system="activecampaign")
def test_the_state_names_what_matters_most_with_its_reason(world: World) -> None:
    world.reseed(1)
    connection = world.connect()
    fresh = numbers(world, connection)
    assert (fresh["state"]["code"], fresh["lastSync"]["run"]) == ("setup", "")
    assert fresh["state"]["nextStep"]
    world.switch_on(connection)
    world.wait_for(connection, 1)
    assert rested(world, connection)["state"]["code"] == "waits"
    world.call("PATCH", f"connections/{connection}", {"switch": "off"})
    assert numbers(world, connection)["state"]["code"] == "off"
