"""The callback's address: who may use it, how often, and what is done with what it says. Source: marketo.md 4.1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from simulators.frame.http import Request, Response, json_response
from simulators.marketo.call import Actor, as_id
from simulators.marketo.flowsteps.book import MUNCHKIN, Book, Chunk, Service
from simulators.marketo.leads import service as lead_service
from simulators.marketo.tenant import Tenant

PATH = "/flowsteps/callback/"
_TEXTS = frozenset({"string", "text", "email", "url", "phone"})


def answer(tenant: Tenant, book: Book, request: Request) -> Response:
    """One callback. 405, 404, 401, 403 and 400 by what is wrong with it; the token counts once, whatever is said."""
    if request.method != "POST":
        return _no(405, "POST only")
    if len(request.body) > tenant.switches.number("callback_bytes"):
        return _no(413, "too large")
    chunk = book.chunks.get(request.path.removeprefix(PATH))
    if chunk is None:
        return _no(404, "no such callback")
    with book.lock:
        refused = _refused(tenant, book, chunk, request)
        if refused is not None:
            chunk.callbacks.append({"status": refused.status, "effective": False})
            return refused
        body = json.loads(request.body)
        chunk.used = True
        chunk.callbacks.append({"status": 200, "effective": True, "people": len(body.get("objectData") or [])})
        _take(tenant, book.services.get(chunk.service), chunk, body)
    return json_response(200, {"success": True})


def _refused(tenant: Tenant, book: Book, chunk: Chunk, request: Request) -> Response | None:
    token = request.headers.get("x-callback-token", "")
    if request.headers.get("x-api-key", "") != chunk.key:
        return _no(403, "the key is not that of the call")
    if book.by_token(token) is not chunk:
        return _no(401, "the token is unknown")
    if chunk.used:
        return _no(int(tenant.switches.number("used_token")), "the token was used")
    try:
        body = json.loads(request.body)
    except ValueError:
        return _no(400, "no JSON")
    if not isinstance(body, Mapping) or body.get("munchkinId") != MUNCHKIN:
        return _no(400, "munchkinId is missing or another one")
    if body.get("objectData") is not None and not isinstance(body["objectData"], list):
        return _no(400, "objectData is a list")
    return None


def _take(tenant: Tenant, service: Service | None, chunk: Chunk, body: Mapping[str, Any]) -> None:
    """An error of the whole chunk makes everybody fail, and nothing else is looked at."""
    if body.get("errorCode"):
        chunk.error = str(body["errorCode"])
        chunk.activities = {lead: {"success": False, "errorCode": chunk.error} for lead in chunk.leads}
        return
    defaults = body.get("defaultValues") or {}
    for row in body.get("objectData") or []:
        values = {**(defaults.get("leadDefaults") or {}), **(row.get("leadData") or {})}
        told = {**(defaults.get("activityDefaults") or {}), **(row.get("activityData") or {})}
        lead = as_id(values.pop("id", None))
        if lead is None or lead not in chunk.leads:
            chunk.activities[-1 - len(chunk.activities)] = {"success": False, "lead": lead, "errorCode": "LEAD_ID"}
            continue
        chunk.activities[lead] = _activity(service, told)
        _write(tenant, service, lead, values)


def _activity(service: Service | None, told: Mapping[str, Any]) -> dict[str, Any]:
    """What the activity logs: what is reserved, and the attributes that the definition has; texts cut at 255."""
    known = {"success", "reason", "errorCode"}
    if service is not None:
        known |= {each["apiName"] for each in service.definition["callbackPayloadDef"].get("attributes", [])}
    return {name: value[:255] if isinstance(value, str) else value for name, value in told.items() if name in known}


def _write(tenant: Tenant, service: Service | None, lead_id: int, values: Mapping[str, Any]) -> None:
    """Mapped fields are written: "null" empties, null is nothing, texts are cut, scores may be relative."""
    lead = tenant.leads.get(lead_id)
    fresh: dict[str, Any] = {}
    for name, value in values.items():
        field = tenant.fields.get(name)
        if lead is None or service is None or name not in service.mapped or field is None or value is None:
            continue
        if value == "null":
            fresh[name] = None
        elif field.type == "score":
            text = str(value)
            fresh[name] = (lead.values.get(name) or 0) + int(text) if text[:1] in "+-" else int(text)
        elif field.type in _TEXTS and field.length:
            fresh[name] = str(value)[: field.length]
        else:
            fresh[name] = value
    if lead is not None and fresh:
        lead_service.update(tenant, Actor.campaign("flow step"), lead, fresh)


def _no(status: int, text: str) -> Response:
    return json_response(status, {"success": False, "message": text})
