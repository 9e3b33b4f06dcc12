"""`POST /_sim/do/<act>`: what happens in the account without an API call.

People edit in the admin pages, contacts unsubscribe by a link, mails bounce, contacts reach a step of an automation.
Every act writes the write log under its author and tells webhooks as the vendor would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulators.activecampaign.accounts import associate, check_name, create_account, drop_account, update_account
from simulators.activecampaign.activities import add_activity
from simulators.activecampaign.actors import SYSTEM, Actor
from simulators.activecampaign.automations import enter
from simulators.activecampaign.contacts.model import ACTIVE, UNSUBSCRIBED, Contact
from simulators.activecampaign.contacts.service import (
    create_contact,
    delete_contact,
    merge_contacts,
    update_contact,
)
from simulators.activecampaign.deals import change_deal
from simulators.activecampaign.errors import ApiError
from simulators.activecampaign.fields import drop_field
from simulators.activecampaign.seeding_parts import field_named, list_named, tag_named
from simulators.activecampaign.subscribing import set_status
from simulators.activecampaign.tables import Records, Row
from simulators.activecampaign.tagging import apply_tag, remove_tag
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.values import as_id
from simulators.activecampaign.webhooks.courier import Courier
from simulators.activecampaign.webhooks.payload import automation_body
from simulators.frame.system import ControlError

Act = Callable[[Tenant, dict[str, Any]], dict[str, Any]]
Answer = dict[str, Any]


def act(tenant: Tenant, courier: Courier, action: str, spec: dict[str, Any]) -> Answer:
    """Do it. Raises ControlError for an unknown act, a missing record or what the vendor would refuse."""
    if action == "drain":
        courier.drain()
        return {"deliveries": courier.log()}
    if action == "trust":
        courier.trusted.append(str(spec["ca_file"]))
        return {"trusted": courier.trusted}
    known = ACTS.get(action)
    if known is None:
        raise ControlError(f"no act is called {action!r}; there are: {', '.join(sorted(ACTS))}, drain, trust")
    try:
        with tenant.lock:
            return known(tenant, spec)
    except ApiError as error:
        raise ControlError(f"{action}: refused as the vendor would: {error.body}") from error
    except KeyError as error:
        raise ControlError(f"{action}: {error} is missing") from error


def _contact(tenant: Tenant, spec: dict[str, Any], key: str = "contact") -> Contact:
    wanted = spec[key]
    found = tenant.contacts.by_email(wanted) if "@" in str(wanted) else tenant.contacts.get(as_id(wanted))
    if found is None:
        raise ControlError(f"no contact {wanted!r}")
    return found


def _row(table: Records, wanted: Any) -> Row:
    row = table.get(as_id(wanted))
    if row is None:
        raise ControlError(f"no record {wanted!r}")
    return row


def _admin(spec: dict[str, Any]) -> Actor:
    return Actor.admin(int(spec.get("user", 1)))


def _attributes(tenant: Tenant, spec: dict[str, Any]) -> dict[str, Any]:
    """`fields` are named by title, personalisation tag or id."""
    found: dict[str, Any] = {key: spec[key] for key in ("email", "firstName", "lastName", "phone") if key in spec}
    fields = {field_named(tenant, str(key))["id"]: value for key, value in spec.get("fields", {}).items()}
    found["fieldValues"] = [{"field": key, "value": value} for key, value in fields.items()]
    return found


def _create_contact(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    return {"id": create_contact(tenant, _admin(spec), _attributes(tenant, spec)).id}


def _edit_contact(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    contact = update_contact(tenant, _admin(spec), _contact(tenant, spec), _attributes(tenant, spec))
    return {"id": contact.id}


def _delete_contact(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    contact = _contact(tenant, spec)
    delete_contact(tenant, _admin(spec), contact)
    return {"id": contact.id}


def _merge_contacts(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    source, destination = _contact(tenant, spec, "source"), _contact(tenant, spec, "destination")
    if source is destination:
        raise ControlError("merge two different contacts")
    merge_contacts(tenant, _admin(spec), source, destination, frozenset(spec.get("from_source", ())))
    return {"id": destination.id}


def _add_tag(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    row, new = apply_tag(tenant, _admin(spec), _contact(tenant, spec), tag_named(tenant, spec["tag"]))
    return {"id": row.id, "new": new}


def _remove_tag(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    contact, tag = _contact(tenant, spec), tag_named(tenant, spec["tag"])
    row = (contact.tags or {}).get(tag["id"])
    if row is None:
        raise ControlError(f"contact {contact.id} has no tag {tag['tag']!r}")
    remove_tag(tenant, _admin(spec), contact, row)
    return {"id": row.id}


def _standing(status: int) -> Act:
    def do(tenant: Tenant, spec: dict[str, Any]) -> Answer:
        """`list` is a name, an id, or `all` the contact is on; `by` is public (default) or admin."""
        contact = _contact(tenant, spec)
        actor = _admin(spec) if spec.get("by") == "admin" else Actor.public(contact.id)
        if spec["list"] == "all":
            targets = [row for list_id in contact.lists or {} if (row := tenant.lists.get(list_id))]
        else:
            targets = [list_named(tenant, str(spec["list"]))]
        for target in targets:
            set_status(tenant, actor, contact, target, status, reason=str(spec.get("reason", "")))
        if status == UNSUBSCRIBED and spec.get("campaign"):
            _row(tenant.campaigns, spec["campaign"])["unsubscribes"] += 1
        return {"id": contact.id, "lists": [target["id"] for target in targets]}

    return do


def _campaign_block(tenant: Tenant, spec: dict[str, Any]) -> tuple[Row | None, list[tuple[str, str]]]:
    campaign = _row(tenant.campaigns, spec["campaign"]) if spec.get("campaign") else None
    if campaign is None:
        return None, []
    block = [(f"campaign[{key}]", str(campaign[key])) for key in ("id", "name", "status")]
    return campaign, [*block, ("campaign[message][subject]", campaign["subject"])]


def _when(tenant: Tenant, spec: dict[str, Any]) -> int:
    """Now, or `late_seconds` ago: what happened then is written down only now."""
    return tenant.now() - int(spec.get("late_seconds", 0))


def _engage(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    """A campaign's life in one act: each of `contacts` gets its mail and, by the seeded chance, opens it, clicks,
    answers, or bounces, within the last `spread_seconds`. Webhooks hear nothing of it."""
    campaign, count = _row(tenant.campaigns, spec["campaign"]), 0
    chance, spread = tenant.chance, int(spec.get("spread_seconds", 0))
    for each in spec["contacts"]:
        contact = _contact(tenant, {"contact": each})
        at = tenant.now() - (chance.randrange(spread) if spread else 0)
        mail = {"contact": contact.id, "reference": campaign["id"], "subject": campaign["subject"], "to": contact.email}
        row = tenant.email_activities.add({**mail, "message": "", "created": at})
        add_activity(tenant, contact, "EmailActivity", "sent", row["id"], at=at)
        facts = {"contact": contact.id, "campaign": campaign["id"]}
        kinds = ["hard"] if chance.random() < _SHARE_BOUNCED else ["open", "click", "reply"][: chance.randrange(4)]
        for kind in kinds:
            if kind == "hard":
                bounce = tenant.bounce_logs.add(
                    {**facts, "code": "5.1.1", "email": contact.email, "kind": kind, "created": at}
                )
                add_activity(tenant, contact, "BounceLog", kind, bounce["id"], at=at)
            else:
                url = "https://shop.example.com/" if kind == "click" else ""
                log = tenant.contact_logs.add({**facts, "kind": kind, "url": url, "created": at})
                add_activity(tenant, contact, "Log", kind, log["id"], at=at)
        count += 1 + len(kinds)
    return {"activities": count}


_SHARE_BOUNCED = 0.05


def _bounce(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    contact, kind = _contact(tenant, spec), str(spec.get("kind", "hard"))
    campaign, block = _campaign_block(tenant, spec)
    extra = contact.more()
    extra.hard += kind == "hard"
    extra.soft += kind != "hard"
    extra.bounced_at = tenant.now()
    if campaign:
        campaign["bounces"] += 1
    row = tenant.bounce_logs.add(
        {
            "contact": contact.id,
            "campaign": campaign["id"] if campaign else 0,
            "code": str(spec.get("code", "5.1.1")),
            "email": contact.email,
            "kind": kind,
            "created": tenant.now(),
        }
    )
    add_activity(tenant, contact, "BounceLog", kind, row["id"])
    tenant.log(SYSTEM, "bounce", "contact", contact.id, {"kind": [None, kind]})
    tenant.bump(contact, SYSTEM)
    block += [("bounce[type]", kind), ("bounce[code]", row["code"]), ("bounce[description]", "")]
    tenant.emit("bounce", SYSTEM, block, contact, 0)
    return {"id": row["id"]}


def _mail_event(event: str) -> Act:
    def do(tenant: Tenant, spec: dict[str, Any]) -> Answer:
        """The contact opens, clicks, replies, forwards or shares; it does not move udate."""
        contact, now = _contact(tenant, spec), _when(tenant, spec)
        campaign, block = _campaign_block(tenant, spec)
        extra, url = contact.more(), str(spec.get("url", ""))
        if event == "open":
            extra.opened_at = now
        elif event == "click":
            extra.clicked_at = now
            block += [("link[id]", "1"), ("link[url]", url)]
        if campaign and event in {"open", "click"}:
            campaign[f"{event}s"] += 1
        row = tenant.contact_logs.add(
            {
                "contact": contact.id,
                "campaign": campaign["id"] if campaign else 0,
                "kind": event,
                "url": url,
                "created": now,
            }
        )
        add_activity(tenant, contact, "Log", event, row["id"], at=now)
        tenant.emit(event, Actor.public(contact.id), block, contact, 0)
        return {"id": row["id"]}

    return do


def _send(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    """A campaign is sent to contacts: a `sent` event and a mail in each timeline."""
    campaign, block = _campaign_block(tenant, spec)
    if campaign is None:
        raise ControlError("send needs a campaign")
    for each in spec.get("contacts", ()):
        contact = _contact(tenant, {"contact": each})
        contact.more().sent += 1
        campaign["sent"] += 1
        row = tenant.email_activities.add(
            {
                "contact": contact.id,
                "reference": campaign["id"],
                "subject": campaign["subject"],
                "to": contact.email,
                "message": "",
                "created": tenant.now(),
            }
        )
        add_activity(tenant, contact, "EmailActivity", "sent", row["id"])
    tenant.emit("sent", SYSTEM, block, None, 0)
    return {"sent": campaign["sent"]}


def _visit(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    contact = _contact(tenant, spec)
    row = tenant.tracking_logs.add(
        {"contact": contact.id, "kind": "visit", "url": str(spec.get("url", "")), "created": tenant.now()}
    )
    add_activity(tenant, contact, "TrackingLog", "visit", row["id"])
    return {"id": row["id"]}


def _enter_automation(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    automation = _row(tenant.automations, spec["automation"])
    return {"id": enter(tenant, _admin(spec), _contact(tenant, spec), automation)["id"]}


def _reach_webhook_step(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    """The contact reaches the webhook step: the documented body goes to the step's address, or to `url`."""
    contact = _contact(tenant, spec)
    automation = tenant.automations.get(as_id(spec["automation"]))
    steps = automation["steps"] if automation else []
    url = spec.get("url") or next((step["url"] for step in steps if step["type"] == "webhook"), None)
    if not url:
        raise ControlError("the automation has no webhook step; give its address as url")
    for _ in range(int(spec.get("times", 1))):
        tenant.post_form(str(url), automation_body(tenant, contact, int(spec["automation"])), None)
    return {"contact": contact.id, "automation": int(spec["automation"])}


def _create_account(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    check_name(tenant, spec["name"])
    return {"id": create_account(tenant, _admin(spec), spec["name"], url=spec.get("accountUrl", ""))["id"]}


def _edit_account(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    account = _row(tenant.accounts, spec["account"])
    names = {"name": "name", "accountUrl": "url"}
    if "name" in spec:
        check_name(tenant, spec["name"], own=account)
    update_account(tenant, _admin(spec), account, {slot: spec[key] for key, slot in names.items() if key in spec})
    return {"id": account["id"]}


def _delete_account(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    account = _row(tenant.accounts, spec["account"])
    drop_account(tenant, _admin(spec), account)
    return {"id": account["id"]}


def _associate(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    contact, account = _contact(tenant, spec), _row(tenant.accounts, spec["account"])
    link = tenant.account_contacts.get(contact.account)
    if link is not None:
        raise ControlError(f"contact {contact.id} has an account already")
    return {"id": associate(tenant, _admin(spec), contact, account, spec.get("jobTitle", ""))["id"]}


def _edit_deal(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    deal = _row(tenant.deals, spec["deal"])
    new: dict[str, Any] = {
        key: spec[key] for key in ("title", "value", "status", "stage", "description") if key in spec
    }
    change_deal(tenant, _admin(spec), deal, new)
    return {"id": deal["id"]}


def _delete_field(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    field = _row(tenant.fields, spec["field"])
    drop_field(tenant, _admin(spec), field)
    return {"id": field["id"]}


def _exclude(tenant: Tenant, spec: dict[str, Any]) -> Answer:
    tenant.exclusions.append(str(spec["pattern"]))
    return {"exclusions": tenant.exclusions}


ACTS: dict[str, Act] = {
    "create_contact": _create_contact,
    "edit_contact": _edit_contact,
    "delete_contact": _delete_contact,
    "merge_contacts": _merge_contacts,
    "add_tag": _add_tag,
    "remove_tag": _remove_tag,
    "subscribe": _standing(ACTIVE),
    "unsubscribe": _standing(UNSUBSCRIBED),
    "bounce": _bounce,
    "open": _mail_event("open"),
    "click": _mail_event("click"),
    "reply": _mail_event("reply"),
    "forward": _mail_event("forward"),
    "share": _mail_event("share"),
    "send": _send,
    "engage": _engage,
    "visit": _visit,
    "enter_automation": _enter_automation,
    "reach_webhook_step": _reach_webhook_step,
    "create_account": _create_account,
    "edit_account": _edit_account,
    "delete_account": _delete_account,
    "associate": _associate,
    "edit_deal": _edit_deal,
    "delete_field": _delete_field,
    "exclude": _exclude,
}
