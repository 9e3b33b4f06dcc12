"""For people and probes: whether the app is alive, what its API is, who is asking."""

from __future__ import annotations

from pathlib import Path

from functions.api.call import Answer, Call
from functions.api.route import Role, route

_DOCUMENT = Path(__file__).with_name("openapi.json")


@route("GET", "health", Role.OPEN, answer="app.Health", codes=("transient",))
def health(call: Call) -> Answer:
    """Alive, and the state tables answer. Says nothing about any connection."""
    call.app.probe()
    return Answer(body={"status": "ok"})


@route("GET", "openapi.json", Role.OPEN, answer="app.Document")
def openapi(call: Call) -> Answer:
    """This document."""
    return Answer(body=_DOCUMENT.read_bytes())


@route("GET", "checks", Role.READER, answer="app.SetupCheck")
def check_setup(call: Call) -> Answer:
    """The app's own set-up, step by step: state tables, queues, vault, telemetry, sign-in, secrets that end soon."""
    from shared.setup import steps

    shown = [
        {"name": step.name, "state": step.state.value, "reason": step.reason, "nextStep": step.next_step}
        for step in steps(call.app)
    ]
    return Answer(body={"passed": all(step["state"] != "failed" for step in shown), "steps": shown})


@route("GET", "me", Role.SIGNED_IN, answer="app.Me")
def me(call: Call) -> Answer:
    """Who the app takes the caller for, and with which roles."""
    return Answer(body={"id": call.caller.id, "roles": sorted(call.caller.roles)})
