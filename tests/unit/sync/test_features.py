"""Clauses of the feature contract that the engine keeps, on memory systems."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.azure.budgets import SharedBudget
from shared.connectors.memory import KindDesign, MemoryConnector, RowState
from shared.domain.connection import Switch
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Option, Side
from shared.errors import Throttled
from shared.http.budget import Rate
from shared.ports.connector import CreateKey, Deletes, FeedKind
from shared.state.model import Command
from tests.fakes.clock import FakeClock
from tests.fakes.partition_store import MemoryPartitionStore
from tests.unit.sync.rig import (
    CONTACT,
    CRM_CAPABILITIES,
    ENTITY,
    MAIL,
    NAME,
    NOTE,
    PARTNER_CAPABILITIES,
    PERSON,
    PHONE,
    Rig,
    specs,
)
from tests.unit.sync.test_engine import ann, pair


def budget_of(clock: FakeClock, *, calls: int = 10) -> SharedBudget:
    return SharedBudget(MemoryPartitionStore(clock), "account", Rate(calls, 1.0), clock=clock, worker="w1")


def writes(rig: Rig) -> tuple[int, int]:
    """What the systems themselves saw us change."""
    return rig.commits["crm"], rig.commits["partner"]


# -- the global switch -------------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-03.1")
def test_the_first_run_after_switching_on_is_the_initial_one_and_there_is_only_one() -> None:
    rig = Rig()
    rig.crm.create(CONTACT, ann())
    rig.run(3)
    assert [row["mail"] for row in rig.people()] == ["ann0@example.org"]
    assert rig.journal.reasons == ["initial", "scheduled", "scheduled"]


@pytest.mark.feature("HUB-03.2")
@pytest.mark.feature("HUB-03.3")
def test_off_nothing_flows_and_requests_wait_and_on_again_catches_up() -> None:
    rig = Rig()
    ours, theirs = pair(rig)
    rig.turn(Switch.OFF)
    rig.crm.edit(ours, {NAME: "While off"})
    rig.partner.edit(theirs, {PHONE: "9"})
    rig.engine.enqueue(Command(key="look-1", op="look", side=Side.PARTNER, ref=theirs))
    before = writes(rig)
    rig.run(2)
    assert writes(rig) == before
    assert len(rig.lane.commands()) == 1
    rig.turn(Switch.ON)
    rig.run(2)
    assert rig.people()[0]["name"] == "While off"
    assert rig.people("crm")[0]["phone"] == "9"
    assert rig.lane.commands() == []


@pytest.mark.feature("HUB-03.4")
def test_an_expired_cursor_leads_to_a_compare_only_pass_that_confirms_what_it_did_not_meet() -> None:
    rig = Rig(entity={**ENTITY, "deletes": {"partner": "delete"}})
    kept = [rig.crm.create(CONTACT, ann(number)) for number in range(6)]
    rig.run(2)
    before = writes(rig)
    rig.crm.edit(kept[1], {NAME: "Edited meanwhile"})
    rig.crm.delete(kept[0])
    rig.clock.advance(timedelta(days=30).total_seconds())  # past the token's life: the delete is told to nobody
    rig.run(4)
    names = {row["mail"]: row["name"] for row in rig.people()}
    assert "ann0@example.org" not in names
    assert names["ann1@example.org"] == "Edited meanwhile"
    assert len(names) == 5
    assert writes(rig)[0] == before[0]
    assert rig.journal.reasons.count("initial") == 1


# -- merge, echo, identity ---------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-09.2")
def test_absent_cleared_and_empty_are_three_things_on_their_way_through() -> None:
    rig = Rig()
    ours, theirs = pair(rig)
    rig.crm.edit(ours, {PHONE: None})
    rig.run(2)
    assert rig.person(theirs)["phone"] is None
    assert rig.person(theirs)["name"] == "Ann 0"
    rig.crm_system.alter(CONTACT, NAME, readable=False)  # from now on the column is not told
    rig.engine.schemas.clear()
    rig.crm.edit(ours, {NOTE: "seen"})
    rig.run(3)
    assert rig.person(theirs)["name"] == "Ann 0"
    assert rig.person(theirs)["note"] == "seen"


@pytest.mark.feature("HUB-09.3")
def test_the_same_new_value_on_both_sides_is_no_conflict_and_no_write() -> None:
    rig = Rig()
    ours, theirs = pair(rig)
    before = writes(rig)
    rig.crm.edit(ours, {NAME: "Same"})
    rig.partner.edit(theirs, {NAME: "Same"})
    rig.run(3)
    assert rig.journal.entries == []
    assert writes(rig)[0] == before[0]
    assert rig.people()[0]["name"] == rig.people("crm")[0]["name"] == "Same"


@pytest.mark.feature("HUB-11.1")
@pytest.mark.feature("HUB-11.2")
def test_our_own_writes_come_back_and_are_known_by_their_value() -> None:
    rig = Rig()
    ours, theirs = pair(rig)
    rig.crm.edit(ours, {NAME: "One"})
    rig.partner.edit(theirs, {PHONE: "2"})
    rig.run(2)
    before = writes(rig)
    rig.run(3)
    assert writes(rig) == before


@pytest.mark.feature("HUB-11.3")
def test_a_value_that_flips_back_and_forth_parks_the_field_and_the_rest_goes_on() -> None:
    rig = Rig()
    ours, theirs = pair(rig)
    for _ in range(6):
        # A workflow on the partner's side puts its own value back each time ours arrives.
        rig.crm.edit(ours, {NAME: "forth"})
        rig.run(1)
        rig.partner.edit(theirs, {NAME: "back"})
        rig.run(1)
    parked = {outcome.field for outcome in rig.journal.outcomes if outcome.code == "failed:ping_pong"}
    assert parked == {"name"}
    before = writes(rig)
    rig.crm.edit(ours, {PHONE: "5"})
    rig.run(2)
    assert rig.person(theirs)["phone"] == "5"
    assert writes(rig)[1] > before[1]


@pytest.mark.feature("HUB-12.1")
@pytest.mark.feature("HUB-12.2")
@pytest.mark.feature("HUB-12.3")
def test_candidates_are_matched_by_mail_once_and_several_are_a_question() -> None:
    capabilities = replace(PARTNER_CAPABILITIES, create_key=CreateKey.NONE, asynchronous_create=False)
    rig = Rig(partner=capabilities)
    rig.partner.create(PERSON, {**ann(1), NAME: "First"})
    rig.partner.create(PERSON, {**ann(1), NAME: "Second"})
    rig.partner.create(PERSON, {**ann(2), NAME: "Only"})
    rig.crm.create(CONTACT, ann(1))
    rig.crm.create(CONTACT, ann(2))
    rig.run(3)
    assert "failed:ambiguous_match" in {outcome.code for outcome in rig.journal.outcomes}
    assert {row["name"] for row in rig.people()} == {"First", "Second", "Ann 2"}
    assert len(rig.people("crm")) == 2


@pytest.mark.feature("HUB-12.4")
def test_a_changed_and_a_swapped_mail_keep_their_links() -> None:
    rig = Rig(partner=replace(PARTNER_CAPABILITIES, create_key=CreateKey.NONE, asynchronous_create=False))
    one = rig.crm.create(CONTACT, ann(1))
    two = rig.crm.create(CONTACT, ann(2))
    rig.run(2)
    ids = {row["name"]: number for number, row in enumerate(rig.people())}
    rig.crm.edit(one, {MAIL: "ann2@example.org"})
    rig.crm.edit(two, {MAIL: "ann1@example.org"})
    rig.run(4)
    people = rig.people()
    assert len(people) == 2
    assert {row["name"]: row["mail"] for row in people} == {"Ann 1": "ann2@example.org", "Ann 2": "ann1@example.org"}
    assert {row["name"]: number for number, row in enumerate(people)} == ids


@pytest.mark.feature("HUB-12.5")
def test_a_merge_redirects_the_link_to_the_record_that_was_kept() -> None:
    rig = Rig(crm=replace(CRM_CAPABILITIES, tells_merges=True))
    ours, theirs = pair(rig)
    winner = rig.crm.create(CONTACT, {**ann(5), MAIL: None, NAME: "Kept"})
    rig.crm.merge(ours, winner)
    rig.crm.edit(winner, {MAIL: "ann0@example.org"})
    rig.run(4)
    assert len(rig.people()) == 1
    rig.crm.edit(winner, {NAME: "After the merge"})
    rig.run(2)
    assert rig.person(theirs)["name"] == "After the merge"


# -- deletes -----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-13.1")
def test_told_and_inferred_deletes_count_and_a_hidden_record_does_not() -> None:
    rig = Rig(entity={**ENTITY, "deletes": {"partner": "delete", "crm": "delete"}})
    rows = [rig.crm.create(CONTACT, ann(number)) for number in range(4)]
    rig.run(2)
    people = {str(row["mail"]): ref for ref, row in rig.refs(PERSON)}
    rig.crm.delete(rows[0])  # told by the delta feed
    rig.partner.delete(people["ann1@example.org"])  # the partner has no delete feed: only a walk misses it
    rig.partner.show(people["ann2@example.org"], RowState.HIDDEN)
    rig.clock.advance(timedelta(days=2).total_seconds())
    rig.run(4)
    assert {row["mail"] for row in rig.people("crm")} == {"ann2@example.org", "ann3@example.org"}


@pytest.mark.feature("HUB-13.3")
def test_an_edit_that_was_not_taken_over_yet_beats_the_delete() -> None:
    rig = Rig(
        entity={**ENTITY, "deletes": {"partner": "delete", "crm": "delete"}},
        partner=replace(PARTNER_CAPABILITIES, asynchronous_create=False),
    )
    ours, theirs = pair(rig)
    rig.crm.delete(ours)
    rig.partner.edit(theirs, {NAME: "Still wanted"})
    rig.run(4)
    assert [row["name"] for row in rig.people()] == ["Still wanted"]
    assert [row["name"] for row in rig.people("crm")] == ["Still wanted"]


@pytest.mark.feature("HUB-13.4")
def test_a_mass_delete_stops_the_connection_until_a_person_releases_it() -> None:
    rig = Rig(entity={**ENTITY, "deletes": {"partner": "delete"}}, page_size=200)
    rows = [rig.crm.create(CONTACT, ann(number)) for number in range(60)]
    rig.run(3)
    for row in rows[:40]:
        rig.crm.delete(row)
    rig.run(3)
    assert len(rig.people()) == 60
    facts = rig.lane.peek().facts
    assert facts["broken"] == "mass_delete"
    assert facts["broken_next"]
    rig.engine.enqueue(Command(key="release", op="release_guard"))
    rig.run(4)
    assert len(rig.people()) == 20


# -- ground, limits, lanes ---------------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-34")
def test_another_account_behind_the_same_address_stops_every_write() -> None:
    rig = Rig()
    pair(rig)
    rig.confirm()
    rig.crm.create(CONTACT, ann(3))
    rig.partner_system.account = "somebody-else"
    before = writes(rig)
    rig.run(2)
    assert writes(rig) == before
    assert rig.lane.peek().facts["broken"] == "changed_ground"


@pytest.mark.feature("HUB-17.1")
@pytest.mark.feature("HUB-17.3")
def test_a_budget_never_gives_more_than_its_rate_in_any_window_and_keeps_a_share_for_people() -> None:
    clock = FakeClock()
    budget = budget_of(clock, calls=100)
    given = []
    for _ in range(250):
        budget.acquire()
        given.append(clock.monotonic())
    worst = max(sum(1 for at in given if start <= at < start + 1.0) for start in given)
    assert 95 <= worst <= 97
    budget.acquire(interactive=True)
    assert clock.monotonic() == given[-1]


@pytest.mark.feature("HUB-17.2")
def test_a_server_that_says_wait_closes_the_budget_and_long_waits_are_given_back() -> None:
    clock = FakeClock()
    budget = budget_of(clock)
    budget.close_for(120.0)
    with pytest.raises(Throttled) as refused:
        budget.acquire()
    assert refused.value.retry_after == pytest.approx(120.0, abs=1)
    rig = Rig()
    rig.crm.create(CONTACT, ann())
    rig.partner_system.outage = Throttled("limit", retry_after=120.0, scope="account")
    result = rig.engine.run_slice("w1")
    assert not result.more
    assert result.not_before is not None
    assert result.not_before >= rig.clock.now() + timedelta(seconds=119)


@pytest.mark.feature("HUB-35")
def test_a_request_is_served_before_a_long_back_fill_and_between_its_pages() -> None:
    rig = Rig(page_size=20, options={"slice_seconds": 10.0})
    for number in range(400):
        rig.crm.create(CONTACT, ann(number))
    rig.delay(0.5)  # each call takes half a second of driven time
    asked = rig.partner.create(PERSON, {**ann(9000), NAME: "Urgent"})
    rig.engine.run_slice("w1")
    began = rig.clock.monotonic()
    rig.engine.enqueue(Command(key="look-urgent", op="look", side=Side.PARTNER, ref=asked))
    while not any(row["mail"] == "ann9000@example.org" for row in rig.people("crm")):
        rig.engine.run_slice("w1")
        assert rig.clock.monotonic() - began < 60


@pytest.mark.feature("HUB-28")
def test_a_child_waits_for_its_parent_and_is_never_lost() -> None:
    rig = Rig.with_companies()
    firm = rig.crm.create(rig.COMPANY, {NAME: "Works"})
    rig.crm.create(CONTACT, {**ann(), rig.PARENT: firm})
    rig.run(4)
    [person] = rig.people()
    [company] = rig.refs(rig.PARTNER_COMPANY)
    assert person["company"] == company[0]


@pytest.mark.feature("HUB-28")
@pytest.mark.parametrize("named", [True, False])
def test_parents_that_a_map_names_come_first_however_the_systems_order_their_kinds(named: bool) -> None:
    rig = Rig.with_companies()
    for system in (rig.crm_system, rig.partner_system):
        system.designs = dict(reversed(system.designs.items()))
    rig.engine = replace(
        rig.engine,
        connection=replace(
            rig.config,
            entities=tuple(item if named else {**item, "parents": []} for item in rig.config.entities),
        ),
        crm=MemoryConnector(rig.crm_system),
        partner=MemoryConnector(rig.partner_system),
    )
    firm = rig.crm.create(rig.COMPANY, {NAME: "Works"})
    rig.crm.create(CONTACT, {**ann(), rig.PARENT: firm})
    rig.run(3)
    assert [person["company"] for person in rig.people()] == [ref for ref, _ in rig.refs(rig.PARTNER_COMPANY)]
    # A child that comes first is made without its parent, and written again once that is there.
    assert ("updated" in {outcome.code for outcome in rig.journal.outcomes}) is not named


@pytest.mark.feature("HUB-12.6")
def test_a_lead_that_becomes_a_contact_hands_its_partner_record_over() -> None:
    lead = {**ENTITY, "name": "lead", "crm_kind": "lead", "rank": 1}
    design = KindDesign(kind=Kind("lead"), fields=specs(), capabilities=CRM_CAPABILITIES)
    rig = Rig(
        entity={**ENTITY, "rank": 2},
        entities=(lead,),
        designs=([design], ()),
        partner=replace(PARTNER_CAPABILITIES, asynchronous_create=False),
    )
    rig.crm.create(Kind("lead"), ann())
    rig.run(2)
    [(person, _)] = rig.refs(PERSON)
    contact = rig.crm.create(CONTACT, {**ann(), NAME: "Qualified"})
    rig.run(3)
    assert [(ref, row["name"]) for ref, row in rig.refs(PERSON)] == [(person, "Qualified")]
    rig.partner.edit(person, {PHONE: "77"})
    rig.run(2)
    row = rig.crm_system.row(contact)
    assert row is not None
    assert row.fields[PHONE] == "77"


@pytest.mark.feature("HUB-13.2")
def test_each_entity_and_direction_says_what_a_delete_does() -> None:
    state = FieldName("state")
    more = [FieldSpec(name=state, type=FieldType.CHOICE, options=(Option("0", "Active"), Option("1", "Inactive")))]
    crm = replace(CRM_CAPABILITIES, deactivate={state: "1"})
    rig = Rig(
        entity={**ENTITY, "deletes": {"partner": "ignore", "crm": "deactivate"}},
        crm=crm,
        partner=replace(PARTNER_CAPABILITIES, deletes=Deletes.TOLD, feed=FeedKind.DELTA, asynchronous_create=False),
        fields=more,
    )
    one = rig.crm.create(CONTACT, {**ann(1), state: "0"})
    two = rig.crm.create(CONTACT, {**ann(2), state: "0"})
    rig.run(2)
    people = {str(row["mail"]): ref for ref, row in rig.refs(PERSON)}
    rig.crm.delete(one)
    rig.partner.delete(people["ann2@example.org"])
    rig.run(3)
    assert [row["mail"] for _, row in rig.refs(PERSON)] == ["ann1@example.org"]
    row = rig.crm_system.row(two)
    assert row is not None
    assert row.fields[state] == "1"
