"""The calls of the Web API that this connector makes. Answers are plain JSON; what it means is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from shared.connectors.dynamics.batch import BatchAnswer, Part, content_type, read_batch, write_batch
from shared.connectors.dynamics.errors import parse_error, raise_for
from shared.connectors.dynamics.values import to_json
from shared.errors import Transient
from shared.http.calls import Answer, Call
from shared.http.client import HttpClient

MAX_URL = 32_000
"""A GET may be 32,768 characters long; a little is left for the address itself."""

_HEADERS = {
    "Accept": "application/json",
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
    "If-None-Match": "null",  # keeps the service from answering with cached expansions
}
_JSON = "application/json; charset=utf-8"
_WRITE_SECONDS = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A page of rows: the decoded answer, the server's time, and which preferences it applied."""

    data: Mapping[str, Any]
    date: datetime | None
    applied: str

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """The rows of the page. Raises Transient when there is no list of rows."""
        return rows_of(self.data)


def rows_of(data: object) -> list[Mapping[str, Any]]:
    """The rows of a decoded answer. Raises Transient for anything else."""
    rows = data.get("value") if isinstance(data, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Transient("Dynamics 365 answered a page without rows", code="unreadable_answer")
    return rows


class DataverseClient:
    """One environment. `boundary` makes a fresh name for a multipart boundary."""

    def __init__(self, http: HttpClient, *, version: str, boundary: Callable[[], str], bypass: bool = False) -> None:
        self.http = http
        self.base = f"/api/data/{version}/"
        self._boundary = boundary
        self._bypass = {"MSCRM.BypassBusinessLogicExecution": "CustomSync"} if bypass else {}

    def target(self, resource: str, **options: str) -> str:
        """Path and query of a resource; options are given without their dollar sign."""
        query = "&".join(f"${name}={quote(value, safe=_SAFE)}" for name, value in options.items())
        return self.base + resource + (f"?{query}" if query else "")

    def get(self, target: str, purpose: str, *, prefer: Sequence[str] = (), interactive: bool = False) -> Fetched:
        """One GET. Raises what `errors.raise_for` makes of a refusal."""
        answer = self.http.send(
            Call(
                method="GET",
                target=target,
                purpose=purpose,
                headers={**_HEADERS, **_prefer(prefer)},
                interactive=interactive,
            )
        )
        self._check(answer, f"to read {_resource(target)}")
        if not isinstance(answer.data, Mapping):
            raise Transient("Dynamics 365 answered something else than an object", code="unreadable_answer")
        return Fetched(data=answer.data, date=answer.date, applied=answer.headers.get("Preference-Applied", ""))

    def count(self, set_name: str, where: str = "") -> int:
        """How many rows there are; the service stops counting at 5,000."""
        target = self.target(f"{set_name}/$count", **({"filter": where} if where else {}))
        answer = self.http.send(Call(method="GET", target=target, purpose="count", headers=_HEADERS, raw=True))
        self._check(answer, f"to count {set_name}")
        text = answer.body.decode("utf-8-sig", "replace").strip()
        if not text.isdigit():
            raise Transient("Dynamics 365 answered something else than a count", code="unreadable_answer")
        return int(text)

    def post(self, resource: str, body: object, purpose: str) -> Answer:
        """One POST with an effect. Raises OutcomeUnknown when its answer was lost; refusals are returned."""
        return self.http.send(
            Call(
                method="POST",
                target=self.base + resource,
                purpose=purpose,
                headers={**_HEADERS, **self._bypass, "Content-Type": _JSON},
                body=to_json(body).encode(),
                effect=True,
                seconds=_WRITE_SECONDS,
                read_seconds=_WRITE_SECONDS,
            )
        )

    def part(self, method: str, resource: str, body: object = None, **headers: str) -> Part:
        """One request of a batch."""
        sent = {"Accept": "application/json", "OData-Version": "4.0"} | headers
        if body is None:
            return Part(method, self.base + resource, sent)
        return Part(method, self.base + resource, sent | self._bypass | {"Content-Type": _JSON}, to_json(body).encode())

    def reads(self, parts: Sequence[Part], purpose: str) -> BatchAnswer:
        """A `$batch` of GETs. Raises Transient when the answers do not match the requests one to one."""
        answer = self._batch(parts, purpose, effect=False)
        self._check(answer, "a batch of reads")
        found = read_batch(answer.body, answer.headers.get("Content-Type", ""))
        if found is None or len(found.parts) != len(parts):
            raise Transient("Dynamics 365 answered a batch incompletely", code="unreadable_answer")
        return found

    def writes(self, parts: Sequence[Part], purpose: str) -> Answer:
        """A `$batch` of writes, each on its own. Raises OutcomeUnknown when its answer was lost."""
        return self._batch(parts, purpose, effect=True)

    def _batch(self, parts: Sequence[Part], purpose: str, *, effect: bool) -> Answer:
        boundary = f"batch_{self._boundary()}"
        return self.http.send(
            Call(
                method="POST",
                target=f"{self.base}$batch",
                purpose=purpose,
                headers={**_HEADERS, "Content-Type": content_type(boundary), "Prefer": "odata.continue-on-error"},
                body=write_batch(parts, boundary),
                effect=effect,
                raw=True,
                seconds=_WRITE_SECONDS,
                read_seconds=_WRITE_SECONDS if effect else 60.0,
            )
        )

    def _check(self, answer: Answer, what: str) -> None:
        if answer.status != HTTPStatus.OK:
            raise raise_for(parse_error(answer.status, answer.body), what, scope=self.http.origin.url)


_SAFE = "(),'$:;*@/="


def quoted(text: str) -> str:
    """A text literal of OData."""
    return "'" + text.replace("'", "''") + "'"


def _prefer(preferences: Sequence[str]) -> Mapping[str, str]:
    return {"Prefer": ",".join(preferences)} if preferences else {}


def _resource(target: str) -> str:
    return target.partition("?")[0].rpartition("/")[2]
