"""Base paths, headers, methods, error bodies."""

from __future__ import annotations

import pytest

from tests.wire.dataverse.core.vendor import ALL, BASE, Vendor


@pytest.mark.rule("DV-UR-01")
def test_versions(vendor: Vendor) -> None:
    for version in ("v9.0", "v9.1", "v9.2"):
        body = vendor.get("contacts?$select=fullname", version=version)
        assert (
            body["@odata.context"] == f"https://org.crm4.dynamics.com/api/data/{version}/$metadata#contacts(fullname)"
        )
    assert vendor.call("GET", "contacts", version="v8.2").status == 404
    assert vendor.call("GET", "/api/data").status == 404
    assert vendor.call("GET", "/").status == 404


@pytest.mark.rule("DV-UR-02")
def test_names_of_sets_and_segments_are_exact(vendor: Vendor) -> None:
    text = vendor.refused(404, "0x80060888", "GET", "Contacts")
    assert text == "Resource not found for the segment 'Contacts'."
    row = vendor.create("contacts", {"lastname": "A"})
    vendor.refused(404, "0x80060888", "GET", f"contacts({row})/FirstName")
    vendor.refused(404, "0x80060888", "GET", f"contacts({row})/createdby/fullname")
    vendor.refused(404, "0x80060888", "POST", "contacts/Microsoft.Dynamics.CRM.Nothing", {})
    vendor.refused(404, "0x80060888", "GET", "contacts/anything")
    vendor.switch(unknown_segment_code="0x8006088a")
    vendor.refused(404, "0x8006088a", "GET", "Contacts")


@pytest.mark.rule("DV-UR-03")
def test_methods(vendor: Vendor) -> None:
    for method in ("DELETE", "PATCH", "PUT"):
        text = vendor.refused(405, "0x80060888", method, "contacts", {})
        assert text == f"The requested resource does not support http method '{method}'."
    assert "No HTTP resource was found" in vendor.refused(404, "", "POST", "WhoAmI", {})
    vendor.refused(404, "", "GET", "contacts/Microsoft.Dynamics.CRM.CreateMultiple")


@pytest.mark.rule("DV-UR-04")
def test_long_urls(vendor: Vendor) -> None:
    start = "/api/data/v9.2/contacts?$filter=lastname eq '"
    fits = start + "x" * (32_768 - len(start) - 1) + "'"
    assert vendor.call("GET", fits).status == 200
    assert vendor.call("GET", fits[:-1] + "x'").status == 414


@pytest.mark.rule("DV-UR-05")
def test_headers_of_answers(vendor: Vendor) -> None:
    for answer in (vendor.call("GET", "contacts"), vendor.call("GET", "contacts?$top=x")):
        assert answer.header("OData-Version") == "4.0"
        assert answer.header("Content-Type") == "application/json; odata.metadata=minimal"
        assert len(answer.header("REQ_ID")) == 36
        assert answer.header("REQ_ID") == answer.header("x-ms-service-request-id")
    assert vendor.call("GET", "contacts").header("REQ_ID") != vendor.call("GET", "contacts").header("REQ_ID")


@pytest.mark.rule("DV-UR-06")
def test_preferences_share_a_header(vendor: Vendor) -> None:
    answer = vendor.call(
        "GET", "contacts?$select=fullname", prefer='odata.maxpagesize=2,odata.include-annotations="a,b*"'
    )
    echoed = [value for name, value in answer.headers if name == "Preference-Applied"]
    assert echoed == ["odata.maxpagesize=2", 'odata.include-annotations="a,b*"']
    tracked = vendor.call("GET", "contacts?$select=fullname", prefer="odata.track-changes, odata.maxpagesize=7")
    echoed = [value for name, value in tracked.headers if name == "Preference-Applied"]
    assert echoed == ["odata.maxpagesize=7", "odata.track-changes"]
    assert vendor.call("GET", "contacts", prefer="nonsense=1,,=").header("Preference-Applied") == ""


@pytest.mark.rule("DV-UR-07")
def test_annotations_come_when_asked_for(vendor: Vendor) -> None:
    row = vendor.create("contacts", {"lastname": "A"})
    path = f"contacts({row})?$select=statecode,_ownerid_value"

    def noted(prefer: str) -> set[str]:
        found = vendor.get(path, prefer=prefer)
        return {name.partition("@")[2] for name in found if "@" in name and not name.startswith("@odata")}

    formatted, navigation = (
        "OData.Community.Display.V1.FormattedValue",
        "Microsoft.Dynamics.CRM.associatednavigationproperty",
    )
    logical = "Microsoft.Dynamics.CRM.lookuplogicalname"
    assert noted("") == set()
    assert noted(ALL) == {formatted, navigation, logical}
    assert noted('odata.include-annotations="Microsoft.Dynamics.CRM.*"') == {navigation, logical}
    assert noted(f'odata.include-annotations="{formatted}"') == {formatted}
    assert noted('odata.include-annotations="*,-Microsoft.Dynamics.CRM.*"') == {formatted}
    listed = vendor.get("contacts?$select=fullname", prefer=ALL)
    assert listed["@Microsoft.Dynamics.CRM.totalrecordcount"] == -1
    assert int(listed["@Microsoft.Dynamics.CRM.globalmetadataversion"]) > 0


@pytest.mark.rule("DV-UR-08")
def test_who_am_i(vendor: Vendor) -> None:
    plain, called = vendor.get("WhoAmI"), vendor.get("WhoAmI()")
    assert plain == called
    assert set(plain) == {"@odata.context", "BusinessUnitId", "UserId", "OrganizationId"}
    assert plain["OrganizationId"] == vendor.rows("organizations?$select=name")[0]["organizationid"]


def test_other_functions(vendor: Vendor) -> None:
    assert vendor.get("RetrieveVersion()")["Version"].startswith("9.2")
    assert vendor.get("RetrieveCurrentOrganization(AccessType=@a)")["Detail"]["State"] == "Enabled"
    vendor.seed(generate={"table": "contact", "count": 6001})
    body = vendor.get("RetrieveTotalRecordCount(EntityNames=['contact','lead'])")
    assert body["EntityRecordCountCollection"]["Values"] == [6001, 0]
    aliased = vendor.get('RetrieveTotalRecordCount(EntityNames=@p)?@p=["contact"]')
    assert aliased["EntityRecordCountCollection"]["Values"] == [6001]
    vendor.refused(400, "0x80040203", "GET", "RetrieveTotalRecordCount(EntityNames=['nothing'])")


@pytest.mark.rule("DV-UR-09")
def test_the_service_document(vendor: Vendor) -> None:
    body = vendor.get("")
    assert {"name": "contacts", "kind": "EntitySet", "url": "contacts"} in body["value"]
    assert len(body["value"]) == len(vendor.system.schema.tables)
    assert body["@odata.context"] == f"{BASE}/$metadata"


@pytest.mark.rule("DV-UR-10")
def test_error_bodies(vendor: Vendor) -> None:
    plain = vendor.call("GET", "contacts?$select=Nope").json()
    assert set(plain) == {"error"}
    assert set(plain["error"]) == {"code", "message"}
    detailed = vendor.call("GET", "contacts?$select=Nope", prefer=ALL).json()["error"]
    assert detailed["@Microsoft.PowerApps.CDS.InnerError.Message"] == detailed["message"]
    assert {name for name in detailed if name.startswith("@")} == {
        "@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus",
        "@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode",
        "@Microsoft.PowerApps.CDS.HelpLink",
        "@Microsoft.PowerApps.CDS.TraceText",
        "@Microsoft.PowerApps.CDS.InnerError.Message",
    }
