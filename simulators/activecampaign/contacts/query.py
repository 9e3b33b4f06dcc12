"""GET /contacts: which contacts, in which order. Source: activecampaign.md 2.4."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from simulators.activecampaign.call import Call
from simulators.activecampaign.contacts.model import ANY, BOUNCED, Contact
from simulators.activecampaign.contacts.store import Predicate, View, email_key
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import CENTRAL, parse_instant
from simulators.activecampaign.values import as_id, as_int

ORDERS: dict[str, Callable[[Contact], Any]] = {
    "id": lambda contact: contact.id,
    "cdate": lambda contact: contact.created,
    "email": lambda contact: contact.email.lower(),
    "first_name": lambda contact: contact.first.lower(),
    "last_name": lambda contact: contact.last.lower(),
    "name": lambda contact: contact.name.lower(),
    "score": lambda contact: contact.extra.score if contact.extra else 0,
}
_DATES = {
    "created_after": ("created", True),
    "created_before": ("created", False),
    "updated_after": ("updated", True),
    "updated_before": ("updated", False),
}
Clause = tuple[tuple[object, ...], Predicate]


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen ids (all that match) and how many `meta.total` says."""

    ids: Sequence[int]
    total: int


def select(call: Call) -> Selection:
    """Apply filters, id bounds and order; offset and limit are left to the caller."""
    tenant = call.tenant
    key, predicate = _predicate(call)
    view = tenant.contacts.view(key, predicate)
    name, direction = _order(call)
    above, below = as_id(call.first("id_greater")), as_id(call.first("id_less"))
    if name == "id":
        chosen: Sequence[int] = _bounded(view, above, below)
        if direction == "DESC":
            chosen = chosen[::-1]
    else:
        ordered = tenant.contacts.sorted_ids(view, name, ORDERS[name])
        chosen = [each for each in ordered if (above is None or each > above) and (below is None or each < below)]
        if direction == "DESC":
            chosen = chosen[::-1]
    whole = tenant.switches.word("total_with_id_greater") == "all"
    return Selection(chosen, len(view.ids) if whole else len(chosen))


def _bounded(view: View, above: int | None, below: int | None) -> Sequence[int]:
    if above is None and below is None:
        return view.ids
    start = bisect_right(view.ids, above) if above is not None else 0
    end = bisect_left(view.ids, below) if below is not None else len(view.ids)
    return view.ids[start:end]


def _order(call: Call) -> tuple[str, str]:
    """The first known order; unknown ones, such as udate, do nothing."""
    for name, direction in call.orders():
        if name in ORDERS:
            return name, direction
    return "id", "ASC"


def _predicate(call: Call) -> tuple[tuple[object, ...], Predicate]:
    clauses = [clause for reader in _READERS for clause in reader(call)]
    if not clauses:
        return ("all",), lambda _: True
    key = tuple(part for clause_key, _ in clauses for part in clause_key)
    tests = [test for _, test in clauses]
    if len(tests) == 1:
        return key, tests[0]
    return key, lambda contact: all(test(contact) for test in tests)


def _texts(call: Call) -> list[Clause]:
    found: list[Clause] = []
    if email := call.first("email"):
        wanted = email_key(email)
        found.append((("email", wanted), lambda contact: contact.email.lower() == wanted))
    if like := call.first("email_like").lower():
        found.append((("email_like", like), lambda contact: like in contact.email.lower()))
    if phone := call.first("phone"):
        found.append((("phone", phone), lambda contact: contact.phone.startswith(phone)))
    if text := call.first("search").lower():
        found.append((("search", text), lambda contact: _mentions(contact, text)))
    return found


def _mentions(contact: Contact, text: str) -> bool:
    return text in contact.email.lower() or text in contact.name.lower() or text in contact.phone.lower()


def _ids(call: Call) -> list[Clause]:
    found: list[Clause] = []
    asked = [
        value for key, value in call.request.query if key == "ids[]" or (key.startswith("ids[") and key[-1] == "]")
    ]
    asked += [part for part in call.first("ids").split(",") if part]
    if asked:
        wanted = frozenset(row_id for each in asked if (row_id := as_id(each)) is not None)
        found.append((("ids", wanted), lambda contact: contact.id in wanted))
    if (exclude := as_id(call.first("exclude"))) is not None:
        found.append((("exclude", exclude), lambda contact: contact.id != exclude))
    return found


def _relations(call: Call) -> list[Clause]:
    found: list[Clause] = []
    if tag := as_id(call.first("tagid")):
        found.append((("tagid", tag), lambda contact: contact.tags is not None and tag in contact.tags))
    if series := as_id(call.first("seriesid")):
        tenant = call.tenant
        found.append((("seriesid", series), lambda contact: _in_series(tenant, contact, series)))
    if form := as_id(call.first("formid")):
        found.append((("formid", form), lambda contact: _of_form(contact, form)))
    if (wait := as_id(call.first("waitid"))) is not None:
        found.append((("waitid", wait), lambda _: False))
    if call.first("in_group_lists") in {"1", "true"}:
        found.append((("in_group_lists",), lambda contact: bool(contact.lists)))
    return found


def _in_series(tenant: Tenant, contact: Contact, series: int) -> bool:
    entries = contact.extra.automations if contact.extra else ()
    rows = (tenant.contact_automations.get(entry) for entry in entries)
    return any(row is not None and row["automation"] == series for row in rows)


def _of_form(contact: Contact, form: int) -> bool:
    return any(row.form == form for row in (contact.lists or {}).values())


def _standing(call: Call) -> list[Clause]:
    """listid and status: together they ask for a standing on that list, alone for any list."""
    list_id = as_id(call.first("listid"))
    status = as_int(call.first("status"), ANY)
    if list_id is None and status == ANY:
        return []
    return [(("standing", list_id, status), lambda contact: _stands(contact, list_id, status))]


def _stands(contact: Contact, list_id: int | None, status: int) -> bool:
    rows = contact.lists or {}
    if list_id is not None:
        row = rows.get(list_id)
        return row is not None and (status in {ANY, row.status})
    if status == BOUNCED and contact.extra and contact.extra.hard:
        return True
    return any(row.status == status for row in rows.values())


def _dates(call: Call) -> list[Clause]:
    zone = UTC if call.tenant.switches.word("naive_filter_zone") == "utc" else CENTRAL
    inclusive = call.tenant.switches.word("updated_after_bound") == "inclusive"
    found: list[Clause] = []
    for name, (slot, after) in _DATES.items():
        text = call.filter(name)
        bound = parse_instant(text, naive=zone) if text else None
        if bound is not None:
            found.append(((name, bound, inclusive), _dated(slot, bound, after=after, inclusive=inclusive)))
    return found


def _dated(slot: str, bound: float, *, after: bool, inclusive: bool) -> Predicate:
    if slot == "updated":
        if not after:
            return lambda contact: contact.updated < bound
        return (lambda contact: contact.updated >= bound) if inclusive else (lambda contact: contact.updated > bound)
    if not after:
        return lambda contact: contact.created < bound
    return (lambda contact: contact.created >= bound) if inclusive else (lambda contact: contact.created > bound)


def _segment(call: Call) -> list[Clause]:
    segment = call.tenant.segments.get(as_id(call.first("segmentid")))
    if segment is None:
        return [] if as_id(call.first("segmentid")) is None else [(("no segment",), lambda _: False)]
    tag = segment.get("tag")
    return [(("segment", segment["id"]), lambda contact: contact.tags is not None and tag in contact.tags)]


_READERS = (_texts, _ids, _relations, _standing, _dates, _segment)
