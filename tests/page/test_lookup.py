"""The look-up on the page: what became of one record, in plain words."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.app.test_care import row
from tests.page.conftest import Kept, Opening, Tab, World
from tests.page.looks import faults_anywhere
from tests.page.trouble import ASKED, REFUSED, person, troubled

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page-two")]


@pytest.fixture
def connection(world: World, kept: Kept) -> str:
    return troubled(world, kept)


def verdict(tab: Tab) -> Locator:
    return tab.page.get_by_role("region", name="What became of it")


@pytest.mark.feature("HUB-31")
def test_the_look_up_looks_well_everywhere(tabs: Opening, world: World, connection: str) -> None:
    record = person(world, 0)["id"]
    with tabs() as tab:
        tab.open(f"?view=lookup&connection={connection}&entity=contact&side=partner&record={record}")
        tab.page.locator(".verdict").wait_for()
        assert faults_anywhere(tab, "lookup") == []


@pytest.mark.feature("HUB-31")
def test_why_a_contact_did_not_sync_is_found_by_its_address_which_no_log_sees(
    tabs: Opening, world: World, connection: str
) -> None:
    refused, asked, well = (person(world, number) for number in (0, REFUSED, REFUSED + ASKED))
    with tabs() as tab:
        tab.open(f"?view=lookup&connection={connection}")
        page = tab.page
        field = page.get_by_role("textbox")
        field.fill(well["email"])
        field.press("Enter")
        expect(verdict(tab)).to_contain_text("In sync")
        assert "@" not in page.url
        field.fill(refused["email"])
        field.press("Enter")
        expect(verdict(tab)).to_contain_text("The other system refused the record.")
        expect(verdict(tab)).to_contain_text("Read its message, correct the record")
        expect(verdict(tab)).to_contain_text("Title is closed for '•••'.")
        expect(verdict(tab)).to_contain_text("Next try of this record")
        names = page.get_by_role("row", name="lastname")
        expect(names).to_contain_text("Forbidden")
        expect(names).to_contain_text("Differs")
        field.fill(asked["email"])
        field.press("Enter")
        page.locator(".verdict", has_text="Both sides changed a field").wait_for()
        page.get_by_role("link", name="Decide").click()
        expect(page.locator(".question")).to_have_count(1)
        expect(page.locator(".question")).to_contain_text("Ours 4")


@pytest.mark.feature("HUB-31")
@pytest.mark.feature("HUB-07.3")
def test_a_row_outside_the_criteria_names_the_line_that_fails(tabs: Opening, world: World) -> None:
    connection = world.begun(people=3)
    criteria = {"all": [{"column": "lastname", "op": "starts_with", "value": "Nobody"}]}
    world.call("PATCH", f"connections/{connection}/entities/contact", {"criteria": criteria})
    made = row(world, 7)
    with tabs() as tab:
        tab.open(f"?view=lookup&connection={connection}&entity=contact&side=crm&record={made}")
        expect(verdict(tab)).to_contain_text("The Dynamics row does not meet the criteria.")
        expect(verdict(tab)).to_contain_text("lastname")


@pytest.mark.feature("HUB-31")
def test_a_record_that_is_nowhere_keeps_what_was_typed(tabs: Opening, connection: str) -> None:
    with tabs(locale="es-ES") as tab:
        tab.allowed.append("404")
        tab.open(f"?view=lookup&connection={connection}")
        field = tab.page.get_by_role("textbox")
        field.fill("nobody@nowhere.example.org")
        field.press("Enter")
        alert = tab.page.get_by_role("alert")
        expect(alert).to_contain_text("Ese registro no existe")
        expect(alert).to_contain_text("Copia el id del registro")
        expect(field).to_have_value("nobody@nowhere.example.org")
