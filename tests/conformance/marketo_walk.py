"""What the Marketo walks in Python share. Standard library only: it runs under each client's own interpreter."""

from __future__ import annotations

import json
import os
import ssl
import sys
import traceback
import urllib.request
from collections.abc import Callable
from typing import Any

BASE = os.environ["SIM_MARKETO"].rstrip("/")
CLIENT, SECRET = "simulated-marketo-client", "simulated-marketo-secret"
_OPENER = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=os.environ["SIM_CA"])),
)
_STEPS: list[tuple[str, Callable[[], Any]]] = []


def control(method: str, name: str, body: Any = None) -> Any:
    """Drive the simulator: clock, switches, acts, state."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{BASE}/_sim/{name}", data=data, method=method)
    with _OPENER.open(request, timeout=60) as answer:
        return json.load(answer)


def values(lead: int) -> dict[str, Any]:
    """What the vendor holds of a lead; empty when it holds none."""
    found = control("GET", f"state?kind=leads&ids={lead}")["leads"]
    return found[0]["values"] if found else {}


def step(operation: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Declare the step that proves an operation."""

    def declare(function: Callable[[], Any]) -> Callable[[], Any]:
        _STEPS.append((operation, function))
        return function

    return declare


def run() -> None:
    """Run all steps, the rest also after one failed; each has its line of JSON."""
    failed = False
    for operation, function in _STEPS:
        detail = ""
        try:
            function()
        except Exception as problem:  # a client may raise anything; the table shows it
            failed = True
            detail = f"{type(problem).__name__}: {problem}"[:500]
            traceback.print_exc(file=sys.stderr)
        print(json.dumps({"operation": operation, "ok": not detail, "detail": detail}), flush=True)
    sys.exit(1 if failed else 0)


def expect(actual: Any, wanted: Any, what: str = "") -> None:
    """Fail the step unless both are equal."""
    if actual != wanted:
        raise AssertionError(f"{what or 'value'}: expected {wanted!r}, got {actual!r}")
