"""Field mapping on the page: pairs that fit, their way, values, transforms, a preview, and what is broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from tests.page.conftest import Opening, World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page")]

DASH = " \N{EN DASH} "
FIELDS = [
    {"title": "Job title", "type": "text"},
    {"title": "Gender", "type": "dropdown", "options": ["Male", "Female"]},
    {"title": "Secret", "type": "text"},
    {"title": "Since", "type": "datetime"},
]


@pytest.fixture
def ids(world: World, connection: str) -> Iterator[dict[str, str]]:
    """Ids of custom fields of the account, by title; the contact's map is put back afterwards."""
    at = f"connections/{connection}/entities/contact"
    before = world.call("GET", at)["map"]
    there = {item["title"]: item["id"] for item in listed(world)}
    missing = [item for item in FIELDS if item["title"] not in there]
    if missing:
        world.sims.control("activecampaign", "POST", "seed", {"fields": missing})
    yield {item["title"]: str(item["id"]) for item in listed(world)}
    put(world, at, before)


def listed(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ac(world, "GET", "fields?limit=100").json()["fields"]
    return found


def ac(world: World, method: str, path: str) -> requests.Response:
    return world.sims.session.request(
        method,
        f"{world.sims.urls['activecampaign']}/api/3/{path}",
        headers={"Api-Token": world.keys["api_key"]},
        verify=world.sims.ca_file,
        timeout=30,
    )


def put(world: World, at: str, data: dict[str, Any]) -> None:
    headers = {"x-functions-key": world.host.host_key, "If-Match": "*"}
    answer = world.answer("PUT", at, {"map": data}, headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.feature("HUB-08.1", system="activecampaign")
@pytest.mark.feature("HUB-08.2", system="activecampaign")
@pytest.mark.feature("HUB-08.3", system="activecampaign")
@pytest.mark.feature("HUB-08.4", system="activecampaign")
@pytest.mark.feature("HUB-08.5", system="activecampaign")
@pytest.mark.feature("HUB-08.7", system="activecampaign")
@pytest.mark.feature("HUB-08.8", system="activecampaign")
@pytest.mark.feature("APP-02.4")
def test_fields_are_suggested_mapped_and_tried_on_a_real_record(
    tabs: Opening, world: World, connection: str, ids: dict[str, str]
) -> None:
    row = next(row for row in world.rows("contact") if row.get("lastname"))
    edit = {"table": "contact", "id": row["contactid"], "values": {"gendercode": 2, "jobtitle": " Head of trade "}}
    world.sims.control("dataverse", "POST", "do/edit", edit)
    with tabs() as tab:
        page = tab.page
        tab.open(f"?view=mapping&entity=contact&connection={connection}")
        page.get_by_text("Every pair fits both systems").wait_for()
        page.get_by_role("button", name="Suggest pairs").click()
        page.get_by_role("button", name=f"Take: JobTitle{DASH}Job title").click()
        page.get_by_role("button", name=f"Edit: JobTitle{DASH}Job title").click()
        page.get_by_label("Direction", exact=True).select_option("to_partner")
        page.get_by_label("When both changed", exact=True).select_option("owner_crm")
        page.get_by_label("Add a transform").select_option("trim")
        page.get_by_label("Add a transform").select_option("upper")
        expect(page.get_by_role("list").filter(has_text="Upper case")).to_contain_text("one way only")
        page.get_by_role("button", name=f"Edit: JobTitle{DASH}Job title").click()
        page.get_by_label("Map another field").select_option("gendercode")
        partner = page.get_by_role("combobox", name="ActiveCampaign", exact=True)
        expect(partner.locator("option", has_text="Gender")).to_have_count(1)
        expect(partner.locator("option", has_text="Account")).to_have_count(0)  # a lookup never fits a choice
        partner.select_option(f"field:{ids['Gender']}")
        page.get_by_role("button", name="Pair equal labels").click()
        expect(page.get_by_label("ActiveCampaign, 2")).to_have_value("Female")
        tab.shot("mapping-editor")
        page.get_by_label("Its id or e-mail address").fill(row["contactid"])
        page.get_by_role("button", name="Show", exact=True).click()
        shown = page.get_by_role("region", name="Preview with a real record").last
        expect(shown.get_by_role("row", name="jobtitle")).to_contain_text("HEAD OF TRADE")
        expect(shown.get_by_role("row", name="gendercode")).to_contain_text("Female")
        tab.save()
    fields = {
        item["id"]: item for item in world.call("GET", f"connections/{connection}/entities/contact")["map"]["fields"]
    }
    title = fields["jobtitle"]
    assert (title["direction"], title["policy"], title["transforms"]) == ("to_partner", "owner_crm", ["trim", "upper"])
    assert fields["gendercode"]["values"] == {"1": "Male", "2": "Female"}


@pytest.mark.feature("HUB-08.10", system="activecampaign")
def test_a_mapping_that_lost_its_field_is_shown_with_what_to_do_and_heals(
    tabs: Opening, world: World, connection: str, ids: dict[str, str]
) -> None:
    at = f"connections/{connection}/entities/contact"
    stands = world.call("GET", at)["map"]
    lost = {"id": "lost", "crm": "jobtitle", "partner": f"field:{ids['Secret']}"}
    put(world, at, {**stands, "fields": [*stands["fields"], lost]})
    assert ac(world, "DELETE", f"fields/{ids['Secret']}").status_code == 200
    with tabs() as tab:
        page = tab.page
        tab.open(f"?view=mapping&entity=contact&connection={connection}")
        page.get_by_text("One thing does not fit both systems").wait_for()
        page.get_by_text("Only these rest; the other fields go on").wait_for()
        page.get_by_text("The partner has no such field any more").wait_for()
        page.get_by_text("Restore the field, or map another one").wait_for()
        tab.shot("mapping-broken")
        page.get_by_role("button", name="Remove: JobTitle").click()
        page.get_by_text("Every pair fits both systems").wait_for()
        tab.save()
    assert "lost" not in [item["id"] for item in world.call("GET", at)["map"]["fields"]]


@pytest.mark.feature("HUB-18.3", system="activecampaign")
def test_fields_that_cannot_be_written_say_so_and_only_open_ways_are_offered(
    tabs: Opening, world: World, connection: str, ids: dict[str, str]
) -> None:
    with tabs() as tab:
        page = tab.page
        tab.open(f"?view=mapping&entity=contact&connection={connection}")
        page.get_by_label("Map another field").select_option("createdon")
        row = page.get_by_role("row", name="CreatedOn").first
        expect(row).to_contain_text("cannot be written")
        partner = page.get_by_role("combobox", name="ActiveCampaign", exact=True)
        partner.select_option(index=1)
        ways = page.get_by_label("Direction", exact=True)
        page.get_by_text("directions are shut").wait_for()
        expect(ways.locator("option[value=to_partner]")).to_have_count(1)
        expect(ways.locator("option[value=to_crm]")).to_have_count(0)
        page.get_by_role("button", name="Discard").click()
        expect(page.get_by_role("row", name="CreatedOn")).to_have_count(0)


def test_two_people_at_one_map_join_their_fields(
    tabs: Opening, world: World, connection: str, ids: dict[str, str]
) -> None:
    at = f"connections/{connection}/entities/contact"
    stands = world.call("GET", at)["map"]
    with tabs() as tab:
        tab.allowed.append("412")
        page = tab.page
        tab.open(f"?view=mapping&entity=contact&connection={connection}")
        page.get_by_role("button", name=f"Edit: LastName{DASH}Last name").click()
        page.get_by_label("When both changed", exact=True).select_option("newest")
        theirs = [
            {**item, "policy": "owner_partner"} if item["id"] == "firstname" else item for item in stands["fields"]
        ]
        put(world, at, {**stands, "fields": theirs})
        page.get_by_role("button", name="Save", exact=True).click()
        clash = page.get_by_role("alertdialog")
        expect(clash.get_by_role("row", name="firstname")).to_contain_text("The partner wins")
        expect(clash.get_by_role("row", name="lastname")).to_contain_text("The newest wins")
        clash.get_by_role("button", name="Save this choice").click()
        tab.saved()
    fields = {item["id"]: item for item in world.call("GET", at)["map"]["fields"]}
    assert (fields["firstname"]["policy"], fields["lastname"]["policy"]) == ("owner_partner", "newest")


def test_an_entity_that_is_off_is_mapped_and_counted_before_it_is_switched_on(
    tabs: Opening, world: World, connection: str
) -> None:
    with tabs() as tab:
        page = tab.page
        tab.open(f"?view=mapping&entity=deal&connection={connection}")
        expect(page.get_by_role("region", name="Mapped fields").first).to_contain_text("EstimatedValue")
        tab.open(f"?view=data&entity=deal&connection={connection}")
        page.get_by_text("of 0 rows in Dynamics 365 take part").wait_for()
