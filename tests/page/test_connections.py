"""Connections on the page: made by steps, checked, changed, disconnected; nothing that was typed gets lost."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from cli.demo.world import crm_side
from tests.page.conftest import Kept, Opening, Tab, World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page")]

WRITTEN_SLOWLY = 90_000
"""Milliseconds for what a run or a check does."""


@pytest.mark.feature("HUB-02.1", system="activecampaign")
@pytest.mark.feature("HUB-02.2", system="activecampaign")
@pytest.mark.feature("HUB-02.3", system="activecampaign")
@pytest.mark.feature("HUB-03.1", system="activecampaign")
@pytest.mark.feature("HUB-04.1", system="activecampaign")
@pytest.mark.feature("HUB-04.3", system="activecampaign")
@pytest.mark.feature("HUB-15.2", system="activecampaign")
@pytest.mark.feature("APP-02.2")
def test_from_no_connection_to_the_first_sync_with_only_the_page(tabs: Opening, world: World) -> None:
    world.reseed(9)
    crm, partner = crm_side(world.sims, world.keys["client_secret"]), world.partner_side()
    with tabs() as tab:
        tab.allowed.append("400")  # the address that is wrong on purpose
        page = tab.page
        tab.open()
        page.get_by_role("link", name="New connection").click()
        page.get_by_label("ActiveCampaign").check()
        page.get_by_role("button", name="Next").click()
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_label("Environment URL")).to_be_focused()
        page.get_by_label("Environment URL").fill("https://crm.contoso.local")
        page.get_by_label("Directory (tenant) ID").fill(crm["tenant"])
        page.get_by_label("Application (client) ID").fill(crm["client_id"])
        page.get_by_label("Client secret or certificate").fill("not the secret")
        page.get_by_text("More settings").click()
        page.get_by_label("Sign-in host").fill(crm["authority"])
        page.get_by_role("button", name="Next").click()
        page.get_by_label("API URL").fill("https://example.org")
        page.get_by_label("API key").fill(partner["secrets"]["key"])
        page.get_by_text("More settings").click()
        page.get_by_label("Calls a second").fill(str(partner["limit_calls"]))
        page.get_by_role("button", name="Save and check").click()
        page.get_by_text("On-premises Dynamics is not supported").wait_for()  # back at the step and field it is about
        expect(page.get_by_label("Environment URL")).to_be_focused()
        page.get_by_label("Environment URL").fill(crm["url"])
        page.get_by_role("button", name="Next").click()
        page.get_by_role("button", name="Save and check").click()
        page.get_by_text("Is no API address of ActiveCampaign").wait_for()
        expect(page.get_by_label("API URL")).to_be_focused()
        expect(page.get_by_label("API key")).to_have_value(partner["secrets"]["key"])  # nothing typed is lost
        page.get_by_label("API URL").fill(partner["url"])
        page.get_by_role("button", name="Save and check").click()
        check(tab, secret=crm["secrets"]["secret"])
        page.get_by_role("link", name="Next: choose the data").click()
        page.get_by_text("of 0 rows in Dynamics 365 take part").wait_for()  # accounts, the first of the list
        page.get_by_role("link", name="Contacts", exact=True).click()
        page.get_by_text("of 9 rows in Dynamics 365 take part").wait_for()
        page.get_by_role("link", name="Next: map the fields").click()
        page.get_by_text("Every pair fits both systems").wait_for()
        page.get_by_role("link", name="Next: switch on").click()
        start(tab, creates=9)
        world.tick()
        page.get_by_text("It has been run").wait_for(timeout=WRITTEN_SLOWLY)
        page.get_by_role("link", name="Overview").click()
        expect(page.locator(".counts li", has_text="In sync").locator("strong")).to_have_text("9")
    assert len(world.contacts()) == 9


def check(tab: Tab, *, secret: str) -> None:
    """The first check fails on the secret; the page leads to the field, and the second passes."""
    page = tab.page
    page.get_by_text("One step failed").wait_for(timeout=WRITTEN_SLOWLY)
    page.get_by_text("the client secret is wrong").first.wait_for()
    tab.shot("check-failed")
    page.get_by_role("link", name="Go to the settings of Dynamics 365").click()
    expect(page.get_by_label("Client secret or certificate")).to_have_value("")  # write-only
    page.get_by_label("Client secret or certificate").fill(secret)
    tab.save()
    page.get_by_role("button", name="Check now").click()
    page.get_by_text("Everything is in order").wait_for(timeout=WRITTEN_SLOWLY)
    assert secret not in page.content()


def start(tab: Tab, *, creates: int) -> None:
    """The plan is looked at, then global sync is switched on."""
    page = tab.page
    page.get_by_role("button", name="Make a plan first").click()
    page.get_by_text("Everything was looked at. Nothing was written.").wait_for(timeout=WRITTEN_SLOWLY)
    row = page.get_by_role("row", name=f"Contacts ActiveCampaign Create {creates}")
    expect(row).to_be_visible()
    tab.shot("plan")
    page.get_by_role("button", name="Switch on", exact=True).click()
    asked = page.get_by_role("group", name="Switch global sync on for the first time?")
    expect(asked).to_contain_text(f"{creates} created, 0 updated, 0 removed")
    asked.get_by_role("button", name="Switch on").click()
    page.get_by_role("switch", name="Global sync", checked=True).wait_for(timeout=WRITTEN_SLOWLY)


@pytest.mark.feature("APP-02.2")
def test_another_admins_change_stands_beside_mine_and_each_field_is_chosen(
    tabs: Opening, world: World, connection: str
) -> None:
    at = f"connections/{connection}"
    world.call("PATCH", at, {"name": "Before", "partner": {"concurrency": 4}})
    with tabs() as tab:
        tab.allowed.append("412")
        page = tab.page
        tab.open(f"?view=connections&connection={connection}")
        page.get_by_label("Name", exact=True).fill("Mine")
        world.call("PATCH", at, {"name": "Theirs", "partner": {"concurrency": 3}})
        page.get_by_role("button", name="Save", exact=True).click()
        clash = page.get_by_role("alertdialog", name="Somebody else changed this")
        clash.wait_for()
        expect(clash).to_be_focused()
        tab.shot("clash")
        names = clash.get_by_role("row").all_inner_texts()
        assert any("Mine" in text and "Theirs" in text for text in names)
        expect(clash.get_by_label("ActiveCampaign: Calls at once, Theirs: 3")).to_be_checked()  # only they changed it
        expect(clash.get_by_label("Name, Yours: Mine")).to_be_checked()
        clash.get_by_role("button", name="Save this choice").click()
        tab.saved()
    shown = world.call("GET", at)
    assert (shown["name"], shown["partner"]["concurrency"]) == ("Mine", 3)
    world.call("PATCH", at, {"name": "Test", "partner": {"concurrency": 4}})


def test_a_lost_connection_and_an_expired_sign_in_lose_nothing_that_was_typed(
    tabs: Opening, world: World, connection: str
) -> None:
    at = f"connections/{connection}"
    with tabs() as tab:
        tab.allowed += ["ERR_INTERNET_DISCONNECTED", "401", "favicon.ico"]
        page = tab.page
        tab.open(f"?view=connections&connection={connection}")
        page.get_by_label("Name", exact=True).fill("Typed with care")
        page.get_by_label("API key").fill("a secret that is typed")
        page.context.set_offline(True)
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_role("alert").get_by_text("The app cannot be reached").wait_for()
        expect(page.get_by_label("Name", exact=True)).to_have_value("Typed with care")
        page.context.set_offline(False)
        page.context.clear_cookies()
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_role("alert").get_by_text("You are not signed in").wait_for()
        kept = page.evaluate("JSON.stringify(sessionStorage)")
        assert "a secret that is typed" not in kept
        page.get_by_role("link", name="Sign in").click()
        page.get_by_role("link", name="admin").click()
        page.get_by_text("What you typed before is here again").wait_for()
        expect(page.get_by_label("Name", exact=True)).to_have_value("Typed with care")
        expect(page.get_by_label("API key")).to_have_value("")
        tab.save()
    assert world.call("GET", at)["name"] == "Typed with care"
    world.call("PATCH", at, {"name": "Test"})


def test_a_reader_sees_settings_but_no_secret_and_no_way_to_change_them(
    tabs: Opening, world: World, connection: str
) -> None:
    with tabs(user="reader") as tab:
        page = tab.page
        tab.open(f"?view=connections&connection={connection}")
        expect(page.get_by_label("Environment URL")).to_be_disabled()
        expect(page.get_by_label("API key")).to_have_value("")
        page.get_by_role("region", name="What only ActiveCampaign has").wait_for()
        page.get_by_role("region", name="Disconnect").wait_for()
        for role, name in (("button", "Show the addresses"), ("button", "Disconnect…"), ("link", "New connection")):
            expect(page.get_by_role(role, name=name)).to_have_count(0)  # type: ignore[arg-type]


@pytest.mark.feature("APP-02.2")
def test_what_only_one_system_has_is_shown_with_its_addresses(tabs: Opening, world: World, connection: str) -> None:
    with tabs() as tab:
        page = tab.page
        tab.open(f"?view=connections&connection={connection}")
        card = page.get_by_role("region", name="What only ActiveCampaign has")
        expect(card).to_contain_text("D365: Pushed from Dynamics")
        card.get_by_role("button", name="Show the addresses").click()
        first = card.locator("code").first
        expect(first).to_contain_text(f"/api/hooks/activecampaign/{connection}/")
        before = first.inner_text()
        card.get_by_role("button", name="Renew the key").click()
        card.get_by_role("group", name="Give the addresses another key?").get_by_role(
            "button", name="Renew the key"
        ).click()
        expect(card.locator("code").first).not_to_have_text(before)


@pytest.mark.feature("HUB-20.1", system="activecampaign")
@pytest.mark.feature("HUB-20.2", system="activecampaign")
@pytest.mark.feature("HUB-20.3", system="activecampaign")
def test_disconnecting_names_the_counts_and_cleans_up_only_when_asked(tabs: Opening, world: World, kept: Kept) -> None:
    connection = world.begun(people=3)
    kept.ids = {}
    with tabs() as tab:
        tab.allowed.append("412")
        page = tab.page
        tab.open(f"?view=connections&connection={connection}")
        page.get_by_role("button", name="Disconnect…").click()
        expect(page.get_by_label("No, keep all data")).to_be_checked()
        world.call("PATCH", f"connections/{connection}", {"name": "Renamed meanwhile"})
        page.get_by_role("group", name="Forget the connection Test?").get_by_role("button", name="Disconnect").click()
        page.get_by_role("alert").get_by_text("Somebody else changed this").wait_for()
        assert world.call("GET", f"connections/{connection}")["switch"] == "on"
        page.reload()
        page.get_by_role("button", name="Disconnect…").click()
        page.get_by_label("Yes, clean up what this connection created").check()
        expect(page.get_by_label("ActiveCampaign: 3 records")).to_be_checked()
        asked = page.get_by_role("group", name="Delete 3 records for good?")
        clean = asked.get_by_role("button", name="Clean up now")
        expect(clean).to_have_attribute("aria-disabled", "true")
        asked.get_by_label("To confirm, type the name").fill("Renamed meanwhile")
        tab.shot("disconnect")
        clean.click()
        page.get_by_text("Done", exact=True).wait_for(timeout=WRITTEN_SLOWLY)
        assert world.contacts() == []
        assert len(world.rows("contact")) == 3
        page.get_by_role("group", name="Forget the connection").get_by_role("button", name="Disconnect").click()
        page.get_by_text("Which system do you connect").wait_for()
    assert world.call("GET", "connections")["value"] == []
