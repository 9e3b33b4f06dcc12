"""A worker gives the system back what it no longer holds."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROBE = """
import sys
from shared.azure.ambient import give_memory_back
if sys.argv[1] == "yes":
    give_memory_back()
def resident():
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * 4096
answer = b"x" * 20_000_000
del answer  # left to itself the C library keeps a place for blocks of up to this size from now on
blocks = [b"x" * 200_000 for _ in range(200)]
full = resident()
kept = blocks[::2]
del blocks
print(full - resident())
"""


def _given_back(tuned: str) -> int:
    command = [sys.executable, "-c", PROBE, tuned]
    return int(subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what was freed between two blocks")
def test_large_answers_that_are_done_with_go_back_to_the_system() -> None:
    assert _given_back("no") < 5_000_000
    assert _given_back("yes") > 15_000_000
