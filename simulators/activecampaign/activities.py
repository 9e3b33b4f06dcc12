"""/activities, /emailActivities, the logs, /campaigns. Source: activecampaign.md 2.11."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from simulators.activecampaign.call import Call, ok
from simulators.activecampaign.contacts.model import Contact
from simulators.activecampaign.contacts.rows import links, list_row
from simulators.activecampaign.errors import no_result, refused
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import parse_instant, with_offset
from simulators.activecampaign.values import as_id
from simulators.frame.http import Response


def add_activity(
    tenant: Tenant,
    contact: Contact,
    kind: str,
    action: str,
    reference: int,
    *,
    deal: int | None = None,
    at: int | None = None,
) -> Row:
    """One entry of a contact's timeline; `at` for one that is written down late."""
    return tenant.activities.add(
        {
            "contact": contact.id,
            "kind": kind,
            "action": action,
            "reference": reference,
            "deal": deal,
            "created": tenant.now() if at is None else at,
        }
    )


def activity_row(tenant: Tenant, row: Row) -> dict[str, Any]:
    """An entry of the timeline, naming the model it is about."""
    return {
        "subscriberid": str(row["contact"]),
        "userid": "0",
        "deal": None if row["deal"] is None else str(row["deal"]),
        "reference_type": row["kind"],
        "reference_id": str(row["reference"]),
        "reference_action": row["action"],
        "tstamp": with_offset(row["created"]),
        "links": links(tenant, "activities", row["id"], "contact", "notes", "comments", "user"),
        "id": str(row["id"]),
        "contact": str(row["contact"]),
        "reference": {"type": row["kind"], "id": str(row["reference"])},
    }


def email_activity_row(tenant: Tenant, row: Row) -> dict[str, Any]:
    """A one-to-one mail."""
    return {
        "subscriberid": str(row["contact"]),
        "d_id": str(row.get("deal") or 0),
        "relid": str(row["reference"]),
        "reltype": "Campaign",
        "subject": row["subject"],
        "from_name": "",
        "to": row["to"],
        "message": row["message"],
        "tstamp": with_offset(row["created"]),
        "links": links(tenant, "emailActivities", row["id"], "contact", "deal"),
        "id": str(row["id"]),
        "contact": str(row["contact"]),
    }


def log_row(tenant: Tenant, name: str, row: Row) -> dict[str, Any]:
    """An open, click, bounce or visit."""
    view: dict[str, Any] = {
        "subscriberid": str(row["contact"]),
        "tstamp": with_offset(row["created"]),
        "id": str(row["id"]),
    }
    if name == "bounceLogs":
        view |= {"campaignid": str(row["campaign"]), "code": row["code"], "email": row["email"], "source": row["kind"]}
    elif name == "contactLogs":
        view |= {"campaignid": str(row["campaign"]), "action": row["kind"], "link": row.get("url", "")}
    else:
        view |= {"type": row["kind"], "value": row["url"]}
    view["links"] = links(tenant, name, row["id"], "contact")
    view["contact"] = str(row["contact"])
    return view


@routes.get("/activities")
def list_activities(call: Call) -> Response:
    """The timeline by `contact`, `after` (and later), ordered by `orders[tstamp]`; `include` side-loads."""
    tenant = call.tenant
    if not tenant.switches.on("activities_readable"):
        raise refused(403, "You do not have permission to access activities")
    after = parse_instant(call.first("after")) if call.first("after") else None
    rows = _in_time(tenant, after)
    if call.first("contact"):
        rows = [row for row in rows if row["contact"] == as_id(call.first("contact"))]
    if dict(call.orders()).get("tstamp") == "DESC":
        rows = rows[::-1]
    page = rows[call.offset() : call.offset() + call.limit()]
    side = _included(tenant, page, call.first("include").split(","))
    return call.listing("activities", rows, lambda row: activity_row(tenant, row), side=side)


def _in_time(tenant: Tenant, after: float | None) -> list[Row]:
    """All entries of a moment and later in order of time; sorted once for as long as none is added."""
    count, rows = tenant.timeline
    if count != len(tenant.activities):
        rows = sorted(tenant.activities.values(), key=lambda row: (row["created"], row["id"]))
        tenant.timeline = (len(rows), rows)
    return rows if after is None else rows[bisect_left(rows, after, key=lambda row: row["created"]) :]


def _included(tenant: Tenant, page: list[Row], names: list[str]) -> dict[str, Any]:
    """What the entries of a page refer to, beside them; the parameter is documented, the form is not (switch)."""
    side: dict[str, Any] = {}
    if "contact" in names:
        found = (tenant.contacts.get(each) for each in dict.fromkeys(row["contact"] for row in page))
        side["contacts"] = [list_row(tenant, contact) for contact in found if contact is not None]
    if not tenant.switches.on("activity_references") or "reference.log" not in names:
        return side
    campaigns: dict[int, None] = {}
    for kind, name, table in (
        ("Log", "logs", tenant.contact_logs),
        ("BounceLog", "bounceLogs", tenant.bounce_logs),
        ("EmailActivity", "emailActivities", tenant.email_activities),
    ):
        rows = [row for each in page if each["kind"] == kind and (row := table.get(each["reference"])) is not None]
        view = email_activity_row if name == "emailActivities" else None
        side[name] = [view(tenant, row) if view else log_row(tenant, _VIEWS[name], row) for row in rows]
        campaigns |= dict.fromkeys(row["reference"] if view else row["campaign"] for row in rows)
    if "reference.log.campaign" in names:
        wanted = (tenant.campaigns.get(each) for each in campaigns)
        side["campaigns"] = [campaign_row(tenant, row) for row in wanted if row is not None]
    return side


_VIEWS = {"logs": "contactLogs", "bounceLogs": "bounceLogs"}


@routes.get("/emailActivities")
def list_email_activities(call: Call) -> Response:
    """Mails by `filters[subscriberid]` and `filters[dealId]`."""
    rows = call.tenant.email_activities.values()
    if (contact := call.filter("subscriberid")) is not None:
        rows = [row for row in rows if row["contact"] == as_id(contact)]
    if (deal := call.filter("dealId")) is not None:
        rows = [row for row in rows if row.get("deal") == as_id(deal)]
    if dict(call.orders()).get("tstamp") == "DESC":
        rows = rows[::-1]
    return call.listing("emailActivities", rows, lambda row: email_activity_row(call.tenant, row))


def campaign_row(tenant: Tenant, row: Row) -> dict[str, Any]:
    """A campaign."""
    return {
        "type": "single",
        "userid": "1",
        "name": row["name"],
        "cdate": with_offset(row["created"]),
        "mdate": with_offset(row["updated"]),
        "sdate": with_offset(row["created"]),
        "status": row["status"],
        "subject": row["subject"],
        "send_amt": str(row["sent"]),
        "opens": str(row["opens"]),
        "uniqueopens": str(row["opens"]),
        "linkclicks": str(row["clicks"]),
        "hardbounces": str(row["bounces"]),
        "unsubscribes": str(row["unsubscribes"]),
        "links": links(tenant, "campaigns", row["id"], "user", "automation", "campaignMessages", "campaignLists"),
        "id": str(row["id"]),
    }


@routes.get("/campaigns")
def list_campaigns(call: Call) -> Response:
    """All campaigns."""
    rows = call.tenant.campaigns.values()
    return call.listing("campaigns", rows, lambda row: campaign_row(call.tenant, row))


@routes.get("/campaigns/{id}")
def get_campaign(call: Call) -> Response:
    """One campaign."""
    row = call.tenant.campaigns.get(call.id())
    if row is None:
        raise no_result("Campaign", call.argument())
    return ok(campaign=campaign_row(call.tenant, row))
