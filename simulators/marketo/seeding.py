"""`POST /_sim/seed`: a subscription with something in it. Leaves no trace in the write log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from simulators.frame.system import ControlError
from simulators.marketo import lists
from simulators.marketo.activity_types import NEW, add_attributes
from simulators.marketo.call import SEEDING
from simulators.marketo.errors import CallError, RecordError
from simulators.marketo.fields import TYPES
from simulators.marketo.identity import Service
from simulators.marketo.leads import service
from simulators.marketo.leads.store import Lead
from simulators.marketo.objects import schema, writing
from simulators.marketo.tenant import Tenant
from simulators.marketo.times import read_instant, stamp

_NAMES = (
    ("Al", "Be", "Ca", "Do", "El", "Fa", "Go", "Ha", "Il", "Ju", "Ka", "Lo", "Mi", "No", "Or", "Pe"),
    ("bra", "da", "fi", "la", "mo", "na", "ri", "sa", "ti", "va", "xo", "ze"),
)


def seed(tenant: Tenant, spec: dict[str, Any]) -> dict[str, Any]:
    """See docs/reference/simulator-marketo.md. Raises ControlError saying what is wrong."""
    unknown = set(spec) - set(_PARTS)
    if unknown:
        raise ControlError(f"seed knows {', '.join(_PARTS)}; not {', '.join(sorted(unknown))}")
    length = len(tenant.writes)
    made: dict[str, Any] = {}
    for name, part in _PARTS.items():
        if name not in spec:
            continue
        try:
            made[name] = part(tenant, spec[name])
        except (RecordError, CallError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise ControlError(f"seed: {name}: {error!r}") from error
        finally:
            tenant.writes.truncate(length)
    return made


def _services(tenant: Tenant, rows: list[Any]) -> list[str]:
    for row in rows:
        each = Service(row["clientId"], row["secret"], row["user"], bool(row.get("readOnly")))
        tenant.services[each.client_id] = each
    return [row["clientId"] for row in rows]


def _partitions(tenant: Tenant, rows: list[str]) -> dict[str, int]:
    for name in rows:
        tenant.partitions.setdefault(str(name), len(tenant.partitions) + 1)
    return dict(tenant.partitions)


def _fields(tenant: Tenant, rows: list[Any]) -> list[str]:
    for row in rows:
        kind = row.get("dataType", "string")
        if kind not in TYPES or row["name"] in tenant.fields:
            raise ValueError(f"{row['name']}: a new name and a known dataType")
        tenant.add_field(row["name"], row.get("displayName", row["name"]), kind, length=row.get("length"))
    return [row["name"] for row in rows]


def _crm_fields(tenant: Tenant, names: list[str]) -> list[str]:
    for name in names:
        tenant.fields[name] = replace(tenant.fields[name], crm=True)
    return names


def _lists(tenant: Tenant, names: list[str]) -> dict[str, int]:
    return {str(name): lists.make_list(tenant, str(name))["id"] for name in names}


def _objects(name: str) -> Callable[[Tenant, list[Any]], list[Any]]:
    def part(tenant: Tenant, rows: list[Any]) -> list[Any]:
        return [_record(tenant, name, row) for row in rows]

    return part


def _record(tenant: Tenant, name: str, row: dict[str, Any]) -> Any:
    kind = tenant.kind(name)
    if kind is None:
        raise ValueError(f"there is no object {name!r}")
    writing.find_target(kind, row, by_id=False)
    values = writing.read_row(tenant, kind, row)
    writing.check_links(tenant, kind, values)
    return writing.create(tenant, SEEDING, kind, values)["id"]


def _custom_objects(tenant: Tenant, rows: list[Any]) -> list[str]:
    for row in rows:
        kind = schema.make_kind(
            tenant, row["name"], row.get("displayName", row["name"]), native=bool(row.get("native"))
        )
        for each in row["fields"]:
            schema.add_field(kind, each)
        kind.state = row.get("state", "approved")
    return [row["name"] for row in rows]


def _records(tenant: Tenant, parts: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: [_record(tenant, name, row) for row in rows] for name, rows in parts.items()}


def _activity_types(tenant: Tenant, rows: list[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        made = tenant.types.create(row, stamp(tenant.now()))
        if row.get("attributes"):
            add_attributes(made, row["attributes"])
        if row.get("approved", True):
            made.live, made.draft = made.draft, None
        found[made.api_name] = made.id
    return found


def _leads(tenant: Tenant, rows: list[Any]) -> list[int]:
    return [_seed_lead(tenant, dict(row)) for row in rows]


def _seed_lead(tenant: Tenant, row: dict[str, Any]) -> int:
    extra = {key: row.pop(key, None) for key in ("createdAt", "updatedAt", "partition", "lists", "id")}
    values = service.read_values(tenant, row, importing=True)
    service.check_links(tenant, None, values)
    created = _moment(tenant, extra["createdAt"])
    lead = tenant.leads.make(
        created, created, lead_id=extra["id"], partition=tenant.partitions[extra["partition"] or "Default"]
    )
    for name, value in values.items():
        tenant.leads.put_value(lead, name, value)
    lead.updated = lead.touched = _moment(tenant, extra["updatedAt"]) if extra["updatedAt"] else created
    _note_new(tenant, lead)
    for name in extra["lists"] or ():
        found = next((each["id"] for each in tenant.lists.values() if each["name"] == name), None)
        lists.join(tenant, SEEDING, found or lists.make_list(tenant, name)["id"], lead.id)
    return lead.id


def _note_new(tenant: Tenant, lead: Lead) -> None:
    attributes = {"Source Type": "Seed", "Created Date": stamp(lead.created)[:10]}
    tenant.activities.add(lead.id, lead.created, NEW, primary="Seed", attributes=attributes)


def _moment(tenant: Tenant, text: Any) -> int:
    if text is None:
        return tenant.now()
    moment = read_instant(str(text))
    if moment is None:
        raise ValueError(f"{text!r} is no time")
    return int(moment)


def _generate(tenant: Tenant, spec: dict[str, Any]) -> dict[str, int]:
    """`{"leads": N, "domain"?, "age_seconds"?}`: `person<id>@<domain>`, made up, spread over the time before now."""
    count, domain = int(spec["leads"]), str(spec.get("domain", "example.com"))
    age = int(spec.get("age_seconds", 90 * 86_400))
    first = tenant.leads.next_id()
    firsts = [start + end for start in _NAMES[0] for end in _NAMES[1]]
    oldest = tenant.now() - age
    for number in range(count):
        moment = oldest + age * number // max(1, count)
        lead = tenant.leads.make(moment, moment)
        name = firsts[number * 7 % len(firsts)]
        tenant.leads.put_value(lead, "email", f"person{lead.id}@{domain}")
        lead.values |= {"firstName": name, "lastName": f"{firsts[number * 11 % len(firsts)]}sen"}
        _note_new(tenant, lead)
    return {"first_id": first, "last_id": first + count - 1, "count": count}


_PARTS: dict[str, Callable[[Tenant, Any], Any]] = {
    "services": _services,
    "partitions": _partitions,
    "fields": _fields,
    "crmFields": _crm_fields,
    "lists": _lists,
    "salespersons": _objects("salespersons"),
    "companies": _objects("companies"),
    "activityTypes": _activity_types,
    "leads": _leads,
    "opportunities": _objects("opportunities"),
    "roles": _objects("roles"),
    "customObjects": _custom_objects,
    "records": _records,
    "generate": _generate,
}
