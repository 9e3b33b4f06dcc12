"""`make demo`: the day is played whole, with fewer people; the tutorial tells the same day."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs/tutorials/demo.md"

pytestmark = [pytest.mark.storage, pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("demo")]


@pytest.fixture(scope="module")
def played() -> dict[str, Any]:
    ran = subprocess.run(  # noqa: PLW1510 - the status is judged
        [sys.executable, "-m", "cli", "demo", "--people", "80", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=380,
    )
    assert ran.stdout, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == (0 if found["passed"] else 1)
    return found


@pytest.mark.feature("APP-08.2")
def test_the_day_goes_as_told_and_every_difference_has_its_reason(played: dict[str, Any]) -> None:
    assert [event for event in played["events"] if event["problems"]] == []
    assert played["differences"] == []
    assert played["passed"]
    assert all(item["code"] for item in played["apart"])


@pytest.mark.feature("HUB-09.1", system="activecampaign")
@pytest.mark.feature("HUB-10.2", system="activecampaign")
def test_both_sides_edits_survive_and_a_conflict_keeps_both_values(played: dict[str, Any]) -> None:
    by_name = {event["event"]: event for event in played["events"]}
    both = by_name["one person, edited on both sides: the name here, the phone there"]
    assert "wrote telephone1 to Dynamics 365" in both["did"]
    assert "wrote lastName to ActiveCampaign" in both["did"]
    clash = by_name["one phone number, changed on both sides"]
    assert "Both values are kept: Dynamics 365 +00 555 222222, the partner +00 555 333333." in clash["why"]


def test_the_tutorials_table_tells_the_events_of_the_day_in_their_order(played: dict[str, Any]) -> None:
    told = re.findall(r"^\| (\d\d:\d\d) \| (.+?) \| ", TUTORIAL.read_text(), re.MULTILINE)

    def bare(text: str) -> str:
        """The numbers of phones follow the number of people."""
        return re.sub(r"while \d+ phones", "while N phones", text)

    assert [(run, bare(event)) for run, event in told] == [
        (event["run"], bare(event["event"])) for event in played["events"]
    ]


def test_every_option_that_the_tutorial_names_exists() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    named = set(re.findall(r'ARGS="(--[a-z]+)', TUTORIAL.read_text() + (ROOT / "README.md").read_text()))
    assert named
    assert [option for option in named if option not in ran.stdout] == []
