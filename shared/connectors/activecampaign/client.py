"""The calls of API version 3. Answers are plain JSON; what it means is decided elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from shared.connectors.activecampaign.errors import VendorError, parse_error, raise_for
from shared.errors import SyncError, Transient
from shared.http.body import is_html
from shared.http.calls import Answer, Call
from shared.http.client import HttpClient

PAGE = 100
_BASE = "/api/3/"
_SPURIOUS_PAUSE = 0.5

type Query = Sequence[tuple[str, str]]


class ApiKey:
    """An `Authorizer` with a fixed key, read when it is needed."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read

    def headers(self) -> Mapping[str, str]:
        return {"Api-Token": self._read()}

    def refused(self, used: Mapping[str, str]) -> bool:
        """True when the key was changed meanwhile."""
        return used.get("Api-Token") != self._read()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A decoded answer and the server's time. `nothing`: it was PHP's empty array, an object without anything in it."""

    data: Mapping[str, Any]
    date: datetime | None
    nothing: bool = False

    def rows(self, name: str) -> list[Mapping[str, Any]]:
        """The rows of a list; an absent one is empty."""
        rows = self.data.get(name)
        if rows in (None, {}, []):
            return []
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise Transient("ActiveCampaign answered a list that is none", code="unreadable_answer")
        return rows

    def listed(self, name: str) -> list[Mapping[str, Any]]:
        """The rows of a list whose absence would mean something: an answer without the list itself tells nothing about
        it. Raises Transient."""
        if name not in self.data and not self.nothing:
            raise Transient("ActiveCampaign answered without the list it was asked for", code="unreadable_answer")
        return self.rows(name)

    def one(self, name: str) -> Mapping[str, Any]:
        """One object; PHP's empty list stands for an empty one."""
        row = self.data.get(name)
        return row if isinstance(row, Mapping) else {}

    @property
    def total(self) -> int | None:
        """`meta.total`, text or number; None when it is not told."""
        meta = self.data.get("meta")
        told = meta.get("total") if isinstance(meta, Mapping) else None
        return int(told) if isinstance(told, int | str) and str(told).isdigit() else None


class Client:
    """One account."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def get(self, path: str, purpose: str, query: Query = (), *, interactive: bool = False) -> Fetched:
        """One GET. Raises what `errors.raise_for` makes of a refusal."""
        found = self.try_get(path, purpose, query, interactive=interactive)
        if isinstance(found, VendorError):
            raise raise_for(found, f"to read {path.partition('/')[0]}")
        return found

    def try_get(
        self, path: str, purpose: str, query: Query = (), *, interactive: bool = False
    ) -> Fetched | VendorError:
        """One GET whose refusal the caller judges. A 403 is asked once more: some are spurious."""
        call = Call(
            method="GET", target=_target(path, query), purpose=purpose, headers=_ACCEPT, interactive=interactive
        )
        answer = self._send(call)
        if answer.status == HTTPStatus.FORBIDDEN and _error(answer).may_be_spurious:
            self.http.clock.sleep(_SPURIOUS_PAUSE)
            answer = self._send(call)
        if answer.status == HTTPStatus.ACCEPTED:
            return VendorError(answer.status, "still_working", "")
        if not answer.ok:
            return _error(answer)
        if not isinstance(answer.data, Mapping):
            # An empty PHP array: no object, nothing in it.
            return (
                Fetched({}, answer.date, nothing=True)
                if answer.data == []
                else VendorError(502, "unreadable_answer", "")
            )
        return Fetched(answer.data, answer.date)

    def pages(
        self, path: str, name: str, purpose: str, query: Query = (), *, interactive: bool = False
    ) -> Iterator[Fetched]:
        """Every page of a list that knows no keyset, by offset. Only for lists where a row more or less while they are
        read does not matter, because they are read again soon."""
        offset = 0
        while True:
            asked = [*query, ("limit", str(PAGE)), ("offset", str(offset))]
            page = self.get(path, purpose, asked, interactive=interactive)
            yield page
            count = len(page.rows(name))
            offset += count
            if not count or (count < PAGE if page.total is None else offset >= page.total):
                return

    def send(self, method: str, path: str, purpose: str, body: object = None) -> Fetched | VendorError:
        """One call with an effect; an error of status 5xx stands also for an answer that says nothing.

        Raises OutcomeUnknown when the answer was lost. A 403 without a reason is sent once more: nothing was done.
        """
        found = self.send_raw(method, path, purpose, None if body is None else encode(body))
        return found if isinstance(found, Fetched) else found[0]

    def send_raw(
        self, method: str, path: str, purpose: str, body: bytes | None
    ) -> Fetched | tuple[VendorError, object]:
        """As `send`, with the whole body of a refusal."""
        call = Call(
            method=method,
            target=_target(path, ()),
            purpose=purpose,
            headers=_ACCEPT if body is None else _ACCEPT | {"Content-Type": "application/json"},
            body=body,
            effect=True,
        )
        answer = self._send(call)
        if answer.status == HTTPStatus.FORBIDDEN and _error(answer).may_be_spurious:
            self.http.clock.sleep(_SPURIOUS_PAUSE)
            answer = self._send(call)
        if not answer.ok:
            return _error(answer), _body(answer)
        if is_html(answer.body, answer.headers.get("Content-Type", "")):
            raise raise_for(VendorError(answer.status, "", "", html=True), f"to write {path.partition('/')[0]}")
        data = _body(answer)
        if data is None:
            return VendorError(HTTPStatus.BAD_GATEWAY, "empty_answer", ""), None
        return Fetched(data if isinstance(data, Mapping) else {}, answer.date)

    def _send(self, call: Call) -> Answer:
        answer = self.http.send(call)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise raise_for(_error(answer), "the API key")
        return answer


_ACCEPT = {"Accept": "application/json"}


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def encode(body: object) -> bytes:
    """JSON as short as it can be; characters beyond ASCII are written as themselves, because imports count bytes."""
    return _ENCODER.encode(body).encode()


def _target(path: str, query: Query) -> str:
    text = "&".join(f"{quote(name, safe='[]')}={quote(value, safe='')}" for name, value in query)
    return _BASE + path + (f"?{text}" if text else "")


def _body(answer: Answer) -> object:
    """The decoded body; None when it cannot be read."""
    try:
        return answer.json()
    except SyncError:
        return None


def _error(answer: Answer) -> VendorError:
    return parse_error(answer.status, answer.body, answer.headers.get("Content-Type", ""))
