"""The calls of the REST API: envelope, codes that say wait, and one refresh of a token that died early."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from shared.connectors.marketo.errors import (
    BUSY,
    NO_TOKEN,
    PASSING,
    QUOTA,
    RATE,
    STALE_TOKEN,
    TITLE,
    Refusal,
    first,
    raise_for,
    until_midnight,
)
from shared.connectors.marketo.tokens import ServiceToken
from shared.errors import AuthError, SyncError, Transient
from shared.http.calls import MEGABYTE, Answer, Call
from shared.http.client import HttpClient

PAGE = 300
"""Records, ids and values a call takes."""

_LONGEST_QUERY = 6000
_FILE = 32 * MEGABYTE
_RATE_PAUSE = 10.0
"""After 606: half of its window; calls that are refused count too, so nobody asks meanwhile."""
_BUSY_PAUSES = (0.7, 1.5, 3.0)
_AGAIN_PAUSES = (0.5, 2.0)
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_ACCEPT = {"Accept": "application/json"}

type Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """A call that succeeded as a whole, and the server's time."""

    data: Mapping[str, Any]
    date: datetime | None

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """`result`; absent means empty."""
        rows = self.data.get("result") or []
        if not isinstance(rows, list):
            raise Transient(f"{TITLE} answered a list that is none", code="unreadable_answer")
        return [row for row in rows if isinstance(row, Mapping)]

    @property
    def readable(self) -> bool:
        """Whether the answer has the shape of a list: what is taken for empty otherwise would pass for deleted."""
        rows, token = self.data.get("result"), self.data.get("nextPageToken")
        listed = rows is None or (isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows))
        return listed and (token is None or isinstance(token, str))

    @property
    def token(self) -> str:
        """`nextPageToken`, "" for none."""
        token = self.data.get("nextPageToken")
        return token if isinstance(token, str) else ""

    @property
    def more(self) -> bool:
        return self.data.get("moreResult") is True


class Client:
    """One subscription."""

    def __init__(self, http: HttpClient, token: ServiceToken) -> None:
        self.http = http
        self._token = token

    def get(self, path: str, purpose: str, query: Query = (), *, interactive: bool = False) -> Reply:
        """One read that must succeed. Raises what `errors.raise_for` makes of a refusal."""
        found = self.try_get(path, purpose, query, interactive=interactive)
        if isinstance(found, Refusal):
            raise raise_for(found, f"to read {path}")
        return found

    def try_get(self, path: str, purpose: str, query: Query = (), *, interactive: bool = False) -> Reply | Refusal:
        """One read whose refusal the caller judges; a query that is long for an address goes as a form."""
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
        target = f"/rest/v1/{path}"
        if len(text) <= _LONGEST_QUERY:
            shown = f"{target}?{text}" if text else target
            call = Call(method="GET", target=shown, purpose=purpose, headers=_ACCEPT, interactive=interactive)
        else:
            # A read by its nature: sending it again is harmless, whatever its method.
            call = Call(
                method="POST", target=f"{target}?_method=GET", purpose=purpose, headers=_FORM, body=text.encode()
            )
        found: Reply | Refusal = Refusal("", "")
        for pause in (*_AGAIN_PAUSES, None):
            found = self._call(call)
            if isinstance(found, Reply) or found.code not in PASSING or pause is None:
                break
            self.http.clock.sleep(pause)
        if isinstance(found, Reply) and not found.readable:
            raise Transient(f"{TITLE} answered a list that is none", code="unreadable_answer")
        return found

    def post(self, path: str, purpose: str, body: Mapping[str, Any]) -> Reply | Refusal:
        """One write. Raises OutcomeUnknown when the answer was lost; throttling and refused credentials raise."""
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        target = f"/rest/v1/{path}"
        return self._call(Call(method="POST", target=target, purpose=purpose, headers=_JSON, body=data, effect=True))

    def bulk(self, path: str, purpose: str) -> Reply | Refusal:
        """One read of the bulk API, whose addresses have no `/rest`."""
        return self._call(Call(method="GET", target=f"/bulk/v1/{path}", purpose=purpose, headers=_ACCEPT))

    def file(self, path: str, purpose: str) -> str:
        """One file of the bulk API, as text. Raises what `errors.raise_for` makes of a refusal."""
        call = Call(method="GET", target=f"/bulk/v1/{path}", purpose=purpose, raw=True, max_bytes=_FILE)
        found = self._call(call)
        if isinstance(found, Refusal):
            raise raise_for(found, f"to read {path}")
        return str(found.data.get("file", ""))

    def upload(self, path: str, purpose: str, query: Query, content: bytes) -> Reply | Refusal:
        """One file to the bulk API. Raises as `post` does."""
        kind, body = _form(content)
        headers = {"Content-Type": kind, "Accept": "application/json"}
        target = f"/bulk/v1/{path}?{urlencode(query)}"
        return self._call(Call(method="POST", target=target, purpose=purpose, headers=headers, body=body, effect=True))

    def _call(self, call: Call) -> Reply | Refusal:
        """Codes that say wait, and tokens that died, are dealt with here; such calls were not executed."""
        refreshed = False
        pauses = iter(_BUSY_PAUSES)
        while True:
            carried = self._token.headers()
            found = self._told(call, self.http.send(call))
            if isinstance(found, Reply):
                return found
            if found.code in STALE_TOKEN and not refreshed:
                refreshed = True
                self._token.refused(carried)
            elif found.code == BUSY:
                pause = next(pauses, None)
                if pause is None:
                    self.http.close_for(_RATE_PAUSE)
                    raise self.http.throttled(_RATE_PAUSE, "other clients keep all its ten connections busy (615)")
                self.http.clock.sleep(pause)
            else:
                self._stop_at_limits(found)
                if found.code in STALE_TOKEN or found.code == NO_TOKEN:
                    raise raise_for(found, "the access token")
                return found

    def _stop_at_limits(self, found: Refusal) -> None:
        if found.code == RATE:
            self.http.close_for(_RATE_PAUSE)
            raise self.http.throttled(_RATE_PAUSE, "its limit of 100 calls in 20 seconds was reached (606)")
        if found.code == QUOTA:
            seconds, reset = until_midnight(self.http.clock.now())
            self.http.close_for(_RATE_PAUSE)  # each lane waits for itself: a raised quota helps at once
            told = f"{reset:%Y-%m-%d %H:%M} UTC"
            raise self.http.throttled(
                seconds, f"the day's quota of API calls is used up (607); it goes on at 00:00 US Central, {told}"
            )

    def _told(self, call: Call, answer: Answer) -> Reply | Refusal:
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise AuthError(f"{TITLE} refused the access token", code="bad_token", next_step="Run the check again.")
        if call.raw and answer.ok and "json" not in answer.headers.get("Content-Type", "").lower():
            return Reply({"file": answer.body.decode("utf-8-sig", "replace")}, answer.date)
        data = _body(answer) if call.effect or call.raw else answer.data
        if not answer.ok or not isinstance(data, Mapping):
            return Refusal(str(answer.status) if not answer.ok else "502", "")
        if data.get("success") is True:
            return Reply(data, answer.date)
        return first(data.get("errors"))


def _body(answer: Answer) -> object:
    """The decoded body; None when it cannot be read."""
    try:
        return answer.json()
    except SyncError:
        return None


def _form(content: bytes) -> tuple[str, bytes]:
    """A form with one file, and its content type. The boundary comes from the content, so that it is not in it."""
    boundary = f"file-{blake2b(content, digest_size=16).hexdigest()}"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="people.csv"\r\n'
    body = f"{head}Content-Type: text/csv\r\n\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body
