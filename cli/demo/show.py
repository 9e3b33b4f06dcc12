"""What the demo shows: checks, progress, a table of what happened. Rich is imported only when it is used."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cli.demo.play import Report

_MARKS = {"passed": "[green]✓ passed[/]", "failed": "[red]✗ failed[/]", "skipped": "[yellow]- skipped[/]"}


class Screen:
    """A terminal, or nothing at all when a machine is listening."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console

        self._console = Console(quiet=quiet, highlight=False)

    def title(self, text: str) -> None:
        self._console.rule(f"[bold]{text}", align="left")

    def steps(self, steps: Sequence[Mapping[str, Any]]) -> None:
        for step in steps:
            side = {"crm": "Dynamics 365", "partner": "ActiveCampaign"}.get(step["side"], "Connection")
            line = f"  {_MARKS[step['state']]}  {side}: {step['name']}"
            self._console.print(line + (f" [dim]{step['reason']}[/]" if step.get("reason") else ""))
            if step["state"] == "failed" and step.get("nextStep"):
                self._console.print(f"             {step['nextStep']}")

    @contextlib.contextmanager
    def progress(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as bar:
            task = bar.add_task(text, total=total)
            yield lambda done: bar.update(task, completed=min(done, total))

    def result(self, report: Report) -> None:
        from rich.table import Table

        table = Table("run", "state", "what became of the records", title="What happened", title_justify="left")
        for run in reversed(report.runs):
            counts = ", ".join(f"{code} {count:,}" for code, count in sorted(run["counts"].items()))
            table.add_row(run["reason"], run["state"], counts or "nothing changed")
        self._console.print(table)
        self._console.print(
            "  links: " + ", ".join(f"{name} {count:,}" for name, count in sorted(report.counts.items()))
        )
        self._console.print("  calls: " + ", ".join(f"{name} {count:,}" for name, count in report.calls.items()))
        self._console.print("  time: " + ", ".join(f"{name} {took:.1f} s" for name, took in report.seconds.items()))
        if not report.differences:
            self._console.print("[green]✓ both systems hold what they should, read from each of them directly[/]")
        for item in report.differences[:20]:
            self._console.print(f"[red]✗ {item.what}: expected {item.expected}, found {item.found}[/]")
        if len(report.differences) > 20:
            self._console.print(f"[red]  … and {len(report.differences) - 20} more[/]")

    def addresses(self, url: str, key: str, systems: Mapping[str, str]) -> None:
        self._console.print(f"  app: {url}/api  (header x-functions-key: {key})")
        for name, address in systems.items():
            self._console.print(f"  {name}: {address}")
        self._console.print("  Ctrl-C ends everything.")


def as_json(report: Report) -> dict[str, Any]:
    return {
        "source": report.source,
        "checks": report.steps,
        "runs": report.runs,
        "links": report.counts,
        "calls": report.calls,
        "seconds": {name: round(took, 2) for name, took in report.seconds.items()},
        "differences": [{"what": d.what, "expected": d.expected, "found": d.found} for d in report.differences],
        "passed": not report.differences,
    }
