"""The simulated subscription in process: what the tests of this folder talk to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from simulators.frame import Clock, Request, Response
from simulators.frame.http import to_json
from simulators.marketo import DEFAULT_CLIENT, DEFAULT_SECRET, Marketo

START = datetime.fromisoformat("2026-10-14T15:00:00+00:00").timestamp()


class Vendor:
    """A subscription whose clock stands still until advanced, and whose rate limit is off unless a test sets it."""

    def __init__(self, *, seed: int = 1) -> None:
        self.clock = Clock()
        self.clock.set_now(START, frozen=True)
        self.system = Marketo(self.clock, seed=seed)
        self.system.switches.set({"calls_per_window": 0})
        self.token = ""
        self.renew()

    def token_of(self, client: str, secret: str) -> str:
        """A token of a custom service."""
        asked = urlencode({"grant_type": "client_credentials", "client_id": client, "client_secret": secret})
        status, answer = self.raw_json("GET", f"/identity/oauth/token?{asked}", token=None)
        assert status == 200, answer
        token: str = answer["access_token"]
        return token

    def renew(self) -> None:
        """A token that is good now."""
        self.token = self.token_of(DEFAULT_CLIENT, DEFAULT_SECRET)

    def raw(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        token: str | None = "",
        headers: dict[str, str] | None = None,
        arrived: float | None = None,
    ) -> Response:
        """One call; a body that is bytes is sent as it is, with the headers given."""
        sent = {} if token is None else {"Authorization": f"Bearer {token or self.token}"}
        data = body if isinstance(body, bytes) else b"" if body is None else to_json(body)
        if body is not None and not isinstance(body, bytes):
            sent["Content-Type"] = "application/json"
        received = self.clock.time() if arrived is None else arrived
        request = Request.build(method, target, headers=sent | (headers or {}), body=data, received_at=received)
        return self.system.handle(request)

    def raw_json(self, method: str, target: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Status and JSON (None for an empty body)."""
        answer = self.raw(method, target, body, **more)
        return answer.status, answer.json() if answer.body else None

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """A call under /rest/v1 that is answered with 200."""
        status, answer = self.raw_json(method, f"/rest/v1{path}", body, **more)
        assert status == 200, answer
        return answer

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The result of a call that must work."""
        answer = self.call(method, path, body, **more)
        assert answer["success"], answer
        return answer.get("result")

    def get(self, path: str, **query: Any) -> Any:
        """The result of a GET that must work; lists in the query are joined with commas."""
        return self.ok("GET", with_query(path, query))

    def post(self, path: str, body: Any) -> Any:
        """The result of a POST that must work."""
        return self.ok("POST", path, body)

    def refused(self, method: str, path: str, body: Any = None, **more: Any) -> str:
        """The code of a call that must fail as a whole."""
        answer = self.call(method, path, body, **more)
        assert answer["success"] is False, answer
        assert "result" not in answer
        (error,) = answer["errors"]
        assert error["message"]
        code: str = error["code"]
        return code

    def sync(self, *rows: dict[str, Any], **more: Any) -> list[Any]:
        """Sync leads: for each row its status, or the code of its refusal."""
        return statuses(self.post("/leads.json", {**more, "input": list(rows)}))

    def lead(self, email: str = "ada@example.com", **values: Any) -> int:
        """Make a lead; its id."""
        (row,) = self.post("/leads.json", {"action": "createOnly", "input": [{"email": email, **values}]})
        assert row["status"] == "created", row
        number: int = row["id"]
        return number

    def state(self, lead: int) -> dict[str, Any]:
        """One lead as the vendor holds it."""
        (found,) = self.system.state({"kind": "leads", "ids": str(lead)})["leads"]
        return dict(found)

    def values(self, lead: int) -> dict[str, Any]:
        """Its values."""
        return dict(self.state(lead)["values"])

    def since(self, moment: str = "2020-01-01T00:00:00Z") -> str:
        """A paging token."""
        answer = self.call("GET", f"/activities/pagingtoken.json?sinceDatetime={quote(moment)}")
        token: str = answer["nextPageToken"]
        return token

    def page(self, path: str, token: str, **query: Any) -> Any:
        """One page of a feed, the whole answer."""
        answer = self.call("GET", with_query(path, {"nextPageToken": token, **query}))
        assert answer["success"], answer
        return answer

    def walk(self, path: str, token: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All rows of a feed."""
        more = True
        while more:
            answer = self.page(path, token, **query)
            yield from answer["result"]
            token, more = answer["nextPageToken"], answer["moreResult"]

    def changes(self, *fields: str) -> list[dict[str, Any]]:
        """All of leadchanges."""
        return list(self.walk("/activities/leadchanges.json", self.since(), fields=fields))

    def seed(self, **spec: Any) -> Any:
        """Seed."""
        return self.system.seed(spec)

    def act(self, action: str, **spec: Any) -> Any:
        """Something happens in the subscription."""
        return self.system.act(action, spec)

    def switch(self, **changes: Any) -> None:
        """Set switches."""
        self.system.switches.set(changes)

    def advance(self, seconds: float) -> None:
        """Let time pass, in steps so that what follows from what is due gets due in turn."""
        for _ in range(10):
            self.clock.advance(seconds / 10)
            self.system.agenda.run_due()

    def writes(self, **narrow: Any) -> list[dict[str, Any]]:
        """The write log."""
        return self.system.writes.page(**narrow)


def with_query(path: str, query: dict[str, Any]) -> str:
    """A path with its query."""
    flat = {
        key: ",".join(map(str, value)) if isinstance(value, list | tuple) else value for key, value in query.items()
    }
    return f"{path}?{urlencode(flat)}" if flat else path


def statuses(rows: list[dict[str, Any]]) -> list[str]:
    """For each result its status, or the code of its refusal."""
    return [
        row["status"] if row["status"] != "skipped" else (row.get("reasons") or row["errors"])[0]["code"]
        for row in rows
    ]
