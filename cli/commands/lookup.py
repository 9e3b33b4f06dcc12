"""`dynasync lookup`: one record on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from cli import show
from cli.api import Api
from cli.commands import common
from cli.exits import Exit
from cli.failed import usage
from cli.group import Command
from cli.target import secret, with_app


@click.command(
    "lookup",
    cls=Command,
    examples=(
        ("lookup CRM-AC --entity contact --crm 7f3b0c9e-5d7b-4b8f-9a1c-2d3e4f506172", "by its id in Dynamics"),
        ("lookup CRM-AC --entity contact --partner 417", "by its id at the partner"),
        ("lookup CRM-AC --entity contact --match-file -", "by its e-mail address, typed or piped in"),
    ),
)
@common.connection
@click.option("--entity", required=True, help="An entity of the connection.")
@click.option("--crm", default="", metavar="ID", help="The record's id in Dynamics.")
@click.option("--partner", default="", metavar="ID", help="The record's id at the partner.")
@click.option(
    "--match-file", default="", metavar="FILE", help="File with the value people are matched by; - is standard input."
)
@show.as_json
@with_app
def command(api: Api, *, connection: str, entity: str, crm: str, partner: str, match_file: str, as_json: bool) -> None:
    """One record on both sides: in sync, or the one reason why not (exit code 1).

    An e-mail address comes from a file or standard input, so that it stands in no shell history.
    """
    if sum(map(bool, (crm, partner, match_file))) != 1:
        raise usage("one thing says which record is meant", "Give --crm ID, --partner ID or --match-file FILE.")
    body: dict[str, object] = {"entity": entity}
    if match_file:
        body["match"] = secret(match_file)
    else:
        body |= {"side": "crm" if crm else "partner", "record": crm or partner}
    found = api.post(f"{common.place(api, connection)}/lookup", body).body
    if as_json:
        show.data(found)
    else:
        _shown(found)
    if not found["inSync"]:
        raise click.exceptions.Exit(int(Exit.FAILED))


def _shown(found: Mapping[str, Any]) -> None:
    reason, link, last = found.get("reason") or {}, found["link"] or {}, found["last"] or {}
    show.facts(
        [
            ("in sync", "yes" if found["inSync"] else "no"),
            ("because", f"{reason['meaning']} ({reason['code']})" if reason else ""),
            ("criteria", reason.get("place", "")),
            ("missing tags", ", ".join(reason.get("missing", []))),
            ("next step", reason.get("nextStep", "")),
            ("in Dynamics", _ref(found["crm"])),
            ("at the partner", _ref(found["partner"])),
            ("link", f"{link['id']} {link['state']}" if link else "none"),
            ("parked fields", ", ".join((link.get("parked") or {}) if link else [])),
            ("tags", ", ".join(found["tags"] or [])),
            ("last outcome", f"{last['meaning']} ({last['code']})" if last else ""),
            ("next try", show.moment(found["retryAt"])),
            ("next run", show.moment(found["nextRun"])),
            ("others with this value", found["others"] or ""),
        ]
    )
    if found["fields"]:
        show.line("")
        rows = [
            (item["id"], item["direction"], item["policy"], _value(item["crm"]), _value(item["partner"]), _mark(item))
            for item in found["fields"]
        ]
        show.table(("field", "direction", "policy", "in Dynamics", "at the partner", ""), rows)


def _ref(ref: Mapping[str, Any] | None) -> str:
    return f"{ref['kind']} {ref['id']}" if ref else "none"


def _value(value: object) -> str:
    return "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _mark(item: Mapping[str, Any]) -> str:
    return "differs" if item["differs"] else ""
