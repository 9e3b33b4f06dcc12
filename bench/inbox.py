"""How long a person's request takes while a long back-fill is under way: `python -m bench.engine --inbox`.

A lane with tens of thousands of rows to load works in a thread of its own, on the real clock, and each call of the
other side takes its time. Meanwhile people are entered at the partner, one every few seconds, and a word is left for
each as a webhook would leave it. What is measured is the time from that word to the row in Dynamics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread

from bench.aims import REQUEST_SECONDS
from shared.connectors.memory import MemoryConnector, MemorySystem, MemoryUsers
from shared.domain.records import FieldName, Kind, Side
from shared.ports.connector import Connector, Write, WriteResult
from shared.state.model import Command
from shared.sync.engine import Engine


class Slow(MemoryConnector):
    """A memory connector whose writes take as long as a server's."""

    seconds = 0.0

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        time.sleep(self.seconds)
        return super().write(writes)


def slow(system: MemorySystem, seconds: float) -> Connector:
    found = Slow(system)
    found.seconds = seconds
    return found


@dataclass(frozen=True, slots=True)
class Waited:
    """`waits`: seconds of each request. `pending`: rows that were still to be loaded when the first one came."""

    waits: tuple[float, ...]
    pending: int
    loaded: int
    seconds: float

    @property
    def kept(self) -> bool:
        return bool(self.waits) and max(self.waits) <= REQUEST_SECONDS


@dataclass(frozen=True, slots=True)
class Load:
    """A lane with its two systems and their kinds, Dynamics first. `match`: the field people are known by."""

    engine: Engine
    systems: tuple[MemorySystem, MemorySystem]
    kinds: tuple[Kind, Kind]
    match: FieldName

    def rows(self, side: int) -> int:
        return len(self.systems[side].tables[self.kinds[side]].rows)


def ask_meanwhile(load: Load, *, requests: int, pause: float) -> Waited:
    """Lets the lane work and asks `requests` times, `pause` seconds after the last answer. Raises what the lane does.

    The work goes on until the last request was served, not until all is loaded.
    """
    rows = load.rows(0)
    broken: list[BaseException] = []
    stopping: list[bool] = []

    def work() -> None:
        try:
            while load.engine.run_slice("load").more and not stopping:
                pass
        except BaseException as error:  # told by the thread that asked
            broken.append(error)

    began = time.monotonic()
    thread = Thread(target=work, daemon=True)
    thread.start()
    _until(lambda: load.rows(1) > 0 or bool(broken), thread)
    pending, waits = rows - load.rows(1), []
    for number in range(requests):
        time.sleep(pause if number else 0)
        waits.append(_one(load, number, thread))
        if broken or not thread.is_alive():
            break
    stopping.append(True)
    if broken:
        raise broken[0]
    return Waited(tuple(waits), pending, load.rows(1), time.monotonic() - began)


def _one(load: Load, number: int, thread: Thread) -> float:
    crm, partner = load.systems
    mail = f"urgent{number}@example.org"
    with partner.lock:
        ref = MemoryUsers(partner).create(load.kinds[1], {load.match: mail})
    asked = time.monotonic()
    load.engine.enqueue(Command(key=f"look-{ref}", op="look", side=Side.PARTNER, ref=ref))

    def arrived() -> bool:
        with crm.lock:
            return bool(crm.tables[load.kinds[0]].holders(mail))

    _until(arrived, thread)
    return time.monotonic() - asked


def _until(holds: Callable[[], bool], thread: Thread, *, most: float = 600.0) -> None:
    """Waits; gives up when the lane stopped working or after ten minutes."""
    end = time.monotonic() + most
    while not holds() and thread.is_alive() and time.monotonic() < end:
        time.sleep(0.05)
