"""Sub-resources of a contact: /contacts/{id}/contactTags and the like. Source: activecampaign.md 2.5, 2.7, 2.11."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.call import Call, created, ok
from simulators.activecampaign.contacts import detail
from simulators.activecampaign.contacts.api import contact_of
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Records, Row
from simulators.frame.http import Response


def _whole(call: Call, name: str, rows: list[dict[str, Any]]) -> Response:
    return call.listing(name, rows, lambda row: row, default_limit=100)


@routes.get("/contacts/{id}/contactTags")
def contact_tags(call: Call) -> Response:
    """Tags with the association ids that DELETE wants."""
    return _whole(call, "contactTags", detail.tag_rows(call.tenant, contact_of(call)))


@routes.get("/contacts/{id}/fieldValues")
def field_values(call: Call) -> Response:
    """Field values."""
    return _whole(call, "fieldValues", detail.value_rows(call.tenant, contact_of(call)))


@routes.get("/contacts/{id}/contactLists")
def contact_lists(call: Call) -> Response:
    """Standings."""
    return _whole(call, "contactLists", detail.membership_rows(call.tenant, contact_of(call)))


@routes.get("/contacts/{id}/contactAutomations")
def contact_automations(call: Call) -> Response:
    """Automation entries."""
    return _whole(call, "contactAutomations", detail.automation_rows(call.tenant, contact_of(call)))


@routes.get("/contacts/{id}/deals")
def deals(call: Call) -> Response:
    """Deals the contact is the primary of."""
    return _whole(call, "deals", detail.deal_rows(call.tenant, contact_of(call), call.user))


@routes.get("/contacts/{id}/contactDeals")
def contact_deals(call: Call) -> Response:
    """Deals the contact is a further one of."""
    from simulators.activecampaign.deals import contact_deal_row

    contact = contact_of(call)
    rows = [contact_deal_row(call.tenant, row) for row in call.tenant.contact_deals.where("contact", contact.id)]
    return _whole(call, "contactDeals", rows)


@routes.get("/contacts/{id}/notes")
def notes(call: Call) -> Response:
    """Notes on the contact."""
    from simulators.activecampaign.notes import note_row

    contact = contact_of(call)
    rows = [row for row in call.tenant.notes if row["reltype"] == "Subscriber" and row["relid"] == contact.id]
    return call.listing("notes", rows, lambda row: note_row(call.tenant, row), total=int)


@routes.post("/contacts/{id}/notes")
def post_note(call: Call) -> Response:
    """A note on this contact; a short form of POST /notes."""
    from simulators.activecampaign.notes import add_note, note_row

    contact, sent = contact_of(call), call.body("note")
    note = add_note(call, {**sent, "relid": contact.id, "reltype": "Subscriber"})
    return created(note=note_row(call.tenant, note))


def _logs(call: Call, table: Records, name: str) -> Response:
    from simulators.activecampaign.activities import log_row

    contact = contact_of(call)
    rows: list[Row] = table.where("contact", contact.id)
    return call.listing(name, rows, lambda row: log_row(call.tenant, name, row))


@routes.get("/contacts/{id}/contactLogs")
def contact_logs(call: Call) -> Response:
    """Opens and clicks."""
    return _logs(call, call.tenant.contact_logs, "contactLogs")


@routes.get("/contacts/{id}/bounceLogs")
def bounce_logs(call: Call) -> Response:
    """Bounces."""
    return _logs(call, call.tenant.bounce_logs, "bounceLogs")


@routes.get("/contacts/{id}/trackingLogs")
def tracking_logs(call: Call) -> Response:
    """Visits and tracked events."""
    return _logs(call, call.tenant.tracking_logs, "trackingLogs")


@routes.get("/contacts/{id}/scoreValues")
def score_values(call: Call) -> Response:
    """No scores are modelled."""
    contact_of(call)
    return ok(scoreValues=[])


@routes.get("/contacts/{id}/geoIps")
def geo_ips(call: Call) -> Response:
    """No places are modelled."""
    contact_of(call)
    return ok(geoIps=[])


@routes.get("/contacts/{id}/contactData")
def contact_data(call: Call) -> Response:
    """No tracked data is modelled."""
    contact_of(call)
    return ok(contactData=None)


@routes.get("/contacts/{id}/contactGoals")
def contact_goals(call: Call) -> Response:
    """No goals are modelled."""
    contact_of(call)
    return ok(contactGoals=[])


@routes.get("/contacts/{id}/organization")
def organization(call: Call) -> Response:
    """Organisations were replaced by accounts."""
    contact_of(call)
    return ok(organization=None)


@routes.get("/contacts/{id}/plusAppend")
def plus_append(call: Call) -> Response:
    """Nothing is appended."""
    contact_of(call)
    return ok(plusAppend=None)


@routes.get("/contacts/{id}/automationEntryCounts")
def automation_entry_counts(call: Call) -> Response:
    """How often the contact entered each automation."""
    rows = detail.automation_rows(call.tenant, contact_of(call))
    ids = [row["automation"] for row in rows]
    return ok(automationEntryCounts=[{"automation": each, "count": str(ids.count(each))} for each in sorted(set(ids))])
