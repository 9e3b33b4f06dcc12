"""Activities, paging tokens, custom activities and static lists."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.marketo.vendor import Vendor, statuses

CHANGES, DELETED, ALL = "/activities/leadchanges.json", "/activities/deletedleads.json", "/activities.json"
CONFERENCE = {
    "apiName": "conference",
    "name": "Attend Conference",
    "triggerName": "Attends Conference",
    "filterName": "Attended Conference",
    "primaryAttribute": {"apiName": "which", "name": "Which"},
}


@pytest.mark.rule("MK-AC-01")
def test_tokens(vendor: Vendor) -> None:
    vendor.lead()
    vendor.advance(60)
    middle = vendor.since("2026-10-14T15:00:30Z")
    assert middle.endswith("=")
    assert middle.isupper() or middle.strip("=").isalnum()
    vendor.lead("b@example.com")
    answer = vendor.page(CHANGES, middle, fields="email")
    assert [row["leadId"] for row in answer["result"]] == [2]
    assert answer["moreResult"] is False
    again = vendor.page(CHANGES, answer["nextPageToken"], fields="email")
    assert again["result"] == []
    vendor.lead("c@example.com")
    assert [row["leadId"] for row in vendor.page(CHANGES, again["nextPageToken"], fields="email")["result"]] == [3]
    assert [row["leadId"] for row in vendor.page(CHANGES, middle, fields="email")["result"]] == [2, 3]


@pytest.mark.rule("MK-AC-02")
def test_short_and_empty_pages(vendor: Vendor) -> None:
    vendor.switch(feed_scan=100)
    number = vendor.lead()
    vendor.act("log_activity", lead=number, type=10, times=250)
    vendor.sync({"email": "ada@example.com", "firstName": "x"})
    token, sizes = vendor.since(), []
    while True:
        answer = vendor.page(CHANGES, token, fields="firstName")
        sizes.append(len(answer["result"]))
        token = answer["nextPageToken"]
        if not answer["moreResult"]:
            break
    assert sizes == [1, 0, 1]
    vendor.switch(feed_scan=3000)
    vendor.seed(generate={"leads": 700})
    sizes = []
    more, token = True, vendor.since()
    while more:
        answer = vendor.page(CHANGES, token, fields="firstName")
        sizes.append(len(answer["result"]))
        token, more = answer["nextPageToken"], answer["moreResult"]
    assert sizes == [300, 300, 102]
    assert len(vendor.page(CHANGES, vendor.since(), fields="firstName", batchSize=5)["result"]) == 5


@pytest.mark.rule("MK-AC-03", "MK-AC-16")
def test_whole_seconds_and_guids(vendor: Vendor) -> None:
    vendor.clock.advance(0.75)
    vendor.lead()
    vendor.lead("b@example.com")
    rows = vendor.changes("email")
    assert [row["activityDate"] for row in rows] == ["2026-10-14T15:00:00Z"] * 2
    assert len({row["marketoGUID"] for row in rows}) == 2
    assert all(isinstance(row["marketoGUID"], str) for row in rows)
    vendor.switch(activity_offset="+0000")
    assert vendor.changes("email")[0]["activityDate"] == "2026-10-14T15:00:00+0000"


@pytest.mark.rule("MK-AC-04")
def test_changes_tell_old_and_new_value(vendor: Vendor) -> None:
    vendor.lead(firstName="A", lastName="B", unsubscribed=False)
    vendor.sync({"email": "ada@example.com", "firstName": "C", "lastName": None, "unsubscribed": True})
    assert vendor.refused("GET", f"{CHANGES}?nextPageToken={vendor.since()}".replace("=====", "%3D" * 5)) == "1002"
    new, *rows = vendor.changes("firstName", "lastName", "unsubscribed")
    assert (new["activityTypeId"], new["fields"]) == (12, [])
    assert [(row["activityTypeId"], *field_of(row)) for row in rows] == [
        (13, "firstName", "A", "C"),
        (13, "lastName", "B", None),
        (13, "unsubscribed", "false", "true"),
    ]
    named = {each["name"]: each["value"] for each in rows[0]["attributes"]}
    assert named == {"Reason": "Web service API", "Source": "Web service API", "Lead ID": 1}
    assert [field_of(row)[0] for row in vendor.changes("lastName") if row["fields"]] == ["lastName"]
    assert vendor.refused("GET", f"{CHANGES}?fields=nope&nextPageToken={vendor.since().replace('=', '%3D')}") == "1006"
    vendor.act("edit_lead", lead=1, values={"firstName": "D"}, user="jo")
    last = vendor.changes("firstName")[-1]
    assert {"name": "Source", "value": "User"} in last["attributes"]


def field_of(row: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Name, old and new value of a change."""
    (field,) = row["fields"]
    assert field["id"]
    return field["name"], field["oldValue"], field["newValue"]


@pytest.mark.rule("MK-AC-05")
def test_nothing_changed_logs_nothing(vendor: Vendor) -> None:
    vendor.lead(firstName="A")
    before = len(vendor.system.tenant.activities)
    writes = len(vendor.writes())
    assert vendor.sync({"email": "ada@example.com", "firstName": "A", "phone": ""}) == ["updated"]
    assert len(vendor.system.tenant.activities) == before == 1
    assert len(vendor.writes()) == writes


@pytest.mark.rule("MK-AC-06")
def test_deletions(vendor: Vendor) -> None:
    for name in "abc":
        vendor.lead(f"{name}@example.com", firstName="F", lastName=name)
    vendor.post("/leads/delete.json", {"input": [{"id": 1}]})
    vendor.ok("POST", "/leads/2/merge.json?leadId=3")
    rows = list(vendor.walk(DELETED, vendor.since()))
    assert [(row["leadId"], row["activityTypeId"], row["primaryAttributeValue"]) for row in rows] == [(1, 37, "F a")]
    assert [row["leadId"] for row in vendor.changes("email") if row["leadId"] == 1] == [1]
    vendor.advance(14 * 86_400 + 2)
    vendor.renew()
    assert list(vendor.walk(DELETED, vendor.since())) == []


@pytest.mark.rule("MK-AC-07")
@pytest.mark.parametrize(("shape", "ids"), [("brackets", "[2,3]"), ("plain", "2,3")])
def test_merges(vendor: Vendor, shape: str, ids: str) -> None:
    vendor.switch(merged_ids=shape)
    for name in "abc":
        vendor.lead(f"{name}@example.com", phone=name if name != "a" else None)
    vendor.act("log_activity", lead=2, type=10, primary="Mail")
    vendor.act("merge_leads", winner=1, losers=[2, 3])
    (row,) = vendor.walk(ALL, vendor.since(), activityTypeIds=32)
    named = {each["name"]: each["value"] for each in row["attributes"]}
    assert (row["leadId"], row["primaryAttributeValueId"], named["Merge IDs"]) == (1, 1, ids)
    assert named["Master Updated"] is True
    assert [each["leadId"] for each in vendor.walk(ALL, vendor.since(), activityTypeIds=10)] == [1]
    assert field_of(vendor.changes("phone")[-1]) == ("phone", None, "b")


@pytest.mark.rule("MK-AC-08")
def test_narrowing_activities(vendor: Vendor) -> None:
    vendor.seed(lists=["News"], generate={"leads": 40})
    token = vendor.since().replace("=", "%3D")
    assert vendor.refused("GET", f"{ALL}?nextPageToken={token}") == "1002"
    assert vendor.refused("GET", f"{ALL}?activityTypeIds=12") == "1002"
    many = ",".join(map(str, range(1, 12)))
    assert vendor.refused("GET", f"{ALL}?activityTypeIds={many}&nextPageToken={token}") == "1003"
    leads = ",".join(map(str, range(1, 32)))
    assert vendor.refused("GET", f"{ALL}?activityTypeIds=12&leadIds={leads}&nextPageToken={token}") == "1003"
    vendor.act("on_list", lead=7, list="News")
    asked = {"activityTypeIds": "12,24"}
    assert [row["leadId"] for row in vendor.walk(ALL, vendor.since(), leadIds="3,5", **asked)] == [3, 5]
    listed = list(vendor.walk(ALL, vendor.since(), listId=1001, **asked))
    assert [(row["leadId"], row["activityTypeId"]) for row in listed] == [(7, 12), (7, 24)]
    assert [row["leadId"] for row in vendor.walk(ALL, vendor.since(), activityTypeIds=24, assetIds=1001)] == [7]
    assert vendor.refused("GET", f"{ALL}?activityTypeIds=12&listId=9&nextPageToken={token}") == "1013"


@pytest.mark.rule("MK-AC-09")
def test_large_lists(vendor: Vendor) -> None:
    vendor.switch(large_list=3)
    vendor.seed(leads=[{"email": f"{n}@example.com", "lists": ["Big"]} for n in range(3)])
    token = vendor.since().replace("=", "%3D")
    for path in (f"{ALL}?activityTypeIds=12", f"{CHANGES}?fields=email"):
        assert vendor.refused("GET", f"{path}&listId=1001&nextPageToken={token}") == "1003"
    vendor.switch(large_list_refused=False)
    assert len(vendor.ok("GET", f"{CHANGES}?fields=email&listId=1001&nextPageToken={token}")) == 3
    vendor.switch(large_list_refused=True, large_list=4)
    assert len(vendor.ok("GET", f"{CHANGES}?fields=email&listId=1001&nextPageToken={token}")) == 3


@pytest.mark.rule("MK-AC-10")
@pytest.mark.parametrize(("rule", "seen"), [("exact", [2]), ("same_second", [1, 2]), ("next_second", [])])
def test_where_a_token_goes_on_within_its_second(vendor: Vendor, rule: str, seen: list[int]) -> None:
    vendor.switch(feed_resume=rule)
    vendor.lead()
    token = vendor.page(CHANGES, vendor.since(), fields="email")["nextPageToken"]
    vendor.clock.advance(0.2)
    vendor.lead("b@example.com")
    assert [row["leadId"] for row in vendor.page(CHANGES, token, fields="email")["result"]] == seen
    assert [row["leadId"] for row in vendor.changes("email")] == [1, 2]


@pytest.mark.rule("MK-AC-11")
def test_lag(vendor: Vendor) -> None:
    vendor.switch(feed_lag_seconds=30.0)
    vendor.lead()
    assert vendor.changes("email") == []
    vendor.advance(31)
    assert len(vendor.changes("email")) == 1


@pytest.mark.rule("MK-AC-12")
def test_scores_by_flow_step(vendor: Vendor) -> None:
    vendor.lead(leadScore=5)
    vendor.act("change_score", lead=1, by=10)
    assert vendor.values(1)["leadScore"] == 15
    assert [row["activityTypeId"] for row in vendor.changes("leadScore")] == [12]
    (row,) = vendor.walk(ALL, vendor.since(), activityTypeIds=22)
    named = {each["name"]: each["value"] for each in row["attributes"]}
    assert (row["primaryAttributeValue"], named["Old Value"], named["New Value"]) == ("Lead Score", 5, 15)


@pytest.mark.rule("MK-AC-13")
def test_company_changes_fan_out(vendor: Vendor) -> None:
    vendor.switch(company_fanout=3)
    vendor.seed(
        companies=[{"externalCompanyId": "S", "company": "Small"}, {"externalCompanyId": "L", "company": "Large"}],
        leads=[
            *({"email": f"s{n}@example.com", "externalCompanyId": "S"} for n in range(3)),
            *({"email": f"l{n}@example.com", "externalCompanyId": "L"} for n in range(4)),
        ],
    )
    rows = [{"externalCompanyId": key, "industry": "Steel"} for key in "SL"]
    assert statuses(vendor.post("/companies.json", {"input": rows})) == ["updated", "updated"]
    assert [row["leadId"] for row in vendor.changes("industry") if row["fields"]] == [1, 2, 3]
    assert vendor.get("/lead/7.json", fields=["industry"]) == [{"id": 7, "industry": "Steel"}]


@pytest.mark.rule("MK-AC-14")
def test_types(vendor: Vendor) -> None:
    names = {row["id"]: row["name"] for row in vendor.get("/activities/types.json")}
    assert (names[12], names[13], names[32], names[37]) == (
        "New Lead",
        "Change Data Value",
        "Merge Leads",
        "Delete Lead",
    )
    vendor.seed(activityTypes=[CONFERENCE, {**CONFERENCE, "apiName": "draft", "approved": False}])
    listed = [row for row in vendor.get("/activities/types.json") if row["id"] > 100_000]
    assert [(row["id"], row["name"]) for row in listed] == [(100_001, "Attend Conference")]


@pytest.mark.rule("MK-AC-15")
def test_wrong_dates_and_tokens(vendor: Vendor) -> None:
    assert vendor.refused("GET", "/activities/pagingtoken.json?sinceDatetime=soon") == "704"
    assert vendor.refused("GET", "/activities/pagingtoken.json") == "1002"
    assert vendor.since("2026-10-14") != vendor.since("2026-10-14T05:00:00-05:00")
    for token in ("x", "GAYDC%3D", "%C3%BC"):
        assert vendor.refused("GET", f"{CHANGES}?fields=email&nextPageToken={token}") == "1003"


# -- custom activities -------------------------------------------------------------------------------------------
@pytest.mark.rule("MK-CA-01")
def test_custom_types(vendor: Vendor) -> None:
    (made,) = vendor.post("/activities/external/type.json", CONFERENCE)
    assert (made["id"], made["status"]) == (100_001, "draft")
    assert vendor.refused("POST", "/activities/external/type.json", CONFERENCE) == "1017"
    assert vendor.refused("POST", "/activities/external/type.json", {"apiName": "x"}) == "1002"
    assert vendor.refused("POST", "/activities/external/type.json", {**CONFERENCE, "apiName": "no space"}) == "1003"
    path = "/activities/external/type/conference"
    attributes = [{"apiName": f"a{n}", "name": f"A {n}", "dataType": "string"} for n in range(20)]
    (drafted,) = vendor.post(f"{path}/attributes/create.json", {"attributes": attributes})
    assert len(drafted["attributes"]) == 20
    more = {"attributes": [{"apiName": "a20", "name": "A", "dataType": "string"}]}
    assert vendor.refused("POST", f"{path}/attributes/create.json", more) == "1028"
    assert vendor.refused("POST", f"{path}/attributes/create.json", {"attributes": attributes[:1]}) == "1017"
    assert (
        vendor.refused(
            "POST", f"{path}/attributes/create.json", {"attributes": [{"apiName": "b", "name": "b", "dataType": "x"}]}
        )
        == "1003"
    )
    lead = vendor.lead()
    activity = {
        "leadId": lead,
        "activityDate": "2026-10-01T00:00:00Z",
        "activityTypeId": 100_001,
        "primaryAttributeValue": "x",
    }
    assert statuses(vendor.post("/activities/external.json", {"input": [activity]})) == ["1013"]
    (approved,) = vendor.ok("POST", f"{path}/approve.json")
    assert approved["status"] == "approved"
    assert vendor.refused("POST", f"{path}/approve.json") == "709"
    assert statuses(vendor.post("/activities/external.json", {"input": [activity]})) == ["added"]
    vendor.ok("GET", f"{path}/describe.json?draft=true")
    assert vendor.refused("GET", "/activities/external/type/nope/describe.json") == "1013"
    for n in range(9):
        vendor.post("/activities/external/type.json", {**CONFERENCE, "apiName": f"more{n}"})
    assert vendor.refused("POST", "/activities/external/type.json", {**CONFERENCE, "apiName": "eleventh"}) == "1027"
    assert len(vendor.get("/activities/external/types.json")) == 10


@pytest.mark.rule("MK-CA-02", "MK-CA-03")
def test_adding_activities(vendor: Vendor) -> None:
    attributes = [{"apiName": "seats", "name": "Seats", "dataType": "integer"}]
    vendor.seed(activityTypes=[{**CONFERENCE, "attributes": attributes}])
    vendor.lead()
    good = {
        "leadId": 1,
        "activityDate": "2026-10-01T09:00:00+02:00",
        "activityTypeId": 100_001,
        "primaryAttributeValue": "May",
        "attributes": [{"apiName": "seats", "value": 2}],
    }
    rows: list[dict[str, Any]] = [
        good,
        {**good, "attributes": [{"name": "Seats", "value": 3}]},
        {**good, "leadId": 9},
        {**good, "activityTypeId": 12},
        {**good, "activityDate": "soon"},
        {**good, "attributes": [{"name": "Nope", "value": 3}]},
        {**good, "attributes": [{"name": "Seats", "value": "x" * 66_000}]},
        {**good, "primaryAttributeValue": ""},
    ]
    answer = vendor.post("/activities/external.json", {"input": rows})
    assert statuses(answer) == ["added", "added", "1004", "1013", "1001", "1003", "1049", "1002"]
    assert set(answer[0]) == {"id", "marketoGUID", "status"}
    assert set(answer[2]) == {"status", "errors"}
    found = list(vendor.walk(ALL, vendor.since(), activityTypeIds=100_001))
    assert [row["activityDate"] for row in found] == ["2026-10-01T07:00:00Z"] * 2
    assert [row["attributes"] for row in found] == [[{"name": "Seats", "value": 2}], [{"name": "Seats", "value": 3}]]
    assert vendor.refused("POST", "/activities/external.json", {"input": [good] * 301}) == "1003"


@pytest.mark.rule("MK-CA-04")
def test_a_type_in_use_stays(vendor: Vendor) -> None:
    vendor.seed(activityTypes=[CONFERENCE])
    vendor.lead()
    row = {"leadId": 1, "activityDate": "2026-10-01T00:00:00Z", "activityTypeId": 100_001, "primaryAttributeValue": "x"}
    vendor.post("/activities/external.json", {"input": [row]})
    assert vendor.refused("POST", "/activities/external/type/conference/delete.json") == "1022"
    vendor.seed(activityTypes=[{**CONFERENCE, "apiName": "unused"}])
    assert vendor.ok("POST", "/activities/external/type/unused/delete.json")
    assert [row["apiName"] for row in vendor.get("/activities/external/types.json")] == ["conference"]


# -- lists -------------------------------------------------------------------------------------------------------
@pytest.mark.rule("MK-LI-01")
def test_members(vendor: Vendor) -> None:
    vendor.seed(lists=["News"], generate={"leads": 5})
    path = "/lists/1001/leads.json"
    assert statuses(vendor.ok("POST", f"{path}?id=1&id=2&id=99")) == ["added", "added", "1004"]
    assert statuses(vendor.post(path, {"input": [{"id": 3}, {"id": "4"}]})) == ["added", "added"]
    assert statuses(vendor.ok("DELETE", f"{path}?id=2&id=5")) == ["removed", "1015"]
    assert statuses(vendor.ok("DELETE", path, {"input": [{"id": 4}]})) == ["removed"]
    assert vendor.refused("POST", "/lists/9/leads.json?id=1") == "1013"
    assert vendor.refused("POST", path) == "1002"
    assert vendor.refused("POST", path, {"input": [{"id": 1}] * 301}) == "1003"
    (state,) = vendor.system.state({"kind": "lists"})["lists"]
    assert state["members"] == [1, 3]
    kinds = [row["activityTypeId"] for row in vendor.walk(ALL, vendor.since(), activityTypeIds="24,25")]
    assert kinds == [24, 24, 24, 24, 25, 25]


@pytest.mark.rule("MK-LI-02")
def test_asking_for_membership(vendor: Vendor) -> None:
    vendor.seed(
        leads=[{"email": f"{n}@example.com", "lists": ["News"]} for n in range(3)] + [{"email": "x@example.com"}]
    )
    asked = "/lists/1001/leads/ismember.json"
    assert statuses(vendor.ok("GET", f"{asked}?id=1&id=4&id=9")) == ["memberof", "notmemberof", "1004"]
    assert statuses(vendor.ok("POST", f"{asked}?_method=GET", {"input": [{"id": 2}]})) == ["memberof"]
    for path in ("/lists/1001/leads.json", "/list/1001/leads.json"):
        answer = vendor.call("GET", f"{path}?batchSize=2")
        assert [row["id"] for row in answer["result"]] == [1, 2]
        rest = vendor.call("GET", f"{path}?nextPageToken={answer['nextPageToken'].replace('=', '%3D')}")
        assert [row["id"] for row in rest["result"]] == [3]
        assert "nextPageToken" not in rest


@pytest.mark.rule("MK-LI-03")
def test_finding_lists(vendor: Vendor) -> None:
    vendor.seed(lists=["A", "B", "C"])
    assert [row["name"] for row in vendor.get("/lists.json")] == ["A", "B", "C"]
    assert [row["id"] for row in vendor.get("/lists.json", name="B,C")] == [1002, 1003]
    assert vendor.get("/lists/1002.json")[0]["name"] == "B"
    assert vendor.refused("GET", "/lists/9.json") == "1013"
    answer = vendor.call("GET", "/lists.json?batchSize=2")
    token = answer["nextPageToken"].replace("=", "%3D")
    assert [row["name"] for row in vendor.ok("GET", f"/lists.json?nextPageToken={token}")] == ["C"]


@pytest.mark.rule("MK-AC-17")
def test_sends_are_kept_for_ninety_days_and_opens_for_longer(vendor: Vendor) -> None:
    number = vendor.lead()
    for days in (100, 80):
        for kind in (6, 10):
            vendor.act("log_activity", lead=number, type=kind, ago_seconds=days * 86_400)
    vendor.act("log_activity", lead=number, type=10, ago_seconds=800 * 86_400)
    answer = vendor.page(ALL, vendor.since("2020-01-01T00:00:00Z"), activityTypeIds="6,10")
    assert [row["activityTypeId"] for row in answer["result"]] == [10, 6, 10]
    vendor.act("engage", leads=[number], asset="News")
    newest = vendor.page(ALL, vendor.since(), activityTypeIds="6")["result"][-1]
    assert newest["primaryAttributeValue"] == "News"
