"""The conformance runner judges rightly. The walks themselves run under `make conformance`."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from tests.conformance import __main__ as runner

CLIENTS = runner.load_clients()


@pytest.mark.parametrize(
    ("wanted", "actual", "complaint"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, ""),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}}, ""),
        ({"a": 1}, {"b": 1}, "x: lacks ['a']"),
        ({"a": [1]}, {"a": [1, 2]}, "x.a: expected 1 items, found [1, 2]"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "x.a[0].b: expected 1, found 2"),
        ({"a": {}}, {"a": None}, "x.a: expected an object, found None"),
    ],
)
def test_differences(wanted: object, actual: object, complaint: str) -> None:
    assert runner.differs(wanted, actual, "x") == complaint


def test_table_marks_red_missing_and_absent() -> None:
    outcomes = {
        "one": runner.Outcome({"create": "", "read": "broke", runner.STATE: ""}),
        "two": runner.Outcome({"create": "not reported", runner.STATE: "x"}),
    }
    assert runner.table(outcomes).splitlines() == [
        "operation    one     two",
        "create       ok      FAILED",
        "read         FAILED  -",
        "state after  ok      FAILED",
    ]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_clients_are_pinned_and_have_walks(client: runner.Client) -> None:
    walk = client.home / ("walk.mjs" if client.runtime == "node" else "walk.py")
    assert walk.exists()
    separator = "@" if client.runtime == "node" else "=="
    assert all(re.fullmatch(rf".+{separator}\d[\w.]*", package) for package in client.packages)
    for name in ("seed.json", "expected.json"):
        if (client.home / name).exists():
            json.loads((client.home / name).read_text("utf-8"))


@pytest.mark.parametrize("client", [c for c in CLIENTS if c.runtime == "python"], ids=lambda client: client.name)
def test_python_walks_report_the_operations_promised(client: runner.Client) -> None:
    tree = ast.parse(Path(client.home / "walk.py").read_text("utf-8"))
    found = [
        decorator.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and isinstance(decorator.args[0], ast.Constant)
    ]
    assert sorted(found) == sorted(client.operations)
