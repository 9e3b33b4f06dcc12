"""The app's REST API as the commands use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from cli.exits import Exit
from cli.failed import Failed

if TYPE_CHECKING:
    import requests

API_VERSION = "2026-11-22"
_CONNECT_SECONDS = 10
_READ_SECONDS = 120
_TRIES = 3
_LONGEST_WAIT = 20.0
_DOOR = {"x-functions-key": "/api", "Authorization": "/api/signed-in"}
_BODY_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with status below 400. `where`: the path to ask how accepted work stands."""

    status: int
    body: Any
    etag: str = ""
    where: str = ""
    content: bytes = b""
    next: str = ""
    """Of a file that comes in parts: the address of the next."""


@dataclass(slots=True)
class Api:
    """One app. `headers` hold the key or the token; they are sent to `url` only, and no redirect is followed."""

    url: str
    headers: Mapping[str, str]
    sleep: Callable[[float], None] = time.sleep
    _session: requests.Session | None = field(default=None, init=False)

    @property
    def root(self) -> str:
        """A token goes to the door of those who signed in, a key to that of keys."""
        door = next((door for name, door in _DOOR.items() if name in self.headers), "/api")
        return self.url + door

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        return self.call("GET", path, query=query).body

    def post(self, path: str, body: object = None) -> Answer:
        return self.call("POST", path, body)

    def change(self, path: str, change: Callable[[Any], Mapping[str, object] | None]) -> Any:
        """Reads settings, and sends what `change` makes of them against that very state. None: nothing to change."""
        found = self.call("GET", path)
        wanted = change(found.body)
        if wanted is None:
            return found.body
        return self.call("PATCH", path, wanted, headers={"If-Match": found.etag}).body

    def items(self, path: str, query: Mapping[str, object] | None = None) -> Iterator[Any]:
        """The items of a list, page by page as they are taken."""
        answer = self.call("GET", path, query=query).body
        while True:
            yield from answer["value"]
            link = answer.get("nextLink", "")
            if not link:
                return
            answer = self.call("GET", self.path_of(link)).body

    def path_of(self, address: str) -> str:
        """The path and query below the API of an address that the app gave. Its host is not taken over: it may know
        itself by another name than the one we reach it by, and a key is for one host."""
        parts = urlsplit(address)
        path = parts.path.partition("/api/")[2].removeprefix("signed-in/")
        return f"{path}?{parts.query}" if parts.query else path

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Raises Failed when the app cannot be reached or refuses. Reads are repeated while it asks for patience."""
        wanted = {name: value for name, value in (query or {}).items() if value not in {"", None}}
        if "api-version=" not in path:
            wanted["api-version"] = API_VERSION
        for left in reversed(range(_TRIES)):
            answer = self._sent(method, f"{self.root}/{path}", body, wanted, dict(headers or {}))
            wait = _wait(answer) if method == "GET" and left else None
            if wait is None:
                return _judged(answer, self.url)
            self.sleep(wait)
        raise AssertionError("unreachable")

    def _sent(
        self, method: str, url: str, body: object, query: Mapping[str, object], headers: dict[str, str]
    ) -> requests.Response:
        import requests

        if self._session is None:
            self._session = requests.Session()
            self._session.auth = lambda request: request  # a line of ~/.netrc would take the token's place
            self._session.headers.update({**self.headers, "X-Dynasync-Request": "1", "User-Agent": "dynasync-cli"})
        try:
            return self._session.request(
                method,
                url,
                json=body,
                params={name: str(value) for name, value in query.items()},
                headers=headers,
                timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                allow_redirects=False,
            )
        except requests.exceptions.SSLError:
            raise _unreachable(self.url, "its certificate is not one that this machine trusts") from None
        except requests.exceptions.Timeout:
            raise _unreachable(self.url, "it did not answer in time") from None
        except requests.exceptions.RequestException:
            raise _unreachable(self.url, "nobody answers there") from None


def part(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="")


def _wait(answer: requests.Response) -> float | None:
    if answer.status_code not in {429, 503}:
        return None
    told = answer.headers.get("Retry-After", "")
    wait = float(told) if told.isdigit() else 1.0
    return wait if wait <= _LONGEST_WAIT else None


def _judged(answer: requests.Response, url: str) -> Answer:
    if answer.status_code >= 300:
        raise _refusal(answer, url)
    kind = answer.headers.get("Content-Type", "")
    where = answer.headers.get("Operation-Location", "")
    etag = answer.headers.get("ETag", "")
    if answer.content and "json" in kind and "ndjson" not in kind:
        try:
            return Answer(answer.status_code, answer.json(), etag, where, answer.content)
        except ValueError:
            raise _not_ours(url, answer.status_code) from None
    following = str(answer.links.get("next", {}).get("url", ""))
    return Answer(answer.status_code, None, etag, where, answer.content, following)


def _refusal(answer: requests.Response, url: str) -> Failed:
    error = _error(answer)
    status = answer.status_code
    if not error:
        if status in {401, 403}:
            return Failed(
                Exit.NO_ACCESS,
                f"the app does not let this caller in (status {status})",
                where=url,
                next_step="Set DYNASYNC_KEY to a function key of the app, or DYNASYNC_TOKEN to an Entra token for it.",
            )
        return _not_ours(url, status)
    code = Exit.NO_ACCESS if status in {401, 403} else Exit.UNREACHABLE if status >= 500 else Exit.REFUSED
    details = [
        f"{item.get('target', '')}: {item.get('message', '')}"
        for item in error.get("details", [])
        if item.get("message")
    ]
    inner = error.get("innererror") or {}
    message = f"{error.get('message', '')} ({error.get('code', '')}"
    message += f", {inner['code']})" if inner.get("code") else ")"
    return Failed(
        code,
        message,
        where=str(error.get("target", "")),
        next_step=str(error.get("nextStep", "")) or "`dynasync doctor` looks at the app and its settings.",
        details=details[:_BODY_SHOWN],
        error=error,
    )


def _error(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def _not_ours(url: str, status: int) -> Failed:
    return Failed(
        Exit.UNREACHABLE,
        f"what answers there is not dynasync, or does not run (status {status})",
        where=url,
        next_step="Check the address (DYNASYNC_URL or --url): scheme and host of the app, without /api.",
    )


def _unreachable(url: str, what: str) -> Failed:
    return Failed(
        Exit.UNREACHABLE,
        f"the app cannot be reached: {what}",
        where=url,
        next_step="Check the address (DYNASYNC_URL or --url), and that the app runs.",
    )
