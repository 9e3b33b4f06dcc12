"""Versions and alternate keys."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from simulators.frame import ControlError
from tests.wire.dataverse.core.vendor import BASE, Vendor

NOBODY = "00000000-0000-4000-8000-00000000dead"


@pytest.fixture
def keyed(vendor: Vendor) -> Vendor:
    vendor.seed(
        columns={
            "contact": {
                "new_externalid": {"type": "String", "max": 100, "label": "External ID"},
                "new_number": {"type": "Integer"},
                "new_mail": {"type": "String", "max": 50},
                "new_company": {"type": "Lookup", "to": {"account": "new_Company"}},
            }
        },
        keys={
            "contact": {
                "new_externalid": ["new_externalid"],
                "new_two": ["new_number", "new_mail"],
                "new_company": ["new_company"],
            }
        },
    )
    return vendor


@pytest.mark.rule("DV-OC-01")
def test_versions_guard_changes(vendor: Vendor) -> None:
    row = vendor.create("contacts", {"lastname": "A"})
    path = f"contacts({row})"
    old = vendor.get(path)["@odata.etag"]
    assert vendor.call("PATCH", path, {"lastname": "B"}, headers={"If-Match": old}).status == 204
    text = vendor.refused(412, "0x80060882", "PATCH", path, {"lastname": "C"}, headers={"If-Match": old})
    assert text == "The version of the existing record doesn't match the RowVersion property provided."
    vendor.refused(412, "0x80060882", "DELETE", path, headers={"If-Match": old})
    vendor.refused(412, "0x80060882", "PUT", f"{path}/firstname", {"value": "x"}, headers={"If-Match": old})
    new = vendor.get(path)["@odata.etag"]
    assert vendor.call("DELETE", path, headers={"If-Match": new}).status == 204
    vendor.refused(404, "0x80040217", "PATCH", path, {"lastname": "C"}, headers={"If-Match": new})


@pytest.mark.rule("DV-OC-02")
def test_not_modified(vendor: Vendor) -> None:
    row = vendor.create("contacts", {"lastname": "A"})
    path = f"contacts({row})?$select=lastname"
    etag = vendor.call("GET", path).header("ETag")
    same = vendor.call("GET", path, headers={"If-None-Match": etag})
    assert (same.status, same.body) == (304, b"")
    assert vendor.call("GET", path, headers={"If-None-Match": 'W/"1"'}).status == 200
    assert vendor.call("GET", path, headers={"If-None-Match": "null"}).status == 200
    assert vendor.call("GET", f"{path}&$expand=createdby", headers={"If-None-Match": etag}).status == 200
    assert (
        vendor.call("GET", path, headers={"If-None-Match": etag}, prefer='odata.include-annotations="*"').status == 200
    )
    assert vendor.call("PATCH", f"contacts({NOBODY})", {"lastname": "N"}, headers={"If-Match": "null"}).status == 204
    assert (
        vendor.call("PATCH", f"contacts({NOBODY})", {"lastname": "M"}, headers={"If-None-Match": "null"}).status == 204
    )


@pytest.mark.rule("DV-OC-03")
def test_tables_without_versions(vendor: Vendor) -> None:
    row = vendor.create("letters", {"subject": "L"})
    path = f"letters({row})"
    etag = vendor.get(path)["@odata.etag"]
    for wrong in ("abc", 'W/"x"', '""'):
        vendor.refused(400, "0x80060883", "PATCH", path, {"subject": "M"}, headers={"If-Match": wrong})
    vendor.seed(table_options={"letter": {"concurrency": False}})
    vendor.refused(400, "0x8006088d", "PATCH", path, {"subject": "M"}, headers={"If-Match": etag})
    vendor.refused(400, "0x8006088d", "GET", path, headers={"If-None-Match": etag})
    assert vendor.call("PATCH", path, {"subject": "M"}, headers={"If-Match": "*"}).status == 204


@pytest.mark.rule("DV-KY-01")
def test_rows_by_key(keyed: Vendor) -> None:
    account = keyed.create("accounts", {"name": "A"})
    row = keyed.create(
        "contacts",
        {
            "lastname": "P",
            "new_externalid": "A-1's",
            "new_number": 5,
            "new_mail": "x",
            "new_Company@odata.bind": f"/accounts({account})",
        },
    )
    for key in (
        "new_externalid='a-1''s'",
        "new_number=5,new_mail='X'",
        "new_mail='x',new_number=5",
        f"_new_company_value={account}",
    ):
        assert keyed.get(f"contacts({quote(key)})?$select=lastname")["contactid"] == row
    keyed.patch("contacts(new_externalid='A-1''s')", {"firstname": "By key"})
    assert keyed.get(f"contacts({row})")["firstname"] == "By key"
    bound = keyed.create(
        "tasks", {"subject": "T", "regardingobjectid_contact_task@odata.bind": "contacts(new_externalid='A-1''s')"}
    )
    assert keyed.get(f"tasks({bound})")["_regardingobjectid_value"] == row
    keyed.delete("contacts(new_externalid='A-1''s')")
    assert keyed.call("GET", f"contacts({row})").status == 404


@pytest.mark.rule("DV-KY-02")
def test_keys_that_are_not_declared(keyed: Vendor) -> None:
    wanted = (
        "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.contact'. Ensure that the names "
        "and number of key properties match the declared or alternate key properties for the resource "
        "'Microsoft.Dynamics.CRM.contact'."
    )
    for key in (
        "emailaddress1='a@example.com'",
        "new_number=5",
        "nothing=1",
        "new_externalid=5",
        "",
        "'a'",
        "new_number='5',new_mail='x'",
    ):
        assert keyed.refused(400, "0x0", "GET", f"contacts({quote(key)})") == wanted


@pytest.mark.rule("DV-KY-03")
def test_no_row_and_two_rows(keyed: Vendor) -> None:
    text = keyed.refused(404, "0x80060891", "GET", "contacts(new_externalid='none')")
    assert text == "A record with the specified key values does not exist in contact entity"
    keyed.refused(404, "0x80060891", "PATCH", "contacts(new_externalid='none')", {}, headers={"If-Match": "*"})
    keyed.refused(404, "0x80060891", "DELETE", "contacts(new_externalid='none')")
    key = keyed.system.schema["contact"].keys["new_externalid"]
    keyed.system.schema["contact"].keys["new_externalid"] = type(key)(key.name, key.columns, "Pending")
    for _ in range(2):
        keyed.create("contacts", {"lastname": "Twin", "new_externalid": "twin"})
    keyed.refused(400, "0x8006089d", "GET", "contacts(new_externalid='twin')")


@pytest.mark.rule("DV-KY-04", "DV-KY-05")
def test_upsert_by_key(keyed: Vendor) -> None:
    path = "contacts(new_externalid='A-1')"
    made = keyed.call("PATCH", path, {"lastname": "P"})
    assert (made.status, made.header("OData-EntityId")) == (204, f"{BASE}/{path}")
    row = keyed.get(path)
    assert (row["new_externalid"], row["lastname"]) == ("A-1", "P")
    again = keyed.call("PATCH", path, {"lastname": "Q", "new_externalid": "B-2"})
    assert again.header("OData-EntityId") == f"{BASE}/{path}"
    assert keyed.get(path)["lastname"] == "Q"
    keyed.refused(404, "0x80060891", "GET", "contacts(new_externalid='B-2')")
    keyed.patch("contacts(new_externalid='C-3')", {"lastname": "R", "new_externalid": "D-4"})
    assert keyed.get("contacts(new_externalid='D-4')")["lastname"] == "R"
    keyed.refused(404, "0x80060891", "GET", "contacts(new_externalid='C-3')")
    account = keyed.create("accounts", {"name": "A"})
    keyed.patch(f"contacts(_new_company_value={account})", {"lastname": "Linked"})
    assert keyed.names(f"_new_company_value eq {account}") == ["Linked"]
    represented = keyed.call(
        "PATCH", "contacts(new_externalid='E-5')?$select=contactid", {"lastname": "S"}, prefer="return=representation"
    )
    assert represented.status == 201


@pytest.mark.rule("DV-KY-06")
def test_keys_are_unique(keyed: Vendor) -> None:
    keyed.create("contacts", {"lastname": "A", "new_externalid": "K"})
    text = keyed.refused(412, "0x80060892", "POST", "contacts", {"lastname": "B", "new_externalid": "k"})
    assert text == (
        "A record that has the attribute values External ID already exists. The entity key new_externalid requires "
        "that this set of attributes contains unique values. Select unique values and try again."
    )
    other = keyed.create("contacts", {"lastname": "B", "new_externalid": "L"})
    keyed.switch(duplicate_key_status=400)
    keyed.refused(400, "0x80060892", "PATCH", f"contacts({other})", {"new_externalid": "K"})
    keyed.patch(f"contacts({other})", {"new_externalid": "L", "jobtitle": "same key again"})
    for _ in range(2):
        keyed.create("contacts", {"lastname": "No key"})


@pytest.mark.rule("DV-KY-07")
def test_characters_that_break_keys(keyed: Vendor) -> None:
    for letter in "/<>*%&:\\?+":
        value = f"a{letter}b@example.com"
        row = keyed.create("contacts", {"lastname": "P", "new_externalid": value})
        path = f"contacts(new_externalid='{quote(value, safe='')}')"
        assert keyed.call("GET", path).status == 400
        assert keyed.call("PATCH", path, {"lastname": "Q"}).status == 400
        bound = {
            "subject": "T",
            "regardingobjectid_contact_task@odata.bind": f"/contacts(new_externalid='{quote(value)}')",
        }
        task = keyed.get(f"tasks({keyed.create('tasks', bound)})")
        assert task["_regardingobjectid_value"] == row
    assert keyed.patch("contacts(new_externalid='a.b_c-d@example.com')", {"lastname": "Fine"}).status == 204


@pytest.mark.rule("DV-KY-08")
def test_limits_of_keys(vendor: Vendor) -> None:
    columns = {f"new_c{n}": {"type": "String", "max": 20} for n in range(18)}
    columns |= {"new_memo": {"type": "Memo"}, "new_wide": {"type": "String", "max": 451}}
    columns |= {"new_secret": {"type": "String", "secured": True}}
    vendor.seed(columns={"contact": columns})
    for wrong in (["nothing"], ["new_memo"], ["new_wide"], ["new_secret"], list(columns)[:17]):
        with pytest.raises(ControlError):
            vendor.seed(keys={"contact": {"new_bad": wrong}})
    vendor.seed(keys={"contact": {f"new_k{n}": [f"new_c{n}"] for n in range(10)}})
    with pytest.raises(ControlError):
        vendor.seed(keys={"contact": {"new_k11": ["new_c11"]}})


@pytest.mark.rule("DV-KY-09")
def test_users_and_teams(vendor: Vendor) -> None:
    me = vendor.get("WhoAmI")["UserId"]
    assert vendor.get(f"systemusers({me})")["ownerid"] == me
    assert vendor.get(f"systemusers(ownerid={me})")["systemuserid"] == me
    vendor.refused(400, "0x0", "GET", f"systemusers(systemuserid={me})")
    assert vendor.rows(f"systemusers?$select=fullname&$filter=ownerid eq {me}")[0]["ownerid"] == me
