"""Requests that were given up, on the page: tried again or forgotten by a person."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.app.test_requests import contact, hooks, post, settled
from tests.page.conftest import Opening, World
from tests.page.looks import faults_anywhere

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page-two")]


@pytest.mark.feature("HUB-26.4", system="activecampaign")
def test_requests_that_were_given_up_are_tried_again_or_forgotten(tabs: Opening, world: World) -> None:
    connection = world.begun(people=1)
    fault = {"match": {"method": "POST", "path": "contactTags"}, "do": {"status": 500, "body": "down"}}
    world.sims.control("activecampaign", "POST", "faults", fault)
    url = hooks(world, connection)["lead"]
    people = [contact(world, f"given-up{number}@example.org", lastName="Lead") for number in range(2)]
    keys = [post(url, f"contact[id]={person}").json()["id"] for person in people]
    for key in keys:
        settled(world, connection, key, "poison", seconds=60)
    world.sims.control("activecampaign", "DELETE", "faults")
    with tabs() as tab:
        page = tab.page
        tab.open(f"?view=requests&connection={connection}")
        page.locator("tbody .problem").nth(1).wait_for()
        assert faults_anywhere(tab, "requests") == []
        page.set_viewport_size({"width": 1280, "height": 900})
        page.locator(".top select").nth(-2).select_option("en")
        page.get_by_role("checkbox", name=f"Select {people[0]}", exact=True).check()
        page.get_by_role("button", name="Try the selected one again").click()
        page.get_by_role("dialog", name="Try one request again?").get_by_role("button", name="Try again").click()
        page.get_by_role("checkbox", name=f"Select {people[0]}", exact=True).wait_for(state="detached")
        settled(world, connection, keys[0], "waiting")
        page.get_by_role("checkbox", name="Select the one that is listed").check()
        page.get_by_role("button", name="Forget the selected one").click()
        page.get_by_role("dialog", name="Forget one request?").get_by_role("button", name="Forget").click()
        page.get_by_text("No request was given up.").wait_for()
        page.get_by_label("Show").select_option("waiting")
        expect(page.locator("tbody code", has_text=re.compile(rf"^{people[0]}$"))).to_have_count(1)
    assert world.call("GET", f"connections/{connection}/requests")["value"] == []
