"""What a handler gets and gives: the call with everything judged, and its answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import azure.functions as func

from functions.api.problems import Refusal
from functions.api.route import Route
from functions.api.signin import Caller
from functions.tracing import traceparent
from shared.bootstrap import Application, application

if TYPE_CHECKING:
    from shared.domain.connection import ConnectionConfig
    from shared.ports.journal import Listing
    from shared.ports.requests import ContactRequest

_PAGE = 100
_NOT_REPEATED = frozenset({"after", "code"})
"""A function key in the query (`code`) is never repeated in an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`body` is JSON, or the bytes of another media type. `where` is the address to ask how accepted work
    stands; `media` the type of bytes, where it is not the route's."""

    body: object = None
    status: int = 200
    etag: str = ""
    where: str = ""
    media: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Call:
    """One request after sign-in, version, parameters and body were judged.

    `found` is what the route's `current` read: the thing to change, with its version. `work` and `requests` are the
    messages to leave in the queues once the handler is done.
    """

    request: func.HttpRequest
    route: Route
    caller: Caller
    context: object
    root: str
    """The address under which the caller reached the API, with `/api` and the door, without a slash at its end."""

    places: Mapping[str, str]
    body: Mapping[str, Any] = field(default_factory=dict)
    found: Any = None
    work: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def app(self) -> Application:
        return application()

    @property
    def connection(self) -> str:
        return self.places["connection"]

    def config(self) -> ConnectionConfig:
        """The connection named in the path. Raises NotThere."""
        return self.app.connections.get(self.connection).config

    def query(self, name: str, default: str = "") -> str:
        return self.request.params.get(name) or default

    @property
    def trace(self) -> str:
        return traceparent(self.context)

    def wake(self, connection: str) -> None:
        """A worker is sent at once; the lane's inbox says what for."""
        self.work.append(json.dumps({"connection": connection, "traceparent": self.trace}))

    def send(self, connection: str, request: ContactRequest) -> None:
        self.requests.append(json.dumps(self.app.desk.request_message(connection, request)))

    @property
    def origin(self) -> str:
        """This app's own address, as the caller named it."""
        return self.root.partition("/api")[0]

    def address(self, path: str) -> str:
        """The absolute address of another route, under the same door and version."""
        version = self.query("api-version")
        return f"{self.root}/{path}" + (f"?api-version={version}" if version else "")

    def page[T](
        self, fetch: Callable[[int, str], Listing[T]], show: Callable[[T], object], size: int = _PAGE
    ) -> Answer:
        """A page of a list as an answer, with the address of the next. `fetch` takes the size and where to go on."""
        found = self.fetched(fetch, size)
        return self.listed([show(item) for item in found.items], found.next)

    def fetched[T](self, fetch: Callable[[int, str], Listing[T]], size: int = _PAGE) -> Listing[T]:
        """The page of a list that the call asks for."""
        after = self.query("after")
        limit = int(self.query("maxpagesize", str(size)))
        try:
            return fetch(limit, after)
        except ValueError:
            if not after:
                raise
            raise Refusal(
                "continuation_invalid",
                "this list has no such continuation",
                target="after",
                next_step="Take nextLink of the page before as it is, or begin again without `after`.",
            ) from None

    def listed(self, items: Sequence[object], after: str = "") -> Answer:
        return Answer(body={"value": list(items), **({"nextLink": self.next_link(after)} if after else {})})

    def next_link(self, after: str) -> str:
        query = {name: value for name, value in self.request.params.items() if name.lower() not in _NOT_REPEATED}
        address, _, _ = self.request.url.partition("?")
        return f"{address}?{urlencode({**query, 'after': after})}"


def etag_of(body: object) -> str:
    """A strong ETag over what is shown: the same content has the same ETag, wherever it is asked."""
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f'"{sha256(text.encode()).hexdigest()[:32]}"'
