"""`GET /_sim/state`: all the subscription holds, as plain JSON by pages.

Without `kind`: how many there are of each. `kind=leads` takes `after`, `limit`, `ids=1,2` or `email=`; other kinds are
companies, salespersons, opportunities, roles, a custom object's name, lists, activities, types, imports, exports.
"""

from __future__ import annotations

from typing import Any

from simulators.frame.system import ControlError
from simulators.marketo.activity_log import Activity
from simulators.marketo.call import as_id
from simulators.marketo.leads.store import Lead
from simulators.marketo.objects.kinds import ObjectKind
from simulators.marketo.tenant import Tenant
from simulators.marketo.times import stamp

_LIMIT = 1000


def view(tenant: Tenant, query: dict[str, str]) -> dict[str, Any]:
    """See the module. Raises ControlError for an unknown kind."""
    name = query.get("kind", "")
    if not name:
        return {"counts": _counts(tenant), "usage": tenant.limits.usage(1)[0]}
    after, limit = int(query.get("after", 0)), int(query.get("limit", _LIMIT))
    kind = tenant.kind(name)
    if kind is not None:
        rows = [_row(kind, row) for row in kind.rows.values()]
        return {name: rows[after : after + limit]}
    if name == "leads":
        return {"leads": _leads(tenant, query, after, limit)}
    if name == "activities":
        rows = [_activity(row) for row in tenant.activities.slice(after, after + limit)]
        return {"activities": rows}
    if name == "lists":
        return {"lists": [{**row, "members": sorted(tenant.members[number])} for number, row in tenant.lists.items()]}
    if name == "types":
        return {"types": [each.shown(attributes=True) for each in tenant.types.custom.values()]}
    if name in {"imports", "exports"}:
        jobs = (tenant.jobs.imports if name == "imports" else tenant.jobs.exports).jobs.values()
        return {name: [{"id": job.id, "kind": job.kind, "user": job.user, "state": job.state} for job in jobs]}
    known = ["leads", "activities", "lists", "types", "imports", "exports", *tenant.kinds, *tenant.custom]
    raise ControlError(f"state knows {', '.join(known)}")


def _counts(tenant: Tenant) -> dict[str, int]:
    kinds = {name: len(kind.rows) for name, kind in (tenant.kinds | tenant.custom).items()}
    log = {"activities": len(tenant.activities), "lists": len(tenant.lists)}
    jobs = {"imports": len(tenant.jobs.imports.jobs), "exports": len(tenant.jobs.exports.jobs)}
    return {"leads": len(tenant.leads), **kinds, **log, **jobs}


def _leads(tenant: Tenant, query: dict[str, str], after: int, limit: int) -> list[dict[str, Any]]:
    if "email" in query:
        return [lead_state(tenant, lead) for lead in tenant.leads.find("email", query["email"])]
    if "ids" in query:
        ids = [number for each in query["ids"].split(",") if (number := as_id(each)) is not None]
        return [lead_state(tenant, lead) for lead in tenant.leads.many(ids)]
    found: list[dict[str, Any]] = []
    for number in range(after + 1, tenant.leads.next_id()):
        lead = tenant.leads.get(number)
        if lead is not None:
            found.append(lead_state(tenant, lead))
            if len(found) >= limit:
                break
    return found


def lead_state(tenant: Tenant, lead: Lead) -> dict[str, Any]:
    """A lead with its own values and the names of its lists."""
    on = sorted(tenant.lists[number]["name"] for number, members in tenant.members.items() if lead.id in members)
    times = {"createdAt": stamp(lead.created), "updatedAt": stamp(lead.updated), "touchedAt": stamp(lead.touched)}
    return {"id": lead.id, "values": dict(lead.values), "partition": lead.partition, "lists": on, **times}


def _row(kind: ObjectKind, row: dict[str, Any]) -> dict[str, Any]:
    return {kind.id_field: row["id"], "createdAt": row["created"], "updatedAt": row["updated"], **row["values"]}


def _activity(row: Activity) -> dict[str, Any]:
    facts = {"id": row.number, "marketoGUID": row.guid, "lead": row.lead, "at": stamp(row.second), "type": row.type}
    return {**facts, "primary": row.primary, "attributes": row.attributes, "change": row.change}
