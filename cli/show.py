"""What commands print: tables for people, JSON for machines. Results on standard output, the rest on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from cli.failed import usage
from cli.words import clean

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 10_000
"""Columns where nobody looks: in a file or pipe nothing is cut or folded."""

MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("-", "yellow")}
COLOURS = {
    "succeeded": "green",
    "Succeeded": "green",
    "on": "green",
    "partly_failed": "red",
    "failed": "red",
    "Failed": "red",
    "stopped": "red",
    "failing": "red",
    "late": "yellow",
    "running": "cyan",
}

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
limit = click.option(
    "--limit", type=click.IntRange(0), default=100, show_default=True, help="How many at most; 0: all."
)
yes = click.option("--yes", is_flag=True, help="Do not ask.")


def data(found: object) -> None:
    """JSON on standard output."""
    click.echo(json.dumps(found, ensure_ascii=False, indent=2))


def console(*, err: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    wide = None if stream.isatty() else _WIDE
    return Console(file=stream, highlight=False, width=wide, force_terminal=None if stream.isatty() else False)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under their names. Texts are shown as they are: nothing in them is taken for a colour or a command."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        words = [clean(cell if cell is not None else "") for cell in row]
        shown.add_row(*(Text(word, style=COLOURS.get(word, "")) for word in words))
    console().print(shown)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line; what is empty is left out."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, show_header=False)
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in pairs:
        if value not in {"", None}:
            word = clean(value)
            shown.add_row(name, Text(word, style=COLOURS.get(word, "")))
    console().print(shown)


def line(text: str) -> None:
    click.echo(clean(text))


def note(text: str) -> None:
    """For people, beside the result."""
    click.echo(clean(text), err=True)


def steps(found: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> None:
    """Steps of a check, in their order, each failed one with what to do."""
    for step in found:
        mark, colour = MARKS[step["state"]]
        side = titles.get(str(step.get("side", "")), "")
        name = f"{side}: {step['name']}" if side else str(step["name"])
        reason = f"  {step['reason']}" if step.get("reason") else ""
        click.echo(f"{click.style(mark, fg=colour)} {clean(name + reason)}")
        if step["state"] == "failed" and step.get("nextStep"):
            click.echo(f"    next: {clean(step['nextStep'])}")


def listed(
    items: Iterator[Any],
    at_most: int,
    *,
    machine: bool,
    columns: Sequence[str],
    row: Callable[[Any], Sequence[object]],
    none: str = "nothing",
) -> list[Any]:
    """A list, cut at `at_most`; says when there is more."""
    found = list(islice(items, at_most + 1) if at_most else items)
    more = bool(at_most) and len(found) > at_most
    found = found[:at_most] if at_most else found
    if machine:
        data({"value": found, "more": more})
    elif found:
        table(columns, [row(item) for item in found])
    else:
        note(none)
    if more and not machine:
        note(f"There is more; --limit 0 shows all, --limit {at_most * 10} the first {at_most * 10}.")
    return found


def moment(text: object) -> str:
    """A moment as people read it, in UTC."""
    if not text:
        return ""
    return datetime.fromisoformat(str(text)).strftime("%Y-%m-%d %H:%M:%SZ")


def counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(found.items()))


def confirm(question: str, *, given: bool, flag: str = "--yes") -> None:
    """Asks before something that cannot be undone. Raises Failed where nobody can be asked, Abort on a no."""
    if given:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise usage(f"this needs a yes: {question}", f"Give {flag}; there is no terminal to ask on.")
    click.confirm(question, abort=True, err=True)


@contextlib.contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """Tells how far something is: a moving line on a terminal, else a line for each change."""
    if sys.stderr.isatty():
        from rich.text import Text

        with console(err=True).status(Text(clean(title))) as shown:
            yield lambda text: shown.update(Text(clean(f"{title}: {text}")))
        return
    said = ""

    def tell(text: str) -> None:
        nonlocal said
        if text != said:
            said = text
            note(f"{title}: {text}")

    yield tell
