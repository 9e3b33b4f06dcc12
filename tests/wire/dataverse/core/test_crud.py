"""Creating, changing, deleting, linking."""

from __future__ import annotations

import uuid

import pytest

from tests.wire.dataverse.core.vendor import ALL, BASE, Vendor

REP = "return=representation"
NOBODY = "00000000-0000-4000-8000-00000000dead"


@pytest.mark.rule("DV-CR-01")
def test_create(vendor: Vendor) -> None:
    plain = vendor.call("POST", "contacts", {"firstname": "Ana", "lastname": "Ruiz"})
    assert (plain.status, plain.body) == (204, b"")
    url = plain.header("OData-EntityId")
    assert url.startswith(f"{BASE}/contacts(")
    assert vendor.get(f"{url}?$select=fullname")["fullname"] == "Ana Ruiz"
    full = vendor.call("POST", "contacts?$select=lastname", {"lastname": "B"}, prefer=f"{REP},{ALL}")
    assert full.status == 201
    assert full.header("OData-EntityId") == ""
    assert full.header("ETag") == full.json()["@odata.etag"]
    assert next(v for n, v in full.headers if n == "Preference-Applied") == REP
    assert set(full.json()) == {"@odata.context", "@odata.etag", "lastname", "contactid"}
    given = str(uuid.UUID(int=5, version=4))
    assert vendor.create("contacts", {"contactid": given.upper(), "lastname": "C"}) == given


@pytest.mark.rule("DV-CR-01")
def test_a_created_row_is_shown_with_what_it_was_bound_to(vendor: Vendor) -> None:
    contact, task = vendor.create("contacts", {"lastname": "C"}), vendor.create("tasks", {"subject": "T"})
    body = {
        "name": "S",
        "primarycontactid@odata.bind": f"/contacts({contact})",
        "Account_Tasks@odata.bind": [f"/tasks({task})"],
    }
    expand = "$expand=primarycontactid($select=fullname),Account_Tasks($select=subject)"
    made = vendor.call("POST", f"accounts?$select=name&{expand}", body, prefer=REP).json()
    assert made["@odata.context"].endswith("#accounts(name,primarycontactid(fullname),Account_Tasks(subject))/$entity")
    assert made["primarycontactid"]["fullname"] == "C"
    assert [row["activityid"] for row in made["Account_Tasks"]] == [task]
    assert (
        "primarycontactid"
        not in vendor.patch(f"accounts({made['accountid']})?$select=name&{expand}", {"name": "T"}, prefer=REP).json()
    )


@pytest.mark.rule("DV-CR-02")
def test_deep_insert(vendor: Vendor) -> None:
    body = {
        "name": "Deep",
        "primarycontactid": {"lastname": "First", "Contact_Tasks": [{"subject": "Welcome"}]},
        "contact_customer_accounts": [{"lastname": "Second"}, {"lastname": "Third"}],
    }
    account = vendor.create("accounts", body)
    row = vendor.get(f"accounts({account})?$select=name&$expand=primarycontactid($select=lastname)")
    assert row["primarycontactid"]["lastname"] == "First"
    names = vendor.names(f"_parentcustomerid_value eq {account}")
    assert names == ["Second", "Third"]
    assert vendor.names("regardingobjectid_contact_task/lastname eq 'First'", "subject", "tasks") == ["Welcome"]
    before = len(vendor.rows("contacts")), len(vendor.system.writes)
    body["contact_customer_accounts"] = [{"lastname": "Fine"}, {"lastname": "x" * 51}]
    vendor.refused(400, "0x80044331", "POST", "accounts", body)
    assert (len(vendor.rows("contacts")), len(vendor.system.writes)) == before
    existing = vendor.create("contacts", {"lastname": "Existing"})
    bound = vendor.create("accounts", {"name": "B", "contact_customer_accounts@odata.bind": [f"contacts({existing})"]})
    assert vendor.names(f"_parentcustomerid_value eq {bound}") == ["Existing"]


@pytest.mark.rule("DV-CR-03", "DV-CR-04")
def test_patch_is_an_upsert(vendor: Vendor) -> None:
    path = f"contacts({NOBODY})"
    text = vendor.refused(404, "0x80040217", "PATCH", path, {"lastname": "A"}, headers={"If-Match": "*"})
    assert text == f"contact With Id = {NOBODY} Does Not Exist"
    made = vendor.call("PATCH", path, {"lastname": "A"}, headers={"If-None-Match": "*"})
    assert (made.status, made.header("OData-EntityId")) == (204, f"{BASE}/{path}")
    text = vendor.refused(412, "0x80040237", "PATCH", path, {"lastname": "B"}, headers={"If-None-Match": "*"})
    assert text == "A record with matching key values already exists."
    changed = vendor.call("PATCH", path, {"lastname": "C"}, headers={"If-Match": "*"})
    assert (changed.status, changed.header("OData-EntityId")) == (204, f"{BASE}/{path}")
    assert vendor.get(path)["lastname"] == "C"
    other = NOBODY.replace("dead", "beef")
    assert vendor.call("PATCH", f"contacts({other})", {"lastname": "D"}, prefer=REP).status == 201
    again = vendor.call("PATCH", f"contacts({other})", {"lastname": "E"}, prefer=REP)
    assert (again.status, again.json()["lastname"]) == (200, "E")


@pytest.mark.rule("DV-CR-05")
def test_the_representation_of_an_update(vendor: Vendor) -> None:
    row = vendor.create("contacts", {"lastname": "A"})
    answer = vendor.call("PATCH", f"contacts({row})?$select=lastname&$expand=createdby", {"lastname": "B"}, prefer=REP)
    assert answer.status == 200
    assert set(answer.json()) == {"@odata.context", "@odata.etag", "lastname", "contactid"}


@pytest.mark.rule("DV-CR-06")
def test_single_properties(vendor: Vendor) -> None:
    row = vendor.create("contacts", {"lastname": "A", "description": "text"})
    put = vendor.call("PUT", f"contacts({row})/firstname", {"value": "Put"})
    gone = vendor.call("DELETE", f"contacts({row})/description")
    assert (put.status, gone.status) == (204, 204)
    assert put.header("OData-EntityId") == gone.header("OData-EntityId") == ""
    shown = vendor.get(f"contacts({row})?$select=fullname,description")
    assert (shown["fullname"], shown["description"]) == ("Put A", None)
    vendor.refused(400, "0x80044331", "PUT", f"contacts({row})/firstname", {"value": "x" * 51})
    vendor.refused(400, "0x80048d19", "PUT", f"contacts({row})/firstname", {"value": 5})
    vendor.refused(400, "0x80048d19", "PUT", f"contacts({row})/firstname", {})
    vendor.refused(405, "0x80060888", "PUT", f"contacts({row})/_ownerid_value", {"value": None})
    vendor.refused(400, "0x80040200", "DELETE", f"contacts({row})/contactid")
    before = vendor.get(f"contacts({row})")["createdon"]
    vendor.later(5)
    assert vendor.call("PUT", f"contacts({row})/createdon", {"value": "2020-01-01T00:00:00Z"}).status == 204
    assert vendor.get(f"contacts({row})")["createdon"] == before


@pytest.mark.rule("DV-CR-07")
def test_delete(vendor: Vendor) -> None:
    row, other = (vendor.create("contacts", {"lastname": name}) for name in "AB")
    vendor.delete(f"contacts({row})")
    assert [left["contactid"] for left in vendor.rows("contacts?$select=contactid")] == [other]
    vendor.refused(404, "0x80040217", "DELETE", f"contacts({row})")
    vendor.refused(404, "0x80040217", "GET", f"contacts({row})")


@pytest.mark.rule("DV-CR-08", "DV-CR-09")
def test_lookups(vendor: Vendor) -> None:
    account, boss = vendor.create("accounts", {"name": "A"}), vendor.create("contacts", {"lastname": "Boss"})
    body = {"lastname": "P", "parentcustomerid_account@odata.bind": f"accounts({account})"}
    row = vendor.create("contacts", body)
    path = f"contacts({row})?$select=_parentcustomerid_value,_accountid_value,_parentcontactid_value"
    assert vendor.get(path)["_parentcustomerid_value"] == vendor.get(path)["_accountid_value"] == account
    vendor.patch(f"contacts({row})", {"parentcustomerid_contact@odata.bind": f"{BASE}/contacts({boss})"})
    assert vendor.get(path)["_parentcustomerid_value"] == vendor.get(path)["_parentcontactid_value"] == boss
    assert vendor.get(path)["_accountid_value"] is None
    for clear in ({"parentcustomerid_contact": None}, {"parentcustomerid_account@odata.bind": None}):
        vendor.patch(f"contacts({row})", {"parentcustomerid_contact@odata.bind": f"/contacts({boss})"})
        vendor.patch(f"contacts({row})", clear)
        assert vendor.get(path)["_parentcustomerid_value"] is None
    for name in ("parentcustomerid", "ParentCustomerId_account", "nothing"):
        text = vendor.refused(400, "0x0", "PATCH", f"contacts({row})", {f"{name}@odata.bind": f"/accounts({account})"})
        assert text.startswith(
            "An error occurred while validating input parameters: Microsoft.OData.ODataException: An undeclared "
            f"property '{name}' which only has property annotations in the payload"
        )
    vendor.switch(undeclared_property_code="0x80048d19")
    bad = {"parentcustomerid@odata.bind": f"/accounts({account})"}
    text = vendor.refused(400, "0x80048d19", "PATCH", f"contacts({row})", bad)
    assert text.startswith("Error identified in Payload provided by the user for Entity :'contacts'")
    vendor.refused(
        404, "0x80040217", "POST", "contacts", {"parentcustomerid_account@odata.bind": f"/accounts({NOBODY})"}
    )
    wrong = {"parentcustomerid_account@odata.bind": f"/contacts({boss})"}
    assert vendor.call("POST", "contacts", wrong).status == 400
    for bad_reference in ("accounts", "/nothing(1)", "https://elsewhere.example/x(1)", "/accounts(x)", 5, ["a"], ""):
        body = {"lastname": "P", "parentcustomerid_account@odata.bind": bad_reference}
        assert vendor.call("POST", "contacts", body).status in (400, 404), bad_reference


@pytest.mark.rule("DV-CR-10")
def test_properties_the_table_has_not(vendor: Vendor) -> None:
    text = vendor.refused(400, "0x0", "POST", "contacts", {"LastName": "A"})
    assert text.startswith(
        "An error occurred while validating input parameters: Microsoft.Crm.CrmException: Invalid property 'LastName' "
        "was found in entity 'Microsoft.Dynamics.CRM.contact'."
    )
    vendor.switch(undeclared_property_code="0x80048d19")
    vendor.refused(400, "0x80048d19", "POST", "contacts", {"LastName": "A"})
    text = vendor.refused(400, "0x80048d19", "POST", "contacts", {"lastname": "A", "_parentcustomerid_value": NOBODY})
    assert "CRM do not support direct update of Entity Reference properties" in text
    text = vendor.refused(400, "0x80048d19", "POST", "contacts", {"lastname": "A", "@logicalName": "contact"})
    assert "'logicalName' is an invalid instance annotation name" in text
    fine = {
        "@odata.type": "Microsoft.Dynamics.CRM.contact",
        "@odata.etag": 'W/"1"',
        "lastname": "A",
        "lastname@OData.Community.Display.V1.FormattedValue": "A",
        "_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "systemuser",
    }
    vendor.create("contacts", fine)
    vendor.refused(400, "0x80048d19", "POST", "contacts", {"lastname": "A", "nothing@x.y": 1})
    for name, value in (("parentcustomerid_account", "x"), ("Contact_Tasks", {"a": 1}), ("Contact_Tasks", [1])):
        vendor.refused(400, "0x80048d19", "POST", "contacts", {"lastname": "A", name: value})
    vendor.refused(400, "0x80048d19", "POST", "emails", {"to": "a@example.com"})


@pytest.mark.rule("DV-CR-11")
def test_ids_are_unique(vendor: Vendor) -> None:
    row = vendor.create("contacts", {"lastname": "A"})
    text = vendor.refused(412, "0x80040237", "POST", "contacts", {"contactid": row, "lastname": "B"})
    assert text == "A record with matching key values already exists."


@pytest.mark.rule("DV-CR-12")
def test_references(vendor: Vendor) -> None:
    account, row = vendor.create("accounts", {"name": "A"}), vendor.create("contacts", {"lastname": "P"})
    here = {"@odata.id": f"{BASE}/contacts({row})"}
    assert vendor.call("POST", f"accounts({account})/contact_customer_accounts/$ref", here).status == 204
    assert vendor.get(f"contacts({row})")["_parentcustomerid_value"] == account
    assert vendor.call("DELETE", f"accounts({account})/contact_customer_accounts({row})/$ref").status == 204
    assert vendor.get(f"contacts({row})")["_parentcustomerid_value"] is None
    single = f"contacts({row})/parentcustomerid_account/$ref"
    assert vendor.call("PUT", single, {"@odata.id": f"accounts({account})"}).status == 204
    assert vendor.get(f"contacts({row})")["_parentcustomerid_value"] == account
    assert vendor.call("DELETE", f"contacts({row})/parentcustomerid_contact/$ref").status == 204
    assert vendor.get(f"contacts({row})")["_parentcustomerid_value"] == account
    assert vendor.call("DELETE", single).status == 204
    assert vendor.get(f"contacts({row})")["_parentcustomerid_value"] is None
    vendor.call("POST", f"accounts({account})/contact_customer_accounts/$ref", here)
    dropped = f"accounts({account})/contact_customer_accounts/$ref?$id={BASE}/contacts({row})"
    assert vendor.call("DELETE", dropped).status == 204
    assert vendor.get(f"contacts({row})")["_parentcustomerid_value"] is None
    listed = vendor.create("lists", {"listname": "L", "createdfromcode": 2, "type": False})
    assert vendor.call("POST", f"lists({listed})/listcontact_association/$ref", here).status == 204
    assert vendor.call("POST", f"lists({listed})/listcontact_association/$ref", here).status == 204
    members = vendor.get(f"lists({listed})/listcontact_association?$select=lastname")["value"]
    assert [member["lastname"] for member in members] == ["P"]
    assert vendor.names("listcontact_association/any(l:l/listname eq 'L')") == ["P"]
    assert vendor.call("DELETE", f"lists({listed})/listcontact_association({row})/$ref").status == 204
    assert vendor.get(f"lists({listed})/listcontact_association")["value"] == []
    assert vendor.call("POST", f"accounts({account})/contact_customer_accounts/$ref", {}).status == 400
    assert vendor.call("PUT", f"accounts({account})/contact_customer_accounts/$ref", here).status == 405
    assert vendor.call("POST", f"contacts({row})/parentcustomerid_account/$ref", here).status == 405
    assert vendor.call("DELETE", f"accounts({account})/contact_customer_accounts/$ref").status == 400
    child = vendor.call("POST", f"accounts({account})/contact_customer_accounts", {"lastname": "Child"})
    assert child.status == 204
    assert vendor.names(f"_parentcustomerid_value eq {account}") == ["Child"]


@pytest.mark.rule("DV-CR-13")
def test_every_sent_column_counts_as_changed(vendor: Vendor) -> None:
    row = vendor.create("contacts", {"lastname": "A"})
    before = vendor.get(f"contacts({row})?$select=modifiedon")
    vendor.later(10)
    vendor.patch(f"contacts({row})", {"lastname": "A"})
    after = vendor.get(f"contacts({row})?$select=modifiedon")
    assert after["modifiedon"] > before["modifiedon"]
    assert after["@odata.etag"] != before["@odata.etag"]


@pytest.mark.rule("DV-CR-14", "DV-ST-01")
def test_columns_not_valid_for_writing(vendor: Vendor) -> None:
    body = {"lastname": "A", "fullname": "Other", "createdon": "2020-01-01T00:00:00Z", "statecode": 1}
    row = vendor.get(f"contacts({vendor.create('contacts', body)})")
    assert (row["fullname"], row["statecode"], row["createdon"][:4]) == ("A", 0, "2026")
    vendor.switch(invalid_for_write="refuse")
    vendor.refused(400, "0x80040203", "POST", "contacts", {"lastname": "A", "statecode": 1})
    vendor.refused(400, "0x80040203", "PATCH", f"contacts({row['contactid']})", {"overriddencreatedon": "2020-01-01"})


@pytest.mark.rule("DV-CR-15")
def test_overridden_creation(vendor: Vendor) -> None:
    row = vendor.create("contacts", {"lastname": "A", "overriddencreatedon": "2019-05-06T07:08:09Z"})
    assert vendor.get(f"contacts({row})")["createdon"] == "2019-05-06T07:08:09Z"
    vendor.patch(f"contacts({row})", {"overriddencreatedon": "2018-01-01T00:00:00Z"})
    shown = vendor.get(f"contacts({row})")
    assert shown["createdon"] == shown["overriddencreatedon"] == "2019-05-06T07:08:09Z"


@pytest.mark.rule("DV-CR-16")
def test_computed_columns(vendor: Vendor) -> None:
    me = vendor.get("WhoAmI")
    address = {
        "address1_line1": "Gran Vía 1",
        "address1_city": "Madrid",
        "address1_postalcode": "28013",
        "address1_country": "España",
    }
    row = vendor.create("contacts", {"firstname": "Ana", "lastname": "Ruiz", "annualincome": 108, **address})
    shown = vendor.get(f"contacts({row})")
    assert shown["fullname"] == "Ana Ruiz"
    assert shown["address1_composite"] == "Gran Vía 1\r\nMadrid 28013\r\nEspaña"
    assert shown["_ownerid_value"] == shown["_owninguser_value"] == shown["_createdby_value"] == me["UserId"]
    assert shown["_owningbusinessunit_value"] == me["BusinessUnitId"]
    assert (shown["annualincome_base"], shown["exchangerate"]) == (108.0, 1.0)
    dollars = vendor.rows("transactioncurrencies?$select=currencyname&$filter=isocurrencycode eq 'USD'")[0]
    bind = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({dollars['transactioncurrencyid']})"}
    vendor.patch(f"contacts({row})", {"firstname": None, "lastname": "Gil", "annualincome": 108, **bind})
    shown = vendor.get(f"contacts({row})")
    assert (shown["fullname"], shown["annualincome_base"]) == ("Gil", 100.0)
    vendor.patch(f"contacts({row})", {"annualincome": None})
    assert vendor.get(f"contacts({row})")["annualincome_base"] is None
    vendor.seed(organization={"fullnameconventioncode": 0})
    vendor.patch(f"contacts({row})", {"firstname": "Eva"})
    assert vendor.get(f"contacts({row})")["fullname"] == "Gil, Eva"
    task = vendor.get(f"tasks({vendor.create('tasks', {'subject': 'T'})})")
    assert (task["activitytypecode"], task["prioritycode"], task["statuscode"]) == ("task", 1, 2)


@pytest.mark.rule("DV-CR-17")
def test_what_becomes_of_rows_that_refer_to_a_deleted_one(vendor: Vendor) -> None:
    account = vendor.create("accounts", {"name": "A"})
    person = vendor.create(
        "contacts", {"lastname": "P", "parentcustomerid_account@odata.bind": f"/accounts({account})"}
    )
    task = vendor.create("tasks", {"subject": "T", "regardingobjectid_contact_task@odata.bind": f"/contacts({person})"})
    child = vendor.create("accounts", {"name": "C", "parentaccountid@odata.bind": f"/accounts({account})"})
    vendor.delete(f"accounts({account})")
    assert vendor.call("GET", f"contacts({person})").status == 404
    assert vendor.call("GET", f"tasks({task})").status == 404
    assert vendor.get(f"accounts({child})")["_parentaccountid_value"] is None
    log = {(write["op"], write["kind"], write["id"]) for write in vendor.system.writes.page()}
    assert {("delete", "account", account), ("delete", "contact", person), ("delete", "task", task)} < log
    assert ("update", "account", child) in log
    euro = vendor.rows("transactioncurrencies?$select=currencyname&$filter=isocurrencycode eq 'EUR'")[0]
    vendor.create("contacts", {"lastname": "Rich", "annualincome": 5})
    vendor.refused(405, "0x80040227", "DELETE", f"transactioncurrencies({euro['transactioncurrencyid']})")


@pytest.mark.rule("DV-CR-18")
def test_owners(vendor: Vendor) -> None:
    boss = vendor.seed(users=[{"name": "Boss Person"}])["users"][0]["systemuserid"]
    row = vendor.create("contacts", {"lastname": "A", "ownerid@odata.bind": f"/systemusers({boss})"})
    shown = vendor.get(f"contacts({row})")
    assert shown["_ownerid_value"] == shown["_owninguser_value"] == boss
    unit = vendor.get("WhoAmI")["BusinessUnitId"]
    team = vendor.create("teams", {"name": "T", "businessunitid@odata.bind": f"/businessunits({unit})"})
    vendor.patch(f"contacts({row})", {"ownerid@odata.bind": f"/teams({team})"})
    shown = vendor.get(f"contacts({row})")
    assert (shown["_ownerid_value"], shown["_owningteam_value"], shown["_owninguser_value"]) == (team, team, None)
    vendor.refused(400, "0x80040200", "PATCH", f"contacts({row})", {"ownerid": None})


def test_the_write_log_says_who_and_what(vendor: Vendor) -> None:
    row = vendor.create("contacts", {"firstname": "Ana", "lastname": "A"})
    vendor.patch(f"contacts({row})", {"lastname": "B"})
    vendor.delete(f"contacts({row})")
    log = vendor.system.writes.page(record_id=row)
    assert [(write["who"], write["op"], write["kind"]) for write in log] == [
        ("# dynasync", "create", "contact"),
        ("# dynasync", "update", "contact"),
        ("# dynasync", "delete", "contact"),
    ]
    assert log[1]["changed"] == {"fullname": ["Ana A", "Ana B"], "lastname": ["A", "B"]}
    vendor.call("POST", "contacts", {"lastname": "x" * 51})
    assert len(vendor.system.writes) == 3
