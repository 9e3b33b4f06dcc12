"""Tokens of API users. Source: marketo.md 2.1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from simulators.frame.http import Request, Response, json_response
from simulators.marketo.errors import CallError

if TYPE_CHECKING:
    from simulators.marketo.tenant import Tenant

DEFAULT_CLIENT = "simulated-marketo-client"
DEFAULT_SECRET = "simulated-marketo-secret"  # noqa: S105 - a simulator's own
DEFAULT_USER = "sync@000-SIM-000.example"
PATH = "/identity/oauth/token"


@dataclass(slots=True)
class Service:
    """A custom service and its API-only user."""

    client_id: str
    secret: str
    user: str
    read_only: bool = False
    token: str = ""
    expires: float = 0.0


def answer(tenant: Tenant, request: Request) -> Response:
    """A token; the same one until it expires, with the seconds it has left. 401 for a wrong client."""
    asked = dict(request.query)
    if request.method == "POST" and request.body:
        asked |= dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    elif request.method not in {"GET", "POST"}:
        return json_response(405, {"error": "method_not_allowed", "error_description": "Method not allowed"})
    if asked.get("grant_type") != "client_credentials":
        text = f"Unsupported grant type: {asked.get('grant_type', '')}"
        return json_response(400, {"error": "unsupported_grant_type", "error_description": text})
    service = tenant.services.get(asked.get("client_id", ""))
    if service is None or service.secret != asked.get("client_secret"):
        body = {"error": tenant.switches.word("bad_client"), "error_description": "No client with requested id"}
        return json_response(401, body)
    left = _renewed(tenant, service)
    shown = {"access_token": service.token, "token_type": "bearer", "expires_in": left, "scope": service.user}
    return json_response(200, shown)


def _renewed(tenant: Tenant, service: Service) -> int:
    now = tenant.clock.time()
    if now >= service.expires:
        tenant.tokens += 1
        service.token = f"{tenant.uuid()}:{tenant.tokens}"
        service.expires = now + tenant.switches.number("token_seconds")
        tenant.issued[service.token] = service.client_id
    return max(0, int(service.expires - now) - 1)


def caller(tenant: Tenant, request: Request) -> Service:
    """Whose token a call carries. Raises CallError 600, 601 or 602; a token counts in the header only."""
    token = _token(tenant, request)
    service = tenant.services.get(tenant.issued.get(token, ""))
    if service is None:
        raise CallError("601")
    if token != service.token or tenant.clock.time() >= service.expires:
        raise CallError("602")
    return service


def _token(tenant: Tenant, request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    if tenant.switches.on("query_token") and request.first("access_token"):
        return request.first("access_token")
    code = tenant.switches.word("missing_token")
    raise CallError(code, "Access token not specified" if code == "600" else "")
