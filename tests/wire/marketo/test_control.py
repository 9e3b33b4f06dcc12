"""Seeding, state, acts and switches: what tests of the product lean on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scripts import simulator_rules
from simulators.frame import ControlError
from simulators.marketo.acts import ACTS
from simulators.marketo.switches import SWITCHES
from tests.wire.marketo.vendor import Vendor

EVERYTHING: dict[str, Any] = {
    "services": [{"clientId": "c", "secret": "s", "user": "u@example.com"}],
    "partitions": ["EMEA"],
    "fields": [{"name": "own", "displayName": "Own", "dataType": "integer"}],
    "crmFields": ["leadSource"],
    "lists": ["News"],
    "salespersons": [{"externalSalesPersonId": "S1", "email": "s@example.com"}],
    "companies": [{"externalCompanyId": "C1", "company": "Acme"}],
    "activityTypes": [
        {
            "apiName": "rejected",
            "name": "Rejected",
            "triggerName": "Is Rejected",
            "filterName": "Was Rejected",
            "primaryAttribute": {"apiName": "reason", "name": "Reason"},
            "attributes": [{"apiName": "code", "name": "Code", "dataType": "string"}],
        }
    ],
    "leads": [
        {
            "email": "a@example.com",
            "firstName": "A",
            "own": 5,
            "externalCompanyId": "C1",
            "partition": "EMEA",
            "lists": ["News", "Offers"],
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-02-01T00:00:00Z",
        }
    ],
    "opportunities": [{"externalOpportunityId": "O1", "name": "One"}],
    "roles": [{"externalOpportunityId": "O1", "leadId": 1, "role": "Buyer"}],
    "customObjects": [{"name": "car", "fields": [{"name": "vin", "isDedupeField": True}]}],
    "records": {"car": [{"vin": "V"}]},
    "generate": {"leads": 3},
}


def test_seed_everything(vendor: Vendor) -> None:
    made = vendor.seed(**EVERYTHING)
    assert made["leads"] == [1]
    assert made["generate"] == {"first_id": 2, "last_id": 4, "count": 3}
    assert made["activityTypes"] == {"rejected": 100_001}
    assert vendor.state(1) == {
        "id": 1,
        "values": {"email": "a@example.com", "firstName": "A", "own": 5, "externalCompanyId": "C1"},
        "partition": 2,
        "lists": ["News", "Offers"],
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-02-01T00:00:00Z",
        "touchedAt": "2026-02-01T00:00:00Z",
    }
    assert vendor.writes() == []
    counts = vendor.system.state({})["counts"]
    assert (counts["leads"], counts["companies"], counts["roles"], counts["car"], counts["lists"]) == (4, 1, 1, 1, 2)


def test_state_pages_and_kinds(vendor: Vendor) -> None:
    vendor.seed(**EVERYTHING)
    page = vendor.system.state({"kind": "leads", "limit": "2"})["leads"]
    rest = vendor.system.state({"kind": "leads", "after": str(page[-1]["id"])})["leads"]
    assert [row["id"] for row in page + rest] == [1, 2, 3, 4]
    assert vendor.system.state({"kind": "leads", "email": "A@EXAMPLE.com"})["leads"][0]["id"] == 1
    assert vendor.system.state({"kind": "car"})["car"][0]["vin"] == "V"
    assert vendor.system.state({"kind": "types"})["types"][0]["apiName"] == "rejected"
    assert vendor.system.state({"kind": "activities", "limit": "1"})["activities"][0]["type"] == 12
    assert vendor.system.state({"kind": "imports"}) == {"imports": []}
    with pytest.raises(ControlError, match="state knows"):
        vendor.system.state({"kind": "secrets"})


@pytest.mark.parametrize(
    "spec",
    [
        {"people": []},
        {"leads": [{"email": "é@example.com"}]},
        {"leads": [{"email": "a@example.com", "nope": 1}]},
        {"leads": [{"email": "a@example.com", "createdAt": "soon"}]},
        {"leads": [{"email": "a@example.com", "externalCompanyId": "C9"}]},
        {"fields": [{"name": "x", "dataType": "blob"}]},
        {"fields": [{"name": "email"}]},
        {"services": [{"clientId": "x"}]},
        {"companies": [{"company": "x"}]},
        {"records": {"boat": [{}]}},
        {"activityTypes": [{"apiName": "x"}]},
    ],
)
def test_bad_seeds_say_what_is_wrong(vendor: Vendor, spec: dict[str, Any]) -> None:
    with pytest.raises(ControlError, match="seed"):
        vendor.system.seed(spec)


def test_generated_leads(vendor: Vendor) -> None:
    vendor.seed(generate={"leads": 2000, "domain": "load.example"})
    assert vendor.values(1234)["email"] == "person1234@load.example"
    rows = vendor.get("/leads.json", filterType="id", filterValues=list(range(1, 301)))
    created = [row["createdAt"] for row in rows]
    assert created == sorted(created)
    assert len(vendor.changes("email")) == 2000


def test_every_switch_is_tested_away_from_its_default() -> None:
    """Each switch, and each of its other values, stands in a test of this folder."""
    text = "\n".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    for switch in SWITCHES:
        assert switch.name in text, switch.name
        for value in switch.values:
            if value != switch.default and not isinstance(value, bool):
                assert (f'"{value}"' if isinstance(value, str) else str(value)) in text, (switch.name, value)


def test_the_page_lists_every_switch_and_act() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/reference/simulator-marketo.md").read_text("utf-8")
    assert simulator_rules.switch_table("marketo") in page, "run make rules"
    assert set(ACTS) <= set(re.findall(r"`(\w+)`", page))


def test_a_switch_has_a_source_and_a_text() -> None:
    assert len({switch.name for switch in SWITCHES}) == len(SWITCHES)
    for switch in SWITCHES:
        assert switch.text
        assert switch.source[0] in "0124"


def test_reset_forgets(vendor: Vendor) -> None:
    vendor.seed(**EVERYTHING)
    vendor.switch(bad_client="unauthorized", native_sync=True)
    vendor.system.reset(1)
    vendor.renew()
    assert vendor.system.state({})["counts"]["leads"] == 0
    assert vendor.system.switches.on("native_sync") is False
    assert vendor.lead() == 1


def test_acts_write_the_log_under_their_author(vendor: Vendor) -> None:
    vendor.seed(**EVERYTHING)
    assert vendor.act("create_lead", values={"email": "n@example.com", "company": "Own"}, user="jo") == {"id": 5}
    vendor.act("edit_lead", lead="n@example.com", values={"firstName": "N"}, user="jo")
    assert vendor.act("fill_form", values={"email": "n@example.com", "phone": "1"})["created"] is False
    assert vendor.act("fill_form", values={"email": "o@example.com"})["created"] is True
    vendor.act("change_score", lead=5, by=3)
    vendor.act("on_list", lead=5, list="Fresh")
    vendor.act("on_list", lead=5, list="Fresh", off=True)
    vendor.act("edit_object", kind="companies", key="C1", values={"industry": "Steel"})
    vendor.act("merge_leads", winner=5, losers=["o@example.com"], user="jo")
    vendor.act("delete_lead", lead=5)
    found = [(write["who"], write["op"], write["kind"]) for write in vendor.writes()]
    assert found == [
        ("ui:jo", "create", "lead"),
        ("ui:jo", "update", "lead"),
        ("form", "update", "lead"),
        ("form", "create", "lead"),
        ("campaign:score", "update", "lead"),
        ("ui:admin", "subscribe", "list"),
        ("ui:admin", "unsubscribe", "list"),
        ("ui:admin", "update", "companies"),
        ("ui:jo", "merge", "lead"),
        ("ui:admin", "delete", "lead"),
    ]


def test_a_field_can_be_removed(vendor: Vendor) -> None:
    vendor.seed(**EVERYTHING)
    vendor.act("remove_field", name="own")
    assert vendor.sync({"email": "a@example.com", "own": 6}) == ["1006"]
    assert vendor.refused("GET", "/lead/1.json?fields=own") == "1006"


@pytest.mark.parametrize(
    ("action", "spec"),
    [
        ("fly", {}),
        ("edit_lead", {"lead": 99, "values": {}}),
        ("edit_lead", {}),
        ("edit_lead", {"lead": 1, "values": {"nope": 1}}),
        ("edit_lead", {"lead": 1, "values": {"company": "linked"}}),
        ("merge_leads", {"winner": 1, "losers": [1]}),
        ("merge_leads", {"winner": 1, "losers": []}),
        ("change_score", {"lead": 1, "by": 1, "field": "firstName"}),
        ("edit_object", {"kind": "boats", "key": "x", "values": {}}),
        ("edit_object", {"kind": "companies", "key": "C9", "values": {}}),
        ("remove_field", {"name": "email"}),
        ("fail", {"code": "999"}),
        ("end_tokens", {"how": "never"}),
    ],
)
def test_bad_acts_say_what_is_wrong(vendor: Vendor, action: str, spec: dict[str, Any]) -> None:
    vendor.seed(**EVERYTHING)
    with pytest.raises(ControlError):
        vendor.system.act(action, spec)
