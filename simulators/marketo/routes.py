"""Paths of the API and who answers them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulators.frame.http import Response

if TYPE_CHECKING:
    from simulators.marketo.call import Call

Handler = Callable[["Call"], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """`writes`: an API user with read-only rights gets 603."""

    handler: Handler
    writes: bool


@dataclass(slots=True)
class Node:
    """One segment: fixed children, at most one variable child, and routes by method."""

    fixed: dict[str, Node] = field(default_factory=dict)
    variable: Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)
    template: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """What a path leads to. `route` is None where the path exists and the method does not."""

    route: Route | None
    template: str
    arguments: tuple[str, ...]


class Routes:
    """A tree of paths such as `/rest/v1/lead/{id}.json`; `{id}` and `{id}.json` are different places in it."""

    def __init__(self) -> None:
        self.root = Node()

    def on(self, method: str, *paths: str, writes: bool | None = None) -> Callable[[Handler], Handler]:
        """Register a handler for a method and paths; everything but GET writes unless said otherwise."""
        route_writes = method != "GET" if writes is None else writes

        def register(handler: Handler) -> Handler:
            for path in paths:
                self._node(path).routes[method] = Route(handler, route_writes)
            return handler

        return register

    def match(self, method: str, path: str) -> Match | None:
        """Find the route; None for a path nobody knows. `.json` must end it."""
        node: Node | None = self.root
        arguments: list[str] = []
        for segment in path.strip("/").split("/"):
            if node is None:
                return None
            child = node.fixed.get(segment)
            if child is None and node.variable is not None:
                ends = segment.endswith(".json")
                arguments.append(segment.removesuffix(".json"))
                child = node.variable.fixed.get(".json") if ends else node.variable
            node = child
        if node is None or not node.routes:
            return None
        return Match(node.routes.get(method), node.template, tuple(arguments))

    def _node(self, path: str) -> Node:
        node = self.root
        for segment in path.strip("/").split("/"):
            if segment.startswith("{"):
                node.variable = node.variable or Node()
                node = node.variable
                if segment.endswith(".json"):
                    node = node.fixed.setdefault(".json", Node())
            else:
                node = node.fixed.setdefault(segment, Node())
        node.template = path
        return node


routes = Routes()
