"""Custom objects, automations, activities."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.activecampaign.vendor import Vendor

SCHEMA = {
    "slug": "opportunity",
    "labels": {"singular": "Opportunity", "plural": "Opportunities"},
    "fields": [
        {"id": "name", "type": "text", "required": True},
        {"id": "amount", "type": "number", "scale": 2},
        {"id": "stage", "type": "dropdown", "options": [{"value": "open"}, {"value": "won"}]},
        {"id": "close-date", "type": "date"},
    ],
    "relationships": [{"id": "primary-contact", "namespace": "contacts", "hasMany": False}],
}


@pytest.fixture
def objects(vendor: Vendor) -> tuple[Vendor, str]:
    """A schema, its path, and two contacts."""
    vendor.contact()
    vendor.contact("b@example.com")
    schema = vendor.post("/customObjects/schemas", {"schema": SCHEMA})["schema"]
    return vendor, f"/customObjects/records/{schema['id']}"


def record(external: str, **fields: Any) -> dict[str, Any]:
    """A record body."""
    return {
        "record": {
            "externalId": external,
            "fields": [{"id": k.replace("_", "-"), "value": v} for k, v in fields.items()],
        }
    }


@pytest.mark.rule("AC-CO-01")
def test_records_are_upserted(objects: tuple[Vendor, str]) -> None:
    vendor, path = objects
    status, made = vendor.call("POST", path, record("e1", name="One", amount=5))
    assert status == 201
    vendor.advance(5)
    status, changed = vendor.call("POST", path, record("e1", amount=6))
    assert (status, changed["record"]["id"]) == (200, made["record"]["id"])
    values = {field["id"]: field["value"] for field in changed["record"]["fields"]}
    assert values == {"name": "One", "amount": 6}
    assert changed["record"]["updatedTimestamp"] == "2026-06-10T12:00:05.000000000Z"
    assert vendor.get(f"{path}/{made['record']['id']}") == vendor.get(f"{path}/external/e1")
    vendor.call("POST", path, record("e2", name="Two"))
    assert vendor.get(path)["meta"] == {"total": 2, "count": 2, "limit": 20, "offset": 0}
    assert [w["op"] for w in vendor.writes(kind="record:opportunity")] == ["create", "update", "create"]


@pytest.mark.rule("AC-CO-02")
def test_records_must_fit(objects: tuple[Vendor, str]) -> None:
    vendor, path = objects
    bad: list[dict[str, Any]] = [
        {"name": "x", "amount": "many"},
        {"name": "x", "stage": "lost"},
        {"name": "x", "colour": "red"},
        {"name": 5},
        {"amount": 1},
        {"name": "x", "close_date": "soon"},
    ]
    for fields in bad:
        status, body = vendor.call("POST", path, record("e", **fields))
        assert status == 422, fields
        assert body["errors"][0]["source"]["type"] == "pointer"
    for relation in ({"primary-contact": [9]}, {"primary-contact": [1, 2]}, {"boss": [1]}):
        sent = record("e", name="x")
        sent["record"]["relationships"] = relation
        assert vendor.call("POST", path, sent)[0] == 422
    assert vendor.get(path)["records"] == []


@pytest.mark.rule("AC-CO-02")
def test_records_by_relation_and_delete(objects: tuple[Vendor, str]) -> None:
    vendor, path = objects
    for external, contact in (("e1", 1), ("e2", "2")):
        sent = record(external, name="x")
        sent["record"]["relationships"] = {"primary-contact": [contact]}
        vendor.post(path, sent)
    rows = vendor.get(f"{path}?filters[relationships.primary-contact][eq]=2")["records"]
    assert [(row["externalId"], row["relationships"]) for row in rows] == [("e2", {"primary-contact": ["2"]})]
    assert vendor.call("DELETE", f"{path}/external/e1") == (202, None)
    assert vendor.call("GET", f"{path}/external/e1") == (404, {"message": "Not Found"})
    vendor.switch(record_delete_seconds=5.0)
    assert vendor.call("DELETE", f"{path}/external/e2")[0] == 202
    assert vendor.call("GET", f"{path}/external/e2")[0] == 200
    vendor.advance(6)
    assert vendor.call("GET", f"{path}/external/e2")[0] == 404


def test_schemas(objects: tuple[Vendor, str]) -> None:
    vendor, _ = objects
    schema = vendor.get("/customObjects/schemas")["schemas"][0]
    assert (schema["slug"], schema["fields"][1]["scale"]) == ("opportunity", 2)
    assert vendor.call("POST", "/customObjects/schemas", {"schema": SCHEMA})[0] == 422
    assert vendor.call("POST", "/customObjects/schemas", {"schema": {"slug": "No Good"}})[0] == 400
    sent = {"schema": {"fields": [{"id": "more", "type": "text"}]}}
    assert len(vendor.put(f"/customObjects/schemas/{schema['id']}", sent)["schema"]["fields"]) == 5
    assert vendor.call("DELETE", f"/customObjects/schemas/{schema['id']}")[0] == 202
    assert vendor.call("GET", f"/customObjects/records/{schema['id']}")[0] == 404


@pytest.mark.rule("AC-AM-01")
def test_automation_entries(vendor: Vendor) -> None:
    vendor.seed(automations=[{"name": "On"}, {"name": "Off", "status": 0}])
    vendor.contact()
    sent = {"contactAutomation": {"contact": 1, "automation": 1}}
    status, body = vendor.call("POST", "/contactAutomations", sent)
    assert (status, body["contactAutomation"]["automation"]) == (201, 1)
    for bad in ({"contact": 9, "automation": 1}, {"contact": 1, "automation": 9}, {"contact": 1, "automation": 2}):
        answer = vendor.call("POST", "/contactAutomations", {"contactAutomation": bad})
        assert answer == (403, {"message": "Could not create SubscriberSeries"})
    assert vendor.get("/contactAutomations?filters[contact]=1")["meta"]["total"] == "1"
    assert vendor.get("/contactAutomations?filters[seriesid]=2")["meta"]["total"] == "0"
    assert vendor.get("/contactAutomations?filters[subscriberid]=1&filters[status]=1")["meta"]["total"] == "1"
    assert vendor.get("/automations")["automations"][0]["entered"] == "1"
    assert vendor.call("DELETE", "/contactAutomations/1") == (200, {})
    assert vendor.call("DELETE", "/contactAutomations/1")[0] == 403


@pytest.mark.rule("AC-AM-03")
@pytest.mark.parametrize("status", [403, 422])
def test_an_automation_that_takes_everybody_once_refuses_a_second_entry(vendor: Vendor, status: int) -> None:
    vendor.switch(entry_refused_status=status)
    through = {"steps": [{"type": "add_tag", "tag": "seen"}]}
    vendor.seed(automations=[{"name": "Once", "multientry": False, **through}, {"name": "Often", **through}])
    vendor.contact()
    assert [row["multientry"] for row in vendor.get("/automations")["automations"]] == ["0", "1"]
    answers = [
        vendor.call("POST", "/contactAutomations", {"contactAutomation": {"contact": 1, "automation": automation}})[0]
        for automation in (1, 1, 2, 2)
    ]
    assert answers == [201, status, 201, 201]
    assert vendor.get("/contactAutomations?filters[automation]=1")["meta"]["total"] == "1"


@pytest.mark.rule("AC-AM-04")
@pytest.mark.parametrize(("rule", "entries"), [("second", 2), ("refused", 1)])
def test_a_contact_who_is_inside_is_added_once_more_or_refused(vendor: Vendor, rule: str, entries: int) -> None:
    vendor.switch(entry_while_inside=rule)
    vendor.seed(automations=[{"name": "Waits"}])
    vendor.contact()
    sent = {"contactAutomation": {"contact": 1, "automation": 1}}
    answers = [vendor.call("POST", "/contactAutomations", sent)[0] for _ in range(2)]
    assert answers == [201, 201 if entries == 2 else 403]
    found = vendor.get("/contacts/1/contactAutomations")["contactAutomations"]
    assert [(row["seriesid"], row["status"]) for row in found] == [("1", "1")] * entries


def test_automations_run_on_tags(vendor: Vendor) -> None:
    steps = [
        {"type": "add_tag", "tag": "welcomed"},
        {"type": "subscribe", "list": 1},
        {"type": "remove_tag", "tag": "new"},
    ]
    vendor.seed(
        tags=["new"], lists=["News"], automations=[{"name": "A", "trigger": {"type": "tag", "id": 1}, "steps": steps}]
    )
    vendor.contact()
    vendor.post("/contactTags", {"contactTag": {"contact": 1, "tag": 1}})
    state = vendor.state(1)
    assert (state["tags"], state["lists"]) == (["welcomed"], {"News": 1})
    assert {w["who"] for w in vendor.writes() if w["op"] in {"subscribe", "untag"}} == {"automation:1"}


def test_automations_that_feed_each_other_stop(vendor: Vendor) -> None:
    def ping(name: str, on: int, tag: str, off: str) -> dict[str, Any]:
        steps = [{"type": "remove_tag", "tag": off}, {"type": "add_tag", "tag": tag}]
        return {"name": name, "trigger": {"type": "tag", "id": on}, "steps": steps}

    vendor.seed(tags=["a", "b"], automations=[ping("1", 1, "b", "b"), ping("2", 2, "a", "a")])
    vendor.contact()
    vendor.post("/contactTags", {"contactTag": {"contact": 1, "tag": 1}})
    assert len(vendor.system.tenant.contact_automations) <= 10


@pytest.mark.rule("AC-AV-01")
def test_activities_and_logs(vendor: Vendor) -> None:
    vendor.seed(campaigns=[{"name": "C", "subject": "S"}])
    vendor.contact()
    vendor.act("send", campaign=1, contacts=[1])
    vendor.advance(60)
    vendor.act("open", contact=1, campaign=1)
    vendor.act("click", contact=1, campaign=1, url="https://a.example")
    vendor.act("bounce", contact=1, campaign=1, kind="hard")
    vendor.act("visit", contact=1, url="https://a.example/x")
    rows = vendor.get("/activities?contact=1&orders[tstamp]=DESC&include=contact")
    assert [row["reference_type"] for row in rows["activities"]] == [
        "TrackingLog",
        "BounceLog",
        "Log",
        "Log",
        "EmailActivity",
    ]
    assert rows["contacts"][0]["id"] == "1"
    assert vendor.get("/activities?after=2026-06-10T12:00:30Z")["meta"]["total"] == "4"
    assert [row["action"] for row in vendor.get("/contacts/1/contactLogs")["contactLogs"]] == ["open", "click"]
    assert vendor.get("/contacts/1/bounceLogs")["bounceLogs"][0]["code"] == "5.1.1"
    assert vendor.get("/contacts/1/trackingLogs")["trackingLogs"][0]["value"] == "https://a.example/x"
    assert vendor.get("/emailActivities?filters[subscriberid]=1")["emailActivities"][0]["subject"] == "S"
    campaign = vendor.get("/campaigns/1")["campaign"]
    assert (campaign["send_amt"], campaign["opens"], campaign["linkclicks"], campaign["hardbounces"]) == (
        "1",
        "1",
        "1",
        "1",
    )
    contact = vendor.get("/contacts")["contacts"][0]
    assert (contact["bounced_hard"], contact["bounced_date"]) == ("1", "2026-06-10")
    assert contact["last_open_date"] == "2026-06-10T07:01:00-05:00"


def _timeline(vendor: Vendor) -> tuple[str, int]:
    contact = vendor.contact()
    campaign = vendor.seed(campaigns=[{"name": "Spring", "subject": "It is spring"}])["campaigns"][0]["id"]
    return contact, campaign


@pytest.mark.rule("AC-AV-02", "AC-AV-03")
def test_activities_of_all_contacts_by_time_also_what_is_written_down_late(vendor: Vendor) -> None:
    contact, campaign = _timeline(vendor)
    other = vendor.contact("b@example.com")
    for who, late in ((contact, 0), (other, 40), (contact, 20)):
        vendor.act("open", contact=who, campaign=campaign, late_seconds=late)
    rows = vendor.get("/activities?orders[tstamp]=ASC")["activities"]
    assert [(row["id"], row["contact"]) for row in rows] == [("2", other), ("3", contact), ("1", contact)]
    assert [row["id"] for row in vendor.get("/activities?orders[tstamp]=DESC")["activities"]] == ["1", "3", "2"]
    after = vendor.get("/activities?after=2026-06-10T11:59:40Z&orders[tstamp]=ASC")["activities"]
    assert [row["id"] for row in after] == ["3", "1"], "the moment itself counts"


@pytest.mark.rule("AC-AV-04")
def test_what_activities_refer_to_comes_beside_them(vendor: Vendor) -> None:
    contact, campaign = _timeline(vendor)
    vendor.act("engage", contacts=[contact], campaign=campaign)
    vendor.act("click", contact=contact, campaign=campaign, url="https://a.example.com/")
    vendor.act("bounce", contact=contact, campaign=campaign)
    path = "/activities?include=reference,reference.log,reference.log.campaign"
    answer = vendor.get(path)
    assert [row["name"] for row in answer["campaigns"]] == ["Spring"]
    assert "https://a.example.com/" in [row["link"] for row in answer["logs"]]
    assert answer["bounceLogs"][0]["code"] == "5.1.1"
    vendor.switch(activity_references=False)
    assert set(vendor.get(path)) == {"activities", "meta"}


@pytest.mark.rule("AC-AV-05")
def test_a_user_may_lack_the_sight_of_activities(vendor: Vendor) -> None:
    vendor.switch(activities_readable=False)
    status, answer = vendor.call("GET", "/activities")
    assert (status, list(answer)) == (403, ["errors"])
