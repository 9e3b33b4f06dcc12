"""The erasure use case over a scenario's world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.azure.care import TableJobs, TableSuppressions
from shared.domain.records import Side
from shared.manage import erase
from shared.manage.erase import Erase, Erasures
from shared.manage.jobs import JobRunner
from shared.ports.care import Job
from tests.fakes.partition_store import MemoryPartitionStore
from tests.scenarios.world import World


class Care:
    """Erases people from a world; `forgotten` are the links whose journals were to be forgotten."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.jobs = TableJobs(MemoryPartitionStore(world.clock))
        self.suppressions = TableSuppressions(MemoryPartitionStore(world.clock))
        self.forgotten: list[str] = []
        world.engine = replace(world.engine, suppressed=self.suppressions.all)

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
        )

    def _forget(self, links: Sequence[str]) -> None:
        self.forgotten.extend(links)

    def work(self) -> None:
        part = self.part
        runner = JobRunner(jobs=self.jobs, lane=self.world.lane, clock=self.world.clock, steps={erase.KIND: part.step})
        runner.work("eraser", 60.0)

    def erase(self, email: str, *, dynamics: bool = False) -> Job:
        (job,) = self.requests.request(email, ["c1"], dynamics=dynamics, actor="me")
        self.work()
        found = self.jobs.get(job.id)
        assert found is not None
        return found
