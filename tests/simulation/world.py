"""A whole deployment in one process: two systems, their users, the state store, a clock, and workers that share a lane.

Nothing here is random: what happens follows from the steps a history lists, so one history is one trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from shared.azure.notices import TableNotices
from shared.connectors.memory import Commit, MemoryConnector, MemoryUsers, Replica
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.identity import Digester, Link
from shared.domain.records import Kind, Ref, Side
from shared.errors import LeaseLost, Transient
from shared.ports.connector import FeedKind
from shared.ports.report import ConflictEntry, RecordOutcome
from shared.ports.state import Conflict, Operation, Remove
from shared.state.lane import LaneStore
from shared.state.model import Command, LaneId
from shared.sync.compilations import Compilations
from shared.sync.engine import Engine, SliceResult
from shared.sync.options import Options
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.partition_store import MemoryPartitionStore
from tests.simulation.intents import Intents
from tests.simulation.ledger import Ledger
from tests.simulation.ports import TroubledConnector, TroubledJournal, TroubledNotices, TroubledStore
from tests.simulation.profiles import Profile
from tests.simulation.server import Server, turn
from tests.simulation.troubles import LATE_EFFECT, Crash, Trouble, Worker

CONNECTION = "sim"
LATENCY = {"remote": 0.2, "commit": 0.01, "fetch": 0.002}
STALE_BY = 3
COMPILATIONS = Compilations()
DIGESTER = Digester(b"a simulation keeps no secrets")


class Plainly:
    """Implements `shared.ports.ambient.Sealing`; a simulation keeps no secrets."""

    def seal(self, plain: bytes, *, bound: str) -> bytes:
        return bound.encode() + plain

    def open(self, sealed: bytes, *, bound: str) -> bytes:
        if not sealed.startswith(bound.encode()):
            raise ValueError("this was sealed for another place")
        return sealed.removeprefix(bound.encode())


def _in_order(value: Any) -> Any:
    """A set prints in another order in every process; the trace must not."""
    return sorted(value) if isinstance(value, frozenset) else value


class SimJournal:
    """Implements `shared.ports.report.Journal` in memory."""

    def __init__(self) -> None:
        self.runs: dict[str, str] = {}
        self.parts: set[tuple[str, str]] = set()
        self.outcomes: list[RecordOutcome] = []
        self.conflict_parts: set[tuple[str, str]] = set()
        self.disputes: list[ConflictEntry] = []

    def begin_run(self, run_id: str, *, slot: str, reason: str) -> None:
        del slot, reason
        self.runs.setdefault(run_id, "running")

    def tell(
        self,
        run_id: str,
        part: str,
        outcomes: Sequence[RecordOutcome],
        counts: Mapping[str, int],
        *,
        unless: str = "",
    ) -> bool:
        del counts
        if {(run_id, part), (run_id, unless)} & self.parts:
            return False
        self.parts.add((run_id, part))
        self.outcomes.extend(outcomes)
        return True

    def conflicts(self, run_id: str, part: str, entries: Sequence[ConflictEntry]) -> None:
        if (run_id, part) not in self.conflict_parts:
            self.conflict_parts.add((run_id, part))
            self.disputes.extend(entries)

    def well(self, links: Sequence[str]) -> None:
        """The ledger judges records, not lists of them."""

    def end_run(self, run_id: str, *, state: str, code: str = "", message: str = "") -> None:
        del message
        self.runs[run_id] = f"{state} {code}".strip()


class World:
    """One connection under simulation."""

    def __init__(self, profile: Profile, *, options: Mapping[str, object] | None = None) -> None:
        self.profile = profile
        self.clock = FakeClock()
        self.ids = FakeIds()
        self.latency: dict[str, float] = dict(LATENCY)
        self.systems = {side: Server(side.value, profile.designs(side), now=self.clock.now) for side in Side}
        self.systems[Side.PARTNER].keeps_log = profile.keeps_log
        self.users = {side: MemoryUsers(system) for side, system in self.systems.items()}
        self.trace: list[tuple[Any, ...]] = []
        self.ledger = Ledger(profile, self.systems)
        for side, system in self.systems.items():
            system.observers.append(self._observer(side))
            system.ledger = self.ledger
        self.store = MemoryPartitionStore(self.clock)
        self.journal = SimJournal()
        self.notices = TableNotices(self.store, f"{CONNECTION}-notices")
        self.late_notices: set[str] = set()
        self.options = Options(**{**_OPTIONS, **(options or {})})  # type: ignore[arg-type]
        self.connection = ConnectionConfig(
            id=CONNECTION,
            name="Simulated",
            system="memory",
            crm={},
            partner={},
            entities=profile.entities(),
            switch=Switch.ON,
        )
        self.lane_id = LaneId(CONNECTION, profile.shard or "main")
        self.intents = Intents(self.ledger, self.store, self.lane_id.partition)
        self.moments: dict[Side, list[tuple[int, datetime]]] = {side: [] for side in Side}  # of all commits
        self.lateness = timedelta(0)
        self.numbers = 0
        self.problems: list[str] = []
        self.errors: list[Exception] = []
        self.kinds_met: set[str] = set()
        self.perform: Callable[[World, tuple[Any, ...]], None] = lambda _world, _step: None
        self.walks: set[tuple[Side, Kind]] = set()  # feeds that are being read from the start
        self._late_commits: list[Callable[[], object]] = []
        self._stack: list[Worker] = []
        self._slices = 0
        self.dropped: dict[tuple[Side, Kind, str], Any] = {}

    # -- what happened -------------------------------------------------------------------------------------------------

    def note(self, *event: Any) -> None:
        self.trace.append(event)

    def digest(self) -> str:
        """One number for everything that happened, in order."""
        return blake2b(repr(self.trace).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def problem(self, text: str) -> None:
        """An invariant that must always hold was seen broken."""
        if text not in self.problems:
            self.problems.append(text)
            self.note("problem", text)

    def happened(self, worker: Worker, kind: str) -> None:
        del worker
        self.kinds_met.add(kind)

    def _observer(self, side: Side) -> Callable[[Commit], None]:
        def observe(commit: Commit) -> None:
            changed = {name: _in_order(commit.after.fields.get(name)) for name in sorted(commit.after.changed)}
            self.moments[side].append((commit.after.seq, self.clock.now()))
            self.note("commit", side.value, commit.by, str(commit.ref), commit.after.state.value, changed)
            for text in self.ledger.observe(side, commit):
                self.problem(text)

        return observe

    # -- what ports ask for --------------------------------------------------------------------------------------------

    def replica(self, side: Side) -> Replica:
        """A copy of a side that is a few commits behind what others did, never behind what the hub wrote or was shown:
        that could not be told from a user who changed a value back. Where changes are asked for by time it lacks
        nothing that is older than the time it tells, by more than is asked for again: nobody would be told of that."""
        system, moment = self.systems[side], self.clock.now() - timedelta(seconds=5)
        seq = max(0, system.seq - STALE_BY, self.ledger.shown[side])
        if self.profile.capabilities(side).feed is FeedKind.SINCE:
            old = [known for known, at in self.moments[side] if at <= moment - self.profile.overlap]
            seq = max(seq, *old, 0)
        return Replica(seq, moment)

    def later(self, side: Side, do: Callable[[], object]) -> None:
        """A request that timed out takes effect later."""
        due = self.clock.now() + LATE_EFFECT

        def act() -> None:
            self.note("late effect")
            with turn(self.ledger, late=True):
                do()

        self.systems[side].defer(due, act)

    def commit_later(self, do: Callable[[], object]) -> None:
        """A transaction that timed out reaches the store before the next one of anybody."""
        self._late_commits.append(do)

    def committed(self, worker: Worker, operations: Sequence[Operation]) -> None:
        """Called after a transaction of a worker was applied: one whose lane was taken over may change nothing."""
        rows = [operation.key for operation in operations]
        if any(key.startswith("b.") and key.endswith(".r000") for key in rows):
            self.ledger.answers_kept(worker)
        self.intents.dropped([operation.key for operation in operations if isinstance(operation, Remove)])
        self.intents.stored(worker, [operation.key for operation in operations if not isinstance(operation, Remove)])
        if worker not in self._stack:  # it came late
            self.intents.slice_ended(worker)
        if worker.outlived and not all(key.startswith(("i.", "k.")) for key in rows):
            self.problem(f"I16 a worker with an old fence number changed {rows[0]}")

    def flush_commits(self) -> None:
        waiting, self._late_commits = self._late_commits, []
        for do in waiting:
            with suppress(Conflict):
                do()

    def interrupt(self, worker: Worker, trouble: Trouble) -> None:
        """Users act, or another worker runs, while a call of `worker` is under way."""
        for step in trouble.steps:
            self.perform(self, step)
        if trouble.kind == "worker" and not trouble.steps:
            self.overtake(worker)

    def overtake(self, worker: Worker) -> None:
        """`worker` sleeps past its lease inside a call; another one takes the lane and works a slice."""
        if len(self._stack) > 1:
            return
        held = self.lane().peek()
        self.clock.advance(self.options.lease_seconds + 30)
        self.slice("other")
        if held.running and held.owner == worker.name and self.lane().peek().fence != held.fence:
            worker.outlived = True
            self.ledger.overtaken.add(worker.name)

    # -- the engine ----------------------------------------------------------------------------------------------------

    def lane(self) -> LaneStore:
        """The lane's state without any trouble."""
        return LaneStore(self.store, self.lane_id, clock=self.clock, ids=self.ids)

    def engine(self, worker: Worker) -> Engine:
        store = TroubledStore(self, worker, self.store)
        return Engine(
            connection=self.connection,
            crm=self.connector(worker, Side.CRM),
            partner=self.connector(worker, Side.PARTNER),
            lane=LaneStore(store, self.lane_id, clock=self.clock, ids=self.ids),
            clock=self.clock,
            ids=self.ids,
            digester=DIGESTER,
            journal=TroubledJournal(self, worker),
            options=self.options,
            compilations=COMPILATIONS,
            sealer=Plainly(),
            notices=TroubledNotices(self, worker) if self.profile.keeps_log else None,
        )

    def connector(self, worker: Worker, side: Side) -> TroubledConnector:
        holder: list[TroubledConnector] = []
        inner = MemoryConnector(
            self.systems[side],
            shard=self.profile.shard or None if side is Side.PARTNER else None,
            overlap=self.profile.overlap,
            lag=lambda: holder[0].lag,
        )
        holder.append(TroubledConnector(self, worker, side, inner))
        return holder[0]

    def slice(self, name: str, troubles: Sequence[Trouble] = (), seconds: float | None = None) -> SliceResult | None:
        """One slice of a worker; None when it died in it."""
        self._slices += 1
        worker = Worker(f"{name}#{self._slices}", {(trouble.channel, trouble.at): trouble for trouble in troubles})
        self.note("slice", worker.name)
        self._stack.append(worker)
        try:
            result = self.engine(worker).run_slice(worker.name, seconds)
        except Crash:
            self.note("died", worker.name)
            return None
        except LeaseLost:
            self.problem("the engine let LeaseLost out of a slice")
            return None
        except Transient as error:
            self.note("given back", worker.name, str(error))  # the store did not answer: the queue delivers again
            return None
        except Exception as error:  # any exception is a bug of the engine, and what the history is for
            self.problem(f"the engine raised {type(error).__name__}: {error}")
            self.note("raised", type(error).__name__)
            self.errors.append(error)
            return None
        finally:
            self._stack.remove(worker)
            self.ledger.slice_ended(worker)
            self.intents.slice_ended(worker)
            self._remember_the_known()
        self.note("slice ended", worker.name, result.ran, result.more)
        return result

    def _remember_the_known(self) -> None:
        """Where ids come later: who is linked with whom."""
        if self.profile.capabilities(Side.PARTNER).asynchronous_create:
            self.ledger.known |= {(link.crm, link.partner) for link in self.links() if link.partner is not None}

    def enqueue(self, command: Command) -> None:
        self.lane().put_command(command)

    def links(self) -> list[Link]:
        """All links, read without the lease."""
        return list(self.lane().reader().scan_links())

    # -- coming to rest ------------------------------------------------------------------------------------------------

    def settle_world(self) -> None:
        """Everything that is still under way on the servers takes effect."""
        self.flush_commits()
        for system in self.systems.values():
            system.run_all()

    def living(self, side: Side, kind: Kind) -> list[Ref]:
        """The rows a user of that side can see, oldest first."""
        system = self.systems[side]
        system.run_due()
        table = system.tables[kind]
        rows = sorted((table.rows[row][0].seq, row) for row, version in table.current())
        return [Ref(kind, row) for _, row in rows]

    def config(self, **changes: Any) -> None:
        """An administrator changes the connection."""
        self.connection = replace(self.connection, **changes)


_OPTIONS: dict[str, object] = {"sweep_hours": 24}
