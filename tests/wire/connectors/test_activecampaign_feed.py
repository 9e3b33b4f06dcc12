"""The change feed of ActiveCampaign contacts: what it tells, what it asks, and that nothing is passed over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared.domain.records import FieldName, Kind, Record, Ref, RemoteId
from shared.errors import AuthError, Transient
from shared.ports.connector import ChangePage, Cursor, Labelled
from simulators.frame import Authority
from tests.wire.connectors.activecampaign import Account, account

EMAIL, LAST, MOTTO, TOPICS = FieldName("email"), FieldName("lastName"), FieldName("field:1"), FieldName("field:4")
COMPANY, OUT = FieldName("account"), FieldName("optedOut")
CONTACT = Kind("contact")


@pytest.fixture
def ac(ca: Authority) -> Iterator[Account]:
    with account(ca) as made:
        yield made


class Reader:
    """Reads the feed run by run and keeps each field as it was told last."""

    def __init__(self, ac: Account, *fields: FieldName, kind: Kind = CONTACT) -> None:
        self.ac, self.fields, self.kind = ac, fields or (EMAIL, LAST), kind
        ac.connector.describe(kind)
        self.cursor: Cursor | None = None
        self.told: dict[RemoteId, dict[str, Any]] = {}
        self.labels: dict[RemoteId, frozenset[str] | None] = {}

    def page(self) -> ChangePage:
        page = self.ac.connector.changes(self.kind, self.cursor, self.fields)
        self.cursor = page.cursor
        for item in page.items:
            assert isinstance(item, Record)
            self.told.setdefault(item.ref.id, {}).update(item.fields)
            self.labels[item.ref.id] = item.labels
        return page

    def run(self) -> dict[str, int]:
        """One run to its end; answers its calls by purpose."""
        self.ac.around.counts.clear()
        self.told.clear()
        self.labels.clear()
        while self.page().more:
            pass
        return self.ac.around.calls("activecampaign")


def people(ac: Account, count: int, **more: Any) -> None:
    """Contacts with the ids 1 to `count`, changed long ago."""
    ac.system.seed({"contacts": [{"email": f"p{n}@example.com", "lastName": f"Row {n}", **more} for n in range(count)]})
    ac.around.clock.advance(600)


def test_a_walk_costs_a_call_for_each_hundred_and_one(ac: Account) -> None:
    people(ac, 200)
    reader = Reader(ac)
    assert reader.run() == {"list": 3}
    assert len(reader.told) == 200
    ac.around.clock.advance(600)
    assert reader.run() == {"list": 1}
    assert reader.told == {}


def test_a_mark_is_never_moved_past_what_may_still_come(ac: Account) -> None:
    people(ac, 1)
    reader = Reader(ac)
    reader.run()
    for turn in range(5):
        ac.around.clock.advance(20)
        ac.edit(RemoteId("1"), {LAST: f"turn {turn}"})  # between two runs, sometimes in the second of one
        reader.run()
        assert reader.told[RemoteId("1")][LAST] == f"turn {turn}"


@pytest.mark.parametrize("bound", ["strict", "inclusive"])
def test_an_edit_in_the_second_of_a_run_is_told_by_the_next(ca: Authority, bound: str) -> None:
    with account(ca, switches={"updated_after_bound": bound}, overlap_seconds=1) as ac:
        people(ac, 1)
        reader = Reader(ac)
        reader.run()
        ac.edit(RemoteId("1"), {LAST: "same second"})
        ac.around.clock.advance(30)
        reader.run()
        assert reader.told[RemoteId("1")][LAST] == "same second"


def test_contacts_that_come_and_go_during_a_walk_hide_nobody(ac: Account) -> None:
    people(ac, 250)
    reader = Reader(ac)
    reader.page()
    for row in range(40, 60):
        ac.delete(RemoteId(str(row)))
    ac.system.seed({"contacts": [{"email": "late@example.com"}]})
    while reader.page().more:
        pass
    assert {RemoteId(str(row)) for row in (*range(1, 40), *range(60, 252))} <= set(reader.told)


def test_our_own_clock_does_not_matter(ac: Account) -> None:
    people(ac, 2)
    ac.around.clock.offset = 3600.0
    reader = Reader(ac)
    reader.run()
    ac.around.clock.advance(120)
    ac.edit(RemoteId("2"), {LAST: "new"})
    reader.run()
    assert set(reader.told) == {RemoteId("2")}


# -- custom values -----------------------------------------------------------------------------------------------------


@pytest.mark.feature("AC-09.1")
def test_a_first_walk_tells_custom_values_by_a_walk_over_each_mapped_field(ac: Account) -> None:
    people(ac, 150, fields={"Company motto": "carpe", "Topics": "||b||a||", "Notes": "not mapped"})
    reader = Reader(ac, EMAIL, MOTTO, TOPICS)
    assert reader.run() == {"list": 2, "values": 4}
    assert all(told[MOTTO] == "carpe" and told[TOPICS] == {"a", "b"} for told in reader.told.values())
    assert FieldName("field:2") not in reader.told[RemoteId("1")]


def test_a_few_changed_contacts_are_read_one_by_one_with_their_tags(ac: Account) -> None:
    people(ac, 150, fields={"Company motto": "carpe"}, tags=["vip"])
    reader = Reader(ac, EMAIL, MOTTO)
    reader.run()
    ac.around.clock.advance(600)
    ac.edit(RemoteId("7"), {MOTTO: None})
    ac.edit(RemoteId("9"), {MOTTO: "diem"})
    calls = reader.run()
    assert (calls["list"], calls["changed"]) == (1, 2)
    assert "values" not in calls
    assert {row: told[MOTTO] for row, told in reader.told.items()} == {"7": None, "9": "diem"}
    assert set(reader.labels.values()) == {frozenset({"vip"})}


def test_many_changed_contacts_are_read_by_whichever_way_is_fewer_calls(ac: Account) -> None:
    people(ac, 400, fields={"Company motto": "carpe"})
    reader = Reader(ac, EMAIL, MOTTO)
    reader.run()
    ac.around.clock.advance(600)
    for row in range(1, 101):
        ac.edit(RemoteId(str(row)), {MOTTO: "diem"})
    calls = reader.run()
    assert calls == {"list": 2, "values": 5}  # 4 pages of values, one row of overlap each, against 100 contacts
    assert [reader.told[RemoteId(str(row))][MOTTO] for row in (1, 100, 101)] == ["diem", "diem", "carpe"]


@pytest.mark.feature("AC-09.1")
def test_side_loaded_values_and_tags_cost_no_call_more(ca: Authority) -> None:
    with account(ca, switches={"include_side_loads": True}, custom_values="include") as ac:
        people(ac, 150, fields={"Company motto": "carpe"}, tags=["vip"])
        reader = Reader(ac, EMAIL, MOTTO, TOPICS)
        calls = reader.run()
        assert calls["list"] == 2
        assert "values" not in calls
        assert all(told[MOTTO] == "carpe" and told[TOPICS] is None for told in reader.told.values())
        assert set(reader.labels.values()) == {frozenset({"vip"})}


def test_an_account_that_does_not_side_load_after_all_leaves_values_absent(ca: Authority) -> None:
    with account(ca, custom_values="include") as ac:
        people(ac, 3, fields={"Company motto": "carpe"})
        reader = Reader(ac, EMAIL, MOTTO)
        reader.run()
        assert all(MOTTO not in told for told in reader.told.values())


def test_a_walk_by_offset_survives_removals_between_its_pages(ac: Account) -> None:
    people(ac, 300, fields={"Company motto": "carpe"})
    reader = Reader(ac, EMAIL, MOTTO)
    while not any(MOTTO in told for told in reader.told.values()):
        reader.page()
    for row in range(1, 31):
        ac.delete(RemoteId(str(row)))
    while reader.page().more:
        pass
    assert all(reader.told[RemoteId(str(row))][MOTTO] == "carpe" for row in range(31, 301))


@pytest.mark.feature("AC-09.3")
def test_two_hundred_and_fifty_custom_fields_are_all_described_with_their_options(ac: Account) -> None:
    ac.system.seed({"fields": [{"title": f"Extra {n}", "type": "dropdown", "options": ["x", "y"]} for n in range(250)]})
    schema = ac.connector.describe(CONTACT)
    extra = [spec for spec in schema.fields.values() if spec.label.startswith("Extra")]
    assert len(extra) == 250
    assert all(len(spec.options) == 2 for spec in extra)


@pytest.mark.feature("AC-05.1")
def test_the_watched_tags_of_many_changed_contacts_are_told_by_lists(ca: Authority) -> None:
    with account(ca, labels=frozenset({"D365: Lead", "[D365: Pushed from Dynamics]", "never there"})) as ac:
        people(ac, 150, tags=["d365: lead", "D365: Pushed from Dynamics", "vip"])
        reader = Reader(ac, EMAIL, LAST)
        reader.run()
        assert set(reader.labels.values()) == {None}
        for row in range(1, 61):
            ac.system.act("remove_tag", {"contact": str(row), "tag": "d365: lead"})
        ac.around.clock.advance(600)
        calls = reader.run()
        assert calls == {"list": 1, "tags": 1 + 2}
        assert set(reader.labels.values()) == {frozenset({"D365: Pushed from Dynamics"})}


@pytest.mark.feature("AC-05.1")
def test_the_watched_tags_are_told_by_lists_also_where_each_contact_is_read_by_itself(ca: Authority) -> None:
    """Walking values of many mapped fields would take more calls than to read who changed. Tags need no such call."""
    with account(ca, labels=frozenset({"D365: Lead", "D365: Contact"})) as ac:
        ac.system.seed({"fields": [{"title": f"Extra {n}", "type": "text"} for n in range(12)]})
        people(ac, 400, fields={"Extra 1": "carpe"}, tags=["D365: Lead", "D365: Contact", "vip"])
        schema = ac.connector.describe(CONTACT)
        extra = [name for name, spec in schema.fields.items() if spec.label.startswith("Extra")]
        reader = Reader(ac, EMAIL, *extra)
        reader.run()
        ac.around.clock.advance(600)
        for row in range(1, 31):
            ac.edit(RemoteId(str(row)), {extra[1]: "diem"})
        ac.system.act("remove_tag", {"contact": "7", "tag": "D365: Lead"})
        calls = reader.run()
        assert calls == {"list": 1, "changed": 30, "tags": 1 + 2}
        assert {told[extra[1]] for told in reader.told.values()} == {"diem"}
        assert reader.labels[RemoteId("7")] == {"D365: Contact"}
        assert reader.labels[RemoteId("8")] == {"D365: Contact", "D365: Lead"}


@pytest.mark.feature("AC-04.2")
def test_a_tag_made_since_the_last_run_is_told_however_soon_the_next_one_comes(ca: Authority) -> None:
    with account(ca, labels=frozenset({"vip", "brand new"})) as ac:
        people(ac, 30, tags=["vip"])
        reader = Reader(ac, EMAIL, LAST)
        reader.run()
        for row in range(1, 31):
            ac.system.act("edit_contact", {"contact": str(row), "lastName": "Other"})
        ac.around.clock.advance(10)
        reader.run()
        assert set(reader.labels.values()) == {frozenset({"vip"})}
        for row in range(1, 31):
            ac.system.act("add_tag", {"contact": str(row), "tag": "brand new"})
        ac.around.clock.advance(10)
        reader.run()
        assert set(reader.labels.values()) == {frozenset({"vip", "brand new"})}


# -- opt-outs and accounts ---------------------------------------------------------------------------------------------


@pytest.mark.feature("AC-10.1")
@pytest.mark.feature("AC-10.4")
def test_opt_outs_are_found_though_lists_do_not_move_a_contact(ac: Account) -> None:
    ac.system.seed({"lists": ["News", "Offers"]})
    people(ac, 6, lists=[{"list": "News", "status": 1}, {"list": "Offers", "status": 1}])
    reader = Reader(ac, EMAIL, OUT)
    reader.run()
    assert not any(OUT in told for told in reader.told.values())
    ac.around.clock.advance(600)
    ac.system.act("unsubscribe", {"contact": "2", "list": "News"})
    for each in ("News", "Offers"):
        ac.system.act("unsubscribe", {"contact": "3", "list": each})
    ac.system.act("bounce", {"contact": "4", "hard": True})
    calls = reader.run()
    assert {row for row, told in reader.told.items() if told.get(OUT)} == {"3", "4"}
    assert all(told.get(OUT, True) is True for told in reader.told.values())
    assert calls["opt-outs"] == 3


def test_a_large_number_of_opt_outs_is_walked_at_a_rhythm_of_its_own(ca: Authority) -> None:
    with account(ca, opt_out_limit=3, walk_hours=24) as ac:
        ac.system.seed({"lists": ["News"]})
        people(ac, 5, lists=[{"list": "News", "status": 2}])
        reader = Reader(ac, EMAIL, OUT)
        assert reader.run()["opt-outs"] == 3
        ac.around.clock.advance(3600)
        assert "opt-outs" not in reader.run()
        ac.around.clock.advance(24 * 3600)
        assert reader.run()["opt-outs"] == 3
        assert len(reader.told) == 5


@pytest.mark.feature("AC-06.1")
def test_the_account_of_a_contact_is_told_by_a_walk_of_its_own(ac: Account) -> None:
    ac.system.seed({"accounts": ["Acme"]})
    people(ac, 130, account="Acme")
    reader = Reader(ac, EMAIL, COMPANY)
    calls = reader.run()
    assert calls == {"list": 2, "companies": 2}
    assert {told[COMPANY] for told in reader.told.values()} == {Ref(Kind("account"), RemoteId("1"))}
    ac.around.clock.advance(600)
    assert reader.run() == {"list": 1}


def test_accounts_are_walked_whole_with_their_custom_values(ac: Account) -> None:
    ac.system.seed({"account_fields": [{"fieldLabel": "Tier", "fieldType": "text"}]})
    ac.system.seed({"accounts": [{"name": f"Co {n}", "fields": {"Tier": "gold"}} for n in range(120)]})
    reader = Reader(ac, FieldName("name"), FieldName("field:1"), kind=Kind("account"))
    reader.run()
    assert len(reader.told) == 120
    assert {told[FieldName("field:1")] for told in reader.told.values()} == {"gold"}
    assert reader.run()["accounts"] == 2


@pytest.mark.feature("AC-10.2")
def test_a_persons_standing_tells_when_they_left_and_came_back(ac: Account) -> None:
    ac.system.seed({"lists": ["News", "Offers"]})
    people(ac, 1, lists=[{"list": "News", "status": 1}, {"list": "Offers", "status": 2}])
    standing = ac.connector.standing(RemoteId("1"))  # type: ignore[attr-defined]
    assert not standing.opted_out
    ac.system.act("unsubscribe", {"contact": "1", "list": "News"})
    left = ac.connector.standing(RemoteId("1"))  # type: ignore[attr-defined]
    assert left.opted_out
    ac.around.clock.advance(600)
    ac.system.act("subscribe", {"contact": "1", "list": "Offers"})
    back = ac.connector.standing(RemoteId("1"))  # type: ignore[attr-defined]
    assert not back.opted_out
    assert back.subscribed_at is not None
    assert left.opted_out_at is not None
    assert back.subscribed_at > left.opted_out_at


@pytest.mark.feature("AC-04.2")
def test_contacts_with_a_tag_are_listed_in_order_page_by_page(ac: Account) -> None:
    people(ac, 130, tags=["D365: Lead"])
    assert isinstance(ac.connector, Labelled)
    first = ac.connector.labelled(CONTACT, ["d365: lead"], None)
    rest = ac.connector.labelled(CONTACT, ["d365: lead"], first[-1])
    assert [*first, *rest] == [str(row) for row in range(1, 131)]
    assert ac.connector.labelled(CONTACT, ["never there"], None) == []
    assert ac.connector.labelled(Kind("account"), ["d365: lead"], None) == []


@pytest.mark.feature("AC-04.2")
def test_contacts_with_any_spelling_of_a_tag_are_each_listed_once_in_order(ac: Account) -> None:
    people(ac, 130, tags=["[D365: Lead]"])
    ac.system.seed({"contacts": [{"email": f"q{n}@example.com", "tags": ["D365: Lead"]} for n in range(9)]})
    ac.system.act("add_tag", {"contact": "40", "tag": "D365: Lead"})
    assert isinstance(ac.connector, Labelled)
    seen: list[RemoteId] = []
    while ids := ac.connector.labelled(CONTACT, ["D365: Lead"], seen[-1] if seen else None):
        seen += ids
    assert seen == [str(row) for row in range(1, 140)]


# -- hostile answers ---------------------------------------------------------------------------------------------------


@pytest.mark.feature("AC-01")
def test_a_sign_in_page_instead_of_people_is_a_bad_key_and_not_an_empty_account(ca: Authority) -> None:
    for word in ("403", "html_200", "html_403"):
        with account(ca, switches={"bad_key": word}) as ac:
            ac.around.secrets.known["ac-key"] = "wrong"
            with pytest.raises(AuthError) as raised:
                ac.connector.describe(CONTACT)
            assert raised.value.next_step
            failed = next(step for step in ac.connector.check() if step.state == "failed")
            assert failed.name == "key"


def test_a_403_that_goes_away_is_forgiven_once(ac: Account) -> None:
    people(ac, 1)
    reader = Reader(ac)
    fault = {"match": {"times": 1}, "do": {"status": 403, "body": '{"message":"Forbidden"}'}}
    ac.server.host.faults.add([fault])
    reader.run()
    assert len(reader.told) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"contacts": [{"id": "abc", "email": "x"}]},
        {"contacts": [{"email": "no id"}]},
        {"contacts": "many"},
        {"contacts": [{"id": str(9 - n % 9)} for n in range(100)]},
        "text",
        7,
    ],
)
def test_a_page_that_makes_no_sense_ends_with_an_error_and_not_in_a_loop(ac: Account, body: object) -> None:
    reader = Reader(ac)
    reader.run()
    answer = {"status": 200, "body": json.dumps(body), "headers": {"Content-Type": "application/json"}}
    ac.server.host.faults.add([{"match": {"path": "/contacts"}, "do": answer}])
    with pytest.raises(Transient):
        reader.run()


def test_an_empty_php_array_is_an_empty_account(ac: Account) -> None:
    reader = Reader(ac)
    answer = {"status": 200, "body": "[]", "headers": {"Content-Type": "application/json"}}
    ac.server.host.faults.add([{"match": {"path": "/contacts"}, "do": answer}])
    reader.run()
    assert reader.told == {}


def test_ids_are_compared_without_leading_zeros(ac: Account) -> None:
    reader = Reader(ac)
    body = json.dumps({"contacts": [{"id": 12, "email": "a@x.example"}, {"id": "0013", "email": "b@x.example"}]})
    answer = {"status": 200, "body": body, "headers": {"Content-Type": "application/json"}}
    ac.server.host.faults.add([{"match": {"path": "/contacts"}, "do": answer}])
    reader.run()
    assert set(reader.told) == {"12", "13"}
