"""Accounts, deals, notes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.activecampaign.vendor import Vendor, pointer


@pytest.mark.rule("AC-AC-01")
def test_account_names(vendor: Vendor) -> None:
    status, body = vendor.call("POST", "/accounts", {"account": {"name": "Acme"}})
    assert (status, body["account"]["customFieldSaveStatus"]) == (201, {"status": "success"})
    assert pointer(vendor.call("POST", "/accounts", {"account": {}})[1]) == ("field_missing", "/data/attributes/name")
    status, body = vendor.call("POST", "/accounts", {"account": {"name": "ACME"}})
    assert (status, pointer(body)[0]) == (422, "duplicate")
    assert body["errors"][0]["title"].startswith('An account named "ACME" already exists.')
    vendor.switch(account_name_match="exact")
    assert vendor.call("POST", "/accounts", {"account": {"name": "ACME"}})[0] == 201
    status, body = vendor.call("PUT", "/accounts/2", {"account": {"name": "Acme"}})
    assert (status, pointer(body)[0]) == (422, "duplicate")
    assert vendor.call("GET", "/accounts/9") == (404, {"message": "No Result found for CustomerAccount with id 9"})


@pytest.mark.rule("AC-AC-02")
def test_one_account_a_contact(vendor: Vendor) -> None:
    vendor.seed(accounts=["A", "B"])
    vendor.contact()
    sent = {"accountContact": {"account": 1, "contact": 1, "jobTitle": "CEO"}}
    status, body = vendor.call("POST", "/accountContacts", sent)
    assert (status, body["accountContact"]["account"]) == (201, 1)
    sent["accountContact"]["account"] = 2
    status, body = vendor.call("POST", "/accountContacts", sent)
    assert (status, pointer(body)) == (422, ("field_invalid", "/data/attributes/account,contact"))
    assert vendor.put("/accountContacts/1", {"accountContact": {"account": 2}})["accountContact"]["jobTitle"] == "CEO"
    assert vendor.state(1)["account"] == "B"
    assert vendor.get("/contacts/1/accountContacts")["accountContacts"][0]["account"] == "2"
    assert vendor.call("DELETE", "/accountContacts/1") == (200, {})
    missing = {"message": "No Result found for CustomerAccountSubscriber with id 1"}
    assert vendor.call("GET", "/accountContacts/1") == (404, missing)
    assert vendor.call("POST", "/accountContacts", sent)[0] == 201
    assert pointer(vendor.call("POST", "/accountContacts", {"accountContact": {"contact": 1}})[1])[0] == "field_missing"


@pytest.mark.rule("AC-AC-03")
def test_account_fields(vendor: Vendor) -> None:
    vendor.seed(
        accounts=["A"],
        account_fields=[
            {"fieldLabel": "Size", "fieldType": "dropdown", "fieldOptions": ["small", "large"]},
            {"fieldLabel": "Areas", "fieldType": "multiselect", "fieldOptions": ["north", "south"]},
            {"fieldLabel": "Worth", "fieldType": "currency", "fieldDefaultCurrency": "usd"},
        ],
    )
    fields: list[dict[str, Any]] = [
        {"customFieldId": 1, "fieldValue": "large"},
        {"customFieldId": "2", "fieldValue": ["north", "south"]},
        {"customFieldId": 3, "fieldValue": 9999, "fieldCurrency": "GBP"},
    ]
    body = vendor.put("/accounts/1", {"account": {"fields": fields}})
    assert body["account"]["fields"][1] == {"customFieldId": 2, "fieldValue": ["north", "south"], "accountId": "1"}
    data = vendor.get("/accountCustomFieldData?filters[customerAccountId]=1")["accountCustomFieldData"]
    assert [row["fieldValue"] for row in data] == ["large", ["north", "south"], 9999]
    assert data[2]["fieldCurrency"] == "GBP"
    for name in ("accountId", "customerAccountId"):
        sent = {name: 1, "customFieldId": 1, "fieldValue": "small"}
        row = vendor.post("/accountCustomFieldData", {"accountCustomFieldDatum": sent})["accountCustomFieldDatum"]
        assert (row["id"], row["fieldValue"], row["accountId"]) == ("1", "small", 1)
    bad: list[dict[str, Any]] = [
        {"customFieldId": 1, "fieldValue": "huge"},
        {"customFieldId": 3, "fieldValue": "9.99"},
        {"customFieldId": 9, "fieldValue": "x"},
    ]
    for item in bad:
        sent = {"accountCustomFieldDatum": {"customerAccountId": 1, **item}}
        assert vendor.call("POST", "/accountCustomFieldData", sent)[0] == 422
        assert vendor.call("PUT", "/accounts/1", {"account": {"name": "B", "fields": [item]}})[0] == 422
    assert vendor.get("/accounts/1")["account"]["name"] == "A"


@pytest.mark.rule("AC-AC-03")
def test_account_fields_in_bulk(vendor: Vendor) -> None:
    vendor.seed(accounts=["A", "B"], account_fields=[{"fieldLabel": "Note", "fieldType": "text"}])
    rows = [{"accountId": owner, "customFieldId": 1, "fieldValue": "x"} for owner in (1, 2)]
    assert vendor.post("/accountCustomFieldData/bulkCreate", rows) == {"message": "the bulk insert was successful"}
    status, _ = vendor.call("PATCH", "/accountCustomFieldData/bulkUpdate", [{**rows[0], "fieldValue": "y"}])
    assert status == 200
    data = vendor.get("/accountCustomFieldData")["accountCustomFieldData"]
    assert [row["fieldValue"] for row in data] == ["y", "x"]
    assert vendor.call("POST", "/accountCustomFieldData/bulkCreate", [{"accountId": 9, "customFieldId": 1}])[0] == 422
    assert vendor.call("GET", "/accountCustomFieldData/9")[0] == 404
    assert vendor.call("DELETE", "/accountCustomFieldMeta/1") == (200, {"message": "AccountCustomFieldMeta deleted."})
    assert vendor.get("/accountCustomFieldData")["accountCustomFieldData"] == []


@pytest.mark.rule("AC-AC-04")
@pytest.mark.parametrize(
    "path",
    [
        "/accounts",
        "/accountContacts",
        "/accountCustomFieldMeta",
        "/deals",
        "/dealGroups",
        "/dealStages",
        "/contactDeals",
    ],
)
def test_plans_without_crm(vendor: Vendor, path: str) -> None:
    assert vendor.call("GET", path)[0] == 200
    vendor.switch(plan_crm=False)
    assert vendor.call("GET", path)[0] == 403
    assert vendor.call("POST", path, {})[0] == 403
    assert vendor.call("GET", "/contacts")[0] == 200


@pytest.mark.rule("AC-AC-05")
def test_account_counts_and_bulk_delete(vendor: Vendor) -> None:
    vendor.seed(contacts=[{"email": f"{n}@example.com", "account": "A"} for n in range(2)], accounts=["B"])
    assert vendor.get("/accounts")["accounts"][0]["contactCount"] == "0"
    counts = {row["name"]: row["contactCount"] for row in vendor.get("/accounts?count_deals=true")["accounts"]}
    assert counts == {"A": "2", "B": "0"}
    assert vendor.call("DELETE", "/accounts/bulk_delete?ids[]=1&ids[]=2&ids[]=9") == (200, {"meta": {"success": True}})
    assert vendor.get("/accounts")["accounts"] == []
    assert vendor.state(1)["account"] is None


@pytest.fixture
def sales(vendor: Vendor) -> Vendor:
    """A pipeline with automatic owners, one without, and a contact."""
    vendor.seed(
        pipelines=[{"title": "Sales"}, {"title": "Manual", "autoassign": 0}], contacts=[{"email": "a@example.com"}]
    )
    return vendor


def deal(**more: Any) -> dict[str, Any]:
    """A deal body."""
    return {"deal": {"title": "D", "value": 12345, "currency": "USD", "contact": "1", **more}}


@pytest.mark.rule("AC-DL-01")
def test_create_deal(sales: Vendor) -> None:
    status, body = sales.call("POST", "/deals", deal(group="1"))
    assert status == 201
    assert set(body) == {"contacts", "dealGroups", "dealStages", "deal"}
    assert (body["deal"]["value"], body["deal"]["currency"], body["deal"]["stage"]) == (12345, "usd", "1")
    assert sales.get("/deals/1")["deal"]["value"] == "12345"
    assert pointer(sales.call("POST", "/deals", deal(group=2))[1]) == ("field_missing", "/data/attributes/owner")
    assert sales.call("POST", "/deals", deal(stage=4, owner=1))[0] == 201
    for missing in ("title", "value", "currency", "contact"):
        sent = deal(group=1)
        del sent["deal"][missing]
        assert pointer(sales.call("POST", "/deals", sent)[1]) == ("field_missing", f"/data/attributes/{missing}")
    assert pointer(sales.call("POST", "/deals", deal())[1])[0] == "field_missing"
    for bad in ({"status": 3}, {"percent": 101}, {"contact": 9}, {"group": 9}, {"value": "much"}):
        assert sales.call("POST", "/deals", deal(**{"group": 1, **bad}))[0] == 422
    assert sales.put("/deals/1", {"deal": {"status": 1, "stage": 2}})["deal"]["status"] == 1
    assert sales.get("/deals/1")["deal"]["title"] == "D"
    body = sales.get("/deals")
    assert body["meta"]["currencies"]["USD"] == {"total": "2", "value": "24690", "currency": "USD", "isDisabled": False}
    assert sales.call("DELETE", "/deals/1") == (200, {})
    assert sales.call("GET", "/deals/1")[0] == 404


@pytest.mark.rule("AC-DL-02")
def test_new_pipelines_have_stages(vendor: Vendor) -> None:
    body = vendor.post("/dealGroups", {"dealGroup": {"title": "New", "currency": "eur"}})
    assert [row["title"] for row in body["dealStages"]] == ["To Contact", "In Contact", "Follow Up"]
    assert body["dealGroup"]["stages"] == ["1", "2", "3"]
    vendor.post("/dealStages", {"dealStage": {"title": "Won", "group": body["dealGroup"]["id"]}})
    vendor.post("/dealGroups", {"dealGroup": {"title": "Other"}})
    stages = vendor.get("/dealStages?filters[d_groupid]=1")
    assert ([row["title"] for row in stages["dealStages"]][-1], stages["meta"]["total"]) == ("Won", 4)
    assert vendor.call("POST", "/dealStages", {"dealStage": {"title": "X", "group": 9}})[0] == 422


@pytest.mark.rule("AC-DL-03")
def test_deals_of_hidden_pipelines(sales: Vendor) -> None:
    sales.seed(users=[{"username": "ben", "apiKey": "ben", "pipelines": [2]}])
    sales.post("/deals", deal(group=1))
    sales.post("/deals", deal(stage=4, owner=1))
    reduced = {"title": "D", "status": "0", "id": "1", "isDisabled": True}
    rows = sales.call("GET", "/deals", key="ben")[1]["deals"]
    assert rows[0] == reduced
    assert rows[1]["isDisabled"] is False
    assert sales.call("GET", "/contacts/1", key="ben")[1]["deals"][0] == reduced
    assert sales.call("GET", "/deals/1", key="ben")[0] == 403
    assert sales.get("/deals")["deals"][0]["isDisabled"] is False


@pytest.mark.rule("AC-DL-04")
def test_contact_deals_and_deal_notes(sales: Vendor) -> None:
    sales.contact("b@example.com")
    sales.post("/deals", deal(group=1))
    row = sales.post("/contactDeals", {"contactDeal": {"deal": 1, "contact": 2}})["contactDeal"]
    assert sales.get("/contacts/2/contactDeals")["contactDeals"][0]["deal"] == "1"
    assert sales.call("DELETE", f"/contactDeals/{row['id']}") == (200, {})
    assert sales.call("POST", "/deals/1/notes", {"note": {"note": "n"}})[0] == 201
    assert sales.put("/deals/1/notes/1", {"note": {"note": "m"}})["note"]["note"] == "m"
    assert sales.call("PUT", "/deals/1/notes/9", {"note": {"note": "m"}})[0] == 403
    assert sales.get("/deals/1/notes")["notes"][0]["owner"] == {"type": "deal", "id": "1"}


@pytest.mark.rule("AC-FL-11")
def test_deal_filters(sales: Vendor) -> None:
    sales.post("/deals", deal(group=1, title="Old"))
    sales.advance(60)
    sales.post("/deals", deal(group=1, title="New", value=1))

    def titles(query: str) -> list[str]:
        return [row["title"] for row in sales.get(f"/deals?{query}")["deals"]]

    assert titles("filters[updated_after]=2026-06-10T12:01:00Z") == ["New"]
    assert titles("filters[updated_before]=2026-06-10T12:01:00Z") == ["Old"]
    assert titles("orders[value]=ASC") == ["New", "Old"]
    assert titles("filters[status]=1") == []
    assert titles("filters[search]=old") == ["Old"]


def test_deal_fields(sales: Vendor) -> None:
    sales.seed(deal_fields=[{"fieldLabel": "Source", "fieldType": "text"}])
    body = sales.post("/deals", deal(group=1, fields=[{"customFieldId": 1, "fieldValue": "web"}]))
    assert body["deal"]["fields"] == [{"customFieldId": 1, "fieldValue": "web", "dealId": "1"}]
    assert sales.get("/dealCustomFieldData?filters[dealId]=1")["dealCustomFieldData"][0]["fieldValue"] == "web"
    assert sales.get("/deals/1/dealCustomFieldData")["dealCustomFieldData"][0]["customFieldId"] == 1
    assert sales.get("/dealCustomFieldMeta")["dealCustomFieldMeta"][0]["fieldLabel"] == "Source"


@pytest.mark.rule("AC-NT-01")
def test_notes(vendor: Vendor) -> None:
    vendor.contact()
    vendor.seed(accounts=["A"])
    status, body = vendor.call("POST", "/notes", {"note": {"note": "hi", "relid": 1, "reltype": "Subscriber"}})
    assert (status, body["note"]["relid"], body["note"]["owner"]) == (201, 1, {"type": "contact", "id": 1})
    assert body["contacts"][0]["id"] == "1"
    assert vendor.call("POST", "/notes", {"note": {"note": "hi", "relid": 1, "reltype": "CustomerAccount"}})[0] == 201
    assert vendor.call("POST", "/notes", {"note": {"note": "hi", "relid": 1, "reltype": "Contact"}})[0] == 422
    assert vendor.call("POST", "/notes", {"note": {"note": "hi", "relid": 9, "reltype": "Subscriber"}})[0] == 422
    assert vendor.put("/notes/1", {"note": {"note": "new"}})["note"]["note"] == "new"
    assert [row["note"] for row in vendor.get("/contacts/1/notes")["notes"]] == ["new"]
    assert [row["id"] for row in vendor.get("/accounts/1/notes")["notes"]] == ["2"]
    assert vendor.call("DELETE", "/notes/1") == (200, {})
