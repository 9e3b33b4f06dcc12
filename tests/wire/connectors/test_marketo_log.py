"""What Dynamics refused, as custom activities of Marketo: the type, its check, its making, and lost answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from shared.connectors.marketo.connector import MarketoConnector
from shared.connectors.marketo.rejections import RejectionLog
from shared.domain.records import FieldName, Kind, Ref, RemoteId
from shared.errors import OutcomeUnknown, SyncError
from shared.ports.connector import CheckState, CheckStep
from shared.ports.logbook import Notice
from simulators.frame import Authority
from tests.wire.connectors.marketo import Subscription, subscription

pytestmark = pytest.mark.feature("MK-06", system="marketo")
LEAD, EMAIL = Kind("lead"), FieldName("email")
OWN = "dynRefused"


@pytest.fixture
def marketo(ca: Authority) -> Iterator[Subscription]:
    with subscription(ca) as made:
        yield made


def connector(made: Subscription) -> MarketoConnector:
    assert isinstance(made.connector, MarketoConnector)
    return made.connector


def step(made: Subscription) -> CheckStep:
    return next(each for each in made.connector.check() if each.name == "rejection_log")


def person(made: Subscription, number: int = 1) -> RemoteId:
    return made.create({EMAIL: f"p{number}@example.com"})


def notice(row: RemoteId, key: str = "k1", **facts: str) -> Notice:
    return Notice(
        key=key,
        link="ab",
        ref=Ref(LEAD, row),
        crm=Ref(Kind("contact"), RemoteId("5f2b1c1e-0000-4000-8000-000000000001")),
        at=datetime(2026, 10, 14, 14, 30, tzinfo=UTC),
        entity="contact",
        code=facts.get("code", "0x80040265"),
        message=facts.get("message", "The credit limit is too high"),
        field=facts.get("field", "annualRevenue"),
    )


def test_a_refusal_stands_in_the_persons_log_with_what_dynamics_said(marketo: Subscription) -> None:
    row = person(marketo)
    assert connector(marketo).note([notice(row)]) == {"k1"}
    (activity,) = marketo.activities()
    assert (activity["lead"], activity["primary"], activity["at"]) == (int(row), "0x80040265", "2026-10-14T14:30:00Z")
    assert activity["attributes"] == {
        "Entity": "contact",
        "Field": "annualRevenue",
        "Message": "The credit limit is too high",
        "Row": "5f2b1c1e-0000-4000-8000-000000000001",
        "Notice": "k1",
    }


def test_a_lost_answer_is_looked_up_before_it_is_told_again(marketo: Subscription) -> None:
    rows = [person(marketo, number) for number in range(70)]
    notices = [notice(row, f"k{row}") for row in rows]
    marketo.server.host.faults.add([{"match": {"path": "external.json$", "times": 1}, "do": "drop_after"}])
    with pytest.raises(OutcomeUnknown):
        connector(marketo).note(notices)
    later = notice(rows[0], "later")
    told = connector(marketo).note([*notices, later], [each.key for each in notices])
    assert told == {each.key for each in [*notices, later]}
    assert len(marketo.activities()) == 71


def test_three_hundred_go_in_a_call_and_who_is_gone_needs_nothing_told(marketo: Subscription) -> None:
    rows = [person(marketo, number) for number in range(301)]
    marketo.delete(rows[5])
    marketo.around.counts.clear()
    told = connector(marketo).note([notice(row, f"k{row}") for row in rows])
    assert len(told) == 301
    assert len(marketo.activities()) == 300
    assert marketo.around.calls("marketo") == {"rejections": 2, "activity type": 1}


def test_the_check_names_a_type_that_is_missing_a_draft_and_one_that_lacks_attributes(ca: Authority) -> None:
    with subscription(ca, rejection_activity=OWN) as made:
        missing = step(made)
        assert missing.state is CheckState.SKIPPED, "it is made when the sync is switched on"
        assert "switching the sync on makes it" in missing.reason
        assert "Marketo Custom Activities" in missing.next_step
        assert connector(made).note([notice(person(made))]) == frozenset(), "nothing is lost: it is told later"
        names = {"apiName": OWN, "name": "R", "triggerName": "t", "filterName": "f"}
        primary = {"apiName": "reason", "name": "Reason"}
        made.system.seed({"activityTypes": [{**names, "primaryAttribute": primary, "approved": False}]})
        assert (step(made).state, step(made).code) == (CheckState.FAILED, "no_activity_type")
        assert "not approved" in step(made).reason
        client = connector(made).client
        client.post(f"activities/external/type/{OWN}/approve.json", "test", {})
        assert "lacks the attributes entity, field, message, row, notice" in step(made).reason


def test_a_new_connection_makes_its_type_and_leaves_one_that_is_there_alone(ca: Authority) -> None:
    with subscription(ca, rejection_activity=OWN) as made:
        connector(made).prepare([LEAD])
        assert step(made).state is CheckState.PASSED
        types = made.system.state({"kind": "types"})["types"]
        assert [each["status"] for each in types if each["apiName"] == OWN] == ["approved"]
        made.around.counts.clear()
        connector(made).prepare([LEAD])
        assert made.around.calls("marketo") == {"activity type": 1}
        assert connector(made).note([notice(person(made))]) == {"k1"}


@pytest.mark.parametrize("broken", ["attributes/create", "approve"])
def test_a_type_that_was_half_made_is_finished_by_the_next_try(ca: Authority, broken: str) -> None:
    with subscription(ca, rejection_activity=OWN) as made:
        made.server.host.faults.add([{"match": {"path": broken, "times": 1}, "do": {"status": 500}}])
        with pytest.raises(SyncError):
            connector(made).prepare([LEAD])
        assert step(made).code == "no_activity_type"
        connector(made).prepare([LEAD])
        assert step(made).state is CheckState.PASSED


def test_without_a_type_nothing_is_asked_or_told(ca: Authority) -> None:
    with subscription(ca, rejection_activity="") as made:
        assert not made.connector.capabilities.keeps_log
        assert step(made).state is CheckState.SKIPPED
        made.around.counts.clear()
        connector(made).prepare([LEAD])
        assert made.around.calls("marketo") == {}


def test_a_type_that_vanished_is_asked_for_again_each_time(marketo: Subscription) -> None:
    row = person(marketo)
    book = RejectionLog(connector(marketo).client, marketo.around.surroundings.memo, "notThere")
    for _ in range(2):
        marketo.around.counts.clear()
        assert book.note([notice(row)], ()) == frozenset()
        assert marketo.around.calls("marketo") == {"activity type": 1}
