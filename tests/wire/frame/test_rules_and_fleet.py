"""The rules table has no gap, and `python -m simulators` starts, announces, seeds and ends as told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts import simulator_rules
from simulators.activecampaign import DEFAULT_KEY

ROOT = Path(__file__).resolve().parents[3]
RULES = simulator_rules.load_rules()


@cache
def marked() -> dict[str, list[str]]:
    """`load_tests()`, which parses every test there is: only where it is asked for, and once."""
    return simulator_rules.load_tests()


@pytest.mark.parametrize("system", sorted(RULES))
def test_every_rule_has_a_test(system: str) -> None:
    only = {system: RULES[system]}
    assert simulator_rules.problems(only, marked()) == []
    assert len(RULES[system]) > 20


def test_problems_are_found() -> None:
    rules = {"x": [("X-1", "a", "s"), ("X-2", "b", "s"), ("X-2", "b", "s")]}
    assert simulator_rules.problems(rules, {"X-2": ["t"], "X-9": ["u"], "Y-1": ["v"]}) == [
        "rule X-1 has no test",
        "rule X-2 is listed twice",
        "u names the unknown rule X-9",
    ]


def test_the_pages_are_up_to_date() -> None:
    """Rules, tests or switches that changed without `make rules` show here."""
    found = simulator_rules.pages(RULES, marked())
    assert len(found) == 1 + len(RULES)
    stale = [file.name for file, page in found.items() if file.read_text("utf-8") != page]
    assert stale == [], "run make rules"


@pytest.mark.parametrize("system", sorted(RULES))
def test_rules_name_their_source(system: str) -> None:
    for rule_id, text, source in RULES[system]:
        assert text, rule_id
        assert ".md " in source, rule_id


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The command, with a seed file, on free ports."""
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"activecampaign": {"contacts": [{"email": "a@example.com"}]}}))
    command = [sys.executable, "-m", "simulators", "--systems", "activecampaign", "--base-port", "0"]
    command += ["--dir", str(tmp_path / "ca"), "--seed-file", str(seed)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=60)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()


def announced(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The one line on standard output."""
    assert process.stdout
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def total(url: str, ca: str) -> str:
    """How many contacts the vendor says it has."""
    answer = requests.get(f"{url}/api/3/contacts", headers={"Api-Token": DEFAULT_KEY}, verify=ca, timeout=60)
    return str(answer.json()["meta"]["total"])


@pytest.mark.parametrize("how", ["signal", "stdin"])
def test_command_serves_and_ends(fleet: subprocess.Popen[str], how: str) -> None:
    line = announced(fleet)
    url = line["systems"]["activecampaign"]
    assert total(url, line["ca"]) == "1"
    if how == "signal":
        fleet.send_signal(signal.SIGTERM)
    else:
        assert fleet.stdin
        fleet.stdin.close()
    assert fleet.wait(timeout=60) == 0
    with pytest.raises(requests.exceptions.RequestException):
        total(url, line["ca"])


def test_a_child_that_dies_ends_all(fleet: subprocess.Popen[str]) -> None:
    announced(fleet)
    children = Path(f"/proc/{fleet.pid}/task/{fleet.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    assert fleet.wait(timeout=60) == 1


def test_unknown_systems_are_refused() -> None:
    command = [sys.executable, "-m", "simulators", "--systems", "salesforce", "--base-port", "0"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 1
    assert "no simulated system is called 'salesforce'" in done.stderr
