"""The security role for Dynamics: what the connector asks for, nothing more, and enough for a whole first sync."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cli.demo.people import generated
from cli.demo.world import CLIENT_ID, TENANT, app
from shared.connectors.dynamics.checks import wanted_privileges
from shared.connectors.dynamics.tables import TABLES
from tests.app.conftest import FAST, World

ROLE = Path(__file__).resolve().parents[2] / "infra" / "dynamics" / "dynasync-role.xml"

# What reading the organisation and its metadata takes; the connector asks for these by what it calls, not by name.
BESIDES = {"User", "Organization", "TransactionCurrency", "Customization", "Entity", "Attribute", "Relationship",
           "OptionSet", "Solution", "FieldPermission", "FieldSecurityProfile"}  # fmt: skip


def privileges() -> dict[str, str]:
    found = ElementTree.parse(ROLE).getroot().iter("RolePrivilege")
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
