"""A Key Vault and an identity endpoint on the loopback, as far as the SDK speaks with them.

Follows Microsoft's Key Vault REST reference: a challenge before the first token, versions, the bin of deleted secrets
and its 409 for a name that lies in it. Tokens are those the identity endpoint gave out; others are refused.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from simulators.frame.tls import make_authority


@dataclass(slots=True)
class FakeVault:
    """`values` are the versions of each secret, newest last; `forbidden` makes it refuse everybody."""

    url: str = ""
    identity_url: str = ""
    ca_file: str = ""
    values: dict[str, list[str]] = field(default_factory=dict)
    bin: dict[str, list[str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    reads: int = 0
    forbidden: bool = False
    broken: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def settings(self) -> dict[str, str]:
        """The app settings and platform variables of an app that uses it."""
        return {
            "DYNASYNC_VAULT": self.url,
            "IDENTITY_ENDPOINT": self.identity_url,
            "IDENTITY_HEADER": "local",
        }

    def token(self, request: Request) -> Response:
        if request.headers.get("X-IDENTITY-HEADER") != "local":
            return Response(status=401)
        token = secrets.token_urlsafe(16)
        self.tokens.add(token)
        return _json({"access_token": token, "expires_on": "4102444800", "expires_in": "3600",
                      "resource": request.args.get("resource", ""), "token_type": "Bearer"})  # fmt: skip

    def answer(self, request: Request) -> Response:
        with self._lock:
            if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
                resource = "https://" + self.url.removeprefix("https://").partition(".")[2].rstrip("/")
                challenge = f'Bearer authorization="https://login.microsoftonline.com/t", resource="{resource}"'
                return Response(status=401, headers={"WWW-Authenticate": challenge})
            if self.forbidden:
                return _json({"error": {"code": "Forbidden", "message": "no"}}, 403)
            if self.broken:
                return _json({"error": {"code": "ServiceUnavailable", "message": "no"}}, 503)
            kind, name, *rest = request.path.strip("/").split("/")
            return self._secret(request, kind, name, rest)

    def _secret(self, request: Request, kind: str, name: str, rest: list[str]) -> Response:
        match (request.method, kind, rest):
            case ("PUT", "secrets", _):
                if name in self.bin:
                    return _json(
                        {"error": {"code": "Conflict", "innererror": {"code": "ObjectIsDeletedButRecoverable"}}}, 409
                    )
                self.values.setdefault(name, []).append(json.loads(request.get_data())["value"])
                return self._bundle(name)
            case ("GET", "secrets", _) if name in self.values:
                self.reads += 1
                return self._bundle(name)
            case ("DELETE", "secrets", _) if name in self.values:
                self.bin[name] = self.values.pop(name)
                return _json({"id": f"{self.url}secrets/{name}/1", "recoveryId": f"{self.url}deletedsecrets/{name}",
                              "attributes": {"enabled": True}})  # fmt: skip
            case ("POST", "deletedsecrets", ["recover"]) if name in self.bin:
                self.values[name] = self.bin.pop(name)
                return self._bundle(name)
            case _:
                return _json({"error": {"code": "SecretNotFound", "message": "no"}}, 404)

    def _bundle(self, name: str) -> Response:
        versions = self.values[name]
        return _json({"value": versions[-1], "id": f"{self.url}secrets/{name}/{len(versions)}",
                      "attributes": {"enabled": True, "created": 1, "updated": 1}})  # fmt: skip


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")


@contextlib.contextmanager
def fake_vault(folder: Path, authority: Path | None = None) -> Iterator[FakeVault]:
    """Runs one until the end of the block. `authority`: the folder of a certificate authority that is there already."""
    vault = FakeVault()
    certificates = make_authority(authority or folder)
    plain = make_server("127.0.0.1", 0, Request.application(vault.token), threaded=True)
    sealed = make_server("127.0.0.1", 0, Request.application(vault.answer), threaded=True,
                         ssl_context=certificates.server_context())  # fmt: skip
    vault.url = f"https://127.0.0.1:{sealed.server_port}/"
    vault.identity_url = f"http://127.0.0.1:{plain.server_port}/msi/token"
    vault.ca_file = str(certificates.ca_file)
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in (plain, sealed)]
    for thread in threads:
        thread.start()
    try:
        yield vault
    finally:
        for server in (plain, sealed):
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join(5)
