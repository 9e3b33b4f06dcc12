"""Custom fields and their values, tags, lists."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.activecampaign.vendor import Vendor, pointer


def make_field(vendor: Vendor, kind: str, *options: str, title: str = "") -> int:
    """A field of a type with options."""
    made = vendor.seed(fields=[{"title": title or f"A {kind}", "type": kind, "options": list(options)}])
    field_id: int = made["fields"][0]["id"]
    return field_id


def set_value(vendor: Vendor, field_id: int, value: Any, contact: str = "1") -> tuple[int, Any]:
    """POST /fieldValues."""
    return vendor.call("POST", "/fieldValues", {"fieldValue": {"contact": contact, "field": field_id, "value": value}})


@pytest.mark.rule("AC-CF-01")
def test_create_field(vendor: Vendor) -> None:
    status, body = vendor.call("POST", "/fields", {"field": {"title": "Preferred Language", "type": "text"}})
    assert status == 201
    assert set(body) == {"field"}
    assert (body["field"]["perstag"], body["field"]["id"]) == ("PREFERRED_LANGUAGE", "1")
    status, body = vendor.call("POST", "/fields", {"field": {"title": "preferred language", "type": "text"}})
    assert (status, pointer(body)[0]) == (422, "duplicate")
    assert body["errors"][0]["title"] == "There is already a field with this title"
    status, body = vendor.call(
        "POST", "/fields", {"field": {"title": "Other", "type": "text", "perstag": "preferred language"}}
    )
    assert (status, pointer(body)[0]) == (422, "field_invalid")
    assert pointer(vendor.call("POST", "/fields", {"field": {"type": "text"}})[1])[0] == "field_missing"


@pytest.mark.rule("AC-CF-01")
def test_create_answer_may_follow_the_documents(vendor: Vendor) -> None:
    vendor.switch(field_create_shape="fields")
    body = vendor.post("/fields", {"field": {"title": "T", "type": "text"}})
    assert [field["title"] for field in body["fields"]] == ["T"]


@pytest.mark.rule("AC-CF-02")
def test_field_types(vendor: Vendor) -> None:
    for kind in (
        "text",
        "textarea",
        "hidden",
        "dropdown",
        "listbox",
        "radio",
        "checkbox",
        "date",
        "datetime",
        "number",
        "NULL",
    ):
        assert vendor.call("POST", "/fields", {"field": {"title": f"t {kind}", "type": kind}})[0] == 201
    for kind in ("currency", "int", "", 7):
        assert vendor.call("POST", "/fields", {"field": {"title": f"u {kind}", "type": kind}})[0] == 422


@pytest.mark.rule("AC-CF-03")
@pytest.mark.parametrize("path", ["/fieldOption/bulk", "/fieldOptions/bulk"])
def test_options(vendor: Vendor, path: str) -> None:
    field_id = vendor.post("/fields", {"field": {"title": "Size", "type": "dropdown"}})["field"]["id"]
    text_id = vendor.post("/fields", {"field": {"title": "Text", "type": "text"}})["field"]["id"]
    body = vendor.post(
        path, {"fieldOptions": [{"field": field_id, "value": v, "label": v.upper()} for v in ("s", "m")]}
    )
    assert [(row["value"], row["label"], row["orderid"]) for row in body["fieldOptions"]] == [
        ("s", "S", "1"),
        ("m", "M", "2"),
    ]
    assert vendor.get("/fields")["fields"][0]["options"] == ["1", "2"]
    for bad in ([{"field": 99, "value": "x"}], [{"field": text_id, "value": "x"}], [{"field": field_id}], []):
        status, body = vendor.call("POST", path, {"fieldOptions": bad})
        assert status == 422
        assert isinstance(body["errors"], str)
    assert len(vendor.get(f"/fields/{field_id}/options")["fieldOptions"]) == 2


@pytest.mark.rule("AC-CF-04")
def test_relations(vendor: Vendor) -> None:
    field_id = vendor.post("/fields", {"field": {"title": "Size", "type": "text"}})["field"]["id"]
    assert vendor.get("/fields")["fields"][0]["relations"] == []
    rel = vendor.post("/fieldRels", {"fieldRel": {"field": field_id, "relid": 0}})["fieldRel"]
    assert rel["relid"] == 0
    again = vendor.post("/fieldRels", {"fieldRel": {"field": field_id, "relid": 0}})["fieldRel"]
    assert again["id"] == rel["id"]
    body = vendor.get("/fields")
    assert body["fieldRels"][0]["relid"] == "0"
    assert body["fields"][0]["relations"] == [rel["id"]]
    assert vendor.call("DELETE", f"/fieldRels/{rel['id']}") == (200, {})
    assert vendor.call("POST", "/fieldRels", {"fieldRel": {"field": 99, "relid": 0}})[0] == 422


def test_deleting_a_field_takes_its_values(vendor: Vendor) -> None:
    field_id = make_field(vendor, "text")
    vendor.contact()
    set_value(vendor, field_id, "x")
    assert vendor.call("DELETE", f"/fields/{field_id}") == (200, {})
    assert vendor.get("/fieldValues")["meta"]["total"] == "0"
    assert vendor.get("/contacts/1")["fieldValues"] == []


@pytest.mark.rule("AC-CF-05")
def test_field_values(vendor: Vendor) -> None:
    field_id = make_field(vendor, "text")
    vendor.contact()
    status, body = set_value(vendor, field_id, "one")
    assert status == 200
    assert body["fieldValue"] | {"links": 0} == {
        "contact": "1",
        "field": field_id,
        "value": "one",
        "cdate": "2026-06-10T07:00:00-05:00",
        "udate": "2026-06-10T07:00:00-05:00",
        "links": 0,
        "id": "1",
        "owner": "1",
    }
    assert body["contacts"][0]["id"] == "1"
    vendor.advance(5)
    body = set_value(vendor, field_id, "two")[1]
    assert (body["fieldValue"]["id"], body["fieldValue"]["value"]) == ("1", "two")
    assert body["fieldValue"]["udate"] == body["contacts"][0]["udate"] > body["fieldValue"]["cdate"]
    assert vendor.put("/fieldValues/1", {"fieldValue": {"value": "three"}})["fieldValue"]["value"] == "three"
    assert vendor.get("/fieldValues/1")["fieldValue"]["field"] == str(field_id)
    assert vendor.call("DELETE", "/fieldValues/1") == (200, {})
    assert vendor.state(1)["fields"] == {}
    assert pointer(set_value(vendor, field_id, "x", contact="9")[1]) == ("related_missing", "/data/attributes/contact")
    assert pointer(set_value(vendor, 99, "x")[1]) == ("related_missing", "/data/attributes/field")


@pytest.mark.rule("AC-CF-05")
def test_use_defaults(vendor: Vendor) -> None:
    vendor.seed(
        fields=[
            {"title": "Required", "type": "text", "isrequired": 1, "defval": "std"},
            {"title": "Optional", "type": "text", "defval": "no"},
            {"title": "Written", "type": "text"},
        ]
    )
    vendor.contact()
    sent = {"fieldValue": {"contact": 1, "field": 3, "value": "x"}, "useDefaults": True}
    vendor.post("/fieldValues", sent)
    assert vendor.state(1)["fields"] == {"Required": "std", "Written": "x"}


@pytest.mark.rule("AC-CF-06")
@pytest.mark.parametrize("kind", ["listbox", "checkbox"])
def test_multiple_choices(vendor: Vendor, kind: str) -> None:
    field_id = make_field(vendor, kind, "a", "b", "c d")
    vendor.contact()
    for sent, stored in (("||a||b||", "||a||b||"), ("a", "||a||"), ("a||c d", "||a||c d||"), ("", "")):
        assert set_value(vendor, field_id, sent)[1]["fieldValue"]["value"] == stored
    for bad in ("||z||", "||a||z||", ["a"]):
        assert set_value(vendor, field_id, bad)[0] == 422


@pytest.mark.rule("AC-CF-06")
@pytest.mark.parametrize("kind", ["dropdown", "radio"])
def test_single_choices(vendor: Vendor, kind: str) -> None:
    field_id = make_field(vendor, kind, "a", "b")
    vendor.contact()
    assert set_value(vendor, field_id, "a")[1]["fieldValue"]["value"] == "a"
    for bad in ("z", "A", "||a||"):
        assert set_value(vendor, field_id, bad)[0] == 422
    vendor.switch(bad_field_value="store")
    assert set_value(vendor, field_id, "z")[1]["fieldValue"]["value"] == "z"


@pytest.mark.rule("AC-CF-07")
def test_dates_and_numbers(vendor: Vendor) -> None:
    vendor.contact()
    date_id, time_id, number_id = (make_field(vendor, kind) for kind in ("date", "datetime", "number"))
    for good in ("2026-01-31", "0000-00-00", ""):
        assert set_value(vendor, date_id, good)[1]["fieldValue"]["value"] == good
    for bad in ("31/01/2026", "2026-02-30", "2026-01-31T00:00:00Z"):
        assert set_value(vendor, date_id, bad)[0] == 422
    assert (
        set_value(vendor, time_id, "2026-01-31T12:00:00+00:00")[1]["fieldValue"]["value"] == "2026-01-31T06:00:00-06:00"
    )
    vendor.switch(datetime_returned_as="sent")
    assert set_value(vendor, time_id, "2026-01-31T12:00:00+00:00")[1]["fieldValue"]["value"].endswith("+00:00")
    assert set_value(vendor, time_id, "noon")[0] == 422
    for good in ("12", "-1.5", 7):
        assert set_value(vendor, number_id, good)[0] == 200
    for bad in ("many", "inf", "nan"):
        assert set_value(vendor, number_id, bad)[0] == 422


@pytest.mark.rule("AC-CF-08", "AC-NT-01")
@pytest.mark.parametrize(
    ("path", "model"),
    [("/fieldValues/9", "FieldValue"), ("/notes/9", "Note"), ("/groups/9", "Group"), ("/forms/9", "Form")],
)
def test_resources_that_say_403_for_missing(vendor: Vendor, path: str, model: str) -> None:
    assert vendor.call("GET", path) == (403, {"message": f"No Result found for {model} with id 9"})


@pytest.mark.rule("AC-TG-01")
def test_tags(vendor: Vendor) -> None:
    status, body = vendor.call(
        "POST", "/tags", {"tag": {"tag": "D365: Lead", "tagType": "contact", "description": "d"}}
    )
    assert (status, body["tag"]["tag"], body["tag"]["id"]) == (201, "D365: Lead", "1")
    status, body = vendor.call("POST", "/tags", {"tag": {"tag": "d365: LEAD", "tagType": "contact"}})
    assert (status, pointer(body)[0]) == (422, "duplicate")
    assert vendor.call("POST", "/tags", {"tag": {"tag": "x", "tagType": "deal"}})[0] == 422
    assert vendor.call("POST", "/tags", {"tag": {}})[0] == 422
    assert vendor.put("/tags/1", {"tag": {"tag": "D365: lead"}})["tag"]["tag"] == "D365: lead"
    assert vendor.call("DELETE", "/tags/1") == (200, {})
    assert vendor.call("GET", "/tags/1") == (404, {"message": "No Result found for Tag with id 1"})


@pytest.mark.rule("AC-TG-02")
def test_tagging_twice_gives_the_first_row(vendor: Vendor) -> None:
    vendor.seed(tags=["x"])
    vendor.contact()
    sent = {"contactTag": {"contact": 1, "tag": 1}}
    first = vendor.call("POST", "/contactTags", sent)
    vendor.advance(36)
    second = vendor.call("POST", "/contactTags", sent)
    assert (first[0], second[0]) == (201, 200)
    assert first[1]["contactTag"] == second[1]["contactTag"]
    assert vendor.get("/tags")["tags"][0]["subscriber_count"] == "1"
    assert len(vendor.writes(kind="contact")) == 2


@pytest.mark.rule("AC-TG-03")
def test_tags_come_off_by_association(vendor: Vendor) -> None:
    vendor.seed(tags=["x", "y"])
    vendor.contact()
    vendor.post("/contactTags", {"contactTag": {"contact": "1", "tag": "2"}})
    assert vendor.call("DELETE", "/contactTags/2") == (404, {"message": "No Result found for SubscriberTag with id 2"})
    rows = vendor.get("/contacts/1/contactTags")["contactTags"]
    assert [(row["id"], row["tag"]) for row in rows] == [("1", "2")]
    assert vendor.call("DELETE", "/contactTags/1") == (200, {})
    assert vendor.state(1)["tags"] == []


@pytest.mark.rule("AC-TG-04")
def test_contact_tag_errors(vendor: Vendor) -> None:
    vendor.seed(tags=["x"])
    vendor.contact()
    status, body = vendor.call("POST", "/contactTags", {"contactTag": {"contact": 9, "tag": 1}})
    assert (status, body["errors"][0]["title"]) == (404, "Contact not found")
    status, body = vendor.call("POST", "/contactTags", {"contactTag": {"contact": 1}})
    assert (status, body["errors"][0]["title"]) == (422, "Missing attribute")


def test_deleting_a_tag_untags_contacts(vendor: Vendor) -> None:
    vendor.seed(contacts=[{"email": "a@example.com", "tags": ["x"]}])
    vendor.call("DELETE", "/tags/1")
    assert vendor.get("/contacts/1/contactTags")["contactTags"] == []
    assert vendor.get("/contacts?tagid=1")["meta"]["total"] == "0"


@pytest.mark.rule("AC-LS-01")
@pytest.mark.parametrize("status", [201, 200])
def test_create_list(vendor: Vendor, status: int) -> None:
    vendor.switch(list_create_status=status)
    sent = {"list": {"name": "My News", "sender_url": "https://a.example", "sender_reminder": "r", "user": 1}}
    answer, body = vendor.call("POST", "/lists", sent)
    assert (answer, body["list"]["stringid"], body["list"]["user"]) == (status, "my-news", 1)
    assert vendor.get("/lists/1")["list"]["user"] == "1"
    assert vendor.call("POST", "/lists", {"list": {}})[0] == 422
    assert vendor.post("/listGroups", {"listGroup": {"listid": 1, "groupid": 1}})["listGroup"]["listid"] == 1
    assert vendor.call("POST", "/listGroups", {"listGroup": {"listid": 9, "groupid": 1}})[0] == 422


@pytest.mark.rule("AC-LS-02")
def test_subscribing_twice_changes_nothing(vendor: Vendor) -> None:
    vendor.seed(lists=["News"])
    vendor.contact(firstName="Ada")
    sent = {"contactList": {"list": 1, "contact": 1, "status": 1}}
    status, first = vendor.call("POST", "/contactLists", sent)
    assert status == 200
    vendor.advance(3600)
    second = vendor.post("/contactLists", sent)
    assert first["contactList"] == second["contactList"]
    assert "contacts" in first
    assert "contacts" not in second
    assert second["contactList"]["sdate"] == "2026-06-10T07:00:00-05:00"
    assert vendor.get("/lists/1")["list"]["active_subscribers"] == "1"
    for bad in (
        {"list": 9, "contact": 1, "status": 1},
        {"list": 1, "contact": 1, "status": 7},
        {"list": 1, "contact": 1},
    ):
        assert vendor.call("POST", "/contactLists", {"contactList": bad})[0] == 422


@pytest.mark.rule("AC-LS-03")
def test_the_api_can_subscribe_again(vendor: Vendor) -> None:
    vendor.seed(contacts=[{"email": "a@example.com", "lists": [{"list": "News", "status": 2}]}])
    vendor.post("/contactLists", {"contactList": {"list": 1, "contact": 1, "status": 1, "sourceid": 4}})
    assert vendor.state(1)["lists"] == {"News": 1}


@pytest.mark.rule("AC-LS-04")
def test_deleting_lists(vendor: Vendor) -> None:
    vendor.seed(contacts=[{"email": "a@example.com", "lists": ["News"]}])
    assert vendor.call("DELETE", "/lists/9") == (403, {"message": "No Result found for _List with id 9"})
    assert vendor.call("GET", "/lists/9")[0] == 404
    assert vendor.call("DELETE", "/lists/1") == (200, {})
    assert vendor.state(1)["lists"] == {}
