"""What ActiveCampaign's webhooks say: the "Webhook" step of automations, and webhooks of the account.

Both post a form with PHP's brackets (`contact[id]=7`); neither is signed, sent twice, or has a header of its own. An
app of the vendor's App Studio posts JSON of our choice. Whatever came with the contact is not read: only its id counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from shared.connectors.activecampaign.contacts import as_id
from shared.connectors.activecampaign.fields import CONTACT
from shared.domain.records import Ref
from shared.errors import ConfigError

PERSON: Final = "public"
"""The vendor's word for what a contact did, in `initiated_from`."""

MOST_BYTES: Final = 1_000_000
"""A contact with 250 long custom fields stays below a tenth of this."""

_MOST_FIELDS: Final = 10_000
_NUMBER: Final = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Hook:
    """One call of a webhook. `event` and `source` are the vendor's words, "" for a step of an automation."""

    contact: Ref
    event: str = ""
    source: str = ""

    @property
    def tells(self) -> bool:
        """Whether the event tells what reading the contact cannot: a subscription by the person's own act."""
        return (self.event, self.source) == ("subscribe", PERSON)


def parse_hook(body: bytes, content_type: str) -> Hook:
    """Raises ConfigError (`body_too_large`, `body_malformed`, `contact_missing`); nothing of the body is repeated."""
    if len(body) > MOST_BYTES:
        raise ConfigError(
            f"the body has {len(body)} bytes; at most {MOST_BYTES} are taken",
            code="body_too_large",
            next_step="Send only the contact's id; everything else is read again in any case.",
        )
    try:
        text = body.decode("utf-8")
        found = _from_json(text) if "json" in content_type.lower() else _from_form(text)
    except ValueError:
        raise ConfigError(
            "the body is neither a form nor JSON",
            code="body_malformed",
            next_step="Send contact[id]=17 as application/x-www-form-urlencoded, as ActiveCampaign's webhooks do, or "
            '{"contact": {"id": "17"}} as application/json.',
        ) from None
    contact, event, source = found
    if _NUMBER.fullmatch(contact) is None:
        raise ConfigError(
            "the body names no contact by its id",
            code="contact_missing",
            next_step="Send the contact's numeric id as contact[id].",
        )
    return Hook(Ref(CONTACT, as_id(contact)), event[:40], source[:40])


def _from_form(text: str) -> tuple[str, str, str]:
    pairs = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"))
    return pairs.get("contact[id]", "").strip(), pairs.get("type", ""), pairs.get("initiated_from", "")


def _from_json(text: str) -> tuple[str, str, str]:
    data: Any = json.loads(text)
    if not isinstance(data, Mapping):
        raise ValueError("not an object")  # noqa: TRY004 - to the caller it is as malformed as a body that is no JSON
    contact = data.get("contact")
    given = contact.get("id") if isinstance(contact, Mapping) else data.get("id")
    known = given if isinstance(given, str) else str(given) if isinstance(given, int) else ""
    return known.strip(), str(data.get("type") or ""), str(data.get("initiated_from") or "")
