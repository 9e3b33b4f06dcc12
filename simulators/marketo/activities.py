"""Feeds of activities and their paging tokens. Source: marketo.md 2.5 and 0.7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulators.frame.http import Response
from simulators.marketo.activity_log import Activity, Place, read_token, token
from simulators.marketo.activity_types import CHANGE, DELETED, NEW
from simulators.marketo.call import Call, as_id
from simulators.marketo.errors import CallError, missing
from simulators.marketo.leads.service import field_named
from simulators.marketo.routes import routes
from simulators.marketo.times import read_instant, stamp

MOST_TYPES, MOST_LEADS = 10, 30
KEPT_DELETIONS = 14 * 86_400
KEPT_LONG = 760 * 86_400
KEPT = dict.fromkeys((1, 3, 6, 7, 13, 22, 24, 36, 47, 300), 90 * 86_400)
"""Twenty-five months, but ninety days for what there is most of (web visits, sends, deliveries, values, scores)."""
Wanted = Callable[[Activity], bool]
View = Callable[[Activity], dict[str, Any]]


@routes.on("GET", "/rest/v1/activities/pagingtoken.json")
def paging_token(call: Call) -> Response:
    """A token for the activities of a moment and later."""
    moment = read_instant(call.required("sinceDatetime"))
    if moment is None or moment < 0:
        raise CallError("704", "Invalid date format")
    return call.ok(nextPageToken=token(Place(int(moment))))


@routes.on("GET", "/rest/v1/activities/types.json")
def types(call: Call) -> Response:
    """All kinds of activities there are."""
    return call.ok(call.tenant.types.listed())


@routes.on("GET", "/rest/v1/activities.json")
def activities(call: Call) -> Response:
    """Activities of up to ten types, of all leads, of a list's or of up to thirty named ones."""
    asked = call.values("activityTypeIds")
    if not asked:
        raise missing("activityTypeIds")
    kinds = {as_id(each) for each in asked}
    if len(kinds) > MOST_TYPES or None in kinds:
        raise CallError("1003", f"Invalid data: activityTypeIds takes up to {MOST_TYPES} ids")
    assets = {as_id(each) for each in call.values("assetIds")}
    leads, kept = _leads(call), {kind: call.tenant.now() - KEPT.get(kind, KEPT_LONG) for kind in kinds if kind}

    def wanted(row: Activity) -> bool:
        if row.type in kinds and row.second < kept[row.type]:
            return False
        return row.type in kinds and (not leads or row.lead in leads) and (not assets or row.primary_id in assets)

    return _feed(call, wanted, lambda row: _plain(call, row))


@routes.on("GET", "/rest/v1/activities/leadchanges.json")
def lead_changes(call: Call) -> Response:
    """New leads, and changes of the named fields with old and new value."""
    names = call.values("fields")
    if not names:
        raise missing("fields")
    for name in names:
        if field_named(call.tenant, name) is None:
            raise CallError("1006", f"Field '{name[:100]}' not found")
    leads, fields = _leads(call), set(names)

    def wanted(row: Activity) -> bool:
        named = row.type == NEW or (row.type == CHANGE and row.change is not None and row.change[1] in fields)
        return named and (not leads or row.lead in leads)

    return _feed(call, wanted, lambda row: _changed(call, row))


@routes.on("GET", "/rest/v1/activities/deletedleads.json")
def deleted_leads(call: Call) -> Response:
    """Leads deleted in the last fourteen days; merged ones are not among them."""
    earliest = call.tenant.now() - KEPT_DELETIONS
    return _feed(call, lambda row: row.type == DELETED and row.second >= earliest, lambda row: _plain(call, row))


def _leads(call: Call) -> set[int | None]:
    """The leads a feed is narrowed to; empty for all. Raises CallError 1003 and 1013."""
    asked = call.values("leadIds")
    if len(asked) > MOST_LEADS:
        raise CallError("1003", f"Invalid data: leadIds takes up to {MOST_LEADS} ids")
    list_id = call.text("listId")
    if list_id:
        members = call.tenant.members.get(as_id(list_id) or 0)
        if members is None:
            raise CallError("1013", "List not found")
        large = call.tenant.switches.number("large_list")
        if call.tenant.switches.on("large_list_refused") and len(members) >= large:
            raise CallError("1003", f"Invalid data: the list has {int(large)} leads or more")
        return {None, *members}
    return {as_id(each) for each in asked}


def _feed(call: Call, wanted: Wanted, view: View) -> Response:
    """One page. It may be short or empty although more is there: a call looks at so many rows and no more."""
    tenant = call.tenant
    start = read_token(call.required("nextPageToken"))
    size, scan = call.batch_size(), max(1, int(tenant.switches.number("feed_scan")))
    log = tenant.activities
    first = log.from_second(start.second) if start.number == 0 else log.after(start)
    visible = log.from_second(int(tenant.clock.time() - tenant.switches.number("feed_lag_seconds")) + 1)
    rows = log.slice(first, min(first + scan, max(first, visible)))
    page: list[Activity] = []
    looked = 0
    for row in rows:
        if len(page) == size:
            break
        looked += 1
        if wanted(row):
            page.append(row)
    more = first + looked < visible
    place = rows[looked - 1].place if looked else start
    return call.ok([view(row) for row in page], nextPageToken=token(_resumed(call, place, more=more)), moreResult=more)


def _resumed(call: Call, place: Place, *, more: bool) -> Place:
    """Where the next page begins. Documents leave open what a token at the end does within its second (switch)."""
    rule = call.tenant.switches.word("feed_resume")
    if more or rule == "exact" or place.number == 0:
        return place
    return Place(place.second) if rule == "same_second" else Place(place.second + 1)


def _dated(call: Call, row: Activity) -> dict[str, Any]:
    offset = call.tenant.switches.word("activity_offset")
    shown = {"id": row.number, "marketoGUID": row.guid, "leadId": row.lead}
    return {**shown, "activityDate": stamp(row.second, offset=offset), "activityTypeId": row.type}


def _plain(call: Call, row: Activity) -> dict[str, Any]:
    shown = _dated(call, row)
    if row.campaign is not None:
        shown["campaignId"] = row.campaign
    if row.primary_id is not None:
        shown["primaryAttributeValueId"] = row.primary_id
    shown["primaryAttributeValue"] = row.primary
    attributes = [{"name": name, "value": value} for name, value in row.attributes.items() if value is not None]
    return {**shown, "attributes": attributes}


def _changed(call: Call, row: Activity) -> dict[str, Any]:
    fields = []
    if row.change is not None:
        number, name, new, old = row.change
        fields = [{"id": number, "name": name, "newValue": new, "oldValue": old}]
    kept = [(name, value) for name, value in row.attributes.items() if name not in {"New Value", "Old Value"}]
    attributes = [{"name": name, "value": value} for name, value in [*kept, ("Lead ID", row.lead)]]
    return {**_dated(call, row), "fields": fields, "attributes": attributes}
