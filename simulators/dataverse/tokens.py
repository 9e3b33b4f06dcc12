"""Access tokens: made by `entra`, read by the organisation. One authority is shared by the two systems."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

TENANT = "5d2f1c44-7c1b-4a86-9f0e-2b6a3c9d8e10"
APPLICATION = "9a1e5b70-3c42-4d8e-b6f1-0c7d2a4e5f63"
SECRET = "simulated~secret-of-the-default-app"  # noqa: S105 - opens nothing but this simulator


@dataclass(frozen=True, slots=True)
class Secret:
    """A client secret; `expires` is in seconds since 1970, None for never."""

    value: str
    expires: float | None = None


@dataclass(slots=True)
class Application:
    """An app registration. `certificates` are PEM texts; `managed_identity` may use the identity endpoint."""

    client_id: str
    tenant: str = TENANT
    secrets: list[Secret] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)
    managed_identity: bool = False


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: whose it is, what for, until when."""

    application_id: str
    audience: str
    expires: float
    tenant: str


class TokenAuthority:
    """Signs tokens and knows the applications of the tenants."""

    def __init__(self) -> None:
        self._key = b"simulated entra"
        self.applications: dict[str, Application] = {}
        self.tenants: set[str] = set()
        self.reset()

    def reset(self) -> None:
        """Know the default tenant and application only; tokens given out before stay readable."""
        self.tenants = {TENANT}
        self.applications = {APPLICATION: Application(APPLICATION, secrets=[Secret(SECRET)], managed_identity=True)}

    def add(self, application: Application) -> None:
        self.tenants.add(application.tenant)
        self.applications[application.client_id] = application

    def sign(self, claims: Claims, now: float) -> str:
        """Return a token in the shape of a JWT."""
        body = {
            "aud": claims.audience,
            "iss": f"https://sts.windows.net/{claims.tenant}/",
            "iat": int(now),
            "nbf": int(now),
            "exp": int(claims.expires),
            "appid": claims.application_id,
            "azp": claims.application_id,
            "tid": claims.tenant,
            "ver": "1.0",
        }
        head = _pack({"typ": "JWT", "alg": "HS256"})
        text = f"{head}.{_pack(body)}"
        return f"{text}.{self._signature(text)}"

    def read(self, token: str) -> Claims | None:
        """Return the claims of a token that was signed here, None for any other text."""
        text, _, signature = token.rpartition(".")
        if not text or not hmac.compare_digest(signature.encode(), self._signature(text).encode()):
            return None
        body = _unpack(text.partition(".")[2])
        return Claims(str(body["appid"]), str(body["aud"]), float(body["exp"]), str(body["tid"]))

    def _signature(self, text: str) -> str:
        return _encode(hmac.new(self._key, text.encode("utf-8", "replace"), hashlib.sha256).digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _pack(value: dict[str, Any]) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _unpack(text: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return value
