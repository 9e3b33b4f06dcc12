"""Accounts, opportunities, opt-outs, criteria and tags, from "no connection" on, through the app's own doors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import requests

from cli.demo.verify import write_log
from tests.app.conftest import World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app-two")]

PUSHED = {"D365: Contact", "D365: Pushed from Dynamics"}


def seed_crm(world: World, **rows: list[Mapping[str, Any]]) -> dict[str, list[str]]:
    made: dict[str, list[str]] = world.sims.control("dataverse", "POST", "seed", {"rows": rows})["rows"]
    return made


def seed_ac(world: World, **parts: Any) -> dict[str, Any]:
    made: dict[str, Any] = world.sims.control("activecampaign", "POST", "seed", parts)
    return made


def edit(world: World, table: str, row: str, **values: Any) -> None:
    world.sims.control("dataverse", "POST", "do/edit", {"table": table, "id": row, "values": values})


def named(world: World, table: str) -> dict[str, dict[str, Any]]:
    """Rows of Dynamics by name or e-mail."""
    column = {"account": "name", "opportunity": "name"}.get(table, "emailaddress1")
    return {str(row.get(column, "")): row for row in world.rows(table)}


def people(world: World) -> dict[str, dict[str, Any]]:
    return {str(row["email"]): row for row in world.contacts()}


def companies(world: World) -> dict[str, dict[str, Any]]:
    found = world.sims.control("activecampaign", "GET", "state?kind=accounts")["accounts"]
    return {str(row["name"]): row for row in found}


def started(world: World, **changes: Any) -> str:
    """A connection with what was seeded, after its initial sync."""
    connection = world.connect(**changes)
    world.switch_on(connection)
    world.wait_for(connection, 1)
    return connection


def with_entity(world: World, connection: str, name: str, **changes: Any) -> None:
    """One entity of the connection with other settings."""
    entities = world.call("GET", f"connections/{connection}")["entities"]
    wanted = [{**item, **changes} if item["name"] == name else item for item in entities]
    world.call("PATCH", f"connections/{connection}", {"entities": wanted})


def codes(world: World, connection: str) -> set[tuple[str, str, str]]:
    found = world.call("GET", f"connections/{connection}/failures")["value"]
    return {(item["entity"], problem["code"], problem["field"]) for item in found for problem in item["problems"]}


def written(world: World, system: str, *kinds: str) -> list[Mapping[str, Any]]:
    return [row for row in write_log(world.sims, system) if row["kind"] in kinds]


@pytest.mark.feature("AC-06.1", system="activecampaign")
@pytest.mark.feature("AC-06.2", system="activecampaign")
@pytest.mark.feature("HUB-28", system="activecampaign")
def test_accounts_go_both_ways_before_their_people_and_a_taken_name_is_adopted(world: World) -> None:
    world.reseed(12)
    ids = seed_crm(world, account=[{"name": "Contoso", "websiteurl": "https://contoso.example"}, {"name": "Fabrikam"}])
    for number, row in enumerate(world.rows("contact")):
        parent = f"accounts({ids['account'][number % 2]})"
        edit(world, "contact", row["contactid"], **{"parentcustomerid_account@odata.bind": f"/{parent}"})
    seed_ac(world, accounts=[{"name": "contoso"}, {"name": "Northwind"}])
    connection = started(world)
    # Contoso was there, by another spelling: it is the same account, and Dynamics' spelling wins.
    assert set(companies(world)) == {"Contoso", "Fabrikam", "Northwind"}
    assert companies(world)["Contoso"]["url"] == "https://contoso.example"
    found = people(world)
    for number in range(12):
        language = ("es", "it", "en")[number % 3]
        assert found[f"person{number}@{language}.example.org"]["account"] in {"Contoso", "Fabrikam"}
    assert sorted(row["account"] for row in found.values()) == ["Contoso"] * 6 + ["Fabrikam"] * 6
    made = [(row["kind"], row["op"]) for row in written(world, "activecampaign", "account", "contact")]
    assert made.index(("account", "create")) < made.index(("contact", "create"))
    assert set(named(world, "account")) == {"Contoso", "Fabrikam"}  # the initial sync writes to ActiveCampaign only
    world.next_run(connection)
    assert set(named(world, "account")) == {"Contoso", "Fabrikam", "Northwind"}
    # both ways: an edit there, and a person who joins a company there
    world.ac("edit_account", account=companies(world)["Northwind"]["id"], accountUrl="https://northwind.example")
    seed_ac(world, contacts=[{"email": "new@example.org", "lastName": "New", "account": "Northwind"}])
    world.ac("add_tag", contact="new@example.org", tag="D365: Contact")
    world.ac("add_tag", contact="new@example.org", tag="D365: Pulled from ActiveCampaign")
    world.next_run(connection)
    northwind = named(world, "account")["Northwind"]
    assert northwind["websiteurl"] == "https://northwind.example"
    assert named(world, "contact")["new@example.org"]["parentcustomerid"]["id"] == northwind["accountid"]
    written_before = len(write_log(world.sims, "activecampaign")), len(write_log(world.sims, "dataverse"))
    world.next_run(connection)
    assert (len(write_log(world.sims, "activecampaign")), len(write_log(world.sims, "dataverse"))) == written_before


@pytest.mark.feature("AC-06.2", system="activecampaign")
@pytest.mark.feature("HUB-12.3", system="activecampaign")
def test_an_account_whose_name_two_rows_of_dynamics_have_is_a_question(world: World) -> None:
    connection = world.begun(1)
    seed_crm(world, account=[{"name": "Twins"}, {"name": "twins"}])
    world.next_run(connection)
    assert [name.lower() for name in companies(world)] == ["twins"]
    assert ("account", "conflicted:duplicate_match", "") in codes(world, connection)
    assert len(world.rows("account")) == 2


@pytest.mark.feature("AC-06.3", system="activecampaign")
@pytest.mark.parametrize("how", ["replace", "report"])
def test_a_second_account_of_a_person_takes_the_first_ones_place_or_is_reported(world: World, how: str) -> None:
    world.reseed(1)
    ids = seed_crm(world, account=[{"name": "First"}, {"name": "Second"}])["account"]
    person = world.rows("contact")[0]
    bind = "parentcustomerid_account@odata.bind"
    edit(world, "contact", person["contactid"], **{bind: f"/accounts({ids[0]})"})
    connection = started(world, partner_second_account=how)
    email = person["emailaddress1"]
    assert people(world)[email]["account"] == "First"
    edit(world, "contact", person["contactid"], **{bind: f"/accounts({ids[1]})", "lastname": "Moved"})
    world.next_run(connection)
    assert people(world)[email]["lastName"] == "Moved"  # one field holds up no other
    if how == "replace":
        assert people(world)[email]["account"] == "Second"
        assert codes(world, connection) == set()
    else:
        assert people(world)[email]["account"] == "First"
        assert codes(world, connection) == {("contact", "failed:field_rejected", "account")}
        [failure] = world.call("GET", f"connections/{connection}/failures")["value"]
        assert failure["problems"][0]["vendorCode"] == "second_account"


@pytest.mark.feature("AC-08", system="activecampaign")
@pytest.mark.feature("HUB-06.1", system="activecampaign")
@pytest.mark.parametrize("way", ["opportunity", "deal"])
def test_opportunities_go_one_way_as_records_of_a_custom_object_or_as_deals(world: World, way: str) -> None:
    world.reseed(1)
    person = world.rows("contact")[0]
    if way == "deal":
        seed_ac(world, pipelines=[{"title": "Sales"}])
    connection = world.connect(partner_currency="eur")
    with_entity(world, connection, way, on=True)
    world.switch_on(connection)
    world.wait_for(connection, 1)
    bind = {"parentcontactid@odata.bind": f"/contacts({person['contactid']})"}
    seed_crm(world, opportunity=[{"name": "Big one", "estimatedvalue": 1250.5, "closeprobability": 40, **bind}])
    world.next_run(connection)
    [shown] = opportunities(world, way)
    contact = people(world)[person["emailaddress1"]]["id"]
    assert shown == {"name": "Big one", "value": 1250.5, "status": "Open", "probability": 40, "contact": contact}
    row = named(world, "opportunity")["Big one"]["opportunityid"]
    edit(world, "opportunity", row, name="Bigger", closeprobability=60)
    world.next_run(connection)
    [shown] = opportunities(world, way)
    assert (shown["name"], shown["probability"]) == ("Bigger", 60)
    if way == "deal":
        deal = world.sims.control("activecampaign", "GET", "state?kind=deals")["deals"][0]["id"]
        world.ac("edit_deal", deal=deal, description="Theirs")
        world.next_run(connection)
        world.next_run(connection)
    assert written(world, "dataverse", "opportunity") == [
        entry for entry in written(world, "dataverse", "opportunity") if "dynasync" not in str(entry.get("who", ""))
    ]


def opportunities(world: World, way: str) -> list[dict[str, Any]]:
    """As people in ActiveCampaign see them."""
    if way == "deal":
        return [
            {
                "name": row["title"],
                "value": row["value"] / 100,
                "status": ["Open", "Won", "Lost"][int(row["status"])],
                "probability": int(row["percent"]),
                "contact": row["contact"],
            }
            for row in world.sims.control("activecampaign", "GET", "state?kind=deals")["deals"]
        ]
    shown = []
    for row in world.sims.control("activecampaign", "GET", "state?kind=records")["records"]:
        held = row["fields"]
        wanted = {name: held.get(name) for name in ("name", "value", "status", "probability")}
        shown.append({**wanted, "contact": row["relationships"]["contact"][0]})
    return shown


@pytest.mark.feature("AC-10.1", system="activecampaign")
@pytest.mark.feature("AC-10.3", system="activecampaign")
@pytest.mark.feature("AC-10.4", system="activecampaign")
@pytest.mark.feature("AC-10.5", system="activecampaign")
@pytest.mark.feature("HUB-04.6", system="activecampaign")
@pytest.mark.feature("HUB-10.1", system="activecampaign")
def test_opt_outs_arrive_with_the_person_and_the_stricter_side_wins(world: World) -> None:
    world.reseed(14)
    rows = {row["emailaddress1"]: row for row in world.rows("contact")}
    emails = sorted(rows)
    out_in_crm, out_in_ac, bounced, later_crm, later_ac = emails[:5]
    edit(world, "contact", rows[out_in_crm]["contactid"], donotbulkemail=True)
    seed_ac(
        world,
        lists=["News", "Offers"],
        contacts=[{"email": out_in_ac, "lists": [{"list": "News", "status": 2}]}],
    )
    connection = started(world)
    # in the import that makes the person, so that no mail can come between
    assert people(world)[out_in_crm]["lists"] == {"News": 2, "Offers": 2}
    entries = [row for row in write_log(world.sims, "activecampaign") if str(row.get("id")) == _id(world, out_in_crm)]
    assert [entry["op"] for entry in entries if entry["op"] in {"create", "unsubscribe"}] == [
        "create",
        "unsubscribe",
        "unsubscribe",
    ]
    assert len({entry["who"] for entry in entries}) == 1  # one import
    assert all(person["lists"] == {} for email, person in people(world).items() if email not in {out_in_crm, out_in_ac})
    # the initial sync writes to ActiveCampaign only: the opt-out known there follows in the next run
    world.next_run(connection)
    assert out(world, out_in_ac)
    # found though list changes do not move udate, within one job
    world.ac("subscribe", contact=later_ac, list="News")
    world.ac("unsubscribe", contact=later_ac, list="all")
    world.ac("bounce", contact=bounced)
    edit(world, "contact", rows[later_crm]["contactid"], donotbulkemail=True)
    world.ac("subscribe", contact=later_crm, list="Offers")
    world.next_run(connection)
    assert out(world, later_ac)
    assert out(world, bounced)
    assert people(world)[later_crm]["lists"]["Offers"] == 2
    # cleared in Dynamics: nothing happens there, and nobody is put back on a list
    edit(world, "contact", rows[later_crm]["contactid"], donotbulkemail=False)
    world.next_run(connection)
    world.next_run(connection)
    assert people(world)[later_crm]["lists"]["Offers"] == 2
    assert not out(world, later_crm)
    assert nobody_was_subscribed(world)


@pytest.mark.feature("AC-10.2", system="activecampaign")
def test_only_the_persons_own_subscription_ends_an_opt_out_in_dynamics(world: World) -> None:
    world.reseed(3)
    seed_ac(world, lists=["News"])
    emails = sorted(row["emailaddress1"] for row in world.rows("contact"))
    for row in world.rows("contact"):
        edit(world, "contact", row["contactid"], donotbulkemail=True)
    connection = started(world)
    hook = {item["what"]: item["url"] for item in world.call("GET", f"connections/{connection}/hooks")["value"]}
    by_self, by_colleague, silently = emails
    world.advance(60)
    for email, source in ((by_self, "public"), (by_colleague, "admin")):
        world.ac("subscribe", contact=email, list="News")
        form = {"type": "subscribe", "initiated_from": source, "contact[id]": _id(world, email)}
        assert requests.post(hook["events"], data=form, timeout=30).status_code == 202
    world.ac("subscribe", contact=silently, list="News")  # its event was lost: a walk only finds the status
    world.next_run(connection)
    world.next_run(connection)
    assert [out(world, email) for email in (by_self, by_colleague, silently)] == [False, True, True]
    # an event that the lists do not bear out, because the person left again
    world.ac("unsubscribe", contact=by_self, list="all")
    form = {"type": "subscribe", "initiated_from": "public", "contact[id]": _id(world, by_self)}
    assert requests.post(hook["events"], data=form, timeout=30).status_code == 202
    world.next_run(connection)
    assert out(world, by_self)
    assert nobody_was_subscribed(world)


def nobody_was_subscribed(world: World) -> bool:
    """By ActiveCampaign's own write log: the app wrote, and put nobody on a list."""
    done = {
        row["op"] for row in write_log(world.sims, "activecampaign") if str(row["who"]).startswith(("api", "import"))
    }
    return "create" in done and "subscribe" not in done


def out(world: World, email: str) -> bool:
    return bool(named(world, "contact")[email].get("donotbulkemail"))


def _id(world: World, email: str) -> str:
    return str(people(world)[email]["id"])


@pytest.mark.feature("AC-07", system="activecampaign")
@pytest.mark.feature("HUB-06.3", system="activecampaign")
def test_only_rows_that_meet_the_criteria_go_back(world: World) -> None:
    world.reseed(6)
    connection = world.connect()
    criteria = {"all": [{"column": "jobtitle", "op": "eq", "value": "Buyer"}]}
    with_entity(world, connection, "contact", criteria=criteria)
    world.switch_on(connection)
    world.wait_for(connection, 1)
    buyers = {row["emailaddress1"] for row in world.rows("contact") if row.get("jobtitle") == "Buyer"}
    assert set(people(world)) == buyers
    seed_ac(
        world,
        contacts=[
            {
                "email": "pulled@example.org",
                "lastName": "Pulled",
                "tags": ["D365: Contact", "D365: Pulled from ActiveCampaign"],
            }
        ],
    )
    world.next_run(connection)
    row = named(world, "contact")["pulled@example.org"]
    world.ac("edit_contact", contact="pulled@example.org", lastName="Married")
    world.next_run(connection)
    assert named(world, "contact")["pulled@example.org"]["lastname"] == "Married"
    edit(world, "contact", row["contactid"], firstname="Only here")
    world.next_run(connection)
    assert people(world)["pulled@example.org"]["firstName"] == ""
    last = world.call("GET", f"connections/{connection}/runs")["value"][0]
    assert last["counts"].get("skipped:outside_criteria") == 1


@pytest.mark.feature("AC-03.1", system="activecampaign")
@pytest.mark.feature("AC-03.2", system="activecampaign")
@pytest.mark.feature("AC-03.3", system="activecampaign")
def test_people_who_are_there_already_get_the_tags_and_no_double(world: World) -> None:
    world.reseed(30)
    emails = sorted(row["emailaddress1"] for row in world.rows("contact"))
    spanish = ["[D365: Contacto]", "d365: enviado desde dynamics"]
    seed_ac(
        world,
        contacts=[{"email": email.upper(), "firstName": "Old", "tags": ["vip"]} for email in emails[:20]]
        + [{"email": emails[20], "tags": spanish}],
    )
    connection = started(world)
    found = {email.lower(): person for email, person in people(world).items()}
    assert sorted(found) == emails
    for email in emails[:20]:
        assert set(found[email]["tags"]) == PUSHED | {"vip"}
        assert found[email]["firstName"] != "Old"  # Dynamics wins on a first meeting
    assert set(found[emails[20]]["tags"]) == set(spanish)  # another language's names are the same tags
    for email in emails[21:]:
        assert set(found[email]["tags"]) == PUSHED
    counts = world.status(connection)["counts"]
    assert counts["contact.linked"] == 30


@pytest.mark.feature("AC-05.1", system="activecampaign")
@pytest.mark.feature("HUB-14.1", system="activecampaign")
def test_a_missing_tag_stops_updates_both_ways_and_is_named(world: World) -> None:
    connection = world.begun(2)
    row = sorted(world.rows("contact"), key=lambda each: str(each["emailaddress1"]))[0]
    email = row["emailaddress1"]
    world.ac("remove_tag", contact=email, tag="D365: Contact")
    world.next_run(connection)
    edit(world, "contact", row["contactid"], lastname="Ours")
    world.ac("edit_contact", contact=email, firstName="Theirs")
    world.next_run(connection)
    assert people(world)[email]["lastName"] == row["lastname"]
    assert named(world, "contact")[email]["firstname"] == row["firstname"]
    last = world.call("GET", f"connections/{connection}/runs")["value"][0]
    assert last["counts"].get("skipped:tags_missing", 0) >= 1
    world.ac("add_tag", contact=email, tag="D365: Contact")
    world.next_run(connection)
    assert people(world)[email]["lastName"] == "Ours"
    assert named(world, "contact")[email]["firstname"] == "Theirs"
