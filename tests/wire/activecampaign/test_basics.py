"""Key, envelope, time, rate limit and error shapes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.wire.activecampaign.vendor import Vendor


@pytest.mark.rule("AC-AU-01")
@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_without_a_good_key_403(vendor: Vendor, key: str | None) -> None:
    status, body = vendor.call("GET", "/users/me", key=key)
    assert (status, body) == (403, {"message": "Forbidden"})


@pytest.mark.rule("AC-AU-02")
def test_each_key_has_its_user(vendor: Vendor) -> None:
    vendor.seed(users=[{"username": "ben", "apiKey": "ben-key"}])
    assert vendor.get("/users/me")["user"]["username"] == "admin"
    status, body = vendor.call("GET", "/users/me", key="ben-key")
    assert (status, body["user"]["username"]) == (200, "ben")
    assert "key" not in body["user"]
    vendor.call("POST", "/contacts", {"contact": {"email": "a@example.com"}}, key="ben-key")
    assert vendor.writes()[-1]["who"] == f"api:{body['user']['id']}"


@pytest.mark.rule("AC-AU-02")
def test_links_name_the_account_that_answers(vendor: Vendor) -> None:
    own = vendor.get("/users/me")["user"]["links"]["lists"]
    vendor.switch(account_address="https://other.api-us1.com")
    assert vendor.get("/users/me")["user"]["links"]["lists"] == own.replace(
        "https://account.api-us1.com", "https://other.api-us1.com"
    )
    assert own.startswith("https://account.api-us1.com/")


@pytest.mark.rule("AC-AU-03")
@pytest.mark.parametrize(("answer", "status"), [("html_200", 200), ("html_403", 403)])
def test_a_wrong_key_may_get_a_page(vendor: Vendor, answer: str, status: int) -> None:
    vendor.switch(bad_key=answer)
    response = vendor.raw("GET", "/contacts", key="wrong")
    assert response.status == status
    assert response.header("Content-Type").startswith("text/html")
    with pytest.raises(ValueError, match=r"."):
        response.json()


@pytest.mark.rule("AC-EN-06")
def test_root_answers_200(vendor: Vendor) -> None:
    assert vendor.call("GET", "/")[0] == 200
    assert vendor.call("GET", "")[0] == 200


@pytest.mark.rule("AC-EN-01", "AC-EN-03")
def test_envelope_of_a_contact_list(vendor: Vendor) -> None:
    contact_id = vendor.contact()
    body = vendor.get("/contacts?limit=5&search=ada")
    assert set(body) == {"scoreValues", "contacts", "meta"}
    assert body["contacts"][0]["id"] == contact_id == "1"
    assert set(body["meta"]) == {"page_input", "total", "sortable"}
    page_input = body["meta"]["page_input"]
    assert (page_input["limit"], page_input["offset"], page_input["search"], page_input["status"]) == (5, 0, "ada", -1)
    assert set(page_input) == {
        *("segmentid", "formid", "listid", "tagid", "limit", "offset", "search", "sort", "seriesid", "waitid"),
        *("status", "forceQuery", "cacheid"),
    }


@pytest.mark.rule("AC-EN-02")
@pytest.mark.parametrize("plural", ["contacts", "accounts", "tags", "lists", "fields", "campaigns", "automations"])
def test_text_totals(vendor: Vendor, plural: str) -> None:
    assert vendor.get(f"/{plural}")["meta"]["total"] == "0"


@pytest.mark.rule("AC-EN-02")
@pytest.mark.parametrize("plural", ["deals", "dealGroups", "dealStages", "notes"])
def test_number_totals(vendor: Vendor, plural: str) -> None:
    assert vendor.get(f"/{plural}")["meta"]["total"] == 0


@pytest.mark.rule("AC-EN-04", "AC-EN-07")
def test_writes_echo_the_type_sent_and_take_ids_of_either_type(vendor: Vendor) -> None:
    contact_id, made = vendor.contact(), vendor.seed(lists=["News"], tags=["x"])
    list_id = made["lists"][0]["id"]
    sent = {"contactList": {"list": list_id, "contact": int(contact_id), "status": 1}}
    row = vendor.post("/contactLists", sent)["contactList"]
    assert row["status"] == 1
    assert vendor.get(f"/contactLists/{row['id']}")["contactList"]["status"] == "1"
    sent["contactList"] = {"list": str(list_id), "contact": contact_id, "status": "2"}
    assert vendor.post("/contactLists", sent)["contactList"]["status"] == "2"


@pytest.mark.rule("AC-EN-05")
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_partial_updates_by_either_verb(vendor: Vendor, method: str) -> None:
    contact_id = vendor.contact(firstName="Ada", lastName="Lovelace", phone="1")
    account_id = vendor.post("/accounts", {"account": {"name": "One", "accountUrl": "https://one.example"}})["account"][
        "id"
    ]
    tag_id = vendor.post("/tags", {"tag": {"tag": "x", "tagType": "contact", "description": "d"}})["tag"]["id"]
    assert vendor.call(method, f"/contacts/{contact_id}", {"contact": {"phone": "2"}})[0] == 200
    assert vendor.call(method, f"/accounts/{account_id}", {"account": {"name": "Two"}})[0] == 200
    assert vendor.call(method, f"/tags/{tag_id}", {"tag": {"tag": "y"}})[0] == 200
    contact = vendor.get(f"/contacts/{contact_id}")["contact"]
    assert (contact["firstName"], contact["lastName"], contact["phone"]) == ("Ada", "Lovelace", "2")
    assert vendor.get(f"/accounts/{account_id}")["account"]["accountUrl"] == "https://one.example"
    assert vendor.get(f"/tags/{tag_id}")["tag"]["description"] == "d"


@pytest.mark.rule("AC-TM-01", "AC-TM-02", "AC-TM-03")
@pytest.mark.parametrize(
    ("now", "shown"),
    [
        ("2026-01-15T18:30:00+00:00", "2026-01-15T12:30:00-06:00"),
        ("2026-07-15T18:30:00.900+00:00", "2026-07-15T13:30:00-05:00"),
        ("2026-03-08T07:59:59+00:00", "2026-03-08T01:59:59-06:00"),
        ("2026-03-08T08:00:00+00:00", "2026-03-08T03:00:00-05:00"),
    ],
)
def test_times_of_contacts(vendor: Vendor, now: str, shown: str) -> None:
    vendor.clock.set_now(datetime.fromisoformat(now).timestamp(), frozen=True)
    contact_id = vendor.contact()
    vendor.put(f"/contacts/{contact_id}", {"contact": {"phone": "1"}})
    contact = vendor.get("/contacts")["contacts"][0]
    assert contact["cdate"] == contact["udate"] == shown
    assert contact["created_utc_timestamp"] == contact["updated_timestamp"] == shown[:19].replace("T", " ")
    assert contact["adate"] is None
    assert contact["sms_consent_updated_at"] == "0000-00-00 00:00:00"


@pytest.mark.rule("AC-TM-05")
def test_definitions_have_bare_times(vendor: Vendor) -> None:
    sent = {"accountCustomFieldMetum": {"fieldLabel": "Size", "fieldType": "text"}}
    assert vendor.post("/accountCustomFieldMeta", sent)["accountCustomFieldMetum"]["createdTimestamp"] == (
        "2026-06-10 12:00:00"
    )


@pytest.mark.rule("AC-RL-01", "AC-RL-02")
def test_five_requests_a_second_over_all_keys(vendor: Vendor) -> None:
    vendor.seed(users=[{"username": "ben", "apiKey": "ben-key"}])
    vendor.switch(requests_per_second=5)
    left = [vendor.raw("GET", "/users/me").header("RateLimit-Remaining") for _ in range(5)]
    assert left == ["4", "3", "2", "1", "0"]
    refused = vendor.raw("GET", "/users/me", key="ben-key")
    assert (refused.status, refused.header("Retry-After"), refused.header("RateLimit-Limit")) == (429, "1", "5")
    assert not refused.header("RateLimit-Reset")
    vendor.advance(0.99)
    assert vendor.raw("GET", "/users/me").status == 429
    vendor.advance(0.02)
    assert vendor.raw("GET", "/users/me").status == 200


@pytest.mark.rule("AC-RL-01")
def test_refused_calls_have_no_effect(vendor: Vendor) -> None:
    vendor.switch(requests_per_second=1)
    vendor.contact("one@example.com")
    assert vendor.call("POST", "/contacts", {"contact": {"email": "two@example.com"}})[0] == 429
    assert len(vendor.writes()) == 1


@pytest.mark.rule("AC-RL-01")
def test_windows_slide_or_follow_the_clock(vendor: Vendor) -> None:
    vendor.switch(requests_per_second=1)
    vendor.advance(0.9)
    assert vendor.raw("GET", "/users/me").status == 200
    vendor.advance(0.2)
    assert vendor.raw("GET", "/users/me").status == 429
    vendor.switch(rate_window="second")
    vendor.advance(1)
    assert vendor.raw("GET", "/users/me").status == 200
    vendor.advance(0.95)
    assert vendor.raw("GET", "/users/me").status == 200


@pytest.mark.rule("AC-RL-03")
@pytest.mark.parametrize(("body", "first"), [("json", b"{"), ("empty", b""), ("html", b"<")])
def test_overload_may_be_503_with_any_body(vendor: Vendor, body: str, first: bytes) -> None:
    vendor.switch(requests_per_second=1, rate_limit_status=503, rate_limit_body=body, retry_after_seconds=30)
    vendor.raw("GET", "/users/me")
    refused = vendor.raw("GET", "/users/me")
    assert (refused.status, refused.header("Retry-After"), refused.body[:1]) == (503, "30", first)


def test_retry_after_may_stand_on_success(vendor: Vendor) -> None:
    assert not vendor.raw("GET", "/users/me").header("Retry-After")
    vendor.switch(retry_after_on_success=True)
    assert vendor.raw("GET", "/users/me").header("Retry-After") == "1"


def _shape(vendor: Vendor, letter: str) -> tuple[int, Any]:
    contact = {"contact": {"email": "ada@example.com"}}
    calls: dict[str, tuple[str, str, Any]] = {
        "a": ("GET", "/contacts/99", None),
        "b": ("POST", "/contacts", contact),
        "c": ("GET", "/accountCustomFieldMeta/9", None),
        "d": ("POST", "/fieldOption/bulk", {}),
        "f": ("POST", "/import/bulk_import", {}),
    }
    vendor.contact()
    return vendor.call(*calls[letter])


@pytest.mark.rule("AC-ER-01")
@pytest.mark.parametrize(
    ("letter", "expected"),
    [
        ("a", (404, {"message": "No Result found for Subscriber with id 99"})),
        ("c", (404, {"errors": [{"status": 404, "title": "Not Found"}]})),
        ("d", (422, {"errors": "fieldOptions is required"})),
    ],
)
def test_error_shapes(vendor: Vendor, letter: str, expected: tuple[int, Any]) -> None:
    assert _shape(vendor, letter) == expected


@pytest.mark.rule("AC-ER-01", "AC-CT-02")
def test_error_shape_b(vendor: Vendor) -> None:
    status, body = _shape(vendor, "b")
    assert status == 422
    assert body == {
        "errors": [
            {
                "title": "Email address already exists in the system",
                "detail": "",
                "code": "duplicate",
                "source": {"pointer": "/data/attributes/email"},
            }
        ]
    }


@pytest.mark.rule("AC-ER-01")
def test_error_shape_f(vendor: Vendor) -> None:
    status, body = _shape(vendor, "f")
    assert status == 400
    assert body["success"] == 0
    assert body["message"].startswith("JSON payload did not pass validation.")
    assert body["failureReasons"] == ["'contacts' is a required field."]


def test_unknown_paths_and_methods(vendor: Vendor) -> None:
    assert vendor.call("GET", "/contactScores")[0] == 404
    assert vendor.call("POST", "/tracking/event", {})[0] == 404
    assert vendor.call("DELETE", "/contacts")[0] == 405
    assert vendor.call("HEAD", "/contacts")[0] == 200


def test_a_body_that_is_no_json_is_400_with_an_empty_object(vendor: Vendor) -> None:
    assert vendor.call("POST", "/contacts", b"{not json") == (400, {})
    assert vendor.call("POST", "/contacts", b"[1]") == (400, {})
    assert vendor.call("POST", "/contacts", {"contact": "text"}) == (400, {})
    assert vendor.writes() == []


def test_same_seed_same_answers() -> None:
    def run() -> list[Any]:
        vendor = Vendor(seed=7)
        contacts = [{"email": f"p{index}@example.com", "tags": ["t"]} for index in range(30)]
        answers = [vendor.post("/import/bulk_import", {"contacts": contacts})]
        vendor.advance(60)
        answers.append(vendor.get(f"/import/info?batchId={answers[0]['batchId']}"))
        answers.append(vendor.get("/contacts?limit=100"))
        return answers

    assert run() == run()
