"""Paths of the API and who answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulators.frame.http import Response
from simulators.frame.paths import Match, Paths

if TYPE_CHECKING:
    from simulators.activecampaign.call import Call

Handler = Callable[["Call"], Response]


class Routes:
    """Paths below the version, such as `/contacts/{id}/contactTags`."""

    def __init__(self) -> None:
        self.paths: Paths[Handler] = Paths()

    def on(self, *paths: str, method: str) -> Callable[[Handler], Handler]:
        """Register a handler. PUT stands for PATCH too: activecampaign.md 2.1 recorded both."""
        methods = ("PUT", "PATCH") if method == "PUT" else (method,)

        def register(handler: Handler) -> Handler:
            for path in paths:
                for each in methods:
                    self.paths.add(each, path, handler)
            return handler

        return register

    def get(self, *paths: str) -> Callable[[Handler], Handler]:
        """Register for GET."""
        return self.on(*paths, method="GET")

    def post(self, *paths: str) -> Callable[[Handler], Handler]:
        """Register for POST."""
        return self.on(*paths, method="POST")

    def put(self, *paths: str) -> Callable[[Handler], Handler]:
        """Register for PUT and PATCH."""
        return self.on(*paths, method="PUT")

    def delete(self, *paths: str) -> Callable[[Handler], Handler]:
        """Register for DELETE."""
        return self.on(*paths, method="DELETE")

    def match(self, method: str, path: str) -> Match[Handler] | None:
        """Find the handler; None for a path nobody knows."""
        return self.paths.match("GET" if method == "HEAD" else method, path)


routes = Routes()
