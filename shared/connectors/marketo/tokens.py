"""The access token of a custom service: an hour long, the same for all who ask, renewed a minute before it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from urllib.parse import urlencode

from shared.connectors.marketo.settings import MarketoSettings
from shared.connectors.surroundings import Surroundings
from shared.errors import AuthError, ConfigError, Transient
from shared.http.calls import Call
from shared.http.client import HttpClient, Manners

_EARLY = 60.0
_KEPT = 3600.0
_NEXT = "Copy client id and client secret again from Admin, LaunchPoint, View Details, save them, and run the check."


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when, by the monotonic clock, it is to be renewed."""

    text: str
    good_until: float


class NoCredentials:
    """An `Authorizer` for the call that asks for a token."""

    def headers(self) -> Mapping[str, str]:
        return {}

    def refused(self, used: Mapping[str, str]) -> bool:
        del used
        return False


class ServiceToken:
    """An `Authorizer` that keeps one token for a process."""

    def __init__(self, settings: MarketoSettings, around: Surroundings, manners: Manners) -> None:
        self._settings, self._around = settings, around
        self._lock = Lock()
        self._key = ("marketo", "token", settings.origin, settings.client_id)
        self._http = HttpClient(
            system="marketo",
            origin=settings.origin,
            runtime=around.runtime,
            budget=around.budget,
            authorizer=NoCredentials(),
            manners=manners,
            scope=settings.origin.url,
        )

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token().text}"}

    def refused(self, used: Mapping[str, str]) -> bool:
        """The token died before its time: another one is worth a try, unless one was fetched meanwhile."""
        with self._lock:
            kept: Token | None = self._around.memo.get(self._key, _KEPT, lambda: None)
            if kept is not None and used.get("Authorization") == f"Bearer {kept.text}":
                self._around.memo.drop(self._key)
        return True

    def _token(self) -> Token:
        with self._lock:
            clock = self._around.runtime.clock
            kept: Token | None = self._around.memo.get(self._key, _KEPT, lambda: None)
            if kept is not None and clock.monotonic() < kept.good_until:
                return kept
            fresh = self._fetch(clock.monotonic)
            return self._around.memo.put(self._key, fresh)

    def _fetch(self, monotonic: Callable[[], float]) -> Token:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": self._around.secrets.secret(self._settings.client_secret),
        }
        began = monotonic()
        answer = self._http.send(
            Call(
                method="POST",
                target="/identity/oauth/token",
                purpose="token",
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                body=urlencode(form).encode(),
            )
        )
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise AuthError("Marketo: the client id or the client secret is wrong", code="bad_client", next_step=_NEXT)
        if not answer.ok:
            raise ConfigError(
                f"Marketo's identity service answered {answer.status}", code="wrong_address", next_step=_NEXT
            )
        data = answer.data if isinstance(answer.data, Mapping) else {}
        text, seconds = data.get("access_token"), data.get("expires_in")
        if not isinstance(text, str) or not text or not isinstance(seconds, int):
            raise Transient("Marketo's identity service answered without a token", code="unreadable_answer")
        # One that is about to end is what everybody gets until it has ended; 602 then brings the next one.
        return Token(text, began + max(float(seconds) - _EARLY, min(float(seconds), 1.0)))
