"""One organisation in process, called with a bearer token as a client would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from simulators.dataverse import build
from simulators.dataverse.entra import EntraSystem
from simulators.dataverse.service import DataverseSystem
from simulators.frame import Clock, Request, Response

NOW = 1_795_000_000.0  # 2026-11-18T11:06:40Z
HOST = "org.crm4.dynamics.com"
BASE = f"https://{HOST}/api/data/v9.2"
ALL = 'odata.include-annotations="*"'


class Vendor:
    """The organisation and its token endpoint, with a frozen clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.set_now(NOW, frozen=True)
        systems = build(self.clock)
        assert isinstance(systems["dataverse"], DataverseSystem)
        assert isinstance(systems["entra"], EntraSystem)
        self.system, self.entra = systems["dataverse"], systems["entra"]
        self.token = self.token_of()

    def token_of(self, application_id: str | None = None) -> str:
        answer = self.system.act("token", {"application_id": application_id} if application_id else {})
        return str(answer["token"])

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        prefer: str = "",
        token: str | None = None,
        version: str = "v9.2",
    ) -> Response:
        """Send one request. `path` is relative to the service root, or an absolute URL such as a nextLink."""
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        sent = {"Host": HOST, "Accept": "application/json", "If-None-Match": "null", **(headers or {})}
        if token != "":
            sent["Authorization"] = f"Bearer {token or self.token}"
        if prefer:
            sent["Prefer"] = prefer
        target = path if path.startswith(("http", "/")) else f"/api/data/{version}/{path}"
        return self.system.handle(Request.build(method, target, headers=sent, body=raw, received_at=self.clock.time()))

    def get(self, path: str, **more: Any) -> Any:
        """The JSON of a GET that must succeed."""
        response = self.call("GET", path, **more)
        assert response.status == 200, (response.status, response.body[:800])
        return response.json()

    def rows(self, path: str, **more: Any) -> list[dict[str, Any]]:
        """The `value` of a collection."""
        found: list[dict[str, Any]] = self.get(path, **more)["value"]
        return found

    def names(self, condition: str, column: str = "lastname", entity_set: str = "contacts", **more: Any) -> list[Any]:
        """The values of a column in the rows that a filter leaves, sorted."""
        from urllib.parse import quote

        found = self.rows(f"{entity_set}?$select={column}&$filter={quote(condition, safe='')}", **more)
        return sorted(row[column] for row in found)

    def create(self, entity_set: str, body: Any, **more: Any) -> str:
        """Create a row and return its id."""
        response = self.call("POST", entity_set, body, **more)
        assert response.status == 204, (response.status, response.body[:800])
        return response.header("OData-EntityId").rpartition("(")[2].rstrip(")")

    def patch(self, path: str, body: Any, **more: Any) -> Response:
        response = self.call("PATCH", path, body, **more)
        assert response.status in (200, 201, 204), (response.status, response.body[:800])
        return response

    def delete(self, path: str) -> None:
        response = self.call("DELETE", path)
        assert response.status == 204, (response.status, response.body[:800])

    def refused(self, status: int, code: str, method: str, path: str, body: Any = None, **more: Any) -> str:
        """Send what must be refused with this status and code; return the text."""
        response = self.call(method, path, body, **more)
        error = response.json()["error"]
        assert (response.status, error["code"].lower()) == (status, code.lower()), (response.status, error)
        return str(error["message"])

    def walk(self, path: str, *, prefer: str = "") -> Iterator[dict[str, Any]]:
        """Yield the pages of a collection, by nextLink."""
        following: str | None = path
        while following:
            page = self.get(following, prefer=prefer)
            yield page
            following = page.get("@odata.nextLink")

    def switch(self, **values: Any) -> None:
        self.system.switches.set(values)

    def later(self, seconds: float) -> None:
        """Let time pass, with a fresh token at its end."""
        self.clock.advance(seconds)
        self.system.agenda.run_due()
        self.token = self.token_of()

    def act(self, action: str, **spec: Any) -> dict[str, Any]:
        return self.system.act(action, spec)

    def seed(self, **spec: Any) -> dict[str, Any]:
        return self.system.seed(spec)


def ids(page: dict[str, Any], key: str = "contactid") -> list[str]:
    """The ids of the rows of a page, without deletions."""
    return [row[key] for row in page["value"] if key in row]


def deleted(page: dict[str, Any]) -> list[str]:
    """The ids of the deletions of a page."""
    return [row["id"] for row in page["value"] if row.get("reason") == "deleted"]
