"""Paths of the API and who answers them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulators.frame.http import Response
from simulators.frame.paths import Match, Paths

if TYPE_CHECKING:
    from simulators.marketo.call import Call

Handler = Callable[["Call"], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """`writes`: an API user with read-only rights gets 603."""

    handler: Handler
    writes: bool


class Routes:
    """Paths such as `/rest/v1/lead/{id}.json`."""

    def __init__(self) -> None:
        self.paths: Paths[Route] = Paths(endings=[".json"])

    def on(self, method: str, *paths: str, writes: bool | None = None) -> Callable[[Handler], Handler]:
        """Register a handler for a method and paths; everything but GET writes unless said otherwise."""
        route_writes = method != "GET" if writes is None else writes

        def register(handler: Handler) -> Handler:
            for path in paths:
                self.paths.add(method, path, Route(handler, route_writes))
            return handler

        return register

    def match(self, method: str, path: str) -> Match[Route] | None:
        """Find the route; None for a path nobody knows."""
        return self.paths.match(method, path)


routes = Routes()
