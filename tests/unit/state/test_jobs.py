"""Long pieces of work and the list of the erased, in their tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from shared.azure.care import TableJobs, TableSuppressions
from shared.ports.care import Job
from shared.ports.state import Put, Row
from shared.state import envelope
from tests.fakes.clock import FakeClock
from tests.fakes.partition_store import MemoryPartitionStore

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


class Between(MemoryPartitionStore):
    """Somebody acts right after the next read of a row."""

    act: Callable[[], object] | None = None

    def get(self, partition: str, key: str) -> Row | None:
        row = super().get(partition, key)
        self._acted()
        return row

    def get_many(self, partition: str, keys: Iterable[str]) -> Mapping[str, Row]:
        found = dict(super().get_many(partition, (wanted := list(keys))[:1]))
        self._acted()
        return {**found, **super().get_many(partition, wanted[1:])}

    def _acted(self) -> None:
        act, self.act = self.act, None
        if act is not None:
            act()


def test_a_job_that_ends_while_it_is_looked_up_is_found() -> None:
    store = Between(FakeClock())
    jobs = TableJobs(store)
    job = Job(id="a1", kind="erase", connection="c1", group="g1", at=NOW)
    jobs.put(job)
    store.act = lambda: TableJobs(store).put(replace(job, state="done"))
    assert [found.id for found in jobs.of_group("g1")] == ["a1"]
    found = jobs.get("a1")
    assert found is not None
    assert found.state == "done"


def test_a_person_is_lifted_with_all_their_records_and_nobody_else() -> None:
    store = MemoryPartitionStore(FakeClock())
    people = TableSuppressions(store)
    people.add([b"ann"], at=NOW, person=b"ann")
    people.add([b"row of ann", b"contact of ann"], at=NOW, person=b"ann")
    people.add([b"bob", b"row of bob"], at=NOW, person=b"bob")
    store.transact("all", [Put(f"s-{b'old'.hex()}", envelope.to_cells(envelope.pack([NOW])))])  # of the first release
    assert people.lift(b"ann") == 3
    assert people.lift(b"ann") == 0
    assert people.all() == {b"bob", b"row of bob", b"old"}
    assert people.lift(b"old") == 1
