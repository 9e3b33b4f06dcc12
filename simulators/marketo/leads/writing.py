"""Writing leads. Source: marketo.md 2.4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulators.frame.http import Response
from simulators.marketo.activity_types import PUSHED
from simulators.marketo.call import Actor, Call, as_id, skipped
from simulators.marketo.errors import CallError, RecordError, missing
from simulators.marketo.leads import service
from simulators.marketo.leads.store import Lead, folded
from simulators.marketo.routes import routes
from simulators.marketo.tenant import DEFAULT_PARTITION, Tenant

ACTIONS = ("createOrUpdate", "createOnly", "updateOnly", "createDuplicate")
MOST_LOSERS = 25


@dataclass(frozen=True, slots=True)
class Mode:
    """How records are matched and what may happen to them. `seen_until`: later creations are not seen."""

    action: str
    lookup: str
    partition: int | None
    seen_until: float
    importing: bool = False


def check_lookup(tenant: Tenant, name: str, action: str) -> None:
    """Whether records can be matched by a field. Raises CallError 1003, 1006 and 1011."""
    spec = service.field_named(tenant, name)
    if spec is None:
        raise CallError("1006", f"Lookup field '{name[:100]}' not found")
    if not spec.searchable or name == "leadPartitionId":
        raise CallError("1011", f"Field '{name}' not supported")
    if name == "id" and action != "updateOnly":
        raise CallError("1003", "Invalid data: id is a lookup field of updateOnly")


def partition_number(tenant: Tenant, name: Any) -> int | None:
    """The partition of a write. Raises CallError 1008 for one that is not there."""
    if not name:
        return None
    number = tenant.partitions.get(str(name))
    if number is None:
        raise CallError("1008", f"Access denied to partition '{str(name)[:100]}'")
    return number


@routes.on("POST", "/rest/v1/leads.json")
def sync_leads(call: Call) -> Response:
    """Create or update up to 300 leads, each with its own status."""
    action = call.word("action", "createOrUpdate", ACTIONS)
    lookup = str(call.json().get("lookupField") or "email")
    rows = call.input()
    check_lookup(call.tenant, lookup, action)
    mode = Mode(action, lookup, partition_number(call.tenant, call.json().get("partitionName")), _seen_until(call))
    seen: set[str] = set()
    return call.ok([_synced(call.tenant, call.actor, mode, row, seen) for row in rows])


def _seen_until(call: Call) -> float:
    return call.arrived if call.tenant.switches.on("upsert_race") else float("inf")


def _synced(tenant: Tenant, actor: Actor, mode: Mode, row: dict[str, Any], seen: set[str]) -> dict[str, Any]:
    if row.get(mode.lookup) is not None and mode.action != "createDuplicate":
        key = folded(row[mode.lookup])
        if key in seen and tenant.switches.word("duplicate_input") == "skip":
            return skipped(RecordError("1036", "Duplicate object found in input"))
        seen.add(key)
    try:
        lead, status = sync_one(tenant, actor, mode, row)
    except RecordError as error:
        return skipped(error)
    return {"id": lead.id, "status": status}


def sync_one(tenant: Tenant, actor: Actor, mode: Mode, row: dict[str, Any]) -> tuple[Lead, str]:
    """One record. Raises RecordError."""
    if "id" in row and mode.action != "updateOnly":
        raise RecordError("1003", "Invalid data: id can be sent with updateOnly only")
    lead = _matched(tenant, mode, row)
    if lead is None:
        if mode.action == "updateOnly":
            raise RecordError("1004", "Lead not found")
        values = service.read_values(tenant, row, linked=bool(row.get("externalCompanyId")), importing=mode.importing)
        service.check_links(tenant, None, values)
        kept = {name: value for name, value in values.items() if value is not None}
        return service.create(tenant, actor, kept, partition=mode.partition or 1), "created"
    if mode.action == "createOnly":
        raise RecordError("1005", "Lead already exists")
    if mode.partition is not None and lead.partition != mode.partition:
        raise RecordError("1010", "Partition update not allowed")
    linked = service.company_of(tenant, lead) is not None or bool(row.get("externalCompanyId"))
    values = service.read_values(tenant, row, linked=linked, importing=mode.importing)
    service.check_links(tenant, lead, values)
    service.update(tenant, actor, lead, values)
    return lead, "updated"


def _matched(tenant: Tenant, mode: Mode, row: dict[str, Any]) -> Lead | None:
    """The one lead a record means; None where there is none. Raises RecordError 1002 and 1007."""
    if mode.action == "createDuplicate":
        return None
    if mode.action == "updateOnly" and mode.lookup != "id" and "id" in row and row.get(mode.lookup) is None:
        return tenant.leads.get(as_id(row["id"]))
    value = row.get(mode.lookup)
    if value is None or value == "":
        raise RecordError("1002", f"Missing value for the required parameter '{mode.lookup}'")
    if mode.lookup == "id":
        return tenant.leads.get(as_id(value))
    found = [lead for lead in tenant.leads.find(mode.lookup, value) if lead.created_at <= mode.seen_until]
    if len(found) > 1:
        raise RecordError("1007", "Multiple lead match lookup criteria")
    return found[0] if found else None


@routes.on("POST", "/rest/v1/leads/push.json")
def push(call: Call) -> Response:
    """Always an upsert; each lead gets an activity 145."""
    program = call.json().get("programName")
    if not program:
        raise missing("programName")
    lookup = str(call.json().get("lookupField") or "email")
    check_lookup(call.tenant, lookup, "createOrUpdate")
    mode = Mode("createOrUpdate", lookup, None, _seen_until(call))
    results = [_synced(call.tenant, call.actor, mode, row, set()) for row in call.input()]
    attributes = {key.title(): call.json()[key] for key in ("source", "reason") if call.json().get(key)}
    for result in results:
        if "id" in result:
            call.tenant.activities.add(
                result["id"], call.tenant.now(), PUSHED, primary=str(program), attributes=attributes
            )
    return call.ok(results)


@routes.on("POST", "/rest/v1/leads/delete.json")
@routes.on("DELETE", "/rest/v1/leads.json")
def delete_leads(call: Call) -> Response:
    """Delete up to 300 leads by id."""
    results: list[dict[str, Any]] = []
    for lead_id in call.ids():
        lead = call.tenant.leads.get(lead_id)
        if lead is None:
            results.append(skipped(RecordError("1004", "Lead not found"), id=lead_id))
            continue
        service.delete(call.tenant, call.actor, lead)
        results.append({"id": lead_id, "status": "deleted"})
    return call.ok(results)


@routes.on("POST", "/rest/v1/leads/{id}/merge.json")
def merge(call: Call) -> Response:
    """Merge up to 25 leads into one; the answer has no result."""
    asked = call.values("leadIds") or call.values("leadId")
    if not asked:
        raise missing("leadIds")
    if len(asked) > MOST_LOSERS:
        raise CallError("1080", f"At most {MOST_LOSERS} leads can be merged in a call")
    winner = call.tenant.leads.get(call.id())
    losers = [call.tenant.leads.get(as_id(each)) for each in dict.fromkeys(asked)]
    if winner is None or None in losers:
        raise CallError("1004", "Lead not found")
    if winner in losers:
        raise CallError("1003", "Invalid data: a lead cannot be merged with itself")
    service.merge(call.tenant, call.actor, winner, [lead for lead in losers if lead is not None])
    return call.ok()


@routes.on("POST", "/rest/v1/leads/partitions.json")
def move_partition(call: Call) -> Response:
    """Move leads to another partition."""
    results = []
    for row in call.input():
        lead = call.tenant.leads.get(as_id(row.get("id")))
        number = call.tenant.partitions.get(str(row.get("partitionName") or DEFAULT_PARTITION))
        if lead is None:
            results.append(skipped(RecordError("1004", "Lead not found")))
        elif number is None:
            results.append(skipped(RecordError("1008", f"Access denied to partition '{row.get('partitionName')}'")))
        else:
            lead.partition = number
            results.append({"id": lead.id, "status": "updated"})
    return call.ok(results)


@routes.on("POST", "/rest/v1/leads/{id}/associate.json")
def associate(call: Call) -> Response:
    """Tie a web cookie to a lead."""
    lead = call.tenant.leads.get(call.id())
    if lead is None:
        raise CallError("1004", "Lead not found")
    cookie = call.required("cookie")
    if "token:_mch-" not in cookie:
        raise CallError("1012", f"Invalid cookie value '{cookie[:200]}'")
    call.tenant.leads.put_value(lead, "cookies", cookie.partition("token:")[2])
    return call.ok()
