"""The use cases that look after people's data, over a scenario's world: erasure, clean-up, taking a run back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from shared.azure.care import TableJobs, TableSuppressions
from shared.azure.images import TableImages
from shared.domain.connection import Switch
from shared.domain.records import RemoteId, Side
from shared.manage import erase, purge, revert
from shared.manage.erase import Erase, Erasures
from shared.manage.jobs import JobRunner
from shared.manage.purge import Purge
from shared.manage.revert import Revert
from shared.ports.care import Job
from shared.sync.ground import same_ground
from tests.fakes.partition_store import MemoryPartitionStore
from tests.scenarios.world import World


class Care:
    """Looks after a world; `forgotten` are the links whose journals were to be forgotten."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.jobs = TableJobs(MemoryPartitionStore(world.clock))
        self.suppressions = TableSuppressions(MemoryPartitionStore(world.clock))
        self.forgotten: list[str] = []
        self.forgotten_people: set[RemoteId] = set()
        self.images = TableImages(
            MemoryPartitionStore(world.clock), world.name, lambda plain, place: plain, lambda sealed, place: sealed
        )
        world.engine = replace(world.engine, suppressed=self.suppressions.all, images=self.images.add)

    @property
    def requests(self) -> Erasures:
        return Erasures(
            jobs=self.jobs,
            suppressions=self.suppressions,
            digester=self.world.engine.digester,
            clock=self.world.clock,
            ids=self.world.ids,
            seal=lambda plain, place: plain[::-1],
        )

    @property
    def part(self) -> Erase:
        engine = self.world.engine
        return Erase(
            config=engine.connection,
            connectors={Side.CRM: engine.crm, Side.PARTNER: engine.partner},
            suppressions=self.suppressions,
            digester=engine.digester,
            clock=self.world.clock,
            unseal=lambda sealed, place: sealed[::-1],
            forget=self._forget,
            forget_people=self._forget_people,
        )

    @property
    def reverting(self) -> Revert:
        engine = self.world.engine
        return Revert(
            config=engine.connection,
            jobs=self.jobs,
            images=self.images,
            connectors={Side.CRM: engine.crm, Side.PARTNER: engine.partner},
            compiled=engine.compile,
            digester=engine.digester,
            clock=self.world.clock,
            ids=self.world.ids,
        )

    @property
    def purging(self) -> Purge:
        engine = self.world.engine
        return Purge(
            config=replace(engine.connection, switch=Switch.OFF),
            jobs=self.jobs,
            lane=self.world.lane,
            connectors={Side.CRM: engine.crm, Side.PARTNER: engine.partner},
            clock=self.world.clock,
            ids=self.world.ids,
        )

    def _forget(self, links: Sequence[str]) -> None:
        self.forgotten.extend(links)

    def _forget_people(self, ids: Collection[RemoteId]) -> int:
        self.forgotten_people.update(ids)
        return 0

    def work(self) -> None:
        steps = {
            erase.KIND: self.part.step,
            revert.KIND: self.reverting.step,
            purge.KIND: self.purging.step,
        }
        patient = frozenset({erase.KIND})
        engine = self.world.engine
        runner = JobRunner(
            jobs=self.jobs,
            lane=self.world.lane,
            clock=self.world.clock,
            steps=steps,
            ground=lambda: same_ground(engine.connection, {Side.CRM: engine.crm, Side.PARTNER: engine.partner}),
            patient=patient,
        )
        runner.work("carer", 60.0)

    def ended(self, job: Job) -> Job:
        self.work()
        found = self.jobs.get(job.id)
        assert found is not None
        return found

    def erase(self, email: str, *, dynamics: bool = False) -> Job:
        (job,) = self.requests.request(email, ["c1"], dynamics=dynamics, actor="me")
        return self.ended(job)

    def revert(self, run: str, *, created: bool = False) -> Job:
        return self.ended(self.reverting.start(run, created=created, actor="me"))

    def purge(self, *sides: Side) -> Job:
        return self.ended(self.purging.start(sides or Side, "Scenario", actor="me"))

    @property
    def last_run(self) -> str:
        """The run that ended last."""
        return str(self.world.view.facts["last_run"])
