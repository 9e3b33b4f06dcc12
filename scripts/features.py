"""Prints every clause of the feature contract with its tests; fails for a clause of a finished issue that has none.

The clauses stand in docs/reference/features.csv (id, systems, issue, title). `--json` prints machine-readable rows.
"""

from __future__ import annotations

import ast
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLAUSES = ROOT / "docs" / "reference" / "features.csv"
FINISHED = ROOT / "docs" / "reference" / "finished-issues.txt"


def marked(path: Path) -> Iterator[tuple[str, str, str]]:
    """(clause id, system, test name) of every feature mark in one test file, class marks included."""
    tree = ast.parse(path.read_text())
    where = path.relative_to(ROOT).as_posix()
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            found = _feature(decorator)
            if found is not None:
                yield *found, f"{where}::{node.name}"
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "pytestmark" for target in node.targets):
            for call in ast.walk(node.value):
                found = _feature(call)
                if found is not None:
                    yield *found, where


def _feature(node: ast.AST) -> tuple[str, str] | None:
    if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("mark.feature") or not node.args:
        return None
    first = node.args[0]
    if not isinstance(first, ast.Constant):
        return None
    system = next((key.value for key in node.keywords if key.arg == "system"), None)
    return str(first.value), str(system.value) if isinstance(system, ast.Constant) and system.value else ""


def main() -> int:
    tests: defaultdict[str, set[str]] = defaultdict(set)
    systems: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")) + sorted((ROOT / "tests").rglob("*_contract.py")):
        for clause, system, test in marked(path):
            tests[clause].add(test)
            if system:
                systems[clause].add(system)
    with CLAUSES.open(newline="") as file:
        rows = list(csv.DictReader(file))
    finished = set(FINISHED.read_text().split()) if FINISHED.exists() else set()
    known = {row["id"] for row in rows}
    unknown = sorted(tests.keys() - known)
    missing = [row["id"] for row in rows if set(row["issue"].split()) & finished and not tests[row["id"]]]
    if "--json" in sys.argv:
        shown = [{**row, "tests": sorted(tests[row["id"]]), "tested": sorted(systems[row["id"]])} for row in rows]
        print(json.dumps(shown))
    else:
        for row in rows:
            names = sorted(tests[row["id"]])
            print(f"{row['id']:<10} {len(names):>3}  {','.join(sorted(systems[row['id']])) or '-':<28} {row['title']}")
    done = sum(1 for row in rows if tests[row["id"]])
    named = " ".join(sorted(finished)) or "none"
    print(f"{done} of {len(rows)} clauses have tests; issues finished: {named}", file=sys.stderr)
    if unknown:
        print(f"marks of clauses that the contract does not have: {', '.join(unknown)}", file=sys.stderr)
    if missing:
        print(f"clauses of finished issues without a test: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing or unknown else 0


if __name__ == "__main__":
    raise SystemExit(main())
