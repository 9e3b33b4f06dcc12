"""`dynasync runs`."""

from __future__ import annotations

from typing import Any

import click

from cli import show
from cli.api import Api, part
from cli.commands import common, exporting
from cli.exits import Exit
from cli.failed import Failed
from cli.group import group
from cli.target import with_app


@group(
    "runs",
    examples=(
        ("runs list CRM-AC", "the newest runs first"),
        ("runs show CRM-AC 0f3a9c0e5d7b4b8f9a1c2d3e4f506172", "one run with its counts"),
        ("runs revert CRM-AC 0f3a9c0e5d7b4b8f9a1c2d3e4f506172 --plan", "what taking it back would do"),
    ),
)
def command() -> None:
    """What ran and how it ended; take a run back."""


@command.command("list", examples=(("runs list CRM-AC --limit 5 --json", "the five newest, for machines"),))
@common.connection
@show.limit
@show.as_json
@with_app
def list_runs(api: Api, *, connection: str, limit: int, as_json: bool) -> None:
    """The runs of CONNECTION, the newest first."""
    columns = ("run", "reason", "state", "started", "ended", "counts", "code", "message")
    items = api.items(f"{common.place(api, connection)}/runs")
    show.listed(items, limit, machine=as_json, columns=columns, row=_row, none="There was no run yet.")


def _row(run: Any) -> list[object]:
    times = (show.moment(run["started"]), show.moment(run["ended"]))
    return [run["id"], run["reason"], run["state"], *times, show.counts(run["counts"]), run["code"], run["message"]]


@command.command(
    "show", examples=(("runs show CRM-AC 0f3a9c0e5d7b4b8f9a1c2d3e4f506172", "when, why, how it ended, how much"),)
)
@common.connection
@click.argument("run")
@show.as_json
@with_app
def show_run(api: Api, *, connection: str, run: str, as_json: bool) -> None:
    """One RUN of CONNECTION. A part of its id is enough when it is the only one."""
    found = _find(api, common.place(api, connection), run)
    if as_json:
        show.data(found)
        return
    show.facts(
        [
            *((name, found[name]) for name in ("id", "slot", "reason", "state")),
            ("started", show.moment(found["started"])),
            ("ended", show.moment(found["ended"])),
            *((name, f"{count:,}") for name, count in sorted(found["counts"].items())),
            ("code", found["code"]),
            ("message", found["message"]),
        ]
    )


def _find(api: Api, at: str, run: str) -> dict[str, Any]:
    found = [item for item in api.items(f"{at}/runs") if item["id"].startswith(run)]
    if len(found) == 1:
        return dict(found[0])
    raise Failed(
        Exit.REFUSED,
        f"{len(found)} runs begin with these letters" if found else "there is no such run",
        where=run,
        next_step="dynasync runs list CONNECTION shows the ids.",
    )


_OUTCOMES = click.option("--outcome", default="", help="Only these codes, or the parts before their colons.")


@command.command(
    "records",
    examples=(
        ("runs records CRM-AC 0f3a9c0e5d7b4b8f9a1c2d3e4f506172", "what became of each record"),
        ("runs records CRM-AC 0f3a9c0e5d7b4b8f9a1c2d3e4f506172 --outcome failed,skipped", "of some kinds"),
    ),
)
@common.connection
@click.argument("run")
@_OUTCOMES
@show.limit
@show.as_json
@with_app
def records(api: Api, *, connection: str, run: str, outcome: str, limit: int, as_json: bool) -> None:
    """What became of each record of a RUN that was more than unchanged."""
    columns = ("entity", "Dynamics", "partner", "outcome", "field", "what happened", "next step", "next try")
    path = f"{common.place(api, connection)}/runs/{part(run)}/records"
    items = api.items(path, {"outcome": outcome})
    show.listed(items, limit, machine=as_json, columns=columns, row=_record, none="Nothing but unchanged records.")


def _record(item: Any) -> list[object]:
    said = item["message"] or item["meaning"]
    ids = (item["crm"]["id"], item["partner"]["id"])
    return [item["entity"], *ids, item["outcome"], item["field"], said, item["nextStep"], show.moment(item["retryAt"])]


@command.command(
    "export", examples=(("runs export CRM-AC 0f3a9c0e5d7b4b8f9a1c2d3e4f506172 --output run.csv", "for a spreadsheet"),)
)
@common.connection
@click.argument("run")
@_OUTCOMES
@exporting.options
@with_app
def export(api: Api, *, connection: str, run: str, outcome: str, form: str, output: str, bom: bool) -> None:
    """What became of each record of a RUN, as a file: ids and codes, no values."""
    path = f"{common.place(api, connection)}/runs/{part(run)}/records/export"
    exporting.export(api, path, {"outcome": outcome}, form=form, output=output, bom=bom)


@command.command(
    "revert",
    examples=(
        ("runs revert CRM-AC 0f3a9c0e5d7b4b8f9a1c2d3e4f506172 --plan", "count only, change nothing"),
        ("runs revert CRM-AC 0f3a9c0e5d7b4b8f9a1c2d3e4f506172 --yes", "restore the fields nobody touched since"),
    ),
)
@common.connection
@click.argument("run")
@click.option("--plan", is_flag=True, help="Say what it would do; change nothing.")
@click.option("--created", is_flag=True, help="Also remove what the run created.")
@common.timeout
@show.yes
@show.as_json
@with_app
def revert(
    api: Api, *, connection: str, run: str, plan: bool, created: bool, timeout: float, yes: bool, as_json: bool
) -> None:
    """Take a RUN of CONNECTION back: fields that nobody touched since get their earlier values."""
    path = f"{common.place(api, connection)}/runs/{part(run)}/revert"
    counts = api.get(path)
    if plan:
        if as_json:
            show.data(counts)
        else:
            show.facts([*counts["counts"].items(), *(("cannot be undone", item) for item in counts["cannot"])])
        return
    show.confirm(f"Take the run back ({show.counts(counts['counts'])})?", given=yes)
    accepted = api.post(path, {"created": created})
    found = common.follow(api, accepted, "revert", timeout)
    common.ended(found, machine=as_json, waited=timeout > 0)
