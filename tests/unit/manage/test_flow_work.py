"""A page of a flow step whose own write is refused: each person is told what it was, and nobody else is stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.azure.flow import TableFlow
from shared.azure.sealed import Sealer
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.records import Kind, Ref, RemoteId, Side
from shared.errors import AuthError, ConfigError, Rejected, SyncError
from shared.manage.flow_steps import FlowSteps, Worked
from shared.ports.flow import Choices, Job, PeoplePage, Person, Phase, Told
from shared.state.lane import LaneStore
from shared.state.model import Command, LaneId
from tests.contract.flow_contract import ANSWER, KEY, call
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.partition_store import MemoryPartitionStore

ROW = Ref(Kind("lead"), RemoteId("row"))


class Refusing:
    """A step whose own write Dynamics refuses as a whole."""

    name, own_write = "createTask", True

    def __init__(self, error: SyncError) -> None:
        self._error = error

    def wrong(self, choices: Choices) -> Told | None:
        return Told("failed:unusable_choice") if "subject" not in choices else None

    def making(self, choices: Choices) -> None:
        return None

    def names(self, choices: Choices) -> Sequence[Ref]:
        return []

    def do(self, crm: object, jobs: Sequence[Job]) -> Mapping[RemoteId, Told]:
        raise self._error


def worked(error: SyncError) -> tuple[Worked, dict[str, Person]]:
    """One page with somebody whose row is there, somebody the lane is asked for, one settled before, and one whom the
    round settles itself."""
    clock = FakeClock()
    store = MemoryPartitionStore(clock)
    lane = LaneStore(store, LaneId("conn1"), clock=clock, ids=FakeIds())
    flow = TableFlow(MemoryPartitionStore(clock), "conn1", Sealer(KEY, "flow steps"))
    new = Person(id=RemoteId("1"), choice=0, live=True)
    people = (
        replace(new, phase=Phase.THERE, crm=ROW),
        replace(new, id=RemoteId("2"), phase=Phase.ASKED, code="waiting:make"),
        replace(new, id=RemoteId("3"), phase=Phase.DONE, code="created", crm=ROW),
        replace(new, id=RemoteId("4"), choice=1),
    )
    asked = call(pages=1, total=4, at=clock.now())
    flow.open(asked, [PeoplePage(number=0, people=people, choices=({"subject": "Call"}, {}))], ANSWER, again=False)
    ref = Ref(Kind("lead"), RemoteId("2"))
    lane.put_commands([Command(key=f"flow-{asked.id}-2", op="make", side=Side.PARTNER, ref=ref)])
    config = ConnectionConfig(id="conn1", name="Test", system="marketo", crm={}, partner={}, switch=Switch.ON)
    steps = FlowSteps(
        config=config,
        store=flow,
        partner=cast("Any", SimpleNamespace(kind="lead", makes=(), step=lambda name: Refusing(error))),
        systems=cast("Any", SimpleNamespace(lane=lambda name: lane)),
        crm=lambda: cast("Any", SimpleNamespace()),
        clock=clock,
        round_up=lambda now: now,
    )
    found = steps.work(asked.id, 0)
    page = flow.page(asked.id, 0)
    assert page is not None
    return found, {person.id: person for person in page.people}


@pytest.mark.feature("MK-12.1", system="marketo")
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AuthError("prvCreateTask is missing", code="missing_privilege"), "failed:privilege_missing"),
        (Rejected("no such campaign", code="unknown_kind"), "failed:rejected"),
    ],
)
def test_a_refused_step_is_told_as_what_it_is_and_to_nobody_else(error: SyncError, code: str) -> None:
    found, people = worked(error)
    assert (people["1"].phase, people["1"].code, people["1"].message) == (Phase.DONE, code, str(error))
    assert people["2"].phase is Phase.ASKED
    assert (people["3"].code, people["3"].message) == ("created", "")
    assert people["4"].code == "failed:unusable_choice"
    assert not found.due


@pytest.mark.feature("MK-12.1", system="marketo")
@pytest.mark.parametrize("error", [AuthError("no user", code="no_app_user"), ConfigError("wrong address")])
def test_a_connection_that_stopped_stops_everybody_who_is_left(error: SyncError) -> None:
    found, people = worked(error)
    assert [people[name].code for name in "1234"] == [
        "failed:stopped",
        "failed:stopped",
        "created",
        "failed:unusable_choice",
    ]
    assert found.due
