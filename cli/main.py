"""The commands. Each is imported when it is called, so that `--help` answers at once."""

from __future__ import annotations

import sys

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Operate dynasync.

    \b
    Examples:
      python -m cli demo                 the whole path on this machine, checked at the end
      python -m cli demo --people 500    with generated people
      python -m cli demo --json          for machines
      python -m cli demo --keep          leave everything running and print the addresses
    """


@main.command()
@click.option("--people", type=click.IntRange(1, 100_000), help="Generate this many people instead of the sample file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C and print the addresses.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="HTTP port of the app; 0: any free one.")
def demo(*, people: int | None, as_json: bool, keep: bool, port: int) -> None:
    """People move from Dynamics 365 to ActiveCampaign, on this machine, through the app's own entry points.

    Starts simulators of both systems, a storage emulator and the local Functions host; connects, checks, switches on,
    waits for the first runs, and compares both systems by reading them directly. Exit status 1 on any difference, 3
    when something could not be started.
    """
    from cli.demo.play import DemoOptions, play

    sys.exit(play(DemoOptions(people=people, as_json=as_json, keep=keep, port=port)))
