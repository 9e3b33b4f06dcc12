"""Runs that are taken back and connections that are cleaned up, judged by the systems' own write logs."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import Any

import pytest

from shared.connectors.activecampaign.defaults import default_entities
from shared.domain.records import RemoteId, Side
from tests.fakes.partition_store import Crash
from tests.scenarios.care import Care
from tests.scenarios.conftest import Make
from tests.scenarios.world import PULLED_PAIR, TITLE, World, entities


def deleted(world: World, system: str) -> set[str]:
    """The records we deleted since the mark, by the system's write log."""
    return {str(write["id"]) for write in world.ours(system) if write["op"] == "delete"}


def loaded(world: World, rows: int = 4) -> tuple[Care, list[str], str]:
    """A first load: so many rows, the first of which meets a person who was there. Answers rows and the load's run."""
    care = Care(world)
    world.person(0)
    ids = [world.row(number) for number in range(rows)]
    world.run()
    run = care.last_run
    world.run()
    world.mark()
    return care, ids, run


@pytest.mark.feature("HUB-16.2", system="activecampaign")
def test_what_a_run_created_is_removed_when_asked_for_and_nothing_else(make: Make) -> None:
    world = make()
    care, rows, run = loaded(world)
    assert care.reverting.preview(run)["created"] == 3
    assert care.revert(run).counts.get("removed", 0) == 0
    assert deleted(world, "activecampaign") == set()
    people = {number: str(world.person_with(f"ann{number}@example.org")["id"]) for number in range(4)}
    world.edit_person(people[2], firstName="Mine")
    job = care.revert(run, created=True)
    assert (job.state, job.counts["removed"], job.counts["left.touched"]) == ("done", 2, 1)
    assert deleted(world, "activecampaign") == {people[1], people[3]}
    assert {str(person["id"]) for person in world.people()} == {people[0], people[2]}
    world.run(27)
    world.edit_row(rows[1], firstname="Anna")
    world.run(2)
    assert {str(person["id"]) for person in world.people()} == {people[0], people[2]}
    world.command("initial")
    world.run(2)
    assert {str(person["email"]) for person in world.people()} == {f"ann{number}@example.org" for number in range(4)}
    assert len(world.rows()) == 4


@pytest.mark.feature("HUB-16.2", system="activecampaign")
def test_a_row_that_a_run_made_in_dynamics_goes_under_its_version_and_stays_away(make: Make) -> None:
    world = make()
    care = Care(world)
    world.run()
    people = [world.person(number, tags=PULLED_PAIR) for number in range(2)]
    world.run()
    run = care.last_run
    made = {str(row["emailaddress1"]): str(row["contactid"]) for row in world.rows()}
    assert len(made) == 2
    world.mark()
    kept = made["ann1@example.org"]

    def edits(real: Any, writes: Any) -> Any:
        if writes[0].ref.id == kept:
            world.edit_row(kept, firstname="Just now")
        return real(writes)

    world.on_crm.twists["write"] = edits
    job = care.revert(run, created=True)
    world.on_crm.twists.clear()
    assert (job.counts["removed"], job.counts["left.touched"]) == (1, 1)
    assert deleted(world, "dataverse") == {made["ann0@example.org"]}
    assert job.problems == (f"touched:crm:contact:{kept}:",)
    world.run(27)
    world.edit_person(people[0], firstName="Anna")
    world.run(27)
    assert [str(row["contactid"]) for row in world.rows()] == [kept]
    assert len(world.people()) == 2


@pytest.mark.feature("HUB-16.3", system="activecampaign")
def test_what_cannot_be_taken_back_is_counted_before_anything_is_asked(make: Make) -> None:
    world = make(entities(deletes={"partner": "delete"}))
    care, rows, _ = loaded(world)
    world.delete_row(rows[3])
    world.edit_row(rows[1], firstname="Anna")
    world.run()
    assert care.reverting.preview(care.last_run) == {"fields": 0, "unknown": 1, "created": 0, "deleted": 1}
    job = care.revert(care.last_run)
    assert (job.counts, job.state) == ({"left.unknown": 1}, "done")
    assert world.person_with("ann1@example.org")["firstName"] == "Anna"


@pytest.mark.feature("HUB-16.1", system="activecampaign")
def test_a_write_of_a_worker_that_died_is_in_the_list_of_its_run(make: Make) -> None:
    world = make()
    care, rows, _ = loaded(world)
    world.edit_row(rows[1], firstname="Anna")
    fresh = world.row(9)

    def dies(real: Any, writes: Any) -> Any:
        real(writes)
        raise Crash

    for _ in range(2):  # one batch of updates, one of creates
        world.on_ac.twists["write"] = dies
        with pytest.raises(Crash):
            world.run()
        world.on_ac.twists.clear()
        world.advance(120)
    world.run()
    run = care.last_run
    assert world.person_with("ann1@example.org")["firstName"] == "Anna"
    assert world.link(fresh).partner is not None
    shown = care.reverting.preview(run)
    assert (shown["created"], shown["unknown"]) == (1, 1)
    job = care.revert(run, created=True)
    person = world.link(rows[1]).partner
    assert person is not None
    assert (job.counts["removed"], job.counts["left.unknown"]) == (1, 1)
    assert f"unknown:partner:contact:{person.id}:firstName" in job.problems


@pytest.mark.feature("HUB-16.1", system="activecampaign")
def test_a_value_put_back_does_not_flow_on_and_an_edit_of_it_does(make: Make) -> None:
    world = make(entities(TITLE), options={"journal": True})
    care = Care(world)
    row, person = world.pair(jobtitle="Buyer")
    world.edit_row(row, jobtitle="Wrong", lastname="Wrong")
    world.edit_person(person, firstName="Wrong")
    world.run()
    job = care.revert(care.last_run)
    assert job.counts == {"restored": 3}
    assert (world.get_row(row) or {})["firstname"] == "Ann"
    assert (world.get_person(person) or {})["fields"]["Company motto"] == "Buyer"
    world.mark()
    world.run(27)
    assert world.ours() == []
    world.edit_row(row, lastname="Right")
    world.run()
    assert (world.get_person(person) or {})["lastName"] == "Right"


@pytest.mark.feature("HUB-16.1", system="activecampaign")
@pytest.mark.parametrize("earlier", [True, False], ids=["in order", "out of order"])
def test_a_field_that_a_run_wrote_twice_gets_the_value_from_before_the_run(make: Make, *, earlier: bool) -> None:
    world = make(options={"journal": True})
    care = Care(world)
    row, person = world.pair()
    world.edit_row(row, firstname="Between")
    world.run()
    _, first = care.images.page(care.last_run)
    world.edit_row(row, firstname="Last")
    world.run()
    run = care.last_run
    place, _ = care.images.page(run)
    parts = {f"part {n}": blake2b(f"part {n}".encode(), digest_size=8).hexdigest() for n in range(100)}
    part = next(name for name, digest in parts.items() if (digest < place.split("-")[-2]) is earlier)
    care.images.add(run, part, first)  # as if both writes had been the same run's, in rows of either order
    assert (care.images.page(run)[0] != place) is earlier
    assert care.reverting.preview(run)["fields"] == 1
    world.mark()
    job = care.revert(run)
    assert (job.counts, job.problems) == ({"restored": 1}, ())
    assert (world.get_person(person) or {})["firstName"] == "Ann"
    assert len([write for write in world.ours("activecampaign") if write["kind"] == "contact"]) == 1


@pytest.mark.feature("HUB-20.2", system="activecampaign")
@pytest.mark.feature("HUB-20.3", system="activecampaign")
def test_a_clean_up_that_dies_goes_on_and_deletes_exactly_what_was_created(make: Make) -> None:
    world = make()
    care = Care(world)
    known = world.person(0)
    rows = [world.row(number) for number in range(60)]
    world.run(2)
    pulled = world.person(99, tags=PULLED_PAIR)
    world.run(2)
    ours = {str(w["id"]) for w in world.ours("activecampaign") if (w["op"], w["kind"]) == ("create", "contact")}
    (made,) = {str(row["contactid"]) for row in world.rows()} - set(rows)
    assert len(ours) == 59
    world.mark()
    job = care.purging.start(Side, "Scenario", actor="me")

    def dies(real: Any, writes: Any) -> Any:
        real(writes)
        raise Crash

    world.on_ac.twists["write"] = dies
    with pytest.raises(Crash):
        care.work()
    half = care.jobs.get(job.id)
    assert half is not None
    assert half.state == "open"
    assert 0 < len(deleted(world, "activecampaign")) < 59
    world.on_ac.twists.clear()
    world.advance(120)
    for _ in range(10):
        done = care.ended(job)
        if done.state != "open":
            break
        world.advance(60)
    assert (done.state, done.problems) == ("done", ())
    assert done.counts == {"partner.contact": 59, "crm.contact": 1}
    assert deleted(world, "activecampaign") == ours
    assert deleted(world, "dataverse") == {made}
    assert {str(person["id"]) for person in world.people()} == {known, pulled}
    assert {str(row["contactid"]) for row in world.rows()} == set(rows)


@pytest.mark.feature("HUB-20.2", system="activecampaign")
@pytest.mark.feature("HUB-16.2", system="activecampaign")
def test_a_clean_up_spares_who_was_typed_in_just_before_the_import_of_the_same_address(make: Make) -> None:
    world = make()
    care = Care(world)
    world.run()
    for number in range(60):
        world.row(number)
    typed: list[str] = []

    def types_in() -> None:
        typed.append(world.person(7))
        world.advance(1)

    world.on_ac.before("write", types_in)
    world.mark()
    world.run()
    run = care.last_run
    world.run()
    (known,) = typed
    made = {str(w["id"]) for w in world.ours("activecampaign") if (w["op"], w["kind"]) == ("create", "contact")}
    assert (len(made), known in made) == (59, False)
    assert {link.partner.id for link in world.links() if link.partner is not None} == {known, *made}
    assert care.purging.counts() == {"partner.contact": 59}
    world.mark()
    job = care.revert(run, created=True)
    assert (job.counts["removed"], known in deleted(world, "activecampaign")) == (59, False)
    assert care.purge().problems == ()
    assert deleted(world, "activecampaign") == made
    assert [str(person["id"]) for person in world.people()] == [known]


@pytest.mark.feature("HUB-20.2", system="activecampaign")
def test_a_clean_up_knows_its_own_also_when_the_worker_died_after_the_import_was_accepted(make: Make) -> None:
    world = make()
    care = Care(world)
    known = world.person(99)
    world.run()
    for number in range(60):
        world.row(number)
    stored = world.store.transact

    def dies(*args: Any) -> Any:
        found = stored(*args)
        if any(".r000" in str(getattr(one, "row_key", getattr(one, "key", ""))) for one in args[1]):
            raise Crash
        return found

    world.store.transact = dies  # type: ignore[method-assign]
    with pytest.raises(Crash):
        world.run()
    world.store.transact = stored  # type: ignore[method-assign]
    world.advance(120)
    world.run(2)
    made = {str(w["id"]) for w in world.ours("activecampaign") if (w["op"], w["kind"]) == ("create", "contact")}
    assert len(made) == 60
    world.mark()
    assert care.purge().counts == {"partner.contact": 60}
    assert deleted(world, "activecampaign") == made
    assert [str(person["id"]) for person in world.people()] == [known]


@pytest.mark.feature("HUB-20.2", system="activecampaign")
@pytest.mark.parametrize("typed", [True, False], ids=["typed in", "made"])
def test_a_create_whose_answer_was_lost_counts_as_made_only_when_nobody_was_there_before(
    make: Make, *, typed: bool
) -> None:
    world = make()
    care = Care(world)
    world.run()
    row = world.row(1)
    world.advance(5)

    told: list[str] = []

    def looks(real: Any, *args: Any) -> Any:
        found = real(*args)
        if typed and told == ["row"]:  # the last look before the write
            told.append(world.person(1))
            world.advance(1)
        return found

    def lost(real: Any, writes: Any) -> Any:
        real(writes)
        raise Crash

    world.on_ac.twists["write"] = lost
    world.on_ac.twists["changes"] = looks
    world.on_crm.before("changes", lambda: told.append("row"))
    with pytest.raises(Crash):
        world.run()
    world.on_ac.twists.clear()
    world.on_crm.twists.clear()
    world.advance(120)
    world.run(2)
    assert world.link(row).state.value == "linked"
    assert len(world.people()) == 1
    assert care.purging.counts() == ({} if typed else {"partner.contact": 1})


@pytest.mark.feature("HUB-20.2", system="activecampaign")
def test_a_clean_up_spares_the_row_that_our_row_was_merged_into(make: Make) -> None:
    world = make()
    care = Care(world)
    world.run()
    person = world.person(1, tags=PULLED_PAIR)
    world.run(2)
    (ours,) = [str(row["contactid"]) for row in world.rows()]
    assert care.purging.counts() == {"crm.contact": 1}
    theirs = world.row(77, emailaddress1=None)  # nobody over there is theirs
    world.crm.merge(RemoteId(ours), RemoteId(theirs))
    world.run(2)
    assert [link.crm.id for link in world.links() if link.partner is not None] == [theirs]
    world.mark()
    assert care.purge().counts == {}
    assert deleted(world, "dataverse") == set()
    assert world.get_row(theirs) is not None
    assert world.get_person(person) is not None


@pytest.mark.feature("HUB-34", system="activecampaign")
@pytest.mark.parametrize("side", Side)
def test_another_account_at_the_same_address_is_not_cleaned_up_nor_reverted_nor_erased_from(
    make: Make, side: Side
) -> None:
    world = make()
    care, _, run = loaded(world)
    known = world.engine.connection
    world.restart(**{f"{side.value}_identity": "another"})
    purged, reverted = care.purge(), care.revert(run, created=True)
    erased = care.erase("ann1@example.org", dynamics=True)
    assert [(job.state, job.problems) for job in (purged, reverted)] == [("stopped", ("changed_ground",))] * 2
    assert (erased.state, erased.spec["waiting"]) == ("open", "changed_ground")
    assert world.ours() == []
    world.restart(crm_identity=known.crm_identity, partner_identity=known.partner_identity)
    world.advance(16 * 60)
    done = care.ended(erased)  # the right one answers again
    assert (done.state, deleted(world, "activecampaign") != set()) == ("done", True)


@pytest.mark.feature("HUB-21.3", system="activecampaign")
def test_an_erasure_that_a_system_refused_is_no_certificate_and_points_at_nobody(make: Make) -> None:
    from shared.ports.connector import Outcome, WriteResult

    world = make()
    care = Care(world)
    row, person = world.pair()
    world.row(2, emailaddress1="ann1@example.org")

    def refuses(real: Any, writes: Any) -> Any:
        if len(writes) > 1:
            raise ValueError("too many writes in one call")
        if writes[0].ref.id != row:
            return real(writes)
        return [WriteResult(key=writes[0].key, outcome=Outcome.REJECTED, code="0x80040227")]

    kinds = world.engine.crm.capabilities.kinds
    small = {kind: replace(found, bulk_size=1) for kind, found in kinds.items()}
    world.engine = replace(world.engine, crm=_Small(world.engine.crm, small))  # type: ignore[arg-type]
    world.on_crm.twists["write"] = refuses
    job = care.erase("ann1@example.org", dynamics=True)
    assert (job.state, job.problems) == ("stopped", (f"0x80040227:crm:{row}",))
    assert world.get_person(person) is None
    assert [str(found["contactid"]) for found in world.rows()] == [row]
    assert job.sealed == b""
    assert not {"records", "keys", "person"} & job.spec.keys()
    world.on_crm.twists.clear()
    assert care.erase("ann1@example.org", dynamics=True).state == "done"  # asked for again once it may be deleted
    assert world.rows() == []


class _Small:
    """A connector that takes little in a call."""

    def __init__(self, real: Any, kinds: Any) -> None:
        self._real = real
        self.capabilities = replace(real.capabilities, kinds=kinds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@pytest.mark.feature("AC-12.1", system="activecampaign")
def test_a_clean_up_takes_the_activities_that_were_made_and_no_others(make: Make) -> None:
    activity = next(item for item in default_entities() if item["name"] == "activity")
    maps = [*entities(parents=[]), {**activity, "on": True, "parents": ["contact"]}]
    world = make(maps, crm_settings={"tables": ["contact", "task"]})
    care = Care(world)
    row, person = world.pair()
    world.crm.system.act("create", {"table": "task", "values": {"subject": "Somebody's own"}})
    for _ in range(3):
        world.ac.system.act("open", {"contact": person})
    world.run()
    tasks = world.crm.system.store["task"]  # type: ignore[attr-defined]
    assert len(list(tasks.rows())) == 4
    done = care.purge(Side.CRM)
    assert done.counts == {"crm.task": 3}
    assert [found["subject"] for found in tasks.rows()] == ["Somebody's own"]
    assert row in {str(found["contactid"]) for found in world.rows()}, "the contact was somebody's own"
