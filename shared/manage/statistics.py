"""How a connection is doing in numbers: its state with the reason, counts that equal the lists they open, backlog,
throughput."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.domain.connection import ConnectionConfig, Switch
from shared.ports.journal import RunRecord
from shared.state.model import Command, LaneView

COUNTED: Final = 1000
"""Lists without a counter of their own are counted so far; beyond, it is "more than 1,000"."""

RECENT: Final = 10
"""Runs that throughput is judged by."""

_BESIDE: Final = ("writes:", "log:")
"""Counters of a run that count no records."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One word for the state of a connection, why, and what a person does about it ("" when nothing)."""

    code: str
    reason: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """`more`: there are more than were counted."""

    count: int
    more: bool = False

    @property
    def shown(self) -> str:
        return f"more than {self.count:,}" if self.more else f"{self.count:,}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """One entity's backlog. `waiting`: words to the worker about its records; `oldest`: since when the first of them
    lies there; `awaiting`: records made whose id was not told yet; `parked`: records that rest with a reason."""

    entity: str
    waiting: Count
    awaiting: int
    parked: int
    oldest: datetime | None


def behind(config: ConnectionConfig, lane: LaneView, commands: Sequence[Command]) -> list[Behind]:
    """The backlog of each entity that is on, in the order of the connection. `commands` are those of the lane's inbox,
    as far as they were counted."""
    found: defaultdict[str, list[Command]] = defaultdict(list)
    for command in commands[:COUNTED]:
        found[_entity_of(config, command)].append(command)
    names = [str(entity.get("name")) for entity in config.entities if entity.get("on", True)]
    return [
        Behind(
            entity=name,
            waiting=Count(len(found[name]), more=len(commands) > COUNTED),
            awaiting=lane.counts.get(f"{name}.awaiting", 0),
            parked=lane.counts.get(f"{name}.parked", 0),
            oldest=min((each.put_at for each in found[name] if each.put_at is not None), default=None),
        )
        for name in names
    ]


def _entity_of(config: ConnectionConfig, command: Command) -> str:
    """The entity a command is about: as it says, else the first of its record's kind; "" for none."""
    if command.payload.get("entity"):
        return str(command.payload["entity"])
    if command.ref is None or command.side is None:
        return ""
    kind = f"{command.side.value}_kind"
    return next((str(entity.get("name")) for entity in config.entities if entity.get(kind) == command.ref.kind), "")


def standing(config: ConnectionConfig, lane: LaneView, late: str) -> Standing:
    """What matters most comes first: a stop before a pause, a pause before lateness."""
    facts = lane.facts
    if facts.get("broken"):
        message = str(facts.get("broken_message", "")) or str(facts["broken"])
        return Standing("stopped", message, str(facts.get("broken_next", "")))
    if config.switch is Switch.SETUP:
        return Standing("setup", "It was never switched on.", "Check it, then switch it on.")
    if config.switch is Switch.OFF:
        return Standing("off", "It is switched off: nothing flows, requests wait.", "Switch it on; it catches up.")
    if facts.get("failures"):
        times = int(str(facts["failures"]))
        reason = f"A system gave trouble ({facts.get('fault', '')!s}), {times} times; it is tried again."
        return Standing("resting", reason)
    if late == "failing":
        step = "Look at its last runs, and at the limits of both accounts."
        return Standing("failing", "It is more than two of its intervals late.", step)
    if lane.running or facts.get("run"):
        return Standing("running", "A run is under way.")
    if late == "late":
        return Standing("late", "It is more than one of its intervals late.", "Wait for the next run; then look again.")
    return Standing("waits", "It waits for its next run.")


def linked(lane: LaneView) -> int:
    """Records that are linked, kept exactly by the lane."""
    return sum(count for name, count in lane.counts.items() if name.endswith(".linked"))


def excluded(run: RunRecord | None) -> int:
    """Records that the last run left out, for whatever reason."""
    counts = run.counts if run is not None else {}
    return sum(count for code, count in counts.items() if code.partition(":")[0] == "skipped")


def records(counts: Mapping[str, int]) -> int:
    """Records that a run decided."""
    return sum(count for code, count in counts.items() if not code.startswith(_BESIDE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Of so many runs that ended: records decided, written, and the seconds from start to end."""

    runs: int
    records: int
    written: int
    seconds: float

    @property
    def per_minute(self) -> float:
        return round(self.records * 60 / self.seconds, 1) if self.seconds else 0.0


def throughput(runs: Sequence[RunRecord], now: datetime) -> Throughput:
    """Of the runs that were given; one that is under way counts until now."""
    known = [run for run in runs if run.counts]
    return Throughput(
        runs=len(known),
        records=sum(records(run.counts) for run in known),
        written=sum(count for run in known for code, count in run.counts.items() if code.startswith("writes:")),
        seconds=sum(max(0.0, ((run.ended or now) - run.started).total_seconds()) for run in known),
    )
