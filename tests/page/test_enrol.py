"""Adding a record to an automation, from the page's look-up."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.app.conftest import API_VERSION
from tests.app.test_enrolments import automation, entries, people
from tests.page.conftest import Opening, Tab, World
from tests.page.looks import faults_anywhere, violations, wider_than_the_window

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page-two")]


@pytest.fixture
def connection(world: World) -> str:
    return world.begun(people=2)


@pytest.mark.feature("AC-12.2", system="activecampaign")
def test_a_record_is_added_to_an_automation_and_its_request_is_followed(
    tabs: Opening, world: World, connection: str
) -> None:
    automation(world, "Old", status=0)
    welcome = automation(world, "Welcome")
    row, other = people(world).values()
    with tabs() as tab:
        page = tab.page
        # As Dynamics' entry on a row's form opens it: by the table's name.
        tab.open(f"?view=lookup&connection={connection}&side=crm&kind=contact&record={row}")
        button = page.get_by_role("button", name="Add to an automation…")
        button.click()
        dialog = page.get_by_role("dialog", name="Add the record to an automation")
        options = dialog.get_by_role("option")
        expect(options).to_have_text(["Choose one", "Old (does not run)", "Welcome"])
        expect(options.nth(1)).to_be_disabled()
        add = dialog.get_by_role("button", name="Add", exact=True)
        add.click(force=True)  # nothing is chosen: nothing is asked
        expect(dialog.get_by_role("alert")).to_have_count(0)
        expect(dialog).to_be_visible()
        dialog.get_by_label("Automation").select_option(label="Welcome")
        add.click()
        request = page.get_by_role("region", name="The request")
        request.get_by_text("The record was added to the automation.").wait_for()
        assert len(entries(world, welcome)) == 1
        assert faults_anywhere(tab, "enrol") == []
        page.set_viewport_size({"width": 1280, "height": 900})
        page.locator(".top select").nth(-2).select_option("en")
        button.click()
        dialog.get_by_label("Automation").select_option(label="Welcome")
        add.click()
        request.get_by_text("The record is in the automation already.").wait_for()
        tab.open(f"?view=requests&connection={connection}&state=finished")
        line = page.locator("tbody tr", has_text=row)
        line.get_by_text(f"Automation {welcome}").wait_for()
        line.get_by_role("link", name="Look up").click()
        page.locator(".verdict").wait_for()
        expect(page).to_have_url(re.compile(f"record={row}"))
        assert [line for line in tab.sent if "enrolments" in line] == [f"POST {enrolments(tab, connection)}"] * 2
    assert len(entries(world, welcome)) == 1
    with tabs(user="reader") as tab:
        tab.open(f"?view=lookup&connection={connection}&entity=contact&side=crm&record={other}")
        tab.page.get_by_role("button", name="Add to an automation…").click(force=True)
        tab.page.get_by_role("link", name="Overview").click()
        tab.page.locator(".counts").wait_for()
        expect(tab.page.get_by_role("dialog")).to_have_count(0)
        assert [line for line in tab.sent if "/lookup" not in line] == []


def enrolments(tab: Tab, connection: str) -> str:
    return f"{tab.url}/api/signed-in/connections/{connection}/enrolments?api-version={API_VERSION}"


@pytest.mark.feature("AC-12.2", system="activecampaign")
def test_the_dialog_of_automations_looks_well_everywhere_and_says_what_goes_wrong(
    tabs: Opening, world: World, connection: str
) -> None:
    [row, _] = people(world).values()
    with tabs() as tab:
        tab.allowed.append("502")
        page = tab.page
        fault = {
            "match": {"method": "GET", "path": "automations"},
            "do": {"status": 403, "body": '{"message": "Forbidden"}'},
        }
        world.sims.control("activecampaign", "POST", "faults", fault)
        tab.open(f"?view=lookup&connection={connection}&entity=contact&side=crm&record={row}")
        page.get_by_role("button", name="Add to an automation…").click()
        dialog = page.get_by_role("dialog", name="Add the record to an automation")
        dialog.get_by_role("alert").get_by_text("the API key is not accepted").wait_for()
        world.sims.control("activecampaign", "DELETE", "faults")
        dialog.get_by_role("button", name="Try again").click()
        dialog.get_by_text("ActiveCampaign has no automation yet.").wait_for()
        dialog.get_by_role("button", name="Cancel").click()
        automation(world, "Welcome")
        page.get_by_role("button", name="Add to an automation…").click()
        dialog.get_by_role("option", name="Welcome").wait_for(state="attached")
        page.set_viewport_size({"width": 360, "height": 800})
        assert [*violations(tab), *(["wide"] if wider_than_the_window(tab) else [])] == []
