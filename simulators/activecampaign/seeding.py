"""`POST /_sim/seed`: an account as a test wants it. Seeding leaves no trace in the write log and fires no webhook.

{"users": [{"username", "apiKey", "pipelines"?: [ids]}], "tags": ["a"], "lists": ["News"],
 "fields": [{"title", "type", "options"?: ["a"], "defval"?, "isrequired"?}],
 "account_fields": [...], "deal_fields": [...], "accounts": [{"name", "accountUrl", "fields"?}],
 "contacts": [{"email", "firstName", "lastName", "phone", "fields": {title or id: value}, "tags": [names],
               "lists": [{"list": name or id, "status": 1}], "account", "jobTitle", "cdate", "udate"}],
 "automations": [{"name", "status"?, "multientry"?, "trigger"?: {"type": "tag"|"subscribe", "id"?},
                  "steps"?: [{"type", ...}]}],
 "pipelines": [{"title"}], "deals": [{"title", "value", "currency", "contact", ...}],
 "segments": [{"name", "tag"}], "campaigns": [{"name", "subject"}], "exclusions": ["a@b.example", "*@c.example"],
 "webhooks": [{"name", "url", "events", "sources", "listid"?}], "schemas": [{"slug", ...}],
 "generate": {"contacts": 1000000}}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulators.activecampaign.accounts import account_by_name, associate, create_account
from simulators.activecampaign.actors import SEEDING
from simulators.activecampaign.contacts.model import ACTIVE, Contact
from simulators.activecampaign.contacts.service import new_contact
from simulators.activecampaign.custom_data import ACCOUNT, DEAL, Family, create_meta, put_data
from simulators.activecampaign.custom_objects import create_schema
from simulators.activecampaign.custom_values import put_value
from simulators.activecampaign.deals import create_deal
from simulators.activecampaign.errors import ApiError
from simulators.activecampaign.fields import create_field, create_option
from simulators.activecampaign.generate import generate
from simulators.activecampaign.lists import create_list
from simulators.activecampaign.pipelines import create_pipeline
from simulators.activecampaign.seeding_parts import field_named, list_named, tag_named
from simulators.activecampaign.subscribing import set_status
from simulators.activecampaign.tagging import apply_tag
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import parse_instant
from simulators.frame.system import ControlError

Part = Callable[[Tenant, Any], Any]


def seed(tenant: Tenant, spec: dict[str, Any]) -> dict[str, Any]:
    """Create what `spec` lists, in the order references need. Returns ids by part. Raises ControlError."""
    if unknown := set(spec) - set(_PARTS) - {"generate"}:
        raise ControlError(f"seed knows {sorted(_PARTS)} and generate, not {sorted(unknown)}")
    mark = len(tenant.writes)
    answer: dict[str, Any] = {}
    try:
        for name, part in _PARTS.items():
            if name in spec:
                answer[name] = [part(tenant, item) for item in spec[name]]
        if "generate" in spec:
            answer["generated"] = generate(tenant, spec["generate"])
    except ApiError as error:
        raise ControlError(f"seed: refused as the API would refuse it: {error.body}") from error
    except (KeyError, AttributeError, TypeError) as error:
        raise ControlError(f"seed: {type(error).__name__} {error}; see the shapes in the documents") from error
    finally:
        tenant.writes.truncate(mark)
    return answer


def _user(tenant: Tenant, item: dict[str, Any]) -> Any:
    user = tenant.users.add(
        {
            "username": item["username"],
            "firstName": item.get("firstName", ""),
            "lastName": item.get("lastName", ""),
            "email": item.get("email", f"{item['username']}@example.com"),
            "phone": "",
            "signature": "",
            "key": item["apiKey"],
            "group": 1,
            "pipelines": item.get("pipelines"),
        }
    )
    return {"id": user["id"], "username": user["username"]}


def _tag(tenant: Tenant, item: Any) -> Any:
    tag = tag_named(tenant, item if isinstance(item, str) else item["tag"])
    return {"id": tag["id"], "tag": tag["tag"]}


def _list(tenant: Tenant, item: Any) -> Any:
    row = create_list(tenant, SEEDING, {"name": item} if isinstance(item, str) else item)
    return {"id": row["id"], "name": row["name"]}


def _field(tenant: Tenant, item: dict[str, Any]) -> Any:
    field = create_field(tenant, SEEDING, item)
    for option in item.get("options", ()):
        create_option(tenant, SEEDING, field, {"value": option} if isinstance(option, str) else option)
    tenant.field_rels.add({"field": field["id"], "relid": 0})
    return {"id": field["id"], "title": field["title"], "perstag": field["perstag"]}


def _meta(family: Family) -> Part:
    def part(tenant: Tenant, item: dict[str, Any]) -> Any:
        meta = create_meta(tenant, SEEDING, family, item)
        return {"id": meta["id"], "fieldLabel": meta["label"]}

    return part


def _account(tenant: Tenant, item: Any) -> Any:
    spec: dict[str, Any] = {"name": item} if isinstance(item, str) else item
    account = create_account(tenant, SEEDING, spec["name"], url=spec.get("accountUrl", ""))
    for label, value in spec.get("fields", {}).items():
        meta = next(row for row in tenant.account_meta if label in (row["label"], str(row["id"])))
        put_data(tenant, SEEDING, ACCOUNT, account["id"], {"customFieldId": meta["id"], "fieldValue": value})
    return {"id": account["id"], "name": account["name"]}


def _contact(tenant: Tenant, item: dict[str, Any]) -> Any:
    if item.get("email") and tenant.contacts.by_email(item["email"]):
        raise ControlError(f"seed: the e-mail of contact {tenant.contacts.next_id()} is used already")
    contact = new_contact(
        tenant, item.get("email", ""), item.get("firstName", ""), item.get("lastName", ""), item.get("phone", "")
    )
    for name, value in item.get("fields", {}).items():
        put_value(tenant, contact, field_named(tenant, str(name)), str(value))
    for name in item.get("tags", ()):
        apply_tag(tenant, SEEDING, contact, tag_named(tenant, name), automations=False)
    for each in item.get("lists", ()):
        spec = each if isinstance(each, dict) else {"list": each}
        target = list_named(tenant, str(spec["list"]))
        set_status(tenant, SEEDING, contact, target, int(spec.get("status", ACTIVE)), automations=False)
    if item.get("account"):
        account = account_by_name(tenant, item["account"]) or create_account(tenant, SEEDING, item["account"])
        associate(tenant, SEEDING, contact, account, item.get("jobTitle", ""))
    if item.get("bounced"):
        contact.more().hard = 1
    _date(tenant, contact, item)
    return {"id": contact.id, "email": contact.email}


def _date(tenant: Tenant, contact: Contact, item: dict[str, Any]) -> None:
    for key, slot in (("cdate", "created"), ("udate", "updated")):
        if key in item:
            instant = parse_instant(str(item[key]))
            if instant is None:
                raise ControlError(f"seed: {key} of contact {contact.id} is not ISO 8601")
            setattr(contact, slot, int(instant))
    if "cdate" in item and "udate" not in item:
        contact.updated = contact.created
    tenant.contacts.touch(contact)


def _automation(tenant: Tenant, item: dict[str, Any]) -> Any:
    now = tenant.now()
    row = tenant.automations.add(
        {
            "name": item["name"],
            "description": item.get("description", ""),
            "status": str(item.get("status", 1)),
            "multientry": bool(item.get("multientry", True)),
            "trigger": item.get("trigger"),
            "steps": list(item.get("steps", ())),
            "created": now,
            "updated": now,
        }
    )
    return {"id": row["id"], "name": row["name"]}


def _pipeline(tenant: Tenant, item: dict[str, Any]) -> Any:
    row = create_pipeline(tenant, SEEDING, item["title"], autoassign=str(item.get("autoassign", "1")))
    return {"id": row["id"], "stages": [stage["id"] for stage in tenant.stages.where("group", row["id"])]}


def _deal(tenant: Tenant, item: dict[str, Any]) -> Any:
    stage = tenant.stages.get(item.get("stage")) or next(iter(tenant.stages))
    new = {"group": stage["group"], "stage": stage["id"], "owner": 1, "currency": "usd", "value": 0, **item}
    row = create_deal(tenant, SEEDING, new)
    return {"id": row["id"], "title": row["title"]}


def _segment(tenant: Tenant, item: dict[str, Any]) -> Any:
    row = tenant.segments.add({"name": item["name"], "tag": tag_named(tenant, item["tag"])["id"]})
    return {"id": row["id"], "name": row["name"]}


def _campaign(tenant: Tenant, item: dict[str, Any]) -> Any:
    now = tenant.now()
    counts = dict.fromkeys(("sent", "opens", "clicks", "bounces", "unsubscribes"), 0)
    row = tenant.campaigns.add(
        {
            "name": item["name"],
            "subject": item.get("subject", item["name"]),
            "status": "5",
            "created": now,
            "updated": now,
            **counts,
        }
    )
    return {"id": row["id"], "name": row["name"]}


def _exclusion(tenant: Tenant, item: str) -> Any:
    tenant.exclusions.append(item)
    return item


def _webhook(tenant: Tenant, item: dict[str, Any]) -> Any:
    keys = {"name": item["name"], "url": item["url"], "events": item["events"], "sources": item["sources"]}
    row = tenant.webhooks.add({**keys, "listid": item.get("listid", 0), "active": True, "created": tenant.now()})
    return {"id": row["id"], "name": row["name"]}


def _schema(tenant: Tenant, item: dict[str, Any]) -> Any:
    schema = create_schema(tenant, item)
    return {"id": schema["id"], "slug": schema["slug"]}


_PARTS: dict[str, Part] = {
    "users": _user,
    "tags": _tag,
    "lists": _list,
    "fields": _field,
    "account_fields": _meta(ACCOUNT),
    "deal_fields": _meta(DEAL),
    "accounts": _account,
    "contacts": _contact,
    "automations": _automation,
    "pipelines": _pipeline,
    "deals": _deal,
    "segments": _segment,
    "campaigns": _campaign,
    "exclusions": _exclusion,
    "webhooks": _webhook,
    "schemas": _schema,
}
