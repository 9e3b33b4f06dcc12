"""`dynasync pending`: requests about single records that are under way."""

from __future__ import annotations

from itertools import chain
from typing import Any

import click

from cli import show
from cli.api import Api, part
from cli.commands import common
from cli.group import group
from cli.target import with_app

_UNDER_WAY = ("queued", "held", "waiting")


@group(
    "pending",
    examples=(
        ("pending list CRM-AC", "requests that are under way"),
        ("pending list CRM-AC --state finished", "those that ended"),
        ("pending ask CRM-AC --entity lead --record 417", "make this partner record in Dynamics"),
    ),
)
def command() -> None:
    """Requests about single records that are under way."""


@command.command("list", examples=(("pending list CRM-AC --json", "for machines"),))
@common.connection
@click.option(
    "--state", type=click.Choice([*_UNDER_WAY, "finished"]), help="Only these; without it, all that are under way."
)
@show.limit
@show.as_json
@with_app
def list_pending(api: Api, *, connection: str, state: str | None, limit: int, as_json: bool) -> None:
    """Requests of CONNECTION: queued, held while it is off, or waiting for the next run."""
    path = f"{common.place(api, connection)}/requests"
    states = (state,) if state else _UNDER_WAY
    items = chain.from_iterable(api.items(path, {"state": name}) for name in states)
    show.listed(items, limit, machine=as_json, columns=COLUMNS, row=row, none="No request is under way.")


COLUMNS = (
    "id",
    "entity",
    "record",
    "to automation",
    "status",
    "received",
    "next run",
    "tries",
    "code",
    "what happened",
    "next step",
)


def row(item: Any) -> list[object]:
    return [
        item["id"],
        item["entity"],
        f"{item['record']['kind']} {item['record']['id']}",
        item.get("automation", ""),
        item["status"],
        show.moment(item["receivedAt"]),
        show.moment(item.get("runsAt")),
        item.get("tries", ""),
        item.get("code", ""),
        item.get("message", ""),
        item.get("nextStep", ""),
    ]


@command.command("show", examples=(("pending show CRM-AC 8d41f0", "how one request stands"),))
@common.connection
@click.argument("request")
@show.as_json
@with_app
def show_request(api: Api, *, connection: str, request: str, as_json: bool) -> None:
    """How one REQUEST of CONNECTION stands, by its id."""
    found = api.get(f"{common.place(api, connection)}/requests/{part(request)}")
    _one(found, machine=as_json)


def _one(found: Any, *, machine: bool) -> None:
    if machine:
        show.data(found)
    else:
        show.facts(zip(COLUMNS, row(found), strict=True))


@command.command("ask", examples=(("pending ask CRM-AC --entity lead --record 417", "as a webhook would"),))
@common.connection
@click.option("--entity", required=True, help="What it becomes: an entity of the connection.")
@click.option("--record", required=True, help="The partner record's id.")
@show.as_json
@with_app
def ask(api: Api, *, connection: str, entity: str, record: str, as_json: bool) -> None:
    """Make a partner record in Dynamics. A repeat while it is under way is the same request."""
    answer = api.post(f"{common.place(api, connection)}/requests", {"entity": entity, "record": record})
    _one(answer.body, machine=as_json)
