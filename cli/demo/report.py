"""What a demo did, for people (`cli.demo.show`) and for machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cli.demo.story import Apart, Line
from cli.demo.verify import Difference


@dataclass(slots=True)
class Report:
    """What happened, for people and for machines."""

    source: str = ""
    steps: list[dict[str, Any]] = field(default_factory=list)
    lines: list[tuple[str, Line]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    apart: list[Apart] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        return [f"{line.event}: {problem}" for _, line in self.lines for problem in line.problems]

    @property
    def passed(self) -> bool:
        return not self.differences and not self.problems
