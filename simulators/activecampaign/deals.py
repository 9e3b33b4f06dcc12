"""/deals and /contactDeals. Source: activecampaign.md 2.4 (filters), 2.5 (permissions), 2.10."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import md5
from typing import Any

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.call import Call, created, deleted, echo, ok
from simulators.activecampaign.contacts.rows import links, written_row
from simulators.activecampaign.custom_data import DEAL, check_data, drop_data, inline_fields, put_data
from simulators.activecampaign.errors import invalid, missing, no_result
from simulators.activecampaign.pipelines import pipeline_row, stage_row
from simulators.activecampaign.plan import needs_crm
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import parse_instant, with_offset
from simulators.activecampaign.values import as_id, as_int, as_text
from simulators.frame.http import Response

OPEN, WON, LOST = 0, 1, 2
_LINKS = (
    "dealActivities",
    "contact",
    "contactDeals",
    "group",
    "nextTask",
    "notes",
    "account",
    "customerAccount",
    "organization",
    "owner",
    "scoreValues",
    "stage",
    "tasks",
    "dealCustomFieldData",
)
_RELATED = {"group": "pipelines", "stage": "stages", "owner": "users", "account": "accounts"}
_FILTERS: dict[str, str] = {
    "group": "group",
    "stage": "stage",
    "owner": "owner",
    "status": "status",
    "organization": "account",
    "account": "account",
    "contact": "contact",
}
_DATES = {
    "created_after": ("created", True),
    "created_before": ("created", False),
    "updated_after": ("updated", True),
    "updated_before": ("updated", False),
}


def may_see(deal: Row, user: Row) -> bool:
    """Whether the key's user may see the pipeline; `pipelines` null means all."""
    return user["pipelines"] is None or deal["group"] in user["pipelines"]


def deal_row(tenant: Tenant, deal: Row, user: Row) -> dict[str, Any]:
    """A deal, or what is left of it for a user who may not see its pipeline."""
    if not may_see(deal, user):
        return {"title": deal["title"], "status": str(deal["status"]), "id": str(deal["id"]), "isDisabled": True}
    return {
        "hash": md5(f"deal{deal['id']}".encode(), usedforsecurity=False).hexdigest()[:8],
        "owner": str(deal["owner"]),
        "contact": None if deal["contact"] is None else str(deal["contact"]),
        "organization": None,
        "group": str(deal["group"]),
        "stage": str(deal["stage"]),
        "title": deal["title"],
        "description": deal["description"],
        "percent": str(deal["percent"]),
        "cdate": with_offset(deal["created"]),
        "mdate": with_offset(deal["updated"]),
        "nextdate": None,
        "nexttaskid": None,
        "value": str(deal["value"]),
        "currency": deal["currency"],
        "winProbability": None,
        "winProbabilityMdate": None,
        "status": str(deal["status"]),
        "activitycount": str(len(tenant.activities.where("deal", deal["id"]))),
        "nextdealid": str(deal["id"]),
        "edate": None,
        "links": links(tenant, "deals", deal["id"], *_LINKS),
        "id": str(deal["id"]),
        "isDisabled": False,
        "account": None if deal["account"] is None else str(deal["account"]),
        "customerAccount": None if deal["account"] is None else str(deal["account"]),
    }


def deal_block(tenant: Tenant, deal: Row) -> list[tuple[str, str]]:
    """The deal's part of a webhook."""
    stage, pipeline = tenant.stages.get(deal["stage"]), tenant.pipelines.get(deal["group"])
    owner, contact = tenant.users.get(deal["owner"]), tenant.contacts.get(deal["contact"])
    return [
        ("deal[id]", str(deal["id"])),
        ("deal[title]", deal["title"]),
        ("deal[create_date]", with_offset(deal["created"])),
        ("deal[stageid]", str(deal["stage"])),
        ("deal[stage_title]", stage["title"] if stage else ""),
        ("deal[pipelineid]", str(deal["group"])),
        ("deal[pipeline_title]", pipeline["title"] if pipeline else ""),
        ("deal[value]", str(deal["value"])),
        ("deal[currency]", deal["currency"]),
        ("deal[owner]", str(deal["owner"])),
        ("deal[owner_firstname]", owner["firstName"] if owner else ""),
        ("deal[owner_lastname]", owner["lastName"] if owner else ""),
        ("deal[contactid]", str(deal["contact"] or "")),
        ("deal[contact_email]", contact.email if contact else ""),
        ("deal[contact_firstname]", contact.first if contact else ""),
        ("deal[contact_lastname]", contact.last if contact else ""),
        ("deal[status]", str(deal["status"])),
    ]


def _read(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """What a body says, checked. Raises 422."""
    new: dict[str, Any] = {}
    for key in ("title", "description"):
        if key in sent:
            new[key] = as_text(sent[key], key)
    if "currency" in sent:
        new["currency"] = as_text(sent["currency"], "currency").lower()
    for key, low, high in (("value", 0, 10**15), ("percent", 0, 100), ("status", OPEN, LOST)):
        if key in sent:
            new[key] = as_int(sent[key], -1)
            if not low <= new[key] <= high:
                raise invalid(f"The {key} is not valid.", code="field_invalid", pointer=key)
    return new | _read_related(call.tenant, sent)


def _read_related(tenant: Tenant, sent: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for key in (*_RELATED, "contact"):
        if sent.get(key) in (None, ""):
            continue
        row_id = as_id(sent[key])
        table = tenant.contacts if key == "contact" else getattr(tenant, _RELATED[key])
        if row_id is None or table.get(row_id) is None:
            raise invalid(f"The related {key} does not exist.", code="related_missing", pointer=key)
        found[key] = row_id
    return found


def _placed(tenant: Tenant, new: dict[str, Any]) -> dict[str, Any]:
    """Pipeline and stage from one another; a stage decides. Raises 422 when neither was sent."""
    if "stage" in new:
        stage = tenant.stages.get(new["stage"])
        new["group"] = stage["group"] if stage else new.get("group")
    elif "group" in new:
        stages = tenant.stages.where("group", new["group"])
        if not stages:
            raise invalid("The pipeline has no stage.", code="related_missing", pointer="stage")
        new["stage"] = min(stages, key=lambda row: row["order"])["id"]
    else:
        raise missing("The deal's pipeline or stage was not provided.", "group")
    return new


def create_deal(tenant: Tenant, actor: Actor, new: dict[str, Any]) -> Row:
    """Store a deal whose parts are checked."""
    now = tenant.now()
    blank = {"description": "", "percent": 0, "status": OPEN, "contact": None, "account": None}
    deal = tenant.deals.add({**blank, **new, "created": now, "updated": now})
    tenant.log(actor, "create", "deal", deal["id"], {key: [None, value] for key, value in new.items()})
    after_change(tenant, actor, deal, "deal_add", [])
    return deal


def after_change(tenant: Tenant, actor: Actor, deal: Row, event: str, more: list[tuple[str, str]]) -> None:
    """Bump the contact and tell webhooks."""
    contact = tenant.contacts.get(deal["contact"])
    if contact is not None and tenant.switches.on("deal_change_bumps_udate"):
        tenant.bump(contact, actor)
    tenant.emit(event, actor, deal_block(tenant, deal) + more, contact, 0)


def change_deal(tenant: Tenant, actor: Actor, deal: Row, new: dict[str, Any]) -> None:
    """Change a deal with parts that are checked."""
    changed = {key: [deal[key], value] for key, value in new.items() if deal[key] != value}
    deal.update(new, updated=tenant.now())
    tenant.log(actor, "update", "deal", deal["id"], changed)
    after_change(tenant, actor, deal, "deal_update", [(f"updated_fields[{key}]", key) for key in changed])


def deal_of(call: Call) -> Row:
    """The deal of the path. Raises 404; 403 for a pipeline the user may not see."""
    needs_crm(call)
    deal = call.tenant.deals.get(call.id())
    if deal is None:
        raise no_result("Deal", call.argument())
    if not may_see(deal, call.user):
        raise no_result("Deal", call.argument(), status=403)
    return deal


@routes.get("/deals")
def list_deals(call: Call) -> Response:
    """Deals by many filters; the total is a number, and currencies stand beside it."""
    needs_crm(call)
    tenant = call.tenant
    rows = [row for row in tenant.deals if all(test(row) for test in _tests(call))]
    for name, direction in reversed(call.orders()):
        if name in {"title", "value", "cdate"}:
            slot = "created" if name == "cdate" else name
            rows.sort(key=lambda row: row[slot], reverse=direction == "DESC")
    currencies: dict[str, Any] = {}
    for row in rows:
        name = row["currency"].upper()
        known = currencies.setdefault(name, {"total": 0, "value": 0, "currency": name, "isDisabled": False})
        known["total"] += 1
        known["value"] += row["value"]
    shown = {
        name: {**each, "total": str(each["total"]), "value": str(each["value"])} for name, each in currencies.items()
    }
    return call.listing(
        "deals", rows, lambda row: deal_row(tenant, row, call.user), total=int, meta={"currencies": shown}
    )


def _tests(call: Call) -> list[Callable[[Row], bool]]:
    tests: list[Callable[[Row], bool]] = []
    for (name, operator), text in call.filters().items():
        if operator not in {"", "eq"}:
            continue
        if name in _FILTERS:
            tests.append(_equals(_FILTERS[name], as_int(text, -1)))
        elif name in _DATES and (bound := parse_instant(text)) is not None:
            tests.append(_dated(*_DATES[name], bound))
        elif name in {"search", "title"}:
            tests.append(_contains(text.lower()))
    return tests


def _equals(slot: str, wanted: int) -> Callable[[Row], bool]:
    return lambda row: row[slot] == wanted


def _dated(slot: str, after: bool, bound: float) -> Callable[[Row], bool]:  # noqa: FBT001 - a row of the table above
    """For deals the document says: after is >=, before is <."""
    return (lambda row: row[slot] >= bound) if after else (lambda row: row[slot] < bound)


def _contains(text: str) -> Callable[[Row], bool]:
    return lambda row: text in row["title"].lower()


@routes.post("/deals")
def post_deal(call: Call) -> Response:
    """201 with contact, pipeline and stage beside."""
    needs_crm(call)
    sent, tenant = call.body("deal"), call.tenant
    new = _read(call, sent)
    for key in ("title", "value", "currency"):
        if new.get(key) in (None, ""):
            raise missing(f"The deal {key} was not provided.", key)
    if "contact" not in new and "account" not in new:
        raise missing("The deal contact or account was not provided.", "contact")
    new = _placed(tenant, new)
    pipeline = tenant.pipelines.get(new["group"])
    if "owner" not in new:
        if pipeline is None or pipeline["autoassign"] == "0":
            raise missing("The deal owner was not provided.", "owner")
        new["owner"] = call.user["id"]
    fields = check_data(tenant, DEAL, sent.get("fields"))
    deal = create_deal(tenant, call.actor, new)
    for item in fields:
        put_data(tenant, call.actor, DEAL, deal["id"], item)
    return created(**_written(call, deal, sent))


def _written(call: Call, deal: Row, sent: dict[str, Any]) -> dict[str, Any]:
    tenant = call.tenant
    contact, stage = tenant.contacts.get(deal["contact"]), tenant.stages.get(deal["stage"])
    pipeline = tenant.pipelines.get(deal["group"])
    view = deal_row(tenant, deal, {**call.user, "pipelines": None})
    view["fields"] = inline_fields(tenant, DEAL, deal["id"])
    view["customFieldSaveStatus"] = {"status": "success"}
    return {
        "contacts": [written_row(tenant, contact)] if contact else [],
        "dealGroups": [pipeline_row(tenant, pipeline)] if pipeline else [],
        "dealStages": [stage_row(tenant, stage)] if stage else [],
        "deal": echo(view, sent, "value", "contact", "owner", "group", "stage", "status"),
    }


@routes.get("/deals/{id}")
def get_deal(call: Call) -> Response:
    """One deal."""
    return ok(deal=deal_row(call.tenant, deal_of(call), call.user))


@routes.put("/deals/{id}")
def put_deal(call: Call) -> Response:
    """A partial update."""
    deal, sent, tenant = deal_of(call), call.body("deal"), call.tenant
    new = _read(call, sent)
    if "stage" in new or "group" in new:
        new = _placed(tenant, new)
    fields = check_data(tenant, DEAL, sent.get("fields"))
    for item in fields:
        put_data(tenant, call.actor, DEAL, deal["id"], item)
    change_deal(tenant, call.actor, deal, new)
    return ok(**_written(call, deal, sent))


@routes.delete("/deals/{id}")
def delete_deal(call: Call) -> Response:
    """200 and an empty object."""
    deal, tenant = deal_of(call), call.tenant
    drop_data(tenant, DEAL, deal["id"])
    for row in tenant.contact_deals.where("deal", deal["id"]):
        tenant.contact_deals.delete(row["id"])
    tenant.deals.delete(deal["id"])
    tenant.log(call.actor, "delete", "deal", deal["id"], {"title": [deal["title"], None]})
    return deleted()


def contact_deal_row(tenant: Tenant, row: Row) -> dict[str, Any]:
    """A further contact of a deal."""
    return {
        "deal": str(row["deal"]),
        "contact": str(row["contact"]),
        "cdate": with_offset(row["created"]),
        "links": links(tenant, "contactDeals", row["id"], "deal", "contact"),
        "id": str(row["id"]),
    }


@routes.get("/contactDeals")
def list_contact_deals(call: Call) -> Response:
    """Further contacts of deals."""
    needs_crm(call)
    rows = call.tenant.contact_deals.values()
    return call.listing("contactDeals", rows, lambda row: contact_deal_row(call.tenant, row), total=int)


@routes.post("/contactDeals")
def post_contact_deal(call: Call) -> Response:
    """Adds a further contact to a deal."""
    needs_crm(call)
    sent, tenant = call.body("contactDeal"), call.tenant
    contact, deal = tenant.contacts.get(as_id(sent.get("contact"))), tenant.deals.get(as_id(sent.get("deal")))
    if contact is None or deal is None:
        pointer = "contact" if contact is None else "deal"
        raise invalid(f"The related {pointer} does not exist.", code="related_missing", pointer=pointer)
    row = tenant.contact_deals.add({"deal": deal["id"], "contact": contact.id, "created": call.now})
    tenant.log(
        call.actor, "create", "contactDeal", row["id"], {"deal": [None, deal["id"]], "contact": [None, contact.id]}
    )
    return created(contactDeal=echo(contact_deal_row(tenant, row), sent, "deal", "contact"))


@routes.delete("/contactDeals/{id}")
def delete_contact_deal(call: Call) -> Response:
    """Takes a further contact off."""
    needs_crm(call)
    row = call.tenant.contact_deals.get(call.id())
    if row is None:
        raise no_result("ContactDeal", call.argument())
    call.tenant.contact_deals.delete(row["id"])
    call.tenant.log(call.actor, "delete", "contactDeal", row["id"], {"deal": [row["deal"], None]})
    return deleted()
