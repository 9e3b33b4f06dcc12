"""Many new people by bulk import: when, how many calls, what becomes of each, and a line that is full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from shared.connectors.marketo.errors import Refusal, raise_for
from shared.domain.records import FieldName, Kind, Ref, RemoteId, Value
from shared.errors import Throttled, Transient
from shared.ports.connector import Op, Outcome, Settled, Ticket, Write, WriteResult
from simulators.frame import Authority
from tests.wire.connectors.marketo import Subscription, subscription

pytestmark = pytest.mark.feature("MK-11.6", system="marketo")
LEAD = Kind("lead")
EMAIL, FIRST, MOTTO, MET = (FieldName(name) for name in ("email", "firstName", "motto", "metAt"))
N = 1000


@pytest.fixture
def marketo(ca: Authority) -> Iterator[Subscription]:
    with subscription(ca) as made:
        made.connector.describe(LEAD)
        made.around.counts.clear()
        yield made


def address(number: int) -> str:
    return f"p{number}@example.com"


def create(number: int, **fields: Value | None) -> Write:
    named = {EMAIL: address(number), FIRST: f"A {number}"} | {FieldName(name): value for name, value in fields.items()}
    return Write(key=f"k{number}", op=Op.CREATE, ref=Ref(LEAD, RemoteId("")), fields=named, match=address(number))


def outcomes(results: Any) -> Mapping[Outcome, int]:
    return {each: sum(result.outcome is each for result in results) for each in {result.outcome for result in results}}


def settled(made: Subscription, results: list[WriteResult]) -> list[Settled]:
    tickets = list(dict.fromkeys(result.ticket for result in results if result.ticket))
    for _ in range(20):
        found = made.connector.settle(tickets)
        if not any(one.running for one in found):
            return list(found)
        made.advance(5)
    raise AssertionError("the imports do not end")


def people(made: Subscription) -> int:
    return int(made.system.state({})["counts"]["leads"])


def write(made: Subscription, writes: list[Write]) -> list[WriteResult]:
    results = list(made.connector.write(writes))
    assert [result.key for result in results] == [each.key for each in writes]
    return results


def test_a_thousand_new_people_take_one_file_and_one_question(marketo: Subscription) -> None:
    results = write(marketo, [create(number, motto=f"m, \"{number}\"; 'x'", metAt=None) for number in range(N)])
    assert outcomes(results) == {Outcome.ACCEPTED: N}
    for _ in range(3):
        marketo.advance(5)
    assert settled(marketo, results) == [Settled(ticket=Ticket("1001"), running=False)]
    calls = marketo.around.calls("marketo")
    print(f"{N} new people: {sum(calls.values())} calls {calls}; by calls of 300: {-(-N // 300)}")
    assert calls == {"import": 1, "outcomes": 1}
    assert people(marketo) == N
    row = marketo.system.state({"kind": "leads", "email": address(7)})["leads"][0]["values"]
    assert (row["firstName"], row["motto"]) == ("A 7", "m, \"7\"; 'x'")


def test_few_go_by_call_and_so_does_what_a_file_would_change(marketo: Subscription) -> None:
    assert outcomes(write(marketo, [create(number) for number in range(599)])) == {Outcome.APPLIED: 599}
    assert marketo.around.calls("marketo") == {"create": 2}
    odd = ["null", " edge", "two\nlines", "tab\tbed", "zero\u200bwidth"]
    writes = [create(1000 + number) for number in range(600)]
    writes += [create(2000 + number, motto=text) for number, text in enumerate(odd)]
    results = write(marketo, writes)
    assert outcomes(results[:600]) == {Outcome.ACCEPTED: 600}
    assert outcomes(results[600:]) == {Outcome.APPLIED: len(odd)}
    for number, text in enumerate(odd):
        found = marketo.system.state({"kind": "leads", "email": address(2000 + number)})["leads"][0]["values"]
        assert found["motto"] == text


def test_who_is_failed_or_warned_about_is_named_by_address(marketo: Subscription) -> None:
    for _ in range(2):
        marketo.create({EMAIL: address(3)})
    marketo.system.act("remove_field", {"name": "motto"})
    writes = [create(number, **({"motto": "gone"} if number == 5 else {})) for number in range(600)]
    results = write(marketo, writes)
    (answer,) = settled(marketo, results)
    assert answer.refused[address(3)] == "several_match"
    assert set(answer.refused.values()) == {"several_match", "import_warning"}
    assert marketo.around.calls("marketo")["outcomes"] >= 3


def test_an_address_twice_and_one_outside_ascii_are_answered_for_themselves(marketo: Subscription) -> None:
    twice = Write(key="twice", op=Op.CREATE, ref=Ref(LEAD, RemoteId("")), fields={EMAIL: "P1@example.com"}, match="x")
    bad = create(700, email="jörg@example.com")
    results = {each.key: each for each in write(marketo, [*(create(number) for number in range(600)), twice, bad])}
    assert (results["twice"].outcome, results["twice"].code) == (Outcome.NOT_TRIED, "same_email_in_call")
    assert (results["k700"].outcome, results["k700"].code) == (Outcome.REJECTED, "non_ascii_email")
    assert results["k1"].outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(("code", "name"), [("1016", "import_queue_full"), ("1029", "export_queue_full")])
def test_a_full_line_has_a_name_and_is_worth_another_try(code: str, name: str) -> None:
    error = raise_for(Refusal(code, "Too many jobs (10) in queue"), "to import people")
    assert isinstance(error, Transient)
    assert (error.code, error.retry_after) == (name, 60)
    assert "Nothing to do" in error.next_step


def test_while_the_line_is_full_people_go_by_calls_and_the_line_is_left_alone(marketo: Subscription) -> None:
    client: Any = marketo.connector
    for number in range(10):
        client.client.upload("leads.json", "other", [("format", "csv")], f"email\nother{number}@example.com\n".encode())
    marketo.around.counts.clear()
    assert outcomes(write(marketo, [create(number) for number in range(600)])) == {Outcome.APPLIED: 600}
    assert marketo.around.calls("marketo") == {"import": 1, "create": 2}
    assert outcomes(write(marketo, [create(number) for number in range(1000, 1600)])) == {Outcome.APPLIED: 600}
    assert marketo.around.calls("marketo") == {"import": 1, "create": 4}, "nobody asks again for ten minutes"
    for _ in range(41):
        marketo.advance(15)
    assert outcomes(write(marketo, [create(number) for number in range(2000, 2600)])) == {Outcome.ACCEPTED: 600}


def test_a_lost_answer_is_unknown_and_a_batch_nobody_knows_is_lost(marketo: Subscription) -> None:
    marketo.server.host.faults.add([{"match": {"path": "^/bulk/", "times": 1}, "do": "drop_after"}])
    assert outcomes(write(marketo, [create(number) for number in range(600)])) == {Outcome.UNKNOWN: 600}
    assert marketo.connector.settle([Ticket("4711")]) == [Settled(ticket=Ticket("4711"), running=False, lost=True)]


def test_an_import_that_fails_as_a_whole_is_lost_and_its_people_go_by_calls(marketo: Subscription) -> None:
    results = write(marketo, [create(number) for number in range(600)])
    failed = {"requestId": "x", "success": True, "result": [{"batchId": 1001, "status": "Failed", "message": "no"}]}
    marketo.server.host.faults.add([{"match": {"path": "batch/", "times": 1}, "do": {"status": 200, "body": failed}}])
    (answer,) = settled(marketo, results)
    assert answer.lost
    assert outcomes(write(marketo, [create(number) for number in range(1000, 1600)])) == {Outcome.APPLIED: 600}


def test_limits_and_dead_tokens_are_met_here_as_everywhere(marketo: Subscription) -> None:
    marketo.system.act("end_tokens", {"how": "expired"})
    results = write(marketo, [create(number) for number in range(600)])
    assert outcomes(results) == {Outcome.ACCEPTED: 600}
    marketo.system.act("spend", {"calls": 50_000, "quota_only": True})
    with pytest.raises(Throttled) as raised:
        write(marketo, [create(number) for number in range(1000, 1600)])
    assert "607" in str(raised.value)
