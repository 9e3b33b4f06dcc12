"""A local stand-in for App Service Authentication ("Easy Auth"): who is signed in, told to functions in headers.

In Azure the platform puts these headers on and strips any that come from outside; so does this. Signing in is naming a
user that was declared at the start: this is for development and tests, and the host listens on the loopback only.
"""

import base64
import html
import json
import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from werkzeug.wrappers import Request, Response

HEADER = "X-Dynasync-Local-User"
COOKIE = "AppServiceAuthSession"
_NAME_TYPE = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
_ROLE_TYPE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
_OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
_STRIPPED = ("x-ms-client-principal", "x-ms-token-", HEADER.lower())


class LocalUsers:
    """The declared users (name to roles) and the sessions of this run."""

    def __init__(self, users: Mapping[str, Sequence[str]]) -> None:
        self._users = {name: tuple(roles) for name, roles in users.items()}
        self._sessions: dict[str, str] = {}

    def headers_for(self, request: Request) -> dict[str, str] | None:
        """The platform's headers for the signed-in user, empty for nobody; None when the header names no such user."""
        name = request.headers.get(HEADER) or self._sessions.get(request.cookies.get(COOKIE, ""))
        if not name:
            return {}
        if name not in self._users:
            return None
        principal = base64.b64encode(json.dumps(self._principal(name)).encode()).decode("ascii")
        return {
            "x-ms-client-principal": principal,
            "x-ms-client-principal-name": name,
            "x-ms-client-principal-id": _object_id(name),
            "x-ms-client-principal-idp": "aad",
        }

    def handle(self, request: Request, action: str) -> Response:
        """Answer ``/.auth/ACTION``."""
        if action.startswith("login"):
            return self._login(request)
        if action == "logout":
            return self._logout(request)
        if action == "me":
            return self._me(request)
        return Response(status=404)

    def _login(self, request: Request) -> Response:
        name = request.args.get("user", "")
        target = _local(request.args.get("post_login_redirect_uri", ""))
        if not name:
            return self._choices(target)
        if name not in self._users:
            return Response("There is no such local user; declare it with --user NAME=ROLE,ROLE.\n", status=403)
        session = secrets.token_urlsafe(32)
        self._sessions[session] = name
        response = Response(status=302, headers={"Location": target})
        response.set_cookie(COOKIE, session, httponly=True, samesite="Lax", path="/")
        return response

    def _logout(self, request: Request) -> Response:
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)
        target = _local(request.args.get("post_logout_redirect_uri", ""))
        response = Response(status=302, headers={"Location": target})
        response.delete_cookie(COOKIE, path="/")
        return response

    def _me(self, request: Request) -> Response:
        name = request.headers.get(HEADER) or self._sessions.get(request.cookies.get(COOKIE, ""))
        if name not in self._users:
            return Response(status=401)
        entry = {"provider_name": "aad", "user_id": name, "user_claims": self._principal(str(name))["claims"]}
        return Response(json.dumps([entry]), mimetype="application/json")

    def _choices(self, target: str) -> Response:
        items = "".join(
            f'<li><a href="/.auth/login/local?user={quote(name)}&amp;post_login_redirect_uri={quote(target)}">'
            f"{html.escape(name)}</a> ({html.escape(', '.join(roles)) or 'no role'})</li>"
            for name, roles in self._users.items()
        )
        page = f"<!doctype html><html lang=en><title>Local sign-in</title><h1>Local sign-in</h1><ul>{items}</ul>"
        return Response(page, mimetype="text/html")

    def _principal(self, name: str) -> dict[str, Any]:
        claims = [
            {"typ": "name", "val": name},
            {"typ": "preferred_username", "val": name},
            {"typ": _NAME_TYPE, "val": name},
            {"typ": _OBJECT_ID, "val": _object_id(name)},
        ]
        claims += [{"typ": "roles", "val": role} for role in self._users[name]]
        return {"auth_typ": "aad", "name_typ": _NAME_TYPE, "role_typ": _ROLE_TYPE, "claims": claims}


def is_platform_header(name: str) -> bool:
    """Whether only the platform may set this header (lower case); what comes from outside under it is dropped."""
    return name.startswith(_STRIPPED)


def _object_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"dynasync-local-user:{name}"))


def _local(target: str) -> str:
    """A path of this host, whatever was asked for: a sign-in must not lead elsewhere."""
    parts = urlsplit(target.replace("\\", "/"))
    return target if target.startswith("/") and not parts.scheme and not parts.netloc else "/"
