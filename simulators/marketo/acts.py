"""What happens without an API call: people, leads and flow steps at work, and trouble to order."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from simulators.frame.http import Request
from simulators.frame.system import ControlError
from simulators.marketo import lists
from simulators.marketo.activity_types import SCORE
from simulators.marketo.call import Actor, as_id
from simulators.marketo.errors import MESSAGES, CallError, RecordError
from simulators.marketo.leads import service
from simulators.marketo.leads.store import Lead
from simulators.marketo.objects import writing
from simulators.marketo.tenant import Tenant

Spec = dict[str, Any]


def act(tenant: Tenant, action: str, spec: Spec) -> dict[str, Any]:
    """Do one. Raises ControlError for an unknown one and for what cannot be done."""
    known = ACTS.get(action)
    if known is None:
        raise ControlError(f"marketo knows no action {action!r}; there are: {', '.join(sorted(ACTS))}")
    try:
        return known(tenant, spec)
    except (RecordError, CallError) as error:
        raise ControlError(f"{action}: {error}") from error
    except KeyError as error:
        raise ControlError(f"{action} needs {error}") from error


def _lead(tenant: Tenant, spec: Spec, key: str = "lead") -> Lead:
    value = spec[key]
    found = tenant.leads.get(as_id(value))
    if found is None and isinstance(value, str):
        found = next(iter(tenant.leads.find("email", value)), None)
    if found is None:
        raise ControlError(f"there is no lead {value!r}")
    return found


def _person(spec: Spec) -> Actor:
    return Actor.person(str(spec.get("user", "admin")))


def _values(tenant: Tenant, spec: Spec, lead: Lead | None = None) -> dict[str, Any]:
    """People in the user interface may write company fields of a lead that is linked to none."""
    linked = lead is not None and service.company_of(tenant, lead) is not None
    return service.read_values(tenant, dict(spec["values"]), linked=linked, importing=True)


def create_lead(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """A person makes a lead."""
    kept = {name: value for name, value in _values(tenant, spec).items() if value is not None}
    service.check_links(tenant, None, kept)
    return {"id": service.create(tenant, _person(spec), kept).id}


def edit_lead(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """A person edits a lead."""
    lead = _lead(tenant, spec)
    return {"id": lead.id, "changed": service.update(tenant, _person(spec), lead, _values(tenant, spec, lead))}


def fill_form(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """A lead fills a form: found by e-mail or made."""
    values = _values(tenant, spec)
    found = tenant.leads.find("email", values.get("email") or "")
    kept = {name: value for name, value in values.items() if value is not None}
    lead = found[0] if found else service.create(tenant, Actor.form(), kept)
    if found:
        service.update(tenant, Actor.form(), lead, kept)
    tenant.activities.add(lead.id, tenant.now(), 2, primary_id=1, primary=str(spec.get("form", "Form")))
    return {"id": lead.id, "created": not found}


def delete_lead(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """A person deletes a lead."""
    lead = _lead(tenant, spec)
    service.delete(tenant, _person(spec), lead)
    return {"id": lead.id}


def merge_leads(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """A person merges leads: `winner` and `losers`."""
    winner = _lead(tenant, spec, "winner")
    losers = [_lead(tenant, {"lead": each}) for each in spec["losers"]]
    if not losers or winner in losers:
        raise ControlError("merge_leads needs losers other than the winner")
    service.merge(tenant, _person(spec), winner, losers)
    return {"id": winner.id}


def change_score(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """A flow step changes a score: activity 22, which leadchanges does not show."""
    lead, name = _lead(tenant, spec), str(spec.get("field", "leadScore"))
    field = tenant.fields.get(name)
    if field is None or field.type != "score":
        raise ControlError(f"{name!r} is no score field")
    old = lead.values.get(name) or 0
    new = old + int(spec["by"])
    tenant.leads.put_value(lead, name, new)
    service.touch(tenant, lead, [name])
    attributes = {"Change Value": f"{int(spec['by']):+d}", "New Value": new, "Old Value": old, "Reason": "Flow step"}
    tenant.activities.add(
        lead.id, tenant.now(), SCORE, primary_id=field.id, primary=field.display, attributes=attributes
    )
    tenant.log("campaign:score", "update", "lead", lead.id, {name: [old, new]})
    return {"id": lead.id, name: new}


def on_list(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """A person puts a lead on a list, or with `off` takes it off."""
    lead, wanted = _lead(tenant, spec), spec["list"]
    found = next((row["id"] for row in tenant.lists.values() if wanted in (row["id"], row["name"])), None)
    if found is None:
        found = lists.make_list(tenant, str(wanted))["id"]
    if spec.get("off"):
        lists.leave(tenant, _person(spec), found, lead.id)
    else:
        lists.join(tenant, _person(spec), found, lead.id)
    return {"list": found}


def engage(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """An e-mail's life in one act: each of `leads` gets `asset` and, by the seeded chance, opens it, clicks, or
    bounces, and some have an interesting moment; within the last `spread_seconds`."""
    chance, spread, count = tenant.chance, int(spec.get("spread_seconds", 0)), 0
    asset = str(spec.get("asset", "Newsletter"))
    for each in spec["leads"]:
        lead = _lead(tenant, {"lead": each})
        at = tenant.now() - (chance.randrange(spread) if spread else 0)
        kinds = [_SENT, *([_BOUNCED] if chance.random() < _SHARE_BOUNCED else _STEPS[: chance.randrange(len(_STEPS))])]
        for kind in kinds:
            link = {"Link": "https://shop.example.com/"} if kind == _CLICKED else {}
            tenant.activities.add(lead.id, at, kind, primary_id=1, primary=asset, attributes=link)
        count += len(kinds)
    return {"activities": count}


_SENT, _BOUNCED, _CLICKED = 6, 8, 11
_STEPS = (7, 10, _CLICKED, 46)
_SHARE_BOUNCED = 0.05


def log_activity(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """Something a lead did or received: `type`, `primary`, `attributes`, `times`, `ago_seconds`."""
    lead = _lead(tenant, spec)
    for _ in range(int(spec.get("times", 1))):
        tenant.activities.add(
            lead.id,
            tenant.now() - int(spec.get("ago_seconds", 0)),
            int(spec["type"]),
            primary=str(spec.get("primary", "")),
            attributes=dict(spec.get("attributes", {})),
        )
    return {"id": lead.id}


def edit_object(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """A person edits a company, opportunity or the like: `kind`, `key` (its dedupe value), `values`."""
    kind = tenant.kind(str(spec["kind"]))
    row = kind.by_key((spec["key"],)) if kind is not None and len(kind.keys) == 1 else None
    if kind is None or row is None:
        raise ControlError(f"there is no {spec['kind']} {spec['key']!r}")
    writing.update(tenant, _person(spec), kind, row, writing.read_row(tenant, kind, dict(spec["values"])))
    return {"id": row["id"]}


def remove_field(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """An administrator hides a custom field: the API no longer knows it."""
    field = tenant.fields.get(str(spec["name"]))
    if field is None or not field.custom:
        raise ControlError(f"{spec['name']!r} is no custom field")
    del tenant.fields[field.name]
    return {"name": field.name}


def spend(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """Another client makes `calls` now; with `quota_only` they do not stand in the 20-second window."""
    user = str(spec.get("user", "other@000-SIM-000.example"))
    tenant.limits.count(user, int(spec["calls"]), rate=not spec.get("quota_only"))
    return {"today": tenant.limits.usage(1)[0]["total"]}


def end_tokens(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """Every token dies before its time: `how` expired answers 602, invalid 601."""
    how = spec.get("how", "expired")
    if how not in {"expired", "invalid"}:
        raise ControlError("end_tokens: how is expired or invalid")
    for each in tenant.services.values():
        each.expires = 0.0
    if how == "invalid":
        tenant.issued.clear()
    return {"how": how}


def fail(tenant: Tenant, spec: Spec) -> dict[str, Any]:
    """Answer the next `times` calls whose path has `path` with `code`; with `after` once they took effect."""
    code = str(spec["code"])
    if code not in MESSAGES:
        raise ControlError(f"fail knows the codes {', '.join(sorted(MESSAGES))}")
    trouble = {"code": code, "times": int(spec.get("times", 1)), "path": str(spec.get("path", ""))}
    tenant.troubles.append({**trouble, "after": bool(spec.get("after"))})
    return trouble


def next_trouble(tenant: Tenant, request: Request) -> Spec | None:
    """The trouble ordered for a call, if any; takes one of its times."""
    for trouble in tenant.troubles:
        if re.search(trouble["path"], request.raw_target):
            trouble["times"] -= 1
            if trouble["times"] <= 0:
                tenant.troubles.remove(trouble)
            return trouble
    return None


ACTS: dict[str, Callable[[Tenant, Spec], dict[str, Any]]] = {
    "create_lead": create_lead,
    "edit_lead": edit_lead,
    "fill_form": fill_form,
    "delete_lead": delete_lead,
    "merge_leads": merge_leads,
    "change_score": change_score,
    "on_list": on_list,
    "log_activity": log_activity,
    "engage": engage,
    "edit_object": edit_object,
    "remove_field": remove_field,
    "spend": spend,
    "end_tokens": end_tokens,
    "fail": fail,
}
