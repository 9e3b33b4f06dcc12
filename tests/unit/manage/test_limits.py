"""A request that meets a limit."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from shared.azure.requests import TableRequests
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.records import Kind, Ref, RemoteId
from shared.errors import Throttled
from shared.manage.contact_requests import ContactRequests
from shared.ports.requests import ContactRequest, RequestState
from tests.fakes.clock import FakeClock
from tests.fakes.partition_store import MemoryPartitionStore


@pytest.mark.feature("HUB-17.2")
@pytest.mark.parametrize(("before", "after"), [("", "waiting:limit"), ("waiting:slot", "waiting:slot")])
def test_it_is_held_as_long_as_it_was_asked_to_wait_and_knows_what_it_waits_for_besides(
    before: str, after: str
) -> None:
    clock = FakeClock()
    lane = SimpleNamespace(peek=lambda: SimpleNamespace(facts={}))
    systems: Any = SimpleNamespace(lane=lambda _: lane, partner=lambda _: SimpleNamespace(identity=lambda: ""))

    def enrol(request: ContactRequest) -> ContactRequest:
        raise Throttled("later", retry_after=40, scope="account")

    config: Any = SimpleNamespace(id="c" * 32, switch=Switch.ON, partner_identity="")
    typed: ConnectionConfig = config
    store = TableRequests(MemoryPartitionStore(clock), typed.id)
    asked = ContactRequest(
        id="a" * 32,
        entity="contact",
        ref=Ref(Kind("contact"), RemoteId("1")),
        state=RequestState.QUEUED,
        at=clock.now(),
        changed=clock.now(),
        automation="7",
        code=before,
    )
    store.open(asked)
    requests = ContactRequests(
        config=typed, store=store, systems=systems, clock=clock, round_up=lambda when: when, enrol=enrol
    )
    found = requests.work(asked.id, 1)
    assert found is not None
    assert (found.state, found.code, found.run_at) == (RequestState.HELD, after, clock.now() + timedelta(seconds=40))
