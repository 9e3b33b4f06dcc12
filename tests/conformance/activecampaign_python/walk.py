"""PyPI activecampaign-python against the simulator, unchanged but for base address and trust store.

It never raises: refusals come back as parsed JSON, and what is no JSON as text.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from activecampaign.client import Client
from activecampaign_walk import BASE, KEY, contact_state, control, run, step
from walking import expect

client = Client(BASE, KEY)


@step("create")
def create() -> None:
    made = client.contacts.create_a_contact(
        {"contact": {"email": "walk@example.com", "firstName": "Walk", "phone": "1"}}
    )
    expect(made["contact"]["id"], "46")
    expect(client.contacts.retrieve_a_contact(46)["contact"]["firstName"], "Walk")


@step("read paging")
def read_paging() -> None:
    found, offset = [], 0
    while True:
        page = client.contacts.list_all_contacts(limit=20, offset=offset)
        found += [row["id"] for row in page["contacts"]]
        offset += 20
        if offset >= int(page["meta"]["total"]):
            break
    expect(found, [str(number) for number in range(1, 47)])


@step("read by key")
def read_by_key() -> None:
    found: list[str] = []
    while True:
        params = {"limit": 20, "orders[id]": "ASC", "id_greater": found[-1] if found else 0}
        page = client.contacts.list_all_contacts(**params, **{"filters[updated_after]": "1970-01-01T00:00:00Z"})
        if not page["contacts"]:
            break
        found += [row["id"] for row in page["contacts"]]
    expect(len(found), 46)


@step("update")
def update() -> None:
    client.contacts.update_a_contact(46, {"contact": {"lastName": "Er", "phone": ""}})
    state = contact_state(46)
    expect((state["firstName"], state["lastName"], state["phone"]), ("Walk", "Er", ""))


@step("upsert")
def upsert() -> None:
    answer = client.contacts.create_or_update_contact({"contact": {"email": "WALK@example.com", "phone": "2"}})
    expect((answer["contact"]["id"], answer["contact"]["phone"]), ("46", "2"))
    answer = client.contacts.create_or_update_contact({"contact": {"email": "second@example.com"}})
    expect(answer["contact"]["id"], "47")


@step("fields")
def fields() -> None:
    field = client.contacts.create_a_custom_field({"field": {"title": "Colour", "type": "dropdown"}})["field"]
    client.contacts.create_a_custom_field_relationship_to_list({"fieldRel": {"field": field["id"], "relid": 0}})
    options = [{"field": field["id"], "value": name, "label": name.title()} for name in ("red", "blue")]
    made = client.contacts.create_custom_field_options({"fieldOptions": options})
    expect([row["value"] for row in made["fieldOptions"]], ["red", "blue"])
    listed = client.contacts.list_all_custom_fields(limit=100)
    expect((listed["fields"][0]["perstag"], len(listed["fieldOptions"])), ("COLOUR", 2))
    value = {"fieldValue": {"contact": 46, "field": field["id"], "value": "red"}}
    value_id = client.contacts.create_a_custom_field_value(value)["fieldValue"]["id"]
    changed = {"fieldValue": {"contact": 46, "field": field["id"], "value": "blue"}}
    client.contacts.update_a_custom_field_value_for_contact(changed, value_id)
    expect(client.contacts.retrieve_a_contacts_field_values(46)["fieldValues"][0]["value"], "blue")
    expect(client.contacts.retrieve_field_options(field["id"])["meta"]["total"], "2")


@step("tags")
def tags() -> None:
    tag = client.tags.create_a_tag({"tag": {"tag": "Walked", "tagType": "contact", "description": ""}})["tag"]
    expect(client.tags.list_all_tags(search="walk")["tags"][0]["id"], tag["id"])
    first = client.contacts.add_a_tag_to_contact({"contactTag": {"contact": 46, "tag": tag["id"]}})
    again = client.contacts.add_a_tag_to_contact({"contactTag": {"contact": 46, "tag": tag["id"]}})
    expect(again["contactTag"]["id"], first["contactTag"]["id"])
    rows = client.contacts.retrieve_contact_tags(46)["contactTags"]
    expect(client.contacts.remove_a_tag_from_a_contact(rows[0]["id"]), {})
    client.contacts.add_a_tag_to_contact({"contactTag": {"contact": 47, "tag": tag["id"]}})


@step("lists")
def lists() -> None:
    expect([row["name"] for row in client.lists.retrieve_all_lists()["lists"]], ["News"])
    made = client.lists.create_a_list({"list": {"name": "Walkers", "stringid": "walkers"}})["list"]
    client.lists.create_a_list_group_permission({"listGroup": {"listid": made["id"], "groupid": 1}})
    for status in (1, 2, 1):
        sent = {"contactList": {"list": made["id"], "contact": 46, "status": status}}
        expect(client.contacts.update_list_status_for_a_contact(sent)["contactList"]["status"], status)


@step("objects")
def objects() -> None:
    fields = [{"id": "name", "type": "text", "labels": {"singular": "Name", "plural": "Names"}, "required": True}]
    relations = [{"id": "primary-contact", "namespace": "contacts", "hasMany": False}]
    sent = {"slug": "opportunity", "fields": fields, "relationships": relations}
    schema = client.customobjects.create_a_schema({"schema": sent})["schema"]["id"]
    record = {
        "externalId": "o1",
        "fields": [{"id": "name", "value": "One"}],
        "relationships": {"primary-contact": [46]},
    }
    first = client.customobjects.create_or_update_record(schema, {"record": record})["record"]
    record["fields"][0]["value"] = "Two"
    second = client.customobjects.create_or_update_record(schema, {"record": record})["record"]
    expect((first["id"], second["fields"][0]["value"]), (second["id"], "Two"))
    expect(client.customobjects.retrieve_a_record_by_external_id(schema, "o1")["record"]["id"], first["id"])
    record["externalId"] = "o2"
    gone = client.customobjects.create_or_update_record(schema, {"record": record})["record"]
    client.customobjects.delete_a_record(schema, gone["id"])
    expect(client.customobjects.retrieve_a_record(schema, gone["id"]), {"message": "Not Found"})


@step("webhooks")
def webhooks() -> None:
    sent = {"name": "w", "url": "https://hooks.example.com/x", "events": ["update"], "sources": ["public", "admin"]}
    made = client.webhooks.create_a_webhook({"webhook": sent})["webhook"]
    expect(len(client.webhooks.list_all_webhook_events()["webhookEvents"]), 25)
    client.webhooks.update_a_webhook(made["id"], {"webhook": {"events": ["update", "unsubscribe"]}})
    expect(client.webhooks.retrieve_a_webhook(made["id"])["webhook"]["events"], ["update", "unsubscribe"])
    expect(client.webhooks.delete_a_webhook(made["id"]), {})


@step("delete")
def delete() -> None:
    expect(client.contacts.delete_a_contact(45), {})
    expect(client.contacts.retrieve_a_contact(45), {"message": "No Result found for Subscriber with id 45"})


@step("errors")
def errors() -> None:
    answer = client.contacts.create_a_contact({"contact": {"email": "walk@example.com"}})
    expect(answer["errors"][0]["code"], "duplicate")
    answer = client.contacts.create_a_contact({"contact": {"email": "none"}})
    expect(answer["errors"][0]["source"]["pointer"], "/data/attributes/email")
    stranger = Client(BASE, "wrong")
    expect(
        stranger.users.view_logged_in_user()
        if hasattr(stranger.users, "view_logged_in_user")
        else stranger.contacts.list_all_contacts(),
        {"message": "Forbidden"},
    )
    control("POST", "switches", {"bad_key": "html_200"})
    expect("<form>" in stranger.contacts.list_all_contacts(), True, "a page instead of JSON")


@step("429")
def too_many() -> None:
    control("POST", "switches", {"requests_per_second": 5})
    answers = [client.tags.list_all_tags() for _ in range(12)]
    refused = [answer for answer in answers if "tags" not in answer]
    expect(bool(refused), True, "some are refused")
    expect(refused[0], {"message": "Too Many Requests"})
    control("POST", "switches", {"requests_per_second": 0})


run()
