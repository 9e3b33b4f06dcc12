"""Scenarios D: deletes that were meant, deletes that were not, and merges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.domain.identity import LinkState
from shared.domain.records import RemoteId
from tests.fakes.partition_store import Crash
from tests.scenarios.conftest import Make
from tests.scenarios.world import PULLED_PAIR, World, entities

DAY = 86_400.0
BOTH = {"partner": "delete", "crm": "delete"}


def emails(world: World) -> list[str]:
    return sorted(str(row["email"]) for row in world.people())


def test_D01_a_row_deleted_in_dynamics_leaves_the_person_in_activecampaign(make: Make) -> None:
    """ActiveCampaign has nothing that makes a contact inactive, so `deactivate` does there what `ignore` does."""
    world = make(entities(deletes={"partner": "deactivate"}))
    row, person = world.pair()
    world.delete_row(row)
    world.run(2)
    assert world.get_person(person) is not None
    assert "skipped:delete_ignored" in world.codes()
    assert world.ours() == []


def test_D02_an_edit_beats_a_delete_and_the_record_is_made_again_once_under_a_new_id(make: Make) -> None:
    world = make(entities(deletes=BOTH))
    world.run()
    person = world.person(1, tags=PULLED_PAIR)
    world.run(2)
    (first,) = world.rows()
    world.edit_person(person, phone="+34 1")
    world.delete_row(first["contactid"])
    world.run(3)
    (made,) = world.rows()
    assert (made["telephone1"], made["emailaddress1"]) == ("+34 1", "ann1@example.org")
    assert made["contactid"] != first["contactid"]
    assert world.get_person(person) is not None


def test_D02_an_edited_person_without_the_pulled_tag_stays_and_makes_no_row(make: Make) -> None:
    """The vendor's tags decide who is made in Dynamics; the edit is not lost, it stays where it was made."""
    world = make(entities(deletes=BOTH))
    row, person = world.pair()
    world.edit_person(person, phone="+34 1")
    world.delete_row(row)
    world.run(3)
    assert world.get_person(person)["phone"] == "+34 1"  # type: ignore[index]
    assert world.rows() == []


def test_D03_a_row_deleted_between_our_read_and_our_write_is_not_made_again_by_the_update(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_person(person, phone="+34 1")
    world.on_crm.before("write", lambda: world.delete_row(row))
    world.run(3)
    assert world.get_row(row) is None
    assert world.rows() == []


def test_D04_a_side_that_answers_with_nothing_stops_the_pair_and_nothing_is_deleted(make: Make) -> None:
    world = make(entities(deletes=BOTH))
    for number in range(12):
        world.row(number)
    world.run(2)
    world.mark()
    empty = {"status": 200, "body": {"contacts": [], "meta": {"total": "0"}}}
    world.fault("activecampaign", empty, method="GET", path=r"/api/3/contacts\?")
    world.advance(DAY)
    world.run()
    assert world.broken() == "empty_side"
    assert world.ours() == []
    assert len(world.rows()) == 12


def test_D05_a_share_that_is_missing_from_a_complete_scan_stops_until_a_person_releases_it(make: Make) -> None:
    world = make(entities(deletes=BOTH))
    for number in range(100):
        world.row(number)
    world.run(2)
    for number in range(30):
        world.delete_person(str(world.person_with(f"ann{number}@example.org")["id"]))
    world.mark()
    world.advance(DAY)
    world.run()
    assert world.broken() == "mass_delete"
    assert "30 of 100" in str(world.view.facts["broken_message"])
    assert len(world.rows()) == 100
    world.command("release_guard")
    world.run(2)
    assert world.broken() == ""
    assert len(world.rows()) == 70


def test_D06_a_row_that_no_longer_meets_the_criteria_is_deleted_nowhere(make: Make) -> None:
    world = make(entities(deletes=BOTH, criteria={"all": [{"column": "jobtitle", "op": "ne", "value": "Former"}]}))
    row, person = world.pair(jobtitle="Buyer")
    world.edit_row(row, jobtitle="Former", firstname="Left")
    world.run(26)
    assert world.get_person(person)["firstName"] == "Ann"  # type: ignore[index]
    assert world.ours() == []
    assert "skipped:outside_criteria" in world.codes()


def test_D08_a_delete_of_a_row_that_was_never_linked_is_ignored(make: Make) -> None:
    world = make()
    world.pair()
    stranger = world.row(2)
    world.delete_row(stranger)
    world.run(2)
    assert world.ours() == []
    assert world.codes("failed") == []
    assert len(world.links()) == 1


def test_D09_a_row_deleted_and_restored_within_one_cycle_stays_linked(make: Make) -> None:
    world = make(entities(deletes=BOTH))
    row, person = world.pair()
    world.delete_row(row)
    world.restore_row(row)
    world.run(2)
    assert world.get_person(person) is not None
    assert len(world.people()) == len(world.rows()) == 1
    world.edit_row(row, firstname="Back")
    world.run()
    assert world.get_person(person)["firstName"] == "Back"  # type: ignore[index]


def test_D09_a_row_restored_a_run_later_meets_its_person_again(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.delete_row(row)
    world.run()
    world.restore_row(row)
    world.edit_row(row, firstname="Back")
    world.run(2)
    assert len(world.people()) == 1
    assert world.get_person(person)["firstName"] == "Back"  # type: ignore[index]


def test_D11_a_person_deleted_in_activecampaign_is_found_by_the_sweep_and_confirmed_by_one_read(make: Make) -> None:
    world = make(entities(deletes=BOTH))
    rows = [world.row(number) for number in range(3)]
    world.run(2)
    world.delete_person(str(world.person_with("ann1@example.org")["id"]))
    world.run(2)
    assert world.get_row(rows[1]) is not None  # no feed tells it
    reads: list[list[RemoteId]] = []

    def read(real: Callable[..., Any], kind: Any, ids: list[RemoteId], fields: Any) -> Any:
        reads.append(list(ids))
        return real(kind, ids, fields)

    world.on_ac.twists["read"] = read
    world.advance(DAY)
    world.run()
    assert world.get_row(rows[1]) is None
    assert len(world.rows()) == 2
    assert [len(ids) for ids in reads] == [1]


def test_D12_two_linked_rows_that_are_merged_leave_one_pair_and_a_note_about_the_other(make: Make) -> None:
    world = make()
    loser, lost = world.pair(1)
    winner, kept = world.pair(2)
    world.crm.merge(RemoteId(loser), RemoteId(winner))
    world.run(2)
    assert "conflicted:merged" in world.codes()
    assert world.link(loser).state is LinkState.TOMBSTONE
    assert world.link(winner).partner.id == kept  # type: ignore[union-attr]
    assert world.get_person(lost) is not None
    world.edit_row(winner, firstname="Winner")
    world.run()
    assert world.get_person(kept)["firstName"] == "Winner"  # type: ignore[index]


@pytest.mark.parametrize("answer", ["not_found", "destination"])
def test_D13_people_merged_in_activecampaign_end_one_pair_and_a_late_hint_for_the_loser_does_no_harm(
    make: Make, answer: str
) -> None:
    world = make(switches={"merged_source": answer})
    first, loser = world.pair(1)
    second, winner = world.pair(2)
    world.ac.merge(RemoteId(loser), RemoteId(winner))
    world.advance(DAY)
    world.run(3)
    world.edit_row(first, firstname="Late")
    world.run(2)
    assert world.get_person(winner)["firstName"] == "Ann"  # type: ignore[index]
    assert world.get_row(second) is not None
    assert world.get_row(first) is not None
    world.edit_person(winner, phone="+34 4")
    world.run(2)
    assert world.get_row(second)["telephone1"] == "+34 4"  # type: ignore[index]


def test_D14_a_chain_of_merges_ends_at_the_last_winner(make: Make) -> None:
    world = make()
    first, person = world.pair(1)
    second, third = world.row(2, emailaddress1=None), world.row(3, emailaddress1=None)
    world.crm.merge(RemoteId(first), RemoteId(second))
    world.crm.merge(RemoteId(second), RemoteId(third))
    world.edit_row(third, firstname="Third", emailaddress1="ann1@example.org")
    world.run(4)
    assert world.get_person(person)["firstName"] == "Third"  # type: ignore[index]
    assert len(world.people()) == 1


@pytest.mark.parametrize("import_from", [0, 1])  # one call each, and a bulk import
def test_D14_a_row_that_came_and_was_merged_into_between_two_looks_gets_the_former_ones_person(
    make: Make, import_from: int
) -> None:
    world = make(settings={"import_from": import_from})
    former, person = world.pair(1)
    kept = world.row(2)
    world.crm.merge(RemoteId(former), RemoteId(kept))
    world.run(3)
    assert [str(found["id"]) for found in world.people()] == [person]
    assert world.link(kept).partner.id == person  # type: ignore[union-attr]
    assert world.get_person(person)["email"] == "ann2@example.org"  # type: ignore[index]


def test_D15_a_merged_id_that_still_answers_with_the_winners_record_ends_no_other_pair(make: Make) -> None:
    world = make(entities(deletes=BOTH), switches={"merged_source": "destination"})
    first, loser = world.pair(1)
    second, winner = world.pair(2)
    world.ac.merge(RemoteId(loser), RemoteId(winner))
    world.advance(DAY)
    world.run(3)
    assert world.get_row(second) is not None
    assert world.link(second).partner.id == winner  # type: ignore[union-attr]
    assert world.link(first).state is not LinkState.LINKED or world.link(first).partner.id != winner  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("address", "code"), [("ann2@example.org", "skipped:outside_criteria"), (None, "failed:required_empty")]
)
def test_D16_a_merge_whose_winner_is_outside_the_criteria_pushes_and_deletes_nothing(
    make: Make, address: str | None, code: str
) -> None:
    world = make(entities(deletes=BOTH, criteria={"all": [{"column": "jobtitle", "op": "ne", "value": "Former"}]}))
    loser, person = world.pair(1, jobtitle="Buyer")
    winner = world.row(2, jobtitle="Former", emailaddress1=address, firstname="Outside")
    world.run()
    world.crm.merge(RemoteId(loser), RemoteId(winner))
    world.mark()
    world.run(2)
    assert world.get_person(person)["firstName"] == "Ann"  # type: ignore[index]
    assert world.ours() == []
    assert set(world.codes()) == {code}


def test_D17_a_lead_that_is_qualified_hands_its_person_to_the_contact(make: Make) -> None:
    world = make(entities(only=""))
    lead = world.row(1, "lead", subject="New")
    world.run(2)
    person = str(world.person_with("ann1@example.org")["id"])
    body = {"CreateAccount": False, "CreateContact": True, "CreateOpportunity": False, "Status": 3}
    world.crm.call("POST", f"leads({lead})/Microsoft.Dynamics.CRM.QualifyLead", body)
    world.run(3)
    assert emails(world) == ["ann1@example.org"]
    (contact,) = world.rows()
    assert world.link(contact["contactid"]).partner.id == person  # type: ignore[union-attr]
    world.edit_row(contact["contactid"], firstname="Qualified")
    world.run()
    found = world.get_person(person)
    assert found is not None
    assert found["firstName"] == "Qualified"
    assert sorted(found["tags"]) == ["D365: Contact", "D365: Pushed from Dynamics"]


def test_D18_a_new_person_with_the_address_of_a_deleted_one_gets_a_link_of_its_own(make: Make) -> None:
    world = make(entities(deletes=BOTH))
    row, person = world.pair()
    world.delete_row(row)
    world.run(2)
    assert world.people() == []
    again = world.row(1, firstname="New")
    world.run(2)
    (made,) = world.people()
    assert made["firstName"] == "New"
    assert str(made["id"]) != person
    assert world.link(again).state is LinkState.LINKED


def test_D19_an_update_of_a_person_who_is_gone_makes_no_second_one(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.delete_person(person)
    again = world.person(1)
    world.edit_row(row, firstname="Anna")
    world.run(3, pause=DAY)
    assert emails(world) == ["ann1@example.org"]
    assert str(world.people()[0]["id"]) == again


def test_D20_a_worker_that_dies_between_the_delete_and_the_end_of_the_link_finishes_quietly(make: Make) -> None:
    world = make(entities(deletes=BOTH))
    row, person = world.pair()
    world.delete_row(row)

    def dies(real: Callable[..., Any], writes: Any) -> Any:
        real(writes)
        raise Crash

    world.on_ac.twists["write"] = dies
    with pytest.raises(Crash):
        world.slice()
    world.on_ac.twists.clear()
    world.advance(120)
    world.run(2)
    assert world.get_person(person) is None
    assert world.link(row).state is LinkState.TOMBSTONE
    assert world.codes("failed") == []


def test_D07_a_row_that_may_no_longer_be_read_is_hidden_and_not_deleted(make: Make) -> None:
    from shared.domain.records import Gone, GoneReason, Kind, Record, Ref

    world = make(entities(deletes=BOTH))
    row, person = world.pair()
    hidden = Ref(Kind("contact"), RemoteId(row))

    def walk(real: Callable[..., Any], kind: Any, cursor: Any, fields: Any) -> Any:
        from dataclasses import replace

        page = real(kind, cursor, fields)
        return replace(page, items=[item for item in page.items if not isinstance(item, Record) or item.ref != hidden])

    def read(real: Callable[..., Any], kind: Any, ids: Any, fields: Any) -> Any:
        return {row_id: Gone(hidden, GoneReason.HIDDEN) for row_id in ids}

    world.on_crm.twists.update(changes=walk, read=read)
    world.crm.expire_cursors()
    world.run(2)
    assert world.get_person(person) is not None
    assert world.link(row).state is LinkState.LINKED
