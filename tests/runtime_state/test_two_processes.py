"""Two workers, each a process of its own, on one lane in the emulator, with every interleaving forced.

At each compare-and-swap of the first worker, before it is sent and after it was applied, the second one steps in: by
a take-over (the lease has run out), by asking in vain, or by leaving a command. Pages split on the way.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import pytest

from tests.unit.state.world import key, link

pytestmark = [pytest.mark.storage, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
FIRST = list(range(14))
EXPIRED = 120.0
_lanes = count()


class Process:
    """One worker process; see `worker.py` for what it understands."""

    def __init__(self, connection_string: str, table: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.runtime_state.worker", connection_string, table],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def begin(self, do: str, *, pause: tuple[str, int] = ("", 0), **how: object) -> dict[str, Any]:
        """Sends a command; its answer, or where it paused."""
        self._send({"do": do, "with": how, "pause": pause})
        return self._answer()

    def do(self, do: str, **how: object) -> Any:
        """Sends a command and gives what it did."""
        answer = self.begin(do, **how)
        assert "did" in answer, answer
        return answer["did"]

    def go(self) -> dict[str, Any]:
        """Lets a paused command go on; its answer."""
        self._send({"go": True})
        return self._answer()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _send(self, what: dict[str, object]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the worker died"
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture(scope="module")
def table() -> str:
    return f"two{uuid4().hex}"


@pytest.fixture(scope="module")
def processes(azurite: str, table: str) -> Iterator[tuple[Process, Process]]:
    with Process(azurite, table) as one, Process(azurite, table) as two:
        yield one, two


@pytest.fixture
def pair(processes: tuple[Process, Process]) -> tuple[Process, Process]:
    for process in processes:
        process.do("layered", on=False)
    return processes


def _expected(version: int, numbers: list[int] = FIRST) -> dict[str, str]:
    return {key(number).hex(): link(number, version=version).crm_revision for number in numbers}


def _fresh(*processes: Process) -> None:
    lane = f"lane{next(_lanes)}"
    for process in processes:
        process.do("open", lane=lane)


def _commits(one: Process) -> int:
    """In how many transactions the scenario's fold is done."""
    _fresh(one)
    one.do("put", name="hint")
    one.do("acquire", ahead=0)
    one.do("inbox")
    commits = one.do("fold", numbers=FIRST, version=1)
    assert isinstance(commits, int)
    return commits


def _started(one: Process, two: Process) -> None:
    _fresh(one, two)
    one.do("put", name="hint")
    assert one.do("acquire", ahead=0) == 1
    assert one.do("inbox") == ["hint"]


def _hint_waits_until_the_links_are_there(process: Process) -> None:
    waits = process.do("inbox")
    assert waits == ["hint"] or (waits == [] and process.do("look")["links"] == _expected(1))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("layered", [False, True], ids=["pages", "layers"])
def test_a_take_over_at_each_swap_of_a_fold_shuts_the_first_worker_out(
    pair: tuple[Process, Process], when: str, layered: bool
) -> None:
    one, two = pair
    for process in pair:
        process.do("layered", on=layered)
    commits = _commits(one)
    assert commits >= 5, "the fold splits pages over several transactions"
    for at in range(1, commits + 1):
        _started(one, two)
        assert one.begin("fold", pause=(when, at), numbers=FIRST, version=1) == {"paused": at}

        assert two.do("acquire", ahead=EXPIRED) == 2
        _hint_waits_until_the_links_are_there(two)
        two.do("fold", numbers=FIRST, version=2)
        answer = one.go()

        last = when == "after" and at == commits
        assert answer == ({"did": commits} if last else {"raised": "LeaseLost"}), (when, at)
        assert one.begin("renew") == {"raised": "LeaseLost"}
        look = two.do("look")
        assert look["links"] == _expected(2)
        assert look["counts"] == {"contact.linked": len(FIRST)}
        assert two.do("cursor") == "2"
        assert len(two.do("leaves")) > 1, "the fold split a page on its way"
        assert two.do("inbox") == []
        two.do("release")


def test_a_take_over_in_the_middle_of_the_others_take_over_leaves_one_holder(
    pair: tuple[Process, Process],
) -> None:
    one, two = pair
    for when in ("before", "after"):
        _fresh(one, two)
        assert one.begin("acquire", pause=(when, 1), ahead=0) == {"paused": 1}
        theirs = two.do("acquire", ahead=0)
        mine = one.go()["did"]
        assert (mine, theirs) == ((None, 1) if when == "before" else (1, None))
        assert two.do("look")["wanted"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_asking_in_vain_at_each_swap_breaks_nothing_and_is_not_forgotten(
    pair: tuple[Process, Process], when: str
) -> None:
    one, two = pair
    commits = _commits(one)
    for at in range(1, commits + 1):
        _started(one, two)
        assert one.begin("fold", pause=(when, at), numbers=FIRST, version=1) == {"paused": at}
        assert two.do("acquire", ahead=0) is None
        assert one.go() == {"did": commits}
        assert one.do("look") == {
            "links": _expected(1),
            "counts": {"contact.linked": len(FIRST)},
            "fence": 1,
            "wanted": True,
        }
        assert one.do("release") is True


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_hint_left_at_each_swap_is_served(pair: tuple[Process, Process], when: str) -> None:
    """Whether it came in time to keep its command in the inbox, or after that was taken out."""
    one, two = pair
    commits = _commits(one)
    for at in range(1, commits + 1):
        _started(one, two)
        assert one.begin("fold", pause=(when, at), numbers=FIRST, version=1) == {"paused": at}
        two.do("put", name="hint")
        two.do("put", name=f"other{at}")
        assert "did" in one.go()
        assert sorted(one.do("inbox")) == ["hint", f"other{at}"]
        assert one.do("look")["links"] == _expected(1)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["renew", "begin", "finish", "release"])
def test_a_take_over_at_every_other_swap(pair: tuple[Process, Process], step: str, when: str) -> None:
    one, two = pair
    _started(one, two)
    one.do("begin", name="b1")
    how = {"begin": {"name": "b2"}, "finish": {"name": "b1"}}.get(step, {})
    assert one.begin(step, pause=(when, 1), **how) == {"paused": 1}

    fence = two.do("acquire", ahead=0 if (step, when) == ("release", "after") else EXPIRED)
    assert fence == 2
    answer = one.go()

    assert ("raised" in answer) == (when == "before")
    assert one.begin("renew") == {"raised": "LeaseLost"}
    assert two.do("look")["fence"] == 2
    two.do("renew")


def test_a_release_sees_who_asked_just_before_it(pair: tuple[Process, Process]) -> None:
    one, two = pair
    _started(one, two)
    assert one.begin("release", pause=("before", 1)) == {"paused": 1}
    assert two.do("acquire", ahead=0) is None
    assert one.go() == {"did": True}
    assert two.do("acquire", ahead=0) == 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_worker_s_lane_goes_on_where_it_stopped(azurite: str, table: str, when: str) -> None:
    with Process(azurite, table) as two:
        for at in (1, 3, 5):
            with Process(azurite, table) as one:
                _started(one, two)
                assert one.begin("fold", pause=(when, at), numbers=FIRST, version=1) == {"paused": at}
                one.kill()
            assert two.do("acquire", ahead=0) is None
            assert two.do("acquire", ahead=EXPIRED) == 2
            _hint_waits_until_the_links_are_there(two)
            two.do("fold", numbers=FIRST, version=1)
            assert two.do("look")["links"] == _expected(1)
            assert two.do("inbox") == []


def test_two_processes_that_fight_for_a_lane_never_hold_it_both(pair: tuple[Process, Process]) -> None:
    """Each in turn believes the other's lease ran out; every fence number is held once."""
    one, two = pair
    _fresh(one, two)
    fences = []
    for round_ in range(6):
        fences.append(one.do("acquire", ahead=EXPIRED * (2 * round_)))
        one.do("fold", numbers=[round_], version=round_)
        fences.append(two.do("acquire", ahead=EXPIRED * (2 * round_ + 1)))
        assert one.begin("fold", numbers=[100 + round_], version=1) == {"raised": "LeaseLost"}
        two.do("fold", numbers=[50 + round_], version=round_)
        assert one.begin("release") == {"raised": "LeaseLost"}
    assert fences == list(range(1, 13))
    assert len(two.do("look")["links"]) == 12
