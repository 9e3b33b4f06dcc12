"""One call in the hands of a handler: parameters from query, form or JSON, and the envelope of answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from simulators.frame.http import Request, Response, json_response
from simulators.marketo.errors import CallError, RecordError, missing

if TYPE_CHECKING:
    from simulators.marketo.identity import Service
    from simulators.marketo.tenant import Tenant

BATCH = 300
_MAX_ID_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: `who` for the write log, `source` and `reason` as activities name them."""

    who: str
    source: str
    reason: str

    @classmethod
    def api(cls, user: str) -> Actor:
        """A call by an API user. Which one it was, activities do not say."""
        return cls(f"api:{user}", "Web service API", "Web service API")

    @classmethod
    def importing(cls, user: str, batch: int) -> Actor:
        """A bulk import."""
        return cls(f"import:{batch}:{user}", "List import", f"List import {batch}")

    @classmethod
    def person(cls, name: str) -> Actor:
        """Somebody in the user interface."""
        return cls(f"ui:{name}", "User", f"Changed by {name}")

    @classmethod
    def form(cls) -> Actor:
        """The lead, on a web page."""
        return cls("form", "Web form fillout", "Form fill-out")

    @classmethod
    def campaign(cls, name: str) -> Actor:
        """A flow step of a smart campaign."""
        return cls(f"campaign:{name}", "Marketo Flow Action", f"Changed by Smart Campaign {name}")


SEEDING = Actor("seed", "Seed", "Seed")


@dataclass(slots=True)
class Call:
    """A routed request of a known API user."""

    tenant: Tenant
    request: Request
    service: Service
    arguments: tuple[str, ...]
    _json: Any = None
    _form: dict[str, list[str]] | None = None

    @property
    def actor(self) -> Actor:
        """The API user, as an actor."""
        return Actor.api(self.service.user)

    @property
    def arrived(self) -> float:
        """When the call came in; what another call wrote since, this one has not seen."""
        return self.request.received_at or self.tenant.clock.time()

    # -- parameters ----------------------------------------------------------------------------------------------
    def json(self) -> dict[str, Any]:
        """The body as an object; an empty one without a body. Raises CallError 609 and 612."""
        if self._json is None:
            self._json = self._read_json()
        body: dict[str, Any] = self._json
        return body

    def _read_json(self) -> dict[str, Any]:
        if not self.request.body.strip():
            return {}
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise CallError("612")
        try:
            body = self.request.json()
        except ValueError as error:
            raise CallError("609") from error
        if not isinstance(body, dict):
            raise CallError("609")
        return body

    def _pairs(self) -> dict[str, list[str]]:
        """Query parameters and, where the body is a form, its fields: a repeated name collects its values."""
        if self._form is None:
            pairs = list(self.request.query)
            kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if self.request.body and kind == "application/x-www-form-urlencoded":
                pairs += parse_qsl(self.request.body.decode("utf-8", "replace"), keep_blank_values=True)
            self._form = {}
            for name, value in pairs:
                self._form.setdefault(name, []).append(value)
        return self._form

    def text(self, name: str, default: str = "") -> str:
        """A parameter from query or form, or a plain member of a JSON body sent with `_method=GET`."""
        found = self._pairs().get(name)
        if found:
            return found[0]
        value = self._json_member(name)
        return value if isinstance(value, str) else str(value) if isinstance(value, int) else default

    def values(self, name: str) -> list[str]:
        """A list parameter: repeated, comma-separated, or an array of a JSON body; blanks are left out."""
        found = list(self._pairs().get(name, ()))
        member = self._json_member(name)
        if isinstance(member, list):
            found += [str(each) for each in member if isinstance(each, str | int)]
        elif isinstance(member, str):
            found.append(member)
        parts = [part.strip() for value in found for part in value.split(",")]
        return [part for part in parts if part]

    def _json_member(self, name: str) -> Any:
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" or not self.request.body.strip():
            return None
        return self.json().get(name)

    def required(self, name: str) -> str:
        """A parameter that must be there. Raises CallError 1002."""
        value = self.text(name)
        if not value.strip():
            raise missing(name)
        return value

    def batch_size(self) -> int:
        """Rows a page: 300 by default and at most. Raises CallError 1001 for no number."""
        asked = self.text("batchSize")
        if not asked:
            return BATCH
        if not asked.isascii() or not asked.isdigit() or len(asked) > 9:
            raise CallError("1001", f"Invalid value '{asked[:50]}'. Required of type 'Integer'")
        return min(max(int(asked), 1), BATCH)

    def input(self) -> list[dict[str, Any]]:
        """The records of a write. Raises CallError 1002 without any, 1003 above 300 or for no objects."""
        rows = self.json().get("input")
        if not isinstance(rows, list) or not rows:
            raise missing("input")
        if len(rows) > BATCH:
            raise CallError("1003", f"Invalid data: at most {BATCH} records a call")
        if not all(isinstance(row, dict) for row in rows):
            raise CallError("1003", "Invalid data: input holds objects")
        return rows

    def word(self, name: str, default: str, allowed: Sequence[str]) -> str:
        """One of a few words of a JSON body, in any letter case. Raises CallError 1003."""
        value = self.json().get(name)
        if value is None or value == "":
            return default
        for each in allowed:
            if isinstance(value, str) and value.lower() == each.lower():
                return each
        raise CallError("1003", f"Invalid value for '{name}'; one of {', '.join(allowed)}")

    def id(self, index: int = 0) -> int | None:
        """A variable part of the path as an id; None when it cannot be one."""
        return as_id(self.arguments[index])

    def ids(self) -> list[int | None]:
        """Lead ids of a list call: repeated or comma-separated `id`, or `{"input": [{"id"}]}`. Raises CallError."""
        asked: list[Any] = list(self.values("id"))
        if not asked:
            asked = [row.get("id") for row in self.input()]
        if len(asked) > BATCH:
            raise CallError("1003", f"Invalid data: at most {BATCH} ids a call")
        return [as_id(each) for each in asked]

    # -- answers -------------------------------------------------------------------------------------------------
    def ok(self, result: list[Any] | None = None, **more: Any) -> Response:
        """200 with the envelope."""
        answer: dict[str, Any] = {"requestId": self.tenant.request_id(), "success": True}
        if result is not None:
            answer["result"] = result
        return json_response(200, {**answer, **more})


def as_id(value: Any) -> int | None:
    """An id sent as number or digits; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_ID_DIGITS):
            return None
        value = int(text)
    return value if isinstance(value, int) and 0 < value < 10**_MAX_ID_DIGITS else None


def skipped(error: RecordError, *, under: str = "reasons", **more: Any) -> dict[str, Any]:
    """A result of a record that was not taken."""
    return {**more, "status": "skipped", under: error.reasons()}
