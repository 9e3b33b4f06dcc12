"""CreateMultiple, UpdateMultiple, UpsertMultiple; duplicate detection; rejections."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.frame import ControlError
from tests.wire.dataverse.core.vendor import BASE, Vendor

CRM = "Microsoft.Dynamics.CRM."
NOBODY = "00000000-0000-4000-8000-00000000dead"


def targets(*rows: dict[str, Any], kind: str = "contact") -> dict[str, Any]:
    return {"Targets": [{"@odata.type": f"{CRM}{kind}", **row} for row in rows]}


def bulk(name: str, entity_set: str = "contacts") -> str:
    return f"{entity_set}/{CRM}{name}"


@pytest.mark.rule("DV-BU-01")
def test_create_multiple(vendor: Vendor) -> None:
    answer = vendor.call("POST", bulk("CreateMultiple"), targets(*({"lastname": f"L{n}"} for n in range(5))))
    assert answer.status == 200
    body = answer.json()
    assert body["@odata.context"] == f"{BASE}/$metadata#{CRM}CreateMultipleResponse"
    assert [vendor.get(f"contacts({row})")["lastname"] for row in body["Ids"]] == ["L0", "L1", "L2", "L3", "L4"]


@pytest.mark.rule("DV-BU-02", "DV-BU-08")
def test_update_multiple(vendor: Vendor) -> None:
    one, two = (vendor.create("contacts", {"lastname": name}) for name in "AB")
    body = targets({"contactid": one, "jobtitle": "J1"}, {"contactid": two.upper(), "jobtitle": "J2"})
    answer = vendor.call("POST", bulk("UpdateMultiple"), body)
    assert (answer.status, answer.body) == (204, b"")
    assert vendor.get(f"contacts({two})")["jobtitle"] == "J2"
    text = vendor.refused(404, "0x80040217", "POST", bulk("UpdateMultiple"), targets({"contactid": NOBODY}))
    assert text == f"Contact With Ids = {NOBODY} Do Not Exist"
    vendor.refused(400, "0x80040203", "POST", bulk("UpdateMultiple"), targets({"jobtitle": "x"}))
    vendor.refused(400, "0x80048d19", "POST", bulk("UpdateMultiple"), targets({"contactid": "x"}))
    stale = targets({"contactid": one, "@odata.etag": 'W/"5"', "jobtitle": "J3"})
    assert vendor.call("POST", bulk("UpdateMultiple"), stale).status == 204
    vendor.switch(bulk_ignores_etag=False)
    vendor.refused(412, "0x80060882", "POST", bulk("UpdateMultiple"), stale)


@pytest.mark.rule("DV-BU-03", "DV-BU-09")
def test_upsert_multiple(vendor: Vendor) -> None:
    vendor.seed(
        columns={"contact": {"new_externalid": {"type": "String"}}},
        keys={"contact": {"new_externalid": ["new_externalid"]}},
    )
    old = vendor.create("contacts", {"lastname": "Old", "new_externalid": "A-1"})
    body = targets(
        {"@odata.id": "contacts(new_externalid='A-1')", "lastname": "Changed", "new_externalid": "ignored"},
        {"@odata.id": f"{BASE}/contacts(new_externalid='A-2')", "lastname": "Made"},
        {"contactid": NOBODY, "lastname": "By id"},
        {"@odata.id": "contacts(new_externalid='A+3')", "lastname": "Plus"},
        {"lastname": "Without"},
    )
    answer = vendor.call("POST", bulk("UpsertMultiple"), body)
    assert (answer.status, answer.body) == (204, b"")
    assert vendor.get(f"contacts({old})")["lastname"] == "Changed"
    assert vendor.get("contacts(new_externalid='A-2')")["lastname"] == "Made"
    assert vendor.get(f"contacts({NOBODY})")["lastname"] == "By id"
    assert vendor.names("new_externalid eq 'A%2B3' or lastname eq 'Without'".replace("%2B", "+")) == ["Plus", "Without"]
    twice = targets(*({"@odata.id": "contacts(new_externalid='T')", "lastname": name} for name in ("First", "Second")))
    assert vendor.call("POST", bulk("UpsertMultiple"), twice).status == 204
    assert vendor.names("new_externalid eq 'T'") == ["Second"]
    vendor.switch(upsert_multiple_duplicate_keys="refuse")
    vendor.refused(412, "0x80040237", "POST", bulk("UpsertMultiple"), twice)
    vendor.refused(400, "0x80060888", "POST", bulk("UpsertMultiple"), targets({"@odata.id": "accounts(x)"}))


@pytest.mark.rule("DV-BU-04")
def test_the_type_is_mandatory(vendor: Vendor) -> None:
    for name in ("CreateMultiple", "UpdateMultiple", "UpsertMultiple"):
        vendor.refused(400, "0x80048d19", "POST", bulk(name), {"Targets": [{"lastname": "A"}]})
        vendor.refused(400, "0x80060888", "POST", bulk(name), targets({"lastname": "A"}, kind="account"))
        for wrong in ({}, {"Targets": []}, {"Targets": {}}, {"Targets": ["x"]}):
            vendor.refused(400, "0x80060888", "POST", bulk(name), wrong)
    hashed = {"Targets": [{"@odata.type": f"#{CRM}contact", "lastname": "A"}]}
    assert vendor.call("POST", bulk("CreateMultiple"), hashed).status == 200


@pytest.mark.rule("DV-BU-05")
def test_one_error_undoes_all(vendor: Vendor) -> None:
    version, log = vendor.system.store.version, len(vendor.system.writes)
    link = vendor.get("contacts?$select=lastname", prefer="odata.track-changes")["@odata.deltaLink"]
    bad = targets({"lastname": "Fine"}, {"lastname": "x" * 51})
    vendor.refused(400, "0x80044331", "POST", bulk("CreateMultiple"), bad)
    assert vendor.rows("contacts") == []
    assert len(vendor.system.writes) == log
    assert vendor.get(link)["value"] == []
    one = vendor.create("contacts", {"lastname": "A"})
    text = vendor.refused(
        412,
        "0x80040237",
        "POST",
        bulk("CreateMultiple"),
        targets({"lastname": "New"}, {"contactid": one, "lastname": "B"}),
    )
    assert text == "Cannot insert duplicate key."
    vendor.refused(
        404,
        "0x80040217",
        "POST",
        bulk("UpdateMultiple"),
        targets({"contactid": one, "lastname": "C"}, {"contactid": NOBODY}),
    )
    assert [row["lastname"] for row in vendor.rows("contacts")] == ["A"]
    assert vendor.system.store.version > version


@pytest.mark.rule("DV-BU-06")
def test_tables_that_take_no_bulk(vendor: Vendor) -> None:
    body = targets({"subject": "S"}, kind="email")
    text = vendor.refused(400, "0x80040800", "POST", bulk("CreateMultiple", "emails"), body)
    assert text.startswith("The 'CreateMultiple' method does not support entities of type 'email'.")
    vendor.switch(bulk_activities=True)
    assert vendor.call("POST", bulk("CreateMultiple", "emails"), body).status == 200
    vendor.seed(table_options={"contact": {"bulk": False}})
    vendor.refused(400, "0x80040800", "POST", bulk("CreateMultiple"), targets({"lastname": "A"}))
    vendor.refused(
        404, "0x80060888", "POST", f"leads({NOBODY})/{CRM}CreateMultiple", targets({"lastname": "A"}, kind="lead")
    )


@pytest.mark.rule("DV-BU-07")
def test_delete_multiple(vendor: Vendor) -> None:
    text = vendor.refused(501, "0x80040800", "POST", bulk("DeleteMultiple"), targets({"contactid": NOBODY}))
    assert text == "DeleteMultiple has not yet been implemented."


@pytest.mark.rule("DV-BU-10")
def test_bulk_counts_as_one_request(vendor: Vendor) -> None:
    vendor.switch(ms_per_request=0.0)
    before = vendor.call("GET", "WhoAmI")
    answer = vendor.call("POST", bulk("CreateMultiple"), targets(*({"lastname": f"L{n}"} for n in range(100))))

    def left(response: Any) -> tuple[int, float]:
        requests = int(response.header("x-ms-ratelimit-burst-remaining-xrm-requests"))
        return requests, float(response.header("x-ms-ratelimit-time-remaining-xrm-requests").replace(",", ""))

    assert left(answer)[0] == left(before)[0] - 1
    assert left(answer)[1] == pytest.approx(left(before)[1] - 0.5)


@pytest.mark.rule("DV-DD-01")
def test_duplicate_detection(vendor: Vendor) -> None:
    on = {"MSCRM.SuppressDuplicateDetection": "false"}
    one = vendor.create("contacts", {"lastname": "A", "emailaddress1": "a@example.com"})
    two = vendor.create("contacts", {"lastname": "B", "emailaddress1": "A@example.com"})
    body = {"lastname": "C", "emailaddress1": "a@EXAMPLE.com"}
    text = vendor.refused(412, "0x80040333", "POST", "contacts", body, headers=on)
    assert text == "A record was not created or updated because a duplicate of the current record already exists."
    assert vendor.call("POST", "contacts", body, headers={"MSCRM.SuppressDuplicateDetection": "true"}).status == 204
    vendor.switch(duplicate_detection_status=500)
    vendor.refused(500, "0x80040333", "PATCH", f"contacts({two})", {"jobtitle": "J"}, headers=on)
    vendor.patch(f"contacts({one})", {"emailaddress1": "own@example.com"}, headers=on)
    vendor.patch(f"contacts({one})", {"jobtitle": "own row is no duplicate"}, headers=on)
    vendor.refused(500, "0x80040333", "PATCH", f"contacts({NOBODY})", body, headers=on)
    vendor.seed(
        duplicate_rules=[
            {"table": "lead", "matching": "contact", "columns": ["lastname", ["emailaddress1", "emailaddress1"]]}
        ]
    )
    vendor.refused(
        500, "0x80040333", "POST", "leads", {"lastname": "a", "emailaddress1": "own@example.com"}, headers=on
    )
    vendor.create("leads", {"lastname": "z", "emailaddress1": "own@example.com"}, headers=on)
    vendor.seed(organization={"isduplicatedetectionenabled": False})
    assert vendor.call("POST", "contacts", body, headers=on).status == 204


@pytest.mark.rule("DV-PL-01")
def test_plugins_reject(vendor: Vendor) -> None:
    vendor.seed(
        rejections=[
            {
                "table": "contact",
                "column": "emailaddress1",
                "when": "contains",
                "value": "@blocked",
                "message": "No such domain.",
            },
            {"table": "account", "on": ["delete"], "message": "Accounts stay.", "status": 403, "code": "0x80040265"},
            {
                "table": "contact",
                "column": "jobtitle",
                "when": "missing",
                "on": ["update"],
                "message": "Needs a job.",
                "times": 1,
            },
        ]
    )
    bad = {"lastname": "A", "emailaddress1": "a@Blocked.example"}
    assert vendor.refused(400, "0x80040265", "POST", "contacts", bad) == "No such domain."
    body = {"name": "A", "contact_customer_accounts": [{"lastname": "Fine"}, bad]}
    vendor.refused(400, "0x80040265", "POST", "accounts", body)
    assert vendor.rows("accounts") == vendor.rows("contacts") == []
    vendor.refused(400, "0x80040265", "POST", bulk("CreateMultiple"), targets({"lastname": "Fine"}, bad))
    assert vendor.rows("contacts") == []
    row = vendor.create("contacts", {"lastname": "A", "emailaddress1": "a@example.com"})
    vendor.refused(400, "0x80040265", "PATCH", f"contacts({row})", {"lastname": "B"})
    vendor.patch(f"contacts({row})", {"lastname": "C"})
    vendor.refused(400, "0x80040265", "PATCH", f"contacts({row})", {"emailaddress1": "x@blocked.example"})
    account = vendor.create("accounts", {"name": "A"})
    vendor.refused(403, "0x80040265", "DELETE", f"accounts({account})")


@pytest.mark.rule("DV-PL-02")
@pytest.mark.parametrize("code", ["0x80040265", "0x80048d19"])
def test_bypass(vendor: Vendor, code: str) -> None:
    vendor.switch(business_rule_code=code)
    vendor.seed(
        rejections=[
            {"table": "contact", "column": "jobtitle", "when": "equals", "value": "plugin", "message": "P"},
            {
                "table": "contact",
                "column": "jobtitle",
                "when": "equals",
                "value": "rule",
                "message": "R",
                "kind": "business_rule",
            },
        ]
    )
    vendor.refused(400, "0x80040265", "POST", "contacts", {"jobtitle": "plugin"})
    for headers in (
        {"MSCRM.BypassCustomPluginExecution": "true"},
        {"MSCRM.BypassBusinessLogicExecution": "CustomSync,CustomAsync"},
    ):
        assert vendor.call("POST", "contacts", {"jobtitle": "plugin"}, headers=headers).status == 204
        vendor.refused(400, code, "POST", "contacts", {"jobtitle": "rule"}, headers=headers)
    assert (
        vendor.call(
            "POST", "contacts", {"jobtitle": "plugin"}, headers={"MSCRM.BypassBusinessLogicExecution": "CustomAsync"}
        ).status
        == 400
    )


@pytest.mark.parametrize(
    ("when", "value", "refused", "taken"),
    [
        ("equals", "A", "a", "b"),
        ("matches", "^[0-9]+$", "123", "12a"),
        ("present", None, "x", None),
        ("greater", 10, "11", "9"),
        ("less", 10, "9", "11"),
        ("greater", "m", "z", "a"),
        ("longer", 3, "abcd", "abc"),
        ("always", None, "x", None),
    ],
)
def test_tests_of_rejections(vendor: Vendor, when: str, value: object, refused: str, taken: str | None) -> None:
    vendor.seed(rejections=[{"table": "contact", "column": "jobtitle", "when": when, "value": value, "message": "M"}])
    vendor.refused(400, "0x80040265", "POST", "contacts", {"lastname": "A", "jobtitle": refused})
    expected = 400 if when == "always" else 204
    assert vendor.call("POST", "contacts", {"lastname": "A", "jobtitle": taken}).status == expected


def test_rejections_that_cannot_be_read(vendor: Vendor) -> None:
    for wrong in ({"table": "contact"}, {"message": "M"}, {"table": "contact", "message": "M", "when": "maybe"}):
        with pytest.raises(ControlError):
            vendor.seed(rejections=[wrong])
