"""`dynasync conflicts`: fields that both sides changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from cli import show
from cli.api import Api
from cli.commands import common
from cli.exits import Exit
from cli.group import group
from cli.target import with_app
from cli.together import together

filters = together(
    click.option("--entity", default="", help="Only of this entity."),
    click.option("--field", default="", help="Only of this field of the map."),
    click.option("--link", default="", help="Only of this record."),
)
"""The options that say which questions are meant."""


@group(
    "conflicts",
    examples=(
        ("conflicts list CRM-AC", "open questions with both values"),
        ("conflicts list CRM-AC --decided", "what was decided, by policy or by whom"),
        ("conflicts decide CRM-AC --winner crm --field phone", "Dynamics' phone numbers stay"),
    ),
)
def command() -> None:
    """Fields that both sides changed: open questions and decisions."""


@command.command("list", examples=(("conflicts list CRM-AC --field phone --json", "of one field, for machines"),))
@common.connection
@click.option("--decided", is_flag=True, help="Decisions, not open questions.")
@filters
@show.limit
@show.as_json
@with_app
def list_conflicts(api: Api, *, connection: str, decided: bool, limit: int, as_json: bool, **where: str) -> None:
    """Open questions of CONNECTION, or decisions, the newest first. Values are kept for 30 days."""
    query = {"state": "decided" if decided else "waiting", **where}
    items = api.items(f"{common.place(api, connection)}/conflicts", query)
    columns = ("id", "entity", "field", "in Dynamics", "at the partner", "policy", "stays", "decided by", "since")
    none = "Nothing was decided." if decided else "No question is open."
    show.listed(items, limit, machine=as_json, columns=columns, row=_row, none=none)


def _row(item: Any) -> list[object]:
    return [
        item["id"],
        item["entity"],
        item["field"],
        _value(item["crm"]),
        _value(item["partner"]),
        item["policy"],
        item["winner"],
        item["actor"],
        show.moment(item["at"]),
    ]


def _value(side: Mapping[str, Any]) -> str:
    return str(side["value"]) if side["known"] else f"(no longer kept) {side['id']}"


@command.command(
    "decide",
    examples=(
        ("conflicts decide CRM-AC 3f1c9a --winner partner", "one question"),
        ("conflicts decide CRM-AC --winner crm --all --yes", "all open questions"),
    ),
)
@common.connection
@click.argument("ids", nargs=-1)
@click.option("--winner", type=click.Choice(["crm", "partner"]), required=True, help="Whose value stays.")
@click.option("--all", "everything", is_flag=True, help="All open questions.")
@filters
@show.yes
@show.as_json
@with_app
def decide(
    api: Api,
    *,
    connection: str,
    ids: tuple[str, ...],
    winner: str,
    everything: bool,
    yes: bool,
    as_json: bool,
    **where: str,
) -> None:
    """Say whose value stays. Applied when the rhythm next runs; exit code 1 when a question had changed meanwhile."""
    body = {"winner": winner, **common.which(ids, everything, where, "ids")}
    if not ids:
        show.confirm(f"The value of {winner} stays in all that the filter finds?", given=yes)
    found = api.post(f"{common.place(api, connection)}/conflicts/decide", body).body
    if as_json:
        show.data(found)
    else:
        if found["more"]:
            show.note("There are many: the app goes on with them by itself.")
        show.line(f"decided: {found['decided']:,}, applied at {show.moment(found['runsAt'])}")
    if found["stale"]:
        if not as_json:
            show.note("Gone or changed meanwhile, to be asked anew: " + ", ".join(found["stale"]))
        raise click.exceptions.Exit(int(Exit.FAILED))
