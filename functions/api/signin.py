"""Who asks: a person or app that the platform signed in, the holder of a function key, or nobody.

The platform ("Easy Auth") puts `X-MS-CLIENT-PRINCIPAL` on a request and strips any that comes from outside. Where it is
not in front of the app, anybody could send that header: it is believed only when DYNASYNC_EASY_AUTH says that it is.
Source: https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import azure.functions as func

from functions.api.problems import Refusal
from functions.api.route import Role

_OBJECT_ID: Final = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "oid")
_MOST: Final = 64_000
_SAFE: Final = frozenset({"GET", "HEAD"})
CSRF_HEADER: Final = "X-Dynasync-Request"
"""No other site can make a browser send it without asking first (CORS), and the app allows nobody."""

_SESSION: Final = "AppServiceAuthSession"


@dataclass(frozen=True, slots=True)
class Caller:
    """`id` is an object id of the directory, "key" for the holder of a function key, "" for nobody."""

    id: str
    roles: frozenset[str] = frozenset()

    def may(self, role: Role) -> bool:
        if role is Role.OPEN:
            return True
        if role is Role.SIGNED_IN:
            return bool(self.roles)
        if role is Role.READER:
            return not self.roles.isdisjoint({"reader", "admin"})
        return "admin" in self.roles


NOBODY: Final = Caller("")
KEY: Final = Caller("key", frozenset({"admin"}))
_ROLES: Final = frozenset({"reader", "admin", "user"})


def signed_in(request: func.HttpRequest, *, easy_auth: bool) -> Caller:
    """The signed-in caller; NOBODY for a header that is not there, cannot be read, or must not be believed."""
    text = request.headers.get("x-ms-client-principal", "") if easy_auth else ""
    if not text or len(text) > _MOST:
        return NOBODY
    try:
        principal = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return NOBODY
    return _caller(principal) if isinstance(principal, dict) else NOBODY


def _caller(principal: Mapping[str, Any]) -> Caller:
    claims = principal.get("claims")
    if principal.get("auth_typ") != "aad" or not isinstance(claims, list):
        return NOBODY
    found = [(claim.get("typ"), claim.get("val")) for claim in claims if isinstance(claim, dict)]
    pairs = [(kind, value) for kind, value in found if isinstance(kind, str) and isinstance(value, str)]
    ids = [value for kind, value in pairs if kind in _OBJECT_ID and value]
    kinds = ("roles", principal.get("role_typ"))
    roles = frozenset(value for kind, value in pairs if kind in kinds and value in _ROLES)
    return Caller(ids[0][:100], roles) if ids else NOBODY


def guard(caller: Caller, role: Role) -> None:
    """Raises Refusal (`not_signed_in`, `role_missing`)."""
    if caller.may(role):
        return
    if not caller.id:
        raise Refusal(
            "not_signed_in",
            "nobody is signed in",
            next_step="Sign in (/.auth/login/aad), send an Entra token of this app, or use /api/ with a function key.",
        )
    raise Refusal(
        "role_missing",
        f"this needs the role {role.value}",
        next_step="An administrator of the directory assigns roles in the enterprise application of dynasync.",
    )


def guard_origin(request: func.HttpRequest) -> None:
    """Refuses a change that another site made a signed-in person's browser send (cross-site request forgery).

    A token in `Authorization` is sent by programs on purpose, never by a browser on its own; a session cookie is.
    """
    if request.method in _SAFE:
        return
    token = request.headers.get("authorization", "").lower().startswith("bearer ")
    if token and _SESSION not in request.headers.get("cookie", ""):
        return
    origin = request.headers.get("origin", "")
    site = request.headers.get("sec-fetch-site", "same-origin")
    own = request.headers.get("host", "") or urlsplit(request.url).netloc
    foreign = bool(origin) and urlsplit(origin).netloc.lower() != own.lower()
    if foreign or site != "same-origin" or not request.headers.get(CSRF_HEADER.lower()):
        raise Refusal(
            "cross_site",
            "this change did not come from the app's own page",
            next_step=f"Send the header {CSRF_HEADER} (any value) from the app's own origin, or an Entra token.",
        )
