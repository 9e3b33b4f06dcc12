"""What the demo shows: checks, progress, a table of what happened. Rich is imported only when it is used."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cli.demo.hub import meaning

if TYPE_CHECKING:
    from rich.table import Table

    from cli.demo.report import Report
    from cli.demo.story import Line

_MARKS = {"passed": "[green]✓ passed[/]", "failed": "[red]✗ failed[/]", "skipped": "[yellow]- skipped[/]"}


def escape(text: str) -> str:
    """Text in which Rich sees no markup."""
    from rich.markup import escape as escaped

    return escaped(text)


_TABLE = 130  # columns from which the day is shown as a table
_WIDE = 170  # columns where nobody has a terminal's width to tell


class Screen:
    """A terminal, or nothing at all when a machine is listening."""

    def __init__(self, *, quiet: bool, partner: str) -> None:
        from rich.console import Console

        wide = None if sys.stdout.isatty() else _WIDE
        self._partner = partner
        self._console = Console(quiet=quiet, highlight=False, width=wide)

    def title(self, text: str) -> None:
        self._console.rule(f"[bold]{text}", align="left")

    def steps(self, steps: Sequence[Mapping[str, Any]]) -> None:
        for step in steps:
            side = {"crm": "Dynamics 365", "partner": self._partner}.get(step["side"], "Connection")
            line = f"  {_MARKS[step['state']]}  {side}: {step['name']}"
            self._console.print(line + (f" [dim]{step['reason']}[/]" if step.get("reason") else ""))
            if step["state"] == "failed" and step.get("nextStep"):
                self._console.print(f"             {step['nextStep']}")

    @contextlib.contextmanager
    def progress(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        counted = (BarColumn(), MofNCompleteColumn()) if total else ()
        columns = (TextColumn("  {task.description}"), *counted, TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=not total) as bar:
            task = bar.add_task(text, total=total or None)
            yield lambda done: bar.update(task, completed=min(done, total) if total else done)

    def lines(self, lines: Sequence[tuple[str, Line]]) -> None:
        """What happened in one run, as soon as it is over."""
        for slot, line in lines:
            mark = "[red]✗[/]" if line.problems else "[green]✓[/]"
            self._console.print(f"  {mark} {slot}  {escape(line.event)}")

    def result(self, report: Report) -> None:
        if self._console.width >= _TABLE:
            self._console.print(_table(report))
        else:
            for slot, line in report.lines:
                self._console.print(_block(slot, line))
        self._apart(report)
        self._console.print(
            "  links: " + ", ".join(f"{name} {count:,}" for name, count in sorted(report.counts.items()))
        )
        self._console.print("  calls: " + ", ".join(f"{name} {count:,}" for name, count in report.calls.items()))
        self._console.print("  time: " + ", ".join(f"{name} {took:.1f} s" for name, took in report.seconds.items()))
        for problem in report.problems:
            self._console.print(f"[red]✗ {escape(problem)}[/]")
        for item in report.differences[:20]:
            self._console.print(f"[red]✗ {escape(item.what)}: expected {item.expected}, found {item.found}[/]")
        if len(report.differences) > 20:
            self._console.print(f"[red]  … and {len(report.differences) - 20} more[/]")
        if report.passed:
            self._console.print(
                "[green]✓ both systems were read and compared; every difference has its reason above[/]"
            )

    def _apart(self, report: Report) -> None:
        found = Counter((item.what, item.code) for item in report.apart)
        self._console.print("  what is still apart at the end of the day, and why:")
        for (what, code), count in sorted(found.items()):
            why = f"{code}: {meaning(code)}" if code else "[red]nothing in the app's records says why[/]"
            self._console.print(f"    {count:>4} x {escape(what)}: {why}")

    def addresses(self, url: str, key: str, systems: Mapping[str, str]) -> None:
        self._console.print(f"  app: {url}/api  (header x-functions-key: {key})")
        for name, address in systems.items():
            self._console.print(f"  {name}: {address}")
        self._console.print("  Ctrl-C ends everything.")


def _block(slot: str, line: Line) -> str:
    """An event on a narrow terminal."""
    rows = {
        "where": line.where,
        "what the hub did": line.did,
        "why": line.why,
        "in Dynamics": line.crm,
        "in the partner": line.partner,
    }
    head = f"[bold]{slot}  {escape(line.event)}[/]"
    return "\n".join([head, *(f"  {name}: {escape(text)}" for name, text in rows.items() if text)])


def _table(report: Report) -> Table:
    from rich.table import Table

    names = ("run", "event", "where", "what the hub did", "why", "in Dynamics", "in the partner")
    table = Table(*names, title="The day", title_justify="left", show_lines=True)
    for slot, line in report.lines:
        cells = (line.event, line.where, line.did, line.why, line.crm, line.partner)
        table.add_row(slot, *map(escape, cells), style="red" if line.problems else "")
    return table


def as_json(report: Report) -> dict[str, Any]:
    return {
        "source": report.source,
        "checks": report.steps,
        "events": [{"run": slot, **asdict(line)} for slot, line in report.lines],
        "runs": report.runs,
        "links": report.counts,
        "calls": report.calls,
        "seconds": {name: round(took, 2) for name, took in report.seconds.items()},
        "apart": [{"what": item.what, "records": sorted(item.names), "code": item.code} for item in report.apart],
        "differences": [{"what": d.what, "expected": d.expected, "found": d.found} for d in report.differences],
        "passed": report.passed,
    }
