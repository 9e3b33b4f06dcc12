"""People, accounts and opportunities between Dynamics and Marketo, through the app's own doors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.connectors.marketo.defaults import default_entities
from tests.app.marketo import FILTER, FLAG, MarketoWorld, contact, email, lead, marketo_world
from tests.pace import PATIENCE

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app-marketo")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketoWorld]:
    with marketo_world(tmp_path_factory.mktemp("clock") / "clock.json") as made:
        yield made


def entities(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The default maps with changes by entity."""
    return [{**item, **changes.get(str(item["name"]), {})} for item in default_entities()]


# -- cycle, entities, directions -----------------------------------------------------------------------------------
@pytest.mark.feature("MK-01", system="marketo")
def test_the_next_cycle_starts_five_minutes_after_the_last_ended(world: MarketoWorld) -> None:
    connection = world.begun(3)
    for _ in range(2):
        status = world.status(connection)
        run = world.call("GET", f"connections/{connection}/runs")["value"][0]
        pause = (datetime.fromisoformat(status["nextRun"]) - datetime.fromisoformat(run["ended"])).total_seconds()
        assert 299 <= pause <= 362, (pause, run)
        world.next_run(connection)


@pytest.mark.feature("MK-02.1", system="marketo")
@pytest.mark.feature("MK-02.2", system="marketo")
def test_accounts_people_and_opportunities_arrive_in_order_and_accounts_flow_one_way(world: MarketoWorld) -> None:
    world.reseed(0)
    account = world.make("account", name="Acme", numberofemployees=12)
    person = world.make("contact", **contact(1), **{"parentcustomerid_account@odata.bind": f"/accounts({account})"})
    links = {
        "parentaccountid@odata.bind": f"/accounts({account})",
        "parentcontactid@odata.bind": f"/contacts({person})",
    }
    world.make("opportunity", name="Chairs", **links)
    connection = world.connect()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    (company,) = world.kind("companies")
    assert (company["company"], company["numberOfEmployees"]) == ("Acme", 12)
    assert world.lead(email(1))["externalCompanyId"] == company["externalCompanyId"]
    (opportunity,) = world.kind("opportunities")
    assert (opportunity["name"], opportunity["externalCompanyId"]) == ("Chairs", company["externalCompanyId"])
    users = {each["externalSalesPersonId"] for each in world.kind("salespersons")}
    assert len(users) == len(world.rows("systemuser"))
    for owned in (company, world.lead(email(1)), opportunity):
        assert owned["externalSalesPersonId"] in users
    (role,) = world.kind("roles")
    assert (role["leadId"], role["role"]) == (world.lead(email(1))["id"], "Primary Contact")
    assert role["externalOpportunityId"] == opportunity["externalOpportunityId"]
    order = [
        each["kind"] for each in world.writes("marketo") if each["op"] == "create" and each["kind"] != "activityType"
    ]
    assert list(dict.fromkeys(order)) == ["salespersons", "companies", "lead", "opportunities", "roles"]

    world.mk("edit_object", kind="companies", key=company["externalCompanyId"], values={"company": "Edited there"})
    world.next_run(connection)
    assert world.row("account", account)["name"] == "Acme"
    assert world.kind("companies")[0]["company"] == "Edited there"
    world.edit("account", account, name="Acme Ltd")
    world.next_run(connection)
    assert world.kind("companies")[0]["company"] == "Acme Ltd"
    assert world.row("contact", person)["lastname"] == "Last 1"


def test_people_who_are_in_marketo_only_stay_there(world: MarketoWorld) -> None:
    connection = world.begun(1)
    world.mk("create_lead", values={"email": "own@example.org", "firstName": "Own"})
    world.next_run(connection)
    world.next_run(connection)
    assert [row["emailaddress1"] for row in world.rows("contact")] == [email(0)]
    assert world.rows("lead") == []
    assert not [each for each in world.writes("dataverse") if each["op"] == "create"]


# -- conflicts -----------------------------------------------------------------------------------------------------
@pytest.mark.feature("MK-03.1", system="marketo")
@pytest.mark.feature("MK-03.2", system="marketo")
@pytest.mark.feature("MK-03.3", system="marketo")
def test_the_same_field_ends_as_the_native_rules_say_and_different_fields_both_survive(world: MarketoWorld) -> None:
    people = range(2)
    connection = world.begun(2, rows={"lead": [lead(number) for number in people]})
    table: list[tuple[str, ...]] = []
    rows = {}
    for kind in ("contact", "lead"):
        for number in people:
            address = email(number, kind)
            row = next(each for each in world.rows(kind) if each["emailaddress1"] == address)[f"{kind}id"]
            rows[kind, number] = row
            world.edit(kind, row, **({"firstname": "Dynamics"} if number == 0 else {"jobtitle": "Dynamics"}))
            world.mk("edit_lead", lead=address, values={"firstName": "Marketo"})
    world.next_run(connection)
    world.next_run(connection)
    for (kind, number), row in rows.items():
        ours, theirs = world.row(kind, row), world.lead(email(number, kind))
        assert (ours["firstname"], ours.get("jobtitle")) == (theirs["firstName"], theirs.get("title")), (kind, number)
        same = "same field" if number == 0 else "different fields"
        told = ours["firstname"] if number == 0 else f"{ours['firstname']}, {ours['jobtitle']}"
        table.append((kind, same, told))
    print("\n".join(f"| {kind} | {same} | {told} |" for kind, same, told in sorted(table)))
    assert sorted(table) == [
        ("contact", "different fields", "Marketo, Dynamics"),
        ("contact", "same field", "Dynamics"),
        ("lead", "different fields", "Marketo, Dynamics"),
        ("lead", "same field", "Marketo"),
    ]


# -- fields --------------------------------------------------------------------------------------------------------
@pytest.mark.feature("MK-05.1", system="marketo")
@pytest.mark.feature("MK-05.2", system="marketo")
def test_a_field_that_is_added_later_is_filled_in_and_nothing_else_is_written(world: MarketoWorld) -> None:
    few = [item for item in default_entities() if item["name"] == "contact"]
    kept = {"email", "firstname", "lastname"}
    small = [{**few[0], "parents": [], "fields": [f for f in few[0]["fields"] if f["id"] in kept]}]  # type: ignore[attr-defined]
    small[0]["fixed"] = ["email"]
    rows = [{**contact(number), "jobtitle": f"Title {number}"} for number in range(5)]
    connection = world.begun(0, rows={"contact": rows}, entities=small)
    assert "title" not in world.lead(email(3))
    before = len(world.writes("marketo"))
    added = {"id": "title", "crm": "jobtitle", "partner": "title"}
    world.call(
        "PATCH", f"connections/{connection}", {"entities": [{**small[0], "fields": [*small[0]["fields"], added]}]}
    )  # type: ignore[misc]
    world.next_run(connection)
    world.next_run(connection)
    assert [world.lead(email(number)).get("title") for number in range(5)] == [f"Title {number}" for number in range(5)]
    later = world.writes("marketo")[before:]
    assert {tuple(each["changed"]) for each in later} == {("title",)}
    assert len(later) == 5


# -- the sync filter -------------------------------------------------------------------------------------------------
NOT_NO = {"any": [{"column": FILTER, "op": "empty"}, {"column": FILTER, "op": "eq", "value": True}]}


@pytest.mark.feature("MK-07", system="marketo")
def test_the_truth_table_of_the_sync_filter(world: MarketoWorld) -> None:
    states = {"empty": None, "yes": True, "no": False}
    rows = [
        {**contact(number), **({} if value is None else {FILTER: value})}
        for number, value in enumerate(states.values())
    ]
    maps = entities(contact={"criteria": NOT_NO})
    connection = world.begun(0, rows={"contact": rows}, entities=maps)
    there = {name: email(number) in world.leads() for number, name in enumerate(states)}
    print("| filter | synced |\n" + "\n".join(f"| {name} | {there[name]} |" for name in states))
    assert there == {"empty": True, "yes": True, "no": False}
    ids = [next(r for r in world.rows("contact") if r["emailaddress1"] == email(n))["contactid"] for n in range(3)]
    # No to Yes: synced at once. Yes to No: left where it is, and stale from then on.
    world.edit("contact", ids[2], **{FILTER: True})
    world.edit("contact", ids[1], **{FILTER: False})
    world.next_run(connection)
    assert email(2) in world.leads()
    world.edit("contact", ids[1], firstname="Unseen")
    world.next_run(connection)
    assert world.lead(email(1))["firstName"] == "First 1"
    world.edit("contact", ids[1], **{FILTER: True})
    world.next_run(connection)
    assert world.lead(email(1))["firstName"] == "Unseen"


# -- deletes, merges, duplicates -----------------------------------------------------------------------------------
@pytest.mark.feature("MK-08.1", system="marketo")
def test_who_is_deleted_in_dynamics_is_kept_and_flagged(world: MarketoWorld) -> None:
    connection = world.begun(3)
    row = world.rows("contact")[1]
    world.remove("contact", row["contactid"])
    world.next_run(connection)
    found = world.leads()
    assert len(found) == 3
    assert found[row["emailaddress1"]][FLAG] is True
    assert [person.get(FLAG) for address, person in found.items() if address != row["emailaddress1"]] == [None, None]


@pytest.mark.feature("MK-08.2", system="marketo")
def test_who_is_deleted_in_marketo_is_kept_in_dynamics_and_made_again_at_the_next_edit(world: MarketoWorld) -> None:
    connection = world.begun(2)
    row = next(each for each in world.rows("contact") if each["emailaddress1"] == email(1))
    old = world.lead(email(1))["id"]
    world.mk("delete_lead", lead=old)
    world.next_run(connection)
    world.next_run(connection)
    assert email(1) not in world.leads()
    assert len(world.rows("contact")) == 2
    world.edit("contact", row["contactid"], firstname="Edited")
    world.next_run(connection)
    again = world.lead(email(1))
    assert (again["firstName"], again["id"] != old) == ("Edited", True)
    world.next_run(connection)
    assert len(world.leads()) == 2


@pytest.mark.feature("MK-08.3", system="marketo")
def test_a_merge_in_marketo_redirects_the_pair(world: MarketoWorld) -> None:
    connection = world.begun(1)
    world.mk("create_lead", values={"email": "winner@example.org", "firstName": "Winner"})
    world.next_run(connection)
    winner = world.lead("winner@example.org")["id"]
    world.mk("merge_leads", winner=winner, losers=[world.lead(email(0))["id"]])
    world.next_run(connection)
    world.next_run(connection)
    (row,) = world.rows("contact")
    world.edit("contact", row["contactid"], lastname="After the merge")
    world.next_run(connection)
    (person,) = world.leads().values()
    assert (person["id"], person["lastName"]) == (winner, "After the merge")


@pytest.mark.feature("MK-08.4", system="marketo")
def test_duplicates_in_dynamics_are_told_and_make_one_person(world: MarketoWorld) -> None:
    twice = [{**contact(0), "firstname": name} for name in ("One", "Two")]
    connection = world.begun(0, rows={"contact": twice})
    assert len(world.leads()) == 1
    assert world.status(connection)["counts"]["contact.parked"] == 1
    outcomes = world.call("GET", f"connections/{connection}/runs")["value"][-1]["counts"]
    assert outcomes["conflicted:duplicate_match"] == 1


# -- refusals and limits -------------------------------------------------------------------------------------------
@pytest.mark.feature("MK-01", system="marketo")
@pytest.mark.feature("MK-11.5", system="marketo")
def test_one_refused_person_parks_that_person_alone(world: MarketoWorld) -> None:
    rows = [contact(0), {**contact(1), "emailaddress1": "jörg@example.org"}, contact(2)]
    connection = world.begun(0, rows={"contact": rows})
    assert set(world.leads()) == {email(0), email(2)}
    assert world.status(connection)["counts"]["contact.parked"] == 1
    world.next_run(connection)
    after, failed = world.call("GET", f"connections/{connection}/runs")["value"][:2]
    assert failed["state"] != "succeeded", "a run with a failure is never green"
    pause = (datetime.fromisoformat(after["started"]) - datetime.fromisoformat(failed["ended"])).total_seconds()
    assert 299 <= pause <= 375, "the next cycle comes five minutes after one that failed too"


@pytest.mark.feature("MK-06", system="marketo")
@pytest.mark.feature("HUB-19", system="marketo")
def test_what_dynamics_refuses_stands_once_in_the_persons_log_however_often_it_is_tried(world: MarketoWorld) -> None:
    connection = world.begun(2)
    rule = {"table": "contact", "column": "lastname", "when": "contains", "value": "Bobby"}
    world.sims.control("dataverse", "POST", "seed", {"rejections": [{**rule, "message": "No drop tables here"}]})
    world.mk("edit_lead", lead=email(1), values={"lastName": "Bobby Tables", "firstName": "Fine"})
    world.next_run(connection)
    for _ in range(3):  # the tries at 1, 5 and 30 minutes
        world.advance(1900)
        world.tick()
        world.next_run(connection)
    told = world.activities()
    assert len(told) == 1, told
    assert told[0]["lead"] == world.lead(email(1))["id"]
    assert told[0]["attributes"]["Entity"] == "contact"
    assert "No drop tables here" in told[0]["attributes"]["Message"]
    assert "Bobby" not in str(told[0])
    row = next(each for each in world.rows("contact") if each["emailaddress1"] == email(1))
    assert row["lastname"] == "Last 1"

    rule = {"table": "contact", "column": "lastname", "when": "contains", "value": "Robert"}
    world.sims.control("dataverse", "POST", "seed", {"rejections": [{**rule, "message": "Nor any Roberts"}]})
    world.mk("edit_lead", lead=email(1), values={"lastName": "Robert Tables"})
    world.next_run(connection)
    assert len(world.activities()) == 2, "another refusal is told too"
    world.mk("edit_lead", lead=email(1), values={"lastName": "Tables"})
    world.next_run(connection)
    row = next(each for each in world.rows("contact") if each["emailaddress1"] == email(1))
    assert (row["lastname"], len(world.activities())) == ("Tables", 2)


def until_midnight(status: dict[str, Any]) -> bool:
    """Whether the lane rests until the quota begins anew, 00:00 US Central."""
    if "resting" not in status or not status["nextRun"]:
        return False
    resumes = datetime.fromisoformat(status["nextRun"]).astimezone(ZoneInfo("America/Chicago")) + timedelta(minutes=1)
    return resumes.hour == 0 and resumes.minute < 3


@pytest.mark.feature("MK-11.2", system="marketo")
@pytest.mark.feature("MK-11.4", system="marketo")
def test_dead_tokens_and_a_spent_quota_lose_nothing(world: MarketoWorld) -> None:
    connection = world.begun(3)
    world.mk("end_tokens", how="expired")
    row = world.rows("contact")[0]
    world.edit("contact", row["contactid"], firstname="After the token")
    world.next_run(connection)
    assert world.lead(row["emailaddress1"])["firstName"] == "After the token"
    world.sims.control("marketo", "POST", "switches", {"daily_quota": 1})
    world.edit("contact", row["contactid"], firstname="After the quota")
    status = world.status(connection)
    due = datetime.fromisoformat(status["nextRun"])
    world.advance(max(0.0, (due - world.now()).total_seconds()) + 1)
    world.tick()
    end = time.monotonic() + PATIENCE  # leases of the account's budget last 30 s of real time each
    while not until_midnight(told := world.status(connection)):
        assert time.monotonic() < end, repr(told)[:3000] + repr(world.now())
        time.sleep(2)  # it may rest for its share of the rate first, which is that of real time
        world.tick()
    world.sims.control("marketo", "POST", "switches", {"daily_quota": 50_000})
    assert world.lead(row["emailaddress1"])["firstName"] == "After the token"
    time.sleep(10)  # the account stays closed for so long, in real time
    world.next_run(connection)
    assert world.lead(row["emailaddress1"])["firstName"] == "After the quota", told


def test_calls_of_an_initial_sync_of_an_idle_cycle_and_of_an_edit(world: MarketoWorld) -> None:
    connection = world.begun(700)
    first = world.calls()
    assert first["/rest/v1/leads.json"] <= 3 + 3 + 2 + 6, first
    world.next_run(connection)
    world.forget_calls()
    world.next_run(connection)
    idle = world.calls()
    world.edit("contact", world.rows("contact")[0]["contactid"], firstname="New")
    world.forget_calls()
    world.next_run(connection)
    print(f"initial sync of 700: {sum(first.values())} calls {first}")
    print(f"idle cycle: {sum(idle.values())} calls {idle}; a day of them: {288 * sum(idle.values())}")
    print(f"one edit: {sum(world.calls().values())} calls {world.calls()}")
    assert 288 * sum(idle.values()) < 7500


# -- bulk import -----------------------------------------------------------------------------------------------------
@pytest.mark.feature("MK-11.6", system="marketo")
def test_a_large_load_goes_by_file_and_every_refused_person_is_named(world: MarketoWorld) -> None:
    world.reseed(1300)
    for name in ("One", "Two"):
        world.mk("create_lead", values={"email": "contact7@example.org", "firstName": name})
    connection = world.connect()
    world.forget_calls()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    calls = world.calls()
    print(f"initial sync of 1,300: {sum(calls.values())} calls {calls}")
    assert calls["/bulk/v1/leads.json"] == 1
    assert len(world.leads()) == 1300
    status = world.status(connection)
    assert status["counts"]["contact.linked"] == 1299, status["counts"]
    assert status["counts"].get("contact.awaiting", 0) == 0
    assert status["counts"]["contact.parked"] == 1

    row = next(each for each in world.rows("contact", 2000) if each["emailaddress1"] == email(1))
    before = len(world.writes("marketo"))
    world.next_run(connection)
    assert len(world.writes("marketo")) == before, "the echo of a file is no edit"
    world.edit("contact", row["contactid"], firstname="Edited")
    world.mk("edit_lead", lead=email(2), values={"firstName": "There"})
    world.next_run(connection)
    assert world.lead(email(1))["firstName"] == "Edited"
    assert next(r for r in world.rows("contact", 2000) if r["emailaddress1"] == email(2))["firstname"] == "There"
    assert len(world.leads()) == 1300


@pytest.mark.feature("MK-11.6", system="marketo")
def test_while_the_line_of_imports_is_full_a_load_goes_by_calls_and_nobody_is_lost(world: MarketoWorld) -> None:
    world.reseed(700)
    world.sims.control("marketo", "POST", "do/fail", {"code": "1016", "path": "^/bulk/v1/leads.json", "times": 5})
    connection = world.connect()
    world.forget_calls()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    assert world.calls()["/bulk/v1/leads.json"] == 1
    assert len(world.leads()) == 700
    assert world.status(connection)["counts"]["contact.linked"] == 700
