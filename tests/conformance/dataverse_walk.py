"""What the Dataverse walks share. Standard library only: it runs under each client's own interpreter (3.10 and newer).

A walk is told where the simulators are by the environment: ``SIM_DATAVERSE`` and ``SIM_ENTRA`` (base URLs) and
``SIM_CA`` (the file of the authority to trust). It prints one JSON line for each operation:
``{"operation": "create", "ok": true, "detail": ""}``, and ends with status 1 when one failed.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import traceback
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

CLIENT_ID = os.environ.get("SIM_CLIENT_ID", "9a1e5b70-3c42-4d8e-b6f1-0c7d2a4e5f63")
CLIENT_SECRET = os.environ.get("SIM_CLIENT_SECRET", "simulated~secret-of-the-default-app")
TENANT = os.environ.get("SIM_TENANT", "5d2f1c44-7c1b-4a86-9f0e-2b6a3c9d8e10")


class Walk:
    """Runs the steps of one client in order; after a failed step the others still run."""

    def __init__(self) -> None:
        self.base = os.environ["SIM_DATAVERSE"].rstrip("/")
        self.entra = os.environ["SIM_ENTRA"].rstrip("/")
        self.ca = os.environ["SIM_CA"]
        self._trust = ssl.create_default_context(cafile=self.ca)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._trust)
        )
        self._steps: list[tuple[str, Callable[[], None]]] = []

    def step(self, operation: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
        """Declare the step that proves an operation."""

        def declare(function: Callable[[], None]) -> Callable[[], None]:
            self._steps.append((operation, function))
            return function

        return declare

    def run(self) -> None:
        """Run all steps and leave the process."""
        failed = False
        for operation, function in self._steps:
            detail = ""
            try:
                function()
            except Exception as problem:  # a client may raise anything; the table shows it
                failed = True
                detail = f"{type(problem).__name__}: {problem}"[:500]
                traceback.print_exc(file=sys.stderr)
            print(json.dumps({"operation": operation, "ok": not detail, "detail": detail}), flush=True)
        sys.exit(1 if failed else 0)

    def control(self, method: str, name: str, body: Any = None) -> Any:
        """Drive the simulator: clock, switches, faults, state."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}/_sim/{name}", data=data, method=method)
        with self._opener.open(request, timeout=60) as answer:
            return json.load(answer)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """What the simulator itself holds of a table, as sorted tuples of these columns."""
        held = self.control("GET", f"state?table={table}&limit=10000")["rows"]
        return sorted((tuple(row.get(column) for column in columns) for row in held), key=str)

    def token(self) -> str:
        """A token of the application user, from the simulated Entra."""
        form = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "grant_type": "client_credentials",
            "scope": f"{self.base}/.default",
        }
        url = f"{self.entra}/{TENANT}/oauth2/v2.0/token"
        request = urllib.request.Request(url, data=urllib.parse.urlencode(form).encode())
        with self._opener.open(request, timeout=60) as answer:
            return str(json.load(answer)["access_token"])


def expect(actual: Any, wanted: Any, what: str = "") -> None:
    """Fail the step unless both are equal."""
    if actual != wanted:
        raise AssertionError(f"{what or 'value'}: expected {wanted!r}, got {actual!r}")


def refuses(call: Callable[[], Any], status: int, code: str = "") -> Any:
    """Return the error a call raises; fail the step unless it tells this HTTP status and service code."""
    try:
        call()
    except Exception as problem:
        text = f"{getattr(problem, 'status_code', '')} {getattr(problem, 'details', '')} {problem!r}"
        response = getattr(problem, "response", None)
        if response is not None:
            text += f" {response.status_code} {response.text}"
        if str(status) not in text or code.lower() not in text.lower():
            raise AssertionError(f"expected {status} {code}, got {text[:300]}") from problem
        return problem
    raise AssertionError(f"expected {status} {code}, but the call succeeded")
