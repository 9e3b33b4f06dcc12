"""`dynasync connections`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click

from cli import show
from cli.api import Api
from cli.commands import common
from cli.exits import Exit
from cli.failed import usage
from cli.group import group
from cli.target import secret, with_app

secrets = click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="SIDE.NAME=SOURCE",
    help="A secret of a side: crm.secret=env:VARIABLE, partner.key=file:PATH, or =- for standard input. Repeatable.",
)


@group(
    "connections",
    examples=(
        ("connections list", "what is connected"),
        ("connections create ac.json --secret partner.key=env:AC_KEY", "a new one; its secret from the environment"),
        ("connections check CRM-AC", "every step, each failed one with what to do"),
        ("connections on CRM-AC", "let it flow"),
    ),
)
def command() -> None:
    """Make, show, change, check, switch, clean up and delete connections."""


@command.command("list", examples=(("connections list --json", "for machines"),))
@show.limit
@show.as_json
@with_app
def list_connections(api: Api, *, limit: int, as_json: bool) -> None:
    """All connections."""
    show.listed(
        api.items("connections"),
        limit,
        machine=as_json,
        columns=("connection", "id", "system", "switch", "Dynamics", "partner"),
        row=lambda item: [
            item["name"],
            item["id"],
            item["system"],
            item["switch"],
            item["crm"].get("url", ""),
            item["partner"].get("url", ""),
        ],
        none="There is no connection yet. Make one: dynasync connections create FILE",
    )


@command.command("show", examples=(("connections show CRM-AC", "its settings, as a file holds them"),))
@common.connection
@click.option("--json", "as_json", is_flag=True, help="The same: settings are JSON.")
@with_app
def show_connection(api: Api, *, connection: str, as_json: bool) -> None:
    """The settings of CONNECTION. Secrets are only named."""
    show.data(api.get(common.place(api, connection)))


@command.command(
    "create",
    examples=(
        ("connections create ac.json --secret partner.key=env:AC_KEY", "settings from a file, a secret beside it"),
        ("connections create - --json", "settings from standard input"),
    ),
)
@click.argument("file")
@secrets
@show.as_json
@with_app
def create(api: Api, *, file: str, secrets: tuple[str, ...], as_json: bool) -> None:
    """Make a connection of the settings in FILE. Nothing flows until it is switched on."""
    made = api.post("connections", _with_secrets(common.document(file), secrets, stdin=file == "-")).body
    if as_json:
        show.data(made)
        return
    show.line(made["id"])
    show.note(f"next: dynasync connections check {made['id']}")


@command.command(
    "edit",
    examples=(
        ("connections edit CRM-AC change.json", "replace the settings that the file names"),
        ("connections edit CRM-AC --secret crm.secret=file:new.txt", "another secret"),
    ),
)
@common.connection
@click.argument("file", default="")
@secrets
@show.as_json
@with_app
def edit(api: Api, *, connection: str, file: str, secrets: tuple[str, ...], as_json: bool) -> None:
    """Change CONNECTION: what FILE names is replaced, all or nothing."""
    if not (file or secrets):
        raise usage("nothing says what to change", "Name a JSON file, or give --secret.")
    body = _with_secrets(common.document(file) if file else {}, secrets, stdin=file == "-")
    found = api.change(common.place(api, connection), lambda _: body)
    if as_json:
        show.data(found)
    else:
        show.line(f"changed: {', '.join(sorted(body))}")


def _with_secrets(body: dict[str, Any], secrets: Sequence[str], *, stdin: bool) -> dict[str, Any]:
    """The settings with the secrets where the API takes them, read from where the arguments point to."""
    made = dict(body)
    for text in secrets:
        name, _, source = text.partition("=")
        side, _, setting = name.partition(".")
        if side not in {"crm", "partner"} or not setting or not source:
            raise usage("--secret names no secret", "Write SIDE.NAME=SOURCE, such as partner.key=env:VARIABLE.")
        if source == "-" and stdin:
            raise usage("settings and secret cannot both come from standard input", "Put one of them into a file.")
        there = made.get(side) or {}
        made[side] = {**there, "secrets": {**(there.get("secrets") or {}), setting: _read(name, source)}}
    return made


def _read(name: str, source: str) -> str:
    kind, _, where = source.partition(":")
    if source == "-":
        return secret("-")
    if kind == "file" and where:
        return secret(where)
    if kind == "env" and where:
        found = os.environ.get(where, "").strip()
        if not found:
            raise usage(f"the variable {where} is not set", f"Set it to the secret {name}.")
        return found
    # what stands there may be the secret itself: it is not repeated
    raise usage(f"{name} names no source", "Arguments can be read by others: write env:VARIABLE, file:PATH or -.")


@command.command("check", examples=(("connections check CRM-AC --json", "for machines"),))
@common.connection
@show.as_json
@with_app
def check(api: Api, *, connection: str, as_json: bool) -> None:
    """Go through every step of the check of CONNECTION; exit code 1 when one failed."""
    found = api.post(f"{common.place(api, connection)}/check").body
    if as_json:
        show.data(found)
    else:
        show.steps(found["steps"], {"crm": "Dynamics 365", "partner": "partner"})
    if not found["passed"]:
        raise click.exceptions.Exit(int(Exit.FAILED))


@command.command("on", examples=(("connections on CRM-AC", "check it, then let it flow"),))
@common.connection
@show.as_json
@with_app
def on(api: Api, *, connection: str, as_json: bool) -> None:
    """Switch CONNECTION on. It is checked first, and stays off when the check fails."""
    _switch(api, connection, "on", machine=as_json)


@command.command("off", examples=(("connections off CRM-AC", "pause: nothing flows either way, requests wait"),))
@common.connection
@show.as_json
@with_app
def off(api: Api, *, connection: str, as_json: bool) -> None:
    """Switch CONNECTION off. On again, it catches up."""
    _switch(api, connection, "off", machine=as_json)


def _switch(api: Api, name: str, to: str, *, machine: bool) -> None:
    found = api.change(common.place(api, name), lambda found: None if found["switch"] == to else {"switch": to})
    if machine:
        show.data(found)
    else:
        show.line(f"{found['name'] or found['id']} is {found['switch']}")


@command.command("confirm-ground", examples=(("connections confirm-ground CRM-AC --yes", "after a move of a system"),))
@common.connection
@show.yes
@show.as_json
@with_app
def confirm_ground(api: Api, *, connection: str, yes: bool, as_json: bool) -> None:
    """The accounts that answer at the addresses of CONNECTION now are its own; everything is compared again."""
    at = common.place(api, connection)
    show.confirm("Take the environment and account that answer now for the connection's own?", given=yes)
    found = api.post(f"{at}/confirm-ground").body
    if as_json:
        show.data(found)
    else:
        show.line("confirmed; the next run compares everything")


@command.command(
    "hooks",
    examples=(
        ("connections hooks CRM-AC", "the addresses to enter in the partner system; they hold their secret"),
        ("connections hooks CRM-AC --renew --yes", "with another key; the one before opens until the next renewal"),
    ),
)
@common.connection
@click.option("--renew", is_flag=True, help="Give the addresses another key.")
@show.yes
@show.as_json
@with_app
def hooks(api: Api, *, connection: str, renew: bool, yes: bool, as_json: bool) -> None:
    """The addresses of webhooks of CONNECTION. Whoever has one can use it."""
    at = common.place(api, connection)
    if renew:
        show.confirm("Automations must be given the new addresses. Renew?", given=yes)
    found = api.post(f"{at}/hooks/renew").body if renew else api.get(f"{at}/hooks")
    if as_json:
        show.data({"value": found["value"], "more": False})
    else:
        show.table(("what", "address"), [(item["what"], item["url"]) for item in found["value"]])


@command.command(
    "cleanup",
    examples=(
        ("connections cleanup CRM-AC --plan", "count what it created"),
        ("connections cleanup CRM-AC --side partner --confirm CRM-AC", "delete that at the partner"),
    ),
)
@common.connection
@click.option("--plan", is_flag=True, help="Count what would be deleted; change nothing.")
@click.option("--side", "sides", type=click.Choice(["crm", "partner"]), multiple=True, help="Where. Repeatable.")
@click.option("--confirm", "typed", default="", metavar="NAME", help="The connection's name, typed.")
@common.timeout
@show.as_json
@with_app
def cleanup(
    api: Api, *, connection: str, plan: bool, sides: tuple[str, ...], typed: str, timeout: float, as_json: bool
) -> None:
    """Delete the records that CONNECTION created. It must be off; records it only matched are left alone."""
    path = f"{common.place(api, connection)}/cleanup"
    found = api.get(path)
    if plan:
        if as_json:
            show.data(found)
        else:
            show.facts(found["created"].items())
        return
    if not sides or not typed:
        raise usage(
            f"this deletes {sum(found['created'].values()):,} records for good",
            "Say where and confirm: --side crm --side partner --confirm NAME (the connection's name).",
        )
    accepted = api.post(path, {"sides": list(sides), "confirm": typed})
    common.ended(common.follow(api, accepted, "clean-up", timeout), machine=as_json, waited=timeout > 0)


@command.command("delete", examples=(("connections delete CRM-AC --yes", "forget it; data on both sides stays"),))
@common.connection
@show.yes
@with_app
def delete(api: Api, *, connection: str, yes: bool) -> None:
    """Forget CONNECTION and its secrets. It must be off; data on both sides stays as it is."""
    at = common.place(api, connection)
    show.confirm("Forget the connection, its secrets and its record of what is linked?", given=yes)
    api.call("DELETE", at)
    show.line("deleted")
