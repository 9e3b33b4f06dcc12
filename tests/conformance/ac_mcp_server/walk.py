"""The http client of PyPI ac-mcp-server (ActiveCampaign's own) against the simulator, unchanged but for its address.

It knows the filters best: nested brackets, times without zone, enumerations. Refusals become ToolErrors.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ac_mcp_server import types
from ac_mcp_server.ac_client import ACMCPHttpClient, ACMCPHttpClientAuth
from activecampaign_walk import BASE, KEY, contact_state, control, run, step
from fastmcp.exceptions import ToolError
from walking import expect

client = ACMCPHttpClient(ACMCPHttpClientAuth(url=BASE, header_name="Api-Token", header_value=KEY))


def refused(call: Any, *arguments: Any) -> str:
    try:
        call(*arguments)
    except ToolError as problem:
        return str(problem)
    raise AssertionError("the call succeeded")


@step("read paging")
def read_paging() -> None:
    found: list[str] = []
    for offset in range(0, 60, 15):
        page = client.list_contacts(types.ContactListParams(limit=15, offset=offset, status=types.ContactStatus.ANY))
        found += [row["id"] for row in page["contacts"]]
    expect(len(set(found)), 41)


@step("read by key")
def read_by_key() -> None:
    # The generated people are up to ninety days old; the first one is of 2024. Times go out without a zone.
    since = {"updated_after": datetime(2024, 1, 2, 3, 4, 5)}  # noqa: DTZ001 - the client sends times without a zone
    found: list[int] = []
    while True:
        params = types.ContactListParams(
            limit=15, orders={"id": "ASC"}, filters=since, id_greater=found[-1] if found else 0
        )
        page = client.list_contacts(params)["contacts"]
        if not page:
            break
        found += [int(row["id"]) for row in page]
    expect(found, list(range(2, 42)))


@step("upsert")
def upsert() -> None:
    params = types.ContactCreateParams(email="ac@example.com", firstName="A", lastName="C", phone="1")
    made = client.create_or_update_contact(params)["contact"]["id"]
    params.phone = "2"
    expect(client.create_or_update_contact(params)["contact"]["id"], made)
    expect(client.get_contact(int(made))["contact"]["phone"], "2")


@step("fields")
def fields() -> None:
    made = client.create_contact_custom_field(types.ContactCustomFieldCreateParams(title="Area", type="listbox"))
    field = made["field"]["id"]
    options = [
        types.FieldOptionCreateParams(orderid=n, value=v, label=v, field=field) for n, v in enumerate(("n", "s"))
    ]
    client.create_field_options(types.FieldOptionBulkCreateParams(fieldOptions=options))
    expect(len(client.get_contact_custom_field(int(field))["fieldOptions"]), 2)
    expect(client.list_contact_custom_fields(types.ContactCustomFieldListParams(limit=100))["meta"]["total"], "1")
    value = types.ContactFieldValueCreateParams(contact=42, field=int(field), value="||n||s||")
    row = client.create_contact_field_value(value)["fieldValue"]
    client.update_contact_field_value(int(row["id"]), types.ContactFieldValueUpdateParams(value="||s||"))
    expect(client.get_contact_field_value(int(row["id"]))["fieldValue"]["value"], "||s||")
    found = client.list_contact_field_values(types.ContactFieldValueListParams(filters={"fieldid": int(field)}))
    expect([each["contact"] for each in found["fieldValues"]], ["42"])
    params = types.ContactCreateParams(
        email="ac@example.com",
        firstName="A",
        lastName="C",
        phone="2",
        fieldValues=[{"field": int(field), "value": "n"}],
    )
    client.create_or_update_contact(params)
    expect(contact_state(42)["fields"], {"Area": "||n||"})


@step("tags")
def tags() -> None:
    tag = client.create_contact_tag(types.TagCreateParams(tag="Lead"))["tag"]["id"]
    client.create_contact_tag(types.TagCreateParams(tag="Leader"))
    exact = client.list_tags(types.TagListParams(search_filters={"eq": "lead"}))["tags"]
    expect([row["id"] for row in exact], [tag])
    listed = client.list_tags(types.TagListParams(search_filters={"starts_with": "lea"}, order_method="desc"))["tags"]
    expect([row["tag"] for row in listed], ["Leader", "Lead"])
    client.add_tag_to_contact(types.ContactTagParams(contact=42, tag=int(tag)))
    client.add_tag_to_contact(types.ContactTagParams(contact=42, tag=int(tag)))
    expect(client.get_tag(int(tag))["tag"]["subscriber_count"], "1")
    expect(client.list_contacts(types.ContactListParams(tagid=int(tag)))["meta"]["total"], "1")


@step("lists")
def lists() -> None:
    params = {
        "name": "News",
        "channel": "email",
        "stringid": "news",
        "sender_url": "https://a.example",
        "sender_reminder": "r",
    }
    made = client.call_ac_api("/api/3/lists", "POST", {"list": params})["list"]["id"]
    expect(client.list_groups(types.GroupListParams())["groups"][0]["id"], "1")
    client.call_ac_api("/api/3/listGroups", "POST", {"listGroup": {"listid": int(made), "groupid": 1}})
    client.call_ac_api("/api/3/contactLists", "POST", {"contactList": {"list": int(made), "contact": 42, "status": 1}})
    found = client.list_lists(types.ListListParams(filters=types.ListFilters(name="new")))
    expect([row["active_subscribers"] for row in found["lists"]], ["1"])


@step("automations")
def automations() -> None:
    expect(client.list_automations(types.AutomationListParams())["automations"][0]["name"], "Welcome")
    entry = client.call_ac_api(
        "/api/3/contactAutomations", "POST", {"contactAutomation": {"contact": 42, "automation": 1}}
    )
    entry_id = int(entry["contactAutomation"]["id"])
    expect(client.get_contact_automation(entry_id)["contactAutomation"]["contact"], "42")
    expect(client.remove_contact_from_automation(entry_id), {})
    expect(client.list_campaigns(types.CampaignListParams())["campaigns"][0]["subject"], "May news")
    expect(
        client.list_email_activities(types.EmailActivityListParams(orders={"tstamp": "DESC"}))["emailActivities"], []
    )


@step("errors")
def errors() -> None:
    expect("Resource not found" in refused(client.get_contact, 999), True)
    expect("Access forbidden" in refused(client.get_contact_field_value, 999), True)
    expect("duplicate" in refused(client.create_contact_tag, types.TagCreateParams(tag="LEAD")), True)
    stranger = ACMCPHttpClient(ACMCPHttpClientAuth(url=BASE, header_name="Api-Token", header_value="wrong"))
    expect("Access forbidden" in refused(stranger.get_contact, 1), True)
    control("POST", "switches", {"bad_key": "html_200"})
    expect("malformed data" in refused(stranger.get_contact, 1), True)


@step("429")
def too_many() -> None:
    control("POST", "switches", {"requests_per_second": 5})
    told = ""
    for _ in range(12):
        try:
            client.get_tag(1)
        except ToolError as problem:
            told = str(problem)
    expect("Rate limit exceeded" in told, True)
    control("POST", "switches", {"requests_per_second": 0})


run()
