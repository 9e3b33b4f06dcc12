"""Webhooks, the webhook step of automations, and import callbacks, delivered over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.frame import make_authority
from tests.wire.activecampaign.endpoint import Endpoint
from tests.wire.activecampaign.vendor import Vendor, pointer

ALL = ["public", "admin", "api", "system"]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """An endpoint over http."""
    with Endpoint() as made:
        yield made


def hook(vendor: Vendor, url: str, *events: str, sources: list[str] | None = None, listid: int = 0) -> str:
    """Register a webhook."""
    sent = {"name": "h", "url": url, "events": list(events), "sources": sources or ALL, "listid": listid}
    webhook_id: str = vendor.post("/webhooks", {"webhook": sent})["webhook"]["id"]
    return webhook_id


def forms(vendor: Vendor, endpoint: Endpoint) -> list[dict[str, str]]:
    """What arrived, once all is delivered."""
    vendor.system.courier.drain()
    return [received.form for received in endpoint.received]


@pytest.mark.rule("AC-WH-01")
def test_webhook_resource(vendor: Vendor) -> None:
    sent = {"name": "h", "url": "https://hooks.example.com/x?code=s", "events": ["update"], "sources": ["public"]}
    status, body = vendor.call("POST", "/webhooks", {"webhook": sent})
    assert status == 201
    assert body["webhook"] == {
        **sent,
        "cdate": "2026-06-10T07:00:00-05:00",
        "listid": "0",
        "state": "1",
        "links": [],
        "id": "1",
    }
    assert vendor.get("/webhooks?filters[name]=h")["meta"]["total"] == "1"
    assert vendor.get("/webhooks?filters[url]=other")["meta"]["total"] == "0"
    assert vendor.put("/webhooks/1", {"webhook": {"events": ["subscribe"]}})["webhook"]["sources"] == ["public"]
    for missing in sent:
        short = {key: value for key, value in sent.items() if key != missing}
        assert pointer(vendor.call("POST", "/webhooks", {"webhook": short})[1])[0] == "field_missing"
    for bad in (
        {"events": ["contact_delete"]},
        {"sources": ["robots"]},
        {"events": "update"},
        {"url": "ftp://a.example"},
    ):
        assert vendor.call("POST", "/webhooks", {"webhook": {**sent, **bad}})[0] == 422
    assert vendor.call("DELETE", "/webhooks/1") == (200, {})
    assert vendor.call("GET", "/webhooks/1") == (404, {"message": "No Result found for Webhook with id 1"})


@pytest.mark.rule("AC-WH-01", "AC-WH-06")
@pytest.mark.parametrize("path", ["/webhook/events", "/webhooks/events"])
def test_the_events(vendor: Vendor, path: str) -> None:
    body = vendor.get(path)
    assert body["meta"]["total"] == len(body["webhookEvents"]) == 25
    assert not [event for event in body["webhookEvents"] if "delete" in event or "merge" in event]


@pytest.mark.rule("AC-WH-02")
@pytest.mark.parametrize(("rule", "status"), [("443_refuse", 422), ("443_silent", 201), ("any_loopback", 201)])
def test_https_ports(vendor: Vendor, rule: str, status: int, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    vendor.system.courier.trusted = [str(authority.ca_file)]
    vendor.switch(webhook_https_port=rule)
    with Endpoint(authority) as secure:
        sent = {"name": "h", "url": f"{secure.url}/x", "events": ["update"], "sources": ALL}
        assert vendor.call("POST", "/webhooks", {"webhook": sent})[0] == status
        contact_id = vendor.contact()
        vendor.put(f"/contacts/{contact_id}", {"contact": {"phone": "1"}})
        assert len(forms(vendor, secure)) == (1 if rule == "any_loopback" else 0)
    sent["url"] = "https://hooks.example.com:8443/x"
    assert vendor.call("POST", "/webhooks", {"webhook": sent})[0] == (201 if rule == "443_silent" else 422)


@pytest.mark.rule("AC-WH-03")
def test_body_of_an_update(vendor: Vendor, endpoint: Endpoint) -> None:
    person = {"email": "a@example.com", "firstName": "Zoë", "tags": ["x", "y"], "account": "Acme"}
    vendor.seed(fields=[{"title": "Shoe Size", "type": "text"}], contacts=[person])
    hook(vendor, f"{endpoint.url}/hook?code=secret", "update")
    vendor.post("/fieldValues", {"fieldValue": {"contact": 1, "field": 1, "value": "4 & 2"}})
    (form,) = forms(vendor, endpoint)
    assert form == {
        "type": "update",
        "date_time": "2026-06-10T07:00:00-05:00",
        "initiated_from": "api",
        "initiated_by": "1",
        "list": "0",
        "contact[id]": "1",
        "contact[email]": "a@example.com",
        "contact[first_name]": "Zoë",
        "contact[last_name]": "",
        "contact[phone]": "",
        "contact[ip]": "0.0.0.0",
        "contact[tags]": "x, y",
        "contact[customer_acct_name]": "Acme",
        "contact[orgname]": "Acme",
        "contact[fields][shoe_size]": "4 & 2",
    }
    received = endpoint.received[0]
    assert (received.method, received.query) == ("POST", {"code": "secret"})
    assert received.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "secret" not in str(vendor.system.state({"kind": "deliveries"}))


@pytest.mark.rule("AC-WH-04")
def test_sources(vendor: Vendor, endpoint: Endpoint) -> None:
    vendor.seed(contacts=[{"email": "a@example.com", "lists": ["News", "Offers"]}])
    hook(vendor, endpoint.url, "unsubscribe", "update", sources=["public", "admin"])
    vendor.post("/contactLists", {"contactList": {"list": 1, "contact": 1, "status": 2}})
    vendor.put("/contacts/1", {"contact": {"phone": "1"}})
    vendor.act("unsubscribe", contact=1, list="Offers", reason="too many")
    vendor.act("edit_contact", contact=1, phone="2")
    unsubscribed, updated = forms(vendor, endpoint)
    assert (unsubscribed["type"], unsubscribed["initiated_from"], unsubscribed["list"]) == (
        "unsubscribe",
        "public",
        "2",
    )
    assert (unsubscribed["list[][id]"], unsubscribed["unsubscribe[reason]"]) == ("2", "too many")
    assert (updated["type"], updated["initiated_from"]) == ("update", "admin")


@pytest.mark.rule("AC-WH-04")
def test_lists_of_webhooks(vendor: Vendor, endpoint: Endpoint) -> None:
    vendor.seed(lists=["News", "Offers"], tags=["x"])
    vendor.contact()
    hook(vendor, endpoint.url, "subscribe", "contact_tag_added", listid=2)
    for list_id in (1, 2):
        vendor.post("/contactLists", {"contactList": {"list": list_id, "contact": 1, "status": 1}})
    vendor.post("/contactTags", {"contactTag": {"contact": 1, "tag": 1}})
    assert [(form["type"], form["list"]) for form in forms(vendor, endpoint)] == [
        ("subscribe", "2"),
        ("contact_tag_added", "0"),
    ]


@pytest.mark.parametrize(("key", "found"), [("tag", {"tag"}), ("tag[name]", {"tag[name]"}), ("none", set())])
def test_key_of_the_tag(vendor: Vendor, endpoint: Endpoint, key: str, found: set[str]) -> None:
    vendor.switch(tag_event_key=key)
    vendor.seed(tags=["x"])
    vendor.contact()
    hook(vendor, endpoint.url, "contact_tag_added", "contact_tag_removed")
    vendor.act("add_tag", contact=1, tag="x")
    vendor.act("remove_tag", contact=1, tag="x")
    added, removed = forms(vendor, endpoint)
    assert {name for name in added if name.startswith("tag")} == found
    assert (added["type"], removed["type"], removed["contact[tags]"]) == (
        "contact_tag_added",
        "contact_tag_removed",
        "",
    )


@pytest.mark.rule("AC-WH-05")
def test_never_retried_and_off_at_410(vendor: Vendor, endpoint: Endpoint) -> None:
    vendor.contact()
    webhook_id = hook(vendor, endpoint.url, "update")
    dead = hook(vendor, "http://127.0.0.1:9/closed", "update")
    for status in (500, 404, 410, 200):
        endpoint.status = status
        vendor.put("/contacts/1", {"contact": {"phone": str(status)}})
        vendor.system.courier.drain()
    assert len(endpoint.received) == 3
    assert vendor.get(f"/webhooks/{webhook_id}")["webhook"]["state"] == "0"
    assert vendor.get(f"/webhooks/{dead}")["webhook"]["state"] == "1"
    attempts = vendor.system.state({"kind": "deliveries"})["deliveries"]
    assert [attempt["status"] for attempt in attempts] == [500, 0, 404, 0, 410, 0, 0]
    hook(vendor, endpoint.url, "update")
    vendor.put("/contacts/1", {"contact": {"phone": "x"}})
    assert len(forms(vendor, endpoint)) == 4


def test_slow_endpoints_time_out(vendor: Vendor) -> None:
    vendor.switch(webhook_timeout_seconds=0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        vendor.contact()
        hook(vendor, f"http://127.0.0.1:{silent.getsockname()[1]}/", "update")
        vendor.put("/contacts/1", {"contact": {"phone": "1"}})
        (attempt,) = vendor.system.state({"kind": "deliveries"})["deliveries"]
    assert (attempt["status"], "TimeoutError" in attempt["error"]) == (0, True)


@pytest.mark.rule("AC-WH-05")
def test_asking_for_deliveries_while_one_ends_in_410(vendor: Vendor, endpoint: Endpoint) -> None:
    """The answer 410 is noted under the account's lock: asking must not hold it meanwhile."""
    endpoint.status = 410
    vendor.contact()
    hook(vendor, endpoint.url, "update")
    for phone in ("1", "2", "3"):
        vendor.put("/contacts/1", {"contact": {"phone": phone}})
    assert vendor.system.state({"kind": "deliveries"})["deliveries"][0]["status"] == 410


@pytest.mark.rule("AC-WH-06", "AC-CT-10")
def test_no_event_for_delete_and_merge(vendor: Vendor, endpoint: Endpoint) -> None:
    vendor.seed(contacts=[{"email": f"{n}@example.com", "tags": ["x"]} for n in range(3)])
    hook(vendor, endpoint.url, *vendor.get("/webhook/events")["webhookEvents"])
    vendor.call("DELETE", "/contacts/1")
    vendor.act("merge_contacts", source=2, destination=3)
    assert forms(vendor, endpoint) == []


@pytest.mark.rule("AC-WH-07")
def test_deliveries_may_come_twice(vendor: Vendor, endpoint: Endpoint) -> None:
    vendor.switch(webhook_sends_twice=True)
    vendor.contact()
    hook(vendor, endpoint.url, "update")
    vendor.put("/contacts/1", {"contact": {"phone": "1"}})
    first, second = forms(vendor, endpoint)
    assert first == second


@pytest.mark.rule("AC-BI-09")
def test_imports_fire_no_webhooks(vendor: Vendor, endpoint: Endpoint) -> None:
    vendor.seed(contacts=[{"email": "a@example.com"}], lists=["News"])
    hook(vendor, endpoint.url, *vendor.get("/webhook/events")["webhookEvents"], "account_add")
    contacts = [
        {
            "email": "a@example.com",
            "phone": "1",
            "tags": ["x"],
            "subscribe": [{"listid": 1}],
            "customer_acct_name": "A",
        },
        {"email": "b@example.com"},
    ]
    vendor.post("/import/bulk_import", {"contacts": contacts})
    vendor.advance(60)
    assert vendor.state(1)["tags"] == ["x"]
    assert forms(vendor, endpoint) == []


@pytest.mark.rule("AC-AM-02")
def test_the_webhook_step(vendor: Vendor, endpoint: Endpoint) -> None:
    steps = [{"type": "webhook", "url": f"{endpoint.url}/lead?code=s"}]
    vendor.seed(
        fields=[{"title": "Shoe Size", "type": "text"}],
        contacts=[{"email": "a@example.com", "firstName": "Ada", "tags": ["x"], "fields": {"Shoe Size": "42"}}],
        automations=[{"name": "A", "steps": steps}],
    )
    vendor.act("reach_webhook_step", contact=1, automation=1)
    vendor.act("reach_webhook_step", contact="a@example.com", automation=7, url=f"{endpoint.url}/other", times=2)
    vendor.post("/contactAutomations", {"contactAutomation": {"contact": 1, "automation": 1}})
    found = forms(vendor, endpoint)
    assert found[0] == {
        "contact[id]": "1",
        "contact[email]": "a@example.com",
        "contact[first_name]": "Ada",
        "contact[last_name]": "",
        "contact[phone]": "",
        "contact[orgname]": "",
        "contact[customer_acct_name]": "",
        "contact[tags]": "x",
        "contact[ip4]": "0.0.0.0",
        "contact[fields][shoe_size]": "42",
        "seriesid": "1",
    }
    assert found[1] == found[2]
    assert found[1]["seriesid"] == "7"
    assert found[3] == found[0]
    assert [received.path for received in endpoint.received] == ["/lead", "/other", "/other", "/lead"]


@pytest.mark.rule("AC-BI-08")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_import_callbacks(vendor: Vendor, endpoint: Endpoint, method: str) -> None:
    callback: dict[str, Any] = {
        "url": f"{endpoint.url}/done?fixed=1",
        "requestType": method,
        "detailed_results": "true",
        "params": [{"key": "run", "value": "7"}, {"key": "", "value": ""}],
        "headers": [{"key": "X-Mark", "value": "m"}],
    }
    contacts = [{"email": "a@example.com"}, {"email": "bad@nowhere"}]
    vendor.post("/import/bulk_import", {"contacts": contacts, "callback": callback})
    assert endpoint.received == []
    vendor.advance(60)
    vendor.system.courier.drain()
    (received,) = endpoint.received
    assert (received.method, received.headers["X-Mark"]) == (method, "m")
    if method == "GET":
        assert received.query == {"fixed": "1", "run": "7"}
        assert received.pairs == []
    else:
        assert received.query == {"fixed": "1"}
        assert (received.form["run"], received.form["success"], received.form["failure"]) == ("7", "1", "1")
        assert received.form["errors[]"].startswith("bad@nowhere: ")


def test_a_callback_that_fails_harms_nothing(vendor: Vendor) -> None:
    callback = {"url": "http://127.0.0.1:9/x", "requestType": "POST", "headers": [{"key": "Bad", "value": "a\r\nb"}]}
    vendor.post("/import/bulk_import", {"contacts": [{"email": "a@example.com"}] * 2, "callback": callback})
    vendor.advance(60)
    (attempt,) = vendor.system.state({"kind": "deliveries"})["deliveries"]
    assert (attempt["status"], attempt["error"] != "") == (0, True)


def test_crm_events(vendor: Vendor, endpoint: Endpoint) -> None:
    events = [
        "deal_add",
        "deal_update",
        "deal_note_add",
        "deal_pipeline_add",
        "deal_stage_add",
        "list_add",
        "subscriber_note",
    ]
    more = ["account_add", "account_update", "account_contact_add", "account_contact_update"]
    hook(vendor, endpoint.url, *events, *more)
    vendor.contact()
    vendor.post("/lists", {"list": {"name": "News"}})
    vendor.post("/dealGroups", {"dealGroup": {"title": "P", "autoassign": 1}})
    deal = {"title": "D", "value": 5, "currency": "usd", "contact": 1, "group": 1}
    vendor.post("/deals", {"deal": deal})
    vendor.put("/deals/1", {"deal": {"status": 1}})
    vendor.post("/deals/1/notes", {"note": {"note": "n"}})
    vendor.post("/contacts/1/notes", {"note": {"note": "n"}})
    vendor.post("/accounts", {"account": {"name": "A"}})
    vendor.put("/accounts/1", {"account": {"name": "B"}})
    vendor.post("/accountContacts", {"accountContact": {"account": 1, "contact": 1, "jobTitle": "CEO"}})
    vendor.put("/accountContacts/1", {"accountContact": {"jobTitle": "CTO"}})
    found = forms(vendor, endpoint)
    assert [form["type"] for form in found] == [
        *(
            "list_add",
            "deal_stage_add",
            "deal_stage_add",
            "deal_stage_add",
            "deal_pipeline_add",
            "deal_add",
            "deal_update",
        ),
        *("deal_note_add", "subscriber_note", "account_add", "account_update", "account_contact_add"),
        "account_contact_update",
    ]
    assert found[6]["updated_fields[status]"] == "status"
    assert found[-1]["accountContact[job_title]"] == "CTO"


def test_mail_events(vendor: Vendor, endpoint: Endpoint) -> None:
    vendor.seed(campaigns=[{"name": "C"}])
    vendor.contact()
    hook(vendor, endpoint.url, "open", "click", "reply", "forward", "share", "bounce", "sent", "subscribe")
    for event in ("open", "click", "reply", "forward", "share", "bounce"):
        vendor.act(event, contact=1, campaign=1)
    vendor.act("send", campaign=1, contacts=[1])
    vendor.act("subscribe", contact=1, list="News")
    found = forms(vendor, endpoint)
    assert [form["type"] for form in found] == [
        "open",
        "click",
        "reply",
        "forward",
        "share",
        "bounce",
        "sent",
        "subscribe",
    ]
    assert found[0]["campaign[id]"] == "1"
    assert {form["initiated_from"] for form in found} == {"public", "system"}
