"""Smaller promises, each found missing by changing the simulator and seeing no test fail."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.wire.activecampaign.vendor import Vendor, pointer


def test_updating_a_field(vendor: Vendor) -> None:
    vendor.seed(fields=[{"title": "Colour", "type": "text", "descript": "old"}, {"title": "Size", "type": "text"}])
    field = vendor.put("/fields/1", {"field": {"defval": "red", "visible": 0, "perstag": "the colour"}})["field"]
    assert (field["title"], field["descript"], field["defval"], field["visible"]) == ("Colour", "old", "red", "0")
    assert field["perstag"] == "THE_COLOUR"
    assert vendor.get("/fields?filters[perstag]=the_colour")["meta"]["total"] == "1"
    assert vendor.put("/fields/1", {"field": {"title": "colour", "descript": ""}})["field"]["descript"] is None
    assert pointer(vendor.call("PUT", "/fields/1", {"field": {"title": "SIZE"}})[1])[0] == "duplicate"
    assert vendor.call("PUT", "/fields/9", {"field": {}})[0] == 404
    assert vendor.get("/fields/2")["field"]["perstag"] == "SIZE"


def test_users_and_groups(vendor: Vendor) -> None:
    assert vendor.get("/users/1")["user"]["email"] == "owner@example.com"
    assert vendor.get("/users")["meta"]["total"] == "1"
    assert vendor.get("/groups/1")["group"]["title"] == "Admin"
    assert vendor.call("GET", "/users/9") == (404, {"message": "No Result found for User with id 9"})
    assert vendor.call("GET", "/automations/9")[0] == 404
    assert vendor.call("GET", "/campaigns/9")[0] == 404


def test_batch_ids_are_random_uuids(vendor: Vendor) -> None:
    found = [
        vendor.post("/import/bulk_import", {"contacts": [{"email": "a@b.example"}] * 2})["batchId"] for _ in range(5)
    ]
    assert len(set(found)) == 5
    for batch_id in found:
        assert (str(uuid.UUID(batch_id)), uuid.UUID(batch_id).version) == (batch_id, 4)
        assert uuid.UUID(batch_id).variant == uuid.RFC_4122


def test_an_email_that_was_given_up_is_free(vendor: Vendor) -> None:
    first = vendor.contact("old@example.com")
    vendor.put(f"/contacts/{first}", {"contact": {"email": "new@example.com"}})
    assert vendor.get("/contacts?email=old@example.com")["meta"]["total"] == "0"
    second = vendor.contact("old@example.com")
    vendor.call("DELETE", f"/contacts/{second}")
    assert vendor.call("POST", "/contact/sync", {"contact": {"email": "new@example.com"}})[1]["contact"]["id"] == first


@pytest.mark.parametrize(
    ("email", "status"),
    [
        ("a" * 64 + "@example.com", 201),
        ("a" * 65 + "@example.com", 422),
        ("a@" + "b" * 240 + ".example.com", 201),
        ("a@" + "b" * 241 + ".example.com", 422),
        ("a b@example.com", 422),
        ("a@@example.com", 422),
        ("a@example..com", 422),
        (" a@example.com ", 201),
        ("ü@bücher.example", 201),
    ],
)
def test_edges_of_addresses(vendor: Vendor, email: str, status: int) -> None:
    assert vendor.call("POST", "/contacts", {"contact": {"email": email}})[0] == status


@pytest.mark.parametrize("row_id", [0, -1, True, 1.0, "1.0", "0x1", "9" * 18, "9" * 19, 10**18, [1], None])
def test_ids_that_are_none(vendor: Vendor, row_id: Any) -> None:
    vendor.seed(tags=["x"])
    vendor.contact()
    assert vendor.call("POST", "/contactTags", {"contactTag": {"contact": row_id, "tag": 1}})[0] in {404, 422}
    assert vendor.state(1)["tags"] == []


def test_replacing_an_account_by_import_is_logged(vendor: Vendor) -> None:
    vendor.seed(contacts=[{"email": "a@example.com", "account": "Old"}], accounts=["New"])
    vendor.switch(bulk_account_conflict="replace")
    contacts = [{"email": "a@example.com", "customer_acct_name": "new"}, {"email": "b@example.com"}]
    vendor.post("/import/bulk_import", {"contacts": contacts})
    vendor.advance(60)
    (write,) = vendor.writes(kind="accountContact")
    assert (write["op"], write["changed"]) == ("update", {"account": [2, 1]})
    assert vendor.get("/accounts")["meta"]["total"] == "2"


def test_unconfirmed_standing_and_statuses_of_lists(vendor: Vendor) -> None:
    vendor.seed(lists=["News"])
    vendor.contact()
    vendor.post("/contactLists", {"contactList": {"list": 1, "contact": 1, "status": 0}})
    assert vendor.get("/contacts?status=0")["meta"]["total"] == "1"
    assert vendor.get("/contacts?status=3")["meta"]["total"] == "0"
    row = vendor.get("/lists/1")["list"]
    assert (row["non_deleted_subscribers"], row["active_subscribers"]) == ("1", "0")
    vendor.advance(60)
    changed = vendor.post("/contactLists", {"contactList": {"list": 1, "contact": 1, "status": 2}})["contactList"]
    assert (changed["udate"], changed["unsubreason"]) == ("2026-06-10T07:01:00-05:00", "")
    assert vendor.put("/lists/1", {"list": {"name": "Other"}})["list"]["stringid"] == "news"


def test_deleting_a_pipeline_and_its_deals(vendor: Vendor) -> None:
    vendor.seed(
        pipelines=[{"title": "P"}, {"title": "Q"}],
        contacts=[{"email": "a@example.com"}],
        deals=[{"title": "D", "contact": 1, "stage": 1}, {"title": "E", "contact": 1, "stage": 4}],
        deal_fields=[{"fieldLabel": "F", "fieldType": "text"}],
    )
    vendor.put("/deals/1", {"deal": {"fields": [{"customFieldId": 1, "fieldValue": "x"}]}})
    assert vendor.call("DELETE", "/dealGroups/1") == (200, {})
    assert [row["title"] for row in vendor.get("/deals")["deals"]] == ["E"]
    assert [row["group"] for row in vendor.get("/dealStages")["dealStages"]] == ["2"] * 3
    assert vendor.get("/dealCustomFieldData")["dealCustomFieldData"] == []
    assert vendor.put("/dealGroups/2", {"dealGroup": {"title": "R", "autoassign": 1}})["dealGroup"]["autoassign"] == "1"
    assert vendor.get("/dealGroups?filters[title]=r")["meta"]["total"] == 1
    assert vendor.put("/dealStages/4", {"dealStage": {"title": "First"}})["dealStage"]["title"] == "First"
    assert vendor.call("DELETE", "/dealStages/4") == (200, {})
    assert vendor.call("GET", "/dealStages/4")[0] == 404
    assert vendor.call("GET", "/dealGroups/1")[0] == 404


def test_custom_field_definitions_can_change(vendor: Vendor) -> None:
    vendor.seed(accounts=["A"], account_fields=[{"fieldLabel": "S", "fieldType": "dropdown", "fieldOptions": ["a"]}])
    sent = {"accountCustomFieldMetum": {"fieldLabel": "T", "fieldOptions": ["a", "b"]}}
    assert vendor.put("/accountCustomFieldMeta/1", sent)["accountCustomFieldMetum"]["fieldOptions"] == ["a", "b"]
    row = {"accountId": 1, "customFieldId": 1, "fieldValue": "b"}
    vendor.post("/accountCustomFieldData", {"accountCustomFieldDatum": row})
    body = vendor.put("/accountCustomFieldData/1", {"accountCustomFieldDatum": {"fieldValue": ""}})
    assert body["accountCustomFieldDatum"]["fieldValue"] == ""
    assert vendor.call("DELETE", "/accountCustomFieldData/1") == (200, {})
    assert vendor.get("/accounts/1/accountCustomFieldData")["accountCustomFieldData"] == []
    status, body = vendor.call("POST", "/accountCustomFieldMeta", {"accountCustomFieldMetum": {"fieldLabel": "x"}})
    assert (status, body["errors"][0]) == (
        422,
        {"title": "The field type field is required.", "detail": "", "code": 422},
    )


def test_an_account_change_moves_its_timestamp(vendor: Vendor) -> None:
    vendor.seed(accounts=["A"], account_fields=[{"fieldLabel": "S", "fieldType": "text"}])
    vendor.advance(60)
    vendor.post(
        "/accountCustomFieldData", {"accountCustomFieldDatum": {"accountId": 1, "customFieldId": 1, "fieldValue": "x"}}
    )
    account = vendor.get("/accounts/1")["account"]
    assert (account["createdTimestamp"][11:19], account["updatedTimestamp"][11:19]) == ("07:00:00", "07:01:00")
    vendor.put("/accounts/1", {"account": {"owner": 1, "accountUrl": "https://a.example"}})
    assert vendor.get("/accounts/1")["account"]["accountUrl"] == "https://a.example"
    assert vendor.get("/accounts/1/accountContacts")["accountContacts"] == []
    assert vendor.call("DELETE", "/accounts/1") == (200, {})
    assert vendor.post("/accounts", {"account": {"name": "a"}})["account"]["id"] == "2"


def test_unsubscribing_by_a_campaign_counts_there(vendor: Vendor) -> None:
    vendor.seed(contacts=[{"email": "a@example.com", "lists": ["News"]}], campaigns=[{"name": "C"}])
    vendor.act("unsubscribe", contact=1, list="all", campaign=1, reason="enough")
    assert vendor.get("/campaigns/1")["campaign"]["unsubscribes"] == "1"
    assert vendor.get("/contacts/1/contactLists")["contactLists"][0]["unsubreason"] == "enough"
    assert vendor.get("/contacts/1/automationEntryCounts") == {"automationEntryCounts": []}


def test_a_bulk_of_field_values_is_all_or_none(vendor: Vendor) -> None:
    vendor.seed(accounts=["A"], account_fields=[{"fieldLabel": "S", "fieldType": "number"}])
    rows = [{"accountId": 1, "customFieldId": 1, "fieldValue": value} for value in ("1", "many")]
    assert vendor.call("POST", "/accountCustomFieldData/bulkCreate", rows)[0] == 422
    assert vendor.get("/accountCustomFieldData")["accountCustomFieldData"] == []


def test_a_clock_set_back_does_not_lock_the_account(vendor: Vendor) -> None:
    vendor.switch(requests_per_second=1)
    assert vendor.call("GET", "/users/me")[0] == 200
    vendor.clock.set_now(vendor.clock.time() - 3600, frozen=True)
    assert vendor.call("GET", "/users/me")[0] == 200


def test_mails_by_deal_and_newest_first(vendor: Vendor) -> None:
    vendor.seed(campaigns=[{"name": "C"}, {"name": "D"}])
    vendor.contact()
    for campaign in (1, 2):
        vendor.act("send", campaign=campaign, contacts=[1])
        vendor.advance(5)
    newest = vendor.get("/emailActivities?orders[tstamp]=DESC")["emailActivities"]
    assert [row["relid"] for row in newest] == ["2", "1"]
    assert [row["relid"] for row in vendor.get("/emailActivities")["emailActivities"]] == ["1", "2"]
    assert vendor.get("/emailActivities?filters[dealId]=1")["emailActivities"] == []
