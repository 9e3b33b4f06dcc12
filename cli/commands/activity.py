"""`dynasync activity`: who did what."""

from __future__ import annotations

import click

from cli import show
from cli.api import Api
from cli.commands import common
from cli.group import Command
from cli.target import with_app


@click.command(
    "activity",
    cls=Command,
    examples=(
        ("activity CRM-AC", "the newest first"),
        ("activity CRM-AC --action connection", "changes to the connection itself"),
        ("activity app", "what was done to the installation"),
    ),
)
@common.connection
@click.option("--action", default="", help="One action, or a group such as connection.")
@show.limit
@show.as_json
@with_app
def command(api: Api, *, connection: str, action: str, limit: int, as_json: bool) -> None:
    """Who did what to CONNECTION, or to the installation (`app`)."""
    name = connection if connection == "app" else common.identify(api, connection)
    show.listed(
        api.items(f"connections/{name}/activity", {"action": action}),
        limit,
        machine=as_json,
        columns=("at", "who", "action", "details"),
        row=lambda item: [
            show.moment(item["at"]),
            item["actor"],
            item["action"],
            ", ".join(f"{key}: {value}" for key, value in item["details"].items()),
        ],
    )
