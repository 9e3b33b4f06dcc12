"""Dynamics and a Marketo subscription on one driven clock, with the engine between them; see `world`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from shared.connectors.marketo.defaults import default_entities
from simulators.dataverse import build
from simulators.dataverse.tokens import SECRET
from simulators.frame import Authority, Clock, serve_all
from simulators.marketo import DEFAULT_SECRET, Marketo
from tests.scenarios.world import World
from tests.wire.connectors.dynamics import COLUMNS, Organisation
from tests.wire.connectors.marketo import START, Subscription
from tests.wire.connectors.support import Around

_OURS = ("api", "import")


class MarketoWorld(World):
    """A connection of contacts; the partner's people are Marketo's."""

    def people(self) -> list[dict[str, Any]]:
        """The values of everybody, with their ids."""
        shown = self.ac.system.state({"kind": "leads", "limit": "1000"})["leads"]
        return [{**row["values"], "id": str(row["id"])} for row in shown]

    def get_person(self, person: str) -> dict[str, Any] | None:
        return next((row for row in self.people() if row["id"] == person), None)

    def edit_person(self, person: str, **values: Any) -> None:
        self.ac.system.act("edit_lead", {"lead": int(person), "values": values})

    def ours(self, system: str = "") -> list[dict[str, Any]]:
        """What this connection wrote since the mark; `system` is "dataverse" or "marketo"."""
        named = "activecampaign" if system == "marketo" else system
        rows = [] if named == "activecampaign" else super().ours("dataverse")
        if named != "dataverse":
            rows += [row for row in self.writes("activecampaign") if str(row["who"]).startswith(_OURS)]
        return rows


def people() -> list[Mapping[str, object]]:
    """The product's own map of contacts, without what needs other tables."""
    (contact,) = [dict(item) for item in default_entities() if item["name"] == "contact"]
    fields: Any = contact["fields"]
    own = [field for field in fields if field["id"] not in {"company", "owner"}]
    return [{**contact, "fields": own, "parents": []}]


@contextmanager
def marketo_world(ca: Authority, *, at: str = "", switches: Mapping[str, Any] | None = None) -> Iterator[MarketoWorld]:
    """Empty systems; their clock stands at `at`, an ISO time, until the scenario moves it."""
    clock = Clock()
    clock.set_now(datetime.fromisoformat(at).timestamp() if at else START, frozen=True)
    systems: dict[str, Any] = dict(build(clock))
    systems["dataverse"].seed({"columns": dict(COLUMNS)})
    subscription = Marketo(clock)
    subscription.switches.set({"calls_per_window": 0, **(switches or {})})
    systems["marketo"] = subscription
    servers = serve_all(systems, 0, ca)
    try:
        hosts = frozenset(f"127.0.0.1:{server.port}" for server in servers.values())
        around = Around(clock, trusted=hosts, secrets={"crm-secret": SECRET})
        beside = Around(clock, trusted=hosts, secrets={"mk-secret": DEFAULT_SECRET}, driven=around.clock)
        org = Organisation(servers, systems, around)
        account: Any = Subscription(servers["marketo"], subscription, beside)
        made = MarketoWorld(org, account, people())
        made.restart(system="marketo")
        yield made
    finally:
        for server in servers.values():
            server.close()
