"""Flow steps for people whose row stands in Dynamics already, or stood there until a moment ago, as no run has seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.flow import called_back, installed, people, run
from tests.app.marketo import MarketoWorld, email, marketo_world

pytestmark = [pytest.mark.storage, pytest.mark.slow, pytest.mark.xdist_group("marketo-flow-rows")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketoWorld]:
    clock: Path = tmp_path_factory.mktemp("marketo-flow-rows") / "clock.json"
    clock.write_text('{"offset": 0}')
    with marketo_world(clock) as made:
        yield made


def told(world: MarketoWorld, step: str, person: int, **choices: str) -> dict[str, Any]:
    """The activity of one person that the step's callback brought."""
    batch = run(world, step, [person], choices=choices)["batch"]
    [chunk] = called_back(world, batch)
    found: dict[str, Any] = chunk["activities"][str(person)]
    return found


@pytest.mark.feature("MK-04.3", system="marketo")
@pytest.mark.parametrize("kind", ["lead", "contact"])
def test_a_row_that_no_run_has_linked_yet_is_used_by_every_step(world: MarketoWorld, kind: str) -> None:
    connection = world.begun(0)
    campaign = world.make("campaign", name="Spring")
    world.sims.control("dataverse", "POST", "seed", {"users": [{"name": "Carla Owner", "email": "carla@example.org"}]})
    carla = next(row["systemuserid"] for row in world.rows("systemuser") if row["fullname"] == "Carla Owner")
    names = installed(world, connection)
    [person] = people(world, 1)
    row = world.make(kind, firstname="New", lastname="Person 0", emailaddress1=email(0, "new"))
    there = {"success": True, "dynamicsId": row, "dynamicsEntity": kind}
    assert told(world, names["syncPerson"], person) == {**there, "outcome": "alreadyInSync"}
    assert told(world, names["syncPerson"], person, syncAs="lead") == {**there, "outcome": "alreadyInSync"}
    owned = told(world, names["changeOwner"], person, owner=f"systemuser:{carla}")
    assert owned == {**there, "outcome": "updated"}
    assert world.row(kind, row)["ownerid"]["id"] == carla
    assert told(world, names["createTask"], person, subject="Call") == {**there, "outcome": "created"}
    assert [task["regardingobjectid"]["id"] for task in world.rows("task")] == [row]
    assert told(world, names["addToCampaign"], person, campaign=f"campaign:{campaign}")["success"]
    assert [each["entityid"] for each in world.rows("listmember")] == [row]
    assert [len(world.rows(table)) for table in ("lead", "contact")] == [kind == "lead", kind == "contact"]
    world.next_run(connection)
    assert [len(world.rows(table)) for table in ("lead", "contact")] == [kind == "lead", kind == "contact"]


@pytest.mark.feature("MK-04.4", system="marketo")
def test_a_row_deleted_since_the_last_run_is_made_anew_by_every_step(world: MarketoWorld) -> None:
    connection = world.begun(0)
    names = installed(world, connection, "syncPerson", "createTask", "changeOwner")
    [person] = people(world, 1)
    former = [told(world, names["syncPerson"], person, syncAs="contact")["dynamicsId"]]
    owner = f"systemuser:{world.rows('systemuser')[0]['systemuserid']}"
    steps: list[tuple[str, str, dict[str, str]]] = [
        ("syncPerson", "contact", {"syncAs": "lead"}),
        ("createTask", "lead", {"subject": "Call"}),
        ("changeOwner", "lead", {"owner": owner}),
    ]
    for step, kind, choices in steps:
        world.remove(kind, former[-1])
        said = told(world, names[step], person, **choices)
        [row] = world.rows("lead")
        assert world.rows("contact") == []
        assert (said["success"], said["dynamicsId"]) == (True, row["leadid"]), said
        assert row["leadid"] not in former
        former.append(row["leadid"])
        if step == "createTask":
            assert [task["regardingobjectid"]["id"] for task in world.rows("task")] == [row["leadid"]]
    world.next_run(connection)
    assert [row["leadid"] for row in world.rows("lead")] == former[-1:]
    assert world.rows("contact") == []
    world.edit("lead", former[-1], jobtitle="In step")
    world.next_run(connection)
    assert world.lead(email(0, "new"))["title"] == "In step"
