"""GET /contacts: paging, filters, orders, segments, side-loading; and the filters of other lists."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.wire.activecampaign.vendor import Vendor, pointer


@pytest.fixture
def people(vendor: Vendor) -> Vendor:
    """250 contacts, one created each second, some tagged, some on a list."""
    rows: list[dict[str, Any]] = [
        {
            "email": f"p{index:03}@{'odd' if index % 2 else 'even'}.example",
            "firstName": f"F{index % 7}",
            "lastName": f"L{250 - index:03}",
            "phone": f"+{index % 3}{index:03}",
            "cdate": f"2026-06-01T{index // 60:02}:{index % 60:02}:00Z",
            "tags": ["vip"] if index % 10 == 0 else [],
            "lists": [{"list": "News", "status": 1 + index % 2}] if index % 5 == 0 else [],
        }
        for index in range(250)
    ]
    vendor.seed(contacts=rows)
    return vendor


def ids(vendor: Vendor, query: str) -> list[int]:
    """Ids of one page."""
    return [int(row["id"]) for row in vendor.get(f"/contacts?{query}")["contacts"]]


def total(vendor: Vendor, query: str) -> int:
    """meta.total."""
    return int(vendor.get(f"/contacts?{query}")["meta"]["total"])


@pytest.mark.rule("AC-PG-01")
def test_limits(people: Vendor) -> None:
    assert len(ids(people, "")) == 20
    assert len(ids(people, "limit=7")) == 7
    assert len(ids(people, "limit=100")) == 100
    assert len(ids(people, "limit=101")) == 100
    assert len(ids(people, "limit=0")) == len(ids(people, "limit=minus")) == 20
    people.switch(limit_over_100="as_asked")
    assert len(ids(people, "limit=200")) == 200
    people.switch(limit_over_100="refuse")
    assert people.call("GET", "/contacts?limit=200")[0] == 422


@pytest.mark.rule("AC-PG-02")
def test_walk_by_offset(people: Vendor) -> None:
    found = [int(row["id"]) for row in people.walk("/contacts", "contacts")]
    assert found == list(range(1, 251))
    assert ids(people, "offset=250") == []
    assert total(people, "offset=240") == 250


@pytest.mark.rule("AC-PG-04")
def test_walk_by_key(people: Vendor) -> None:
    found: list[int] = []
    while page := ids(people, f"orders[id]=ASC&limit=100&id_greater={found[-1] if found else 0}"):
        found += page
        people.call("DELETE", f"/contacts/{page[0]}")
    assert found == list(range(1, 251))
    assert ids(people, "orders[id]=DESC&id_less=10&limit=3") == [9, 8, 7]
    assert total(people, "id_greater=200") == 49
    people.switch(total_with_id_greater="all")
    assert total(people, "id_greater=200") == 247


@pytest.mark.rule("AC-FL-01")
def test_text_filters(people: Vendor) -> None:
    assert ids(people, "email=P003@odd.example") == [4]
    assert ids(people, "email=p003") == []
    assert total(people, "email_like=EVEN") == 125
    assert total(people, "phone=%2B2") == 83
    assert total(people, "search=l249") == 1
    assert ids(people, "ids[]=5&ids[]=7&ids[]=x") == [5, 7]
    assert ids(people, "ids[]=5&ids[]=7&exclude=5") == [7]


@pytest.mark.rule("AC-FL-02")
def test_relation_filters(people: Vendor) -> None:
    assert total(people, "tagid=1") == 25
    assert total(people, "tagid=99") == 0
    assert total(people, "listid=1") == 50
    assert total(people, "listid=1&status=1") == 25
    assert total(people, "status=2") == 25
    assert total(people, "status=-1") == 250
    people.seed(automations=[{"name": "A"}])
    people.post("/contactAutomations", {"contactAutomation": {"contact": 3, "automation": 1}})
    assert ids(people, "seriesid=1") == [3]
    people.act("bounce", contact=4)
    assert ids(people, "status=3") == [4]


@pytest.mark.rule("AC-FL-02")
def test_tag_views_follow_changes(people: Vendor) -> None:
    assert total(people, "tagid=1") == 25
    row = people.post("/contactTags", {"contactTag": {"contact": 2, "tag": 1}})["contactTag"]
    assert ids(people, "tagid=1&limit=3") == [1, 2, 11]
    people.call("DELETE", f"/contactTags/{row['id']}")
    people.call("DELETE", "/contacts/11")
    assert ids(people, "tagid=1&limit=3") == [1, 21, 31]


@pytest.mark.rule("AC-FL-03", "AC-TM-04")
@pytest.mark.parametrize(("bound", "at_bound"), [("strict", 0), ("inclusive", 1)])
def test_date_filters(people: Vendor, bound: str, at_bound: int) -> None:
    people.switch(updated_after_bound=bound)
    later = 250 - 61 - 1
    for moment in ("2026-06-01T01:01:00Z", "2026-06-01T03:01:00%2B02:00", "2026-06-01T03:01:00+02:00"):
        assert total(people, f"filters[created_after]={moment}") == later + at_bound
        assert total(people, f"filters[updated_after]={moment}") == later + at_bound
        assert total(people, f"filters[updated_before]={moment}") == 61
    assert total(
        people, "filters[created_after]=2026-06-01T01:01:00.000Z&filters[created_before]=2026-06-01T01:03:00Z"
    ) == (1 + at_bound)


@pytest.mark.rule("AC-TM-04")
@pytest.mark.parametrize(("zone", "expected"), [("central", 188), ("utc", 0)])
def test_naive_filter_times(people: Vendor, zone: str, expected: int) -> None:
    people.switch(naive_filter_zone=zone)
    naive = "2026-05-31T20:01:00" if zone == "central" else "2026-06-02T00:00:00"
    assert total(people, f"filters[updated_after]={naive}") == expected


def test_a_filter_time_that_is_none_does_nothing(people: Vendor) -> None:
    assert total(people, "filters[updated_after]=soon") == 250


@pytest.mark.rule("AC-FL-03")
def test_updated_after_follows_edits(people: Vendor) -> None:
    query = "filters[updated_after]=2026-06-10T11:59:59Z"
    assert total(people, query) == 0
    people.put("/contacts/7", {"contact": {"phone": "1"}})
    assert ids(people, query) == [7]


@pytest.mark.rule("AC-FL-04")
def test_orders(people: Vendor) -> None:
    assert ids(people, "orders[last_name]=ASC&limit=2") == [250, 249]
    assert ids(people, "orders[email]=DESC&limit=2") == [250, 249]
    assert ids(people, "orders[cdate]=desc&limit=2") == [250, 249]
    first = people.get("/contacts?orders[first_name]=ASC&limit=100")["contacts"]
    assert [row["firstName"] for row in first] == sorted(row["firstName"] for row in first)
    people.put("/contacts/9", {"contact": {"phone": "1"}})
    assert ids(people, "orders[udate]=DESC&limit=2") == [1, 2]
    assert ids(people, "orders[name]=ASC&limit=1&offset=1") == ids(people, "orders[name]=ASC&limit=2")[1:]


@pytest.mark.rule("AC-FL-05")
@pytest.mark.parametrize(("pending", "status"), [("202", 202), ("empty", 200)])
def test_segments(people: Vendor, pending: str, status: int) -> None:
    people.seed(segments=[{"name": "VIPs", "tag": "vip"}])
    people.switch(segment_pending=pending)
    first = people.call("GET", "/contacts?segmentid=1")
    assert first[0] == status
    if pending == "empty":
        assert first[1]["meta"]["total"] == "0"
    people.advance(3)
    assert total(people, "segmentid=1") == 25
    people.advance(3000)
    assert total(people, "segmentid=1") == 25
    assert people.call("GET", "/contacts?segmentid=1&forceQuery=1")[0] == status
    people.advance(3602)
    assert people.call("GET", "/contacts?segmentid=1")[0] == status


@pytest.mark.rule("AC-FL-06")
def test_include(vendor: Vendor) -> None:
    person = {"email": "a@example.com", "tags": ["x"], "fields": {"Colour": "red"}}
    vendor.seed(fields=[{"title": "Colour", "type": "text"}], contacts=[person, {"email": "b@example.com"}])
    path = "/contacts?include=fieldValues,contactTags,nonsense"
    assert "fieldValues" not in vendor.get(path)
    vendor.switch(include_side_loads=True)
    body = vendor.get(path)
    assert [row["value"] for row in body["fieldValues"]] == ["red"]
    assert [row["fieldValues"] for row in body["contacts"]] == [["1"], []]
    assert body["contacts"][0]["contactTags"] == [body["contactTags"][0]["id"]]
    assert "nonsense" not in body


@pytest.mark.rule("AC-FL-07")
def test_tag_filters(vendor: Vendor) -> None:
    vendor.seed(tags=["alpha", "Alphabet", "beta"])

    def names(query: str) -> list[str]:
        return [row["tag"] for row in vendor.get(f"/tags?{query}")["tags"]]

    assert names("search=ALPHA") == ["alpha", "Alphabet"]
    assert names("filters[search][eq]=ALPHA") == ["alpha"]
    assert names("filters[search][neq]=alpha") == ["Alphabet", "beta"]
    assert names("filters[search][starts_with]=b") == ["beta"]
    assert names("filters[search][contains]=bet") == ["Alphabet", "beta"]
    assert names("filters[search][gt]=alphabet") == ["beta"]
    assert names("filters[search][lte]=alphabet") == ["alpha", "Alphabet"]
    assert names("orders[search]=desc") == ["beta", "Alphabet", "alpha"]
    assert names("orders[search]=weight") == ["beta", "alpha", "Alphabet"]


@pytest.mark.rule("AC-FL-08")
def test_list_filters(vendor: Vendor) -> None:
    vendor.seed(lists=["News", "Old news", "Offers"])
    assert vendor.get("/lists?filters[name]=news")["meta"]["total"] == "2"
    assert vendor.get("/lists?filters[name][eq]=news")["meta"]["total"] == "1"
    assert [row["name"] for row in vendor.get("/lists?orders[name]=DESC")["lists"]] == ["Old news", "Offers", "News"]
    assert vendor.get("/lists?filters[id]=3")["lists"][0]["name"] == "Offers"


@pytest.mark.rule("AC-FL-09")
def test_account_filters(vendor: Vendor) -> None:
    vendor.seed(accounts=["Acme", "Acme Two", "Other"])
    assert vendor.get("/accounts?search=ACME")["meta"]["total"] == "2"
    assert vendor.get("/accounts?filters[updated_after]=2030-01-01T00:00:00Z")["meta"]["total"] == "3"


@pytest.mark.rule("AC-FL-10")
def test_association_and_value_filters(vendor: Vendor) -> None:
    people = [
        {"email": f"{n}@example.com", "account": "A" if n % 2 else "B", "fields": {"C": str(n)}} for n in range(4)
    ]
    vendor.seed(fields=[{"title": "C", "type": "text"}, {"title": "D", "type": "text"}], contacts=people)
    assert vendor.get("/accountContacts?filters[contact]=2")["meta"]["total"] == "1"
    assert vendor.get("/accountContacts?filters[account]=1")["meta"]["total"] == "2"
    assert vendor.get("/fieldValues?filters[fieldid]=1")["meta"]["total"] == "4"
    assert vendor.get("/fieldValues?filters[fieldid]=2")["meta"]["total"] == "0"
    assert [row["contact"] for row in vendor.get("/fieldValues?filters[val]=3")["fieldValues"]] == ["4"]
    assert [row["value"] for row in vendor.get("/fieldValues?filters[contactid]=1")["fieldValues"]] == ["0"]
    vendor.post("/fieldValues", {"fieldValue": {"contact": 1, "field": 1, "value": "3"}})
    assert vendor.get("/fieldValues?filters[val]=3")["meta"]["total"] == "2"


@pytest.mark.rule("AC-PG-03")
def test_fields_have_a_hundred_a_page(vendor: Vendor) -> None:
    vendor.seed(fields=[{"title": f"Field {n}", "type": "dropdown", "options": ["a", "b"]} for n in range(130)])
    first = vendor.get("/fields")
    assert (len(first["fields"]), first["meta"]["total"]) == (100, "130")
    assert len(first["fieldOptions"]) == 200
    rest = vendor.get("/fields?limit=100&offset=100")
    assert len(rest["fields"]) == 30
    assert {option["field"] for option in rest["fieldOptions"]} == {field["id"] for field in rest["fields"]}
    assert len(vendor.get("/fields?limit=20")["fields"]) == 20


def test_views_agree_with_a_plain_scan_after_random_changes(vendor: Vendor) -> None:
    """The kept views must say what a scan says, whatever happened in between."""
    chance = random.Random(5)
    vendor.seed(tags=["x", "y"], lists=["News"])
    vendor.system.seed({"generate": {"contacts": 60}})
    queries = ("tagid=1", "listid=1&status=1", "email_like=7", "filters[updated_after]=2026-06-10T12:00:30Z", "")
    for _ in range(300):
        act = chance.randrange(6)
        contact_id = chance.randrange(1, 70)
        if act == 0:
            vendor.call("POST", "/contactTags", {"contactTag": {"contact": contact_id, "tag": chance.choice([1, 2])}})
        elif act == 1:
            vendor.call("DELETE", f"/contactTags/{chance.randrange(1, 60)}")
        elif act == 2:
            sent = {"contactList": {"contact": contact_id, "list": 1, "status": chance.choice([1, 2])}}
            vendor.call("POST", "/contactLists", sent)
        elif act == 3:
            vendor.call("PUT", f"/contacts/{contact_id}", {"contact": {"email": f"n{chance.random()}@example.com"}})
        elif act == 4 and chance.random() < 0.3:
            vendor.call("DELETE", f"/contacts/{contact_id}")
        else:
            vendor.call("POST", "/contact/sync", {"contact": {"email": f"s{contact_id}@example.com"}})
        vendor.advance(1)
        query = chance.choice(queries)
        warm = ids(vendor, f"{query}&limit=100")
        vendor.system.tenant.contacts._views.clear()
        assert warm == ids(vendor, f"{query}&limit=100"), query


def test_global_walks_of_associations(vendor: Vendor) -> None:
    people = [{"email": f"{n}@example.com", "tags": ["x"], "lists": ["News"]} for n in range(25)]
    vendor.seed(contacts=people)
    for name in ("contactTags", "contactLists"):
        assert [row["contact"] for row in vendor.walk(f"/{name}", name, limit=10)] == [str(n) for n in range(1, 26)]


def test_bad_limit_error_names_limit(vendor: Vendor) -> None:
    vendor.switch(limit_over_100="refuse")
    assert pointer(vendor.call("GET", "/tags?limit=500")[1]) == ("field_invalid", "/data/attributes/limit")
