"""`dynasync automations`: what the partner can take records into, and adding Dynamics records to one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli import show
from cli.api import Api
from cli.commands import common
from cli.commands.pending import COLUMNS, row
from cli.failed import usage
from cli.group import group
from cli.target import with_app

_AT_ONCE = 100


@group(
    "automations",
    examples=(
        ("automations list CRM-AC", "which there are, and whether they run"),
        (
            "automations add CRM-AC --entity contact --automation 12 7f3b0c9e-5d7b-4b8f-9a1c-2d3e4f506172",
            "add a row's counterpart",
        ),
        ("pending show CRM-AC 8d41f0", "how that request stands"),
    ),
)
def command() -> None:
    """The partner's automations, and adding Dynamics records to them."""


@command.command("list", examples=(("automations list CRM-AC --json", "for machines"),))
@common.connection
@show.limit
@show.as_json
@with_app
def list_automations(api: Api, *, connection: str, limit: int, as_json: bool) -> None:
    """The automations of the partner of CONNECTION, by name."""
    items = api.items(f"{common.place(api, connection)}/automations")
    columns = ("id", "name", "takes records in")

    def shown(item: Any) -> list[object]:
        return [item["id"], item["name"], "yes" if item["running"] else "no"]

    show.listed(items, limit, machine=as_json, columns=columns, row=shown, none="There is no automation.")


@command.command(
    "add", examples=(("automations add CRM-AC --entity lead --automation 12 --file ids.txt", "many rows"),)
)
@common.connection
@click.argument("records", nargs=-1)
@click.option("--entity", required=True, help="The entity of the rows.")
@click.option("--automation", required=True, help="The automation's id.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="Ids, one a line.")
@show.as_json
@with_app
def add(
    api: Api,
    *,
    connection: str,
    records: tuple[str, ...],
    entity: str,
    automation: str,
    file: Path | None,
    as_json: bool,
) -> None:
    """Add the counterparts of Dynamics rows (RECORDS: their ids) to an automation.

    Each row is a request of its own; `pending show` tells how it stands.
    """
    rows = [*records, *(_ids(file) if file else ())]
    if not rows:
        raise usage("nothing says which rows are meant", "Give their ids, or --file FILE.")
    at, found = f"{common.place(api, connection)}/enrolments", list[Any]()
    for start in range(0, len(rows), _AT_ONCE):
        body = {"entity": entity, "automation": automation, "records": rows[start : start + _AT_ONCE]}
        found += api.post(at, body).body["value"]
    show.listed(iter(found), 0, machine=as_json, columns=COLUMNS, row=row)


def _ids(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise usage(f"{file} cannot be read: {why}", "Name a file of ids, one a line.") from None
    return [line.strip() for line in text.splitlines() if line.strip()]
