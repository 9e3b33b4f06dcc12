"""The only place that knows both sides of every port: it builds the application from its settings."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from threading import RLock
from typing import TYPE_CHECKING, Any

from shared import config, trust
from shared.azure.ambient import RandomIds, SystemClock, collect_seldom, give_memory_back
from shared.azure.make import make_identity, make_secrets, make_tables, make_telemetry
from shared.azure.sealed import Sealer, digest_key
from shared.azure.shares import Shares
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.identity import Digester
from shared.domain.records import Kind, Side
from shared.domain.schedule import parse_rhythm
from shared.ports.calls_seen import Observed
from shared.ports.state import PartitionStore
from shared.ports.telemetry import Telemetry

_ENDINGS_EVERY = 3600.0

if TYPE_CHECKING:
    from shared.azure.budgets import SharedBudget
    from shared.azure.credential import ManagedIdentity
    from shared.azure.metered import MeteredJournal
    from shared.azure.runs import TableJournal
    from shared.azure.secrets import TableSecrets
    from shared.azure.vault import VaultSecrets
    from shared.connectors.surroundings import Surroundings
    from shared.desk import Desk, Follow
    from shared.manage.checks import SideStep
    from shared.manage.connections import Connections
    from shared.manage.expiry import Ending
    from shared.ports.connector import Connector
    from shared.ports.flow import FlowPartner
    from shared.ports.journal import StoredConnection
    from shared.state.lane import LaneStore
    from shared.sync.engine import Engine, SliceResult


@functools.cache
def application() -> Application:
    """The application of this process, from its environment. Nothing is called before it is used."""
    for library in ("azure", "msal", "urllib3"):  # they log whole requests, addresses and keys included
        logging.getLogger(library).setLevel(logging.WARNING)
    collect_seldom()
    give_memory_back()
    return Application(config.load(os.environ))


@dataclass(slots=True)
class Application:
    """Builds what a trigger needs, once, and hands it out."""

    settings: config.Settings
    clock: SystemClock = field(init=False)
    ids: RandomIds = field(init=False)
    _made: dict[object, object] = field(default_factory=dict)
    _endings_told: dict[str, float] = field(default_factory=dict)
    _making: RLock = field(default_factory=RLock)
    _shares: Shares = field(default_factory=Shares)

    def __post_init__(self) -> None:
        self.clock = SystemClock(self.settings.clock_file)
        self.ids = RandomIds()

    def _once[T](self, key: object, make: Callable[[], T]) -> T:
        with self._making:  # several calls at once make one of each
            if key not in self._made:
                self._made[key] = make()
        made: T = self._made[key]  # type: ignore[assignment]
        return made

    # -- telemetry -----------------------------------------------------------------------------------------------------

    @property
    def telemetry(self) -> Telemetry:
        return self._once("telemetry", lambda: make_telemetry(self.settings, self.ids, self._identity))

    # -- storage -------------------------------------------------------------------------------------------------------

    def store(self, name: str) -> PartitionStore:
        tables = self._once("tables", lambda: make_tables(self.settings, self.clock, self._identity))
        return self._once(("table", name), lambda: tables.store(name))

    def probe(self) -> None:
        """Reads one row. Raises Transient when the state tables do not answer."""
        self.store("connections").get("probe", "probe")

    def queue_depth(self, queue: str) -> int | None:
        """About how many messages lie there; None when there is no such queue. See `queue_depths.depth`."""
        from shared.azure.queue_depths import depth

        return depth(self.settings, self._identity, queue)

    # -- systems -------------------------------------------------------------------------------------------------------

    def title(self, system: str) -> str:
        return str(self._defaults(system).TITLE)

    def secret_settings(self, system: str) -> Sequence[str]:
        from shared.connectors.registry import CRM, settings_of

        return [spec.name for spec in settings_of(system or CRM) if spec.secret]

    def secret(self, name: str) -> str:
        return self.secrets.secret(name)

    def crm(self, connection: ConnectionConfig, *, oldest: float = inf, also: Sequence[str] = ()) -> Connector:
        """`also` are tables beside those that the maps name."""
        from shared.connectors.registry import CRM, build

        used = connection.kinds(Side.CRM)
        settings = {"tables": used, **connection.crm} if used else dict(connection.crm)
        if also:
            named = settings.get("tables", ())
            settings["tables"] = [*dict.fromkeys([*(named if isinstance(named, list | tuple) else ()), *also])]
        return build(CRM, settings, self._surroundings(connection, "crm", oldest))

    def partner(self, connection: ConnectionConfig, *, oldest: float = inf) -> Connector:
        from shared.connectors.registry import build

        return build(connection.system, connection.partner, self._surroundings(connection, "partner", oldest))

    def flow(self, connection: ConnectionConfig) -> FlowPartner | None:
        """The partner's side of flow steps; None for a system without them."""
        from shared.connectors.registry import build_flow
        from shared.domain.entity_file import parse_entity_map

        maps = [parse_entity_map(item) for item in connection.entities]
        kinds = [str(item.crm_kind) for item in maps if item.on and item.direction.into(Side.CRM)]
        around = self._surroundings(connection, "partner", inf)
        return build_flow(connection.system, connection.partner, around, connection=connection.id, kinds=kinds)

    def default_entities(self, system: str) -> Sequence[Mapping[str, object]]:
        found: Sequence[Mapping[str, object]] = self._defaults(system).default_entities()
        return found

    def default_rhythm(self, system: str) -> Mapping[str, object]:
        found: Mapping[str, object] = self._defaults(system).default_rhythm()
        return found

    def default_options(self, system: str) -> Mapping[str, object]:
        found: Mapping[str, object] = self._defaults(system).default_options()
        return found

    def rhythm_kinds(self, system: str) -> Sequence[str]:
        from shared.domain.schedule import KINDS

        found: Sequence[str] = getattr(self._defaults(system), "RHYTHMS", KINDS)
        return found

    def runs_on_request(self, connection: ConnectionConfig) -> bool:
        from shared.connectors.registry import runs_on_request

        return runs_on_request(connection.system, connection.partner)

    def enrolled_kinds(self, system: str) -> Sequence[str]:
        return tuple(getattr(self._defaults(system), "ENROLS", ()))

    def vendor_apps(self, connection: ConnectionConfig) -> Sequence[str]:
        words: Sequence[str] = getattr(self._defaults(connection.system), "VENDOR_APPS", ())
        crm: Any = self.crm(connection)  # beside the port: only Dynamics knows solutions
        found: Sequence[str] = crm.installed(words) if words else ()
        return found

    def _defaults(self, system: str) -> Any:
        from shared.connectors.registry import defaults_of

        return defaults_of(system)

    def _budget(self, system: str, settings: Mapping[str, object], account: str, lane_lease: float) -> SharedBudget:
        """The account's budget in this process. Its lease ends before the lane of a dead worker is taken over."""
        from shared.azure.budgets import LEASE_SECONDS, SharedBudget
        from shared.http.budget import Rate

        calls, seconds = self._defaults(system).LIMIT.share(settings)
        return SharedBudget(
            self.store("budgets"),
            account,
            Rate(calls, seconds),
            clock=self.clock,
            worker=self.ids.new_id(),
            lease_seconds=min(LEASE_SECONDS, lane_lease / 2),
        )

    def asking(self) -> AbstractContextManager[None]:
        """See `shared.azure.shares.Shares.asking`."""
        return self._shares.asking()

    def _surroundings(self, connection: ConnectionConfig, side: str, oldest: float) -> Surroundings:
        from shared.connectors.registry import CRM
        from shared.connectors.surroundings import Memo, Surroundings
        from shared.http.client import Runtime
        from shared.http.entra import TokenPool
        from shared.http.session import shared_session
        from shared.sync.options import parse_options

        system = CRM if side == "crm" else connection.system
        settings = getattr(connection, side)
        account = f"{system}|{settings.get('url', '')}"
        lease = parse_options(connection.options).lease_seconds

        def seen(call: Observed) -> None:
            self.telemetry.vendor_call(call, connection=connection.id)

        budget = self._once(("budget", account), lambda: self._budget(system, settings, account, lease))
        runtime = Runtime(session=shared_session(), clock=self.clock, jitter=self.ids.jitter, observers=(seen,))
        return Surroundings(
            runtime=runtime,
            budget=self._shares.using(budget),
            secrets=self.secrets,
            tokens=self._once("tokens", TokenPool),
            memo=self._once(("memo", account), lambda: Memo(self.clock.monotonic)).capped(oldest),
            trusted_hosts=self.settings.trusted_hosts,
            labels=connection.label_names() if side == "partner" else frozenset(),
            kinds=tuple(map(Kind, connection.kinds(Side(side)))),
        )

    # -- use cases -----------------------------------------------------------------------------------------------------

    @property
    def connections(self) -> Connections:
        from shared.azure.connections import TableConnections
        from shared.manage.connections import Connections

        return self._once(
            "connections",
            lambda: Connections(
                store=TableConnections(self.store("connections")), secrets=self.secrets, systems=self, ids=self.ids
            ),
        )

    @property
    def secrets(self) -> TableSecrets | VaultSecrets:
        return self._once(
            "secrets",
            lambda: make_secrets(self.settings, self.clock, self._identity, lambda: self.store("secrets")),
        )

    def _identity(self) -> ManagedIdentity:
        return self._once("identity", lambda: make_identity(self.settings))

    def check(self, connection_id: str) -> Iterator[SideStep]:
        from shared.manage.checks import check_connection

        return check_connection(self.connections.get(connection_id).config, self)

    # -- lanes ---------------------------------------------------------------------------------------------------------

    def lane(self, connection_id: str, shard: str = "main") -> LaneStore:
        from shared.state.lane import LaneStore
        from shared.state.model import LaneId

        return LaneStore(self.store("lanes"), LaneId(connection_id, shard), clock=self.clock, ids=self.ids)

    def forget(self, connection_id: str) -> None:
        trust.forget(self, connection_id)

    def leave_ground(self, connection_id: str) -> None:
        trust.leave_ground(self, connection_id)

    def journal(self, connection_id: str) -> TableJournal:
        """The runs of a connection, with its failures and conflicts; a conflict's values are sealed."""
        from shared.azure.conflicts import TableConflicts
        from shared.azure.failures import TableFailures
        from shared.azure.runs import Beside, TableJournal

        sealer = Sealer(self.settings.state_key, "conflict values")
        beside = Beside(
            failures=TableFailures(self.store("failures"), connection_id),
            conflicts=TableConflicts(self.store("conflicts"), connection_id),
            seal=lambda plain, place: sealer.seal(plain, bound=place),
        )
        return TableJournal(self.store("runs"), connection_id, self.clock, beside)

    def _metered(self, connection: ConnectionConfig) -> MeteredJournal:
        from shared.azure.metered import MeteredJournal

        journal = self.journal(connection.id)
        return MeteredJournal(
            journal,
            self.telemetry,
            connection=connection.id,
            system=connection.system,
            note=lambda run: trust.note_run(self, connection.id, run),
        )

    def engine(self, connection: ConnectionConfig, shard: str = "main", follow: Follow | None = None) -> Engine:
        from shared.desk import due_slot
        from shared.state.heartbeat import kept
        from shared.sync.compilations import Compilations
        from shared.sync.engine import Engine
        from shared.sync.options import parse_options

        def due(facts: Mapping[str, object], now: datetime) -> tuple[datetime, str]:
            return due_slot(connection, facts, now)

        defaults = self.default_options(connection.system)
        return Engine(
            connection=connection,
            crm=self.crm(connection),
            partner=self.partner(connection),
            lane=self.lane(connection.id, shard),
            clock=self.clock,
            ids=self.ids,
            digester=Digester(digest_key(self.settings.state_key)),
            journal=self._metered(connection),
            options=parse_options({"slice_seconds": self.settings.slice_seconds, **defaults, **connection.options}),
            due=due,
            round_up=parse_rhythm(connection.rhythm).round_up,
            answer=lambda outcomes: self.desk.answered(connection, outcomes, follow),
            still_on=lambda: self._is_on(connection.id),
            sealer=Sealer(self.settings.state_key, "match values of creates"),
            suppressed=trust.suppressions(self).all,
            keeping=kept,
            images=trust.images(self, connection.id).add,
            notices=trust.notices(self, connection.id),
            compilations=self._once("compilations", Compilations),
        )

    def _is_on(self, connection_id: str) -> bool:
        stored = self.connections.store.get(connection_id)
        return stored is not None and stored.config.switch is Switch.ON

    def run_lane(self, connection_id: str, shard: str, *, owner: str, follow: Follow) -> SliceResult:
        """One slice of a lane: long pieces of work first, which go on while the connection is off, then its run."""
        from shared.sync.engine import SliceResult

        stored = self.connections.store.get(connection_id)
        if stored is None:
            return SliceResult(ran=False)
        with self.asking():
            if trust.runner(self, stored.config).work(owner, self.settings.slice_seconds):
                return SliceResult(ran=True, more=True)
            if stored.config.switch is not Switch.ON:
                return SliceResult(ran=False)
            return self.engine(stored.config, shard, follow).run_slice(owner)

    @property
    def desk(self) -> Desk:
        from shared.desk import Desk

        return Desk(self)

    def each_connection(self) -> Sequence[StoredConnection]:
        """For work in the background: a connection that cannot be read is told in the log and stops nobody else."""
        found, problems = self.connections.store.readable()
        for problem in problems.values():
            logging.getLogger("dynasync.watch").error("%s: %s %s", problem.code, problem, problem.next_step)
        return found

    def due_lanes(self) -> list[dict[str, str]]:
        """The lanes that want a worker now: due, wanted, left by a worker that died, or set going by somebody."""
        from shared.manage import jobs
        from shared.manage.status import wants_worker
        from shared.manage.watch import tell_lane

        now = self.clock.now()
        due = []
        working = {job.connection for job in trust.jobs(self).open() if jobs.due(job, now)}
        for stored in self.each_connection():
            wanted = stored.config.id in working
            if stored.config.switch is Switch.ON:
                lane = self.lane(stored.config.id)
                view = lane.peek()
                tell_lane(self.telemetry, stored.config, view, now)
                wanted = wanted or wants_worker(view, now, lane.commands)
            if wanted:
                due.append({"connection": stored.config.id, "shard": "main"})
        return due

    def tell_endings(self) -> None:
        """Tells, once an hour, how long the secrets of each connection last; what ends soon is a warning in the log."""
        from shared.manage.watch import tell_ending

        now = self.clock.monotonic()
        for stored in self.each_connection():
            if now >= self._endings_told.get(stored.config.id, float("-inf")) + _ENDINGS_EVERY:
                self._endings_told[stored.config.id] = now
                for ending in self.endings(stored.config):
                    tell_ending(self.telemetry, ending, self.clock.now())

    def endings(self, connection: ConnectionConfig) -> Iterator[Ending]:
        """When the connection's secrets and certificates end, as far as it is known."""
        from shared.http.certificates import certificate_end
        from shared.manage.expiry import endings

        return endings(connection, self.secret_settings, self.secret, certificate_end)
