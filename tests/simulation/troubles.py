"""What may go wrong at a call, and the worker that meets it.

Calls are counted per slice in three channels: `remote` (a connector's method), `commit` (a write of state or journal)
and `fetch` (a read of state). Writes to a system are counted once more by themselves (`write`), and so are commits from
the first such write on (`after`). A `Trouble` names its channel, the number of the call it meets, and what happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.domain.records import Kind, RemoteId, Side
from shared.errors import Throttled, Transient

if TYPE_CHECKING:
    from tests.simulation.world import World

LATE_EFFECT = timedelta(seconds=20)
RETRY_AFTER = 7.0


class Crash(BaseException):
    """This worker died here."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens at one call. `steps` are what users or another worker do there (kinds `users`, `worker`)."""

    channel: str
    at: int
    kind: str
    steps: tuple[tuple[Any, ...], ...] = ()


REMOTE_KINDS = (
    "error_before",
    "error_after",
    "refused_before",
    "late",
    "partial",
    "throttle",
    "stale",
    "crash_before",
    "crash_after",
    "users_before",
    "users_after",
    "worker",
)
COMMIT_KINDS = ("error_before", "error_after", "late", "crash_before", "crash_after", "users_before", "worker")
FETCH_KINDS = ("error_before", "crash_before")
WRITE_KINDS = tuple(kind for kind in REMOTE_KINDS if kind != "stale")
CHANNELS = ("remote", "commit", "fetch", "write", "after")


@dataclass(slots=True)
class Worker:
    """One worker in one slice: what it counts, what it meets, and what it knows of each side."""

    name: str
    troubles: Mapping[tuple[str, int], Trouble] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHANNELS, 0))
    dead: bool = False
    fired: int = 0
    told: dict[tuple[Side, Kind], int] = field(default_factory=dict)
    began: dict[tuple[Side, Kind], int] = field(default_factory=dict)  # when the walk under way was begun
    read: dict[tuple[Side, RemoteId], int] = field(default_factory=dict)
    paged: dict[Kind, int] = field(default_factory=dict)  # by partner kind: when changes of Dynamics were last read
    drained: dict[Kind, int] = field(default_factory=dict)  # by partner kind: when its feed was last read to its end
    outlived: bool = False  # another worker took the lane while this one was in a call

    def next(self, *channels: str) -> Trouble | None:
        """Counts a call in each of its channels; answers the first trouble it meets."""
        if self.dead:
            raise Crash
        met: Trouble | None = None
        for channel in (*channels, *self._beside(channels[0])):
            number = self.counts[channel]
            self.counts[channel] = number + 1
            met = met or self.troubles.get((channel, number))
        return met

    def _beside(self, channel: str) -> tuple[str, ...]:
        return ("after",) if channel == "commit" and self.counts["write"] else ()


class Calls:
    """What both kinds of port share: time passes, troubles strike."""

    def __init__(self, world: World, worker: Worker) -> None:
        self.world = world
        self.worker = worker
        self.side = Side.CRM
        self.trouble: Trouble | None = None  # what the call under way meets

    def run[Answer](
        self,
        channel: str,
        what: str,
        do: Callable[[], Answer],
        *,
        unknown: Callable[[], Answer] | None = None,
        refused: Callable[[float | None], Answer] | None = None,
        also: tuple[str, ...] = (),
    ) -> Answer:
        """Does one call. `unknown` makes the answer of a write whose real one is lost, `refused` of one never sent;
        without them the call raises Transient."""
        trouble = self.trouble = self.worker.next(channel, *also)
        self.world.clock.advance(self.world.latency[channel])
        kind = trouble.kind if trouble is not None else ""
        self.world.note("call", self.worker.name, channel, what, kind)
        if trouble is None:
            return do()
        self.worker.fired += 1
        self.world.happened(self.worker, kind)
        if kind == "crash_before":
            self.worker.dead = True
            raise Crash
        if kind in {"users_before", "worker"}:
            self.world.interrupt(self.worker, trouble)
            return do()
        if kind in {"error_before", "refused_before", "throttle"}:
            return self._not_sent(kind, channel, refused)
        if kind == "late" and channel == "commit":
            self.world.commit_later(do)
            raise Transient("the store did not answer in time")
        return self._sent(kind, trouble, do, unknown)

    def _not_sent[Answer](self, kind: str, channel: str, refused: Callable[[float | None], Answer] | None) -> Answer:
        wait = RETRY_AFTER if kind == "throttle" else None
        if refused is not None and kind != "error_before":
            return refused(wait)
        if wait is not None and channel == "remote":
            raise Throttled("the server asks for patience", retry_after=wait, scope="simulated")
        raise Transient("the request was not sent", retry_after=wait)

    def _sent[Answer](
        self, kind: str, trouble: Trouble, do: Callable[[], Answer], unknown: Callable[[], Answer] | None
    ) -> Answer:
        if kind == "late" and unknown is not None:
            self.world.later(self.side, do)
            return unknown()
        answer = do()
        if kind == "crash_after":
            self.worker.dead = True
            raise Crash
        if kind == "users_after":
            self.world.interrupt(self.worker, trouble)
        elif kind in {"error_after", "late", "partial"}:
            if unknown is not None:
                return unknown()
            raise Transient("the answer was lost")
        return answer
