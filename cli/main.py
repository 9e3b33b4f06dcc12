"""`dynasync`: the commands. Each is imported when it is called, so that `--help` answers at once."""

from __future__ import annotations

import sys

import click

from cli.exits import Exit
from cli.group import Group

COMMANDS = {
    "doctor": ("cli.commands.doctor", "Check this machine and an app: settings, storage, queues, vault, connections."),
    "connections": ("cli.commands.connections", "Make, show, change, check, switch, clean up and delete connections."),
    "plan": ("cli.commands.plan", "What a run would do: counts, fields, samples; nothing is written."),
    "run": ("cli.commands.run", "Start a run and follow it to its end."),
    "status": ("cli.commands.status", "How connections stand, with the reason and the next step."),
    "runs": ("cli.commands.runs", "What ran and how it ended; take a run back."),
    "errors": ("cli.commands.errors", "Records that fail: why, and what to do; try again, dismiss."),
    "conflicts": ("cli.commands.conflicts", "Fields that both sides changed: open questions and decisions."),
    "pending": ("cli.commands.pending", "Requests about single records that are under way."),
    "poison": ("cli.commands.poison", "Requests that failed five times: try again, forget."),
    "automations": ("cli.commands.automations", "Add Dynamics records to the partner's automations."),
    "lookup": ("cli.commands.lookup", "One record on both sides: in sync, or the one reason why not."),
    "config": ("cli.commands.config", "The configuration as one file: export, diff, apply."),
    "activity": ("cli.commands.activity", "Who did what."),
    "openapi": ("cli.commands.openapi", "The OpenAPI document of the app."),
    "demo": ("cli.commands.demo", "Play a day between Dynamics 365 and another system on this machine."),
}
EXAMPLES = (
    ("demo", "a day on this machine with simulated systems, checked at the end"),
    ("doctor", "what is wrong with this machine's or the app's set-up"),
    ("status", "how every connection stands"),
    ("run CRM-AC", "a run now, followed to its end"),
    ("errors list CRM-AC", "which records fail, why, and what to do"),
)


@click.group(cls=Group, lazy=COMMANDS, examples=EXAMPLES)
def dynasync() -> None:
    """Operate dynasync over its REST API.

    The app is named by DYNASYNC_URL or --url; you are known by a function key (DYNASYNC_KEY, --key-file) or an Entra
    token (DYNASYNC_TOKEN, --token-file). Connections are named by id or by name. Results go to standard output, all
    else to standard error. The exit codes stand in docs/reference/cli.md.
    """


def main(arguments: list[str] | None = None) -> None:
    """The entry point: runs a command and ends the process with its exit code."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Runs a command and answers its exit code."""
    try:
        code = dynasync.main(arguments, prog_name="dynasync", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("dynasync: interrupted", err=True)
        return int(Exit.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return int(code or 0)
