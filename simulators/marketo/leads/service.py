"""What changes leads: values with their activities, deletes and merges. Source: marketo.md 2.4 and 2.5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulators.marketo.activity_types import CHANGE, DELETED, MERGE, NEW
from simulators.marketo.call import Actor
from simulators.marketo.errors import RecordError
from simulators.marketo.fields import Field, read_value
from simulators.marketo.lead_fields import ALWAYS_READ_ONLY, EXTERNAL_COMPANY, EXTERNAL_SALES
from simulators.marketo.leads.store import Lead
from simulators.marketo.times import stamp

if TYPE_CHECKING:
    from simulators.marketo.tenant import Tenant

COMPANY = "companies"
SALES = "salespersons"


def field_named(tenant: Tenant, name: str) -> Field | None:
    """A field of this subscription's leads."""
    found = tenant.fields.get(name)
    if found is None and name == "externalPersonId" and tenant.switches.on("external_person_id"):
        from simulators.marketo.lead_fields import person_key

        return person_key()
    return found


def all_fields(tenant: Tenant) -> list[Field]:
    """Every field of a lead, as this subscription has them."""
    found = list(tenant.fields.values())
    person = field_named(tenant, "externalPersonId")
    return [*found, person] if person is not None else found


def value_of(tenant: Tenant, lead: Lead, name: str) -> Any:
    """A lead's value as reads show it: system fields, and company fields of its company when it is linked."""
    if name == "id":
        return lead.id
    if name == "createdAt":
        return stamp(lead.created)
    if name == "updatedAt":
        return stamp(lead.updated)
    if name == "leadPartitionId":
        return lead.partition
    spec = tenant.fields.get(name)
    if spec is not None and spec.company:
        company = company_of(tenant, lead)
        if company is not None:
            return company["values"].get(name)
    return lead.values.get(name)


def company_of(tenant: Tenant, lead: Lead) -> dict[str, Any] | None:
    """The company a lead is linked to."""
    key = lead.values.get(EXTERNAL_COMPANY)
    return None if key is None else tenant.kinds[COMPANY].by_key((key,))


def read_values(
    tenant: Tenant, sent: dict[str, Any], *, linked: bool = False, importing: bool = False
) -> dict[str, Any]:
    """What was sent for a lead, as its fields store it. Raises RecordError 1001, 1003, 1006, 1011 and 1021."""
    found: dict[str, Any] = {}
    for name, raw in sent.items():
        spec = field_named(tenant, name)
        if spec is None:
            raise RecordError("1006", f"Field '{name[:100]}' not found")
        if name == "id":
            continue
        if name in ALWAYS_READ_ONLY and name != "cookies":
            raise RecordError("1011", f"Field '{name}' not supported")
        if spec.company and (linked or not (importing or tenant.switches.word("company_in_leads") == "unlinked")):
            raise RecordError("1021", "Company update not allowed")
        if tenant.native and spec.crm:
            raise RecordError("1018", "CRM Enabled")
        found[name] = read_value(spec, raw, tenant.switches)
    return found


def check_links(tenant: Tenant, lead: Lead | None, values: dict[str, Any]) -> None:
    """Links lead somewhere, and a company is changed, never emptied. Raises RecordError 1013 and 1021."""
    if EXTERNAL_COMPANY in values:
        key = values[EXTERNAL_COMPANY]
        if key is None:
            if lead is not None and EXTERNAL_COMPANY in lead.values:
                raise RecordError("1021", "Company update not allowed")
        elif tenant.kinds[COMPANY].by_key((key,)) is None:
            raise RecordError("1013", f"Company '{key}' not found")
    sales = values.get(EXTERNAL_SALES)
    if sales is not None and tenant.kinds[SALES].by_key((sales,)) is None:
        raise RecordError("1013", f"Sales person '{sales}' not found")


def create(
    tenant: Tenant, actor: Actor, values: dict[str, Any], *, partition: int = 1, lead_id: int | None = None
) -> Lead:
    """A new lead with its activity 12; its first values make no activities 13."""
    lead = tenant.leads.make(tenant.now(), tenant.clock.time(), lead_id=lead_id, partition=partition)
    for name, value in values.items():
        tenant.leads.put_value(lead, name, value)
    shown = {"Source Type": actor.source, "Created Date": stamp(lead.created)[:10]}
    if lead.values.get("leadSource"):
        shown["Lead Source"] = lead.values["leadSource"]
    tenant.activities.add(lead.id, lead.created, NEW, primary=actor.source, attributes=shown)
    tenant.log(actor.who, "create", "lead", lead.id, {name: [None, value] for name, value in lead.values.items()})
    return lead


def update(tenant: Tenant, actor: Actor, lead: Lead, values: dict[str, Any]) -> bool:
    """Store what differs, with one activity 13 for each field. Whether anything did."""
    changed: dict[str, list[Any]] = {}
    for name, value in values.items():
        old = lead.values.get(name)
        if old == value and type(old) is type(value):
            continue
        changed[name] = [old, value]
        tenant.leads.put_value(lead, name, value)
        note_change(tenant, actor, lead, name, old=old, new=value)
    if changed:
        touch(tenant, lead, changed)
        tenant.log(actor.who, "update", "lead", lead.id, changed)
    return bool(changed)


def touch(tenant: Tenant, lead: Lead, names: Any) -> None:
    """Move the times of a lead: the visible one follows standard fields only."""
    lead.touched = tenant.now()
    if any(not tenant.fields[name].custom for name in names if name in tenant.fields):
        lead.updated = tenant.now()


def note_change(tenant: Tenant, actor: Actor, lead: Lead, name: str, *, old: Any, new: Any) -> None:
    """Activity 13."""
    spec = field_named(tenant, name)
    if spec is None:
        return
    attributes = {"New Value": shown(new), "Old Value": shown(old), "Reason": actor.reason, "Source": actor.source}
    tenant.activities.add(
        lead.id,
        tenant.now(),
        CHANGE,
        primary_id=spec.id,
        primary=spec.display,
        attributes=attributes,
        change=(spec.id, name, shown(new), shown(old)),
    )


def shown(value: Any) -> str | None:
    """A value as activities have it: text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def delete(tenant: Tenant, actor: Actor, lead: Lead) -> None:
    """Delete, with activity 37 in the log of deletions."""
    name = display_name(lead)
    before = {key: [value, None] for key, value in lead.values.items()}
    leave_everything(tenant, lead.id)
    tenant.leads.remove(lead)
    tenant.activities.add(lead.id, tenant.now(), DELETED, primary_id=lead.id, primary=name)
    tenant.log(actor.who, "delete", "lead", lead.id, before)


def leave_everything(tenant: Tenant, lead_id: int) -> None:
    """Off all lists and out of all roles."""
    for members in tenant.members.values():
        members.pop(lead_id, None)
    roles = tenant.kinds["roles"]
    for row in [row for row in roles.rows.values() if row["values"].get("leadId") == lead_id]:
        roles.remove(row)


def display_name(lead: Lead) -> str:
    """First and last name."""
    return " ".join(str(lead.values[key]) for key in ("firstName", "lastName") if key in lead.values)


def merge(tenant: Tenant, actor: Actor, winner: Lead, losers: list[Lead]) -> None:
    """Losers vanish into the winner: it keeps its values and takes those it lacks, with lists and history."""
    taken: dict[str, Any] = {}
    ids = [lead.id for lead in losers]
    for loser in losers:
        for name, value in loser.values.items():
            if name not in winner.values:
                taken.setdefault(name, value)
        for members in tenant.members.values():
            if loser.id in members:
                members[winner.id] = None
        _move_roles(tenant, loser.id, winner.id)
        leave_everything(tenant, loser.id)
        tenant.leads.remove(loser, winner=winner.id)
    tenant.activities.move(set(ids), winner.id)
    merging = Actor(actor.who, "Merge", f"Merged leads {', '.join(map(str, ids))}")
    update(tenant, merging, winner, taken)
    listed = ",".join(map(str, ids))
    tenant.activities.add(
        winner.id,
        tenant.now(),
        MERGE,
        primary_id=winner.id,
        primary=display_name(winner),
        attributes={
            "Master Updated": bool(taken),
            "Merge IDs": f"[{listed}]" if tenant.switches.word("merged_ids") == "brackets" else listed,
            "Merge Source": actor.source,
            "Merged in Sales": False,
        },
    )
    for loser in losers:
        tenant.log(actor.who, "merge", "lead", loser.id, {"into": [loser.id, winner.id]})


def _move_roles(tenant: Tenant, loser: int, winner: int) -> None:
    roles = tenant.kinds["roles"]
    for row in [row for row in roles.rows.values() if row["values"].get("leadId") == loser]:
        roles.rekey(row, {**row["values"], "leadId": winner})
