"""What several commands share: names of connections, filters, following accepted work to its end."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from cli import show
from cli.api import Answer, Api, part
from cli.exits import Exit
from cli.failed import Failed, usage

connection = click.argument("connection")
_ID: Final = re.compile(r"[0-9a-f]{32}")
_LOOK_EVERY = 1.0
_ENDED = frozenset({"Succeeded", "Failed"})
_WELL = frozenset({"", "succeeded"})

timeout = click.option(
    "--timeout", type=click.FloatRange(0), default=60.0, show_default=True, help="Minutes to follow it; 0: do not wait."
)


def place(api: Api, name: str) -> str:
    """The path of the connection that an id or a name means. Raises Failed when none or several bear the name."""
    return f"connections/{identify(api, name)}"


def identify(api: Api, name: str) -> str:
    if _ID.fullmatch(name):
        return name
    there = list(api.items("connections"))
    found = [item["id"] for item in there if item["name"].casefold() == name.casefold()]
    if len(found) == 1:
        return str(found[0])
    if found:
        raise usage(f"{len(found)} connections are named {name}", f"Name one by its id: {', '.join(found)}.")
    names = ", ".join(item["name"] or item["id"] for item in there)
    raise Failed(
        Exit.REFUSED,
        "there is no such connection",
        where=name,
        next_step=f"There are: {names}." if names else "Make one: dynasync connections create FILE",
    )


def which(ids: Sequence[str], everything: bool, where: Mapping[str, str], named: str) -> dict[str, object]:  # noqa: FBT001
    """The body that says which items are meant: some by id, or all that a filter finds."""
    chosen = {name: value for name, value in where.items() if value}
    if ids and (everything or chosen):
        raise usage("ids and filters exclude each other", "Give ids, or filters, or --all.")
    if ids:
        return {named: list(ids)}
    if not (everything or chosen):
        raise usage("nothing says which are meant", "Give ids, filters, or --all.")
    return {"filter": chosen}


def document(source: str) -> dict[str, Any]:
    """A JSON object from a file, or from standard input (`-`)."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
        found: Any = json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise usage(f"{source} cannot be read: {why}", "Name a JSON file, or - for standard input.") from None
    except ValueError as error:
        raise usage(f"{source} is no JSON: {error}", "Correct the file; nothing was sent.") from None
    if not isinstance(found, dict):
        raise usage(f"{source} holds no JSON object", "It begins with { and ends with }.")
    return found


def follow(
    api: Api, accepted: Answer, title: str, minutes: float, watch: Callable[[], str] | None = None
) -> dict[str, Any]:
    """Polls the operation of an accepted request until it ended. `watch` says how far it is.

    Raises Failed (UNDER_WAY) when the time is over; what was begun goes on in the app.
    """
    path = api.path_of(accepted.where)
    end = time.monotonic() + minutes * 60
    if not minutes:
        return dict(accepted.body)
    with show.progress(title) as tell:
        while True:
            operation: dict[str, Any] = api.get(path)
            if operation["status"] in _ENDED:
                return operation
            if time.monotonic() >= end:
                raise Failed(
                    Exit.UNDER_WAY,
                    f"{title} is still under way after {minutes:g} minutes",
                    where=str(operation["id"]),
                    next_step=f"It goes on in the app. Look later: dynasync run --operation {operation['id']}",
                )
            tell(watch() if watch is not None else _how_far(operation))
            api.sleep(_LOOK_EVERY)


def _how_far(operation: Mapping[str, Any]) -> str:
    return str(operation["status"]) + (f", {show.counts(operation['counts'])}" if operation.get("counts") else "")


def ended(operation: Mapping[str, Any], *, machine: bool, waited: bool) -> None:
    """Shows how an operation ended, and ends the command with FAILED unless all is well."""
    run = operation.get("run") or {}
    if machine:
        show.data(operation)
    else:
        show.facts(_told(operation, run))
    state = str(run.get("state", ""))
    if waited and (operation["status"] == "Failed" or state not in _WELL):
        if not machine:
            show.note(_next(operation, run))
        raise click.exceptions.Exit(int(Exit.FAILED))


def _told(operation: Mapping[str, Any], run: Mapping[str, Any]) -> list[tuple[str, object]]:
    error = operation.get("error") or {}
    return [
        ("operation", operation["id"]),
        ("status", operation["status"]),
        ("run", run.get("id", "")),
        ("run ended as", run.get("state", "")),
        ("started", show.moment(run.get("started") or operation.get("started"))),
        ("ended", show.moment(run.get("ended") or operation.get("ended"))),
        ("counts", show.counts(run.get("counts") or operation.get("counts") or {})),
        ("code", error.get("code", "")),
        ("message", run.get("message", "")),
        ("problems", ", ".join(operation.get("problems") or [])),
    ]


def _next(operation: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    name = part(str(operation.get("connection") or "CONNECTION"))
    if run.get("state") == "partly_failed":
        return f"next: dynasync errors list {name}"
    return f"next: dynasync status {name}"
