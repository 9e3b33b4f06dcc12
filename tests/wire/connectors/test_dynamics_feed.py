"""The change feed of Dataverse: nothing is lost whichever way tokens are minted, and no link leads away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import pytest

from shared.domain.records import FieldName, Gone, GoneReason, Kind, Record, Ref, RemoteId
from shared.errors import ConfigError, CursorExpired, GuardTripped, Transient
from shared.ports.connector import ChangePage, Cursor
from simulators.frame import Authority
from tests.wire.connectors.dynamics import Organisation, organisation

LAST = FieldName("lastname")
PARENT = FieldName("parentcustomerid")


@pytest.fixture(params=["first", "last"])
def org(ca: Authority, request: pytest.FixtureRequest) -> Iterator[Organisation]:
    with organisation(ca, page_size=4) as made:
        made.system.switches.set({"token_minted": request.param})
        yield made


class Reader:
    """Reads a feed and keeps what was told last of each row."""

    def __init__(self, org: Organisation, *fields: FieldName, kind: str = "contact") -> None:
        self.org, self.fields, self.kind = org, fields or (LAST,), Kind(kind)
        self.cursor: Cursor | None = None
        self.told: dict[RemoteId, Record | Gone] = {}

    def page(self) -> ChangePage:
        page = self.org.connector.changes(self.kind, self.cursor, self.fields)
        self.cursor = page.cursor
        self.told |= {item.ref.id: item for item in page.items}
        return page

    def drain(self, between: Callable[[], None] = lambda: None) -> int:
        """All pages; answers how many. `between` runs after each page but the last."""
        pages = 1
        while self.page().more:
            between()
            pages += 1
        return pages


def seeded(org: Organisation, count: int) -> list[RemoteId]:
    made = org.system.seed({"rows": {"contact": [{"lastname": f"Row {n}"} for n in range(count)]}})
    return [RemoteId(row) for row in made["rows"]["contact"]]


@pytest.mark.feature("HUB-04.2", system="activecampaign")
def test_edits_and_deletes_at_every_moment_of_a_first_load_are_told(org: Organisation) -> None:
    rows = seeded(org, 14)
    org.around.clock.advance(3600)
    reader, turns = Reader(org), iter(range(100))
    edited: dict[RemoteId, str] = {}
    deleted: set[RemoteId] = set()
    made: set[RemoteId] = set()

    def meddle() -> None:
        turn = next(turns)
        keep = [row for row in rows if row not in deleted]
        for row in (keep[0], keep[-1], keep[turn % len(keep)]):
            edited[row] = f"edited {turn}"
            org.edit(row, {LAST: edited[row]})
        gone = keep[(turn * 5 + 3) % len(keep)]
        org.delete(gone)
        deleted.add(gone)
        made.add(org.create({LAST: f"new {turn}"}))
        org.around.clock.advance(30)

    reader.drain(meddle)
    reader.drain()
    for row in rows:
        item = reader.told.get(row)
        if row in deleted:  # one that went before it was read need not be told at all
            assert item is None or isinstance(item, Gone)
        else:
            assert isinstance(item, Record)
            assert item.fields[LAST] == edited.get(row, item.fields[LAST])
    assert made <= set(reader.told)


def test_a_first_load_of_one_page_costs_a_page_and_a_catch_up(ca: Authority) -> None:
    with organisation(ca) as org:
        seeded(org, 30)
        org.around.clock.advance(3600)
        reader = Reader(org)
        reader.drain()
        calls = org.around.calls("dynamics")
        assert (calls["walk"], calls["catchup"], calls["count"]) == (1, 1, 1)
        assert "keys" not in calls
        org.around.counts.clear()
        assert reader.page().items == []
        assert org.around.calls("dynamics") == {"delta": 1}


@pytest.mark.feature("HUB-04.2", system="activecampaign")
def test_a_first_load_goes_on_from_any_page_on_another_worker(org: Organisation) -> None:
    rows = seeded(org, 11)
    told: set[RemoteId] = set()
    cursor: Cursor | None = None
    walked = False
    while True:
        fresh = type(org)(org.servers, org.systems, org.around)  # a worker that knows nothing but the cursor
        page = fresh.connector.changes(Kind("contact"), cursor, [LAST])
        told |= {item.ref.id for item in page.items}
        cursor, walked = page.cursor, walked or page.walked
        assert page.walked is not page.more
        if not page.more:
            break
    assert told == set(rows)
    assert walked


def test_a_delete_before_the_end_of_the_walk_is_told_as_gone(org: Organisation) -> None:
    rows = seeded(org, 9)
    reader = Reader(org)
    while not reader.told:
        reader.page()
    victim = next(iter(reader.told))
    org.delete(victim)
    reader.drain()
    assert reader.told[victim] == Gone(Ref(Kind("contact"), victim), GoneReason.TOLD)
    assert set(reader.told) == set(rows)


def test_late_commits_are_not_passed_over(org: Organisation) -> None:
    (row,) = seeded(org, 1)
    reader = Reader(org)
    reader.drain()
    held = org.system.act("hold", {"table": "contact", "id": row, "values": {"lastname": "late"}})["held"]
    org.around.clock.advance(60)
    reader.drain()
    org.system.act("release", {"held": held})
    reader.drain()
    item = reader.told[row]
    assert isinstance(item, Record)
    assert item.fields[LAST] == "late"


def test_a_row_restored_under_its_id_is_a_record_and_no_delete(org: Organisation) -> None:
    (row,) = seeded(org, 1)
    reader = Reader(org)
    reader.drain()
    org.delete(row)
    org.system.act("restore", {"table": "contact", "id": row})
    reader.drain()
    assert isinstance(reader.told[row], Record)


def test_a_delta_of_many_pages_tells_all(org: Organisation) -> None:
    rows = seeded(org, 10)
    reader = Reader(org)
    reader.drain()
    for row in rows[:7]:
        org.edit(row, {LAST: "changed"})
    for row in rows[7:]:
        org.delete(row)
    reader.told.clear()
    assert reader.drain() > 2
    assert set(reader.told) == set(rows)
    assert {row for row, item in reader.told.items() if isinstance(item, Gone)} == set(rows[7:])


@pytest.mark.parametrize("status", [400, 410, 403, 500])
def test_an_expired_token_is_known_by_its_code(ca: Authority, status: int) -> None:
    with organisation(ca) as org:
        org.system.switches.set({"expired_token_status": status})
        reader = Reader(org)
        reader.drain()
        org.around.clock.advance(timedelta(days=8).total_seconds())
        with pytest.raises(CursorExpired):
            reader.page()


def test_a_cursor_for_other_fields_is_expired(org: Organisation) -> None:
    reader = Reader(org)
    reader.drain()
    with pytest.raises(CursorExpired):
        org.connector.changes(Kind("contact"), reader.cursor, [LAST, FieldName("firstname")])


@pytest.mark.feature("HUB-02.1")
def test_a_table_without_change_tracking_says_how_to_switch_it_on(ca: Authority) -> None:
    with organisation(ca, seeds={"table_options": {"contact": {"tracking": False}}}) as org:
        with pytest.raises(ConfigError) as raised:
            Reader(org).drain()
        assert raised.value.code == "change_tracking_off"
        assert "Track changes" in raised.value.next_step
        step = next(step for step in org.connector.check() if step.name == "tracking:contact")
        assert (step.state, step.code) == ("failed", "change_tracking_off")


# -- what rows tell ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drops", [False, True])
@pytest.mark.parametrize("asks", [False, True])
def test_a_lookup_to_several_tables_says_which_one(ca: Authority, *, drops: bool, asks: bool) -> None:
    with organisation(ca, lookup_names=asks) as org:
        org.system.switches.set({"annotated_lookup_drops_delta_link": drops})
        seeds = org.system.seed({"rows": {"account": [{"name": "Co"}], "contact": [{"lastname": "Boss"}]}})["rows"]
        company, boss = seeds["account"][0], seeds["contact"][0]
        one = org.system.act(
            "create", {"table": "contact", "values": {"parentcustomerid_account@odata.bind": f"/accounts({company})"}}
        )["id"]
        two = org.system.act(
            "create", {"table": "contact", "values": {"parentcustomerid_contact@odata.bind": f"/contacts({boss})"}}
        )["id"]
        reader = Reader(org, LAST, PARENT)
        reader.drain()
        assert values(reader, PARENT) == {
            one: Ref(Kind("account"), company),
            two: Ref(Kind("contact"), boss),
            boss: None,
        }
        org.edit(one, {LAST: "moved"})
        reader.told.clear()
        reader.drain()
        assert values(reader, PARENT) == {one: Ref(Kind("account"), company)}


def values(reader: Reader, name: FieldName) -> Mapping[RemoteId, object]:
    return {row: item.fields[name] for row, item in reader.told.items() if isinstance(item, Record)}


@pytest.mark.feature("HUB-12.6", system="activecampaign")
def test_a_qualified_lead_is_inactive_and_a_won_opportunity_is_not(ca: Authority) -> None:
    with organisation(ca, tables=["lead", "opportunity"]) as org:
        spec = {
            "lead": [{"lastname": "L", "statecode": 1, "statuscode": 3}],
            "opportunity": [{"name": "O", "statecode": 1, "statuscode": 3}],
        }
        org.system.seed({"rows": spec})
        lead, opportunity = Reader(org, kind="lead"), Reader(org, FieldName("name"), kind="opportunity")
        lead.drain()
        opportunity.drain()
        assert [item.active for item in lead.told.values() if isinstance(item, Record)] == [False]
        assert [item.active for item in opportunity.told.values() if isinstance(item, Record)] == [True]


# -- hostile answers ---------------------------------------------------------------------------------------------------


def test_a_link_that_leads_away_is_not_followed(ca: Authority) -> None:
    with organisation(ca) as org:
        body = {"value": [], "@odata.deltaLink": "https://evil.example/api/data/v9.2/contacts?$deltatoken=1"}
        fault = {"match": {"path": "contacts\\?"}, "do": {"status": 200, "body": json.dumps(body), "headers": TRACKED}}
        org.server.host.faults.add([fault])
        with pytest.raises(GuardTripped) as raised:
            Reader(org).drain()
        assert raised.value.code == "foreign_link"


def test_a_cursor_that_was_tampered_with_is_refused_before_anything_is_sent(ca: Authority) -> None:
    with organisation(ca) as org:
        reader = Reader(org)
        reader.drain()
        assert reader.cursor is not None
        place = json.loads(reader.cursor)
        for link in ("https://evil.example/x", "/api/data/v9.2/systemusers?$select=fullname", "//evil.example/"):
            org.around.counts.clear()
            with pytest.raises(GuardTripped):
                org.connector.changes(Kind("contact"), Cursor(json.dumps(place | {"link": link})), [LAST])
            assert org.around.calls("dynamics") == {}


@pytest.mark.parametrize(
    "body",
    [
        {"value": []},
        {"value": [], "@odata.nextLink": ""},
        {"value": [{"lastname": "no id"}], "@odata.deltaLink": "/api/data/v9.2/contacts?$deltatoken=1"},
        {"value": {"not": "a list"}, "@odata.deltaLink": "/api/data/v9.2/contacts?$deltatoken=1"},
        {"@odata.deltaLink": "/api/data/v9.2/contacts?$deltatoken=1"},
        [],
        "text",
    ],
)
def test_a_page_that_makes_no_sense_ends_with_an_error_and_not_in_a_loop(ca: Authority, body: object) -> None:
    with organisation(ca) as org:
        reader = Reader(org)
        reader.drain()
        fault = {"match": {"path": "contacts\\?"}, "do": {"status": 200, "body": json.dumps(body), "headers": TRACKED}}
        org.server.host.faults.add([fault])
        with pytest.raises((Transient, GuardTripped)):
            reader.drain()
        assert reader.cursor is not None


def test_a_page_that_leads_to_itself_ends(ca: Authority) -> None:
    with organisation(ca) as org:
        reader = Reader(org)
        reader.drain()
        assert reader.cursor is not None
        link = json.loads(reader.cursor)["link"]
        body = json.dumps({"value": [], "@odata.nextLink": link})
        fault = {"match": {"path": "contacts\\?"}, "do": {"status": 200, "body": body, "headers": TRACKED}}
        org.server.host.faults.add([fault])
        with pytest.raises(Transient) as raised:
            reader.page()
        assert raised.value.code == "paging_loop"


TRACKED = {"Preference-Applied": "odata.track-changes", "Content-Type": "application/json"}
