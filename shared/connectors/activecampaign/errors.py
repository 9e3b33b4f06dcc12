"""What ActiveCampaign says when it refuses, in all the shapes it says it.

Source: the vendor's OpenAPI file and reference pages; the letters are the shapes: (a) a message, (b) errors with codes,
(c) errors with a status, (d) errors as one text, (e) a bare "Forbidden", (f) an import's reasons.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from shared.errors import AuthError, ConfigError, Rejected, SyncError, Transient
from shared.http.body import decode_json, is_html
from shared.ports.connector import Outcome

_NOTHING_THERE = re.compile(r"no result found", re.IGNORECASE)
_LIMIT = re.compile(r"contact limit|limit of your account", re.IGNORECASE)
_FEATURE = re.compile(r"access this feature|permission|upgrade", re.IGNORECASE)
_ENTRY = re.compile(r"create SubscriberSeries", re.IGNORECASE)
_RATE = re.compile(r"rate limit|per minute|in a minute|too many requests", re.IGNORECASE)
_KEY_STEP = "Copy the API key again from Settings, Developer, save it here, and run the check."


@dataclass(frozen=True, slots=True)
class VendorError:
    """A refusal. `code` is the vendor's word (`duplicate`, `field_invalid`) or ""; `pointer` names the attribute."""

    status: int
    code: str
    message: str
    pointer: str = ""
    html: bool = False

    @property
    def is_missing(self) -> bool:
        """Nothing under that id; several resources say 403 for it."""
        return self.status == HTTPStatus.NOT_FOUND or bool(_NOTHING_THERE.search(self.message))

    @property
    def is_duplicate(self) -> bool:
        return self.status == HTTPStatus.UNPROCESSABLE_ENTITY and self.code == "duplicate"

    @property
    def is_contact_limit(self) -> bool:
        return bool(_LIMIT.search(self.message))

    @property
    def is_rate_limit(self) -> bool:
        """Imports say so with status 400."""
        return bool(_RATE.search(self.message))

    @property
    def refuses_entry(self) -> bool:
        """A contact was not taken into an automation ("SubscriberSeries"); the reason is not told."""
        return bool(_ENTRY.search(self.message))

    @property
    def may_be_spurious(self) -> bool:
        """A 403 that says no more than "Forbidden" sometimes goes away when asked again."""
        told = self.is_missing or self.is_contact_limit or self.refuses_entry
        return self.status == HTTPStatus.FORBIDDEN and not told

    @property
    def name(self) -> str:
        if self.is_contact_limit:
            return "contact_limit"
        return self.code or f"http_{self.status}"


def parse_error(status: int, body: bytes, content_type: str = "") -> VendorError:
    """Reads an error body in whichever shape it came."""
    if is_html(body, content_type):
        return VendorError(status, "", "", html=True)
    try:
        data = decode_json(body)
    except SyncError:
        return VendorError(status, "", "")
    if not isinstance(data, Mapping):
        return VendorError(status, "", "")
    errors = data.get("errors")
    if isinstance(errors, str):
        return VendorError(status, "", errors)
    if isinstance(errors, list) and errors and isinstance(errors[0], Mapping):
        return _coded(status, errors[0])
    return VendorError(status, "", " ".join([_text(data.get("message")), *_reasons(data)]).strip())


def _coded(status: int, error: Mapping[str, Any]) -> VendorError:
    source = error.get("source")
    pointer = _text(source.get("pointer")) if isinstance(source, Mapping) else ""
    message = " ".join(part for part in (_text(error.get("title")), _text(error.get("detail"))) if part)
    code = error.get("code")
    return VendorError(status, code if isinstance(code, str) else "", message, pointer.rpartition("/")[2])


def _reasons(data: Mapping[str, Any]) -> list[str]:
    reasons = data.get("failureReasons")
    return [reason for reason in reasons if isinstance(reason, str)] if isinstance(reasons, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def outcome_of(error: VendorError) -> Outcome:
    """What became of one write that was answered with an error."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outcome.UNKNOWN
    if error.is_missing:
        return Outcome.GONE
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Outcome.NOT_TRIED
    return Outcome.REJECTED


def raise_for(error: VendorError, what: str) -> SyncError:
    """The exception for a request that was refused as a whole. `what` names it in words of ours."""
    said = f"ActiveCampaign refused {what} ({error.name})"
    if error.html or error.status == HTTPStatus.UNAUTHORIZED:
        return AuthError(f"{said}: the API key is not accepted", code="bad_key", next_step=_KEY_STEP)
    if error.status == HTTPStatus.FORBIDDEN and _FEATURE.search(error.message):
        return Rejected(
            f"{said}: the account's plan or the key's user has no access to this",
            code="unknown_kind",
            next_step="Use a plan with this feature, or a key of a user who may use it; or switch this kind off.",
        )
    if error.status == HTTPStatus.FORBIDDEN:
        return AuthError(f"{said}: the API key is not accepted", code="bad_key", next_step=_KEY_STEP)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Transient(said, code=error.name)
    if error.status == HTTPStatus.NOT_FOUND:
        return ConfigError(
            f"{said}: there is no such resource",
            code="wrong_address",
            next_step="Check the API URL under Settings, Developer.",
        )
    return ConfigError(said, code=error.name, next_step="Run the connection check; it names what has to be corrected.")
