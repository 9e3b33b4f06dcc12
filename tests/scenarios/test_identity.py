"""Scenarios N: who is who."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.domain.identity import LinkState
from shared.domain.records import Kind, Ref, RemoteId
from tests.scenarios.conftest import Make
from tests.scenarios.test_conflicts import STANDING
from tests.scenarios.world import PULLED_PAIR, World, entities


def emails(world: World) -> list[str]:
    return sorted(str(row["email"]) for row in world.people())


def creates(world: World, system: str) -> int:
    kind = "contact"
    return sum(1 for write in world.writes(system, kind) if write["op"] == "create")


def test_N01_a_create_whose_answer_was_lost_is_adopted_in_activecampaign(make: Make) -> None:
    for import_from in (0, 1):  # one call each, and a bulk import
        world = make(settings={"import_from": import_from})
        world.row(1)
        world.fault(
            "activecampaign", "drop_after", method="POST", times=1, path="/api/3/(contacts|contact/sync|import)"
        )
        world.run(3)
        assert emails(world) == ["ann1@example.org"]
        assert [link.state for link in world.links()] == [LinkState.LINKED]


def test_N01_a_create_whose_answer_was_lost_is_adopted_in_dynamics(make: Make) -> None:
    world = make()
    world.run()
    person = world.person(1, tags=PULLED_PAIR)
    world.fault("dataverse", "drop_after", method="POST", times=1, path="CreateMultiple|batch")
    world.run(3)
    (row,) = world.rows()
    assert world.link(row["contactid"]).partner.id == person  # type: ignore[union-attr]


def test_N02_an_edit_of_a_record_whose_creation_got_no_answer_is_kept(make: Make) -> None:
    world = make()
    world.run()
    person = world.person(1, tags=PULLED_PAIR)

    def lost(real: Callable[..., Any], writes: Any) -> Any:
        from shared.ports.connector import Outcome, WriteResult

        (write,) = writes
        real(writes)
        world.edit_row(write.ref.id, firstname="Typed at once")
        world.on_crm.twists.clear()
        return [WriteResult(key=write.key, outcome=Outcome.UNKNOWN)]

    world.on_crm.twists["write"] = lost
    world.run(3)
    (row,) = world.rows()
    assert row["firstname"] == "Typed at once"
    assert world.get_person(person)["firstName"] == "Typed at once"  # type: ignore[index]


def test_N03_a_person_new_on_both_sides_at_once_is_one_pair(make: Make) -> None:
    world = make()
    world.run()
    row = world.row(1)
    person = world.person(1, tags=PULLED_PAIR)
    world.run(3)
    assert len(world.rows()) == len(world.people()) == 1
    assert world.link(row).partner.id == person  # type: ignore[union-attr]


def test_N04_two_rows_with_the_address_of_one_person_are_a_question_and_no_write(make: Make) -> None:
    world = make()
    world.run()
    world.person(1, tags=PULLED_PAIR)
    world.crm.system.act("create", {"table": "lead", "values": {"subject": "x", "lastname": "Lee"}})
    rows = [world.row(1), world.row(1, firstname="Other")]
    world.mark()
    world.run(2)
    linked = [link for link in world.links() if link.state is LinkState.LINKED]
    assert len(linked) <= 1
    assert creates(world, "dataverse") == creates(world, "activecampaign") == 0
    assert [code for code in world.codes() if "duplicate_match" in code or "ambiguous" in code]
    assert len(rows) == len(world.rows())


def test_N05_a_changed_address_keeps_the_same_contact_and_its_unsubscription(make: Make) -> None:
    world = make(entities(STANDING))
    world.ac.system.seed({"lists": ["News"]})
    row, person = world.pair()
    world.ac.system.act("subscribe", {"contact": person, "list": "News"})
    world.ac.system.act("unsubscribe", {"contact": person, "list": "all"})
    world.run()
    world.mark()
    world.edit_row(row, emailaddress1="anna.new@example.org")
    world.run(2)
    found = world.get_person(person)
    assert found is not None
    assert found["email"] == "anna.new@example.org"
    assert emails(world) == ["anna.new@example.org"]
    assert [str(status) for status in found["lists"].values()] == ["2"]
    assert creates(world, "activecampaign") == 0


def test_N06_an_address_that_another_linked_person_has_is_a_conflict_and_is_not_written(make: Make) -> None:
    world = make()
    first, one = world.pair(1)
    second, two = world.pair(2)
    world.edit_row(first, emailaddress1="ann2@example.org")
    world.run(2)
    assert emails(world) == ["ann1@example.org", "ann2@example.org"]
    assert world.get_person(one)["email"] == "ann1@example.org"  # type: ignore[index]
    assert world.link(second).partner.id == two  # type: ignore[union-attr]
    assert world.codes("failed") + world.codes("conflicted")


def test_N07_two_people_who_swap_their_addresses_are_right_at_rest_or_parked_with_a_reason(make: Make) -> None:
    world = make()
    first, one = world.pair(1)
    second, two = world.pair(2)
    world.edit_row(first, emailaddress1="ann2@example.org")
    world.edit_row(second, emailaddress1="ann1@example.org")
    world.run(3)
    links = {link.crm.id: link for link in world.links()}
    assert links[first].partner == Ref(Kind("contact"), RemoteId(one))
    assert links[second].partner == Ref(Kind("contact"), RemoteId(two))
    assert emails(world) == ["ann1@example.org", "ann2@example.org"]
    swapped = world.get_person(one)["email"] == "ann2@example.org"  # type: ignore[index]
    assert swapped or (links[first].parked and links[second].parked)


def test_N08_letter_case_makes_no_second_person(make: Make) -> None:
    world = make()
    world.person(1, email="Ann1@Example.org")
    world.row(1, emailaddress1="ann1@example.ORG")
    world.run(3)
    assert len(world.people()) == len(world.rows()) == 1
    assert [link.state for link in world.links()] == [LinkState.LINKED]


def test_N09_a_plus_address_is_another_person(make: Make) -> None:
    world = make()
    world.row(1, emailaddress1="ann@example.org")
    world.row(2, emailaddress1="ann+news@example.org")
    world.run(2)
    assert emails(world) == ["ann+news@example.org", "ann@example.org"]


def test_N10_a_row_without_an_address_is_parked_and_never_made(make: Make) -> None:
    world = make()
    world.row(1, emailaddress1=None)
    world.row(2, emailaddress1="   ")
    world.run(2)
    assert world.people() == []
    assert set(world.codes("failed")) == {"failed:no_match_value"}


def test_N11_a_shared_address_is_linked_with_nobody_by_guessing(make: Make) -> None:
    world = make()
    world.run()
    rows = [world.row(number, emailaddress1="info@example.org") for number in range(5)]
    world.run(3)
    linked = [link for link in world.links() if link.state is LinkState.LINKED]
    assert len(linked) <= 1
    assert len(world.people()) == len(linked)
    assert len(world.codes("conflicted")) >= len(rows) - 1


def test_N15_a_lead_and_a_contact_of_one_address_are_one_person_and_the_contact_is_the_link(make: Make) -> None:
    world = make(entities(only=""))
    lead = world.row(1, "lead", subject="New")
    contact = world.row(1)
    world.run(3)
    assert emails(world) == ["ann1@example.org"]
    states = {link.crm.id: link.state for link in world.links()}
    assert states[contact] is LinkState.LINKED
    assert states[lead] is LinkState.PARKED
    assert world.people()[0]["tags"] == ["D365: Contact", "D365: Pushed from Dynamics"]


def test_N16_a_reverse_entry_without_its_link_is_no_link_and_makes_no_new_record(make: Make) -> None:
    world = make()
    row, person = world.pair()
    held = world.lane.acquire("repair")
    assert held is not None
    from shared.state.model import LaneChanges

    held.fold(LaneChanges(links_removed=[world.link(row).key]))
    held.release()
    world.edit_row(row, firstname="Again")
    world.run(3)
    assert len(world.people()) == 1
    assert world.link(row).partner.id == person  # type: ignore[union-attr]


def test_N17_another_organisation_or_account_at_the_same_address_stops_before_anything_is_written(make: Make) -> None:
    world = make()
    row, person = world.pair()
    identities = world.crm.connector.identity(), world.ac.connector.identity()
    for confirmed in (("another", identities[1]), (identities[0], "another")):
        world.restart(crm_identity=confirmed[0], partner_identity=confirmed[1])
        world.edit_row(row, firstname="Copied")
        world.run()
        assert world.broken() == "changed_ground"
        world.command("resume")
        world.run()
    assert world.ours() == []
    assert world.get_person(person)["firstName"] == "Ann"  # type: ignore[index]


def test_N19_many_copies_of_one_person_make_one_link_and_a_bounded_run(make: Make) -> None:
    world = make()
    for number in range(100):
        world.row(number, emailaddress1="ann@example.org")
    world.run(2)
    assert emails(world) == ["ann@example.org"]
    states = [link.state for link in world.links()]
    assert states.count(LinkState.LINKED) == 1
    assert states.count(LinkState.PARKED) == 99
    before = world.calls("dataverse"), world.calls("activecampaign")
    world.run()
    assert world.calls("dataverse") - before[0] < 20
    assert world.calls("activecampaign") - before[1] < 20


def test_N12_ids_that_differ_only_in_case_are_two_partner_records() -> None:
    from shared.domain.identity import Link
    from shared.state.lane import LaneStore
    from shared.state.model import LaneChanges, LaneId
    from tests.fakes.clock import FakeClock
    from tests.fakes.ids import FakeIds
    from tests.fakes.partition_store import MemoryPartitionStore

    clock = FakeClock()
    lane = LaneStore(MemoryPartitionStore(clock), LaneId("c1"), clock=clock, ids=FakeIds())
    held = lane.acquire("w")
    assert held is not None
    refs = [Ref(Kind("event"), RemoteId(text)) for text in ("AAMkAD=", "AAMkad=")]
    rows = [Ref(Kind("appointment"), RemoteId(f"{number}")) for number in range(2)]
    held.fold(LaneChanges(links=[Link(crm=row, partner=ref, entity="e") for row, ref in zip(rows, refs, strict=True)]))
    assert len(set(held.by_partner(refs).values())) == 2
