"""Adding a record to an automation where workers die, meet each other, and partners tell nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.azure.log_rows import packed
from shared.azure.requests import TableRequests
from shared.connectors import registry
from shared.connectors.activecampaign.connector import ActiveCampaignConnector
from shared.domain.connection import ConnectionConfig
from shared.domain.identity import LinkState
from shared.domain.records import FieldName, Kind, Ref, RemoteId
from shared.errors import OutcomeUnknown, Transient
from shared.manage.enrolling import Enrolling
from shared.ports.enrolling import Automation, Enrols, Entries
from shared.ports.requests import ContactRequest, RequestState
from shared.ports.state import Insert
from tests.fakes.clock import FakeClock
from tests.fakes.partition_store import MemoryPartitionStore

PERSON = RemoteId("7")


@dataclass
class Partner:
    """A system with one automation. `fault` is raised by the next call after its effect; `tells`: who is in there."""

    tells: bool = True
    entered: list[RemoteId] = field(default_factory=list)
    fault: Exception | None = None
    meanwhile: Callable[[], object] | None = None
    enrolled_kinds: frozenset[Kind] = frozenset({Kind("person")})
    consent_fields: frozenset[FieldName] = frozenset()

    def automations(self) -> Sequence[Automation]:
        return [Automation(id="a", name="Welcome", running=True)]

    def entries(self, automation: str, record: RemoteId) -> Entries | None:
        found = Entries(last=self.entered.count(record), inside=False) if self.tells else None
        if self.meanwhile is not None:
            once, self.meanwhile = self.meanwhile, None
            once()
        return found

    def enrol(self, automation: str, record: RemoteId) -> None:
        fault, self.fault = self.fault, None
        if not isinstance(fault, Transient):
            self.entered.append(record)
        if fault is not None:
            raise fault


class Desk:
    """The enrolments of one connection whose only row is linked, unless `link` is taken away."""

    def __init__(self, partner: Partner) -> None:
        self.clock = FakeClock()
        self.rows = MemoryPartitionStore(self.clock)
        self.store = TableRequests(self.rows, "c")
        self.link: Any = SimpleNamespace(state=LinkState.LINKED, partner=Ref(Kind("person"), PERSON))
        self.judged = "waiting:slot"
        self.commands: list[Any] = []
        name = {"id": "name", "crm": "fullname", "partner": "name"}
        entity = {"name": "person", "crm_kind": "contact", "partner_kind": "person", "match": "name", "fields": [name]}
        config = ConnectionConfig(id="c", name="C", system="s", crm={}, partner={}, entities=(entity,))
        compiled = SimpleNamespace(fields=())
        looked = SimpleNamespace(
            row=lambda entity, record: (compiled, SimpleNamespace(), self.link),
            by_id=lambda entity, side, record: SimpleNamespace(code=self.judged, partner=None),
        )
        self.enrolling = Enrolling(
            config=config,
            store=self.store,
            lane=cast("Any", SimpleNamespace(put_command=self.commands.append)),
            partner=lambda oldest: cast("Any", partner),
            looking=lambda: cast("Any", looked),
            clock=self.clock,
            round_up=lambda now: now + timedelta(hours=1),
        )

    def ask(self) -> ContactRequest:
        [(request, _)] = self.enrolling.receive("person", [RemoteId("r")], "a", "")
        return request

    def attempt(self) -> ContactRequest:
        """As the queue's worker does it: read, attempt, store."""
        request = self.store.get(self.ask().id)
        assert request is not None
        done = self.enrolling.attempt(request)
        self.store.save(done)
        return done


@pytest.mark.feature("AC-12.2")
def test_what_a_partner_does_not_tell_is_never_sent_twice() -> None:
    partner = Partner(tells=False, fault=OutcomeUnknown("lost"))
    desk = Desk(partner)
    assert desk.attempt().code == "waiting:answer"
    desk.clock.advance(121)
    assert desk.attempt().code == "failed:enrolment_unknown"
    assert partner.entered == [PERSON]


@pytest.mark.feature("AC-12.2")
@pytest.mark.parametrize("tells", [True, False])
def test_what_surely_was_not_sent_is_sent_again(tells: bool) -> None:
    partner = Partner(tells=tells, fault=Transient("later"))
    desk = Desk(partner)
    with pytest.raises(Transient):
        desk.attempt()
    assert partner.entered == []
    assert desk.attempt().code == "enrolled"
    assert partner.entered == [PERSON]


@pytest.mark.feature("AC-12.2")
@pytest.mark.parametrize("tells", [True, False])
def test_of_two_workers_at_one_request_one_adds_the_record(tells: bool) -> None:
    partner = Partner(tells=tells)
    desk = Desk(partner)
    partner.meanwhile = desk.attempt  # the other gets through while the first has looked and not yet begun
    with pytest.raises(Transient) as refused:
        desk.attempt()
    assert refused.value.code == "request_contended"
    assert partner.entered == [PERSON]


@pytest.mark.feature("AC-12.2")
def test_a_worker_that_may_be_at_it_still_is_waited_for() -> None:
    partner = Partner()
    desk = Desk(partner)
    begun = desk.store.begin(desk.ask(), seen=0, now=desk.clock.now())
    assert begun is not None
    held = desk.attempt()
    assert (held.state, held.code) == (RequestState.HELD, "waiting:answer")
    assert held.run_at == desk.clock.now() + timedelta(minutes=2)
    desk.clock.advance(60)
    partner.entered.append(PERSON)  # it was at it
    assert desk.attempt().code == "enrolled"
    assert partner.entered == [PERSON]


@pytest.mark.feature("AC-12.2")
def test_a_row_that_gets_no_counterpart_is_given_up_after_three_days() -> None:
    partner = Partner()
    desk = Desk(partner)
    desk.link = None
    first = desk.attempt()
    assert (first.state, first.run_at) == (RequestState.HELD, desk.clock.now() + timedelta(hours=1))
    assert [command.ref for command in desk.commands] == [Ref(Kind("contact"), RemoteId("r"))]
    desk.clock.advance(3600)
    assert desk.attempt().run_at == desk.clock.now() + timedelta(minutes=1)
    assert len(desk.commands) == 1  # asked for once: a later word would put it off
    desk.link = SimpleNamespace(state=LinkState.AWAITING, partner=None)
    assert desk.attempt().code == "waiting:id"
    desk.clock.advance(3 * 86400)
    assert desk.attempt().code == "failed:never_linked"
    assert partner.entered == []


def test_a_request_of_the_release_before_is_read() -> None:
    desk = Desk(Partner())
    now = desk.clock.now()
    old = ["lead", ["contact", "7"], "waiting", now, now, now, 1, "waiting:slot", "", "", ""]
    desk.rows.transact("c", [Insert("r-" + "0" * 32, packed(old))])
    found = desk.store.get("0" * 32)
    assert found is not None
    assert (found.entity, found.automation, found.seen, found.adding) == ("lead", "", None, None)
    assert desk.store.save(replace(found, state=RequestState.FINISHED))


@pytest.mark.parametrize("system", registry.systems())
def test_what_a_system_declares_is_what_its_connector_does(system: str) -> None:
    """Forms go by the declaration, requests by the connector."""
    connectors = {"activecampaign": ActiveCampaignConnector}
    declared = tuple(getattr(registry.defaults_of(system), "ENROLS", ()))
    connector = connectors.get(system)
    assert bool(declared) == (connector is not None)
    if connector is not None:
        one: Any = object.__new__(connector)
        assert isinstance(one, Enrols)
        assert one.enrolled_kinds == set(declared)
