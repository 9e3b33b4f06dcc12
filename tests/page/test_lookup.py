"""The look-up on the page: what became of one record, in plain words."""

from __future__ import annotations

import pytest

from tests.app.test_care import row
from tests.page.conftest import Kept, Opening, Tab, World
from tests.page.looks import faults_anywhere
from tests.page.trouble import ASKED, REFUSED, person, troubled

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page-two")]


@pytest.fixture
def connection(world: World, kept: Kept) -> str:
    return troubled(world, kept)


def verdict(tab: Tab) -> str:
    found = tab.page.get_by_role("region", name="What became of it")
    found.wait_for()
    return found.inner_text()


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
        assert "In sync" in verdict(tab)
        assert "@" not in page.url
        field.fill(refused["email"])
        field.press("Enter")
        page.locator(".verdict", has_text="The other system refused the record.").wait_for()
        assert "Read its message, correct the record" in verdict(tab)
        assert "Title is closed for '•••'." in verdict(tab)
        assert "Next try of this record" in verdict(tab)
        names = page.get_by_role("row", name="lastname").inner_text()
        assert "Forbidden" in names
        assert "Differs" in names
        field.fill(asked["email"])
        field.press("Enter")
        page.locator(".verdict", has_text="Both sides changed a field").wait_for()
        page.get_by_role("link", name="Decide").click()
        page.locator(".question").wait_for()
        assert "Ours 4" in page.locator(".question").inner_text()


@pytest.mark.feature("HUB-31")
@pytest.mark.feature("HUB-07.3")
def test_a_row_outside_the_criteria_names_the_line_that_fails(tabs: Opening, world: World) -> None:
    connection = world.begun(people=3)
    criteria = {"all": [{"column": "lastname", "op": "starts_with", "value": "Nobody"}]}
    world.call("PATCH", f"connections/{connection}/entities/contact", {"criteria": criteria})
    made = row(world, 7)
    with tabs() as tab:
        tab.open(f"?view=lookup&connection={connection}&entity=contact&side=crm&record={made}")
        assert "The Dynamics row does not meet the criteria." in verdict(tab)
        assert "lastname" in verdict(tab)


@pytest.mark.feature("HUB-31")
def test_a_record_that_is_nowhere_keeps_what_was_typed(tabs: Opening, connection: str) -> None:
    with tabs(locale="es-ES") as tab:
        tab.allowed.append("404")
        tab.open(f"?view=lookup&connection={connection}")
        field = tab.page.get_by_role("textbox")
        field.fill("nobody@nowhere.example.org")
        field.press("Enter")
        alert = tab.page.get_by_role("alert")
        alert.get_by_text("Ese registro no existe").wait_for()
        assert "Copia el id del registro" in alert.inner_text()
        assert field.input_value() == "nobody@nowhere.example.org"
