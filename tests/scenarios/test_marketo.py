"""Scenarios that only Marketo can tell: its tokens, its quota, its rate, its addresses."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.azure.budgets import SharedBudget
from shared.connectors import registry
from shared.connectors.marketo.defaults import LIMIT
from shared.domain.identity import LinkState
from shared.domain.records import FieldName, Kind, Ref, RemoteId
from shared.errors import Throttled
from shared.http.budget import Rate
from shared.ports.connector import Op, Outcome, Write
from simulators.frame import Authority
from tests.fakes.partition_store import MemoryPartitionStore
from tests.scenarios.marketo import MarketoWorld, marketo_world
from tests.wire.connectors.marketo import subscription

Make = Callable[..., MarketoWorld]


@pytest.fixture
def marketo(ca: Authority) -> Iterator[Make]:
    with ExitStack() as stack:

        def made(**how: Any) -> MarketoWorld:
            return stack.enter_context(marketo_world(ca, **how))

        yield made


def refusal(code: str, times: int = 0) -> dict[str, Any]:
    """HTTP 200 that says no, for so many calls (0: for all)."""
    body = {"requestId": "x", "success": False, "errors": [{"code": code, "message": "no"}]}
    return {"match": {"path": "^/(rest|bulk)/", "times": times}, "do": {"status": 200, "body": body}}


def loaded(world: MarketoWorld, count: int = 3) -> list[str]:
    rows = [world.row(number) for number in range(count)]
    world.run(2)
    world.mark()
    return rows


@pytest.mark.feature("MK-11.2", system="marketo")
def test_F07_one_refused_token_is_renewed_once_and_a_second_refusal_pauses_the_connection(marketo: Make) -> None:
    world = marketo()
    rows = loaded(world)
    faults = world.ac.server.host.faults
    world.run(pause=60.0)
    world.edit_row(rows[0], firstname="Anna")
    world.ac.around.counts.clear()
    faults.add([refusal("601", 1)])
    world.run(pause=60.0)
    assert world.ac.around.calls("marketo")["token"] == 1
    assert world.person_with("ann0@example.org")["firstName"] == "Anna"
    assert world.broken() == ""
    faults.add([refusal("601")])
    world.edit_row(rows[1], firstname="Anna")
    world.run()
    assert world.broken() == "bad_token"
    calls = world.calls("activecampaign")
    world.advance(86_400)
    world.run(3)
    assert world.calls("activecampaign") == calls  # nobody asks again and again
    world.heal()
    world.command("resume")
    world.run(2)
    assert world.person_with("ann1@example.org")["firstName"] == "Anna"
    assert world.broken() == ""


@pytest.mark.feature("MK-11.4", system="marketo")
@pytest.mark.parametrize(
    ("at", "midnight"),
    [
        ("2026-11-01T15:00:00+00:00", "2026-11-02T06:00:00+00:00"),  # the clocks went back this morning
        ("2027-03-14T15:00:00+00:00", "2027-03-15T05:00:00+00:00"),  # and forward
        ("2026-07-01T15:00:00+00:00", "2026-07-02T05:00:00+00:00"),
    ],
)
def test_F08_a_spent_quota_closes_the_account_until_midnight_of_us_central_also_when_clocks_change(
    marketo: Make, at: str, midnight: str
) -> None:
    world = marketo(at=at)
    rows = loaded(world)
    world.clock.advance((datetime.fromisoformat(at) - world.clock.now()).total_seconds() + 8 * 3600)
    now = world.clock.now()
    assert now < datetime.fromisoformat(midnight)
    world.ac.system.act("spend", {"calls": 50_000, "quota_only": True})
    world.edit_row(rows[0], firstname="Anna")
    result = world.engine.run_slice("w1")
    assert result.not_before is not None
    assert abs((result.not_before - datetime.fromisoformat(midnight)).total_seconds()) < 120
    assert world.broken() == ""
    assert world.crm.connector.read(Kind("contact"), [RemoteId(rows[0])], [FieldName("firstname")])
    world.advance((result.not_before - world.clock.now()).total_seconds() + 1)
    world.run()
    assert world.person_with("ann0@example.org")["firstName"] == "Anna"
    assert world.clock.now().astimezone(UTC) > datetime.fromisoformat(midnight)


@pytest.mark.feature("MK-11.1", system="marketo")
def test_L03_eight_workers_stay_below_the_accounts_rate_together(ca: Authority) -> None:
    rate, pages, size = Rate(*LIMIT.share({})), 12, 100
    with subscription(ca, switches={"calls_per_window": 100}) as made:
        clock, store = made.around.clock, MemoryPartitionStore(made.around.clock)
        workers = []
        for number in range(8):
            budget = SharedBudget(store, "marketo", rate, clock=clock, worker=f"w{number}")
            around = replace(made.around.surroundings, budget=budget)
            workers.append(registry.build("marketo", made.settings, around))
        jobs = deque((number, page) for page in range(pages) for number in range(8))
        while jobs:
            number, page = jobs[0]
            try:
                results = workers[number].write(page_of(number, page, size))
            except Throttled as wait:
                jobs.rotate(-1)
                clock.advance(min(wait.retry_after, 0.5))
                continue
            assert {result.outcome for result in results} == {Outcome.APPLIED}
            jobs.popleft()
        assert made.system.tenant.limits.errors == {}, "no 606, no 615"
        assert made.system.state({})["counts"]["leads"] == 8 * pages * size


def page_of(worker: int, page: int, size: int) -> list[Write]:
    fields = {FieldName("firstName"): "x"}
    return [
        Write(
            key=str(n), op=Op.CREATE, ref=Ref(Kind("lead"), RemoteId("")), fields=fields, match=_mail(worker, page, n)
        )
        for n in range(size)
    ]


def _mail(worker: int, page: int, number: int) -> str:
    return f"p{worker}.{page}.{number}@example.com"


@pytest.mark.feature("HUB-08.6", system="marketo")
def test_B14_an_address_outside_ascii_parks_its_person_with_the_reason_and_the_others_go(marketo: Make) -> None:
    world = marketo()
    rows = [world.row(number) for number in range(3)]
    odd = world.row(9, emailaddress1="núria@example.org")
    world.run(2)
    assert {lead["email"] for lead in world.people()} == {f"ann{number}@example.org" for number in range(3)}
    link = world.link(odd)
    assert link.state is LinkState.PARKED
    assert "non_ascii_email" in set(link.parked.values())
    world.mark()
    world.edit_row(rows[0], firstname="Anna")
    world.run(26)
    assert world.person_with("ann0@example.org")["firstName"] == "Anna"
    assert [write["id"] for write in world.ours("marketo")] == [world.person_with("ann0@example.org")["id"]]
    world.edit_row(odd, emailaddress1="nuria@example.org")
    world.run(2)
    assert world.person_with("nuria@example.org")["lastName"] == "Lee 9"


@pytest.mark.feature("MK-11.2", system="marketo")
def test_C07_an_edit_before_the_last_look_survives_the_write_that_follows_it(marketo: Make) -> None:
    """What is edited between that look and the write is the window that the guarantees name: no condition, no proof."""
    world = marketo()
    rows = loaded(world, 1)
    lead = world.person_with("ann0@example.org")["id"]
    world.on_crm.before("changes", lambda: world.edit_person(lead, firstName="Theirs", phone="+00 7"))
    world.edit_row(rows[0], lastname="Ours")
    world.run(2)
    found, row = world.person_with("ann0@example.org"), world.get_row(rows[0]) or {}
    assert (found["firstName"], found["lastName"], found["phone"]) == ("Theirs", "Ours", "+00 7")
    assert (row["firstname"], row["lastname"], row["telephone1"]) == ("Theirs", "Ours", "+00 7")
