"""`dynasync errors`: records that fail."""

from __future__ import annotations

from typing import Any

import click

from cli import show
from cli.api import Api
from cli.commands import common, exporting
from cli.group import group
from cli.target import with_app
from cli.together import together

filters = together(
    click.option("--entity", default="", help="Only of this entity."),
    click.option("--outcome", default="", help="Only with this code, or the part before its colon."),
    click.option("--field", default="", help="Only with a problem in this field of the map."),
    click.option("--dismissed", type=click.Choice(["false", "true", "all"]), default="false", help="Also, or only."),
)
"""The options that say which failures are meant."""


@group(
    "errors",
    examples=(
        ("errors list CRM-AC", "which records fail, why, and what to do"),
        ("errors list CRM-AC --outcome rejected --json", "of one kind, for machines"),
        ("errors retry CRM-AC --all", "all again when the rhythm next runs"),
        ("errors dismiss CRM-AC --field phone", "hide these until their code changes"),
    ),
)
def command() -> None:
    """Records that fail: why, and what to do; try again, dismiss."""


@command.command("list", examples=(("errors list CRM-AC --entity contact --limit 20", "the first twenty contacts"),))
@common.connection
@filters
@show.limit
@show.as_json
@with_app
def list_errors(api: Api, *, connection: str, limit: int, as_json: bool, **where: str) -> None:
    """Failing records of CONNECTION, each with its problems and the next step."""
    items = api.items(f"{common.place(api, connection)}/failures", where)
    columns = ("link", "entity", "Dynamics", "partner", "code", "field", "what happened", "next step", "next try")
    show.listed(items, limit, machine=as_json, columns=columns, row=_row, none="No record fails.")


def _row(item: Any) -> list[object]:
    first, *others = item["problems"]
    said = first["message"] or first["meaning"]
    return [
        item["link"],
        item["entity"],
        (item["crm"] or {}).get("id", ""),
        (item["partner"] or {}).get("id", ""),
        first["code"],
        first["field"],
        f"{said} (and {len(others)} more)" if others else said,
        first["nextStep"],
        "dismissed" if item["dismissed"] else show.moment(item["retryAt"]),
    ]


@command.command("count", examples=(("errors count CRM-AC --outcome rejected", "how many of one kind"),))
@common.connection
@filters
@show.as_json
@with_app
def count(api: Api, *, connection: str, as_json: bool, **where: str) -> None:
    """How many records of CONNECTION fail; counting stops at 1,000."""
    found = api.get(f"{common.place(api, connection)}/failures/count", where)
    if as_json:
        show.data(found)
    else:
        show.line(found["shown"])


@command.command(
    "export",
    examples=(
        ("errors export CRM-AC --output errors.csv", "for a spreadsheet; no cell is run as a formula"),
        ("errors export CRM-AC --format ndjson --outcome rejected", "for programs, a line for each problem"),
    ),
)
@common.connection
@filters
@exporting.options
@with_app
def export(api: Api, *, connection: str, form: str, output: str, bom: bool, **where: str) -> None:
    """Failing records of CONNECTION as a file, a row for each problem: ids and codes, no values."""
    path = f"{common.place(api, connection)}/failures/export"
    exporting.export(api, path, where, form=form, output=output, bom=bom)


@command.command(
    "retry",
    examples=(
        ("errors retry CRM-AC 6d0c1f2a", "one record, by its link"),
        ("errors retry CRM-AC --outcome rejected", "all of one kind"),
    ),
)
@common.connection
@click.argument("links", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that are not dismissed.")
@filters
@show.as_json
@with_app
def retry(api: Api, *, connection: str, links: tuple[str, ...], everything: bool, as_json: bool, **where: str) -> None:
    """Try records again when the rhythm next runs; the answer says when."""
    body = common.which(links, everything, _chosen(where), "links")
    at = common.place(api, connection)
    accepted = api.post(f"{at}/failures/retry", body)
    _told(accepted.body, "retried", machine=as_json)


def _told(body: dict[str, Any], name: str, *, machine: bool) -> None:
    if machine:
        show.data(body)
        return
    if body.get("more"):
        show.note("There are many: the app goes on with them by itself.")
    when = f", at {show.moment(body['runsAt'])}" if body.get("runsAt") else ""
    show.line(f"{name}: {body[name]:,}{when}")


def _chosen(where: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in where.items() if not (name == "dismissed" and value == "false")}


@command.command(
    "dismiss",
    examples=(
        ("errors dismiss CRM-AC 6d0c1f2a", "one record, by its link"),
        ("errors dismiss CRM-AC --all --yes", "all"),
    ),
)
@common.connection
@click.argument("links", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that are not dismissed.")
@filters
@show.yes
@show.as_json
@with_app
def dismiss(
    api: Api, *, connection: str, links: tuple[str, ...], everything: bool, yes: bool, as_json: bool, **where: str
) -> None:
    """Hide records until their code changes. They are still tried again."""
    body = common.which(links, everything, _chosen(where), "links")
    if not links:
        show.confirm("Hide all that the filter finds?", given=yes)
    answer = api.post(f"{common.place(api, connection)}/failures/dismiss", body)
    _told(answer.body, "dismissed", machine=as_json)
