"""`dynasync plan`: the dry run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from cli import show
from cli.api import Api
from cli.commands import common
from cli.group import Command
from cli.target import with_app


@click.command(
    "plan",
    cls=Command,
    examples=(
        ("plan CRM-AC", "what a run would write, and what it would leave out"),
        ("plan CRM-AC --samples 20", "with twenty records, field by field"),
        ("plan CRM-AC --json", "for machines; `fingerprint` is equal for equal plans"),
    ),
)
@common.connection
@click.option(
    "--seconds", type=click.IntRange(1, 180), default=60, show_default=True, help="How long it may look, at most."
)
@click.option("--samples", type=click.IntRange(0), default=5, show_default=True, help="How many records to show.")
@show.as_json
@with_app
def command(api: Api, *, connection: str, seconds: int, samples: int, as_json: bool) -> None:
    """What a run of CONNECTION would do now: the run's own code, and nothing is written anywhere."""
    at = common.place(api, connection)
    with show.progress("plan") as tell:
        tell(f"reads both systems, {seconds} s at most")
        found = api.post(f"{at}/plan", {"seconds": seconds}).body
    if as_json:
        show.data(found)
        return
    _counts(found)
    for change in found["samples"][:samples]:
        _sample(change)
    if not found["complete"]:
        show.note("The time was over before everything was looked at: the counts are lower bounds (--seconds).")


def _counts(found: Mapping[str, Any]) -> None:
    rows: list[tuple[object, ...]]
    if found["counts"]:
        rows = [(item["entity"], item["side"], item["act"], item["code"], item["count"]) for item in found["counts"]]
        show.table(("entity", "written in", "act", "code", "records"), rows)
    else:
        show.line("Nothing would be written.")
    if found["fields"]:
        show.line("")
        rows = [(item["entity"], item["side"], item["field"], item["count"]) for item in found["fields"]]
        show.table(("entity", "written in", "field", "times"), rows)
    if found["skips"]:
        show.line("")
        rows = [(item["entity"], item["code"], item["meaning"], item["count"]) for item in found["skips"]]
        show.table(("entity", "left out", "why", "records"), rows)
    if found["removals"]:
        show.line(f"\n{found['removals']:,} records would be removed")


def _sample(change: Mapping[str, Any]) -> None:
    ref = change["crm"] if change["side"] == "crm" and change["crm"]["id"] else change["partner"]
    ref = ref if ref["id"] else change["crm"]
    show.line(f"\n{change['act']} in {change['side']}: {ref['kind']} {ref['id']} ({change['code']})".lstrip())
    rows = [(item["field"], item["now"] if item["known"] else "", "→", item["then"]) for item in change["differences"]]
    rows += [("tags", "", "+", ", ".join(change["addLabels"]))] if change["addLabels"] else []
    rows += [("tags", "", "-", ", ".join(change["removeLabels"]))] if change["removeLabels"] else []
    if rows:
        show.table(("field", "now", "", "then"), rows)
