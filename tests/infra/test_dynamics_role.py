"""The security roles for Dynamics: what the connector asks for, nothing more, and enough for a whole first sync; and
what Marketo's flow steps need beside it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cli.demo.people import generated
from cli.demo.world import CLIENT_ID, TENANT, app
from shared.connectors.dynamics.checks import wanted_privileges
from shared.connectors.dynamics.tables import TABLES
from tests.app.conftest import FAST, World
from tests.app.flow import called_back, installed, people, run
from tests.app.marketo import MarketoWorld, marketo_world

ROLE = Path(__file__).resolve().parents[2] / "infra" / "dynamics" / "dynasync-role.xml"
FLOW_ROLE = ROLE.with_name("dynasync-flow-steps-role.xml")

# What reading the organisation and its metadata takes; the connector asks for these by what it calls, not by name.
BESIDES = {"User", "Organization", "TransactionCurrency", "Customization", "Entity", "Attribute", "Relationship",
           "OptionSet", "Solution", "FieldPermission", "FieldSecurityProfile"}  # fmt: skip


def privileges(role: Path = ROLE) -> dict[str, str]:
    found = ElementTree.parse(role).getroot().iter("RolePrivilege")
    return {item.attrib["name"]: item.attrib["level"] for item in found}


def asked_for() -> set[str]:
    """As the connection's check asks, table by table."""
    return {name for table in TABLES.values() for name in wanted_privileges(table)}


@pytest.mark.feature("APP-05.5")
def test_the_role_holds_what_the_connector_asks_for_and_nothing_more() -> None:
    assert set(privileges()) == asked_for() | {f"prvRead{name}" for name in BESIDES}


@pytest.mark.feature("APP-05.5")
def test_nothing_in_the_role_changes_the_system_or_acts_for_others() -> None:
    risky = ("Assign", "Share", "ActOnBehalf", "Publish", "Import", "Bypass", "BulkDelete", "WriteRole", "WriteUser")
    assert not [name for name in privileges() if any(word in name for word in risky)]
    assert set(privileges().values()) == {"Global"}  # change tracking refuses less


@pytest.mark.feature("APP-05.5")
@pytest.mark.storage
@pytest.mark.xdist_group("telemetry")
def test_an_application_user_with_only_this_role_passes_the_check_and_syncs(sims: Any, tmp_path: Path) -> None:
    client_secret, api_key = secrets.token_urlsafe(24), secrets.token_hex(24)
    for system in ("dataverse", "activecampaign"):
        sims.control(system, "POST", "reset", {"seed": 1})
    sims.control("activecampaign", "POST", "switches", {"dotless_domains": True, "bulk_seconds_per_contact": 0.0024})
    sims.control(
        "entra", "POST", "seed", {"apps": [{"tenant": TENANT, "client_id": CLIENT_ID, "secret": client_secret}]}
    )
    role = {"name": "dynasync", "privileges": privileges()}
    user = {"name": "# dynasync", "application_id": CLIENT_ID, "roles": ["dynasync"]}
    rows = {"contact": list(generated(12))}
    sims.control("dataverse", "POST", "seed", {"roles": [role], "users": [user], "rows": rows})
    sims.control("activecampaign", "POST", "seed", {"users": [{"username": "dynasync", "apiKey": api_key}]})
    with app(sims, port=0, clock_file=tmp_path / "clock.json", **FAST) as host:
        world = World(sims, host, tmp_path / "clock.json", {"client_secret": client_secret, "api_key": api_key})
        connection = world.connect()
        checked = world.call("POST", f"connections/{connection}/check")
        assert checked["passed"], checked
        world.switch_on(connection)
        world.wait_for(connection, 1)
        runs = world.call("GET", f"connections/{connection}/runs")["value"]
        assert [run["state"] for run in runs] == ["succeeded"]
        assert sum(number for code, number in runs[0]["counts"].items() if code.startswith("created")) >= 10


@pytest.mark.feature("APP-05.5")
def test_the_role_of_flow_steps_reads_teams_puts_lists_into_campaigns_and_assigns_and_nothing_more() -> None:
    assert set(privileges(FLOW_ROLE)) == {
        "prvReadTeam",
        *(f"prv{verb}Campaign" for verb in ("Read", "Write")),
        *(f"prv{verb}List" for verb in ("Create", "Read", "Write")),
        *(f"prvAssign{name}" for name in ("Contact", "Lead", "Activity")),
    }
    assert not set(privileges(FLOW_ROLE)) & set(privileges())
    assert set(privileges(FLOW_ROLE).values()) == {"Global"}


@pytest.fixture(scope="module")
def marketo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketoWorld]:
    clock: Path = tmp_path_factory.mktemp("marketo-role") / "clock.json"
    clock.write_text('{"offset": 0}')
    with marketo_world(clock) as world:
        yield world


def begun(world: MarketoWorld, roles: dict[str, dict[str, str]]) -> str:
    """A connection that ran once, its application user with these roles alone. `Carla Owner` may own rows."""
    world.reseed(1, roles=roles)
    world.sims.control("dataverse", "POST", "seed", {"users": [{"name": "Carla Owner", "email": "carla@example.org"}]})
    connection = world.connect()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    return connection


def outcome(world: MarketoWorld, step: str, person: int, **choices: str) -> dict[str, Any]:
    told = run(world, step, [person], choices=choices)
    [chunk] = called_back(world, told["batch"])
    found: dict[str, Any] = chunk["activities"][str(person)]
    return found


@pytest.mark.feature("APP-05.5")
@pytest.mark.feature("MK-12.1", system="marketo")
@pytest.mark.storage
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("marketo-role")
def test_every_flow_step_works_under_both_roles(marketo: MarketoWorld) -> None:
    world = marketo
    connection = begun(world, {"dynasync": privileges(), "dynasync flow steps": privileges(FLOW_ROLE)})
    world.make("team", name="Sales", teamtype=0)
    campaign = f"campaign:{world.make('campaign', name='Spring')}"
    names = installed(world, connection)
    offered = world.mk("refresh_picklist", service=names["syncPerson"])["choices"]["owner"]
    assert {each["submittedValue"].partition(":")[0] for each in offered} == {"systemuser", "team"}
    users = {each["displayValue"]["en_US"]: each["submittedValue"] for each in offered}
    [person] = people(world, 1)
    admin, carla = users["System Administrator"], users["Carla Owner"]
    made = outcome(world, names["syncPerson"], person, syncAs="lead", owner=carla)
    assert made["outcome"] == "created", made
    assert outcome(world, names["changeOwner"], person, owner=admin)["outcome"] == "updated"
    assert world.row("lead", made["dynamicsId"])["ownerid"]["id"] == admin.partition(":")[2]
    assert outcome(world, names["createTask"], person, subject="Call", owner=carla)["outcome"] == "created"
    assert [task["regardingobjectid"]["id"] for task in world.rows("task")] == [made["dynamicsId"]]
    assert outcome(world, names["addToCampaign"], person, campaign=campaign)["success"]
    assert [each["entityid"] for each in world.rows("listmember")] == [made["dynamicsId"]]
    assert outcome(world, names["removeFromCampaign"], person, campaign=campaign)["outcome"] == "removed"
    assert world.rows("listmember") == []


@pytest.mark.feature("APP-05.5")
@pytest.mark.storage
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("marketo-role")
def test_without_the_second_role_people_are_made_and_owners_are_users(marketo: MarketoWorld) -> None:
    world = marketo
    connection = begun(world, {"dynasync": privileges()})
    world.make("team", name="Sales", teamtype=0)
    names = installed(world, connection, "syncPerson", "createTask")
    offered = world.mk("refresh_picklist", service=names["syncPerson"])["choices"]["owner"]
    assert {each["submittedValue"].partition(":")[0] for each in offered} == {"systemuser"}
    [person] = people(world, 1)
    assert outcome(world, names["syncPerson"], person, syncAs="lead")["outcome"] == "created"
    assert outcome(world, names["createTask"], person, subject="Call")["outcome"] == "created"
