"""What a simulator enforces, as a list that tests and documents are checked against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One enforced rule: `id` such as `AC-PG-01`, what it says, and the line of the reference it comes from."""

    id: str
    text: str
    source_line: str
