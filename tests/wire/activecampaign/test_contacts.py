"""Contacts: create, read, update, upsert, delete, merge, and what moves udate."""

from __future__ import annotations

import pytest

from tests.wire.activecampaign.vendor import Vendor, pointer

RECORDED_KEYS = [
    *(
        "cdate",
        "email",
        "phone",
        "firstName",
        "lastName",
        "orgid",
        "orgname",
        "segmentio_id",
        "bounced_hard",
    ),
    *(
        "bounced_soft",
        "bounced_date",
        "ip",
        "ua",
        "hash",
        "socialdata_lastcheck",
        "email_local",
    ),
    *(
        "email_domain",
        "sentcnt",
        "rating_tstamp",
        "gravatar",
        "deleted",
        "anonymized",
        "adate",
        "udate",
    ),
    *(
        "edate",
        "deleted_at",
        "created_utc_timestamp",
        "updated_utc_timestamp",
        "created_timestamp",
    ),
    *(
        "updated_timestamp",
        "created_by",
        "updated_by",
        "mpp_tracking",
        "last_click_date",
        "last_open_date",
    ),
    *(
        "last_mpp_open_date",
        "best_send_hour",
        "sms_consent",
        "sms_consent_updated_at",
        "whatsapp_id",
    ),
    *(
        "whatsapp_username",
        "scoreValues",
        "accountContacts",
        "links",
        "id",
        "organization",
    ),
]


def udate(vendor: Vendor, contact_id: str) -> str:
    """A contact's udate."""
    text: str = vendor.get(f"/contacts/{contact_id}")["contact"]["udate"]
    return text


@pytest.mark.rule("AC-CT-01")
def test_create(vendor: Vendor) -> None:
    status, body = vendor.call("POST", "/contacts", {"contact": {"email": "ada@example.com", "firstName": "Ada"}})
    assert status == 201
    assert set(body) == {"contact"}
    assert (body["contact"]["email_domain"], body["contact"]["firstName"]) == ("example.com", "Ada")
    field_id = vendor.seed(fields=[{"title": "Colour", "type": "text"}])["fields"][0]["id"]
    values = [{"field": field_id, "value": "blue"}]
    body = vendor.post("/contacts", {"contact": {"email": "b@example.com", "fieldValues": values}})
    assert [(row["field"], row["value"]) for row in body["fieldValues"]] == [(str(field_id), "blue")]


@pytest.mark.rule("AC-CT-02")
def test_an_email_has_one_contact(vendor: Vendor) -> None:
    vendor.contact("Ada@Example.com")
    status, body = vendor.call("POST", "/contacts", {"contact": {"email": "ada@example.COM"}})
    assert (status, pointer(body)) == (422, ("duplicate", "/data/attributes/email"))
    other = vendor.contact("b@example.com")
    status, body = vendor.call("PUT", f"/contacts/{other}", {"contact": {"email": "ada@example.com"}})
    assert (status, pointer(body)[0]) == (422, "duplicate")
    assert vendor.get("/contacts")["meta"]["total"] == "2"


def test_email_case_is_kept_or_lowered(vendor: Vendor) -> None:
    assert vendor.state(vendor.contact("Ada@Example.com"))["email"] == "Ada@Example.com"
    vendor.switch(email_stored_as="lower")
    assert vendor.state(vendor.contact("Bob@Example.com"))["email"] == "bob@example.com"


@pytest.mark.rule("AC-CT-03")
@pytest.mark.parametrize(
    ("email", "code"), [(None, "field_missing"), ("", "field_missing"), ("nobody", "field_invalid")]
)
def test_bad_emails(vendor: Vendor, email: str | None, code: str) -> None:
    for path in ("/contacts", "/contact/sync"):
        status, body = vendor.call("POST", path, {"contact": {"email": email, "firstName": "A"}})
        assert (status, pointer(body)) == (422, (code, "/data/attributes/email"))
    assert vendor.writes() == []


@pytest.mark.rule("AC-CT-03")
def test_domains_without_a_dot_by_switch(vendor: Vendor) -> None:
    """The documents list `invalid.email@invalidDomain` among the failures of an import."""
    sent = {"contact": {"email": "invalid.email@invalidDomain"}}
    assert vendor.call("POST", "/contacts", sent)[0] == 422
    vendor.switch(dotless_domains=True)
    assert vendor.call("POST", "/contacts", sent)[0] == 201


@pytest.mark.rule("AC-CT-03")
def test_contacts_without_email_by_switch(vendor: Vendor) -> None:
    sent = {"contact": {"phone": "+1 555", "allowNullEmail": True}}
    assert vendor.call("POST", "/contacts", sent)[0] == 422
    vendor.switch(phone_only_contacts=True)
    assert vendor.call("POST", "/contacts", sent)[0] == 201
    assert vendor.call("POST", "/contacts", sent)[0] == 201
    assert vendor.get("/contacts?phone=%2B1")["meta"]["total"] == "2"


@pytest.mark.rule("AC-CT-04", "AC-CT-08")
def test_sync_is_keyed_on_email_only(vendor: Vendor) -> None:
    assert vendor.call("POST", "/contact/sync", {"contact": {"email": "a@example.com", "phone": "1"}})[0] == 201
    status, body = vendor.call("POST", "/contact/sync", {"contact": {"email": "A@example.com", "firstName": "A"}})
    assert (status, body["contact"]["id"], body["contact"]["phone"]) == (200, "1", "1")
    status, body = vendor.call("POST", "/contact/sync", {"contact": {"email": "new@example.com", "phone": "1"}})
    assert (status, body["contact"]["id"]) == (201, "2")
    vendor.put("/contacts/1", {"contact": {"email": "moved@example.com"}})
    assert vendor.call("POST", "/contact/sync", {"contact": {"email": "moved@example.com"}})[0] == 200
    vendor.switch(sync_update_status=201)
    assert vendor.call("POST", "/contact/sync", {"contact": {"email": "moved@example.com"}})[0] == 201
    assert vendor.get("/contacts")["meta"]["total"] == "2"


@pytest.mark.rule("AC-CT-05")
@pytest.mark.parametrize("way", ["put", "sync"])
def test_absent_is_left_and_empty_is_wiped(vendor: Vendor, way: str) -> None:
    field_id = vendor.seed(fields=[{"title": "Colour", "type": "text"}])["fields"][0]["id"]
    values = [{"field": field_id, "value": "blue"}]
    contact_id = vendor.contact(firstName="Ada", lastName="L", phone="1", fieldValues=values)

    def change(**attributes: object) -> None:
        if way == "put":
            vendor.put(f"/contacts/{contact_id}", {"contact": attributes})
        else:
            vendor.post("/contact/sync", {"contact": {"email": "ada@example.com", **attributes}})

    change(lastName="")
    state = vendor.state(contact_id)
    assert (state["firstName"], state["lastName"], state["phone"], state["fields"]) == (
        "Ada",
        "",
        "1",
        {"Colour": "blue"},
    )
    change(firstName=None, fieldValues=[{"field": field_id, "value": ""}])
    state = vendor.state(contact_id)
    assert (state["firstName"], state["phone"], state["fields"]) == ("", "1", {"Colour": ""})


@pytest.mark.rule("AC-CT-06")
def test_rows_of_lists_and_single_contacts(vendor: Vendor) -> None:
    made = vendor.seed(
        fields=[{"title": "Colour", "type": "text"}],
        contacts=[
            {
                "email": "a@example.com",
                "fields": {"Colour": "red"},
                "tags": ["x"],
                "lists": ["News"],
                "account": "Acme",
                "jobTitle": "CEO",
            }
        ],
    )
    contact_id = made["contacts"][0]["id"]
    row = vendor.get("/contacts")["contacts"][0]
    assert list(row) == RECORDED_KEYS
    assert "fieldValues" not in row
    assert row["accountContacts"] == ["1"]
    whole = vendor.get(f"/contacts/{contact_id}")
    assert set(whole) == {
        *("contactAutomations", "contactLists", "deals", "fieldValues", "geoIps", "accountContacts", "contact")
    }
    assert whole["contact"]["fieldValues"] == ["1"]
    assert whole["fieldValues"][0]["value"] == "red"
    assert whole["contactLists"][0]["status"] == "1"
    assert whole["accountContacts"][0]["jobTitle"] == "CEO"
    assert whole["contact"]["links"]["contactTags"].endswith(f"/api/3/contacts/{contact_id}/contactTags")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "contactTags",
            "fieldValues",
            "contactLists",
            "accountContacts",
            "contactAutomations",
            "deals",
            "contactDeals",
        ),
        *("notes", "contactLogs", "bounceLogs", "trackingLogs", "scoreValues", "geoIps", "contactGoals", "contactData"),
        *("organization", "plusAppend", "automationEntryCounts"),
    ],
)
def test_every_link_of_a_contact_answers(vendor: Vendor, name: str) -> None:
    contact_id = vendor.contact()
    assert name in vendor.get(f"/contacts/{contact_id}/{name}")
    assert vendor.call("GET", f"/contacts/99/{name}")[0] == 404


@pytest.mark.rule("AC-CT-07")
def test_delete_and_its_words(vendor: Vendor) -> None:
    contact_id = vendor.contact()
    assert vendor.call("DELETE", f"/contacts/{contact_id}") == (200, {})
    assert vendor.call("GET", "/contacts/1") == (404, {"message": "No Result found for Subscriber with id 1"})
    assert vendor.call("DELETE", "/contacts/1") == (404, {"message": "No result found for contact with id 1"})
    assert vendor.call("PUT", "/contacts/1", {"contact": {"phone": "1"}})[0] == 404
    assert vendor.get("/contacts")["contacts"] == []


def test_deleting_takes_all_that_hangs_on_the_contact(vendor: Vendor) -> None:
    contact = {"email": "a@example.com", "tags": ["x"], "lists": ["News"], "account": "Acme", "fields": {"C": "1"}}
    vendor.seed(fields=[{"title": "C", "type": "text"}], contacts=[contact])
    vendor.call("DELETE", "/contacts/1")
    counts = vendor.system.state({})["counts"]
    assert [
        counts[key] for key in ("contacts", "contact_tags", "contact_lists", "account_contacts", "field_values")
    ] == [0] * 5
    assert vendor.get("/tags")["tags"][0]["subscriber_count"] == "0"


@pytest.mark.rule("AC-CT-09")
def test_what_moves_udate(vendor: Vendor) -> None:
    made = vendor.seed(fields=[{"title": "Colour", "type": "text"}], tags=["x"], lists=["News"])
    contact_id = vendor.contact()
    acts = {
        "value": (
            "/fieldValues",
            {"fieldValue": {"contact": contact_id, "field": made["fields"][0]["id"], "value": "b"}},
        ),
        "tag": ("/contactTags", {"contactTag": {"contact": contact_id, "tag": made["tags"][0]["id"]}}),
        "note": ("/notes", {"note": {"note": "n", "relid": contact_id, "reltype": "Subscriber"}}),
        "same": ("/contact/sync", {"contact": {"email": "ada@example.com"}}),
    }
    for name, (path, body) in acts.items():
        before = udate(vendor, contact_id)
        vendor.advance(5)
        vendor.post(path, body)
        assert udate(vendor, contact_id) > before, name


@pytest.mark.rule("AC-CT-09")
@pytest.mark.parametrize("bumps", [False, True])
def test_list_standing_and_udate(vendor: Vendor, bumps: bool) -> None:
    list_id = vendor.seed(lists=["News"])["lists"][0]["id"]
    contact_id = vendor.contact()
    vendor.switch(list_change_bumps_udate=bumps)
    before = udate(vendor, contact_id)
    vendor.advance(5)
    vendor.post("/contactLists", {"contactList": {"list": list_id, "contact": contact_id, "status": 2}})
    assert (udate(vendor, contact_id) > before) is bumps
    assert vendor.get(f"/contacts/{contact_id}")["contact"]["adate"] is not None


@pytest.mark.rule("AC-CT-09")
@pytest.mark.parametrize("bumps", [False, True])
def test_tag_removal_and_deals_and_udate(vendor: Vendor, bumps: bool) -> None:
    made = vendor.seed(tags=["x"], pipelines=[{"title": "Sales"}])
    contact_id = vendor.contact()
    vendor.switch(tag_removal_bumps_udate=bumps, deal_change_bumps_udate=bumps)
    row = vendor.post("/contactTags", {"contactTag": {"contact": contact_id, "tag": made["tags"][0]["id"]}})
    before = udate(vendor, contact_id)
    vendor.advance(5)
    vendor.call("DELETE", f"/contactTags/{row['contactTag']['id']}")
    assert (udate(vendor, contact_id) > before) is bumps
    before = udate(vendor, contact_id)
    vendor.advance(5)
    deal = {"title": "D", "value": 1, "currency": "usd", "contact": contact_id, "group": made["pipelines"][0]["id"]}
    vendor.post("/deals", {"deal": deal})
    assert (udate(vendor, contact_id) > before) is bumps


@pytest.mark.rule("AC-CT-10")
def test_merge(vendor: Vendor) -> None:
    vendor.seed(
        fields=[{"title": "Colour", "type": "text"}, {"title": "Size", "type": "text"}],
        contacts=[
            {
                "email": "s@example.com",
                "firstName": "S",
                "phone": "1",
                "tags": ["a", "b"],
                "fields": {"Colour": "red", "Size": "9"},
            },
            {"email": "d@example.com", "firstName": "D", "tags": ["b", "c"], "fields": {"Colour": "blue"}},
        ],
    )
    before = udate(vendor, "2")
    vendor.advance(5)
    vendor.act("merge_contacts", source=1, destination=2, from_source=["firstName"])
    assert vendor.call("GET", "/contacts/1")[0] == 404
    assert vendor.call("PUT", "/contacts/1", {"contact": {"phone": "9"}})[0] == 404
    state = vendor.state(2)
    assert (state["email"], state["firstName"], state["phone"]) == ("d@example.com", "S", "1")
    assert (state["tags"], state["fields"]) == (["a", "b", "c"], {"Colour": "blue", "Size": "9"})
    assert vendor.get("/contacts?email=s@example.com")["contacts"] == []
    assert udate(vendor, "2") > before
    (write,) = vendor.writes()
    assert (write["who"], write["op"], write["changed"]["merged"]) == ("ui:1", "merge", [1, 2])
    vendor.switch(merged_source="destination")
    assert vendor.get("/contacts/1")["contact"]["id"] == "2"


@pytest.mark.rule("AC-CT-11")
@pytest.mark.parametrize(("rule", "expected"), [("new_id", "2"), ("revived_id", "1")])
def test_a_deleted_email_comes_back(vendor: Vendor, rule: str, expected: str) -> None:
    vendor.switch(readded_email=rule)
    vendor.contact()
    vendor.call("DELETE", "/contacts/1")
    assert vendor.contact() == expected
    assert vendor.get(f"/contacts/{expected}")["contact"]["email"] == "ada@example.com"
    assert vendor.get("/contacts?orders[id]=ASC&id_greater=0")["meta"]["total"] == "1"


@pytest.mark.rule("AC-CT-12")
@pytest.mark.parametrize("status", [403, 422])
def test_plan_limit(vendor: Vendor, status: int) -> None:
    vendor.switch(plan_contact_limit=1, contact_limit_status=status)
    vendor.contact()
    assert vendor.call("POST", "/contacts", {"contact": {"email": "b@example.com"}})[0] == status
    assert vendor.call("POST", "/contact/sync", {"contact": {"email": "ada@example.com"}})[0] == 200


def test_a_refused_write_changes_nothing(vendor: Vendor) -> None:
    contact_id = vendor.contact(phone="1")
    sent = {"contact": {"phone": "2", "fieldValues": [{"field": 99, "value": "x"}]}}
    status, body = vendor.call("PUT", f"/contacts/{contact_id}", sent)
    assert (status, pointer(body)[0]) == (422, "related_missing")
    assert vendor.state(contact_id)["phone"] == "1"


def test_write_log_names_author_and_change(vendor: Vendor) -> None:
    contact_id = vendor.contact(firstName="Ada")
    vendor.put(f"/contacts/{contact_id}", {"contact": {"firstName": "Eve"}})
    vendor.act("edit_contact", contact=contact_id, firstName="Ann", user=1)
    assert [(w["who"], w["op"], w["changed"].get("firstName")) for w in vendor.writes(kind="contact")] == [
        ("api:1", "create", [None, "Ada"]),
        ("api:1", "update", ["Ada", "Eve"]),
        ("ui:1", "update", ["Eve", "Ann"]),
    ]
