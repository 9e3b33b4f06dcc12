"""Scenarios S: credentials, personal data, consent."""

from __future__ import annotations

import re
from typing import Any

import pytest

from shared.connectors.dynamics.settings import parse_settings
from shared.domain.identity import LinkState
from shared.errors import ConfigError
from tests.scenarios.care import Care
from tests.scenarios.conftest import Make
from tests.scenarios.test_conflicts import STANDING
from tests.scenarios.world import NOTES, PULLED_PAIR, TITLE, World, entities


def unsubscribed(world: World) -> str:
    """A linked person who left every list; answers the row."""
    world.ac.system.seed({"lists": ["News"]})
    row, person = world.pair(donotbulkemail=False)
    world.ac.system.act("subscribe", {"contact": person, "list": "News"})
    world.run()
    world.ac.system.act("unsubscribe", {"contact": person, "list": "all"})
    world.mark()
    return row


def subscriptions(world: World) -> list[dict[str, Any]]:
    """What we did to anybody's standing on a list."""
    return [write for write in world.ours("activecampaign") if "list" in write["kind"].lower() or "list" in write["op"]]


def test_S04_a_person_who_unsubscribed_stays_so_whatever_else_is_written(make: Make) -> None:
    world = make(entities(STANDING, TITLE))
    row = unsubscribed(world)
    for number in range(3):
        world.edit_row(row, firstname=f"Ann {number}", jobtitle=f"Title {number}", telephone1=str(number))
        world.run()
    world.edit_row(row, donotbulkemail=False)
    world.run(26)
    assert world.people()[0]["lists"] in ({"1": "2"}, {1: 2}, {"1": 2}, {"News": "2"}, {"News": 2})
    assert subscriptions(world) == []


def test_S05_a_full_comparison_makes_no_subscription_call(make: Make) -> None:
    world = make(entities(STANDING))
    unsubscribed(world)
    before = len(world.ac.server.host.calls.page(limit=100_000))
    world.forget_state()
    world.crm.expire_cursors()
    world.run(3)
    calls = world.ac.server.host.calls.page(after=before, limit=100_000)
    assert not [call for call in calls if call["method"] != "GET" and re.search("contactLists|lists", call["path"])]
    assert subscriptions(world) == []


def test_S06_an_opt_out_known_on_one_side_only_protects_the_person_on_the_first_load(make: Make) -> None:
    world = make(entities(STANDING))
    world.ac.system.seed({"lists": ["News"]})
    world.row(1, donotbulkemail=True)
    person = world.person(1)
    world.ac.system.act("subscribe", {"contact": person, "list": "News"})
    world.run(3)
    found = world.get_person(person)
    assert found is not None
    assert [str(status) for status in found["lists"].values()] == ["2"]


def test_S09_a_stored_cursor_that_was_tampered_with_sends_no_token_elsewhere(make: Make) -> None:
    world = make()
    row, person = world.pair()
    from dataclasses import replace

    from shared.state.model import LaneChanges

    held = world.lane.acquire("attacker")
    assert held is not None
    state = held.cursor("crm:contact")
    assert state is not None
    held.fold(LaneChanges(cursors={"crm:contact": replace(state, token="https://evil.example/api/data/v9.2/contacts")}))
    held.release()
    world.edit_row(row, firstname="Anna")
    world.run(2)
    world.run(2)
    assert all("evil" not in str(call) for call in world.crm.server.host.calls.page(limit=10_000))
    assert world.broken() or world.get_person(person)["firstName"] == "Anna"  # type: ignore[index]


@pytest.mark.parametrize(
    "value",
    [
        "x') or (1 eq 1",
        "a'b",
        '=cmd|"/c calc"!A1',
        "<script>alert(1)</script>",
        "${jndi:ldap://x}",
        "a%27%20or%201%3d1",
        "back\\slash",
        "O'Brien; DROP TABLE",
    ],
)
def test_S15_a_value_that_looks_like_a_command_is_stored_as_it_is(make: Make, value: str) -> None:
    world = make(entities(TITLE))
    row, person = world.pair()
    world.edit_row(row, jobtitle=value, lastname=value)
    world.run()
    found = world.get_person(person)
    assert found is not None
    assert (found["lastName"], found["fields"]["Company motto"]) == (value, value)
    world.edit_person(person, firstName=value)
    world.run()
    assert world.get_row(row)["firstname"] == value  # type: ignore[index]


@pytest.mark.parametrize(
    "address", ["o'brien@example.org", "a+b@example.org", "x&y=z@example.org", "100%25@example.org"]
)
def test_S15_an_address_with_signs_of_a_query_finds_its_own_row_only(make: Make, address: str) -> None:
    from tests.scenarios.world import PULLED_PAIR

    world = make()
    world.run()
    other = world.row(9)
    world.run()
    world.person(1, email=address, tags=PULLED_PAIR)
    world.run(2)
    made = [row for row in world.rows() if row["contactid"] != other]
    assert [row["emailaddress1"] for row in made] == [address]


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest",
        "https://localhost",
        "https://[::1]",
        "https://10.0.0.1",
        "http://org.crm4.dynamics.com",
    ],
)
def test_S16_an_address_inside_the_network_is_no_environment(url: str) -> None:
    with pytest.raises(ConfigError):
        parse_settings({"url": url, "tenant": "t", "client_id": "c", "secret": "s"})


def test_S18_the_state_tables_hold_no_readable_person(make: Make) -> None:
    world = make(entities(TITLE, NOTES))
    row, person = world.pair(telephone1="+34 600 123 456", jobtitle="Canary title", description="Canary notes")
    world.edit_row(row, emailaddress1=None)
    world.edit_person(person, firstName="Canaryname")
    world.run(2)
    world.row(2, firstname="Canaryrow", emailaddress1="not an address")
    world.run(2)
    assert [link.state for link in world.links()].count(LinkState.PARKED) >= 1
    dump = world.store.dump() if hasattr(world.store, "dump") else _dump(world)
    for canary in (b"ann1@example.org", b"600 123 456", b"Canary", b"Lee 1", b"not an address"):
        assert canary not in dump, canary


def _dump(world: World) -> bytes:
    """Every cell of the store, packed parts opened."""
    import zlib

    parts: list[bytes] = []
    for partition in world.store._partitions.values():
        for row in partition.rows.values():
            for name, cell in row.cells.items():
                raw = cell if isinstance(cell, bytes) else str(cell).encode()
                parts += [name.encode(), row.key.encode(), raw]
                for start in (0, 1, 2, 4):
                    for bits in (15, -15, 31):
                        try:
                            parts.append(zlib.decompress(raw[start:], bits))
                        except zlib.error:
                            continue
    return b"\n".join(parts)


def late_paths(world: World, row: str) -> None:
    """Everything by which an erased person could come back: feed, token replay, tags, messages, a restored row."""
    from shared.domain.records import Kind, Ref, RemoteId, Side
    from shared.state.model import Command
    from tests.scenarios.world import PULLED_PAIR

    again = world.person(1, tags=PULLED_PAIR)
    refs = [(Side.CRM, row), (Side.PARTNER, again), (Side.PARTNER, "1")]
    for number, (side, name) in enumerate(refs):
        ref = Ref(Kind("contact"), RemoteId(name))
        world.engine.enqueue(Command(key=f"look-late-{number}", op="look", side=side, ref=ref))
    world.crm.expire_cursors()
    world.run(2)
    world.advance(86_400)
    world.run(2)


@pytest.mark.parametrize("dynamics", [True, False])
def test_S01_an_erased_person_does_not_come_back_by_any_late_path(make: Make, dynamics: bool) -> None:
    world = make()
    row, person = world.pair()
    world.pair(2)
    care = Care(world)
    job = care.erase("ann1@example.org", dynamics=dynamics)
    assert (job.state, job.sealed, job.problems) == ("done", b"", ())
    assert "example" not in str(job)
    assert world.get_person(person) is None
    assert (world.get_row(row) is None) is dynamics
    world.mark()
    if dynamics:
        world.restore_row(row)
    late_paths(world, row)
    assert world.ours() == []
    assert [link.crm.id for link in world.links()] != []
    assert all(link.crm.id != row for link in world.links())
    assert "skipped:suppressed" in world.codes()
    assert care.forgotten
    assert person in care.forgotten_people


def test_S02_an_erased_address_is_known_in_every_spelling(make: Make) -> None:
    from tests.scenarios.world import PULLED_PAIR

    world = make()
    world.run()
    care = Care(world)
    care.erase("Ann1@X-Example.org", dynamics=True)
    world.person(1, email="ann1@x-example.ORG", tags=PULLED_PAIR)
    world.row(1, emailaddress1=" ANN1@x-example.org")
    world.run(3)
    assert world.ours() == []
    assert world.links() == []


def test_S03_an_erasure_that_dies_in_the_middle_goes_on_where_it_was_and_shows_each_step(make: Make) -> None:
    from tests.fakes.partition_store import Crash

    world = make()
    row, person = world.pair()
    care = Care(world)
    (job,) = care.requests.request("ann1@example.org", ["c1"], dynamics=True, actor="me")

    def dies(real: Any, writes: Any) -> Any:
        real(writes)
        raise Crash

    world.on_crm.twists["write"] = dies
    with pytest.raises(Crash):
        care.work()
    half = care.jobs.get(job.id)
    assert half is not None
    assert (half.state, half.position) == ("open", "dynamics")
    assert world.get_person(person) is None
    world.on_crm.twists.clear()
    world.advance(120)
    care.work()
    done = care.jobs.get(job.id)
    assert done is not None
    assert done.state == "done"
    assert {"suppressed", "find", "queues", "partner", "dynamics", "links", "journals"} <= done.spec.keys()
    assert world.get_row(row) is None
    assert world.links() == []


def test_S03_an_erasure_waits_for_a_connection_that_is_broken_and_is_finished_when_it_is_mended(make: Make) -> None:
    world = make()
    row, person = world.pair()
    care = Care(world)
    world.fault("activecampaign", {"status": 403, "body": "{}"}, path="/api/3")
    job = care.erase("ann1@example.org", dynamics=True)
    assert job.state == "open"
    assert job.spec["waiting"] == "bad_key"
    assert job.sealed
    world.heal()
    assert care.ended(job).state == "open"  # not every minute
    world.mark()
    world.edit_row(row, firstname="Anna")
    world.run(1, pause=1000.0)
    assert world.ours() == []  # kept away meanwhile
    done = care.ended(job)
    assert (done.state, done.sealed, "waiting" in done.spec) == ("done", b"", False)
    assert world.get_person(person) is None
    assert world.get_row(row) is None


@pytest.mark.parametrize("dynamics", [True, False])
def test_S02_who_signed_up_anew_is_taken_up_again_once_it_was_lifted_and_never_before(
    make: Make, dynamics: bool
) -> None:
    from shared.manage.connections import Refused
    from tests.scenarios.world import PULLED_PAIR

    world = make()
    row, _ = world.pair()
    world.pair(2)
    care = Care(world)
    (job,) = care.requests.request("Ann1@example.org", ["c1"], dynamics=dynamics, actor="me")
    with pytest.raises(Refused):
        care.requests.lift("ann1@example.org")
    care.ended(job)
    care.erase("ann2@example.org")
    kept = care.suppressions.all()
    world.mark()
    again = world.person(1, firstName="Anew", tags=PULLED_PAIR)
    world.run(2)
    assert world.ours() == []
    assert care.requests.lift("ANN1@example.org ") > 1
    assert care.requests.lift("ann1@example.org") == 0
    assert care.suppressions.all() < kept
    world.edit_person(again, lastName="Again")
    if not dynamics:
        world.edit_row(row, telephone1="+00 1")
    world.run(3)
    linked = [link.partner.id for link in world.links() if link.state is LinkState.LINKED and link.partner]
    assert linked == [again]
    people = [found for found in world.rows() if found["emailaddress1"] == "ann1@example.org"]
    assert len(people) == 1
    world.edit_row(people[0]["contactid"], firstname="Later")
    world.edit_row(
        next(r["contactid"] for r in world.rows() if r["emailaddress1"] == "ann2@example.org"), firstname="N"
    )
    world.run(2)
    assert {found["email"] for found in world.people()} == {"ann1@example.org"}


@pytest.mark.feature("HUB-21.2", system="activecampaign")
def test_S01_who_is_asked_for_by_another_address_does_not_come_back_by_the_one_they_were_linked_by(make: Make) -> None:
    world = make()
    care = Care(world)
    row, person = world.pair(1)
    world.edit_row(row, emailaddress1="new@example.org")  # not carried over yet
    job = care.erase("new@example.org", dynamics=True)
    assert (job.state, world.get_person(person), world.rows()) == ("done", None, [])
    world.mark()
    world.person(1, tags=PULLED_PAIR)  # the same person, by the address of the pair
    world.row(1)
    world.run(3)
    assert world.ours() == []
    assert [link for link in world.links() if link.state is LinkState.LINKED] == []
    assert care.requests.lift("new@example.org") > 2
    world.edit_row(str(world.rows()[0]["contactid"]), firstname="Anew")
    world.run(2)
    assert [link.state for link in world.links()] == [LinkState.LINKED]
