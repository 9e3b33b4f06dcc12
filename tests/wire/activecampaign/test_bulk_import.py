"""Bulk import. The clock stands still, so an import goes on only when a test lets time pass."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.activecampaign.vendor import Vendor


def people(count: int, **more: Any) -> list[dict[str, Any]]:
    """Contacts of an import."""
    return [{"email": f"p{index}@example.com", **more} for index in range(count)]


def send(vendor: Vendor, contacts: list[Any], **more: Any) -> tuple[int, Any]:
    """POST /import/bulk_import."""
    return vendor.call("POST", "/import/bulk_import", {"contacts": contacts, **more})


def info(vendor: Vendor, batch_id: str) -> Any:
    """GET /import/info."""
    return vendor.get(f"/import/info?batchId={batch_id}")


def run(vendor: Vendor, contacts: list[Any], **more: Any) -> Any:
    """Import and wait."""
    status, body = send(vendor, contacts, **more)
    assert status == 200, body
    vendor.advance(60)
    answer = info(vendor, body["batchId"])
    assert answer["status"] == "completed"
    return answer


@pytest.mark.rule("AC-BI-01")
def test_an_import_is_queued_runs_and_completes(vendor: Vendor) -> None:
    status, body = send(vendor, people(100))
    assert status == 200
    assert body == {
        "Success": 1,
        "queued_contacts": 100,
        "batchId": body["batchId"],
        "message": "Contact import queued",
    }
    assert vendor.get("/contacts")["meta"]["total"] == "0"
    assert info(vendor, body["batchId"]) == {"status": "waiting", "success": [], "failure": []}
    vendor.advance(1.6)
    half = info(vendor, body["batchId"])
    assert (half["status"], len(half["success"])) == ("active", 25)
    assert vendor.get("/contacts")["meta"]["total"] == "25"
    vendor.advance(60)
    done = info(vendor, body["batchId"])
    assert (done["status"], done["failure"]) == ("completed", [])
    assert sorted(done["success"], key=int) == [str(index) for index in range(1, 101)]
    assert done["success"] != sorted(done["success"], key=int)


@pytest.mark.rule("AC-BI-01")
def test_words_and_order_by_switch(vendor: Vendor) -> None:
    vendor.switch(
        bulk_success_key="success", bulk_waiting_word="queued", bulk_active_word="busy", bulk_shuffled_ids=False
    )
    body = send(vendor, people(50))[1]
    assert body["success"] == 1
    assert info(vendor, body["batchId"])["status"] == "queued"
    vendor.advance(1.2)
    assert info(vendor, body["batchId"])["status"] == "busy"
    vendor.advance(60)
    assert info(vendor, body["batchId"])["success"] == [str(index) for index in range(1, 51)]


def test_pace_by_switch(vendor: Vendor) -> None:
    vendor.switch(bulk_start_seconds=10.0, bulk_seconds_per_contact=1.0)
    batch_id = send(vendor, people(50))[1]["batchId"]
    vendor.advance(9.9)
    assert info(vendor, batch_id)["status"] == "waiting"
    vendor.advance(25.2)
    assert len(info(vendor, batch_id)["success"]) == 25
    vendor.advance(25)
    assert info(vendor, batch_id)["status"] == "completed"


def test_imports_run_one_after_the_other(vendor: Vendor) -> None:
    first = send(vendor, people(200))[1]["batchId"]
    second = send(vendor, [{"email": "late@example.com"}, {"email": "later@example.com"}])[1]["batchId"]
    vendor.advance(4)
    assert (info(vendor, first)["status"], info(vendor, second)["status"]) == ("active", "waiting")
    vendor.advance(10)
    assert info(vendor, second)["status"] == "completed"


@pytest.mark.rule("AC-BI-02")
def test_sizes(vendor: Vendor) -> None:
    assert send(vendor, people(250))[0] == 200
    status, body = send(vendor, people(251))
    assert (status, body["success"]) == (400, 0)
    assert "250" in body["failureReasons"][0]
    fat = people(10, first_name="x" * 40_000)
    status, body = send(vendor, fat)
    assert status == 400
    assert "399999" in body["failureReasons"][0]
    assert send(vendor, [])[0] == 400


@pytest.mark.rule("AC-BI-03")
def test_rates(vendor: Vendor) -> None:
    assert {send(vendor, people(2))[0] for _ in range(100)} == {200}
    status, body = send(vendor, people(2))
    assert (status, body["success"], body["message"]) == (400, 0, "Rate limit exceeded.")
    assert isinstance(body["failureReasons"][0], str)
    assert "100 imports" in body["failureReasons"][0]
    assert {send(vendor, people(1))[0] for _ in range(20)} == {200}
    status, body = send(vendor, people(1))
    assert status == 400
    assert "20 single-contact" in body["failureReasons"][0]
    vendor.advance(61)
    assert (send(vendor, people(2))[0], send(vendor, people(1))[0]) == (200, 200)


@pytest.mark.rule("AC-BI-04")
def test_one_bad_contact_refuses_the_batch(vendor: Vendor) -> None:
    contacts: list[Any] = people(5)
    contacts[2] = {"email": "no address"}
    contacts[4] = {"email": "ok@example.com", "tags": "x"}
    status, body = send(vendor, contacts)
    assert status == 400
    assert body["failureReasons"] == [
        {"contact": 2, "failureReason": "Field 'email' incorrect format"},
        {"contact": 4, "failureReason": "Field 'tags' incorrect format"},
    ]
    vendor.advance(60)
    assert vendor.get("/contacts")["meta"]["total"] == "0"


@pytest.mark.rule("AC-BI-05")
def test_failing_rows(vendor: Vendor) -> None:
    vendor.seed(
        contacts=[
            {"email": "out@example.com", "firstName": "Old", "lists": [{"list": "News", "status": 2}]},
            {"email": "hard@example.com", "bounced": True},
        ],
        exclusions=["no@example.com", "*@blocked.example"],
    )
    answer = run(
        vendor,
        [
            {"email": "good@example.com", "subscribe": [{"listid": 1}]},
            {"email": "invalid.email@invalidDomain"},
            {"email": "invalid'character@example.com"},
            {"email": "NO@example.com"},
            {"email": "any@blocked.example"},
            {"email": "hard@example.com"},
            {"email": "out@example.com", "first_name": "New", "subscribe": [{"listid": "1"}]},
        ],
    )
    assert len(answer["success"]) == 1
    assert answer["failure"] == [
        "invalid.email@invalidDomain",
        "invalid'character@example.com",
        "NO@example.com",
        "any@blocked.example",
        "hard@example.com",
        "out@example.com",
    ]
    state = vendor.state(1)
    assert (state["firstName"], state["lists"]) == ("Old", {"News": 2})


@pytest.mark.rule("AC-BI-05", "AC-CT-12")
def test_contact_limit_fails_rows(vendor: Vendor) -> None:
    vendor.switch(plan_contact_limit=3)
    answer = run(vendor, people(5))
    assert (len(answer["success"]), answer["failure"]) == (3, ["p3@example.com", "p4@example.com"])
    assert len(run(vendor, people(3, phone="1"))["success"]) == 3


@pytest.mark.rule("AC-BI-06", "AC-BI-11")
def test_what_an_import_writes(vendor: Vendor) -> None:
    vendor.seed(
        fields=[{"title": "Colours", "type": "listbox", "options": ["red", "blue"]}, {"title": "Text", "type": "text"}],
        tags=["Known"],
        accounts=["Acme"],
        lists=["News", "Off"],
    )
    person = {
        "email": "a@example.com",
        "first_name": "Ada",
        "last_name": "L",
        "phone": "1",
        "firstName": "ignored",
        "customer_acct_name": "ACME",
        "tags": ["known", "fresh"],
        "fields": [{"id": 1, "value": "red||blue"}, {"id": "2", "value": "x"}, {"id": 99, "value": "y"}],
        "subscribe": [{"listid": 1}],
        "unsubscribe": [{"listid": 2}],
    }
    run(vendor, [person, {"email": "b@example.com", "customer_acct_name": "New Co"}])
    state = vendor.state(1)
    assert (state["firstName"], state["lastName"], state["phone"], state["account"]) == ("Ada", "L", "1", "Acme")
    assert state["tags"] == ["Known", "fresh"]
    assert state["fields"] == {"Colours": "||red||blue||", "Text": "x"}
    assert state["lists"] == {"News": 1, "Off": 2}
    assert vendor.get("/accounts")["meta"]["total"] == "2"
    assert all(write["who"].startswith("import:") for write in vendor.writes())
    run(vendor, [{"email": "A@example.com", "phone": "2"}, {"email": "c@example.com"}])
    state = vendor.state(1)
    assert (state["firstName"], state["phone"]) == ("Ada", "2")
    assert vendor.get("/contacts")["meta"]["total"] == "3"


@pytest.mark.rule("AC-BI-06")
@pytest.mark.parametrize(
    ("rule", "value", "failed"), [("dropped", None, 0), ("stored", "lilac", 0), ("fails_row", None, 1)]
)
def test_bad_field_values(vendor: Vendor, rule: str, value: str | None, failed: int) -> None:
    vendor.seed(
        fields=[{"title": "Colour", "type": "dropdown", "options": ["red"]}], contacts=[{"email": "a@example.com"}]
    )
    vendor.switch(bulk_bad_field_value=rule)
    answer = run(vendor, [{"email": "a@example.com", "fields": [{"id": 1, "value": "lilac"}]}])
    assert len(answer["failure"]) == failed
    assert vendor.state(1)["fields"].get("Colour") == value


@pytest.mark.parametrize(("rule", "phone", "colour"), [("ignored", "1", "red"), ("wipes", "", "")])
def test_empty_values(vendor: Vendor, rule: str, phone: str, colour: str) -> None:
    person = {"email": "a@example.com", "phone": "1", "fields": {"Colour": "red"}}
    vendor.seed(fields=[{"title": "Colour", "type": "text"}], contacts=[person])
    vendor.switch(bulk_empty_value=rule)
    run(vendor, [{"email": "a@example.com", "phone": "", "fields": [{"id": 1, "value": ""}]}])
    state = vendor.state(1)
    assert (state["phone"], state["fields"]["Colour"]) == (phone, colour)


@pytest.mark.parametrize(("rule", "account"), [("keep", "Old"), ("replace", "New")])
def test_another_account_name(vendor: Vendor, rule: str, account: str) -> None:
    vendor.seed(contacts=[{"email": "a@example.com", "account": "Old"}])
    vendor.switch(bulk_account_conflict=rule)
    run(vendor, [{"email": "a@example.com", "customer_acct_name": "New"}])
    assert vendor.state(1)["account"] == account


@pytest.mark.rule("AC-BI-07")
@pytest.mark.parametrize(
    ("where", "top", "row", "runs"),
    [
        ("either", False, False, True),
        ("either", True, False, False),
        ("either", False, True, False),
        ("top_level", False, True, True),
        ("top_level", True, False, False),
        ("per_contact", True, False, True),
        ("per_contact", False, True, False),
    ],
)
def test_automations(vendor: Vendor, where: str, top: bool, row: bool, runs: bool) -> None:
    steps = [{"type": "add_tag", "tag": "welcomed"}]
    vendor.seed(tags=["new"], automations=[{"name": "A", "trigger": {"type": "tag", "id": 1}, "steps": steps}])
    vendor.switch(bulk_exclude_automations=where)
    run(vendor, people(2, tags=["new"], exclude_automations=row), exclude_automations=top)
    assert ("welcomed" in vendor.state(1)["tags"]) is runs


@pytest.mark.rule("AC-BI-10")
def test_status_calls(vendor: Vendor) -> None:
    expected = {"success": 0, "message": "'batchId' is a required field."}
    assert vendor.call("GET", "/import/info") == (400, expected)
    assert vendor.call("GET", "/import/info?batchId=nothing")[0] == 400
    send(vendor, people(3))
    waiting = vendor.get("/import/bulk_import")
    assert waiting == {
        "outstanding": [{"forDate": "2026-06-10", "batches": "1", "contacts": "3"}],
        "recentlyCompleted": [],
    }
    vendor.advance(60)
    send(vendor, people(2))
    vendor.advance(60)
    assert vendor.get("/import/bulk_import")["recentlyCompleted"] == [
        {"forDate": "2026-06-10", "batches": "2", "contacts": "5"}
    ]


def test_broken_bodies_are_the_bulk_error(vendor: Vendor) -> None:
    for body in (b"{", b"[]", b'"x"', b'{"contacts": {}}', b'{"contacts": [[]]}'):
        status, answer = vendor.call("POST", "/import/bulk_import", body)
        assert (status, answer["success"]) == (400, 0)
    for callback in ({"requestType": "GET"}, {"url": "https://a.example", "requestType": "PUT"}, "x"):
        assert send(vendor, people(2), callback=callback)[0] == 400


def test_imports_count_as_requests_of_the_account_too(vendor: Vendor) -> None:
    vendor.switch(requests_per_second=1)
    assert send(vendor, people(2))[0] == 200
    assert send(vendor, people(2))[0] == 429
