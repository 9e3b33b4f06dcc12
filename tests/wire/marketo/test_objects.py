"""Companies, opportunities, roles, sales persons and custom objects."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.marketo.vendor import Vendor, statuses

CAR: dict[str, Any] = {
    "name": "car",
    "displayName": "Car",
    "fields": [
        {"name": "vin", "isDedupeField": True},
        {"name": "owner", "dataType": "integer", "relatedTo": {"name": "Lead", "field": "id"}},
        {"name": "year", "dataType": "integer"},
    ],
}


@pytest.fixture
def stocked(vendor: Vendor) -> Vendor:
    """A subscription with one of everything."""
    vendor.seed(
        salespersons=[{"externalSalesPersonId": "S1", "email": "s@example.com"}],
        companies=[{"externalCompanyId": f"C{n}", "company": f"Company {n}"} for n in range(3)],
        leads=[{"email": "a@example.com", "externalSalesPersonId": "S1"}],
        opportunities=[{"externalOpportunityId": "O1", "name": "One", "amount": 10}],
        roles=[{"externalOpportunityId": "O1", "leadId": 1, "role": "Buyer"}],
        customObjects=[CAR],
        records={"car": [{"vin": "V1", "owner": 1, "year": 2003}]},
    )
    return vendor


PATHS = {
    "companies": "/companies",
    "salespersons": "/salespersons",
    "opportunities": "/opportunities",
    "roles": "/opportunities/roles",
    "car": "/customobjects/car",
}


@pytest.mark.rule("MK-OB-01")
@pytest.mark.parametrize(
    ("name", "id_field", "keys", "searchable"),
    [
        ("companies", "id", ["externalCompanyId"], [["externalCompanyId"], ["id"], ["company"]]),
        ("salespersons", "id", ["externalSalesPersonId"], [["email"], ["id"], ["externalSalesPersonId"]]),
        (
            "roles",
            "marketoGUID",
            ["externalOpportunityId", "leadId", "role"],
            [
                ["externalOpportunityId", "leadId", "role"],
                ["marketoGUID"],
                ["leadId"],
                ["externalOpportunityId"],
            ],
        ),
    ],
)
def test_describing(stocked: Vendor, name: str, id_field: str, keys: list[str], searchable: list[list[str]]) -> None:
    (row,) = stocked.get(f"{PATHS[name]}/describe.json")
    assert (row["idField"], row["dedupeFields"], row["searchableFields"]) == (id_field, keys, searchable)
    fields = {each["name"]: each for each in row["fields"]}
    assert fields[id_field]["updateable"] is False
    assert all(fields[key]["updateable"] is False for key in keys)
    assert fields["createdAt"]["dataType"] == "datetime"


@pytest.mark.rule("MK-OB-02")
def test_finding(stocked: Vendor) -> None:
    path = "/companies.json"
    rows = stocked.get(path, filterType="dedupeFields", filterValues="c1,C2,C9")
    assert [(row["seq"], row["externalCompanyId"]) for row in rows] == [(0, "C1"), (1, "C2")]
    assert set(rows[0]) == {"seq", "id", "externalCompanyId", "createdAt", "updatedAt"}
    number = rows[0]["id"]
    for kind in ("idField", "id"):
        (row,) = stocked.get(path, filterType=kind, filterValues=number, fields="company,industry")
        assert row == {"seq": 0, "id": number, "company": "Company 1"}
    assert stocked.get(path, filterType="company", filterValues="company 2")[0]["externalCompanyId"] == "C2"
    assert stocked.get(path, filterType="externalCompanyId", filterValues="none") == []
    assert stocked.refused("GET", f"{path}?filterType=industry&filterValues=x") == "1003"
    assert stocked.refused("GET", f"{path}?filterType=id") == "1002"
    assert stocked.refused("GET", f"{path}?filterType=id&filterValues=1&fields=nope") == "1006"
    many = ",".join(map(str, range(301)))
    assert stocked.refused("GET", f"{path}?filterType=id&filterValues={many}") == "1003"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    found = stocked.ok("POST", f"{path}?_method=GET", b"filterType=externalCompanyId&filterValues=C1", headers=form)
    assert [row["externalCompanyId"] for row in found] == ["C1"]
    answer = stocked.call("GET", f"{path}?filterType=externalCompanyId&filterValues=C0,C1,C2&batchSize=2")
    assert (len(answer["result"]), answer["moreResult"]) == (2, True)
    token = answer["nextPageToken"].replace("=", "%3D")
    rest = stocked.call("GET", f"{path}?filterType=externalCompanyId&filterValues=C0,C1,C2&nextPageToken={token}")
    assert [row["externalCompanyId"] for row in rest["result"]] == ["C2"]
    (person,) = stocked.get("/salespersons.json", filterType="email", filterValues="s@example.com")
    assert person["email"] == "s@example.com"


@pytest.mark.rule("MK-OB-03")
def test_writing(stocked: Vendor) -> None:
    rows = [
        {"externalCompanyId": "C1", "industry": "Steel"},
        {"externalCompanyId": "N", "company": "New"},
        {"company": "x"},
    ]
    answer = stocked.post("/companies.json", {"input": rows})
    assert statuses(answer) == ["updated", "created", "1002"]
    assert [row["seq"] for row in answer] == [0, 1, 2]
    assert isinstance(answer[0]["id"], int)
    opportunity = {
        "externalOpportunityId": "O2",
        "name": "Two",
        "closeDate": "2026-12-01",
        "isWon": True,
        "amount": "5.5",
    }
    (made,) = stocked.post("/opportunities.json", {"input": [opportunity]})
    assert len(made["marketoGUID"]) == 36
    (kept,) = stocked.get(
        "/opportunities.json", filterType="idField", filterValues=made["marketoGUID"], fields="amount,isWon"
    )
    assert (kept["amount"], kept["isWon"]) == (5.5, True)
    bad = [{"externalOpportunityId": "O2", "amount": "much"}, {"externalOpportunityId": "O2", "nope": 1}]
    assert statuses(stocked.post("/opportunities.json", {"input": bad[:1]})) == ["1001"]
    assert statuses(stocked.post("/opportunities.json", {"input": bad[1:]})) == ["1006"]
    assert statuses(
        stocked.post("/opportunities.json", {"input": [{"externalOpportunityId": "O2", "amount": ""}]})
    ) == ["updated"]
    (kept,) = stocked.get("/opportunities.json", filterType="dedupeFields", filterValues="O2", fields="amount,name")
    assert "amount" not in kept
    assert kept["name"] == "Two"


@pytest.mark.rule("MK-OB-04")
def test_actions_and_keys(stocked: Vendor) -> None:
    number = stocked.get("/companies.json", filterType="externalCompanyId", filterValues="C1")[0]["id"]
    body: dict[str, Any] = {
        "dedupeBy": "idField",
        "action": "updateOnly",
        "input": [{"id": number, "company": "X"}, {"id": 5}, {}],
    }
    assert statuses(stocked.post("/companies.json", body)) == ["updated", "1013", "1002"]
    assert stocked.refused("POST", "/companies.json", {**body, "action": "createOnly"}) == "1003"
    assert stocked.refused("POST", "/companies.json", {**body, "dedupeBy": "name"}) == "1003"
    rows = [{"externalCompanyId": "C1"}, {"externalCompanyId": "N"}]
    assert statuses(stocked.post("/companies.json", {"action": "createOnly", "input": rows})) == ["1017", "created"]
    rows = [{"externalCompanyId": "C1"}, {"externalCompanyId": "M"}]
    assert statuses(stocked.post("/companies.json", {"action": "updateOnly", "input": rows})) == ["updated", "1013"]


@pytest.mark.rule("MK-OB-05")
def test_one_key_twice(stocked: Vendor) -> None:
    rows = [{"externalCompanyId": "N", "company": "1"}, {"externalCompanyId": "n", "company": "2"}]
    assert statuses(stocked.post("/companies.json", {"input": rows})) == ["created", "1036"]
    roles = [{"externalOpportunityId": "O1", "leadId": 1, "role": role} for role in ("Buyer", "User", "buyer")]
    assert statuses(stocked.post("/opportunities/roles.json", {"input": roles})) == ["updated", "created", "1036"]


@pytest.mark.rule("MK-OB-06")
def test_compound_keys(stocked: Vendor) -> None:
    body = {
        "filterType": "dedupeFields",
        "fields": ["marketoGuid", "role", "leadId"],
        "input": [
            {"externalOpportunityId": "O1", "leadId": 1, "role": "Buyer"},
            {"externalOpportunityId": "O9", "leadId": 1, "role": "Buyer"},
        ],
    }
    (row,) = stocked.ok("POST", "/opportunities/roles.json?_method=GET", body)
    assert (row["role"], row["leadId"], len(row["marketoGUID"])) == ("Buyer", 1, 36)
    simple = {"filterType": "vin", "input": [{"vin": "V1"}, {"vin": "V9"}]}
    assert len(stocked.ok("POST", "/customobjects/car.json?_method=GET", simple)) == 1
    body["input"] = [{"leadId": 1}]
    assert stocked.refused("POST", "/opportunities/roles.json?_method=GET", body) == "1003"
    for name, value in (("leadId", 1), ("externalOpportunityId", "O1")):
        assert len(stocked.get("/opportunities/roles.json", filterType=name, filterValues=value)) == 1


@pytest.mark.rule("MK-OB-07")
def test_deleting(stocked: Vendor) -> None:
    rows = [{"externalCompanyId": "C1"}, {"externalCompanyId": "C9"}]
    assert statuses(stocked.post("/companies/delete.json", {"input": rows})) == ["deleted", "1013"]
    number = stocked.get("/companies.json", filterType="externalCompanyId", filterValues="C2")[0]["id"]
    by_id = {"deleteBy": "idField", "input": [{"id": number}, {"id": number}]}
    assert statuses(stocked.post("/companies/delete.json", by_id)) == ["deleted", "1013"]
    assert statuses(stocked.post("/opportunities/delete.json", {"input": [{"externalOpportunityId": "O1"}]})) == [
        "deleted"
    ]
    assert stocked.system.state({"kind": "roles"})["roles"] == []
    assert statuses(stocked.post("/customobjects/car/delete.json", {"input": [{"vin": "V1"}, {"vin": "V1"}]})) == [
        "deleted",
        "1013",
    ]


@pytest.mark.rule("MK-OB-07")
def test_leads_of_a_deleted_company_are_linked_to_none(stocked: Vendor) -> None:
    stocked.sync({"email": "a@example.com", "externalCompanyId": "C1"})
    stocked.post("/companies/delete.json", {"input": [{"externalCompanyId": "C1"}]})
    assert "externalCompanyId" not in stocked.values(1)


@pytest.mark.rule("MK-OB-08")
def test_a_sales_person_in_use(stocked: Vendor) -> None:
    body = {"input": [{"externalSalesPersonId": "S1"}]}
    assert statuses(stocked.post("/salespersons/delete.json", body)) == ["1022"]
    stocked.sync({"email": "a@example.com", "externalSalesPersonId": None})
    assert statuses(stocked.post("/salespersons/delete.json", body)) == ["deleted"]


@pytest.mark.rule("MK-OB-09")
def test_an_opportunity_has_a_name(stocked: Vendor) -> None:
    rows = [
        {"externalOpportunityId": "O1", "name": None},
        {"externalOpportunityId": "O2", "name": ""},
        {"externalOpportunityId": "O3"},
    ]
    assert statuses(stocked.post("/opportunities.json", {"input": rows})) == ["1003", "1003", "1002"]
    assert statuses(
        stocked.post("/opportunities.json", {"input": [{"externalOpportunityId": "O1", "stage": "x"}]})
    ) == ["updated"]


@pytest.mark.rule("MK-OB-10")
def test_an_unknown_owner_fails_the_whole_call(stocked: Vendor) -> None:
    rows = [{"externalOpportunityId": "O2", "name": "x", "externalSalesPersonId": "S9"}]
    assert stocked.refused("POST", "/opportunities.json", {"input": rows}) == "718"
    rows[0]["externalSalesPersonId"] = "S1"
    assert statuses(stocked.post("/opportunities.json", {"input": rows})) == ["created"]
    rows = [{"externalOpportunityId": "O3", "name": "x", "externalCompanyId": "C9"}]
    assert statuses(stocked.post("/opportunities.json", {"input": rows})) == ["1013"]


@pytest.mark.rule("MK-OB-11")
def test_a_role_needs_both_ends(stocked: Vendor) -> None:
    rows = [
        {"externalOpportunityId": "O9", "leadId": 1, "role": "x"},
        {"externalOpportunityId": "O1", "leadId": 9, "role": "x"},
        {"externalOpportunityId": "O1", "leadId": 1},
    ]
    assert statuses(stocked.post("/opportunities/roles.json", {"input": rows})) == ["1013", "1004", "1002"]


@pytest.mark.rule("MK-OB-12")
def test_native_sync(stocked: Vendor) -> None:
    stocked.seed(customObjects=[{**CAR, "name": "native_c", "native": True}])
    stocked.switch(native_sync=True)
    keys = {
        "companies": {"externalCompanyId": "C1"},
        "salespersons": {"externalSalesPersonId": "S1"},
        "opportunities": {"externalOpportunityId": "O1", "name": "x"},
        "roles": {"externalOpportunityId": "O1", "leadId": 1, "role": "Buyer"},
    }
    for name, key in keys.items():
        for path in (f"{PATHS[name]}.json", f"{PATHS[name]}/delete.json"):
            assert statuses(stocked.post(path, {"input": [key]})) == ["1018"], path
    for name in ("companies", "salespersons", "opportunities"):
        first = next(iter(keys[name].items()))
        assert len(stocked.get(f"{PATHS[name]}.json", filterType=first[0], filterValues=first[1])) == 1
    assert stocked.refused("GET", "/opportunities/roles.json?filterType=leadId&filterValues=1") == "1018"
    assert stocked.refused("GET", "/opportunities/roles/describe.json") == "1018"
    stocked.switch(native_reads="refused")
    assert stocked.refused("GET", "/companies/describe.json") == "1018"
    assert statuses(stocked.post("/customobjects/car.json", {"input": [{"vin": "V2", "owner": 1}]})) == ["created"]
    assert statuses(stocked.post("/customobjects/native_c.json", {"input": [{"vin": "V2", "owner": 1}]})) == ["1018"]
    assert stocked.sync({"email": "b@example.com"}) == ["created"]


@pytest.mark.rule("MK-OB-13")
def test_custom_objects(stocked: Vendor) -> None:
    (listed,) = stocked.get("/customobjects.json")
    assert "fields" not in listed
    (row,) = stocked.get("/customobjects/car/describe.json")
    assert row["relationships"] == [{"field": "owner", "type": "parent", "object": {"name": "Lead", "field": "id"}}]
    assert row["searchableFields"] == [["marketoGUID"], ["vin"], ["owner"]]
    rows = [{"vin": "V1", "year": 2004}, {"vin": "V2", "owner": 1}, {"vin": "V3", "owner": 77}]
    answer = stocked.post("/customobjects/car.json", {"input": rows})
    assert statuses(answer) == ["updated", "created", "1004"]
    assert answer[2]["reasons"][0]["message"] == "Lead not found"
    found = stocked.get("/customobjects/car.json", filterType="owner", filterValues="1", fields="vin,year")
    assert [(each["vin"], each.get("year")) for each in found] == [("V1", 2004), ("V2", None)]
    assert stocked.refused("GET", "/customobjects/boat/describe.json") == "1013"


@pytest.mark.rule("MK-OB-14")
def test_custom_object_types(vendor: Vendor) -> None:
    body = {"apiName": "boat", "displayName": "Boat"}
    vendor.switch(custom_object_schema=False)
    assert vendor.refused("POST", "/customobjects/schema.json", body) == "616"
    vendor.switch(custom_object_schema=True)
    assert vendor.post("/customobjects/schema.json", body) == [{"name": "boat", "status": "created"}]
    assert vendor.refused("POST", "/customobjects/schema.json", body) == "1017"
    again = vendor.post("/customobjects/schema.json", {**body, "displayName": "Ship", "action": "createOrUpdate"})
    assert again == [{"name": "boat", "status": "updated"}]
    missing = {"apiName": "none", "displayName": "N", "action": "updateOnly"}
    assert vendor.refused("POST", "/customobjects/schema.json", missing) == "1013"
    assert vendor.refused("POST", "/customobjects/schema.json", {"apiName": "x y", "displayName": "X"}) == "1003"
    assert vendor.refused("GET", "/customobjects/boat/describe.json") == "1013"
    assert vendor.refused("POST", "/customobjects/schema/boat/approve.json", {}) == "709"
    fields = [
        {"name": "hull", "isDedupeField": True},
        {"name": "owner", "dataType": "integer", "relatedTo": {"field": "id"}},
    ]
    vendor.post("/customobjects/schema/boat/addField.json", {"input": fields})
    assert vendor.refused("POST", "/customobjects/schema/boat/addField.json", {"input": fields}) == "1017"
    vendor.ok("POST", "/customobjects/schema/boat/approve.json", {})
    lead = vendor.lead()
    assert statuses(vendor.post("/customobjects/boat.json", {"input": [{"hull": "H", "owner": lead}]})) == ["created"]
    assert [row["state"] for row in vendor.get("/customobjects/schema.json")] == ["approved"]
    for n in range(9):
        vendor.post("/customobjects/schema.json", {"apiName": f"o{n}", "displayName": "O"})
    assert vendor.refused("POST", "/customobjects/schema.json", {"apiName": "o10", "displayName": "O"}) == "1003"


@pytest.mark.rule("MK-OB-15")
def test_opportunities_in_the_activity_log(stocked: Vendor) -> None:
    stocked.post("/opportunities.json", {"input": [{"externalOpportunityId": "O1", "stage": "Won"}]})
    role = {"externalOpportunityId": "O1", "leadId": 1, "role": "Buyer"}
    stocked.post("/opportunities/roles/delete.json", {"input": [role]})
    rows = stocked.walk("/activities.json", stocked.since(), activityTypeIds="34,35,36")
    assert [(row["activityTypeId"], row["leadId"]) for row in rows] == [(34, 1), (36, 1), (35, 1)]
