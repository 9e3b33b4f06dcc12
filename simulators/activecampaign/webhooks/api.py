"""/webhooks. Source: activecampaign.md 2.13."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.call import Call, created, deleted, ok
from simulators.activecampaign.errors import invalid, missing, no_result
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Row
from simulators.activecampaign.times import with_offset
from simulators.activecampaign.values import as_id, as_int, as_text
from simulators.activecampaign.webhooks.events import EVENTS, MORE_EVENTS, SOURCES, deliverable
from simulators.frame.http import Response

_KNOWN = frozenset(EVENTS + MORE_EVENTS)


def webhook_row(webhook: Row) -> dict[str, Any]:
    """A webhook; `state` is "0" once an endpoint has said 410."""
    return {
        "cdate": with_offset(webhook["created"]),
        "listid": str(webhook["listid"]),
        "name": webhook["name"],
        "url": webhook["url"],
        "events": webhook["events"],
        "sources": webhook["sources"],
        "state": "1" if webhook["active"] else "0",
        "links": [],
        "id": str(webhook["id"]),
    }


def read_webhook(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """What a body says, checked. Raises 422."""
    new: dict[str, Any] = {}
    if "name" in sent:
        new["name"] = as_text(sent["name"], "name")
    if "url" in sent:
        new["url"] = as_text(sent["url"], "url")
        silent = call.tenant.switches.word("webhook_https_port") == "443_silent" and new["url"].startswith("https://")
        if not deliverable(call.tenant, new["url"]) and not silent:
            raise invalid("The webhook URL is not valid.", code="field_invalid", pointer="url")
    for key, known in (("events", _KNOWN), ("sources", frozenset(SOURCES))):
        if key in sent:
            words = sent[key]
            if not isinstance(words, list) or not all(isinstance(word, str) and word in known for word in words):
                raise invalid(f"The webhook {key} are not valid.", code="field_invalid", pointer=key)
            new[key] = list(dict.fromkeys(words))
    if "listid" in sent:
        new["listid"] = as_int(sent["listid"], 0)
    return new


def webhook_of(call: Call) -> Row:
    """The webhook of the path. Raises 404."""
    webhook = call.tenant.webhooks.get(call.id())
    if webhook is None:
        raise no_result("Webhook", call.argument())
    return webhook


@routes.get("/webhooks")
def list_webhooks(call: Call) -> Response:
    """Webhooks by `filters[name]`, `filters[url]`, `filters[listid]`."""
    rows = call.tenant.webhooks.values()
    for key in ("name", "url"):
        if (wanted := call.filter(key)) is not None:
            rows = [row for row in rows if row[key] == wanted]
    if (list_id := call.filter("listid")) is not None:
        rows = [row for row in rows if row["listid"] == (as_id(list_id) or 0)]
    return call.listing("webhooks", rows, webhook_row)


@routes.post("/webhooks")
def post_webhook(call: Call) -> Response:
    """201."""
    sent = call.body("webhook")
    new = read_webhook(call, sent)
    for key in ("name", "url", "events", "sources"):
        if not new.get(key):
            raise missing(f"The webhook {key} was not provided.", key)
    webhook = call.tenant.webhooks.add({"listid": 0, **new, "active": True, "created": call.now})
    call.tenant.log(call.actor, "create", "webhook", webhook["id"], {"name": [None, new["name"]]})
    return created(webhook=webhook_row(webhook))


@routes.get("/webhooks/{id}")
def get_webhook(call: Call) -> Response:
    """One webhook."""
    return ok(webhook=webhook_row(webhook_of(call)))


@routes.put("/webhooks/{id}")
def put_webhook(call: Call) -> Response:
    """A partial update; one that is off stays off."""
    webhook, new = webhook_of(call), read_webhook(call, call.body("webhook"))
    webhook.update(new)
    call.tenant.log(call.actor, "update", "webhook", webhook["id"], {})
    return ok(webhook=webhook_row(webhook))


@routes.delete("/webhooks/{id}")
def delete_webhook(call: Call) -> Response:
    """200 and an empty object."""
    webhook = webhook_of(call)
    call.tenant.webhooks.delete(webhook["id"])
    call.tenant.log(call.actor, "delete", "webhook", webhook["id"], {"name": [webhook["name"], None]})
    return deleted()


@routes.get("/webhook/events", "/webhooks/events")
def list_events(_: Call) -> Response:
    """The 25 events; the total is a number."""
    return ok(webhookEvents=list(EVENTS), meta={"total": len(EVENTS)})
