"""Every rule a simulator enforces, its line in the reference, and the tests that prove it.

`python scripts/simulator_rules.py` writes docs/reference/simulator-rules.md, and the table of switches in a system's
own page where that has the two marks for it. `--check` writes nothing and fails where a rule has no test, a test names
no known rule, or a page is out of date.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "simulator-rules.md"
MARKS = ("<!-- switches: made by make rules -->", "<!-- end of switches -->")
HEAD = """# Rules of the simulators

Made by `make rules` from `simulators/*/rules.py` and the `rule` marks of the tests; do not edit by hand.
The line of the reference names the section of the notes each rule was taken from.
"""


def load_rules() -> dict[str, list[tuple[str, str, str]]]:
    """(id, text, source line) of each rule by system."""
    sys.path.insert(0, str(ROOT))
    found: dict[str, list[tuple[str, str, str]]] = {}
    for file in sorted((ROOT / "simulators").glob("*/rules.py")):
        system = file.parent.name
        if system != "frame":
            module = importlib.import_module(f"simulators.{system}.rules")
            found[system] = [(rule.id, rule.text, rule.source_line) for rule in module.RULES]
    return found


def marked_rules(tree: ast.AST) -> dict[str, list[str]]:
    """Rule ids by the test functions of a module that carry them, also through `pytest.param(..., marks=...)`."""
    found: dict[str, list[str]] = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            for decorator in node.decorator_list:
                for call in ast.walk(decorator):
                    if _is_rule_mark(call):
                        found[node.name] += [arg.value for arg in call.args if isinstance(arg, ast.Constant)]  # type: ignore[attr-defined]
    return found


def _is_rule_mark(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "rule"
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr == "mark"
    )


def load_tests() -> dict[str, list[str]]:
    """`path::test` by rule id."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        for test, ids in marked_rules(tree).items():
            for rule_id in ids:
                found[rule_id].append(f"{file.relative_to(ROOT).as_posix()}::{test}")
    return found


def problems(rules: dict[str, list[tuple[str, str, str]]], tests: dict[str, list[str]]) -> list[str]:
    """What is wrong: rules without a test, ids used twice, tests that name no known rule."""
    ids = [rule_id for rows in rules.values() for rule_id, _, _ in rows]
    found = [f"rule {rule_id} has no test" for rule_id in ids if not tests.get(rule_id)]
    found += [f"rule {rule_id} is listed twice" for rule_id in sorted(set(ids)) if ids.count(rule_id) > 1]
    prefixes = {rule_id.split("-")[0] for rule_id in ids}
    for rule_id in sorted(set(tests) - set(ids)):
        if rule_id.split("-")[0] in prefixes:
            found.append(f"{', '.join(tests[rule_id])} names the unknown rule {rule_id}")
    return found


def render(rules: dict[str, list[tuple[str, str, str]]], tests: dict[str, list[str]]) -> str:
    """The page."""
    parts = [HEAD]
    for system, rows in rules.items():
        parts.append(
            f"\n## {system} ({len(rows)} rules)\n\n| rule | what it says | reference | tests |\n|---|---|---|---|\n"
        )
        for rule_id, text, source in rows:
            names = "<br>".join(f"`{name.removeprefix('tests/')}`" for name in tests.get(rule_id, []))
            parts.append(f"| {rule_id} | {text.replace('|', chr(92) + '|')} | {source.replace('|', '/')} | {names} |\n")
    return "".join(parts)


def switch_table(system: str) -> str:
    """The declared switches of a system as a table; empty for a system without."""
    module = importlib.import_module(f"simulators.{system}")
    switches = getattr(module, "SWITCHES", ())
    rows = "".join(
        f"| `{each.name}` | `{_shown(each.default)}` | {_others(each)} | {each.text} | {each.source} |\n"
        for each in switches
    )
    return (
        f"| switch | default | other values | what it decides | reference |\n|---|---|---|---|---|\n{rows}"
        if rows
        else ""
    )


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _others(switch: Any) -> str:
    if not switch.values:
        return f"any {type(switch.default).__name__}"
    return ", ".join(f"`{_shown(value)}`" for value in switch.values if value != switch.default)


def with_switches(page: str, table: str) -> str:
    """A page with its table of switches renewed; unchanged without the two marks."""
    start, end = page.find(MARKS[0]), page.find(MARKS[1])
    if start < 0 or end < start or not table:
        return page
    return f"{page[: start + len(MARKS[0])]}\n{table}{page[end:]}"


def pages(rules: dict[str, list[tuple[str, str, str]]], tests: dict[str, list[str]]) -> dict[Path, str]:
    """Every page this script keeps, as it should be."""
    found = {PAGE: render(rules, tests)}
    for system in rules:
        own = PAGE.with_name(f"simulator-{system}.md")
        if own.exists():
            found[own] = with_switches(own.read_text("utf-8"), switch_table(system))
    return found


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    rules, tests = load_rules(), load_tests()
    wrong = problems(rules, tests)
    for file, page in pages(rules, tests).items():
        if not options.check:
            file.write_text(page, "utf-8")
        elif not file.exists() or file.read_text("utf-8") != page:
            wrong.append(f"{file.relative_to(ROOT)} is out of date; run make rules")
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(f"{sum(map(len, rules.values()))} rules, {len(wrong)} problems\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
