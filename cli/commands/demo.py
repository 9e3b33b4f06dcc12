"""`dynasync demo`."""

from __future__ import annotations

import sys

import click

from cli.demo.stories import STORIES
from cli.group import Command


@click.command(
    "demo",
    cls=Command,
    examples=(
        ("demo", "a day on this machine, checked at the end"),
        ("demo --people 300", "with so many generated people"),
        ("demo --whole", "with the whole sample file"),
        ("demo --json", "for machines"),
        ("demo --keep", "leave everything running and print the addresses"),
    ),
)
@click.option("--system", type=click.Choice(sorted(STORIES)), default="activecampaign", help="Whose day is played.")
@click.option("--people", type=click.IntRange(20, 100_000), help="Generate this many people instead of the sample's.")
@click.option("--whole", is_flag=True, help="Take the whole sample file, not its first 1,040 rows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C and print the addresses.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="HTTP port of the app; 0: any free one.")
def command(*, system: str, people: int | None, whole: bool, as_json: bool, keep: bool, port: int) -> None:
    """Play a day between Dynamics 365 and another system on this machine, through the app's own entry points.

    Starts simulators of both systems, a storage emulator and the local Functions host; connects, checks and switches
    on. Then the hours of a day come one by one: people edit on both sides, a worker is killed, calls are refused. A
    table says of each event what the app did and why. At the end both systems are read and compared field by field.
    Exit status 1 when something differs without a reason, 3 when something could not be started.
    """
    from cli.demo.play import DemoOptions, play

    options = DemoOptions(system=system, people=people, whole=whole, as_json=as_json, keep=keep, port=port)
    sys.exit(play(options))
