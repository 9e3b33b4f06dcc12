"""What all walks in Python share. Standard library only: it runs under each client's own interpreter (3.10 and newer).

A walk is told where the simulators are by the environment: `SIM_<SYSTEM>` (base URLs) and `SIM_CA` (the file of the
authority to trust). It prints one JSON line for each operation: `{"operation": "create", "ok": true, "detail": ""}`,
and ends with status 1 when one failed.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import traceback
import urllib.request
from collections.abc import Callable
from typing import Any

Step = Callable[[], Any]


class Walk:
    """Runs the steps of one client in order; after a failed step the others still run."""

    def __init__(self, system: str) -> None:
        self.base = os.environ[f"SIM_{system.upper()}"].rstrip("/")
        self.ca = os.environ["SIM_CA"]
        trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.ca))
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trust)
        self._steps: list[tuple[str, Step]] = []

    def step(self, operation: str) -> Callable[[Step], Step]:
        """Declare the step that proves an operation."""

        def declare(function: Step) -> Step:
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

    def ask(self, url: str, data: bytes | None = None, method: str | None = None) -> Any:
        """The JSON of an answer."""
        request = urllib.request.Request(url, data=data, method=method)
        with self._opener.open(request, timeout=60) as answer:
            return json.load(answer)

    def control(self, method: str, name: str, body: Any = None) -> Any:
        """Drive the simulator: clock, switches, acts, faults, state."""
        return self.ask(f"{self.base}/_sim/{name}", None if body is None else json.dumps(body).encode(), method)


def expect(actual: Any, wanted: Any, what: str = "") -> None:
    """Fail the step unless both are equal."""
    if actual != wanted:
        raise AssertionError(f"{what or 'value'}: expected {wanted!r}, got {actual!r}")
