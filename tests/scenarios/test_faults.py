"""Scenarios F: what networks, servers and workers do at the worst moment."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.identity import LinkState
from shared.domain.records import Side
from shared.errors import Throttled, Transient
from shared.ports.connector import Outcome, WriteResult
from shared.state.model import Command
from tests.fakes.partition_store import Crash
from tests.scenarios.conftest import Make
from tests.scenarios.world import PULLED_PAIR, SCORE, TITLE, World, entities
from tests.unit.sync.rig import MemoryJournal

BATCH = {"method": "POST", "path": "batch|CreateMultiple"}


def lose_answer(world: World, meanwhile: Callable[[], object] | None = None) -> None:
    """The next write to Dynamics is applied, its answer is not heard, and then somebody does something."""

    def lost(real: Callable[..., Any], writes: Any) -> Any:
        real(writes)
        world.on_crm.twists.pop("write")
        if meanwhile is not None:
            meanwhile()
        return [WriteResult(key=write.key, outcome=Outcome.UNKNOWN) for write in writes]

    world.on_crm.twists["write"] = lost


def test_F02_a_lost_answer_of_an_update_is_settled_by_reading_and_not_written_again(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_person(person, phone="+34 1")
    world.fault("dataverse", "drop_after", times=1, **BATCH)
    world.run(2)
    assert world.get_row(row)["telephone1"] == "+34 1"  # type: ignore[index]
    assert [write["op"] for write in world.ours("dataverse")] == ["update"]


def test_F03_a_field_cleared_after_the_lost_answer_stays_cleared(make: Make) -> None:
    world = make()
    row, person = world.pair(telephone1="+34 0")
    world.edit_person(person, phone="+34 1")
    lose_answer(world, lambda: world.edit_row(row, telephone1=None))
    world.run(3)
    assert world.get_row(row)["telephone1"] is None  # type: ignore[index]
    assert world.get_person(person)["phone"] == ""  # type: ignore[index]


def test_F03_put_back_to_the_very_value_before_counts_as_not_applied(make: Make) -> None:
    """Without a stamp column nobody can tell this from a write that never arrived; docs/explanation/guarantees.md says
    so. Both sides are equal in the end, and nothing is written more than once more."""
    world = make()
    row, person = world.pair(telephone1="+34 0")
    world.edit_person(person, phone="+34 1")
    lose_answer(world, lambda: world.edit_row(row, telephone1="+34 0"))
    world.run(3)
    assert world.get_row(row)["telephone1"] == world.get_person(person)["phone"] == "+34 1"  # type: ignore[index]
    assert [write["op"] for write in world.ours("dataverse")] == ["update", "update"]


def test_F03_put_back_at_its_source_while_another_field_was_typed_over_stays_put_back(make: Make) -> None:
    """The text that stands as it was to be says that it was carried, though another field of the same update is a
    user's by now: the old value at the source is an edit made since, and goes over."""
    world = make()
    row, person = world.pair(telephone1="+34 0", firstname="Ana")
    world.edit_person(person, phone="+34 1", firstName="Anna")

    def meanwhile() -> None:
        world.edit_row(row, firstname="Typed")
        world.edit_person(person, phone="+34 0")

    lose_answer(world, meanwhile)
    world.run(3)
    assert world.get_row(row)["telephone1"] == world.get_person(person)["phone"] == "+34 0"  # type: ignore[index]
    assert world.get_row(row)["firstname"] == world.get_person(person)["firstName"] == "Typed"  # type: ignore[index]


def test_F04_a_value_that_is_neither_the_old_nor_the_meant_one_is_never_written_over(make: Make) -> None:
    world = make()
    row, person = world.pair(telephone1="+34 0")
    world.edit_person(person, phone="+34 1")
    lose_answer(world, lambda: world.edit_row(row, telephone1="+34 typed"))
    world.run(3)
    assert world.get_row(row)["telephone1"] == "+34 typed"  # type: ignore[index]
    assert world.get_person(person)["phone"] == "+34 typed"  # type: ignore[index]


def test_F05_a_long_retry_after_goes_back_to_the_lane_instead_of_being_slept(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_row(row, firstname="Anna")
    body = '{"error":{"code":"0x80072322","message":"Number of requests exceeded the limit"}}'
    world.fault("dataverse", {"status": 429, "headers": {"Retry-After": "120"}, "body": body}, path="/api/data/")
    began, slept = world.clock.now(), sum(world.clock.slept)
    result = world.engine.run_slice("w1", 60.0)
    assert result.not_before is not None
    assert (result.not_before - began).total_seconds() >= 120
    assert sum(world.clock.slept) - slept <= 5
    calls = world.calls("dataverse")
    world.engine.run_slice("w2", 60.0)  # another worker, too early: nobody calls
    assert world.calls("dataverse") == calls
    world.heal()
    world.advance(130)
    world.run()
    assert world.get_person(person)["firstName"] == "Anna"  # type: ignore[index]


def test_F09_bad_records_of_a_batch_are_parked_with_their_code_and_the_others_agreed(make: Make) -> None:
    world = make()
    for number in range(28):
        world.row(number)
    world.row(28, emailaddress1="ann28@nodot")  # an address that only ActiveCampaign refuses
    world.row(29, emailaddress1="ann29@nodot")
    world.run(2)
    states = [link.state for link in world.links()]
    assert (states.count(LinkState.LINKED), states.count(LinkState.PARKED)) == (28, 2)
    assert len(world.people()) == 28
    assert set(world.codes("failed")) == {"failed:rejected"}


def test_F10_one_bad_row_of_a_bulk_write_is_found_and_the_others_are_written(make: Make) -> None:
    rule = {
        "table": "contact",
        "message": "No such people here",
        "column": "lastname",
        "when": "equals",
        "value": "Lee 7",
    }
    world = make(seeds={"rejections": [rule]})
    world.run()
    for number in range(100):
        world.person(number, tags=PULLED_PAIR)
    before = world.calls("dataverse")
    world.run()
    assert len(world.rows()) == 99
    assert [outcome.code for outcome in world.journal.outcomes].count("failed:rejected") == 1
    assert world.calls("dataverse") - before <= 25
    assert any("No such people here" in outcome.message for outcome in world.journal.outcomes)


def test_F12_an_answer_shorter_than_the_request_is_matched_by_key_and_the_rest_is_unknown(make: Make) -> None:
    world = make()
    world.run()
    for number in range(6):
        world.person(number, tags=PULLED_PAIR)

    def short(real: Callable[..., Any], writes: Any) -> Any:
        world.on_crm.twists.clear()
        return list(reversed(real(writes)))[:3]

    world.on_crm.twists["write"] = short
    world.run(2)
    assert len(world.rows()) == 6
    made = [write["id"] for write in world.ours("dataverse") if write["op"] == "create"]
    assert len(made) == len(set(made)) == 6
    assert {link.state for link in world.links()} == {LinkState.LINKED}


def test_F13_a_message_delivered_twice_at_once_is_worked_once(make: Make) -> None:
    world = make()
    row, _ = world.pair()
    world.edit_row(row, firstname="Anna")
    second: list[bool] = []
    world.on_crm.before("changes", lambda: second.append(world.slice("w2")))
    world.run()
    assert second == [False]
    assert [write["op"] for write in world.ours()] == ["update"]


def test_F14_a_worker_whose_lane_was_taken_over_writes_nothing_more(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_person(person, phone="+34 1")

    def asleep() -> None:
        world.advance(300)  # past its lease
        assert world.slice("w2")

    world.on_crm.before("changes", asleep)
    world.slice("w1")
    world.run(2)
    assert world.get_row(row)["telephone1"] == "+34 1"  # type: ignore[index]
    assert [write["op"] for write in world.ours("dataverse")] == ["update"]


def test_F16_a_record_that_is_always_refused_is_parked_and_the_others_go_on(make: Make) -> None:
    rule = {"table": "contact", "message": "No", "column": "lastname", "when": "equals", "value": "Lee 1"}
    world = make(seeds={"rejections": [rule]})
    world.run()
    world.person(1, tags=PULLED_PAIR)
    world.person(2, tags=PULLED_PAIR)
    world.run(10)
    assert [row["lastname"] for row in world.rows()] == ["Lee 2"]
    (parked,) = [link for link in world.links() if link.state is LinkState.PARKED]
    assert parked.tries >= 4
    assert parked.retry_at > world.clock.now().timestamp()
    tries = world.codes("failed:rejected")
    world.run(2)
    assert len(world.codes("failed:rejected")) == len(tries)  # next try: a day later


def test_F17_six_hours_without_dynamics_count_no_try_and_are_caught_up(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_person(person, phone="+34 1")
    world.fault("dataverse", {"status": 503, "body": "down"}, path="/api/data/")
    for _ in range(12):
        world.slice()
        world.heal_budgets()
        world.advance(1800)
    world.heal()
    world.run(2)
    assert world.get_row(row)["telephone1"] == "+34 1"  # type: ignore[index]
    assert all(link.tries == 0 for link in world.links())
    assert world.broken() == ""


@pytest.mark.parametrize("ahead", [600.0, -600.0])
def test_F18_a_workers_clock_ten_minutes_off_misses_nothing_and_repeats_nothing(make: Make, ahead: float) -> None:
    world = make()
    row, person = world.pair()
    world.clock.offset = ahead
    world.edit_person(person, phone="+34 1")
    world.edit_row(row, firstname="Anna")
    world.run(2)
    assert world.get_row(row)["telephone1"] == "+34 1"  # type: ignore[index]
    assert world.get_person(person)["firstName"] == "Anna"  # type: ignore[index]
    world.mark()
    world.run(3)
    assert world.ours() == []


def test_F22_a_link_to_the_next_page_that_dies_starts_again_without_losing_or_doubling(make: Make) -> None:
    world = make(crm_settings={"page_size": 10})
    for number in range(35):
        world.row(number)
    world.fault(
        "dataverse",
        {"status": 400, "body": '{"error":{"code":"0x80044352","message":"expired"}}'},
        path="skiptoken",
        nth=2,
    )
    world.run(3)
    assert len(world.people()) == 35
    assert len({write["id"] for write in world.writes("activecampaign", "contact") if write["op"] == "create"}) == 35


def test_F25_a_column_that_is_dropped_parks_its_field_only_and_heals_when_it_is_back(make: Make) -> None:
    world = make(entities(TITLE))
    row, person = world.pair(jobtitle="Buyer")
    field = world.ac.system.tenant.fields.find("title", "Company motto")
    assert field is not None
    world.ac.system.act("delete_field", {"field": field["id"]})
    world.restart()
    world.edit_row(row, jobtitle="Seller", firstname="Anna")
    world.run(2)
    assert world.broken() == ""
    assert world.get_person(person)["firstName"] == "Anna"  # type: ignore[index]


SCORE_COLUMN = "EntityDefinitions(LogicalName='contact')/Attributes"
NEW_SCORE = {
    "@odata.type": "Microsoft.Dynamics.CRM.DecimalAttributeMetadata",
    "SchemaName": "new_Score",
    "Precision": 2,
}


@pytest.mark.parametrize("seen_missing", [True, False])
@pytest.mark.parametrize("policy", ["owner_crm", "owner_partner"])
def test_F25_a_dynamics_column_that_comes_back_empty_is_filled_and_clears_nothing(
    make: Make, policy: str, *, seen_missing: bool
) -> None:
    """It was deleted and made again, as is done to change its type; whether a run came in between or not."""
    world = make(entities(SCORE, policies={"score": policy}))
    pairs = [world.pair(number, new_score=number) for number in range(1, 5)]
    world.crm.call("DELETE", f"{SCORE_COLUMN}(LogicalName='new_score')")
    if seen_missing:
        world.restart()
        world.run()
    world.crm.call("POST", SCORE_COLUMN, NEW_SCORE)
    world.restart()
    world.edit_person(pairs[0][1], firstName="Anna")
    world.run(2)
    for number, (row, person) in enumerate(pairs, 1):
        assert Decimal(world.get_person(person)["fields"]["Score"]) == number  # type: ignore[index]
        assert world.get_row(row)["new_score"] == number  # type: ignore[index]
    assert world.get_row(pairs[0][0])["firstname"] == "Anna"  # type: ignore[index]
    assert world.conflicts == []
    row, person = pairs[1]
    world.edit_row(row, new_score=None)
    world.run(2)
    assert not world.get_person(person)["fields"].get("Score"), "what a user clears afterwards is cleared"  # type: ignore[index]
    world.mark()
    world.run(2)
    assert world.ours() == []


@pytest.mark.parametrize("policy", ["owner_crm", "owner_partner"])
def test_F25_a_field_that_is_mapped_to_a_new_partner_field_fills_that_one(make: Make, policy: str) -> None:
    """The partner's field was deleted, another one was made, and the row of the map names that one now."""
    world = make(entities(TITLE, policies={"title": policy}))
    pairs = [world.pair(number, jobtitle=f"Buyer {number}") for number in range(1, 4)]
    field = world.ac.system.tenant.fields.find("title", "Company motto")
    assert field is not None
    world.ac.system.act("delete_field", {"field": field["id"]})
    world.restart()
    world.run()
    world.ac.system.seed({"fields": [{"title": "Position", "type": "text"}]})
    made = world.ac.system.tenant.fields.find("title", "Position")
    assert made is not None
    mapped = {**TITLE, "partner": f"field:{made['id']}"}
    world.restart(entities=tuple(entities(mapped, policies={"title": policy})))
    world.run(2)
    for number, (row, person) in enumerate(pairs, 1):
        assert world.get_row(row)["jobtitle"] == f"Buyer {number}"  # type: ignore[index]
        assert world.get_person(person)["fields"]["Position"] == f"Buyer {number}"  # type: ignore[index]
    assert world.conflicts == []


def test_F26_a_sign_in_page_instead_of_data_is_an_error_and_no_empty_list(make: Make) -> None:
    world = make(entities(deletes={"partner": "delete", "crm": "delete"}))
    for number in range(3):
        world.row(number)
    world.run(2)
    world.mark()
    world.fault("activecampaign", {"html": "<html><body>Please log in</body></html>"}, method="GET", path="/api/3/")
    world.advance(86_400)
    world.run()
    assert world.broken() == "html_answer"
    assert world.ours() == []
    assert len(world.rows()) == 3


def test_F27_an_answer_cut_off_in_the_middle_is_read_again_and_moves_no_cursor(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_row(row, firstname="Anna")
    world.edit_person(person, phone="+34 1")
    for system in ("dataverse", "activecampaign"):
        world.fault(system, "truncate", method="GET", times=3, path="contacts")
    world.run(2)
    assert world.get_person(person)["firstName"] == "Anna"  # type: ignore[index]
    assert world.get_row(row)["telephone1"] == "+34 1"  # type: ignore[index]


def test_F01_a_worker_killed_at_any_write_of_its_state_leaves_a_lane_that_goes_on(make: Make) -> None:
    """The full matrix is in the simulation's crash matrix, on the memory systems; this one is on the simulators."""
    from tests.fakes.partition_store import Call, Fault

    for number in range(1, 12, 2):
        world = make()
        row, person = world.pair()
        world.edit_row(row, firstname="Anna")
        world.edit_person(person, phone="+34 1")
        world.row(2)
        seen = [0]

        def dies(call: Call, seen: list[int] = seen, number: int = number) -> Fault:
            if call.method != "transact":
                return Fault.NONE
            seen[0] += 1
            return Fault.CRASH_AFTER if seen[0] == number else Fault.NONE

        world.store.fault = dies
        for _ in range(3):
            try:
                world.run()
            except Crash:
                world.advance(120)
        world.run(2)
        assert world.get_person(person)["firstName"] == "Anna"  # type: ignore[index]
        assert world.get_row(row)["telephone1"] == "+34 1"  # type: ignore[index]
        assert len(world.people()) == 2


@pytest.mark.parametrize("number", range(1, 13))
def test_F01_each_write_stands_once_in_the_list_of_its_run_wherever_the_worker_died(make: Make, number: int) -> None:
    from tests.fakes.partition_store import Call, Fault

    world = make()
    row, person = world.pair()
    world.edit_row(row, firstname="Anna")
    world.edit_person(person, phone="+34 1")
    world.row(2)
    calls = iter(range(1, 100))

    def dies(call: Call) -> Fault:
        return Fault.CRASH_AFTER if call.method == "transact" and next(calls) == number else Fault.NONE

    world.store.fault = dies
    with pytest.raises(Crash):
        world.run()
    world.advance(120)
    world.run(3)
    assert sorted(world.codes("created") + world.codes("updated")) == ["created", "updated", "updated"]
    assert sorted(write["op"] for write in world.ours() if write["op"] != "tag") == ["create", "update", "update"]


@pytest.mark.parametrize("told", [False, True])
def test_F01_a_write_that_was_told_before_its_worker_died_is_not_told_again(
    make: Make, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """The worker dies in the fold, before or after it told the journal."""
    world = make()
    row, person = world.pair()
    world.edit_person(person, phone="+34 1")
    real = MemoryJournal.tell

    def dies(*args: Any, **named: Any) -> None:
        monkeypatch.undo()
        if told:
            real(*args, **named)
        raise Crash

    monkeypatch.setattr(MemoryJournal, "tell", dies)
    with pytest.raises(Crash):
        world.run()
    world.advance(120)
    world.run(2)
    assert world.get_row(row)["telephone1"] == "+34 1"  # type: ignore[index]
    assert world.codes("updated") == ["updated"]


def test_F01_a_wait_in_the_middle_of_a_page_leaves_what_was_written_before_it_in_the_list(make: Make) -> None:
    world = make()
    row, person = world.pair()
    other, _ = world.pair(2)
    world.edit_person(person, phone="+34 1")
    world.edit_row(row, firstname="Anna")
    world.row(3)
    world.edit_row(other, firstname="Ben")
    waits = iter([True])

    def asked_to_wait(real: Callable[..., Any], writes: Any) -> Any:
        if next(waits, False):
            raise Throttled("not now", scope="activecampaign", retry_after=30.0)
        return real(writes)

    world.on_ac.twists["write"] = asked_to_wait
    world.run(3)
    assert sorted(world.codes("created") + world.codes("updated")) == ["created", *["updated"] * 3]
    assert sorted(write["op"] for write in world.ours() if write["op"] != "tag") == ["create", *["update"] * 3]


def test_F15_two_workers_woken_by_two_timers_start_one_run(make: Make) -> None:
    world = make()
    world.pair()
    world.keep_rhythm({"kind": "grid", "hours": 1})
    runs = len(world.journal.runs)
    started: list[bool] = []
    world.on_ac.before("changes", lambda: started.append(world.slice("w2")))
    world.run(pause=0)
    world.run(pause=0)  # the holder was told that it is wanted, and the slot has had its run
    assert started == [False]
    assert len(world.journal.runs) == runs + 1


def test_F16_a_command_for_a_record_that_is_not_there_ends_quietly(make: Make) -> None:
    from shared.domain.records import Kind, Ref, RemoteId

    world = make()
    world.pair()
    ghost = Ref(Kind("contact"), RemoteId("00000000-0000-4000-8000-000000000001"))
    world.engine.enqueue(Command(key="look-1", op="look", side=Side.CRM, ref=ghost))
    world.engine.enqueue(
        Command(key="look-2", op="look", side=Side.PARTNER, ref=Ref(Kind("contact"), RemoteId("9999")))
    )
    world.run(2)
    assert world.lane.commands() == []
    assert world.ours() == []


def test_F19_a_storm_of_refusals_by_the_state_tables_slows_the_work_and_loses_nothing(make: Make) -> None:
    from tests.fakes.partition_store import Call, Fault

    world = make()
    row, person = world.pair()
    world.edit_row(row, firstname="Anna")
    world.edit_person(person, phone="+34 1")

    def stormy(call: Call) -> Fault:
        if call.method != "transact":
            return Fault.NONE
        return (Fault.NONE, Fault.BEFORE, Fault.AFTER)[call.of_method % 3]

    world.store.fault = stormy
    for _ in range(12):
        try:
            world.slice()
        except Transient:
            world.advance(1)
        world.advance(120)
    world.store.fault = lambda call: Fault.NONE
    world.run(2)
    assert world.get_person(person)["firstName"] == "Anna"  # type: ignore[index]
    assert world.get_row(row)["telephone1"] == "+34 1"  # type: ignore[index]
    assert len(world.people()) == len(world.rows()) == 1
