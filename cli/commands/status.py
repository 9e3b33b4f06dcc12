"""`dynasync status`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from cli import show
from cli.api import Api
from cli.commands.common import identify
from cli.exits import Exit
from cli.failed import usage
from cli.group import Command
from cli.target import with_app


@click.command(
    "status",
    cls=Command,
    examples=(
        ("status", "every connection, a line each"),
        ("status CRM-AC", "one, with counts, reason and next step"),
        ("status --watch", "again every five seconds, until Ctrl-C"),
        ("status --fail --json", "for a monitor: exit code 1 when a connection is stopped or failing"),
    ),
)
@click.argument("connection", default="")
@click.option("--watch", is_flag=True, help="Show it again every few seconds, until Ctrl-C.")
@click.option("--every", type=click.FloatRange(1), default=5.0, show_default=True, help="With --watch: seconds.")
@click.option("--fail", is_flag=True, help="Exit code 1 when a connection is stopped or failing.")
@show.as_json
@with_app
def command(api: Api, *, connection: str, watch: bool, every: float, fail: bool, as_json: bool) -> None:
    """How connections stand: running or not, last and next run, counts, and what is broken with the next step."""
    if watch and as_json:
        raise usage("--watch is for people", "Leave out --watch, and call it as often as you like.")
    while True:
        found = [_status(api, item, numbers=bool(connection)) for item in _meant(api, connection)]
        if watch and sys.stdout.isatty():
            click.clear()
        _shown(found, one=bool(connection), machine=as_json)
        if not watch:
            break
        api.sleep(every)
    if fail and any(_bad(item) for item in found):
        raise click.exceptions.Exit(int(Exit.FAILED))


def _meant(api: Api, name: str) -> list[Mapping[str, Any]]:
    if name:
        return [api.get(f"connections/{identify(api, name)}")]
    return list(api.items("connections"))


def _status(api: Api, connection: Mapping[str, Any], *, numbers: bool) -> dict[str, Any]:
    at = f"connections/{connection['id']}"
    more = {"statistics": api.get(f"{at}/statistics")} if numbers else {}
    return {"name": connection["name"], **api.get(f"{at}/status"), **more}


def _bad(status: Mapping[str, Any]) -> bool:
    return bool(status.get("broken")) or status["late"] == "failing"


def _shown(found: list[dict[str, Any]], *, one: bool, machine: bool) -> None:
    if machine:
        show.data(found[0] if one else {"value": found, "more": False})
    elif one:
        show.facts(_facts(found[0]))
    elif found:
        columns = ("connection", "id", "switch", "state", "last run", "next run", "reason", "next step")
        show.table(columns, [_row(item) for item in found])
    else:
        show.note("There is no connection yet. Make one: dynasync connections create FILE")


def state(status: Mapping[str, Any]) -> str:
    """One word for how a connection stands."""
    if status.get("broken"):
        return "stopped"
    if status["switch"] != "on":
        return "off"
    if status["running"]:
        return "running"
    return {"on_time": "waits"}.get(status["late"], str(status["late"]))


def _row(status: Mapping[str, Any]) -> list[object]:
    broken = status.get("broken") or {}
    resting = status.get("resting") or {}
    return [
        status["name"],
        status["connection"],
        status["switch"],
        state(status),
        show.moment(status["lastEnd"]),
        show.moment(status["nextRun"]),
        broken.get("message") or resting.get("code", ""),
        broken.get("nextStep", ""),
    ]


def _behind(entity: Mapping[str, Any]) -> str:
    return f"{entity['entity']} {entity['waiting']['shown']}"


def _facts(status: Mapping[str, Any]) -> list[tuple[str, object]]:
    numbers = status["statistics"]
    stands, last, counts = numbers["state"], numbers["lastSync"], numbers["counts"]
    backlog, speed = numbers["backlog"], numbers["throughput"]
    progress = status.get("progress") or {}
    return [
        ("connection", status["name"]),
        ("id", status["connection"]),
        ("switch", status["switch"]),
        ("state", stands["code"]),
        ("because", stands["reason"]),
        ("next step", stands["nextStep"]),
        ("running", f"{progress['records']:,} looked at, {progress['written']:,} written" if progress else ""),
        ("initial sync", "done" if status["initialDone"] else "not yet"),
        ("last run", f"{last['state']}, ended {show.moment(last['ended'])}" if last["run"] else ""),
        ("next run", show.moment(status["nextRun"])),
        *((name, count["shown"]) for name, count in counts.items()),
        ("waiting", f"{backlog['waiting']['shown']}, and {backlog['requests']['shown']} requests"),
        ("by entity", ", ".join(map(_behind, backlog["entities"]))),
        ("throughput", f"{speed['recordsPerMinute']:,} records a minute over {speed['runs']} runs"),
        *((name, f"{count:,}") for name, count in sorted(status["counts"].items())),
    ]
