"""The page of scenarios says what the tests are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_scenario_has_a_test_or_a_reason_and_the_page_is_up_to_date() -> None:
    command = [sys.executable, "scripts/scenario_table.py", "--check"]
    ran = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
