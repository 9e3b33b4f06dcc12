"""An engine between two simulators, wired as `shared.bootstrap` wires it, with the parts a bench wants to hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import requests

from bench.people import Fields
from shared.connectors import registry
from shared.connectors.activecampaign.defaults import CONTACT, PUSHED
from shared.connectors.surroundings import Memo, Surroundings
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.identity import Digester
from shared.domain.records import Side
from shared.http.calls import Observer
from shared.http.client import Runtime
from shared.http.entra import TokenPool
from shared.ports.ambient import Clock
from shared.ports.connector import Connector
from shared.ports.coordination import RequestBudget
from shared.ports.state import PartitionStore
from shared.state.lane import LaneStore
from shared.state.model import LaneId
from shared.sync.engine import Engine
from shared.sync.options import Options
from simulators.activecampaign import DEFAULT_KEY
from simulators.dataverse.tokens import APPLICATION, SECRET, TENANT
from simulators.marketo import DEFAULT_CLIENT, DEFAULT_SECRET
from tests.fakes.ids import FakeIds

PAIR = (CONTACT, PUSHED)


class Told:
    """A journal that keeps the counters of the run."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.state = ""

    def begin_run(self, *_: object, **__: object) -> None:
        self.counts.clear()

    def tell(self, run_id: str, part: str, outcomes: object, counts: Mapping[str, int], *, unless: str = "") -> bool:
        del run_id, part, outcomes, unless
        self.counts.update(counts)
        return True

    def conflicts(self, *_: object) -> None: ...

    def well(self, *_: object) -> None: ...

    def end_run(self, run_id: str, *, state: str, **_: object) -> None:
        del run_id
        self.state = state


class Keys:
    """The secrets of the connections, by the names that their settings use."""

    def secret(self, name: str) -> str:
        return {"crm-secret": SECRET, "ac-key": DEFAULT_KEY, "mk-secret": DEFAULT_SECRET}[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the engine is put between. `budgets` by system."""

    clock: Clock
    session: requests.Session
    store: PartitionStore
    budgets: Mapping[str, RequestBudget]
    observers: Sequence[Observer] = ()
    journal: Told = field(default_factory=Told)


def wire(
    fields: Fields,
    urls: Mapping[str, str],
    around: Around,
    *,
    include: bool,
    options: Options | None = None,
    dynamics: Mapping[str, object] = MappingProxyType({}),
) -> Engine:
    """The engine of a connection of contacts of ActiveCampaign with these fields; `dynamics` are further settings of
    that side."""
    partner = {"key": "ac-key", "custom_values": "include" if include else "feed"}
    found = between(
        "activecampaign",
        partner,
        urls,
        around,
        entities=(fields.entity(),),
        labels=frozenset(PAIR),
        dynamics=dynamics,
    )
    return found if options is None else replace(found, options=options)


def wire_marketo(
    urls: Mapping[str, str], around: Around, *, entities: Sequence[Mapping[str, object]], **partner: object
) -> Engine:
    """The engine of a connection of Marketo; `partner` are further settings of that side."""
    settings = {"client_id": DEFAULT_CLIENT, "client_secret": "mk-secret", "rejection_activity": "", **partner}
    return between("marketo", settings, urls, around, entities=entities)


def between(
    system: str,
    partner: Mapping[str, object],
    urls: Mapping[str, str],
    around: Around,
    *,
    entities: Sequence[Mapping[str, object]],
    labels: frozenset[str] = frozenset(),
    dynamics: Mapping[str, object] = MappingProxyType({}),
) -> Engine:
    """The engine of a connection with these settings of its partner. `urls` are those of the simulators by name."""
    ids = FakeIds()
    runtime = Runtime(session=around.session, clock=around.clock, jitter=ids.jitter, observers=list(around.observers))
    hosts = {name: url.removeprefix("https://") for name, url in urls.items()}
    crm = {
        "url": urls["dataverse"],
        "tenant": TENANT,
        "client_id": APPLICATION,
        "secret": "crm-secret",
        "authority": hosts["entra"],
        **dynamics,
    }
    connection = ConnectionConfig(
        id="bench",
        name="bench",
        system=system,
        crm=crm,
        partner={"url": urls[system], **partner},
        entities=tuple(entities),
        switch=Switch.ON,
    )
    tables = list(connection.kinds(Side.CRM))

    def side(name: str) -> Connector:
        surroundings = Surroundings(
            runtime=runtime,
            budget=around.budgets[name],
            secrets=Keys(),
            tokens=TokenPool(),
            memo=Memo(around.clock.monotonic),
            trusted_hosts=frozenset(hosts.values()),
            labels=labels,
        )
        settings = {**crm, "tables": tables} if name == registry.CRM else connection.partner
        return registry.build(name, settings, surroundings)

    return Engine(
        connection=connection,
        crm=side(registry.CRM),
        partner=side(system),
        lane=LaneStore(around.store, LaneId("bench"), clock=around.clock, ids=ids),
        clock=around.clock,
        ids=ids,
        digester=Digester(b"b" * 32),
        journal=around.journal,
        options=Options(initial_one_way=True),
    )
