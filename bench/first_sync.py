"""CPU and memory of a first sync, against simulators in processes of their own.

    python -m bench.first_sync [--people 10000] [--fields 10] [--mode include] [--storage memory|azurite] [--profile]

The same calls are then made once more by a bare loop over `requests` (send, read, decode the JSON) in the same process,
and both CPU times are compared: the machine's speed falls out. `--profile` prints where the time goes, by samples of
the stack. Ends with 1 when it took more than 8 x the loop's CPU, when somebody was not linked, or, with `--memory` and
state in the emulator, when the peak was above 150 MB: else the record of the calls, or the store, is part of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import requests

from bench.aims import CPU_RATIO, PEAK_MB, Figure, verdict
from bench.engine import storage
from bench.people import Fields
from bench.sampler import Sampler
from bench.wiring import Around, wire
from cli.demo.world import Simulators, simulators
from shared.azure.ambient import SystemClock, collect_seldom, give_memory_back
from shared.http.session import new_session
from shared.sync.options import Options
from simulators.dataverse.tokens import APPLICATION, SECRET, TENANT

_AT_ONCE = 2000
_REPLAYS = 3  # of so short a loop, one alone is told by the machine's mood


@dataclass(frozen=True, slots=True)
class Sent:
    """One call as it was made."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | str | None


class Unlimited:
    """No budget: what is measured is work, not waiting."""

    def acquire(self, calls: int = 1, *, interactive: bool = False) -> None: ...

    def close_for(self, seconds: float) -> None:
        raise AssertionError(f"a simulator without limits asked to wait {seconds} s")


class Recording(requests.Session):
    """Remembers what it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Sent] = []

    def request(self, method: str, url: str, *args: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        self.sent.append(Sent(method, url, options.get("headers") or {}, options.get("data")))
        return super().request(method, url, *args, **options)


def recording() -> Recording:
    """The app's own session, recording."""
    session = new_session()
    session.__class__ = Recording
    found = cast("Recording", session)
    found.sent = []
    return found


@contextlib.contextmanager
def _trusted(ca_file: str) -> Iterator[None]:
    """This process trusts the authority meanwhile."""
    before = os.environ.get("REQUESTS_CA_BUNDLE")
    os.environ["REQUESTS_CA_BUNDLE"] = ca_file
    try:
        yield
    finally:
        if before is None:
            del os.environ["REQUESTS_CA_BUNDLE"]
        else:
            os.environ["REQUESTS_CA_BUNDLE"] = before


@contextlib.contextmanager
def filled(people: int, fields: Fields, *, include: bool) -> Iterator[Simulators]:
    """Simulators without limits and waits: Dynamics full of people, ActiveCampaign empty."""
    with simulators() as sims, _trusted(sims.ca_file):
        quick = {"requests_per_second": 0, "bulk_start_seconds": 0, "bulk_seconds_per_contact": 0}
        sims.control("activecampaign", "POST", "switches", {**quick, "include_side_loads": include})
        sims.control("activecampaign", "POST", "seed", {"fields": fields.partner_fields()})
        sims.control("dataverse", "POST", "seed", {"columns": fields.crm_columns()})
        for start in range(0, people, _AT_ONCE):
            rows = [fields.person(number) for number in range(start, min(start + _AT_ONCE, people))]
            sims.control("dataverse", "POST", "seed", {"rows": {"contact": rows}})
            del rows  # no part of what the app holds
        application = {"tenant": TENANT, "client_id": APPLICATION, "secret": SECRET}
        sims.control("entra", "POST", "seed", {"apps": [application]})
        for system in ("dataverse", "activecampaign"):  # nobody was edited just now: the catch-up is empty
            sims.control(system, "POST", "clock", {"advance": 3600})
        yield sims


@dataclass(frozen=True, slots=True)
class Measured:
    people: int
    calls: int
    cpu: float
    wall: float
    bare_cpu: float
    before_mb: float
    peak_mb: float
    linked: int
    parts: Mapping[str, int]

    @property
    def ratio(self) -> float:
        return self.cpu / self.bare_cpu


def measure(people: int, fields: Fields, *, include: bool, where: str, profile: bool, replay: bool = True) -> Measured:
    """One first sync, and its calls once more."""
    sampler = Sampler()
    with filled(people, fields, include=include) as sims, storage(where) as store:
        session = recording()
        if not replay:
            session.sent = _Forgetful()
        around = Around(
            clock=SystemClock(),
            session=session,
            store=store,
            budgets={"dynamics": Unlimited(), "activecampaign": Unlimited()},
        )
        options = Options(initial_one_way=True, slice_seconds=3600, echo_pause_from=10**9, settle_seconds=0.05)
        collect_seldom()  # as the app does
        give_memory_back()
        engine = wire(fields, sims.urls, around, include=include, options=options)
        before, began, cpu = _peak(), time.perf_counter(), time.process_time()
        with sampler.looking() if profile else contextlib.nullcontext():
            while not around.journal.state:
                engine.run_slice("bench")
        spent, wall, peak = time.process_time() - cpu, time.perf_counter() - began, _peak()
        counts = engine.lane.peek().counts
        linked = sum(count for name, count in counts.items() if name.endswith(".linked"))
        calls = list(session.sent)
        bare = sum(_bare(calls) for _ in range(_REPLAYS)) / _REPLAYS if replay else 0.0
    return Measured(people, len(calls), spent, wall, bare, before, peak, linked, sampler.parts)


class _Forgetful(list[Sent]):
    """For memory: the record of the calls would be part of what is measured."""

    def append(self, item: Sent) -> None:
        del item


def _bare(calls: list[Sent]) -> float:
    """CPU seconds of a bare loop that makes the same calls."""
    session = requests.Session()
    cpu = time.process_time()
    for call in calls:
        answer = session.request(call.method, call.url, data=call.body, headers=dict(call.headers), timeout=60)
        if "json" in answer.headers.get("Content-Type", ""):
            json.loads(answer.content)
    return time.process_time() - cpu


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(found: Measured) -> None:
    print(f"{found.people:,} people, {found.calls:,} calls; linked {found.linked:,}")
    print(
        f"  CPU {found.cpu:.1f} s, wall {found.wall:.1f} s; "
        f"peak memory {found.peak_mb:.0f} MB (before: {found.before_mb:.0f})"
    )
    if found.bare_cpu:
        print(f"  the same calls by a bare loop: {found.bare_cpu:.1f} s CPU; ratio {found.ratio:.1f}")
    total = sum(found.parts.values())
    for name, samples in sorted(found.parts.items(), key=lambda pair: -pair[1]):
        print(f"    {name:45} {samples / total:5.0%}")


def figures(found: Measured, *, peak: bool) -> list[Figure]:
    """What is judged of it. `peak`: nothing but the app's own memory is in the peak."""
    told = [Figure("people linked", found.linked, least=found.people, most=found.people)]
    if found.bare_cpu:
        told.append(Figure("CPU over that of a bare loop", found.ratio, most=CPU_RATIO))
    if peak:
        told.append(Figure("peak memory in MB", found.peak_mb, most=PEAK_MB))
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--fields", type=int, default=10)
    parser.add_argument("--mode", choices=("feed", "include"), default="include")
    parser.add_argument("--storage", choices=("memory", "azurite"), default="azurite")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--memory", action="store_true", help="leave the bare loop out, and its record of the calls")
    options = parser.parse_args()
    include = options.mode == "include"
    found = measure(
        options.people,
        Fields(options.fields),
        include=include,
        where=options.storage,
        profile=options.profile,
        replay=not options.memory,
    )
    show(found)
    return verdict(figures(found, peak=options.memory and options.storage == "azurite"))


if __name__ == "__main__":
    sys.exit(main())
