"""Seeding, state, acts and switches: what tests of the product lean on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scripts import simulator_rules
from simulators.activecampaign.acts import ACTS
from simulators.activecampaign.switches import SWITCHES
from simulators.frame import ControlError
from tests.wire.activecampaign.vendor import Vendor

EVERYTHING: dict[str, Any] = {
    "users": [{"username": "ben", "apiKey": "k", "pipelines": [1]}],
    "tags": ["a", {"tag": "b"}],
    "lists": ["News", {"name": "Offers", "stringid": "o"}],
    "fields": [{"title": "Colour", "type": "dropdown", "options": ["red", {"value": "b", "label": "Blue"}]}],
    "account_fields": [{"fieldLabel": "Size", "fieldType": "text"}],
    "deal_fields": [{"fieldLabel": "Source", "fieldType": "text"}],
    "accounts": ["Acme", {"name": "Other", "accountUrl": "https://o.example", "fields": {"Size": "9"}}],
    "contacts": [
        {
            "email": "a@example.com",
            "firstName": "A",
            "lastName": "B",
            "phone": "1",
            "fields": {"Colour": "red"},
            "tags": ["a", "new"],
            "lists": ["News", {"list": "Offers", "status": 2}],
            "account": "Acme",
            "jobTitle": "CEO",
            "cdate": "2026-01-01T00:00:00Z",
            "udate": "2026-02-01T00:00:00Z",
        },
        {"email": "b@example.com", "bounced": True},
    ],
    "automations": [{"name": "Auto", "steps": [{"type": "add_tag", "tag": "a"}]}],
    "pipelines": [{"title": "Sales"}],
    "deals": [{"title": "D", "value": 5, "contact": 1}],
    "segments": [{"name": "S", "tag": "a"}],
    "campaigns": [{"name": "C"}],
    "exclusions": ["x@example.com"],
    "webhooks": [{"name": "w", "url": "https://h.example", "events": ["update"], "sources": ["admin"]}],
    "schemas": [{"slug": "thing", "fields": [{"id": "name", "type": "text"}]}],
    "generate": {"contacts": 3},
}


def test_seed_everything(vendor: Vendor) -> None:
    made = vendor.seed(**EVERYTHING)
    assert made["contacts"] == [{"id": 1, "email": "a@example.com"}, {"id": 2, "email": "b@example.com"}]
    assert made["generated"] == {"first_id": 3, "last_id": 5, "count": 3}
    assert made["fields"][0]["perstag"] == "COLOUR"
    assert vendor.state(1) == {
        "id": 1,
        "email": "a@example.com",
        "firstName": "A",
        "lastName": "B",
        "phone": "1",
        "created": "2026-01-01T00:00:00.000000000Z",
        "updated": "2026-02-01T00:00:00.000000000Z",
        "fields": {"Colour": "red"},
        "tags": ["a", "new"],
        "lists": {"News": 1, "Offers": 2},
        "account": "Acme",
        "jobTitle": "CEO",
        "bounced": False,
    }
    assert vendor.writes() == []
    counts = vendor.system.state({})["counts"]
    assert (counts["contacts"], counts["deals"], counts["webhooks"], counts["accounts"]) == (5, 1, 1, 2)


def test_state_pages_and_kinds(vendor: Vendor) -> None:
    vendor.seed(**EVERYTHING)
    page = vendor.system.state({"kind": "contacts", "limit": "2"})["contacts"]
    rest = vendor.system.state({"kind": "contacts", "after": str(page[-1]["id"])})["contacts"]
    assert [row["id"] for row in page + rest] == [1, 2, 3, 4, 5]
    assert vendor.system.state({"kind": "contacts", "email": "A@EXAMPLE.com"})["contacts"][0]["id"] == 1
    assert "key" not in vendor.system.state({"kind": "users"})["users"][0]
    with pytest.raises(ControlError, match="state knows"):
        vendor.system.state({"kind": "secrets"})


@pytest.mark.parametrize(
    "spec",
    [
        {"people": []},
        {"contacts": [{"email": "a@example.com"}, {"email": "A@example.com"}]},
        {"contacts": [{"email": "a@example.com", "fields": {"Nope": 1}}]},
        {"contacts": [{"email": "a@example.com", "cdate": "soon"}]},
        {"fields": [{"title": "T", "type": "currency"}]},
        {"users": [{"username": "x"}]},
        {"accounts": [5]},
    ],
)
def test_bad_seeds_say_what_is_wrong(vendor: Vendor, spec: dict[str, Any]) -> None:
    with pytest.raises(ControlError, match="seed"):
        vendor.system.seed(spec)


def test_generated_contacts(vendor: Vendor) -> None:
    vendor.seed(
        fields=[{"title": "Code", "type": "text"}],
        generate={"contacts": 5000, "tag": "bulk", "list": "News", "field": "Code", "domain": "load.example"},
    )
    state = vendor.state(4321)
    assert (state["email"], state["tags"], state["lists"]) == ("person4321@load.example", ["bulk"], {"News": 1})
    assert state["fields"] == {"Code": "value 4321"}
    rows = vendor.get("/contacts?limit=100&orders[id]=ASC&id_greater=4900")["contacts"]
    created = [row["cdate"] for row in rows]
    assert (len(rows), created) == (100, sorted(created))
    assert vendor.get("/contacts?filters[created_after]=2026-06-10T12:00:01Z")["meta"]["total"] == "0"
    assert vendor.get("/contacts?email=PERSON17@load.example")["contacts"][0]["id"] == "17"
    assert vendor.get("/fieldValues?filters[fieldid]=1&limit=1")["meta"]["total"] == "5000"


def test_every_switch_is_tested_away_from_its_default() -> None:
    """Each switch, and each of its other values, stands in a test of this folder."""
    here = Path(__file__).parent
    text = "\n".join(file.read_text("utf-8") for file in here.glob("test_*.py"))
    for switch in SWITCHES:
        assert switch.name in text, switch.name
        for value in switch.values:
            if value != switch.default and not isinstance(value, bool):
                assert (f'"{value}"' if isinstance(value, str) else str(value)) in text, (switch.name, value)


def test_the_page_lists_every_switch() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/reference/simulator-activecampaign.md").read_text("utf-8")
    assert simulator_rules.switch_table("activecampaign") in page, "run make rules"
    assert set(ACTS) <= set(re.findall(r"`(\w+)`", page))


def test_a_switch_has_a_source_and_a_text() -> None:
    assert len({switch.name for switch in SWITCHES}) == len(SWITCHES)
    for switch in SWITCHES:
        assert switch.text
        assert switch.source[0] in "23"


def test_reset_forgets(vendor: Vendor) -> None:
    vendor.seed(**EVERYTHING)
    vendor.switch(bad_key="html_200")
    vendor.system.reset(1)
    assert vendor.system.state({})["counts"]["contacts"] == 0
    assert vendor.system.switches.word("bad_key") == "403"
    vendor.switch(requests_per_second=0)
    assert vendor.contact() == "1"


def test_acts_write_the_log_under_their_author(vendor: Vendor) -> None:
    vendor.seed(**EVERYTHING)
    vendor.act("create_contact", email="new@example.com", firstName="N", fields={"Colour": "red"}, user=2)
    vendor.act("unsubscribe", contact=1, list="all")
    vendor.act("subscribe", contact=1, list="News", by="admin")
    vendor.act("edit_account", account=1, name="Acme Ltd")
    vendor.act("edit_deal", deal=1, title="E")
    vendor.act("enter_automation", contact=2, automation=1)
    vendor.act("create_account", name="Fresh")
    vendor.act("associate", contact=2, account=3, jobTitle="x")
    vendor.act("delete_account", account=3)
    vendor.act("delete_field", field=1)
    vendor.act("delete_contact", contact=6)
    found = [(write["who"], write["op"], write["kind"]) for write in vendor.writes()]
    assert found == [
        ("ui:2", "create", "contact"),
        ("public:1", "unsubscribe", "contact"),
        ("ui:1", "subscribe", "contact"),
        ("ui:1", "update", "account"),
        ("ui:1", "update", "deal"),
        ("ui:1", "create", "contactAutomation"),
        ("automation:1", "tag", "contact"),
        ("ui:1", "create", "account"),
        ("ui:1", "create", "accountContact"),
        ("ui:1", "delete", "account"),
        ("ui:1", "delete", "field"),
        ("ui:1", "delete", "contact"),
    ]


@pytest.mark.parametrize(
    ("action", "spec"),
    [
        ("fly", {}),
        ("edit_contact", {"contact": 99}),
        ("edit_contact", {}),
        ("edit_contact", {"contact": 1, "email": "b@example.com"}),
        ("merge_contacts", {"source": 1, "destination": 1}),
        ("remove_tag", {"contact": 2, "tag": "a"}),
        ("reach_webhook_step", {"contact": 1, "automation": 1}),
        ("associate", {"contact": 1, "account": 2}),
        ("create_account", {"name": "acme"}),
        ("send", {}),
        ("edit_deal", {"deal": "x"}),
    ],
)
def test_bad_acts_say_what_is_wrong(vendor: Vendor, action: str, spec: dict[str, Any]) -> None:
    vendor.seed(**EVERYTHING)
    with pytest.raises(ControlError):
        vendor.system.act(action, spec)


def test_exclusions_can_be_added(vendor: Vendor) -> None:
    vendor.act("exclude", pattern="*@spam.example")
    vendor.post("/import/bulk_import", {"contacts": [{"email": "a@spam.example"}, {"email": "b@example.com"}]})
    vendor.advance(60)
    assert vendor.system.state({"kind": "batches"})["batches"][0]["failure"] == ["a@spam.example"]
