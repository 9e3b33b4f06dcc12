"""Scenarios A: what flows, what does not, and what reading by pages must not lose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from shared.domain.records import FieldName, Kind, Ref, RemoteId, Side
from shared.ports.connector import ChangePage, Op, Outcome, Write
from shared.state.model import Command
from tests.scenarios.conftest import Make
from tests.scenarios.world import NOTES, PULLED_PAIR, TITLE, entities
from tests.unit.sync.rig import Rig


def test_A01_one_edited_field_travels_alone_and_the_next_run_writes_nothing(make: Make) -> None:
    world = make(entities(TITLE))
    row, person = world.pair(jobtitle="Buyer")
    world.edit_row(row, jobtitle="Head of buying")
    world.run()
    assert [write["changed"] for write in world.ours()] == [{"fields[1]": ["Buyer", "Head of buying"]}]
    world.mark()
    world.run(2)
    assert world.ours() == []
    assert world.get_person(person)["fields"]["Company motto"] == "Head of buying"  # type: ignore[index]


def test_A02_a_row_whose_version_grew_by_an_unmapped_column_is_written_nowhere(make: Make) -> None:
    world = make()
    row, _ = world.pair()
    world.edit_row(row, fax="+34 1")
    world.run(2)
    assert world.ours() == []
    assert world.codes("failed") == []


def test_A03_our_own_write_comes_back_and_is_known_by_its_value(make: Make) -> None:
    world = make()
    row, _ = world.pair()
    world.edit_row(row, firstname="Anna")
    world.run(3)
    assert [write["op"] for write in world.ours()] == ["update"]
    assert world.ours("dataverse") == []


def test_A04_an_edit_two_seconds_after_our_write_is_no_echo(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_row(row, firstname="Anna")
    world.run(pause=2)
    world.edit_person(person, phone="+34 600")
    world.run(2)
    assert world.get_row(row)["telephone1"] == "+34 600"  # type: ignore[index]
    assert world.get_person(person)["firstName"] == "Anna"  # type: ignore[index]


def test_A05_a_value_with_trailing_blanks_comes_to_rest(make: Make) -> None:
    world = make(entities(NOTES))
    row, _ = world.pair(lastname="Lee  ", description="two lines \nand blanks   ")
    world.edit_row(row, lastname="Lee-Roy   ")
    world.run(2)
    world.mark()
    world.run(3)
    assert world.ours() == []


def test_A06_a_text_cut_to_the_other_sides_limit_stays_whole_where_it_was_written(make: Make) -> None:
    world = make(entities({**TITLE, "policy": "owner_partner"}))
    row, person = world.pair()
    whole = "x" * 150
    world.edit_person(person, fields={"Company motto": whole})
    world.run(4)
    assert world.get_row(row)["jobtitle"] == "x" * 100  # type: ignore[index]
    assert world.get_person(person)["fields"]["Company motto"] == whole  # type: ignore[index]
    world.mark()
    world.edit_row(row, telephone1="+34 1")
    world.edit_person(person, firstName="Anna")
    world.run(3)
    assert world.get_person(person)["fields"]["Company motto"] == whole  # type: ignore[index]
    assert all("field" not in str(write["changed"]) for write in world.ours("activecampaign"))


def test_A07_many_records_of_one_and_the_same_time_are_all_seen_and_the_pull_ends(make: Make) -> None:
    world = make()
    world.run(pause=60)
    for number in range(230):
        world.person(number, tags=PULLED_PAIR)
    world.run(2)
    assert len(world.rows()) == 230
    made = [write["id"] for write in world.ours("dataverse") if write["op"] == "create"]
    assert len(made) == len(set(made)) == 230


def test_A08_two_edits_of_one_second_before_and_after_our_query_both_arrive(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_person(person, phone="1")
    world.run(pause=0)
    world.edit_person(person, phone="2")
    world.run(2)
    assert world.get_row(row)["telephone1"] == "2"  # type: ignore[index]


def test_A09_a_row_that_becomes_visible_late_under_an_older_time_is_found(make: Make) -> None:
    world = make()
    row, person = world.pair()
    held = world.crm.system.act("hold", {"table": "contact", "id": row, "values": {"firstname": "Late"}})["held"]
    world.row(2)
    world.run(pause=40)
    world.crm.system.act("release", {"held": held})
    world.run(2)
    assert world.get_person(person)["firstName"] == "Late"  # type: ignore[index]


def test_A10_an_empty_page_does_not_move_the_mark_past_what_comes_late(make: Make) -> None:
    """The mark is the server's own time less an overlap, so what was committed within it is still told."""
    world = make()
    row, person = world.pair()
    world.run(pause=10)
    world.edit_person(person, phone="5")
    world.ac.system.tenant.contacts.get(int(person)).updated -= 15  # the vendor's clock said a little earlier
    world.run(2)
    assert world.get_row(row)["telephone1"] == "5"  # type: ignore[index]


def test_A11_an_edit_while_its_page_is_being_read_skips_nobody(make: Make) -> None:
    world = make()
    world.run(pause=60)
    people = [world.person(number, tags=PULLED_PAIR) for number in range(230)]
    _at_page(world.on_ac, 2, lambda: world.edit_person(people[5], phone="7"))
    world.run(2)
    rows = world.rows()
    assert len(rows) == 230
    assert [row["telephone1"] for row in rows if row["emailaddress1"] == "ann5@example.org"] == ["7"]


def test_A12_an_expired_token_leads_to_a_full_comparison_and_no_duplicates(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.crm.expire_cursors()
    world.edit_row(row, firstname="Anna")
    world.run()
    assert world.get_person(person)["firstName"] == "Anna"  # type: ignore[index]
    assert len(world.people()) == len(world.rows()) == 1
    assert [write["op"] for write in world.ours()] == ["update"]
    before = world.calls("dataverse")
    world.run()
    reads = [call for call in world.crm.server.host.calls.page(after=before) if call["path"].endswith("/contacts")]
    assert [call["query_keys"] for call in reads] == [("$select", "$deltatoken")]


def test_A13_rows_deleted_while_the_token_was_dead_are_swept(make: Make) -> None:
    world = make(entities(deletes={"partner": "delete"}))
    rows = [world.row(number) for number in range(4)]
    world.run(2)
    world.delete_row(rows[0])
    world.crm.expire_cursors()
    world.run(2)
    assert sorted(row["email"] for row in world.people()) == [f"ann{number}@example.org" for number in (1, 2, 3)]


def test_A14_an_empty_page_and_a_record_told_twice_make_one_decision(make: Make) -> None:
    world = make()
    world.run(pause=60)
    world.person(1, tags=PULLED_PAIR)
    turns: list[int] = []

    def twist(real: Callable[..., ChangePage], kind: Kind, cursor: Any, fields: Any) -> ChangePage:
        page = real(kind, cursor, fields)
        turns.append(1)
        if len(turns) == 1:
            return ChangePage([], cursor, more=True)
        return replace(page, items=[*page.items, *page.items])

    world.on_ac.twists["changes"] = twist
    world.run(2)
    assert [write["op"] for write in world.ours("dataverse")] == ["create"]


def test_A15_a_page_without_rows_that_says_more_is_followed_to_the_end(make: Make) -> None:
    world = make()
    row, person = world.pair()
    world.edit_person(person, phone="8")
    empty = [3]

    def twist(real: Callable[..., ChangePage], kind: Kind, cursor: Any, fields: Any) -> ChangePage:
        if empty[0]:
            empty[0] -= 1
            return ChangePage([], cursor, more=True)
        return real(kind, cursor, fields)

    world.on_ac.twists["changes"] = twist
    world.run()
    assert world.get_row(row)["telephone1"] == "8"  # type: ignore[index]


def test_A16_a_change_during_the_first_load_after_its_page_was_read_is_not_lost(make: Make) -> None:
    for minted in ("first", "last"):
        world = make(crm_switches={"token_minted": minted}, crm_settings={"page_size": 10})
        rows = [world.row(number) for number in range(25)]
        _at_page(world.on_crm, 2, lambda world=world, row=rows[3]: world.edit_row(row, firstname="Meanwhile"))  # type: ignore[misc]
        world.run(2)
        assert world.person_with("ann3@example.org")["firstName"] == "Meanwhile"


def test_A18_two_records_that_point_at_each_other_are_both_written_and_then_joined() -> None:
    rig = Rig.with_companies()
    account = rig.crm.create(Rig.COMPANY, {FieldName("name"): "Acme"})
    person = rig.crm.create(Kind("contact"), {FieldName("mail"): "ann@example.org", Rig.PARENT: account})
    rig.run(4)
    ((_, found),) = rig.refs(Kind("person"))
    ((firm, _),) = rig.refs(Rig.PARTNER_COMPANY)
    assert found["company"] == firm
    rig.crm.edit(person, {Rig.PARENT: None})
    rig.run(2)
    assert rig.people()[0]["company"] is None
    rig.crm.edit(person, {Rig.PARENT: account})
    rig.run(2)
    assert rig.people()[0]["company"] == firm


def test_A19_a_create_that_is_sent_twice_makes_one_row(make: Make) -> None:
    world = make()
    connector = world.crm.connector
    fields = {FieldName("emailaddress1"): "ann@example.org", FieldName("lastname"): "Lee"}
    write = Write(key="1", op=Op.CREATE, ref=_ref("0f0e0d0c-0b0a-4908-8706-050403020100"), fields=fields)
    first, second = connector.write([write])[0], connector.write([write])[0]
    assert (first.outcome, second.outcome) == (Outcome.APPLIED, Outcome.EXISTS)
    assert len(world.rows()) == 1


def test_A20_a_run_cut_into_short_slices_goes_on_where_it_was(make: Make) -> None:
    world = make(crm_settings={"page_size": 20}, options={"slice_seconds": 30.0})
    for number in range(200):
        world.row(number)
    pages: list[str | None] = []

    def slow(real: Callable[..., ChangePage], kind: Kind, cursor: Any, fields: Any) -> ChangePage:
        world.clock.advance(8.0)
        pages.append(cursor)
        return real(kind, cursor, fields)

    world.on_crm.twists["changes"] = slow
    world.run(2)
    assert len(world.people()) == 200
    first_walk = [page for page in pages if page is not None]
    assert max(first_walk.count(page) for page in first_walk) <= 2


def test_A21_a_message_left_before_the_mapping_changed_is_planned_with_the_new_one(make: Make) -> None:
    world = make()
    row, person = world.pair(jobtitle="Buyer")
    link = world.link(row)
    world.engine.enqueue(Command(key="look-1", op="look", side=Side.CRM, ref=link.crm))
    world.restart(entities=tuple(entities(TITLE)))
    world.run(2)
    assert world.get_person(person)["fields"]["Company motto"] == "Buyer"  # type: ignore[index]


def test_A22_with_the_state_store_emptied_everything_is_linked_again_and_nothing_doubled(make: Make) -> None:
    world = make()
    rows = [world.row(number) for number in range(5)]
    world.run(2)
    world.edit_person(str(world.person_with("ann3@example.org")["id"]), phone="33")
    world.mark()
    world.forget_state()
    world.run(3)
    assert len(world.people()) == len(world.rows()) == 5
    assert [write for write in world.ours() if write["op"] == "create"] == []
    world.edit_row(rows[2], firstname="Again")
    world.run()
    assert world.person_with("ann2@example.org")["firstName"] == "Again"


def test_A23_a_person_without_our_tags_is_never_touched(make: Make) -> None:
    world = make()
    world.run()
    person = world.person(1)
    world.run(2)
    assert world.rows() == []
    world.mark()
    world.edit_person(person, phone="1")
    world.run(26)
    assert world.ours() == []


def _ref(row: str) -> Ref:
    return Ref(Kind("contact"), RemoteId(row))


def _at_page(twist: Any, number: int, act: Callable[[], object]) -> None:
    """Somebody acts just before so-and-so-many-th page of a feed is asked for."""
    count = [0]

    def changes(real: Callable[..., ChangePage], kind: Kind, cursor: Any, fields: Any) -> ChangePage:
        count[0] += 1
        if count[0] == number:
            act()
        return real(kind, cursor, fields)

    twist.twists["changes"] = changes
