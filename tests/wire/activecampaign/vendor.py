"""The simulated account in process: what the tests of this folder talk to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from simulators.activecampaign import DEFAULT_KEY, ActiveCampaign
from simulators.frame import Clock, Request, Response
from simulators.frame.http import to_json

START = datetime.fromisoformat("2026-06-10T12:00:00+00:00").timestamp()


class Vendor:
    """An account whose clock stands still until advanced, and whose rate limit is off unless a test sets it."""

    def __init__(self, *, seed: int = 1) -> None:
        self.clock = Clock()
        self.clock.set_now(START, frozen=True)
        self.system = ActiveCampaign(self.clock, seed=seed)
        self.system.switches.set({"requests_per_second": 0})

    def raw(self, method: str, path: str, body: Any = None, *, key: str | None = DEFAULT_KEY) -> Response:
        """One call; a body that is bytes is sent as it is."""
        headers = {} if key is None else {"Api-Token": key}
        sent = body if isinstance(body, bytes) else b"" if body is None else to_json(body)
        return self.system.handle(Request.build(method, f"/api/3{path}", headers=headers, body=sent))

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = DEFAULT_KEY) -> tuple[int, Any]:
        """One call as status and JSON (None for an empty body)."""
        response = self.raw(method, path, body, key=key)
        return response.status, response.json() if response.body else None

    def get(self, path: str) -> Any:
        """A GET that must work."""
        status, body = self.call("GET", path)
        assert status == 200, body
        return body

    def post(self, path: str, body: Any) -> Any:
        """A POST that must work."""
        status, answer = self.call("POST", path, body)
        assert status in {200, 201}, answer
        return answer

    def put(self, path: str, body: Any) -> Any:
        """A PUT that must work."""
        status, answer = self.call("PUT", path, body)
        assert status == 200, answer
        return answer

    def contact(self, email: str = "ada@example.com", **attributes: Any) -> str:
        """Create a contact and return its id."""
        created = self.post("/contacts", {"contact": {"email": email, **attributes}})
        contact_id: str = created["contact"]["id"]
        return contact_id

    def seed(self, **spec: Any) -> Any:
        """Seed."""
        return self.system.seed(spec)

    def state(self, contact_id: Any) -> dict[str, Any]:
        """One contact as the vendor holds it."""
        (found,) = self.system.state({"kind": "contacts", "ids": str(contact_id)})["contacts"]
        return dict(found)

    def act(self, action: str, **spec: Any) -> Any:
        """Something happens in the account."""
        answer = self.system.act(action, spec)
        self.system.agenda.run_due()
        return answer

    def switch(self, **changes: Any) -> None:
        """Set switches."""
        self.system.switches.set(changes)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.system.agenda.run_due()

    def writes(self, **narrow: Any) -> list[dict[str, Any]]:
        """The write log."""
        return self.system.writes.page(**narrow)

    def walk(self, path: str, plural: str, *, limit: int = 100) -> Iterator[dict[str, Any]]:
        """All rows of a list by offset."""
        offset, joint = 0, "&" if "?" in path else "?"
        while True:
            rows = self.get(f"{path}{joint}limit={limit}&offset={offset}")[plural]
            yield from rows
            offset += len(rows)
            if len(rows) < limit:
                return


def pointer(body: Any) -> tuple[str, str]:
    """Code and pointer of the first error of shape (b)."""
    error = body["errors"][0]
    return error["code"], error.get("source", {}).get("pointer", "")
