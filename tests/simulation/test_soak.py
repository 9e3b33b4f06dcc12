"""The soak of `make soak`, small enough for every test run."""

from __future__ import annotations

import pytest

from tests.simulation.profiles import PROFILES
from tests.simulation.soak import main, soak


@pytest.mark.parametrize(("seed", "profile"), [(1, "mailbox"), (2, "mailbox"), (1, "import")])
def test_no_echo_no_empty_write_and_quiet_after_one_cycle(seed: int, profile: str) -> None:
    found = soak(300, 60, share=0.05, seed=seed, profile=PROFILES[profile])
    assert found.faults >= 3, "without faults this would prove little"
    assert found.writes == found.edits == 60
    assert (found.echoes, found.no_ops, found.late, found.lost) == (0, 0, 0, 0)
    assert found.linked == found.people
    assert found.clean


def test_the_command_prints_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--people", "40", "--edits", "10"]) == 0
    assert "40 people (40 linked), 10 edits" in capsys.readouterr().out
