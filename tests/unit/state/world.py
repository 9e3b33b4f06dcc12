"""A small world for lane state: a driven clock, plain ids, links by number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from itertools import count

from shared.domain.identity import Agreed, Digest, Digester, Link, LinkKey, LinkState, MatchKey, link_key
from shared.domain.records import Kind, Ref, RemoteId
from shared.state import Held, LaneId, LaneStore
from tests.fakes.partition_store import MemoryPartitionStore

LANE = LaneId("c0ffee", "main")
DIGESTER = Digester(b"a secret of sixteen bytes or more")
START = datetime(2030, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


class FakeClock:
    """Both clocks in one, driven by hand; `sleep` moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return 1000.0 + self.seconds

    def sleep(self, seconds: float) -> None:
        assert 0 <= seconds <= 5
        self.seconds += seconds

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds


class FakeIds:
    def __init__(self, prefix: str = "") -> None:
        self._numbers = count(1)
        self._prefix = prefix

    def new_id(self) -> str:
        return f"{self._prefix}{next(self._numbers):032x}"[-32:]

    def jitter(self) -> float:
        return 0.5


class World:
    """A store, its clock, and workers on one lane."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.ids = FakeIds()
        self.store = MemoryPartitionStore(self.clock)
        self.lane = LaneStore(self.store, LANE, clock=self.clock, ids=self.ids)

    def acquire(self, owner: str = "worker", seconds: float = 60) -> Held:
        held = self.lane.acquire(owner, seconds)
        assert held is not None
        return held

    def take_over(self, owner: str = "other", seconds: float = 60) -> Held:
        """Waits until any lease ran out, then acquires."""
        self.clock.pass_(61)
        return self.acquire(owner, seconds)


@cache
def crm(number: int) -> Ref:
    digest = blake2b(str(number).encode(), digest_size=16).hexdigest()
    parts = digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]
    return Ref(Kind("contact"), RemoteId("-".join(parts)))


@cache
def partner(number: int) -> Ref:
    return Ref(Kind("contact"), RemoteId(str(number)))


@cache
def key(number: int) -> LinkKey:
    return link_key(crm(number))


@cache
def match(number: int) -> MatchKey:
    return DIGESTER.match(f"person{number}@example.com")


@cache
def digest(text: str) -> Digest:
    return DIGESTER.of("field", text.encode())


def link(number: int, *, version: int = 0, fields: int = 6, **more: object) -> Link:
    """A link of CRM record `number` with partner record `number`, unless `more` says otherwise."""
    agreed = {}
    for field in range(fields):
        seen = digest(f"{number}.{field}.{version}")
        agreed[f"field{field}"] = Agreed(seen, digest(f"{number}.{version}.rounded") if field == 0 else seen)
    values: dict[str, object] = {
        "crm": crm(number),
        "partner": partner(number),
        "entity": "contact",
        "state": LinkState.LINKED,
        "agreed": agreed,
        "crm_revision": f'W/"{1000 + version}"',
        "match": match(number),
    }
    return Link(**(values | more))  # type: ignore[arg-type]
