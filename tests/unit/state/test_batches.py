"""Batches: the intent before the call, the results after it, and what a crash leaves of them."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from shared.domain.identity import Agreed
from shared.domain.records import Kind, Ref, RemoteId, Side
from shared.errors import Transient
from shared.ports.connector import Op, Outcome
from shared.state import Batch, BatchState, Entry, LaneChanges, Result
from tests.fakes.partition_store import Crash, Fault
from tests.unit.state.world import LANE, START, World, crm, digest, key, match, partner


def entry(number: int, fields: int = 4) -> Entry:
    return Entry(
        key=key(number),
        crm=crm(number),
        partner=partner(number) if number % 2 else None,
        op=Op.UPDATE if number % 2 else Op.CREATE,
        entity="contact",
        before={f"f{field}": digest(f"{number}{field}before") for field in range(fields)},
        intended={
            f"f{field}": Agreed(digest(f"{number}{field}"), digest(f"{number}{field % 2}")) for field in range(fields)
        },
        settled={"kept": Agreed(digest("same"), digest("same"))},
        match=match(number),
        add_labels=frozenset({"pushed", "lead"}),
        remove_labels=frozenset({"pulled"}),
        expect=f'W/"{number}"',
        incarnation=number % 3,
        facts={"rank": number, "at": START, "stamp": b"\x01"},
    )


def batch(name: str, numbers: range, fields: int = 4) -> Batch:
    return Batch(
        id=name,
        kind=Kind("contact"),
        side=Side.PARTNER,
        op=Op.UPDATE,
        entries=tuple(entry(number, fields) for number in numbers),
    )


def result(number: int, outcome: Outcome = Outcome.APPLIED) -> Result:
    return Result(
        key=key(number),
        outcome=outcome,
        ref=Ref(Kind("contact"), RemoteId(str(number))),
        revision="2030-01-01T00:00:00Z",
        code="X1",
        message="the value of *** is too long",
        field="field:7",
        ticket="t-9",
    )


def test_the_time_of_acceptance_comes_back() -> None:
    world = World()
    held = world.acquire()
    held.begin(batch("b1", range(2)))
    told = [
        replace(result(number, Outcome.ACCEPTED), message="", at=at) for number, at in enumerate((1_800_000_000, 0))
    ]
    held.finish({"b1": told})
    (found,) = world.take_over().batches()
    assert [found.results[one.key] for one in told] == told


def test_an_intent_comes_back_whole() -> None:
    world = World()
    held = world.acquire()
    intent = batch("b1", range(3))

    held.begin(intent)

    assert held.batches() == [intent]
    assert world.take_over().batches() == [intent]


def test_an_intent_is_one_transaction_and_so_are_its_results() -> None:
    world = World()
    held = world.acquire()
    before = world.store.usage.copy()
    held.begin(batch("b1", range(100)))
    assert world.store.usage.since(before).requests == 1
    held.finish({"b1": [result(number) for number in range(100)]})
    assert world.store.usage.since(before).requests == 2


def test_results_come_with_the_batch_and_settle_its_state() -> None:
    held = World().acquire()
    held.begin(batch("b1", range(2)))
    results = [result(0), result(1, Outcome.REJECTED)]

    held.finish({"b1": results})

    (found,) = held.batches()
    assert found.results == {key(0): results[0], key(1): results[1]}
    assert found.state is BatchState.DONE


def test_an_accepted_batch_waits_for_its_ticket_and_is_finished_again() -> None:
    held = World().acquire()
    held.begin(batch("b1", range(2)))
    held.finish({"b1": [result(0, Outcome.ACCEPTED), result(1, Outcome.ACCEPTED)]}, ticket="import-77")
    (found,) = held.batches()
    assert (found.state, found.ticket) == (BatchState.ACCEPTED, "import-77")

    held.finish({"b1": [result(0), result(1, Outcome.REJECTED)]}, ticket="import-77")

    (found,) = held.batches()
    assert (found.state, found.ticket, found.results[key(1)].outcome) == (
        BatchState.DONE,
        "import-77",
        Outcome.REJECTED,
    )


def test_batches_come_oldest_first_whatever_their_ids() -> None:
    held = World().acquire()
    for name in ("m", "z", "a"):
        held.begin(batch(name, range(1)))
    held.finish({"m": [result(0)]})
    assert [found.id for found in held.batches()] == ["m", "z", "a"]


def test_a_dropped_batch_leaves_nothing_behind() -> None:
    world = World()
    held = world.acquire()
    held.begin(batch("b1", range(2)))
    held.begin(batch("b2", range(2)))
    held.finish({"b1": [result(0)]})

    held.fold(LaneChanges(batches_dropped=["b1"]))

    assert [found.id for found in held.batches()] == ["b2"]
    new = world.take_over()
    new.fold(LaneChanges(batches_dropped=["b2", "b1", "never"]))
    assert [name for name in world.store.rows(LANE.partition) if name.startswith("b.")] == []


def test_a_large_batch_takes_several_cells_and_rows() -> None:
    world = World()
    held = world.acquire()
    large = batch("large", range(1000), fields=30)

    held.begin(large)
    held.finish({"large": [result(number) for number in range(1000)]})

    rows = world.store.rows(LANE.partition)
    parts = [row for name, row in rows.items() if name.startswith("b.large.i")]
    assert len(parts) > 1
    assert any("d5" in row.cells for row in parts)
    (found,) = held.batches()
    assert replace(found, results={}, state=BatchState.INTENT) == large
    assert len(found.results) == 1000
    held.fold(LaneChanges(batches_dropped=["large"]))
    assert held.batches() == []


def test_a_batch_over_several_transactions_exists_only_when_its_first_part_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The call must not be made before `begin` returned; a crash inside it leaves parts that are swept away."""
    monkeypatch.setattr("shared.state.series.MAX_SERIES_BYTES", 20_000)
    monkeypatch.setattr("shared.state.envelope.MAX_BODY_BYTES", 5_000)
    world = World()
    large = batch("large", range(60), fields=30)
    held = world.acquire()
    before = world.store.usage.copy()
    held.begin(large)
    commits = world.store.usage.since(before).commits
    assert commits > 3
    assert held.batches() == [large]
    for at in range(1, commits + 1):
        world = World()
        held = world.acquire()
        fault = {("transact", at + 1): Fault.CRASH_BEFORE}
        world.store.fault = lambda call, fault=fault: fault.get((call.method, call.of_method))  # type: ignore[misc]
        with pytest.raises(Crash):
            held.begin(large)
        world.store.fault = lambda _: Fault.NONE
        held = world.take_over()
        assert held.batches() == []
        held.fold(LaneChanges())
        assert [name for name in world.store.rows(LANE.partition) if name.startswith("b.")] == []


def test_beginning_again_after_a_transient_error_is_harmless() -> None:
    world = World()
    held = world.acquire()
    world.store.fault = lambda call: Fault.LATE if call.method == "transact" else Fault.BEFORE
    with pytest.raises(Transient):
        held.begin(batch("b1", range(2)))
    world.store.fault = lambda _: Fault.NONE
    held.begin(batch("b1", range(2)))
    assert held.batches() == [batch("b1", range(2))]


def noise(number: int) -> str:
    return random.Random(number).randbytes(8000).hex()


def test_results_that_would_not_fit_one_transaction_are_refused() -> None:
    """Results may be written again; over two transactions a crash could leave a mix of both."""
    held = World().acquire()
    held.begin(batch("b1", range(1)))
    with pytest.raises(ValueError, match="split"):
        held.finish({"b1": [replace(result(number), message=noise(number)) for number in range(500)]})
    assert held.batches() == [batch("b1", range(1))]


@pytest.mark.parametrize("name", ["", "B1", "a/b", "a.b", "x" * 65, "ada@example.com"])
def test_an_id_that_could_not_be_a_key_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="batch id"):
        World().acquire().begin(batch(name, range(1)))


def test_a_record_twice_in_a_batch_is_refused() -> None:
    twice = Batch(id="b", kind=Kind("contact"), side=Side.CRM, op=Op.UPDATE, entries=(entry(1), entry(1)))
    with pytest.raises(ValueError, match="twice"):
        World().acquire().begin(twice)
