"""Sync settings on the page: the switch, the initial sync, how often jobs run, guards."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Kept, Opening, World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page")]

LONG = 90_000
"""Milliseconds for what a run does."""


@pytest.mark.feature("HUB-05.1", system="activecampaign")
@pytest.mark.feature("HUB-05.2", system="activecampaign")
@pytest.mark.feature("APP-02.5")
def test_the_frequency_is_changed_and_the_next_run_follows(tabs: Opening, world: World, connection: str) -> None:
    at = f"connections/{connection}/schedule"
    with tabs() as tab:
        tab.allowed += ["400", "412"]
        page = tab.page
        tab.open(f"?view=settings&connection={connection}")
        card = page.get_by_role("region", name="Job frequency")
        often = card.get_by_role("combobox", name="Job frequency")
        hours = [f"Every {n} hours" for n in (2, 4, 6, 8, 12)]
        expect(often.locator("option")).to_have_text(["Every hour", *hours, "Once a day"])
        often.select_option("grid:12")
        tab.save(card)
        assert world.call("GET", at)["rhythm"] == {"kind": "grid", "hours": 12}
        expect(card).to_contain_text(re.compile(r"Next run.*(01|13):00", re.DOTALL))  # noon and midnight UTC in Madrid
        often.select_option("daily")
        card.get_by_label("Time of day").fill("06:30")
        card.get_by_label("Time zone of days").select_option("Europe/Madrid")
        headers = {"x-functions-key": world.host.host_key, "If-Match": "*"}
        world.answer("PUT", at, {"rhythm": {"kind": "grid", "hours": 4}}, headers)
        card.get_by_role("button", name="Save", exact=True).click()
        clash = page.get_by_role("alertdialog")
        expect(clash.get_by_role("row", name="Job frequency")).to_contain_text("Every 4 hours")
        clash.get_by_role("button", name="Save this choice").click()
        tab.saved()
        assert world.call("GET", at)["rhythm"] == {"kind": "daily", "at": "06:30", "zone": "Europe/Madrid"}
        expect(card).to_contain_text("06:30")
        often.select_option("grid:1")
        tab.save(card)
    assert world.call("GET", at)["rhythm"] == {"kind": "grid", "hours": 1}


@pytest.mark.feature("HUB-03.2", system="activecampaign")
@pytest.mark.feature("HUB-03.3", system="activecampaign")
@pytest.mark.feature("HUB-04.4", system="activecampaign")
@pytest.mark.feature("HUB-15.1", system="activecampaign")
def test_the_switch_says_what_it_means_and_the_initial_sync_is_repeated_on_purpose_only(
    tabs: Opening, world: World, connection: str
) -> None:
    ended = world.status(connection)["runsEnded"]
    with tabs() as tab:
        page = tab.page
        tab.open(f"?view=settings&connection={connection}")
        page.get_by_text("The integration of ActiveCampaign knows no run on request").wait_for()
        page.get_by_role("switch", name="Global sync").click()
        page.get_by_text("Nothing flows either way; requests that arrive wait").wait_for()
        assert world.call("GET", f"connections/{connection}")["switch"] == "off"
        page.get_by_role("switch", name="Global sync").click()
        page.get_by_role("switch", checked=True).wait_for()
        card = page.get_by_role("region", name="Initial sync")
        card.get_by_role("button", name="Run the initial sync again…").click()
        card.get_by_role("button", name="Make a plan first").click()
        card.get_by_text("Nothing would be written: both sides agree").wait_for(timeout=LONG)
        card.get_by_role("group").get_by_role("button", name="Run it again").click()
        card.get_by_role("button", name="Run the initial sync again…").wait_for()
        world.tick()
        world.wait_for(connection, ended + 1)
    newest = world.call("GET", f"connections/{connection}/runs")["value"][0]
    assert newest["reason"] == "initial"


def test_policies_and_guards_are_saved_and_a_wrong_one_is_marked(tabs: Opening, world: World, connection: str) -> None:
    with tabs() as tab:
        tab.allowed.append("400")
        page = tab.page
        tab.open(f"?view=settings&connection={connection}")
        expect(page.get_by_label("Initial sync from Dynamics 365 only")).to_be_checked()  # ActiveCampaign's usual way
        page.get_by_label("Stop from so many deletes in one run").fill("40")
        page.get_by_label("Or from so many percent of all links").fill("5")
        page.get_by_label("Keep enough to take every run back").check()
        tab.save(page.get_by_role("region", name="Policies and guards"))
        options = world.call("GET", f"connections/{connection}")["options"]
        assert options == {"delete_guard": 40, "delete_share": 0.05, "journal": True}
        page.get_by_label("Stop from so many deletes in one run").fill("1.5")
        page.get_by_role("button", name="Save", exact=True).last.click()
        expect(page.get_by_label("Stop from so many deletes in one run")).to_be_focused()
        expect(page.get_by_label("Stop from so many deletes in one run")).to_have_attribute("aria-invalid", "true")
    world.call("PATCH", f"connections/{connection}", {"options": {}})


def test_a_run_that_the_guard_stopped_is_released_only_after_it_was_said_what_goes(
    tabs: Opening, world: World, kept: Kept
) -> None:
    guards = {"delete_guard": 1, "delete_share": 0.0, "sweep_hours": 1}
    connection = world.begun(people=6, options=guards)
    kept.ids = {}
    world.call("PATCH", f"connections/{connection}/entities/contact", {"leaves": "keep"})
    at = f"connections/{connection}/entities/contact"
    contact = world.call("GET", at)["map"]
    headers = {"x-functions-key": world.host.host_key, "If-Match": "*"}
    world.answer("PUT", at, {"map": {**contact, "deletes": {"crm": "deactivate", "partner": "ignore"}}}, headers)
    for found in world.contacts()[:3]:
        world.ac("delete_contact", contact=found["email"])
    stopped(world, connection)
    with tabs() as tab:
        page = tab.page
        tab.open(f"?view=settings&connection={connection}")
        card = page.get_by_role("region", name="The sync stopped itself")
        expect(card).to_contain_text("3 of 6 linked contact records are missing")
        tab.shot("guard")
        card.get_by_role("button", name="Let one run delete them").click()
        asked = card.get_by_role("group", name="Release the guard against mass deletes")
        expect(asked).to_contain_text("3 of 6 linked contact records are missing")
        asked.get_by_role("button", name="Let one run delete them").click()
        world.tick()
        card.wait_for(state="detached", timeout=LONG)
    world.next_run(connection)
    assert sum(row["statecode"] == 1 for row in world.rows("contact")) == 3


def stopped(world: World, connection: str) -> None:
    """Lets runs come until the guard stops one."""
    end = time.monotonic() + 90
    while "broken" not in (status := world.status(connection)):
        assert time.monotonic() < end, status
        if not status["running"]:
            world.advance(3700)
            world.tick()
        time.sleep(0.5)


@pytest.mark.feature("HUB-15.4", system="activecampaign")
def test_a_first_start_holds_to_the_plan_that_was_looked_at(tabs: Opening, world: World, kept: Kept) -> None:
    world.reseed(2)
    kept.ids = {}
    connection = world.connect()
    with tabs() as tab:
        tab.allowed.append("409")
        page = tab.page
        tab.open(f"?view=settings&connection={connection}")
        page.get_by_role("button", name="Make a plan first").click()
        page.get_by_text("Everything was looked at").wait_for(timeout=LONG)
        more = [{"lastname": "Third", "emailaddress1": "third@example.org"}]
        world.sims.control("dataverse", "POST", "seed", {"rows": {"contact": more}})
        page.get_by_role("button", name="Switch on", exact=True).click()
        asked = page.get_by_role("group", name="Switch global sync on for the first time?")
        expect(asked).to_contain_text("2 created")
        asked.get_by_role("button", name="Switch on").click()
        page.get_by_role("alert").wait_for(timeout=LONG)
        assert world.call("GET", f"connections/{connection}")["switch"] == "setup"
        assert world.contacts() == []
