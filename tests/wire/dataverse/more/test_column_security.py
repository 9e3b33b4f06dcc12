"""Columns under column security: read as null, written by permission only."""

from __future__ import annotations

import pytest

from tests.wire.dataverse.more.organisation import ADMIN, OTHER, USER, Org

SECURED = "governmentid"
ADMIN_PROFILE = "572329c1-a042-4e22-be47-367c6374ea45"


@pytest.fixture
def row(org: Org) -> str:
    org.system.seed(
        {
            "field_profiles": [
                {"name": "none", "permissions": {f"contact.{SECURED}": []}},
                {"name": "readers", "users": [OTHER], "permissions": {f"contact.{SECURED}": ["read"]}},
            ]
        }
    )
    for user in (USER, OTHER):
        org.grant(user, contact="Global")
    return org.create("contacts", {"lastname": "x", SECURED: "12"})


def value(org: Org, row: str, user: str) -> object:
    return org.ok("GET", f"contacts({row})?$select={SECURED}", user=user).get(SECURED)


@pytest.mark.rule("DV-SE-10", "DV-SE-12")
def test_without_permission_the_value_is_null_and_nothing_fails(org: Org, row: str) -> None:
    assert [value(org, row, user) for user in (ADMIN, OTHER, USER)] == ["12", "12", None]
    listed = org.ok("GET", f"contacts?$select=lastname,{SECURED}", user=USER)["value"][0]
    assert (listed["lastname"], listed.get(SECURED)) == ("x", None)
    tracked = org.ok("GET", f"contacts?$select={SECURED}", headers={"Prefer": "odata.track-changes"}, user=USER)
    assert tracked["value"][0].get(SECURED) is None


@pytest.mark.rule("DV-SE-10")
def test_a_hidden_value_cannot_be_found_by_a_filter(org: Org, row: str) -> None:
    path = f"contacts?$select=lastname&$filter={SECURED} eq '12'"
    assert len(org.ok("GET", path, user=OTHER)["value"]) == 1
    response = org.call("GET", path, user=USER)
    assert response.status in {200, 403}
    assert b'"x"' not in response.body


@pytest.mark.rule("DV-SE-11")
@pytest.mark.parametrize("user", [USER, OTHER])
def test_writing_without_permission_is_refused(org: Org, row: str, user: str) -> None:
    text = org.refused(403, "0x8004f507", "PATCH", f"contacts({row})", {SECURED: "34"}, user=user)
    assert f"does not have update permissions to a {SECURED} secured field on entity contact" in text
    assert user in text
    text = org.refused(403, "0x8004f502", "POST", "contacts", {"lastname": "y", SECURED: "34"}, user=user)
    assert "does not have create permissions" in text
    assert value(org, row, ADMIN) == "12"
    assert org.call("PATCH", f"contacts({row})", {"jobtitle": "free"}, user=user).status == 204


@pytest.mark.rule("DV-SE-12")
def test_the_profile_of_administrators_opens_every_column(org: Org, row: str) -> None:
    path = f"systemusers({USER})/systemuserprofiles_association/$ref"
    org.ok("POST", path, {"@odata.id": f"fieldsecurityprofiles({ADMIN_PROFILE})"})
    assert value(org, row, USER) == "12"
    assert org.call("PATCH", f"contacts({row})", {SECURED: "34"}, user=USER).status == 204
    permissions = org.ok("GET", f"fieldpermissions?$filter=_fieldsecurityprofileid_value eq {ADMIN_PROFILE}")["value"]
    granted = {
        (p["entityname"], p["attributelogicalname"]): (p["cancreate"], p["canread"], p["canupdate"])
        for p in permissions
    }
    assert granted["contact", SECURED] == (4, 4, 4)


@pytest.mark.rule("DV-SE-10")
def test_metadata_tells_that_the_column_is_secured(org: Org, row: str) -> None:
    shape = org.ok("GET", f"EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='{SECURED}')")
    assert shape["IsSecured"] is True


@pytest.mark.rule("DV-SE-10", "DV-SE-09")
def test_impersonation_does_not_open_a_column(org: Org, row: str) -> None:
    body = org.ok("GET", f"contacts({row})?$select={SECURED}", headers={"MSCRMCallerID": USER})
    assert body.get(SECURED) is None
