"""`dynasync run`: a run now, or the initial sync, followed to its end."""

from __future__ import annotations

from collections.abc import Callable

import click

from cli import show
from cli.api import Answer, Api, part
from cli.commands.common import ended, follow, place, timeout
from cli.failed import usage
from cli.group import Command
from cli.target import with_app


@click.command(
    "run",
    cls=Command,
    examples=(
        ("run CRM-AC", "a run now, followed to its end"),
        ("run CRM-AC --timeout 0", "ask for it and go; prints the operation"),
        ("run CRM-AC --initial --repeat --yes", "the initial sync once more, on purpose"),
        ("run CRM-AC --resume --release-guard --yes", "let one run pass the guard against mass deletes"),
        ("run --operation 5c1f.3 --json", "follow what was asked for earlier"),
    ),
)
@click.argument("connection", default="")
@click.option("--initial", is_flag=True, help="The initial sync: everything is read, what differs is written.")
@click.option("--repeat", is_flag=True, help="With --initial: although it has been run.")
@click.option("--resume", is_flag=True, help="Go on after the connection stopped.")
@click.option("--release-guard", is_flag=True, help="With --resume: one run may delete as much as it wants.")
@click.option("--operation", default="", metavar="ID", help="Follow this operation; ask for nothing new.")
@timeout
@show.yes
@show.as_json
@with_app
def command(
    api: Api,
    *,
    connection: str,
    initial: bool,
    repeat: bool,
    resume: bool,
    release_guard: bool,
    operation: str,
    timeout: float,
    yes: bool,
    as_json: bool,
) -> None:
    """Start a run of CONNECTION and follow it; exit code 1 when the run, or a record in it, failed.

    Where the partner's own integration knows no run outside its rhythm the app refuses and names the next run.
    """
    if bool(connection) == bool(operation):
        raise usage("name a connection, or an operation", "dynasync run CONNECTION, or dynasync run --operation ID")
    if (repeat and not initial) or (release_guard and not resume) or (initial and resume):
        raise usage("these flags do not go together", "--repeat goes with --initial, --release-guard with --resume.")
    if operation:
        path = f"operations/{part(operation)}"
        accepted = Answer(200, api.get(path), where=f"/api/{path}")
        watch: Callable[[], str] | None = None
    else:
        at = place(api, connection)
        if repeat:
            show.confirm("Everything is read and compared again. Go on?", given=yes)
        if release_guard:
            show.confirm("The next run may delete as much as it wants. Go on?", given=yes)
        accepted = _asked(api, at, initial=initial, repeat=repeat, resume=resume, guard=release_guard)
        watch = lambda: _how_far(api, at)  # noqa: E731
    found = follow(api, accepted, "run", timeout, watch)
    ended(found, machine=as_json, waited=timeout > 0)


def _asked(api: Api, at: str, *, initial: bool, repeat: bool, resume: bool, guard: bool) -> Answer:
    if initial:
        return api.post(f"{at}/initial-sync", {"repeat": repeat})
    if resume:
        return api.post(f"{at}/resume", {"releaseGuard": guard})
    return api.post(f"{at}/sync")


def _how_far(api: Api, at: str) -> str:
    status = api.get(f"{at}/status")
    progress = status.get("progress")
    if not progress:
        return "running" if status["running"] else "waits for a worker"
    steps = f", {progress['stepsDone'][-1]} done" if progress["stepsDone"] else ""
    return f"{progress['records']:,} records looked at, {progress['written']:,} written{steps}"
