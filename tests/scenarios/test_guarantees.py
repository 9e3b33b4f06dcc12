"""Every test that the page of guarantees names exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_promise_names_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "explanation" / "guarantees.md").read_text()
    named = re.findall(r"`([a-z_/]+\.py)(?:::(test_\w+))?`", page)
    heads = ("| promise", "| not promised")
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith(heads)]
    assert len(named) >= len(rows) > 25
    for path, test in named:
        text = (ROOT / "tests" / path).read_text()
        assert not test or f"def {test}(" in text, f"{path}::{test}"
    assert all("`" in row for row in rows)
