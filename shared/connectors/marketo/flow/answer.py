"""The one callback that a flow step is owed: what it says, and where it may go.

Its address comes with each call, so it is input like any other: it has to be https on a host of the vendor's
(`callback_hosts`), of the subscription itself, or one the app's administrator trusts. Nothing is sent anywhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.connectors.marketo.errors import TITLE
from shared.connectors.marketo.flow.definition import ENTITY, OUTCOME, ROW
from shared.connectors.marketo.settings import MarketoSettings
from shared.domain.outcomes import reason
from shared.errors import ConfigError, GuardTripped, OutcomeUnknown, Throttled, Transient
from shared.http.calls import Call
from shared.http.client import HttpClient, Manners, Runtime
from shared.http.origin import Origin
from shared.http.retry import RetryPolicy
from shared.ports.flow import AnswerTo, Person

_SECONDS: Final = 30.0
_MANNERS: Final = Manners(title=TITLE, retry=RetryPolicy(tries=1), throttling=frozenset())
_DONE: Final[Mapping[str, str]] = {
    "created": "created",
    "updated": "updated",
    "unchanged": "alreadyInSync",
    "skipped:exists": "alreadyInSync",
    "waiting:make": "nextCycle",
    "waiting:update": "nextCycle",
    "deleted": "removed",
}
"""Outcome codes that are a success, and what campaigns are told of them."""

_LONGEST: Final = 255


class _Unlimited:
    """The callback's address is no part of the API: its limits are not those of the account."""

    def acquire(self, calls: int = 1, *, interactive: bool = False) -> None:
        del calls, interactive

    def close_for(self, seconds: float) -> None:
        del seconds


@dataclass(frozen=True, slots=True)
class _Keys:
    """An `Authorizer` with what came with the call. A refusal is final."""

    to: AnswerTo

    def headers(self) -> Mapping[str, str]:
        return {"x-api-key": self.to.key, "x-callback-token": self.to.token}

    def refused(self, used: Mapping[str, str]) -> bool:
        del used
        return False


def callback_body(to: AnswerTo, people: Iterable[Person], now: datetime) -> dict[str, Any]:
    """The body of the callback: everybody of the call, once."""
    return {
        "munchkinId": to.account,
        "token": to.token,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "objectData": [{"leadData": {"id": int(one.id)}, "activityData": activity(one)} for one in people],
    }


def activity(person: Person) -> dict[str, Any]:
    """What a person's activity says. Codes of people and of whole calls share no name."""
    shown: dict[str, Any] = {}
    if person.crm is not None:
        shown = {ROW: str(person.crm.id), ENTITY: str(person.crm.kind)}
    done = _DONE.get(person.code)
    if done is not None:
        return {"success": True, OUTCOME: done, **shown}
    words = reason(person.code)
    code = person.code.rpartition(":")[2].upper() or "UNKNOWN"
    told = f"{words.meaning} {words.next_step}".strip() + (f" ({person.message})" if person.message else "")
    return {"success": False, OUTCOME: "failed", "errorCode": code, "reason": told[:_LONGEST], **shown}


def callback_origin(url: str, settings: MarketoSettings, trusted: frozenset[str]) -> Origin:
    """Raises GuardTripped (`foreign_callback`) for an address that nothing is sent to."""
    try:
        origin = Origin.parse(url, setting="callbackUrl")
        origin.pin(url)
    except (ConfigError, GuardTripped):
        raise _foreign() from None
    domains = "|".join(re.escape(name) for name in settings.callback_hosts)
    known = bool(domains) and origin.is_known(re.compile(rf"(?:[a-z0-9-]+\.)*(?:{domains})"), trusted)
    if not known and origin != settings.origin and f"{origin.host}:{origin.port}" not in trusted:
        raise _foreign()
    return origin


def send_callback(
    to: AnswerTo, people: Iterable[Person], *, settings: MarketoSettings, trusted: frozenset[str], runtime: Runtime
) -> int:
    """One attempt; the status it got. Raises OutcomeUnknown when no answer came, Transient when nothing was sent,
    GuardTripped for a foreign address. No error repeats the address."""
    origin = callback_origin(to.url, settings, trusted)
    body = json.dumps(callback_body(to, people, runtime.clock.now()), separators=(",", ":")).encode()
    client = HttpClient(
        system="marketo",
        origin=origin,
        runtime=runtime,
        budget=_Unlimited(),
        authorizer=_Keys(to),
        manners=_MANNERS,
        scope=origin.url,
    )
    call = Call(
        method="POST",
        target=origin.pin(to.url),
        purpose="callback",
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        body=body,
        effect=True,
        raw=True,
        seconds=_SECONDS,
        read_seconds=_SECONDS,
        max_bytes=1024 * 1024,
    )
    try:
        return client.send(call).status
    except OutcomeUnknown:
        raise OutcomeUnknown(
            f"{TITLE} did not say whether it took the callback", next_step="It is sent again."
        ) from None
    except (Transient, Throttled) as passing:
        raise Transient(
            f"{TITLE}'s callback address could not be reached", code=passing.code, next_step="It is sent again."
        ) from None


def _foreign() -> GuardTripped:
    return GuardTripped(
        "the callback address of a flow step's call is none of Marketo's",
        code="foreign_callback",
        next_step="If it is one of Adobe's hosts, add its domain to the connection's setting callback_hosts.",
    )
