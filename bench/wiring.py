"""An engine between two simulators, wired as `shared.bootstrap` wires it, with the parts a bench wants to hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import requests

from bench.people import Fields
from shared.connectors import registry
from shared.connectors.activecampaign.defaults import CONTACT, PUSHED
from shared.connectors.surroundings import Memo, Surroundings
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.identity import Digester
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
from tests.fakes.ids import FakeIds

PAIR = (CONTACT, PUSHED)


class Told:
    """A journal that keeps the counters of the run."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.state = ""

    def begin_run(self, *_: object, **__: object) -> None:
        self.counts.clear()

    def tell(self, run_id: str, part: str, outcomes: object, counts: Mapping[str, int], *, unless: str = "") -> None:
        del run_id, part, outcomes
        self.counts.update(counts)

    def conflicts(self, *_: object) -> None: ...

    def well(self, *_: object) -> None: ...

    def end_run(self, run_id: str, *, state: str, **_: object) -> None:
        del run_id
        self.state = state


class Keys:
    """The two secrets of the connection."""

    def secret(self, name: str) -> str:
        return {"crm-secret": SECRET, "ac-key": DEFAULT_KEY}[name]


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
    fields: Fields, urls: Mapping[str, str], around: Around, *, include: bool, options: Options | None = None
) -> Engine:
    """The engine of a connection of contacts with these fields. `urls` are those of the simulators by name."""
    ids = FakeIds()
    runtime = Runtime(session=around.session, clock=around.clock, jitter=ids.jitter, observers=list(around.observers))
    hosts = {name: url.removeprefix("https://") for name, url in urls.items()}
    connection = ConnectionConfig(
        id="bench",
        name="bench",
        system="activecampaign",
        crm={
            "url": urls["dataverse"],
            "tenant": TENANT,
            "client_id": APPLICATION,
            "secret": "crm-secret",
            "authority": hosts["entra"],
        },
        partner={
            "url": urls["activecampaign"],
            "key": "ac-key",
            "custom_values": "include" if include else "feed",
        },
        entities=(fields.entity(),),
        switch=Switch.ON,
    )

    def side(name: str) -> Connector:
        surroundings = Surroundings(
            runtime=runtime,
            budget=around.budgets[name],
            secrets=Keys(),
            tokens=TokenPool(),
            memo=Memo(around.clock.monotonic),
            trusted_hosts=frozenset(hosts.values()),
            labels=frozenset(PAIR),
        )
        settings = connection.crm if name == registry.CRM else connection.partner
        return registry.build(name, settings, surroundings)

    return Engine(
        connection=connection,
        crm=side(registry.CRM),
        partner=side("activecampaign"),
        lane=LaneStore(around.store, LaneId("bench"), clock=around.clock, ids=ids),
        clock=around.clock,
        ids=ids,
        digester=Digester(b"b" * 32),
        journal=around.journal,
        options=options or Options(initial_one_way=True),
    )
