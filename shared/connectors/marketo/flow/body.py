"""What Marketo sends a flow step, and what a webhook sends in its place. Both are only hints about who is meant."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from shared.connectors.marketo.flow.steps import DESCRIPTION, SUBJECT
from shared.domain.records import RemoteId
from shared.errors import Rejected

MOST_BYTES: Final = 32 * 1024 * 1024
_LONG: Final[Mapping[str, int]] = {SUBJECT: 200, DESCRIPTION: 2000}
_LONGEST: Final = 255
_LONGEST_OPAQUE: Final = 4096
"""Of an address or a token: the vendor names no bound, and a token may be a signed one."""

_MAX_ID: Final = 10**15
BY_CONTEXT, TRIGGER, BATCH = "by_context", "trigger", "batch"
CAMPAIGNS: Final = (BY_CONTEXT, TRIGGER, BATCH)


@dataclass(frozen=True, slots=True)
class Handed:
    """One person. `live`: a trigger campaign hands it over, so it is taken at once."""

    id: RemoteId
    choices: Mapping[str, str]
    live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """One call of a flow step. `url`, `key` and `token` are for the one callback."""

    people: Sequence[Handed]
    campaign: str
    batch: str = ""
    url: str = ""
    key: str = ""
    token: str = ""
    munchkin: str = ""

    def call_id(self, step: str, key: bytes) -> str:
        """The token is good for one answer, so it names the call; without one, what was asked does. Ids stand in
        messages, lists and logs, so `key` is a secret: what was asked cannot be guessed and tried against them."""
        told = [f"{person.id}{sorted(person.choices.items())}" for person in self.people]
        what = self.token or "|".join([self.batch, self.campaign, *told])
        return "fl" + blake2b(f"{step}|{what}".encode(), digest_size=15, key=key, person=b"flow step call").hexdigest()

    @property
    def batch_digest(self) -> str:
        """The run of the campaign, by a digest; "" for a call that names none and is a run of its own."""
        named = self.batch or self.token
        return blake2b(named.encode(), digest_size=12).hexdigest() if named else ""


def parse_submit(raw: bytes, *, attributes: Sequence[str], campaigns: str) -> Submitted:
    """Raises Rejected (`body_malformed`, `body_too_large`) naming the place that is wrong; never a value."""
    data = _object(raw)
    campaign = data.get("campaignId")
    if not isinstance(campaign, int) or isinstance(campaign, bool) or abs(campaign) >= _MAX_ID:
        raise malformed("campaignId is no whole number")
    context = data.get("context")
    subscription = context.get("subscription") if isinstance(context, Mapping) else None
    munchkin = _text(subscription, "munchkinId") if isinstance(subscription, Mapping) else ""
    if not munchkin:
        raise malformed("context.subscription.munchkinId is missing")
    url = _text(data, "callbackUrl", _LONGEST_OPAQUE)
    if not url:
        raise malformed("callbackUrl is missing")
    rows = data.get("objectData")
    if not isinstance(rows, list):
        raise malformed("objectData is no list")
    return Submitted(
        people=[_handed(row, place, attributes, campaigns) for place, row in enumerate(rows)],
        campaign=str(campaign),
        batch=_text(data, "batchid"),
        url=url,
        key=_text(data, "apiCallBackKey", _LONGEST_OPAQUE),
        token=_text(data, "token", _LONGEST_OPAQUE),
        munchkin=munchkin,
    )


def check_subscription(given: Submitted, subscription: str) -> None:
    """Raises Rejected for people of another subscription: their ids name somebody else here. "" is any."""
    if subscription and given.munchkin.upper() != subscription.upper():
        raise Rejected(
            "the flow step's call comes from another Marketo subscription (context.subscription.munchkinId)",
            code="body_malformed",
            next_step=f"This connection is that of {subscription}. Install the steps of the connection that belongs to "
            "your subscription.",
        )


def parse_enqueue(raw: bytes, *, attributes: Sequence[str]) -> Submitted:
    """A webhook's body: `leadId` and the attributes of the step, all at one level. Raises Rejected."""
    data = _object(raw)
    person = _id(data.get("leadId"))
    if person is None:
        raise malformed("leadId is no id of a person")
    choices = _choices(data, attributes, "the body")
    return Submitted(people=[Handed(person, choices, live=True)], campaign="")


def parse_picklist(raw: bytes) -> str:
    """The attribute whose choices are asked for. Raises Rejected."""
    name = _text(_object(raw), "name")
    if not name:
        raise malformed("name is missing")
    return name


def _handed(row: object, place: int, attributes: Sequence[str], campaigns: str) -> Handed:
    where = f"objectData[{place}]"
    if not isinstance(row, Mapping):
        raise malformed(f"{where} is no object")
    if str(row.get("objectType", "lead")) != "lead":
        raise malformed(f"{where}.objectType is not lead")
    context = row.get("objectContext")
    person = _id(context.get("id")) if isinstance(context, Mapping) else None
    if person is None:
        raise malformed(f"{where}.objectContext.id is no id of a person")
    told = row.get("flowStepContext") or {}
    if not isinstance(told, Mapping):
        raise malformed(f"{where}.flowStepContext is no object")
    triggered = bool(row.get("triggeringContext"))
    live = triggered if campaigns == BY_CONTEXT else campaigns == TRIGGER
    return Handed(person, _choices(told, attributes, f"{where}.flowStepContext"), live)


def _choices(told: Mapping[str, Any], attributes: Sequence[str], where: str) -> dict[str, str]:
    """What the step was told, as texts; empty ones are none, and attributes of other releases are let be."""
    found: dict[str, str] = {}
    for name in attributes:
        value = told.get(name)
        if value is None:
            continue
        if not isinstance(value, str | int | float | bool):
            raise malformed(f"{where}.{name} is no plain value")
        text = _whole(str(value).lower() if isinstance(value, bool) else str(value)).strip()
        if text and text != "null":
            found[name] = text[: _LONG.get(name, _LONGEST)]
    return found


def _object(raw: bytes) -> Mapping[str, Any]:
    if len(raw) > MOST_BYTES:
        raise Rejected(
            f"the body is larger than {MOST_BYTES // 1024 // 1024} MiB",
            code="body_too_large",
            next_step="Send fewer people in one call.",
        )
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        raise malformed("it is no JSON") from None
    if not isinstance(data, Mapping):
        raise malformed("it is no object")
    return data


def _id(value: object) -> RemoteId | None:
    """A person's id, sent as number or digits."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    usable = text.isascii() and text.isdigit() and len(text) < 16 and 0 < int(text) < _MAX_ID  # noqa: PLR2004
    return RemoteId(str(int(text))) if usable else None


def _whole(text: str) -> str:
    """Halves of a character, which JSON can spell, as question marks: nothing can store or send them."""
    return text.encode("utf-8", "replace").decode()


def _text(data: Mapping[str, Any], name: str, most: int = _LONGEST) -> str:
    """A name, an address or a token. Keys and tokens become headers and addresses of the callback, so all are plain."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise malformed(f"{name} is no text")
    text = str(value).strip()
    if len(text) > most:
        raise malformed(f"{name} is longer than {most} characters")
    if not (text.isascii() and text.isprintable()):
        raise malformed(f"{name} holds characters outside printable ASCII")
    return text


def malformed(what: str) -> Rejected:
    return Rejected(
        f"the flow step's body cannot be used: {what}",
        code="body_malformed",
        next_step="It has to be as Marketo's self-service flow steps send it; see docs/how-to/marketo-flow-step.md.",
    )
