"""`dynasync doctor`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from cli import machine, show
from cli.api import API_VERSION, Api
from cli.commands.status import state
from cli.exits import Exit
from cli.failed import Failed
from cli.group import Command
from cli.target import URL, connect, options


@click.command(
    "doctor",
    cls=Command,
    examples=(
        ("doctor", "this machine, and the app that DYNASYNC_URL names"),
        ("doctor --connections", "also go through the check of every connection"),
        ("doctor --app --json", "the app only, for machines"),
        ("doctor --machine", "this machine only"),
    ),
)
@click.option("--machine", "only", flag_value="machine", help="This machine only.")
@click.option("--app", "only", flag_value="app", help="The app only.")
@click.option("--connections", is_flag=True, help="Go through the check of every connection, which calls its systems.")
@show.as_json
@options
def command(
    *, only: str | None, connections: bool, as_json: bool, url: str | None, key_file: str | None, token_file: str | None
) -> None:
    """Check the set-up of this machine and of an app; each failing step with its fix, exit code 1 when there is one."""
    found: list[dict[str, Any]] = []
    if only != "app":
        found += machine.steps(Path.cwd())
    if only == "app" or (only is None and (url or os.environ.get(URL))):
        found += _app(connect(url, key_file, token_file), connections=connections)
    elif only is None:
        found.append(_step("app", "app", "skipped", f"none is named; give --url or set {URL}"))
    passed = all(step["state"] != "failed" for step in found)
    if as_json:
        show.data({"passed": passed, "steps": found})
    else:
        for part, steps in groupby(found, lambda step: step["part"]):
            show.line(part)
            show.steps(list(steps), {})
    if not passed:
        raise click.exceptions.Exit(int(Exit.FAILED))


def _step(part: str, name: str, state: str, reason: str, next_step: str = "") -> dict[str, Any]:
    return {"part": part, "name": name, "state": state, "reason": reason, "nextStep": next_step}


def _app(api: Api, *, connections: bool) -> Iterator[dict[str, Any]]:
    """In the order in which one depends on the other; ends where nothing more can be asked."""
    part = f"app {api.url}"
    try:
        document = api.get("openapi.json")
        yield _step(part, "address", "passed", f"dynasync answers, API {document['info']['version']}")
        if document["info"]["version"] < API_VERSION:
            yield _step(part, "version", "failed", "the app is older than this command line", "Upgrade the app.")
        me = api.get("me")
        yield _step(part, "access", "passed", f"as {me['id']}, with {', '.join(me['roles']) or 'no role'}")
        for step in api.get("checks")["steps"]:
            yield {"part": part, **step}
        for connection in api.items("connections"):
            yield from _connection(api, connection, whole=connections)
    except Failed as error:
        yield _step(part, "call", "failed", error.message, error.next_step)


def _connection(api: Api, connection: dict[str, Any], *, whole: bool) -> Iterator[dict[str, Any]]:
    path, part = f"connections/{connection['id']}", f"connection {connection['name'] or connection['id']}"
    status = api.get(f"{path}/status")
    broken = status.get("broken")
    if broken:
        yield _step(part, "state", "failed", f"{broken['message']} ({broken['code']})", broken["nextStep"])
    elif status["late"] == "failing":
        following = f"dynasync runs list {connection['id']} shows how its runs ended."
        yield _step(part, "state", "failed", "it is more than two intervals late", following)
    else:
        yield _step(part, "state", "passed", state(status))
    if whole:
        for step in api.post(f"{path}/check").body["steps"]:
            side = {"crm": "Dynamics 365: ", "partner": "partner: "}.get(step["side"], "")
            yield _step(part, f"{side}{step['name']}", step["state"], step["reason"], step["nextStep"])
