"""The activity on the page: who did what, when."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Kept, Opening, World
from tests.page.looks import faults_anywhere
from tests.page.trouble import troubled

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page-two")]


@pytest.mark.feature("APP-02.9")
@pytest.mark.feature("HUB-23")
def test_the_activity_looks_well_everywhere_and_says_who_did_what(tabs: Opening, world: World, kept: Kept) -> None:
    connection = troubled(world, kept)
    with tabs() as tab:
        tab.open(f"?connection={connection}")
        page = tab.page
        for wanted in ("false", "true"):
            page.get_by_role("switch", checked=wanted == "false").click()
            page.get_by_role("switch", checked=wanted == "true").wait_for()
        page.get_by_role("link", name="Activity").click()
        paused = page.locator(".timeline li", has_text="Global sync was paused.").first
        paused.wait_for()
        who = world.call("GET", f"connections/{connection}/activity?maxpagesize=1")["value"][0]["actor"]
        expect(paused).to_contain_text(who)
        page.locator(".timeline li", has_text="The connection was made.").wait_for()
        page.get_by_label("What").select_option("run")
        expect(page.locator(".timeline li", has_text="Global sync")).to_have_count(0)
        run = page.locator(".timeline li", has_text="A run ended.").first
        expect(run).to_contain_text("By the schedule")
        expect(run).to_contain_text("Completed with errors")
        assert page.locator(".timeline li", has_text="Global sync").count() == 0  # nor with the list that was asked for
        assert faults_anywhere(tab, "activity") == []
        page.get_by_role("link", name="Abrir la ejecución").or_(
            page.get_by_role("link", name="Apri l'esecuzione")
        ).first.click()
        expect(page).to_have_url(re.compile("view=runs"))
