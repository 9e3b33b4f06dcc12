"""The routes of the REST API as data: path, who may, what may be sent, what comes back, which codes it answers.

A handler declares its route with `@route(...)`; `functions.api.doors` makes Azure functions of the table, and
`functions.api.document` makes the OpenAPI document of it. Models are named, not imported: pydantic is loaded when the
first body has to be judged, never at a cold start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from functions.api.call import Answer, Call

VERSIONS: Final = ("2026-11-22",)
"""Every api-version this release answers, the newest last."""


class Role(StrEnum):
    """Who may call a route. A function key counts as administrator; OPEN routes are for nobody in particular."""

    OPEN = "open"
    SIGNED_IN = "signed_in"
    READER = "reader"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query parameter. `values` closes its list; `pattern` is an anchored regular expression."""

    name: str
    help: str
    values: tuple[str, ...] = ()
    pattern: str = ""
    most: int = 200
    required: bool = False


PAGING: Final = (
    Query(name="after", help="Where to go on, as `nextLink` had it; opaque.", most=400),
    Query(name="maxpagesize", help="How many to answer at most, 1 to 1000.", pattern="[1-9][0-9]{0,2}|1000"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A part of a path that names something. What does not fit `pattern` is answered as not found, with `code`."""

    help: str
    pattern: str
    code: str
    text: str


PLACES: Final[Mapping[str, Place]] = {
    "connection": Place(
        help="A connection's id.",
        pattern="[0-9A-Za-z]{1,64}",
        code="connection_not_found",
        text="there is no such connection",
    ),
    "side": Place(
        help="crm (Dynamics) or partner.", pattern="crm|partner", code="route_not_found", text="there is no such side"
    ),
    "kind": Place(
        help="A kind of record, as its system names it.",
        pattern="[0-9A-Za-z_.-]{1,100}",
        code="unknown_kind",
        text="there is no such kind",
    ),
    "entity": Place(
        help="The name of an entity of the connection.",
        pattern="[0-9A-Za-z_-]{1,60}",
        code="unknown_entity",
        text="the connection has no such entity",
    ),
    "run": Place(help="A run's id.", pattern="[0-9a-f]{32}", code="run_not_found", text="there is no such run"),
    "operation": Place(
        help="An operation's id, as the answer that started it gave it.",
        pattern="[0-9A-Za-z]{1,64}(\\.[0-9]{1,9})?",
        code="operation_not_found",
        text="there is no such operation",
    ),
    "erasure": Place(
        help="An erasure's id, as the answer that started it gave it.",
        pattern="[0-9A-Za-z]{1,64}",
        code="operation_not_found",
        text="there is no such erasure",
    ),
    "request": Place(
        help="The key of a request about one record.",
        pattern="[0-9A-Za-z_-]{1,100}",
        code="request_not_found",
        text="there is no such request",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API.

    `body` and `answer` name models as `module.Class` of `functions.models`. `current` reads what a guarded route would
    change: with it the route wants `If-Match`; a `lenient` one takes a call without, and leaves to its handler what is
    no longer there. `audit` is its line in the activity log. `sends`: it may leave messages
    in the queues. `empty`: a body may be left out.
    """

    name: str
    method: str
    path: str
    role: Role
    handler: Callable[[Call], Answer]
    query: tuple[Query, ...] = ()
    body: str = ""
    empty: bool = False
    answer: str = ""
    status: int = 200
    codes: tuple[str, ...] = ()
    current: Callable[[Call], tuple[Mapping[str, object], Any]] | None = None
    lenient: bool = False
    audit: str = ""
    sends: bool = False
    paged: bool = False
    media: str = "application/json"
    most_bytes: int = 1_000_000

    @property
    def parameters(self) -> tuple[Query, ...]:
        return (*self.query, *PAGING) if self.paged else self.query

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def tag(self) -> str:
        """The module the handler stands in: the chapter of the document."""
        return self.handler.__module__.rpartition(".")[2]


ROUTES: Final[dict[str, Route]] = {}
"""Every route by the name of its function, filled as the modules of `functions` are imported."""


def route(
    method: str, path: str, role: Role, **more: Any
) -> Callable[[Callable[[Call], Answer]], Callable[[Call], Answer]]:
    """Declares a handler's route; `more` are the members of `Route`."""

    def declare(handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        name = handler.__name__
        found = Route(name=name, method=method, path=path, role=role, handler=handler, **more)
        if name in ROUTES and ROUTES[name].handler.__module__ != handler.__module__:
            raise ValueError(f"two routes are named {name}")
        unknown = [place for place in found.places if place not in PLACES]
        if unknown:
            raise ValueError(f"{path}: {unknown[0]} is not in PLACES")
        ROUTES[name] = found
        return handler

    return declare


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a method and path (below `/api/`), with the values of its places. A literal goes before a place."""
    segments = path.strip("/").split("/")
    best: tuple[int, Route, dict[str, str]] | None = None
    for candidate in ROUTES.values():
        if candidate.method != method:
            continue
        values = _match(candidate.path.split("/"), segments)
        if values is not None and (best is None or len(values) < best[0]):
            best = (len(values), candidate, values)
    return (best[1], best[2]) if best is not None else None


def _match(template: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    values: dict[str, str] = {}
    for part, segment in zip(template, segments, strict=True):
        if part.startswith("{"):
            values[part[1:-1]] = segment
        elif part.lower() != segment.lower():
            return None
    return values
