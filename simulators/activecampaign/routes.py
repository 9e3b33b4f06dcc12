"""Routes by method and path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulators.frame.http import Response

if TYPE_CHECKING:
    from simulators.activecampaign.call import Call

Handler = Callable[["Call"], Response]


@dataclass(slots=True)
class Node:
    """One segment of a path: fixed children, at most one variable child, and handlers by method."""

    fixed: dict[str, Node] = field(default_factory=dict)
    variable: Node | None = None
    handlers: dict[str, Handler] = field(default_factory=dict)
    template: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """What a path leads to. `handler` is None where the path exists and the method does not."""

    handler: Handler | None
    template: str
    arguments: tuple[str, ...]


class Routes:
    """A tree of paths such as `/contacts/{id}/contactTags`."""

    def __init__(self) -> None:
        self._root = Node()

    def on(self, *paths: str, method: str) -> Callable[[Handler], Handler]:
        """Register a handler. PUT stands for PATCH too: activecampaign.md 2.1 recorded both."""
        methods = ("PUT", "PATCH") if method == "PUT" else (method,)

        def register(handler: Handler) -> Handler:
            for path in paths:
                node = self._node(path)
                node.handlers |= dict.fromkeys(methods, handler)
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

    def match(self, method: str, path: str) -> Match | None:
        """Find the handler; None for a path nobody knows. A final slash does not count."""
        node: Node | None = self._root
        arguments: list[str] = []
        for segment in path.strip("/").split("/") if path.strip("/") else ():
            if node is None:
                return None
            child = node.fixed.get(segment)
            if child is None and node.variable is not None:
                arguments.append(segment)
                child = node.variable
            node = child
        if node is None or not node.handlers:
            return None
        method = "GET" if method == "HEAD" else method
        return Match(node.handlers.get(method), node.template, tuple(arguments))

    def _node(self, path: str) -> Node:
        node = self._root
        for segment in path.strip("/").split("/") if path.strip("/") else ():
            if segment.startswith("{"):
                node.variable = node.variable or Node()
                node = node.variable
            else:
                node = node.fixed.setdefault(segment, Node())
        node.template = f"/api/3{path}"
        return node


routes = Routes()
