"""Which function answers which path.

Four kinds of registration, each with the HTTP method:
* `root(name, method, handler)`: the first segment is `name`, no entity set (`WhoAmI`, `$batch`, `EntityDefinitions`);
* `bound(name, method, handler)`: `Microsoft.Dynamics.CRM.<name>` after an entity set or a row
  (`contacts/Microsoft.Dynamics.CRM.CreateMultiple`);
* `shape(shape, method, handler)`: data paths, by their `Shape`.
A handler is `f(context: Context, path: ResourcePath) -> Response`; it raises `DataverseError` to refuse. It runs inside
a transaction that is rolled back when it raises.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from simulators.dataverse.context import Context
from simulators.dataverse.odata.path import NAMESPACE, ResourcePath, Segment
from simulators.frame import Response

type Handler = Callable[[Context, ResourcePath], Response]


class Shape(StrEnum):
    """The forms of a path that starts at an entity set."""

    COLLECTION = "collection"
    COUNT = "collection/$count"
    ROW = "row"
    PROPERTY = "row/property"
    VALUE = "row/property/$value"
    NAVIGATION = "row/navigation"
    REF = "row/navigation/$ref"


class Operations:
    """The table of handlers."""

    def __init__(self) -> None:
        self._root: dict[str, dict[str, Handler]] = {}
        self._bound: dict[str, dict[str, Handler]] = {}
        self._shapes: dict[Shape, dict[str, Handler]] = {}

    def root(self, name: str, method: str, handler: Handler) -> None:
        self._root.setdefault(name, {})[method] = handler

    def bound(self, name: str, method: str, handler: Handler) -> None:
        self._bound.setdefault(name, {})[method] = handler

    def shape(self, shape: Shape, method: str, handler: Handler) -> None:
        self._shapes.setdefault(shape, {})[method] = handler

    def find_root(self, name: str) -> dict[str, Handler] | None:
        """Return the handlers of a first segment, by method."""
        return self._root.get(name)

    def find_bound(self, segment: Segment) -> dict[str, Handler] | None:
        """Return the handlers of a bound operation, by method; the namespace must be written out."""
        if not segment.name.startswith(NAMESPACE):
            return None
        return self._bound.get(segment.name.removeprefix(NAMESPACE))

    def find_shape(self, shape: Shape) -> dict[str, Handler]:
        return self._shapes.get(shape, {})
