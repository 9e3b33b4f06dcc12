"""Two simulated systems on one driven clock, the engine between them, and people's hands on both sides.

A scenario lets people act (`crm`, `ac`), lets the scheduled runs happen (`run`), and looks at what both systems hold,
what their own write logs say of us (`ours`), and what the engine told (`codes`, `conflicts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from shared.connectors.activecampaign.defaults import CONTACT, PULLED, PUSHED, default_entities
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.identity import Digester, Link
from shared.domain.records import FieldName, Kind, RemoteId
from shared.domain.schedule import next_due, parse_rhythm
from shared.ports.connector import Connector
from shared.state.lane import LaneStore
from shared.state.model import Command, LaneId, LaneView
from shared.sync.engine import Engine
from shared.sync.options import parse_options
from simulators.activecampaign import DEFAULT_KEY, ActiveCampaign
from simulators.dataverse import build
from simulators.dataverse.tokens import SECRET
from simulators.frame import Authority, Clock, serve, serve_all
from tests.fakes.ids import FakeIds
from tests.fakes.partition_store import MemoryPartitionStore
from tests.unit.sync.rig import MemoryJournal
from tests.wire.connectors.activecampaign import START, Account
from tests.wire.connectors.dynamics import COLUMNS, Organisation
from tests.wire.connectors.support import Around

PUSHED_PAIR = (CONTACT, PUSHED)
PULLED_PAIR = (CONTACT, PULLED)

TITLE = {"id": "title", "crm": "jobtitle", "partner": "field:1"}
NOTES = {"id": "notes", "crm": "description", "partner": "field:2"}
BIRTHDAY = {"id": "birthday", "crm": "birthdate", "partner": "field:5"}
MET = {"id": "met", "crm": "new_metat", "partner": "field:6"}
SCORE = {"id": "score", "crm": "new_score", "partner": "field:7"}
TOPICS = {
    "id": "topics",
    "crm": "new_topics",
    "partner": "field:4",
    "values": {"100000001": "a", "100000002": "b", "100000003": "c"},
}
LANGUAGE = {
    "id": "language",
    "crm": "gendercode",
    "partner": "field:3",
    "values": {"1": "en", "2": "es"},
}
_HUB = {"dataverse": ("# dynasync",), "activecampaign": ("api", "import")}
_SLICES = 200


class Twist:
    """A connector with something odd about it: `twists` replace its methods, each gets the real one and its arguments.

    A twist is used while it is set; `before_write` is called before each write is sent.
    """

    def __init__(self, real: Connector) -> None:
        self._real = real
        self.twists: dict[str, Callable[..., Any]] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        twist = self.twists.get(name)
        return found if twist is None else lambda *args: twist(found, *args)

    def labelled(self, *args: Any) -> Any:
        """Stands here by name: what a connector can do is asked of its class."""
        return self.__getattr__("labelled")(*args)

    def before(self, method: str, act: Callable[[], object], times: int = 1) -> None:
        """Somebody acts just before so many calls of `method` (those of a create, an update, a read...)."""
        left = [times]

        def twist(real: Callable[..., Any], *args: Any) -> Any:
            if left[0]:
                left[0] -= 1
                act()
            return real(*args)

        self.twists[method] = twist


class World:
    """One connection between one organisation and one account."""

    def __init__(self, org: Organisation, account: Account, entities: Sequence[Mapping[str, object]], **how: Any):
        self.crm, self.ac = org, account
        self.clock = org.around.clock
        self.store = MemoryPartitionStore(self.clock)
        self.journal = MemoryJournal()
        self.ids = FakeIds()
        self.name = str(how.get("name", "c1"))
        self.lane = LaneStore(self.store, LaneId(self.name, "main"), clock=self.clock, ids=self.ids)
        self._marks = {"dataverse": 0, "activecampaign": 0}
        self.on_crm, self.on_ac = Twist(org.connector), Twist(account.connector)
        options = {"initial_one_way": True, **how.get("options", {})}
        self.engine = Engine(
            connection=ConnectionConfig(
                id=self.name,
                name="Scenario",
                system="activecampaign",
                crm={},
                partner={},
                entities=tuple(entities),
                switch=Switch.ON,
            ),
            crm=cast("Connector", self.on_crm),
            partner=cast("Connector", self.on_ac),
            lane=self.lane,
            clock=self.clock,
            ids=self.ids,
            digester=Digester(b"k" * 32),
            journal=self.journal,
            options=parse_options(options),
        )

    # -- time and runs -------------------------------------------------------------------------------------------------

    def slice(self, owner: str = "w1") -> bool:
        """One queue message's work; answers whether it worked at all."""
        return self.engine.run_slice(owner).ran

    def run(self, cycles: int = 1, *, pause: float = 3600.0) -> None:
        """So many scheduled runs, an hour apart: slices until the run is over or the connection stopped."""
        for _ in range(cycles):
            for _ in range(_SLICES):
                result = self.engine.run_slice("w1")
                facts = self.lane.peek().facts
                if facts.get("broken") or (not result.more and not facts.get("run")):
                    break
                if not result.more and result.not_before is not None:
                    wait = (result.not_before - self.clock.now()).total_seconds()
                    self.advance(max(0.0, wait))
            else:
                raise AssertionError("a run that does not end")
            self.advance(pause)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.ac.system.agenda.run_due()
        for system in self.crm.systems.values():
            system.agenda.run_due()

    def restart(self, **changes: Any) -> None:
        """A fresh process with other settings of the connection: nothing is remembered but the lane."""
        self.crm.around.memo.clear()
        self.ac.around.memo.clear()
        self.engine = replace(self.engine, connection=replace(self.engine.connection, **changes), schemas={})

    def keep_rhythm(self, rhythm: Mapping[str, object]) -> None:
        """Runs start at their slots only, as the application has them."""
        parsed = parse_rhythm(rhythm)

        def due(facts: Mapping[str, object], now: datetime) -> tuple[datetime, str]:
            ended = facts.get("last_end")
            last_end = datetime.fromisoformat(ended) if isinstance(ended, str) else None
            found = next_due(parsed, last_slot=str(facts.get("last_slot", "")), last_end=last_end, now=now)
            return found.when, found.slot

        self.engine = replace(self.engine, due=due, round_up=parsed.round_up)

    def forget_state(self) -> None:
        """The state store is emptied."""
        self.store = MemoryPartitionStore(self.clock)
        self.lane = LaneStore(self.store, LaneId(self.name, "main"), clock=self.clock, ids=self.ids)
        self.engine = replace(self.engine, lane=self.lane, schemas={})

    def command(self, op: str, key: str = "by-hand") -> None:
        self.engine.enqueue(Command(key=key, op=op))

    # -- people's hands ------------------------------------------------------------------------------------------------

    def row(self, number: int = 1, table: str = "contact", **values: Any) -> str:
        """A person typed into Dynamics."""
        plain = {"emailaddress1": f"ann{number}@example.org", "firstname": "Ann", "lastname": f"Lee {number}"}
        made = self.crm.system.act("create", {"table": table, "values": {**plain, **values}})
        return str(made["id"])

    def edit_row(self, row: str, table: str = "contact", **values: Any) -> None:
        self.crm.system.act("edit", {"table": table, "id": row, "values": values})

    def delete_row(self, row: str, table: str = "contact") -> None:
        self.crm.system.act("delete", {"table": table, "id": row})

    def restore_row(self, row: str, table: str = "contact") -> None:
        self.crm.system.act("restore", {"table": table, "id": row})

    def get_row(self, row: str, table: str = "contacts") -> dict[str, Any] | None:
        found = self.crm.call("GET", f"{table}({row})")
        return dict(found) if found is not None else None

    def rows(self) -> list[dict[str, Any]]:
        return [found for row in self.crm.rows() if (found := self.get_row(row)) is not None]

    def person(self, number: int = 1, *, tags: Sequence[str] = (), **values: Any) -> str:
        """A person typed into ActiveCampaign."""
        plain = {"email": f"ann{number}@example.org", "firstName": "Ann", "lastName": f"Lee {number}"}
        made = self.ac.system.act("create_contact", {**plain, **values})
        for tag in tags:
            self.tag(str(made["id"]), tag)
        return str(made["id"])

    def tag(self, person: str, tag: str) -> None:
        if tag not in {row["tag"] for row in self.ac.system.tenant.tags}:
            self.ac.system.seed({"tags": [tag]})
        self.ac.system.act("add_tag", {"contact": person, "tag": tag})

    def untag(self, person: str, tag: str) -> None:
        self.ac.system.act("remove_tag", {"contact": person, "tag": tag})

    def edit_person(self, person: str, **values: Any) -> None:
        self.ac.system.act("edit_contact", {"contact": person, **values})

    def delete_person(self, person: str) -> None:
        self.ac.system.act("delete_contact", {"contact": person})

    def people(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ac.system.state({"kind": "contacts", "limit": "1000"})["contacts"]
        return found

    def get_person(self, person: str) -> dict[str, Any] | None:
        found: list[dict[str, Any]] = self.ac.system.state({"kind": "contacts", "ids": person})["contacts"]
        return found[0] if found else None

    def person_with(self, email: str) -> dict[str, Any]:
        (found,) = [row for row in self.people() if str(row["email"]).lower() == email.lower()]
        return found

    def pair(self, number: int = 1, **values: Any) -> tuple[str, str]:
        """A linked pair, made by a first run from Dynamics; the write logs are marked afterwards."""
        row = self.row(number, **values)
        self.run(2)
        email = str(values.get("emailaddress1", f"ann{number}@example.org"))
        person = str(self.person_with(email)["id"])
        self.mark()
        return row, person

    # -- what happened -------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        """From here on `ours`, `codes` and `conflicts` count."""
        for name, system in (("dataverse", self.crm.system), ("activecampaign", self.ac.system)):
            page = system.writes.page(limit=10**6)
            self._marks[name] = page[-1]["seq"] if page else 0
        self.journal.outcomes.clear()
        self.journal.entries.clear()

    def writes(self, system: str, *kinds: str) -> list[dict[str, Any]]:
        """What the system's write log holds since the mark, whoever wrote it."""
        of = self.crm.system if system == "dataverse" else self.ac.system
        page = of.writes.page(after=self._marks[system], limit=10**6)
        return [row for row in page if not kinds or row["kind"] in kinds]

    def ours(self, system: str = "") -> list[dict[str, Any]]:
        """Of those, what this connection wrote."""
        systems = [system] if system else list(self._marks)
        return [row for name in systems for row in self.writes(name) if _by_us(name, row["who"])]

    def codes(self, prefix: str = "") -> list[str]:
        return [outcome.code for outcome in self.journal.outcomes if outcome.code.startswith(prefix)]

    @property
    def conflicts(self) -> list[Any]:
        return self.journal.entries

    def links(self) -> list[Link]:
        return list(self.lane.reader().scan_links())

    def link(self, row: str) -> Link:
        (found,) = [link for link in self.links() if link.crm.id == row.lower()]
        return found

    @property
    def view(self) -> LaneView:
        return self.lane.peek()

    def broken(self) -> str:
        return str(self.view.facts.get("broken") or "")

    def calls(self, system: str) -> int:
        host = self.crm.server.host if system == "dataverse" else self.ac.server.host
        return int(host.calls.counts()["total"])

    def fault(self, system: str, do: object, **match: object) -> None:
        host = self.crm.server.host if system == "dataverse" else self.ac.server.host
        host.faults.add([{"match": match, "do": do}])

    def heal(self) -> None:
        for host in (self.crm.server.host, self.ac.server.host):
            host.faults.clear()
        self.heal_budgets()

    def heal_budgets(self) -> None:
        """Nobody is made to wait any more."""
        self.crm.around.budget.open()
        self.ac.around.budget.open()


def _by_us(system: str, who: str) -> bool:
    return who.startswith(_HUB[system])


def entities(
    *fields: Mapping[str, object], only: str = "contact", policies: Mapping[str, object] | None = None, **changes: Any
) -> list[Mapping[str, object]]:
    """The product's own entity maps for people, with further fields, other policies by field id, other settings."""
    found: list[Mapping[str, object]] = []
    for item in default_entities():
        if only and item["name"] != only:
            continue
        given = {field["partner"] for field in fields}
        own: Sequence[Mapping[str, object]] = item["fields"]  # type: ignore[assignment]
        rows = [dict(field) for field in [*(row for row in own if row["partner"] not in given), *fields]]
        for row in rows:
            if row["id"] in (policies or {}):
                row["policy"] = (policies or {})[row["id"]]
        found.append({**item, "fields": rows, **changes})
    return found


@contextmanager
def world(
    ca: Authority,
    maps: Sequence[Mapping[str, object]] | None = None,
    *,
    switches: Mapping[str, Any] | None = None,
    crm_switches: Mapping[str, Any] | None = None,
    seeds: Mapping[str, Any] | None = None,
    options: Mapping[str, object] | None = None,
    settings: Mapping[str, object] | None = None,
    crm_settings: Mapping[str, object] | None = None,
) -> Iterator[World]:
    """Empty systems; their clock stands still until the scenario moves it."""
    clock = Clock()
    clock.set_now(START, frozen=True)
    systems: dict[str, Any] = dict(build(clock))
    systems["dataverse"].switches.set(dict(crm_switches or {}))
    systems["dataverse"].seed({"columns": dict(COLUMNS), **(seeds or {})})
    account = ActiveCampaign(clock)
    account.switches.set({"requests_per_second": 0, "bulk_seconds_per_contact": 0.002, **(switches or {})})
    systems["activecampaign"] = account
    servers = serve_all(systems, 0, ca)
    try:
        hosts = frozenset(f"127.0.0.1:{server.port}" for server in servers.values())
        around = Around(clock, trusted=hosts, secrets={"crm-secret": SECRET})
        labels = frozenset({*PUSHED_PAIR, *PULLED_PAIR, "D365: Lead"})
        beside = Around(clock, trusted=hosts, secrets={"ac-key": DEFAULT_KEY}, labels=labels, driven=around.clock)
        org = Organisation(servers, systems, around, **(crm_settings or {}))
        yield World(
            org,
            Account(servers["activecampaign"], account, beside, **(settings or {})),
            maps if maps is not None else entities(),
            options=options or {},
        )
    finally:
        for server in servers.values():
            server.close()


@contextmanager
def two_worlds(ca: Authority, maps: Sequence[Mapping[str, object]]) -> Iterator[tuple[World, World]]:
    """Two connections of one organisation, each with an account of its own, on one clock."""
    with world(ca, maps) as first:
        clock = first.ac.system.clock
        account = ActiveCampaign(clock)
        account.switches.set({"requests_per_second": 0, "bulk_seconds_per_contact": 0.002})
        with serve(account, ca=ca) as server:
            around = Around(
                clock,
                trusted=frozenset({f"127.0.0.1:{server.port}"}),
                secrets={"ac-key": DEFAULT_KEY},
                labels=frozenset({*PUSHED_PAIR, *PULLED_PAIR}),
                driven=first.clock,
            )
            yield first, World(first.crm, Account(server, account, around), maps, name="c2")


__all__ = ["FieldName", "Kind", "RemoteId", "World", "entities", "world"]
