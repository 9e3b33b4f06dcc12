"""Writes docs/reference/scenarios.md: every scenario, the tests that show it, and the systems they run on.

`--check` writes nothing and fails where a scenario has neither test nor reason, a named test does not exist, or the
page is out of date.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "scenarios.md"
HEAD = """# Scenarios

Made by `python scripts/scenario_table.py` from the tests in `tests/scenarios`; do not edit by hand. Each is a story
that happened to somebody: another product's bug report, a vendor's limit, or a rule of ours. "Both" are the simulators
of Dynamics 365 and ActiveCampaign with the whole engine between them; "memory" are the reference systems.
"""
TABLE = "| id | what holds | tests | systems |\n|---|---|---|---|\n"
_NAME = re.compile(r"test_([A-Z]\d\d)_(\w+)")


def scenario_tests() -> dict[str, list[tuple[str, str, str]]]:
    """By scenario id: the statement, the test, the systems."""
    found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for file in sorted((ROOT / "tests" / "scenarios").glob("test_*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            match = _NAME.fullmatch(node.name) if isinstance(node, ast.FunctionDef) else None
            if match is None or not isinstance(node, ast.FunctionDef):
                continue
            names = {arg.arg for arg in node.args.args}
            systems = "both" if names & {"make", "star"} else "memory"
            if file.stem == "test_marketo":
                systems = "Dynamics, Marketo" if "marketo" in names else "Marketo"
            if systems == "memory" and "decode_json" in ast.unparse(node):
                systems = "HTTP client"
            statement = match[2].replace("_", " ")
            found[match[1]].append((statement[0].upper() + statement[1:], f"{file.name}::{node.name}", systems))
    return found


def defined(reference: str) -> bool:
    """Does the test exist that a reference names?"""
    path, _, name = reference.partition("::")
    file = ROOT / path
    return file.exists() and any(
        isinstance(node, ast.FunctionDef) and node.name == name for node in ast.parse(file.read_text("utf-8")).body
    )


def problems() -> list[str]:
    reasons = _reasons()
    tests = scenario_tests()
    known = [f"{group}{number:02}" for group, count in reasons.IDS.items() for number in range(1, count + 1)]
    covered = {**tests, **reasons.ELSEWHERE, **reasons.REASONS}
    found = [f"{name} has neither test nor reason" for name in known if name not in covered]
    found += [f"{name} is no scenario" for name in covered if name not in known]
    found += [f"{name} has a test and a reason why not" for name in reasons.REASONS if name in tests]
    named = [reference for references in reasons.ELSEWHERE.values() for reference in references]
    return found + [f"there is no test {reference}" for reference in named if not defined(reference)]


def render() -> str:
    reasons, tests = _reasons(), scenario_tests()
    green, total = len({*tests, *reasons.ELSEWHERE}), sum(reasons.IDS.values())
    parts = [HEAD, f"\n{green} of {total} have tests, {len(reasons.REASONS)} a reason why not.\n"]
    for group, count in reasons.IDS.items():
        parts.append(f"\n## {reasons.TITLES[group]} ({group})\n\n{TABLE}")
        for number in range(1, count + 1):
            parts += _rows(f"{group}{number:02}", tests, reasons)
    return "".join(parts)


def _rows(name: str, tests: dict[str, list[tuple[str, str, str]]], reasons: Any) -> list[str]:
    rows = [f"| {name} | {what} | `scenarios/{test}` | {systems} |\n" for what, test, systems in tests.get(name, ())]
    for reference in reasons.ELSEWHERE.get(name, ()):
        statement = reference.partition("::test_")[2].replace("_", " ")
        where = "its own part"
        rows.append(f"| {name} | {statement.capitalize()} | `{reference.removeprefix('tests/')}` | {where} |\n")
    reason = reasons.REASONS.get(name)
    return [*rows, *([f"| {name} | {reason} | | |\n"] if reason else [])]


def _reasons() -> Any:
    sys.path.insert(0, str(ROOT))
    return importlib.import_module("tests.scenarios.reasons")


def main() -> int:
    found = problems()
    page = render()
    if "--check" not in sys.argv:
        PAGE.write_text(page, "utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != page:
        found.append("docs/reference/scenarios.md is out of date: run python scripts/scenario_table.py")
    print("\n".join(found) or "every scenario has its test or its reason", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
