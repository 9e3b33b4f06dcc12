"""Tokens of Microsoft Entra ID for an application: by secret, by certificate, or as a managed identity.

`msal` does the protocol; this gives it our session, keeps one token per application and resource, renews it once when
it was refused, and turns refusals into what an administrator has to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from shared.errors import ConfigError, SyncError, Transient
from shared.http.aadsts import refusal
from shared.http.calls import Answer, Call, Observed
from shared.http.certificates import certificate_credential
from shared.http.client import Runtime
from shared.http.transport import exchange

PUBLIC_AUTHORITIES = frozenset(
    {"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"}
)
_EARLY = 300.0  # seconds before its end at which a token is no longer used
_TIMEOUTS = (10.0, 30.0)
_SECONDS = 45.0


class CredentialKind(StrEnum):
    """How the application proves who it is. With MANAGED_IDENTITY there is nothing to keep secret."""

    SECRET = "secret"  # noqa: S105 - the name of a way to sign in
    CERTIFICATE = "certificate"
    MANAGED_IDENTITY = "managed_identity"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntraApp:
    """One application in one tenant. `client_id` may be "" for a system-assigned managed identity.

    `authority_host` is the sign-in host with its port where it has one; `resource` is the origin a token is for.
    """

    kind: CredentialKind
    resource: str
    client_id: str = ""
    tenant: str = ""
    authority_host: str = "login.microsoftonline.com"


class EntraTokens:
    """An `Authorizer` for one application and resource. One thread at a time fetches a token; the others wait."""

    def __init__(self, app: EntraApp, runtime: Runtime, read_secret: Callable[[], str]) -> None:
        self._app = app
        self._runtime = runtime
        self._read_secret = read_secret
        self._lock = Lock()
        self._token = ""
        self._good_until = 0.0
        self._clients: dict[str, Any] = {}

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token()}"}

    def refused(self, used: Mapping[str, str]) -> bool:
        with self._lock:
            if used.get("Authorization") == f"Bearer {self._token}":
                self._good_until = 0.0
        return True

    def token(self) -> str:
        """A token that is good for some minutes. Raises AuthError, Transient, ConfigError."""
        with self._lock:
            if self._runtime.clock.monotonic() >= self._good_until:
                self._token, lasts = self._fetch()
                self._good_until = self._runtime.clock.monotonic() + max(lasts - _EARLY, lasts / 2)
            return self._token

    def _fetch(self) -> tuple[str, float]:
        transport = _Transport(self._runtime)
        error, result = self._ask(transport)
        if error is not None:
            raise error
        token = result.get("access_token")
        if isinstance(token, str) and token:
            return token, float(result.get("expires_in") or 0)
        raise refusal(result, self._app.kind.value, resource=self._app.resource)

    def _ask(self, transport: _Transport) -> tuple[SyncError | None, Mapping[str, Any]]:
        """What msal says. Its own exceptions may quote bodies, so they end here."""
        secret = "" if self._app.kind is CredentialKind.MANAGED_IDENTITY else self._read_secret()
        try:
            if self._app.kind is CredentialKind.MANAGED_IDENTITY:
                return None, _as_managed_identity(self._app, transport)
            return None, self._as_application(secret, transport)
        except _NoAnswerError:
            return Transient("the sign-in service could not be reached", code="sign_in_unreachable"), {}
        except ConfigError as problem:
            return problem, {}
        except Exception:  # msal raises ValueError, RuntimeError and its own; the transport knows the cause
            return transport.problem(self._app.tenant), {}

    def _as_application(self, secret: str, transport: _Transport) -> Mapping[str, Any]:
        import msal

        key = sha256(secret.encode()).hexdigest()
        client = self._clients.get(key)
        if client is None:
            discovery = None if self._app.authority_host in PUBLIC_AUTHORITIES else False
            client = msal.ConfidentialClientApplication(
                self._app.client_id,
                authority=f"https://{self._app.authority_host}/{self._app.tenant}",
                client_credential=secret if self._app.kind is CredentialKind.SECRET else certificate_credential(secret),
                instance_discovery=discovery,
                http_client=transport,
            )
            self._clients = {key: client}
        client.remove_tokens_for_client()
        answer: Mapping[str, Any] = client.acquire_token_for_client([f"{self._app.resource}/.default"])
        return answer


class TokenPool:
    """Keeps one `EntraTokens` per application and resource for the life of the process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[tuple[EntraApp, str], EntraTokens] = {}

    def of(self, app: EntraApp, runtime: Runtime, *, secret_name: str, read: Callable[[str], str]) -> EntraTokens:
        """The tokens of `app`, whose secret is read by name when a token has to be fetched."""
        with self._lock:
            key = (app, secret_name)
            if key not in self._known:
                self._known[key] = EntraTokens(app, runtime, lambda: read(secret_name))
            return self._known[key]


def _as_managed_identity(app: EntraApp, transport: _Transport) -> Mapping[str, Any]:
    import msal

    identity = (
        msal.UserAssignedManagedIdentity(client_id=app.client_id)
        if app.client_id
        else msal.SystemAssignedManagedIdentity()
    )
    client = msal.ManagedIdentityClient(identity, http_client=transport)
    answer: Mapping[str, Any] = client.acquire_token_for_client(resource=app.resource)
    return answer


class _NoAnswerError(Exception):
    """The sign-in service gave no answer."""


class _Reply:
    """What msal reads of an answer."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self.text = answer.body.decode("utf-8", "replace")
        self.headers = dict(answer.headers)

    def raise_for_status(self) -> None:
        if self.status_code // 100 != 2:  # noqa: PLR2004 - the hundreds of a success
            raise _NoAnswerError


class _Transport:
    """msal's way out: our session, with time-outs, without redirects, counted under the purpose `token`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._last_status = 0

    def get(self, url: str, params: Mapping[str, str] | None = None, **options: Any) -> _Reply:
        return self._send("GET", f"{url}?{urlencode(params)}" if params else url, None, options)

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | str | None = None,
        **options: Any,
    ) -> _Reply:
        body = data if isinstance(data, str) else urlencode(data or {})
        return self._send("POST", f"{url}?{urlencode(params)}" if params else url, body.encode(), options)

    def close(self) -> None:
        """The session belongs to the process."""

    def problem(self, tenant: str) -> SyncError:
        """Why msal gave up, by the last answer it got."""
        if 400 <= self._last_status < 500:  # noqa: PLR2004 - the hundreds of a refusal
            return refusal({"error_codes": [90002], "tenant": tenant}, "secret", resource="")
        return Transient("the sign-in service gave no usable answer", code="sign_in_unreachable")

    def _send(self, method: str, url: str, body: bytes | None, options: Mapping[str, Any]) -> _Reply:
        clock = self._runtime.clock
        headers = {str(name): str(value) for name, value in (options.get("headers") or {}).items()}
        if body is not None:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        call = Call(method=method, target="", purpose="token", body=body, max_bytes=1024 * 1024)
        started = clock.monotonic()
        outcome = exchange(
            self._runtime.session,
            call,
            url=url,
            headers=headers,
            timeouts=_TIMEOUTS,
            remaining=lambda: started + _SECONDS - clock.monotonic(),
        )
        self._last_status = outcome.status if isinstance(outcome, Answer) else 0
        seen = Observed(
            system="entra",
            purpose="token",
            method=method,
            status=self._last_status,
            sent_bytes=len(body or b""),
            received_bytes=len(outcome.body) if isinstance(outcome, Answer) else 0,
            seconds=clock.monotonic() - started,
        )
        for observe in self._runtime.observers:
            observe(seen)
        if not isinstance(outcome, Answer):
            raise _NoAnswerError
        return _Reply(outcome)
