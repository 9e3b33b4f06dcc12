"""What people did comes to the timeline once: the engine's rules for kinds that are told once and made once."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.connectors.memory import KindDesign
from shared.domain.identity import crm_id_for
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Ref, Side
from shared.errors import AuthError, Rejected, SyncError, Transient
from shared.ports.connector import Connector, CreateKey, Deletes, FeedKind, KindCapabilities, Op, Write, WriteResult
from shared.state.model import Command
from shared.sync.rehearse import rehearse
from shared.sync.suppression import record_key
from tests.unit.sync.rig import CONTACT, ENTITY, MAIL, NAME, PARTNER_CAPABILITIES, PERSON, Rig

TASK, EVENT = Kind("task"), Kind("event")
TITLE, WHO, WHAT = FieldName("title"), FieldName("who"), FieldName("what")

MADE_ONCE = KindCapabilities(
    feed=FeedKind.NONE,
    deletes=Deletes.NEVER,
    writes=frozenset({Op.CREATE, Op.DELETE}),
    create_key=CreateKey.CALLER_ID,
    create_only=True,
    bulk_size=5,
)
TOLD_ONCE = KindCapabilities(feed=FeedKind.LOG, deletes=Deletes.NEVER, writes=frozenset(), create_only=True)
ACTIVITY: Mapping[str, object] = {
    "name": "activity",
    "crm_kind": "task",
    "partner_kind": "event",
    "direction": "to_crm",
    "creates": ["crm"],
    "parents": ["contact"],
    "fields": [
        {"id": "title", "crm": "title", "partner": "title", "required": True},
        {"id": "who", "crm": "who", "partner": "who", "required": True},
        {"id": "what", "crm": "what", "partner": "what"},
    ],
}


def rig(
    options: Mapping[str, object] | None = None,
    *,
    feed: FeedKind = FeedKind.LOG,
    limits: Mapping[FieldName, int] | None = None,
) -> Rig:
    def specs(targets: tuple[Kind, ...], longest: int = 200) -> tuple[FieldSpec, ...]:
        return (
            FieldSpec(name=TITLE, type=FieldType.TEXT, max_length=longest),
            FieldSpec(name=WHO, type=FieldType.REFERENCE, targets=targets),
            FieldSpec(name=WHAT, type=FieldType.TEXT, max_length=10),
        )

    ours = KindDesign(
        kind=TASK, fields=specs((CONTACT,), longest=20), capabilities=MADE_ONCE, secret_limits=limits or {}
    )
    theirs = KindDesign(kind=EVENT, fields=specs((PERSON,)), capabilities=replace(TOLD_ONCE, feed=feed), page_size=4)
    return Rig(
        entity=ENTITY,
        entities=(ACTIVITY,),
        partner=replace(PARTNER_CAPABILITIES, asynchronous_create=False),
        designs=([ours], [theirs]),
        options=options,
    )


def someone(world: Rig, number: int = 0) -> tuple[Ref, Ref]:
    """A linked person: the row and the partner's record."""
    row = world.crm.create(CONTACT, {MAIL: f"p{number}@example.org", NAME: f"P {number}"})
    world.run(2)
    (ref,) = [ref for ref, fields in world.refs(PERSON) if fields["mail"] == f"p{number}@example.org"]
    return row, ref


def happen(world: Rig, who: Ref | None, title: str = "Opened", what: str = "Sale") -> Ref:
    return world.partner.create(EVENT, {TITLE: title, WHO: who, WHAT: what})


def timeline(world: Rig) -> list[dict[str, object]]:
    return [{str(name): value for name, value in v.fields.items()} for _, v in world.crm_system.tables[TASK].current()]


def next_day(world: Rig) -> None:
    world.clock.advance(timedelta(hours=24, minutes=1).total_seconds())
    world.run(2)


@pytest.mark.parametrize("feed", [FeedKind.LOG, FeedKind.SINCE])
def test_what_a_linked_person_did_is_on_the_timeline_once_under_an_id_of_the_sources(feed: FeedKind) -> None:
    world = rig(feed=feed)
    row, ref = someone(world)
    event = happen(world, ref)
    world.run(3)
    assert timeline(world) == [{"title": "Opened", "who": row, "what": "Sale"}]
    assert [key for key, _ in world.crm_system.tables[TASK].current()] == [crm_id_for("c1", TASK, event, 0)]


def test_first_the_people_then_what_they_did_in_one_run() -> None:
    world = rig()
    row = world.crm.create(CONTACT, {MAIL: "a@example.org", NAME: "A"})
    world.run()
    ((ref, _),) = world.refs(PERSON)
    second = world.partner.create(PERSON, {MAIL: "b@example.org", NAME: "B"})
    happen(world, second)
    happen(world, ref)
    world.run()
    assert [one["who"] for one in timeline(world) if one["who"] == row] == [row]
    assert len(timeline(world)) == 2, "the new person was paired before what he did was looked at"


def test_a_user_who_edits_or_deletes_the_row_is_left_alone() -> None:
    world = rig()
    _, ref = someone(world)
    first, second = happen(world, ref, "One"), happen(world, ref, "Two")
    world.run()
    edited, gone = (Ref(TASK, crm_id_for("c1", TASK, each, 0)) for each in (first, second))
    world.crm.edit(edited, {TITLE: "Mine now"})
    world.crm.delete(gone)
    ours = world.commits["crm"]
    world.engine.enqueue(Command(key="walk-1", op="walk", payload={"feed": "partner:event"}))
    world.engine.enqueue(Command(key="initial", op="initial"))
    world.run(3)
    assert [one["title"] for one in timeline(world)] == ["Mine now"]
    assert world.commits["crm"] == ours
    assert world.commits["partner"] == 1, "nothing of it is an echo: the person alone was ever written there"


def test_somebody_unlinked_is_named_and_costs_no_row_and_no_link_and_comes_when_he_is_linked() -> None:
    world = rig()
    someone(world)
    stranger = world.partner.create(PERSON, {MAIL: "stranger@example.org"})
    world.engine = replace(
        world.engine,
        connection=replace(world.engine.connection, entities=(ACTIVITY, {**ENTITY, "creates": ["partner"]})),
    )
    for _ in range(3):
        happen(world, stranger)
    world.run(2)
    assert timeline(world) == []
    assert world.journal.counts["skipped:person_not_linked"] == 3
    assert not any(name.startswith("activity.") and count for name, count in counts(world).items())
    row = world.crm.create(CONTACT, {MAIL: "stranger@example.org", NAME: "S"})
    world.run(2)
    assert timeline(world) == []
    next_day(world)
    assert [one["who"] for one in timeline(world)] == [row] * 3
    told = world.partner_system.calls["changes"]
    next_day(world)
    assert len(timeline(world)) == 3
    assert world.partner_system.calls["changes"] - told <= 6, "nothing was left behind: nothing is gone through again"


def counts(world: Rig) -> Mapping[str, int]:
    held = world.lane.acquire("counts", 60)
    assert held is not None
    found = dict(held.counts)
    held.release(None, {})
    return found


def test_nothing_of_an_erased_person_reappears() -> None:
    world = rig()
    row, ref = someone(world)
    key = record_key(world.engine.digester, "c1", Side.PARTNER, ref)
    world.engine = replace(world.engine, suppressed=lambda: frozenset({key}))
    happen(world, ref)
    world.run(2)
    assert timeline(world) == []
    assert world.journal.counts["skipped:suppressed"] >= 1
    assert world.crm_system.row(row) is not None


def test_an_entry_without_a_person_is_listed_and_stops_nothing() -> None:
    world = rig()
    _, ref = someone(world)
    happen(world, None, "Nobody")
    happen(world, ref, "Good")
    world.run()
    assert [one["title"] for one in timeline(world)] == ["Good"]
    assert world.journal.counts["failed:required_empty"] == 1
    assert world.lane.commands() == [], "no word waits for an entry that cannot be asked for"


def test_what_dynamics_refuses_is_listed_and_made_when_the_log_is_gone_through_again() -> None:
    limits = {TITLE: 5, WHAT: 3}
    world = rig(limits=limits)
    _, ref = someone(world)
    happen(world, ref, "Too long", "yes")
    happen(world, ref, "Short", "longer")
    world.run()
    assert [(one["title"], one.get("what")) for one in timeline(world)] == [("Short", None)]
    assert world.journal.counts["failed:rejected"] == 1
    assert world.journal.counts["failed:field_rejected"] == 1
    assert world.lane.commands() == []
    world.crm_system.designs[TASK] = replace(world.crm_system.designs[TASK], secret_limits={})
    next_day(world)
    assert sorted(str(one["title"]) for one in timeline(world)) == ["Short", "Too long"]
    (refused,) = [one for one in world.journal.outcomes if one.code == "failed:rejected"]
    assert refused.link in world.journal.healed


def test_a_text_too_long_for_the_row_is_cut() -> None:
    world = rig()
    _, ref = someone(world)
    happen(world, ref, "A title that is far too long for the row")
    world.run(2)
    assert [one["title"] for one in timeline(world)] == ["A title that is far "]


def test_the_initial_sync_writes_to_the_partner_only_and_the_next_run_brings_what_was_done() -> None:
    world = rig({"initial_one_way": True})
    world.crm.create(CONTACT, {MAIL: "a@example.org", NAME: "A"})
    ref = world.partner.create(PERSON, {MAIL: "a@example.org", NAME: "A"})
    happen(world, ref)
    world.run()
    assert timeline(world) == []
    world.run()
    assert len(timeline(world)) == 1


class Refusing:
    """A partner that does not tell one kind."""

    def __init__(self, real: Connector, fault: SyncError) -> None:
        self._real, self.fault = real, fault

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def changes(self, kind: Kind, cursor: object, fields: object) -> object:
        if kind == EVENT and self.fault is not None:
            raise self.fault
        return self._real.changes(kind, cursor, fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("fault", [AuthError("no", code="access_denied"), Rejected("no", code="unknown_kind")])
def test_a_log_that_may_not_be_read_is_named_and_nothing_else_stops(fault: SyncError) -> None:
    world = rig()
    _, ref = someone(world)
    happen(world, ref)
    whole = world.engine.partner
    world.engine = replace(world.engine, partner=Refusing(whole, fault))  # type: ignore[arg-type]
    world.crm.create(CONTACT, {MAIL: "new@example.org", NAME: "New"})
    world.run()
    assert "new@example.org" in [person["mail"] for person in world.people()]
    (told,) = [one for one in world.journal.outcomes if one.code == "failed:feed_refused"]
    assert (told.entity, told.vendor_code) == ("activity", fault.code)
    world.engine = replace(world.engine, partner=whole)
    world.run()
    assert len(timeline(world)) == 1
    assert told.link in world.journal.healed


def test_a_log_that_fails_time_after_time_holds_nothing_else_up() -> None:
    world = rig()
    _, ref = someone(world)
    happen(world, ref)
    whole = world.engine.partner
    world.engine = replace(world.engine, partner=Refusing(whole, Transient("down", code="http_503")))  # type: ignore[arg-type]
    for number in range(6):
        world.crm.create(CONTACT, {MAIL: f"new{number}@example.org", NAME: "New"})
        world.run()
        world.clock.advance(400)
    assert world.journal.counts["failed:feed_refused"] >= 1
    mails = {person["mail"] for person in world.people()}
    assert {f"new{number}@example.org" for number in range(5)} <= mails
    world.engine = replace(world.engine, partner=whole)
    world.run(2)
    assert len(timeline(world)) == 1


def test_a_fault_of_dynamics_is_not_told_as_one_of_the_partners_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the rows of a log meet on the other side stops the connection, as with any row."""
    world = rig()
    _, ref = someone(world)
    happen(world, ref)
    write = world.engine.crm.write

    def refused(writes: Sequence[Write]) -> Sequence[WriteResult]:
        if writes[0].ref.kind == TASK:
            raise AuthError("no", code="privilege_missing")
        return write(writes)

    with monkeypatch.context() as patch:
        patch.setattr(world.engine.crm, "write", refused)
        world.run()
    assert world.lane.peek().facts["broken"] == "privilege_missing"
    assert "failed:feed_refused" not in world.journal.counts
    world.engine.enqueue(Command(key="resume", op="resume"))
    world.run(2)
    assert len(timeline(world)) == 1


def test_a_dry_run_counts_them_and_writes_nothing() -> None:
    world = rig()
    _, ref = someone(world)
    happen(world, ref)
    plan = rehearse(world.engine)
    assert [change.entity for change in plan.samples] == ["activity"]
    assert timeline(world) == []
    world.run()
    assert rehearse(world.engine).samples == []


def test_a_lost_answer_makes_nothing_twice() -> None:
    world = rig()
    _, ref = someone(world)
    for number in range(7):
        happen(world, ref, f"Event {number}")
    world.crm_system.answers_to_lose = 1
    world.run(4)
    assert sorted(str(one["title"]) for one in timeline(world)) == [f"Event {number}" for number in range(7)]


def test_asking_for_one_entry_goes_through_the_log_again() -> None:
    world = rig()
    stranger = world.partner.create(PERSON, {MAIL: "s@example.org"})
    world.run()
    event = happen(world, stranger)
    before = len(timeline(world))
    world.run()
    ask = Command(key="look-1", op="look", side=Side.PARTNER, ref=event)
    world.engine.enqueue(ask)
    world.run(2)
    assert len(timeline(world)) == max(1, before)
    assert world.lane.commands() == []


def test_thousands_told_twice_in_any_order_with_kills_are_there_once() -> None:
    """The state is as it was before a page whose worker died; the rows it made are there."""
    world, chance = rig(), random.Random(5)
    people = [someone(world, number)[1] for number in range(3)]
    for number in range(400):
        happen(world, chance.choice(people), f"E{number}")
        if chance.random() < 0.1:
            world.engine.enqueue(Command(key=f"walk-{number}", op="walk", payload={"feed": "partner:event"}))
        if chance.random() < 0.05:
            world.crm_system.answers_to_lose = 1
            world.run()
    world.run(6)
    assert sorted(str(one["title"]) for one in timeline(world)) == sorted(f"E{number}" for number in range(400))
