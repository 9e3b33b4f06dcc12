"""The vendor's rules as tables: printed from what the app does, and held against the page that shows them.

`docs/reference/marketo-rules.md` holds both tables between marks; a row that is not what the app did fails the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from cli.demo.world import CLIENT_ID
from shared.connectors.marketo.defaults import default_entities
from tests.app.marketo import FILTER, MarketoWorld, contact, email, lead, marketo_world

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app-marketo")]

PAGE = Path("docs/reference/marketo-rules.md")
NOT_NO = {"any": [{"column": FILTER, "op": "empty"}, {"column": FILTER, "op": "eq", "value": True}]}
STATES = {"empty": None, "Yes": True, "No": False}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketoWorld]:
    with marketo_world(tmp_path_factory.mktemp("clock") / "clock.json") as made:
        yield made


def written(name: str) -> list[str]:
    """The rows of a table of the page."""
    text = PAGE.read_text()
    table = text.partition(f"<!-- {name}: ")[2].partition(" -->\n")[2].partition(f"<!-- end of {name} -->")[0]
    return [line for line in table.splitlines() if line.startswith("|")][2:]


def told(*cells: str) -> str:
    row = "| " + " | ".join(cells) + " |"
    print(row)
    return row


# -- conflicts -----------------------------------------------------------------------------------------------------
SIDES = ("Dynamics only", "Marketo only", "both, the same field", "both, different fields")
_PERSON = ("firstname", "jobtitle", "firstName", "title")
NAMES = {"contact": _PERSON, "lead": _PERSON, "account": ("name", "websiteurl", "company", "website")}


def act(world: MarketoWorld, kind: str, side: str, rows: tuple[str, Any]) -> None:
    """Edits one pair as `side` says."""
    ours, other, theirs, _ = NAMES[kind]
    row, partner = rows
    if side != "Marketo only":
        world.edit(kind, row, **{(other if "different" in side else ours): "Dynamics"})
    if side != "Dynamics only":
        if kind == "account":
            world.mk("edit_object", kind="companies", key=partner, values={theirs: "Marketo"})
        else:
            world.mk("edit_lead", lead=partner, values={theirs: "Marketo"})


def values(world: MarketoWorld, kind: str, rows: tuple[str, Any]) -> tuple[list[Any], list[Any]]:
    """The two fields of a pair, in Dynamics and in Marketo."""
    ours, other, theirs, more = NAMES[kind]
    row = world.row(kind, rows[0])
    found = world.kind("companies") if kind == "account" else []
    there = next((each for each in found if each["externalCompanyId"] == rows[1]), None) or world.leads().get(
        rows[1], {}
    )
    return [row.get(ours), row.get(other)], [there.get(theirs), there.get(more)]


def ending(kind: str, side: str, seen: tuple[list[Any], list[Any]]) -> str:
    """What a pair ended with, in words."""
    ours, theirs = seen
    changed = {"Dynamics": "Dynamics' value", "Marketo": "Marketo's value"}
    if "different" in side and ours == theirs:
        return "both edits, on both sides"
    if ours == theirs:
        return f"{changed[str(ours[0])]}, on both sides"
    own = f"Dynamics keeps its own, Marketo has {changed.get(str(theirs[0]), 'the old value')}"
    return f"{own}; Dynamics' edit on both sides" if ours[1] == theirs[1] == "Dynamics" else own


@pytest.mark.feature("MK-03.1", system="marketo")
@pytest.mark.feature("MK-03.2", system="marketo")
@pytest.mark.feature("MK-03.3", system="marketo")
@pytest.mark.feature("MK-02.2", system="marketo")
@pytest.mark.feature("HUB-10.1", system="marketo")
def test_the_table_of_conflicts(world: MarketoWorld) -> None:
    numbers = range(len(SIDES))
    people = {"contact": [contact(number) for number in numbers], "lead": [lead(number) for number in numbers]}
    accounts = [{"name": f"Acme {number}"} for number in numbers]
    world.reseed(0, **people, account=accounts)
    connection = world.connect()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    pairs: dict[tuple[str, str], tuple[str, Any]] = {}
    companies = {each["company"]: each["externalCompanyId"] for each in world.kind("companies")}
    for number, side in enumerate(SIDES):
        for kind in ("contact", "lead"):
            address = email(number, kind)
            row = next(each for each in world.rows(kind) if each["emailaddress1"] == address)
            pairs[kind, side] = (row[f"{kind}id"], address)
        row = next(each for each in world.rows("account") if each["name"] == f"Acme {number}")
        pairs["account", side] = (row["accountid"], companies[f"Acme {number}"])
    for (kind, side), rows in pairs.items():
        act(world, kind, side, rows)
    world.next_run(connection)
    world.next_run(connection)
    table = [
        told(kind, side, ending(kind, side, values(world, kind, rows))) for (kind, side), rows in sorted(pairs.items())
    ]
    assert table == written("conflicts")


# -- the sync filter -------------------------------------------------------------------------------------------------
def call(world: MarketoWorld, path: str, body: dict[str, Any]) -> None:
    """An action of Dynamics' own API, as its administrator."""
    signed = world.sims.control("dataverse", "POST", "do/token", {"application_id": CLIENT_ID})
    answer = requests.post(
        f"{world.sims.urls['dataverse']}/api/data/v9.2/{path}",
        json=body,
        headers={"Authorization": f"Bearer {signed['token']}"},
        timeout=60,
        verify=world.sims.ca_file,
    )
    assert answer.ok, answer.text[:500]


def filtered(number: int, value: bool | None, make: Any) -> dict[str, Any]:
    return {**make(number), **({} if value is None else {FILTER: value})}


@pytest.mark.feature("MK-07", system="marketo")
def test_the_truth_table_of_the_sync_filter(world: MarketoWorld) -> None:
    moves = [(old, new) for old in STATES for new in STATES]
    rows = [filtered(number, STATES[old], contact) for number, (old, _) in enumerate(moves)]
    maps = [
        {**item, "criteria": NOT_NO} if item["name"] in {"contact", "lead"} else item for item in default_entities()
    ]
    connection = world.begun(0, rows={"contact": rows}, entities=maps)
    first = world.leads()
    ids = {each["emailaddress1"]: each["contactid"] for each in world.rows("contact")}
    for number, (_, new) in enumerate(moves):
        world.edit("contact", ids[email(number)], firstname="Edited", **{FILTER: STATES[new]})
    world.next_run(connection)
    table = []
    for number, (old, new) in enumerate(moves):
        before, after = first.get(email(number)), world.leads().get(email(number))
        synced = "synced" if before else "not synced"
        if after is None:
            then = "not synced"
        elif before is None:
            then = "created at once"
        else:
            then = "synced on" if after["firstName"] == "Edited" else "kept, and stale"
        table.append(told(f"{old} → {new}", synced, then))
    assert table == written("filter")


@pytest.mark.feature("MK-07", system="marketo")
@pytest.mark.feature("HUB-12.6", system="marketo")
def test_the_truth_table_of_qualifying_a_lead(world: MarketoWorld) -> None:
    cases = [(of_lead, of_contact) for of_lead in (True, False) for of_contact in (True, False)]
    rows = [filtered(number, of_lead, lead) for number, (of_lead, _) in enumerate(cases)]
    maps = [
        {**item, "criteria": NOT_NO} if item["name"] in {"contact", "lead"} else item for item in default_entities()
    ]
    connection = world.begun(0, rows={"lead": rows}, entities=maps)
    first = world.leads()
    ids = {each["emailaddress1"]: each["leadid"] for each in world.rows("lead")}
    for number, (_, of_contact) in enumerate(cases):
        body = {"CreateAccount": False, "CreateContact": True, "CreateOpportunity": False, "Status": 3}
        call(world, f"leads({ids[email(number, 'lead')]})/Microsoft.Dynamics.CRM.QualifyLead", body)
        made = next(each for each in world.rows("contact") if each["emailaddress1"] == email(number, "lead"))
        world.edit("contact", made["contactid"], jobtitle="As contact", **{FILTER: of_contact})
    world.next_run(connection)
    world.next_run(connection)
    yes = {True: "Yes", False: "No"}
    table = []
    for number, (of_lead, of_contact) in enumerate(cases):
        before, after = first.get(email(number, "lead")), world.leads().get(email(number, "lead"))
        if after is None:
            then = "nobody"
        elif after.get("title") == "As contact":
            then = "the same person, now the contact's" if before and before["id"] == after["id"] else "a new person"
        else:
            then = "the lead's person, kept"
        table.append(told(yes[of_lead], yes[of_contact], then))
    assert table == written("qualify")
    assert len(world.leads()) == sum("nobody" not in row for row in table), "nobody twice"


@pytest.mark.feature("MK-07", system="marketo")
def test_after_a_merge_in_dynamics_the_filter_of_the_record_that_stays_decides(world: MarketoWorld) -> None:
    cases = [(stays, goes) for stays in (True, False) for goes in (True, False)]
    rows = [
        filtered(2 * number + place, value, contact)
        for number, case in enumerate(cases)
        for place, value in enumerate(case)
    ]
    maps = [{**item, "criteria": NOT_NO} if item["name"] == "contact" else item for item in default_entities()]
    connection = world.begun(0, rows={"contact": rows}, entities=maps)
    ids = {each["emailaddress1"]: each["contactid"] for each in world.rows("contact")}
    for number, _ in enumerate(cases):
        stays, goes = (
            {"contactid": ids[email(2 * number + place)], "@odata.type": "Microsoft.Dynamics.CRM.contact"}
            for place in range(2)
        )
        call(world, "Merge", {"Target": stays, "Subordinate": goes, "PerformParentingChecks": False})
        world.edit("contact", stays["contactid"], firstname="Merged")
    world.next_run(connection)
    world.next_run(connection)
    yes = {True: "Yes", False: "No"}
    table = []
    for number, (stays_in, goes_in) in enumerate(cases):
        person = world.leads().get(email(2 * number))
        then = "nobody" if person is None else "synced on" if person["firstName"] == "Merged" else "kept, and stale"
        table.append(told(yes[stays_in], yes[goes_in], then))
    assert table == written("merge")
