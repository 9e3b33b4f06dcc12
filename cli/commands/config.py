"""`dynasync config`: the configuration as one file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cli import show
from cli.api import Api
from cli.commands import common
from cli.exits import Exit
from cli.failed import usage
from cli.group import group
from cli.target import with_app

_CHANGES = frozenset({"create", "update"})


@group(
    "config",
    examples=(
        ("config export --output dynasync.json", "every connection's settings in one file, for review in git"),
        ("config diff dynasync.json", "what applying it would change; exit code 1 when it would"),
        ("config apply dynasync.json", "make the installation as the file says"),
    ),
)
def command() -> None:
    """The configuration as one file: export, diff, apply. Without ids, secrets and switches."""


@command.command("export", examples=(("config export", "print it"),))
@click.option("--output", default="-", metavar="FILE", help="Where to; - is standard output.")
@click.option("--json", "as_json", is_flag=True, help="The same: the file is JSON.")
@with_app
def export(api: Api, *, output: str, as_json: bool) -> None:
    """All connections in their file form."""
    text = json.dumps(api.get("configuration"), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    if output == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise usage(f"{output} cannot be written: {error.strerror}", "Name another file.") from None


@command.command("diff", examples=(("config diff dynasync.json --json", "for machines"),))
@click.argument("file")
@show.as_json
@with_app
def diff(api: Api, *, file: str, as_json: bool) -> None:
    """What applying FILE (- is standard input) would change, place by place; exit code 1 when it would."""
    found = api.post("configuration/diff", common.document(file)).body
    if as_json:
        show.data(found)
    else:
        _shown(found["value"])
    if found["changed"]:
        raise click.exceptions.Exit(int(Exit.FAILED))


@command.command(
    "apply",
    examples=(
        ("config apply dynasync.json", "shows what would change, and asks"),
        ("config apply - --yes --json", "from standard input, in a script"),
    ),
)
@click.argument("file")
@show.yes
@show.as_json
@with_app
def apply(api: Api, *, file: str, yes: bool, as_json: bool) -> None:
    """Make the installation as FILE says, all or nothing; applied twice it changes nothing.

    What changed between the look and the change is refused. New connections are off, and wait for their secrets;
    connections that the file does not name are left alone.
    """
    wanted = common.document(file)
    before = api.call("GET", "configuration")
    found = api.post("configuration/diff", wanted).body
    if found["changed"]:
        if not (as_json or yes):
            _shown(found["value"])
        show.confirm("Apply this?", given=yes)
        found = api.call("POST", "configuration/apply", wanted, headers={"If-Match": before.etag}).body
    if as_json:
        show.data(found)
        return
    _shown(found["value"])
    for change in found["value"]:
        if change["act"] == "create":
            show.note(f"next: dynasync connections edit {change['id']} --secret SIDE.NAME=SOURCE, then check and on")


def _shown(changes: Sequence[Mapping[str, Any]]) -> None:
    if not any(change["act"] in _CHANGES for change in changes):
        show.line("Nothing differs.")
    for change in changes:
        words = {"extra": "is not in the file, and stays"}.get(change["act"], change["act"])
        if change["act"] == "same":
            continue
        show.line(f"{change['name'] or change['id']} ({change['system']}): {words}")
        if change["differences"]:
            rows = [(item["place"], _value(item["now"]), "→", _value(item["then"])) for item in change["differences"]]
            show.table(("place", "now", "", "then"), rows)


def _value(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
