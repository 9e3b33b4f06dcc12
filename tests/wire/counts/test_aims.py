"""A bench whose figure misses its aim says which one, and does not end with zero."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from bench import activities, counts, engine, first_sync, latency, marketo
from bench.counts import Counted, Line
from bench.inbox import Waited
from shared.ports.state import StoreUsage

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def called_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench"])


def said(capture: Capture) -> list[str]:
    """The lines of standard error."""
    return capture.readouterr().err.splitlines()


@pytest.mark.parametrize(("measured", "code"), [(103, 0), (104, 1)])
@pytest.mark.parametrize("json", [False, True])
def test_more_calls_than_three_hundredths_above_the_ideal(
    measured: int, code: int, json: bool, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    lines = (Line("", "dynamics", "read", measured, 100), Line("", "dynamics", "check", 900, None))
    good = (replace(lines[0], measured=100), lines[1])
    found = [Counted("idle run", good, ()), Counted("of edits", lines, ())]
    monkeypatch.setattr(counts, "flows", lambda *_, **__: iter(found))
    monkeypatch.setattr(sys, "argv", ["bench", "--fields", "60", "--mode", "feed", *["--json"] * json])
    assert counts.main() == code
    missed = ["missed: 10,000 people, 60 fields, feed: of edits: 1.04, the aim is at most 1.03"]
    assert said(capsys) == missed[: code and 1]


MEASURED = first_sync.Measured(
    people=10_000, calls=195, cpu=8.0, wall=9.0, bare_cpu=1.0, before_mb=59, peak_mb=150, linked=10_000, parts={}
)


@pytest.mark.parametrize(
    ("arguments", "changes", "missed"),
    [
        ((), {}, ""),
        ((), {"cpu": 8.1}, "CPU over that of a bare loop: 8.1, the aim is at most 8"),
        ((), {"linked": 9999}, "people linked: 9,999, the aim is exactly 10,000"),
        ((), {"peak_mb": 151.0}, ""),  # the record of the calls is part of it
        (("--memory",), {"bare_cpu": 0.0}, ""),
        (("--memory",), {"bare_cpu": 0.0, "peak_mb": 151.0}, "peak memory in MB: 151, the aim is at most 150"),
        (("--memory", "--storage", "memory"), {"bare_cpu": 0.0, "peak_mb": 151.0}, ""),  # the store is part of it
    ],
)
def test_a_first_sync_that_takes_too_much(
    arguments: tuple[str, ...],
    changes: dict[str, Any],
    missed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.setattr(first_sync, "measure", lambda *_, **__: replace(MEASURED, **changes))
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    assert first_sync.main() == bool(missed)
    assert said(capsys) == ([f"missed: {missed}"] if missed else [])


PROOF = activities.Proof(
    told=1000,
    rows=1000,
    creates=1000,
    open=0,
    strays=0,
    died={"before the call": 5},
    calls={},
    state_bytes=160_000,
    transactions=9,
    seconds=1.0,
)


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, []),
        ({"rows": 999}, ["activities in Dynamics: 999, the aim is exactly 1,000"]),
        ({"told": 100_510, "rows": 100_510, "creates": 100_511}, ["creates: 100,511, the aim is exactly 100,510"]),
        (
            {"creates": 1001, "open": 1},
            ["creates: 1,001, the aim is exactly 1,000", "open ones: 1, the aim is exactly 0"],
        ),
        ({"strays": 2}, ["ones without a person: 2, the aim is exactly 0"]),
        ({"state_bytes": 161_000}, ["bytes of state an activity: 161, the aim is at most 160"]),
    ],
)
def test_activities_that_are_missing_doubled_open_or_dear(
    changes: dict[str, int], missed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(activities, "prove", lambda *_: replace(PROOF, **changes))
    assert activities.main() == bool(missed)
    assert said(capsys) == [f"missed: {each}" for each in missed]


@pytest.mark.parametrize(
    ("logs", "missed"),
    [
        (3, []),
        (4, ["an idle run: 1.333, the aim is at most 1.03"]),
        (21, ["an idle run: 7, the aim is at most 1.03", "calls in a day of idle cycles: 7,8"]),
    ],
)
def test_marketo_beyond_the_ideal_or_the_vendors_mark(
    logs: int, missed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    idle = marketo.Counted("an idle run", Counter(logs=logs), Counter(logs=3), {})
    monkeypatch.setattr(marketo, "flows", lambda *_, imports: iter([idle] if imports else []))
    assert marketo.main() == bool(missed)
    found = said(capsys)
    assert len(found) == len(missed)
    for line, what in zip(found, missed, strict=True):
        assert line.startswith(f"missed: 10,000 people, new ones by import: {what}")


def test_a_share_of_a_limit_that_is_not_used(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    shares = [latency.Share("reading everybody", 95, 10, 10), latency.Share("writing one by one", 94, 10, 10)]
    rows = latency.Share("updating rows", 95, 10, 10)
    monkeypatch.setattr(latency, "measure", lambda *_, **__: shares)
    monkeypatch.setattr(latency, "measure_dynamics", lambda *_: rows)
    assert latency.main() == 1
    assert said(capsys) == ["missed: share while writing one by one: 0.94, the aim is at least 0.95"]
    monkeypatch.setattr(latency, "measure", lambda *_, **__: shares[:1])
    assert latency.main() == 0
    assert said(capsys) == []
    monkeypatch.setattr(latency, "measure_dynamics", lambda *_: replace(rows, calls=94))
    assert latency.main() == 1
    assert said(capsys) == ["missed: share while updating rows: 0.94, the aim is at least 0.95"]


SYNCED = engine.Measured(
    people=10_000,
    seconds=9.0,
    cpu=6.0,
    usage=StoreUsage(gets=20, commits=100),
    before_mb=60,
    peak_mb=150,
    linked=10_000,
    parts={"engine": 1},
)


@pytest.mark.parametrize(
    ("arguments", "changes", "missed"),
    [
        ((), {}, ""),
        ((), {"linked": 9999}, "people linked: 9,999, the aim is exactly 10,000"),
        ((), {"usage": StoreUsage(commits=136)}, "storage commits: 136, the aim is at most 135"),
        ((), {"usage": StoreUsage(scans=56, commits=100)}, "storage transactions: 156, the aim is at most 155"),
        ((), {"people": 100_001, "linked": 100_001, "usage": StoreUsage(scans=9000)}, ""),  # pages are read again
        ((), {"cpu": 6.1}, "CPU over that of a copy by hand: 6.1, the aim is at most 6"),
        ((), {"peak_mb": 151.0}, ""),  # both systems are part of it
        (("--memory",), {"peak_mb": 151.0}, "peak memory in MB: 151, the aim is at most 150"),
        (("--memory",), {"cpu": 9.0}, ""),  # what goes through the pipe is part of it
        (("--memory",), {"linked": 9999}, "people linked: 9,999, the aim is exactly 10,000"),
        (("--memory", "--storage", "memory"), {"peak_mb": 151.0}, ""),  # the store is part of it
    ],
)
def test_a_first_sync_between_systems_in_memory_that_takes_too_much(
    arguments: tuple[str, ...],
    changes: dict[str, Any],
    missed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.setattr(engine, "by_hand", lambda _: 1.0)
    monkeypatch.setattr(engine, "storage", lambda _: nullcontext())
    monkeypatch.setattr(
        engine, "run_apart" if "--memory" in arguments else "run", lambda *_: replace(SYNCED, **changes)
    )
    monkeypatch.setattr(engine, "as_the_app", lambda: None)  # this process goes on with other tests
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    assert engine.main() == bool(missed)
    assert said(capsys) == ([f"missed: {missed}"] if missed else [])


@pytest.mark.parametrize(
    ("waits", "missed"),
    [
        ((39.0, 60.0), ""),
        ((60.5, 3.0), "seconds until the slowest request ended: 60.5, the aim is at most 60"),
        ((), "requests that ended: 0, the aim is at least 1"),
    ],
)
@pytest.mark.feature("HUB-35")
def test_a_request_that_waits_for_the_back_fill(
    waits: tuple[float, ...], missed: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(engine, "storage", lambda _: nullcontext())
    monkeypatch.setattr(engine, "inbox", lambda *_, **__: Waited(waits, pending=50_000, loaded=100, seconds=9.0))
    monkeypatch.setattr(sys, "argv", ["bench", "--inbox"])
    assert engine.main() == bool(missed)
    assert said(capsys) == ([f"missed: {missed}"] if missed else [])
