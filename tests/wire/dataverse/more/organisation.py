"""One organisation in process, called as a user of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from simulators.dataverse.context import Caller, Context, Prefer
from simulators.dataverse.errors import DataverseError
from simulators.dataverse.service import DataverseSystem
from simulators.frame import Clock, Request, Response

BASE = "https://127.0.0.1:8800/api/data/v9.2"
ROOT = "/api/data/v9.2"
ADMIN = "aaaaaaaa-0000-4000-8000-000000000001"
USER = "aaaaaaaa-0000-4000-8000-000000000002"
OTHER = "aaaaaaaa-0000-4000-8000-000000000003"


class Org:
    """A simulated organisation with an administrator and two users without roles."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.set_now(1_795_000_000.0, frozen=True)
        self.system = DataverseSystem(self.clock, seed=7)
        for number, user_id in enumerate((ADMIN, USER, OTHER), start=1):
            self.add_user(user_id, number)
        self.system.seed({"user_roles": [{"user": ADMIN, "roles": ["System Administrator"]}]})

    def add_user(self, user_id: str, number: int, **values: Any) -> None:
        """Add a user without roles; `values` are columns of his row."""
        declared = {
            "id": user_id,
            "name": f"User {number}",
            "email": f"user{number}@example.com",
            "object_id": f"bbbbbbbb-0000-4000-8000-00000000000{number}",
            "roles": [],
        }
        self.system.seed({"users": [declared]})
        row = self.system.store["systemuser"].get(user_id) or {}
        self.system.store.put("systemuser", {**row, **values})

    def grant(self, user_id: str, **tables: Any) -> None:
        """Give a user one role of his own with rights on tables: `contact="Global"` or `contact={"Read": "Basic"}`."""
        privileges = tables.pop("privileges", {})
        name = f"role of {user_id}"
        self.system.seed(
            {
                "roles": [{"name": name, "tables": tables, "privileges": privileges}],
                "user_roles": [{"user": user_id, "roles": [name]}],
            }
        )

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        user: str = ADMIN,
    ) -> Response:
        """Send one request as a user; `body` is JSON, or bytes as they are."""
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        target = path if path.startswith("/api") else f"{ROOT}/{path}"
        request = Request.build(method, target, headers=headers, body=raw, received_at=self.clock.time())
        context = Context(
            service=self.system,
            request=request,
            caller=Caller(user),
            base_url=BASE,
            prefer=Prefer.parse(request.headers.get("prefer", "")),
        )
        try:
            caller = self.system.hooks.security.caller(context)
        except DataverseError as refusal:
            return self.system.refuse(refusal, context)
        return self.system.answer(context.acting_as(caller), request)

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """As `call`; the JSON of a success, None for no body."""
        response = self.call(method, path, body, **more)
        assert response.status < 300, (response.status, response.body[:600])
        return orjson.loads(response.body) if response.body else None

    def create(self, entity_set: str, body: Any, **more: Any) -> str:
        """Create a row and return its id."""
        response = self.call("POST", entity_set, body, **more)
        assert response.status == 204, (response.status, response.body[:600])
        return response.header("OData-EntityId").rpartition("(")[2].rstrip(")")

    def refused(self, status: int, code: str, method: str, path: str, body: Any = None, **more: Any) -> str:
        """Send what must be refused; return the error text. An empty code stands for any."""
        response = self.call(method, path, body, **more)
        error = orjson.loads(response.body)["error"]
        found = (response.status, error["code"].lower() if code else "")
        assert found == (status, code.lower()), (response.status, error)
        return str(error["message"])

    def later(self, seconds: float) -> None:
        """Let the clock pass and run what is due."""
        self.clock.advance(seconds)
        self.system.agenda.run_due()

    def switch(self, **values: Any) -> None:
        self.system.switches.set(values)
