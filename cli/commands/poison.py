"""`dynasync poison`: requests that failed five times."""

from __future__ import annotations

import click

from cli import show
from cli.api import Api
from cli.commands import common
from cli.commands.pending import COLUMNS, row
from cli.failed import usage
from cli.group import group
from cli.target import with_app

_AT_ONCE = 1000


@group(
    "poison",
    examples=(
        ("poison list CRM-AC", "what was given up, why, and what to do"),
        ("poison requeue CRM-AC --all", "each once more"),
        ("poison purge CRM-AC 8d41f0 --yes", "forget one"),
    ),
)
def command() -> None:
    """Requests that failed five times: try again, forget."""


@command.command("list", examples=(("poison list CRM-AC --json", "for machines"),))
@common.connection
@show.limit
@show.as_json
@with_app
def list_poison(api: Api, *, connection: str, limit: int, as_json: bool) -> None:
    """Requests of CONNECTION that were given up."""
    items = api.items(f"{common.place(api, connection)}/requests", {"state": "poison"})
    show.listed(items, limit, machine=as_json, columns=COLUMNS, row=row, none="Nothing was given up.")


@command.command("requeue", examples=(("poison requeue CRM-AC 8d41f0", "one, by its id"),))
@common.connection
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of the list.")
@show.as_json
@with_app
def requeue(api: Api, *, connection: str, ids: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Take requests out of the poison list and try each again, once."""
    at = common.place(api, connection)
    done: list[str] = []
    for chosen in _chosen(api, at, ids, everything=everything):
        done += api.post(f"{at}/requests/requeue", {"ids": chosen}).body["requeued"]
    if as_json:
        show.data({"requeued": done})
    else:
        show.line(f"requeued: {len(done):,}")


@command.command("purge", examples=(("poison purge CRM-AC --all --yes", "forget the whole list"),))
@common.connection
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of the list.")
@show.yes
@show.as_json
@with_app
def purge(api: Api, *, connection: str, ids: tuple[str, ...], everything: bool, yes: bool, as_json: bool) -> None:
    """Forget requests of the poison list. What they asked for is not done."""
    at = common.place(api, connection)
    chosen = _chosen(api, at, ids, everything=everything)
    show.confirm(f"Forget {sum(map(len, chosen)):,} requests?", given=yes)
    count = sum(api.post(f"{at}/requests/purge", {"ids": part}).body["purged"] for part in chosen)
    if as_json:
        show.data({"purged": count})
    else:
        show.line(f"purged: {count:,}")


def _chosen(api: Api, at: str, ids: tuple[str, ...], *, everything: bool) -> list[list[str]]:
    """Ids in parts that one call takes."""
    if bool(ids) == everything:
        raise usage("nothing says which are meant", "Give ids, or --all.")
    found = list(ids) or [item["id"] for item in api.items(f"{at}/requests", {"state": "poison"})]
    return [found[start : start + _AT_ONCE] for start in range(0, len(found), _AT_ONCE)]
