"""Leads: reading, writing, describing, deleting, merging."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.marketo.vendor import START, Vendor, statuses

DEFAULTS = ["id", "email", "firstName", "lastName", "createdAt", "updatedAt"]


# -- reading -----------------------------------------------------------------------------------------------------
@pytest.mark.rule("MK-LD-01")
def test_one_lead(vendor: Vendor) -> None:
    number = vendor.lead(firstName="Ada", leadScore=7)
    (row,) = vendor.get(f"/lead/{number}.json")
    assert list(row) == DEFAULTS
    assert (row["firstName"], row["createdAt"]) == ("Ada", "2026-10-14T15:00:00Z")
    assert vendor.get(f"/lead/{number}.json", fields=["leadScore"]) == [{"id": number, "leadScore": 7}]
    assert vendor.refused("GET", "/lead/99.json") == "1004"
    assert vendor.refused("GET", "/lead/x.json") == "1004"


@pytest.mark.rule("MK-LD-02")
def test_leads_by_filter_and_by_pages(vendor: Vendor) -> None:
    vendor.seed(generate={"leads": 700})
    ids = list(range(1, 301))
    assert [row["id"] for row in vendor.get("/leads.json", filterType="id", filterValues=ids)] == ids
    assert (
        vendor.refused("GET", f"/leads.json?filterType=id&filterValues={','.join(map(str, range(1, 302)))}") == "1003"
    )
    assert vendor.get("/leads.json", filterType="email", filterValues="nobody@example.com") == []
    assert vendor.refused("GET", "/leads.json?filterType=email") == "1002"
    assert vendor.refused("GET", "/leads.json?filterValues=a") == "1002"
    vendor.seed(fields=[{"name": "wave"}])
    for start in (0, 300, 600):
        rows = [{"id": number, "wave": "one"} for number in range(start + 1, min(start + 301, 701))]
        assert vendor.sync(*rows, action="updateOnly", lookupField="id") == ["updated"] * len(rows)
    found, token = [], ""
    while True:
        query = f"/leads.json?filterType=wave&filterValues=ONE&batchSize=250&nextPageToken={token.replace('=', '%3D')}"
        answer = vendor.call("GET", query)
        assert len(answer["result"]) <= 250
        found += [row["id"] for row in answer["result"]]
        token = answer.get("nextPageToken", "")
        if not token:
            break
    assert found == list(range(1, 701))
    assert len(vendor.get("/leads.json", filterType="wave", filterValues="one", batchSize="999")) == 300
    assert vendor.refused("GET", "/leads.json?filterType=wave&filterValues=one&batchSize=x") == "1001"
    assert vendor.refused("GET", "/leads.json?filterType=wave&filterValues=one&nextPageToken=x") == "1003"


@pytest.mark.rule("MK-LD-03")
def test_too_many_matches(vendor: Vendor) -> None:
    vendor.seed(fields=[{"name": "wave"}], generate={"leads": 1001})
    for lead in vendor.system.tenant.leads:
        vendor.system.tenant.leads.put_value(lead, "wave", "one")
    answer = vendor.call("GET", "/leads.json?filterType=wave&filterValues=one")
    assert answer["errors"] == [{"code": "1003", "message": "Too many results match the filter"}]
    vendor.post("/leads/delete.json", {"input": [{"id": 5}]})
    assert len(vendor.get("/leads.json", filterType="wave", filterValues="one")) == 300


@pytest.mark.rule("MK-LD-04", "MK-LD-05")
def test_what_leads_are_found_by(vendor: Vendor) -> None:
    kinds = ("string", "email", "integer", "boolean", "date", "float")
    vendor.seed(fields=[{"name": f"own{kind}", "dataType": kind} for kind in kinds])
    vendor.lead(linkedInId="L1", ownstring="S", ownemail="x@example.com", owninteger=5)
    vendor.ok("POST", "/leads/1/associate.json?cookie=id:1%26token:_mch-example.com-1-2")
    for name, value in (
        ("id", "1"),
        ("email", "ADA@example.com"),
        ("linkedInId", "l1"),
        ("cookies", "_mch-example.com-1-2"),
        ("ownstring", "s"),
        ("ownemail", "x@example.com"),
        ("owninteger", "5"),
        ("leadPartitionId", "1"),
    ):
        assert [row["id"] for row in vendor.get("/leads.json", filterType=name, filterValues=value)] == [1], name
    for name in ("firstName", "ownboolean", "owndate", "ownfloat", "createdAt"):
        assert vendor.refused("GET", f"/leads.json?filterType={name}&filterValues=1") == "1011"
        assert vendor.refused("POST", "/leads.json", {"lookupField": name, "input": [{name: "1"}]}) == "1011"
    assert vendor.refused("GET", "/leads.json?filterType=nope&filterValues=1") == "1006"
    assert vendor.refused("GET", "/lead/1.json?fields=nope") == "1006"
    assert vendor.refused("POST", "/leads.json", {"lookupField": "nope", "input": [{"nope": "1"}]}) == "1006"


@pytest.mark.rule("MK-VL-05")
def test_empty_values(vendor: Vendor) -> None:
    vendor.lead()
    asked = {"fields": ["email", "phone"]}
    assert vendor.get("/lead/1.json", **asked) == [{"id": 1, "email": "ada@example.com", "phone": None}]
    vendor.switch(null_fields="absent")
    assert vendor.get("/lead/1.json", **asked) == [{"id": 1, "email": "ada@example.com"}]


# -- writing -----------------------------------------------------------------------------------------------------
@pytest.mark.rule("MK-LD-06")
def test_the_default_is_an_upsert_by_email(vendor: Vendor) -> None:
    assert vendor.sync({"email": "a@example.com", "firstName": "A"}) == ["created"]
    assert vendor.sync({"email": "A@Example.com", "lastName": "B"}, action="createOrUpdate") == ["updated"]
    assert vendor.values(1) == {"email": "A@Example.com", "firstName": "A", "lastName": "B"}
    assert vendor.sync({"firstName": "x"}, {"email": ""}) == ["1002", "1002"]


@pytest.mark.rule("MK-LD-07")
def test_create_only_and_update_only(vendor: Vendor) -> None:
    rows: list[dict[str, Any]] = [{"email": "a@example.com", "firstName": "1"}, {"email": "b@example.com"}]
    assert vendor.sync(rows[0], action="updateOnly") == ["1004"]
    assert vendor.sync(rows[0], action="createOnly") == ["created"]
    assert vendor.sync(*rows, action="createOnly") == ["1005", "created"]
    assert vendor.sync({"email": "a@example.com", "firstName": "2"}, action="updateOnly") == ["updated"]
    assert vendor.values(1)["firstName"] == "2"


@pytest.mark.rule("MK-LD-08")
def test_duplicates(vendor: Vendor) -> None:
    row = {"email": "a@example.com", "firstName": "x"}
    assert vendor.sync(row, row, action="createDuplicate") == ["created", "created"]
    answer = vendor.post("/leads.json", {"input": [row]})
    assert statuses(answer) == ["1007"]
    assert "Multiple lead" in answer[0]["reasons"][0]["message"]
    assert vendor.sync(row, action="updateOnly") == ["1007"]
    assert vendor.sync({"id": 2, "email": "b@example.com"}, action="updateOnly", lookupField="id") == ["updated"]
    assert vendor.sync(row) == ["updated"]


@pytest.mark.rule("MK-LD-09")
def test_ids_in_writes(vendor: Vendor) -> None:
    vendor.lead()
    assert vendor.sync({"id": 1, "email": "ada@example.com"}) == ["1003"]
    assert vendor.sync({"id": 9, "email": "new@example.com"}, action="createOnly") == ["1003"]
    assert vendor.refused("POST", "/leads.json", {"lookupField": "id", "input": [{"id": 1}]}) == "1003"
    by_id = {"action": "updateOnly", "lookupField": "id"}
    assert vendor.sync({"id": 1, "firstName": "x"}, {"id": 7, "firstName": "x"}, {"firstName": "x"}, **by_id) == [
        "updated",
        "1004",
        "1002",
    ]
    assert vendor.values(1)["firstName"] == "x"


@pytest.mark.rule("MK-LD-10")
def test_addresses_outside_ascii(vendor: Vendor) -> None:
    assert vendor.sync({"email": "jörg@example.com"}, {"email": "a@exämple.com"}) == ["1003", "1003"]
    assert vendor.sync({"email": "a@example.com", "firstName": "Jörg 🎈"}) == ["created"]
    assert vendor.values(1)["firstName"] == "Jörg 🎈"


@pytest.mark.rule("MK-LD-11")
def test_company_fields_in_lead_writes(vendor: Vendor) -> None:
    assert vendor.sync({"email": "a@example.com", "company": "Acme"}) == ["1021"]
    assert vendor.system.state({})["counts"]["leads"] == 0
    vendor.switch(company_in_leads="unlinked")
    vendor.seed(companies=[{"externalCompanyId": "C1", "company": "Acme"}])
    linked = {"email": "b@example.com", "externalCompanyId": "C1"}
    assert vendor.sync({"email": "a@example.com", "company": "Own"}, linked) == ["created", "created"]
    assert vendor.values(1)["company"] == "Own"
    assert vendor.sync({"email": "b@example.com", "company": "Other"}) == ["1021"]
    assert vendor.sync({"email": "c@example.com", "externalCompanyId": "C1", "company": "Other"}) == ["1021"]


@pytest.mark.rule("MK-LD-12", "MK-LD-13")
def test_links(vendor: Vendor) -> None:
    vendor.seed(
        companies=[{"externalCompanyId": "C1", "company": "Acme", "industry": "Steel"}, {"externalCompanyId": "C2"}],
        salespersons=[{"externalSalesPersonId": "S1", "email": "s@example.com"}],
    )
    row = {"email": "a@example.com", "externalCompanyId": "C1", "externalSalesPersonId": "S1"}
    assert vendor.sync(row) == ["created"]
    asked = ["company", "industry", "externalCompanyId"]
    assert vendor.get("/lead/1.json", fields=asked) == [
        {"id": 1, "company": "Acme", "industry": "Steel", "externalCompanyId": "C1"}
    ]
    assert vendor.sync({**row, "externalCompanyId": ""}) == ["1021"]
    assert vendor.sync({**row, "externalCompanyId": "C2"}) == ["updated"]
    assert vendor.get("/lead/1.json", fields=["company"]) == [{"id": 1, "company": None}]
    assert vendor.sync(
        {**row, "externalCompanyId": "C9"}, {"email": "b@example.com", "externalSalesPersonId": "S9"}
    ) == [
        "1013",
        "1013",
    ]
    assert vendor.sync({**row, "externalCompanyId": "C2", "externalSalesPersonId": None}) == ["updated"]


@pytest.mark.rule("MK-LD-14")
def test_one_key_twice_in_a_call(vendor: Vendor) -> None:
    rows = [{"email": "a@example.com", "firstName": "1"}, {"email": "A@example.com", "firstName": "2"}]
    assert vendor.sync(*rows) == ["created", "1036"]
    assert vendor.values(1)["firstName"] == "1"
    vendor.switch(duplicate_input="in_turn")
    assert vendor.sync(*rows) == ["updated", "updated"]
    assert vendor.values(1)["firstName"] == "2"


@pytest.mark.rule("MK-LD-15")
@pytest.mark.parametrize("race", [True, False])
def test_two_upserts_at_the_same_time(vendor: Vendor, race: bool) -> None:
    vendor.switch(upsert_race=race)
    body = {"input": [{"email": "a@example.com"}]}
    vendor.post("/leads.json", body)
    second = vendor.ok("POST", "/leads.json", body, arrived=START - 1)
    assert statuses(second) == ["created" if race else "updated"]
    vendor.advance(5)
    assert vendor.sync({"email": "a@example.com"}) == ["1007" if race else "updated"]


@pytest.mark.rule("MK-LD-25", "MK-LD-05")
def test_fields_that_cannot_be_written(vendor: Vendor) -> None:
    rows = [{"email": f"{name}@example.com", name: 1} for name in ("createdAt", "updatedAt", "priority", "nope")]
    assert vendor.sync(*rows) == ["1011", "1011", "1011", "1006"]


@pytest.mark.rule("MK-LD-26")
def test_the_visible_time_follows_standard_fields(vendor: Vendor) -> None:
    vendor.seed(fields=[{"name": "own"}])
    vendor.lead()
    vendor.advance(60)
    assert vendor.sync({"email": "ada@example.com", "own": "x"}) == ["updated"]
    assert (vendor.state(1)["updatedAt"], vendor.state(1)["touchedAt"]) == (
        "2026-10-14T15:00:00Z",
        "2026-10-14T15:01:00Z",
    )
    assert vendor.sync({"email": "ada@example.com", "phone": "1"}) == ["updated"]
    assert vendor.state(1)["updatedAt"] == "2026-10-14T15:01:00Z"


@pytest.mark.rule("MK-LD-24")
def test_external_person_id(vendor: Vendor) -> None:
    row = {"email": "a@example.com", "externalPersonId": "P1"}
    assert vendor.sync(row) == ["1006"]
    vendor.switch(external_person_id=True)
    assert vendor.sync(row, lookupField="externalPersonId") == ["created"]
    assert vendor.sync({"externalPersonId": "p1", "email": "b@example.com"}, lookupField="externalPersonId") == [
        "updated"
    ]
    assert vendor.values(1)["email"] == "b@example.com"
    assert "externalPersonId" in [field["name"] for field in vendor.get("/leads/describe2.json")[0]["fields"]]


# -- values ------------------------------------------------------------------------------------------------------
@pytest.mark.rule("MK-VL-01")
def test_null_and_empty_text_are_no_value(vendor: Vendor) -> None:
    vendor.lead(firstName="x", phone="1", lastName="")
    assert "lastName" not in vendor.values(1)
    assert vendor.sync({"email": "ada@example.com", "firstName": "", "phone": None}) == ["updated"]
    assert vendor.values(1) == {"email": "ada@example.com"}


@pytest.mark.rule("MK-VL-02", "MK-VL-03")
@pytest.mark.parametrize(
    ("kind", "sent", "kept"),
    [
        ("integer", "12", 12),
        ("integer", "x", None),
        ("integer", 1.5, None),
        ("integer", True, None),
        ("score", -3, -3),
        ("float", "1.25", 1.25),
        ("currency", 10, 10.0),
        ("currency", "ten", None),
        ("float", "inf", None),
        ("boolean", "TRUE", True),
        ("boolean", 0, False),
        ("boolean", "perhaps", None),
        ("date", "2026-02-28", "2026-02-28"),
        ("date", "2026-02-30", None),
        ("date", 5, None),
        ("datetime", "2026-02-28T10:00:00.999+02:00", "2026-02-28T08:00:00Z"),
        ("datetime", "2026-02-28T10:00:00", "2026-02-28T10:00:00Z"),
        ("datetime", "soon", None),
        ("string", 5, "5"),
        ("string", ["x"], None),
        ("text", "x" * 1000, "x" * 1000),
    ],
)
def test_values_by_type(vendor: Vendor, kind: str, sent: Any, kept: Any) -> None:
    vendor.seed(fields=[{"name": "own", "dataType": kind}])
    result = vendor.post("/leads.json", {"input": [{"email": "a@example.com", "own": sent}]})
    if kept is None:
        assert statuses(result) == ["1001"]
        assert result[0]["reasons"][0]["message"].startswith("Invalid value '")
        return
    assert statuses(result) == ["created"]
    assert vendor.get("/lead/1.json", fields=["own"]) == [{"id": 1, "own": kept}]


@pytest.mark.rule("MK-VL-04")
def test_text_that_is_too_long(vendor: Vendor) -> None:
    vendor.seed(fields=[{"name": "short", "length": 10}, {"name": "area", "dataType": "text"}])
    rows = [{"email": "a@example.com", "firstName": "x" * 256}, {"email": "b@example.com", "short": "y" * 11}]
    area = {"email": "c@example.com", "area": "ü" * 15_001}
    assert vendor.sync(*rows, area) == ["1003", "1003", "1003"]
    vendor.switch(too_long="truncate")
    assert vendor.sync(*rows) == ["created", "created"]
    assert vendor.values(1)["firstName"] == "x" * 255
    assert vendor.values(2)["short"] == "y" * 10


# -- deleting and merging ----------------------------------------------------------------------------------------
@pytest.mark.rule("MK-LD-16")
def test_deleting(vendor: Vendor) -> None:
    for name in "abc":
        vendor.lead(f"{name}@example.com")
    body = {"input": [{"id": 1}, {"id": 99}, {"id": "x"}]}
    result = vendor.post("/leads/delete.json", body)
    assert statuses(result) == ["deleted", "1004", "1004"]
    assert result[0] == {"id": 1, "status": "deleted"}
    assert statuses(vendor.ok("DELETE", "/leads.json", {"input": [{"id": 2}]})) == ["deleted"]
    assert statuses(vendor.ok("POST", "/leads/delete.json?id=3")) == ["deleted"]
    assert vendor.system.state({})["counts"]["leads"] == 0
    assert vendor.refused("POST", "/leads/delete.json", {"input": [{"id": 1}] * 301}) == "1003"
    assert vendor.lead("a@example.com") == 4, "an id is never used again"


@pytest.mark.rule("MK-LD-17")
def test_merging(vendor: Vendor) -> None:
    vendor.seed(lists=["News"], opportunities=[{"externalOpportunityId": "O1", "name": "o"}])
    winner = vendor.lead("a@example.com", firstName="A")
    loser = vendor.lead("b@example.com", firstName="B", phone="2")
    third = vendor.lead("c@example.com", phone="3", lastName="C")
    vendor.act("on_list", lead=loser, list="News")
    vendor.seed(roles=[{"externalOpportunityId": "O1", "leadId": third, "role": "Buyer"}])
    answer = vendor.call("POST", f"/leads/{winner}/merge.json?leadIds={loser}%2C{third}&mergeInCRM=False")
    assert answer["success"] is True
    assert "result" not in answer
    assert vendor.values(winner) == {"email": "a@example.com", "firstName": "A", "phone": "2", "lastName": "C"}
    assert vendor.state(winner)["lists"] == ["News"]
    assert vendor.system.state({"kind": "roles"})["roles"][0]["leadId"] == winner
    for gone in (loser, third):
        assert vendor.refused("GET", f"/lead/{gone}.json") == "1004"
    assert vendor.sync({"id": loser, "phone": "9"}, action="updateOnly", lookupField="id") == ["1004"]
    assert vendor.refused("POST", f"/leads/{winner}/merge.json?leadId={loser}") == "1004"
    assert vendor.refused("POST", f"/leads/{winner}/merge.json?leadId={winner}") == "1003"
    assert vendor.refused("POST", f"/leads/{winner}/merge.json") == "1002"
    merges = [write for write in vendor.writes() if write["op"] == "merge"]
    assert [(write["id"], write["changed"]["into"][1]) for write in merges] == [("2", 1), ("3", 1)]


@pytest.mark.rule("MK-LD-18")
def test_merging_takes_twenty_five(vendor: Vendor) -> None:
    vendor.seed(generate={"leads": 40})
    ids = ",".join(map(str, range(2, 28)))
    assert vendor.refused("POST", f"/leads/1/merge.json?leadIds={ids}") == "1080"
    assert vendor.ok("POST", f"/leads/1/merge.json?leadIds={ids[:-3]}") is None
    assert vendor.system.state({})["counts"]["leads"] == 15


# -- describing --------------------------------------------------------------------------------------------------
@pytest.mark.rule("MK-LD-19")
def test_describing(vendor: Vendor) -> None:
    vendor.seed(fields=[{"name": "own", "displayName": "Own One"}], crmFields=["leadSource"])
    plain = {row["rest"]["name"]: row for row in vendor.get("/leads/describe.json")}
    assert plain["email"]["dataType"] == "email"
    assert plain["email"]["length"] == 255
    assert [plain[name]["rest"]["readOnly"] for name in ("email", "id", "createdAt", "own")] == [
        False,
        True,
        True,
        False,
    ]
    (second,) = vendor.get("/leads/describe2.json")
    assert second["name"] == "API Lead"
    assert {"email", "id", "own", "linkedInId"} <= {names[0] for names in second["searchableFields"]}
    assert ["firstName"] not in second["searchableFields"]
    fields = {row["name"]: row for row in second["fields"]}
    assert (fields["id"]["updateable"], fields["email"]["updateable"]) == (False, True)
    assert not any(row["crmManaged"] for row in fields.values())
    vendor.switch(native_sync=True)
    fields = {row["name"]: row for row in vendor.get("/leads/describe2.json")[0]["fields"]}
    assert [name for name, row in fields.items() if row["crmManaged"]] == ["leadSource"]
    assert vendor.sync({"email": "a@example.com", "leadSource": "x"}, {"email": "b@example.com"}) == ["1018", "created"]


@pytest.mark.rule("MK-LD-20")
def test_making_fields(vendor: Vendor) -> None:
    made = {"displayName": "Own", "name": "own", "dataType": "integer"}
    bad = [
        made,
        {**made, "name": "other"},
        {**made, "name": "1x", "displayName": "Y"},
        {"name": "z", "dataType": "string"},
    ]
    assert statuses(vendor.post("/leads/schema/fields.json", {"input": [made]})) == ["created"]
    assert statuses(vendor.post("/leads/schema/fields.json", {"input": bad})) == ["1017", "1017", "1003", "1003"]
    (row,) = vendor.get("/leads/schema/fields/own.json")
    assert (row["isCustom"], row["isApiCreated"], row["dataType"]) == (True, True, "integer")
    assert vendor.refused("GET", "/leads/schema/fields/nope.json") == "1006"
    rows = [{"displayName": f"F {n}", "name": f"f{n}", "dataType": "string"} for n in range(100)]
    assert statuses(vendor.post("/leads/schema/fields.json", {"input": rows})) == ["created"] * 99 + ["1028"]
    answer = vendor.call("GET", "/leads/schema/fields.json?batchSize=60")
    assert (len(answer["result"]), answer["moreResult"]) == (60, True)
    token = answer["nextPageToken"].replace("=", "%3D")
    assert vendor.call("GET", f"/leads/schema/fields.json?nextPageToken={token}")["moreResult"] is False
    assert vendor.sync({"email": "a@example.com", "own": 5, "f7": "x"}) == ["created"]


# -- partitions, push, associate ---------------------------------------------------------------------------------
@pytest.mark.rule("MK-LD-21")
def test_partitions(vendor: Vendor) -> None:
    vendor.seed(partitions=["EMEA"])
    assert [(row["id"], row["name"]) for row in vendor.get("/leads/partitions.json")] == [(1, "Default"), (2, "EMEA")]
    row = {"email": "a@example.com"}
    assert vendor.sync(row, partitionName="EMEA") == ["created"]
    assert vendor.state(1)["partition"] == 2
    assert vendor.refused("POST", "/leads.json", {"partitionName": "Mars", "input": [row]}) == "1008"
    assert vendor.sync(row, partitionName="Default") == ["1010"]
    assert vendor.sync(row) == ["updated"]
    moves = [
        {"id": 1, "partitionName": "Default"},
        {"id": 9, "partitionName": "EMEA"},
        {"id": 1, "partitionName": "Mars"},
    ]
    assert statuses(vendor.post("/leads/partitions.json", {"input": moves})) == ["updated", "1004", "1008"]
    assert vendor.get("/lead/1.json", fields=["leadPartitionId"]) == [{"id": 1, "leadPartitionId": 1}]


@pytest.mark.rule("MK-LD-22")
def test_pushing(vendor: Vendor) -> None:
    body = {
        "programName": "May",
        "source": "Site",
        "input": [{"email": "a@example.com"}, {"email": "b@example.com", "x": 1}],
    }
    assert statuses(vendor.post("/leads/push.json", body)) == ["created", "1006"]
    assert statuses(vendor.post("/leads/push.json", {**body, "input": body["input"][:1]})) == ["updated"]
    assert vendor.refused("POST", "/leads/push.json", {"input": body["input"]}) == "1002"
    rows = list(vendor.walk("/activities.json", vendor.since(), activityTypeIds=145))
    assert [(row["primaryAttributeValue"], row["leadId"]) for row in rows] == [("May", 1), ("May", 1)]
    assert rows[0]["attributes"] == [{"name": "Source", "value": "Site"}]


@pytest.mark.rule("MK-LD-23")
def test_associating(vendor: Vendor) -> None:
    vendor.lead()
    assert vendor.ok("POST", "/leads/1/associate.json?cookie=id:1%26token:_mch-example.com-1") is None
    assert vendor.values(1)["cookies"] == "_mch-example.com-1"
    assert vendor.refused("POST", "/leads/1/associate.json?cookie=x") == "1012"
    assert vendor.refused("POST", "/leads/9/associate.json?cookie=token:_mch-1") == "1004"
    assert vendor.refused("POST", "/leads/1/associate.json") == "1002"
