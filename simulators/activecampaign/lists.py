"""/lists, /listGroups, /contactLists. Source: activecampaign.md 2.6."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.call import Call, created, deleted, echo, ok
from simulators.activecampaign.contacts.model import ACTIVE, UNCONFIRMED, UNSUBSCRIBED
from simulators.activecampaign.contacts.rows import links, membership_row, written_row
from simulators.activecampaign.errors import FORBIDDEN, invalid, missing, no_result
from simulators.activecampaign.routes import routes
from simulators.activecampaign.subscribing import set_status
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tags import match_name
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import wall_clock, with_offset
from simulators.activecampaign.values import as_id, as_int, as_text
from simulators.frame.http import Response, json_response

_TEXTS = ("name", "stringid", "sender_url", "sender_reminder", "description")
_ALWAYS = {
    "p_use_tracking": "1",
    "p_use_analytics_read": "0",
    "p_use_analytics_link": "0",
    "p_use_twitter": "0",
    "p_use_facebook": "0",
    "p_embed_image": "1",
    "p_use_captcha": "1",
    "send_last_broadcast": "0",
    "private": "0",
    "analytics_domains": None,
    "analytics_source": "",
    "analytics_ua": "",
    "twitter_token": "",
    "twitter_token_secret": "",
    "facebook_session": None,
    "carboncopy": "",
    "subscription_notify": "",
    "unsubscription_notify": "",
    "require_name": "0",
    "get_unsubscribe_reason": "0",
    "to_name": "Subscriber",
    "optinoptout": "1",
    "sender_name": "",
    "sender_addr1": "",
    "sender_addr2": "",
    "sender_city": "",
    "sender_state": "",
    "sender_zip": "",
    "sender_country": "",
    "sender_phone": "",
    "fulladdress": "",
    "optinmessageid": "0",
    "optoutconf": "0",
    "deletestamp": None,
}


def standings(tenant: Tenant) -> Counter[tuple[int, bool]]:
    """How many stand on each list, by (list, active), in one pass."""
    return Counter((row.list, row.status == ACTIVE) for row in tenant.contact_lists)


def row_of_list(tenant: Tenant, target: Row, counts: Counter[tuple[int, bool]] | None = None) -> dict[str, Any]:
    """A list with how many are on it."""
    counts = standings(tenant) if counts is None else counts
    active = counts[target["id"], True]
    return {
        "stringid": target["stringid"],
        "userid": str(target["userid"]),
        "name": target["name"],
        "cdate": with_offset(target["created"]),
        **_ALWAYS,
        "sender_url": target["sender_url"],
        "sender_reminder": target["sender_reminder"],
        "udate": with_offset(target["updated"]),
        "created_timestamp": wall_clock(target["created"]),
        "updated_timestamp": wall_clock(target["updated"]),
        "created_by": None,
        "updated_by": None,
        "channel": "email",
        "description": target["description"],
        "non_deleted_subscribers": str(active + counts[target["id"], False]),
        "active_subscribers": str(active),
        "links": links(tenant, "lists", target["id"], "contactGoalLists", "user", "addressLists"),
        "id": str(target["id"]),
        "user": str(target["userid"]),
    }


def list_of(call: Call, *, status: int = 404) -> Row:
    """The list of the path. Raises 404; deleting says 403."""
    target = call.tenant.lists.get(call.id())
    if target is None:
        raise no_result("_List", call.argument(), status=status)
    return target


def create_list(tenant: Tenant, actor: Actor, sent: dict[str, Any]) -> Row:
    """A new list. Raises 422 without a name."""
    texts = {key: as_text(sent.get(key), key) for key in _TEXTS}
    if not texts["name"].strip():
        raise missing("The list name was not provided.", "name")
    texts["stringid"] = texts["stringid"] or re.sub(r"[^a-z0-9]+", "-", texts["name"].lower()).strip("-")
    now = tenant.now()
    owner = as_id(sent.get("user")) or as_id(sent.get("userid")) or as_id(actor.user) or 1
    target = tenant.lists.add({**texts, "userid": owner, "created": now, "updated": now})
    tenant.log(actor, "create", "list", target["id"], {"name": [None, target["name"]]})
    block = [("list[id]", str(target["id"])), ("list[userid]", str(owner))]
    block += [(f"list[{key}]", target[key]) for key in ("name", "sender_url", "sender_reminder")]
    tenant.emit("list_add", actor, block, None, 0)
    return target


@routes.get("/lists")
def list_lists(call: Call) -> Response:
    """Lists by `filters[name]` (contains) or `filters[name][op]`."""
    rows = match_name(call, call.tenant.lists.values(), "name", "name")
    if (list_id := call.filter("id")) is not None:
        rows = [row for row in rows if row["id"] == as_id(list_id)]
    order = dict(call.orders()).get("name")
    if order in {"ASC", "DESC"}:
        rows = sorted(rows, key=lambda row: row["name"].lower(), reverse=order == "DESC")
    counts = standings(call.tenant)
    return call.listing("lists", rows, lambda row: row_of_list(call.tenant, row, counts))


@routes.post("/lists")
def post_list(call: Call) -> Response:
    """201 as recorded, 200 as the document's example; by switch."""
    sent = call.body("list")
    target = create_list(call.tenant, call.actor, sent)
    whole = row_of_list(call.tenant, target)
    keys = ("name", "channel", "stringid", "sender_url", "sender_reminder", "description", "carboncopy")
    short = {key: whole[key] for key in (*keys, "userid", "cdate", "udate", "links", "id", "user")}
    status = int(call.tenant.switches.number("list_create_status"))
    return json_response(status, {"list": echo(short, sent, "user")})


@routes.get("/lists/{id}")
def get_list(call: Call) -> Response:
    """One list."""
    return ok(list=row_of_list(call.tenant, list_of(call)))


@routes.put("/lists/{id}")
def put_list(call: Call) -> Response:
    """A partial update."""
    target, sent = list_of(call), call.body("list")
    new = {key: as_text(sent[key], key) for key in _TEXTS if key in sent}
    changed = {key: [target[key], value] for key, value in new.items() if target[key] != value}
    target.update(new, updated=call.now)
    call.tenant.log(call.actor, "update", "list", target["id"], changed)
    return ok(list=row_of_list(call.tenant, target))


@routes.delete("/lists/{id}")
def delete_list(call: Call) -> Response:
    """Removes a list with all standings on it; 403 for one that is not there."""
    target, tenant = list_of(call, status=FORBIDDEN), call.tenant
    for row in [row for row in tenant.contact_lists if row.list == target["id"]]:
        tenant.contact_lists.delete(row.id)
        contact = tenant.contacts.get(row.contact)
        if contact is not None and contact.lists:
            contact.lists.pop(target["id"], None)
            tenant.contacts.touch(contact)
    tenant.lists.delete(target["id"])
    tenant.log(call.actor, "delete", "list", target["id"], {"name": [target["name"], None]})
    return deleted()


@routes.post("/listGroups")
def post_list_group(call: Call) -> Response:
    """Lets a user group see a list."""
    sent, tenant = call.body("listGroup"), call.tenant
    target, group = tenant.lists.get(as_id(sent.get("listid"))), tenant.groups.get(as_id(sent.get("groupid")))
    if target is None or group is None:
        pointer = "listid" if target is None else "groupid"
        raise invalid("The related list or group does not exist.", code="related_missing", pointer=pointer)
    row = tenant.list_groups.add({"listid": target["id"], "groupid": group["id"]})
    tenant.log(call.actor, "create", "listGroup", row["id"], {"listid": [None, target["id"]]})
    view = {"listid": str(target["id"]), "groupid": str(group["id"]), "id": str(row["id"])}
    return created(listGroup=echo(view, sent, "listid", "groupid"))


@routes.get("/contactLists")
def list_contact_lists(call: Call) -> Response:
    """All standings; not in the documents, walked by third parties."""
    return call.listing(
        "contactLists", call.tenant.contact_lists.values(), lambda row: membership_row(call.tenant, row)
    )


@routes.post("/contactLists")
def post_contact_list(call: Call) -> Response:
    """Subscribes (1) or unsubscribes (2), also someone who opted out: the documents warn of it."""
    sent, tenant = call.body("contactList"), call.tenant
    for key in ("list", "contact", "status"):
        if sent.get(key) in (None, ""):
            raise missing(f"The {key} attribute was not provided", key)
    contact, target = tenant.contacts.get(as_id(sent["contact"])), tenant.lists.get(as_id(sent["list"]))
    if contact is None or target is None:
        pointer = "contact" if contact is None else "list"
        raise invalid(f"The related {pointer} does not exist.", code="related_missing", pointer=pointer)
    status = as_int(sent["status"], -9)
    if status not in {UNCONFIRMED, ACTIVE, UNSUBSCRIBED}:
        raise invalid("The status is not valid.", code="field_invalid", pointer="status")
    before = (contact.lists or {}).get(target["id"])
    unchanged = before is not None and before.status == status
    row = set_status(tenant, call.actor, contact, target, status)
    view = echo(membership_row(tenant, row), sent, "status")
    view.pop("channel")
    if unchanged:
        return ok(contactList=view)
    return ok(contacts=[written_row(tenant, contact)], contactList=view)


@routes.get("/contactLists/{id}")
def get_contact_list(call: Call) -> Response:
    """One standing."""
    row = call.tenant.contact_lists.get(call.id())
    if row is None:
        raise no_result("SubscriberList", call.argument())
    return ok(contactList=membership_row(call.tenant, row))
