"""One API call in the hands of a handler: who asks, what was sent, and how answers are wrapped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.errors import invalid, refused, unreadable
from simulators.activecampaign.tables import Row
from simulators.activecampaign.values import as_id, as_int
from simulators.frame.http import Request, Response, json_response, text_response

if TYPE_CHECKING:
    from simulators.activecampaign.tenant import Tenant

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
View = Callable[[Any], dict[str, Any]]


@dataclass(slots=True)
class Call:
    """A routed request of a known user."""

    tenant: Tenant
    request: Request
    user: Row
    arguments: tuple[str, ...]
    _body: Any = None

    @property
    def actor(self) -> Actor:
        """The key's user, as an actor."""
        return Actor.api(self.user["id"])

    @property
    def now(self) -> int:
        """The clock in whole seconds."""
        return self.tenant.now()

    def argument(self, index: int = 0) -> str:
        """A variable part of the path, as sent."""
        return self.arguments[index]

    def id(self, index: int = 0) -> int | None:
        """A variable part of the path as an id; None when it cannot be one."""
        return as_id(self.arguments[index])

    def json(self) -> Any:
        """The whole body. Raises 400 with an empty object when it is no JSON; an empty body is an empty object."""
        if self._body is None:
            if not self.request.body.strip():
                self._body = {}
            else:
                try:
                    self._body = self.request.json()
                except ValueError as error:
                    raise unreadable() from error
        return self._body

    def body(self, key: str) -> dict[str, Any]:
        """The object under the envelope's key; an absent one is empty. Raises 400 when it is not an object."""
        whole = self.json()
        if not isinstance(whole, dict):
            raise unreadable()
        inner = whole.get(key)
        if inner is None or inner == []:
            return {}
        if not isinstance(inner, dict):
            raise unreadable()
        return inner

    # -- query ---------------------------------------------------------------------------------------------------
    def first(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.request.first(name, default)

    def filters(self) -> dict[tuple[str, str], str]:
        """`filters[name]` and `filters[name][op]` as (name, op) to value; op is empty without one. Last one wins."""
        return {(name, op): value for name, op, value in self._bracketed("filters")}

    def filter(self, name: str) -> str | None:
        """`filters[name]`, also when written `filters[name][eq]`."""
        found = self.filters()
        return found.get((name, ""), found.get((name, "eq")))

    def orders(self) -> list[tuple[str, str]]:
        """`orders[name]=ASC` in the order sent; anything but DESC (any case) is ASC."""
        pairs = [(name, value.strip().upper()) for name, _, value in self._bracketed("orders")]
        return [(name, "DESC" if value == "DESC" else value) for name, value in pairs]

    def _bracketed(self, prefix: str) -> list[tuple[str, str, str]]:
        found: list[tuple[str, str, str]] = []
        for key, value in self.request.query:
            if key.startswith(f"{prefix}[") and key.endswith("]"):
                name, _, op = key[len(prefix) + 1 : -1].partition("][")
                found.append((name, op, value))
        return found

    def limit(self, default: int = DEFAULT_LIMIT) -> int:
        """How many rows are asked for. Above 100 the switch `limit_over_100` decides."""
        asked = as_int(self.first("limit"), default)
        if asked <= 0:
            return default
        if asked <= MAX_LIMIT:
            return asked
        rule = self.tenant.switches.word("limit_over_100")
        if rule == "refuse":
            raise invalid("The limit may not be greater than 100.", code="field_invalid", pointer="limit")
        return MAX_LIMIT if rule == "clamp" else min(asked, 100_000)

    def offset(self) -> int:
        """Zero-based first row."""
        return max(0, as_int(self.first("offset"), 0))

    # -- answers -------------------------------------------------------------------------------------------------
    def listing(
        self,
        plural: str,
        rows: Sequence[Any],
        view: View,
        *,
        total: Callable[[int], Any] = str,
        default_limit: int = DEFAULT_LIMIT,
        side: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Response:
        """A page: `{plural: [...], "meta": {"total"}}`. `total` is `str` or `int`, as recorded for the resource."""
        offset, limit = self.offset(), self.limit(default_limit)
        page = rows[offset : offset + limit]
        answer: dict[str, Any] = dict(side or {})
        answer[plural] = [view(row) for row in page]
        answer["meta"] = {"total": total(len(rows)), **(meta or {})}
        return json_response(200, answer)


def ok(**parts: Any) -> Response:
    """200 with these keys."""
    return json_response(200, parts)


def created(**parts: Any) -> Response:
    """201 with these keys."""
    return json_response(201, parts)


def deleted() -> Response:
    """200 with an empty object."""
    return json_response(200, {})


def accepted() -> Response:
    """202 without a body: what was asked is done later."""
    return text_response(202, "")


def echo(view: dict[str, Any], sent: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Give back the listed values with the type they were sent in, as answers to writes do (activecampaign.md 2.1)."""
    for key in keys:
        if key in sent and key in view and isinstance(sent[key], int | str | bool):
            view[key] = sent[key]
    return view


def method_not_allowed() -> Response:
    """The path is known, the method is not."""
    return refused(405, "Method Not Allowed").response()


def unknown_path() -> Response:
    """No such resource."""
    return refused(404, "Not Found").response()
