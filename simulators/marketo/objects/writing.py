"""Creating, updating and deleting records beside leads. Source: marketo.md 2.6."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulators.marketo.activity_types import OPPORTUNITY_ADDED, OPPORTUNITY_CHANGED, OPPORTUNITY_REMOVED
from simulators.marketo.call import Actor, as_id
from simulators.marketo.errors import CallError, RecordError
from simulators.marketo.fields import read_value
from simulators.marketo.leads.service import note_change, touch
from simulators.marketo.objects.kinds import ObjectKind, Row
from simulators.marketo.times import stamp

if TYPE_CHECKING:
    from simulators.marketo.tenant import Tenant


def locked(tenant: Tenant, kind: ObjectKind) -> bool:
    """Whether Adobe's own CRM sync owns this kind."""
    return tenant.native and kind.native


def read_row(tenant: Tenant, kind: ObjectKind, sent: Row) -> Row:
    """What was sent, as the fields store it. Raises RecordError 1001, 1003 and 1006."""
    found: Row = {}
    for name, raw in sent.items():
        spec = kind.fields.get(name)
        if spec is None:
            raise RecordError("1006", f"Field '{name[:100]}' not found")
        if name == kind.id_field or name in {"createdAt", "updatedAt"}:
            continue
        found[name] = read_value(spec, raw, tenant.switches)
    return found


def find_target(kind: ObjectKind, sent: Row, *, by_id: bool) -> Row | None:
    """The row a record means. Raises RecordError 1002 where its key is not complete."""
    if by_id:
        value = sent.get(kind.id_field)
        if value in (None, ""):
            raise RecordError("1002", f"Missing value for the required parameter '{kind.id_field}'")
        return kind.rows.get(as_id(value) if kind.id_field == "id" else str(value).strip())
    for name in kind.keys:
        if sent.get(name) in (None, ""):
            raise RecordError("1002", f"Missing value for the required parameter '{name}'")
    return kind.by_key(tuple(sent[name] for name in kind.keys))


def sync_one(tenant: Tenant, actor: Actor, kind: ObjectKind, sent: Row, *, action: str, by_id: bool) -> tuple[Row, str]:
    """One record. Raises RecordError, and CallError 718 where an owner is unknown."""
    if locked(tenant, kind):
        raise RecordError("1018", "CRM Enabled")
    target = find_target(kind, sent, by_id=by_id)
    values = read_row(tenant, kind, sent)
    if target is None and (action == "updateOnly" or by_id):
        raise RecordError("1013", "Record not found")
    if target is not None and action == "createOnly":
        raise RecordError("1017", "Object already exists")
    check_links(tenant, kind, values)
    if kind.name == "opportunities" and values.get("name", target or "new") is None:
        raise RecordError("1003", "Invalid data: name may not be null")
    if target is None:
        if kind.name == "opportunities" and "name" not in values:
            raise RecordError("1002", "Missing value for the required parameter 'name'")
        return create(tenant, actor, kind, values), "created"
    update(tenant, actor, kind, target, values)
    return target, "updated"


def check_links(tenant: Tenant, kind: ObjectKind, values: Row) -> None:
    """Everything a record points at is there."""
    for name, (where, code) in kind.links.items():
        value = values.get(name)
        if value is None:
            continue
        if not _is_there(tenant, where, value):
            _refuse_link(name, code)


def _is_there(tenant: Tenant, where: str, value: Any) -> bool:
    what, _, key = where.partition(":")
    if what == "lead":
        return tenant.leads.get(as_id(value)) is not None if key == "id" else bool(tenant.leads.find(key, value))
    target = tenant.custom.get(key.partition(":")[0]) if what == "custom" else tenant.kinds[where]
    return target is not None and target.by_key((value,)) is not None


def _refuse_link(name: str, code: str) -> None:
    if code == "718":
        raise CallError("718", f"{name[0].upper()}{name[1:]} not found")
    raise RecordError(code, "Lead not found" if code == "1004" else f"Object not found for '{name}'")


def create(tenant: Tenant, actor: Actor, kind: ObjectKind, values: Row, row_id: Any = None) -> Row:
    """A new row."""
    kept = {name: value for name, value in values.items() if value is not None}
    number = row_id or (kind.next_id() if kind.id_field == "id" else tenant.uuid())
    moment = stamp(tenant.now())
    row = kind.add({"id": number, "created": moment, "updated": moment, "values": kept})
    tenant.log(actor.who, "create", kind.name, number, {name: [None, value] for name, value in kept.items()})
    if kind.name == "roles":
        _note_role(tenant, kept, OPPORTUNITY_ADDED)
    return row


def update(tenant: Tenant, actor: Actor, kind: ObjectKind, row: Row, values: Row) -> None:
    """Store what differs; keys stay as they are."""
    old = row["values"]
    changed = {
        name: [old.get(name), value]
        for name, value in values.items()
        if name not in kind.keys and (old.get(name) != value or type(old.get(name)) is not type(value))
    }
    for name, (_, value) in changed.items():
        if value is None:
            old.pop(name, None)
        else:
            old[name] = value
    if not changed:
        return
    row["updated"] = stamp(tenant.now())
    tenant.log(actor.who, "update", kind.name, row["id"], changed)
    if kind.name == "companies":
        _tell_leads(tenant, actor, row, changed)
    elif kind.name == "opportunities":
        _tell_roles(tenant, row, changed)


def _tell_leads(tenant: Tenant, actor: Actor, row: Row, changed: dict[str, list[Any]]) -> None:
    """A company's change shows on each of its leads, unless there are too many to log it."""
    leads = tenant.leads.find("externalCompanyId", row["values"]["externalCompanyId"])
    logged = len(leads) <= tenant.switches.number("company_fanout")
    names = [name for name in changed if name in tenant.fields and tenant.fields[name].company]
    for lead in leads if names else ():
        touch(tenant, lead, names)
        for name in names if logged else ():
            note_change(tenant, actor, lead, name, old=changed[name][0], new=changed[name][1])


def _tell_roles(tenant: Tenant, row: Row, changed: dict[str, list[Any]]) -> None:
    key = row["values"]["externalOpportunityId"]
    for role in tenant.kinds["roles"].rows.values():
        if role["values"]["externalOpportunityId"] == key:
            attributes = {"Data Value Changes": ",".join(sorted(changed))}
            tenant.activities.add(
                role["values"]["leadId"], tenant.now(), OPPORTUNITY_CHANGED, primary=key, attributes=attributes
            )


def _note_role(tenant: Tenant, values: Row, kind: int) -> None:
    attributes = {"Role": values["role"], "Is Primary": values.get("isPrimary", False)}
    key = values["externalOpportunityId"]
    tenant.activities.add(values["leadId"], tenant.now(), kind, primary=key, attributes=attributes)


def delete_one(tenant: Tenant, actor: Actor, kind: ObjectKind, sent: Row, *, by_id: bool) -> Row:
    """Remove one row. Raises RecordError 1002, 1013, 1018 and 1022."""
    if locked(tenant, kind):
        raise RecordError("1018", "CRM Enabled")
    row = find_target(kind, sent, by_id=by_id)
    if row is None:
        raise RecordError("1013", "Object not found" if kind.custom else "Record not found")
    if kind.name == "salespersons" and tenant.leads.find(
        "externalSalesPersonId", row["values"]["externalSalesPersonId"]
    ):
        raise RecordError("1022", "Object in use")
    if kind.name == "roles":
        _note_role(tenant, row["values"], OPPORTUNITY_REMOVED)
    if kind.name == "opportunities":
        roles = tenant.kinds["roles"]
        for role in [each for each in roles.rows.values() if _of(each, row)]:
            roles.remove(role)
    kind.remove(row)
    if kind.name == "companies":
        _let_leads_go(tenant, row)
    tenant.log(
        actor.who, "delete", kind.name, row["id"], {name: [value, None] for name, value in row["values"].items()}
    )
    return row


def _of(role: Row, opportunity: Row) -> bool:
    same: bool = role["values"]["externalOpportunityId"] == opportunity["values"]["externalOpportunityId"]
    return same


def _let_leads_go(tenant: Tenant, company: Row) -> None:
    """Leads of a deleted company are linked to none."""
    for lead in tenant.leads.find("externalCompanyId", company["values"]["externalCompanyId"]):
        tenant.leads.put_value(lead, "externalCompanyId", None)
