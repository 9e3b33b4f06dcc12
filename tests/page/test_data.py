"""Data configuration on the page: what flows, which way, which rows, counted while they are chosen."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Opening, World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page")]


@pytest.mark.feature("HUB-06.1", system="activecampaign")
@pytest.mark.feature("HUB-06.2", system="activecampaign")
@pytest.mark.feature("HUB-06.3", system="activecampaign")
@pytest.mark.feature("HUB-06.4", system="activecampaign")
@pytest.mark.feature("HUB-07.1", system="activecampaign")
@pytest.mark.feature("HUB-07.3", system="activecampaign")
@pytest.mark.feature("HUB-07.4", system="activecampaign")
@pytest.mark.feature("APP-02.3")
def test_criteria_are_built_counted_and_saved(tabs: Opening, world: World, connection: str) -> None:
    at = f"connections/{connection}/entities/lead"
    rows = world.rows("contact")
    kept = world.call("GET", f"connections/{connection}/entities/contact")
    name = rows[0]["lastname"]
    same = sum(row["lastname"] == name for row in rows)
    with tabs() as tab:
        tab.allowed.append("400")  # a line that is wrong on purpose
        page = tab.page
        tab.open(f"?view=data&entity=contact&connection={connection}")
        page.get_by_text(f"of {len(rows)} rows in Dynamics 365 take part").wait_for()
        page.get_by_label("Matching criteria").check()
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_role("alert").get_by_text("Finish the criteria before you save").wait_for()
        page.get_by_label("Column").select_option("lastname")
        page.get_by_label("Operator").select_option("eq")
        page.get_by_label("Value", exact=True).fill(name)
        counted = page.get_by_role("group", name="Rows counted live")
        expect(counted.locator("strong")).to_have_text(str(same))
        expect(counted).to_contain_text("fewer than now; nothing is deleted unasked")
        page.get_by_role("button", name="Add a group").click()
        inner = page.get_by_role("group", name="Group, level 2")
        inner.get_by_label("Rows that meet").select_option("any")
        inner.get_by_label("Column").select_option("numberofchildren")
        inner.get_by_label("Operator").select_option("ge")
        inner.get_by_label("Value", exact=True).fill("1.5")
        inner.get_by_role("alert").get_by_text("must be a whole number").wait_for()  # beside its line
        inner.get_by_label("Column").select_option("emailaddress1")
        inner.get_by_label("Operator").select_option("not_empty")
        expect(counted.locator("strong")).to_have_text(str(same))
        tab.shot("criteria")
        page.get_by_label("Unlink").check()
        tab.save()
        expect(page.get_by_role("row", name="Contacts")).to_contain_text("Matching criteria")
        saved = world.call("GET", f"connections/{connection}/entities/contact")["map"]
        assert saved["criteria"] == {
            "all": [
                {"column": "lastname", "op": "eq", "value": name},
                {"any": [{"column": "emailaddress1", "op": "not_empty"}]},
            ]
        }
        assert (saved["leaves"], saved["fields"]) == ("unlink", kept["map"]["fields"])
        page.get_by_label("Everything created or updated").check()
        expect(counted).to_contain_text(f"{len(rows) - same} rows more than now: saving fills in just these")
        tab.save()
        expect(page.get_by_role("row", name="Contacts")).to_contain_text("Everything created or updated")
        page.get_by_role("link", name="Leads").click()
        page.get_by_label("Synchronise this entity").uncheck()
        page.get_by_label("Only to ActiveCampaign").check()
        page.get_by_label("When a row is deleted in Dynamics 365").select_option("delete")
        tab.save()
        expect(page.get_by_role("row", name="Leads")).to_contain_text("Off")
    lead = world.call("GET", at)
    assert (lead["on"], lead["direction"], lead["map"]["deletes"]["partner"]) == (False, "to_partner", "delete")
    assert "criteria" not in world.call("GET", f"connections/{connection}/entities/contact")["map"]
    world.call("PATCH", at, {"on": True, "direction": "both"})


@pytest.mark.feature("HUB-06.1", system="activecampaign")
def test_two_people_at_one_entity_join_their_changes(tabs: Opening, world: World, connection: str) -> None:
    at = f"connections/{connection}/entities/account"
    with tabs() as tab:
        tab.allowed.append("412")
        page = tab.page
        tab.open(f"?view=data&entity=account&connection={connection}")
        page.get_by_label("When a row is deleted in Dynamics 365").select_option("deactivate")
        world.call("PATCH", at, {"direction": "to_partner"})
        page.get_by_role("button", name="Save", exact=True).click()
        clash = page.get_by_role("alertdialog")
        expect(clash.get_by_label("Direction, Theirs: Only to ActiveCampaign")).to_be_checked()
        clash.get_by_role("button", name="Save this choice").click()
        tab.saved()
    joined = world.call("GET", at)
    assert (joined["direction"], joined["map"]["deletes"]["partner"]) == ("to_partner", "deactivate")
    world.call("PATCH", at, {"direction": "both"})
