"""The background worker dies by SIGKILL at random moments, while people are made and edited on both sides.

Judged by the simulators' own write logs and by both systems as they are at the end: nothing lost, nothing doubled.
`python -m tests.app.kills --kills 50` is the soak; `test_kills.py` plays a short one.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from cli.demo.day import Day, DayClock
from cli.demo.people import generated
from cli.demo.verify import contacts, write_log
from cli.demo.world import Simulators, app, crm_side, seed, simulators

LEASE = 8.0  # seconds until a dead worker's lane is taken over; a minute in life
_PATIENCE = 1800.0  # seconds for a run in which the worker dies again and again
FIELDS = {"firstname": "firstName", "lastname": "lastName", "telephone1": "phone"}
LEAD_TAGS = ("D365: Lead", "D365: Pulled from ActiveCampaign")


@dataclass(slots=True)
class Killer:
    """Kills the worker when it has been at work for a random while, so many times in all."""

    day: Day
    draw: random.Random
    left: int
    done: int = 0
    _next: float = 0.0

    def strike(self) -> bool:
        """Called a few times a second; True when no kills are left."""
        now = time.monotonic()
        if not self.left:
            return True
        if not self.day.status()["running"]:
            self._next = 0.0
        elif not self._next:
            self._next = now + self.draw.uniform(0.2, 4.0)
        elif now >= self._next:
            self.day.host.kill_worker("background")
            self.left, self.done = self.left - 1, self.done + 1
            # The dead worker's lease still counts as running: the next one is at work after it.
            self._next = now + LEASE + self.draw.uniform(1.0, 6.0)
        return not self.left


@dataclass(slots=True)
class Ledger:
    """What people did, and what both sides must hold because of it. It shares no code with the product."""

    sims: Simulators
    draw: random.Random
    people: dict[str, dict[str, str]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    leads: dict[str, dict[str, str]] = field(default_factory=dict)
    edits: Counter[str] = field(default_factory=Counter)

    def fill(self, count: int) -> dict[str, str]:
        rows = list(generated(count))
        keys = seed(self.sims, rows)
        self.people = {row["emailaddress1"]: dict(row) for row in rows}
        page: Any = self.sims.control("dataverse", "GET", "state?table=contact&limit=10000")
        self.ids = {row["emailaddress1"]: row["contactid"] for row in page["rows"]}
        return keys

    def edit(self, round_: int, count: int) -> None:
        """Other phones in Dynamics, other last names in ActiveCampaign, new leads there; each value is unique."""
        chosen = self.draw.sample(sorted(self.people), 2 * count)
        for number, email in enumerate(chosen):
            word = f"{round_}-{number}-{self.draw.randrange(10**6)}"
            if number % 2:
                self.people[email]["telephone1"] = f"+{word}"
                spec = {"table": "contact", "id": self.ids[email], "values": {"telephone1": f"+{word}"}}
                self.sims.control("dataverse", "POST", "do/edit", spec)
            else:
                self.people[email]["lastname"] = f"Name {word}"
                self._act("edit_contact", contact=email, lastName=f"Name {word}")
            self.edits[word] = 1
        for number in range(max(1, count // 10)):
            lead = {
                "email": f"lead{round_}.{number}@example.org",
                "firstName": "Ada",
                "lastName": f"Lead {round_}-{number}",
            }
            self._act("create_contact", **lead)
            for tag in LEAD_TAGS:
                self._act("add_tag", contact=lead["email"], tag=tag)
            self.leads[lead["email"]] = lead

    def _act(self, act: str, **spec: object) -> None:
        self.sims.control("activecampaign", "POST", f"do/{act}", spec)

    # -- judging -------------------------------------------------------------------------------------------------------

    def findings(self) -> list[str]:
        return [*self._state(), *self._logs()]

    def _state(self) -> list[str]:
        found: list[str] = []
        partner = {str(row["email"]).lower(): row for row in contacts(self.sims)}
        rows: Any = self.sims.control("dataverse", "GET", "state?table=contact&limit=10000")["rows"]
        leads: Any = self.sims.control("dataverse", "GET", "state?table=lead&limit=10000")["rows"]
        crm = {row["emailaddress1"]: row for row in rows}
        if len(rows) != len(self.people) or len(leads) != len(self.leads):
            found.append(
                f"{len(rows)} contacts and {len(leads)} leads in Dynamics, not {len(self.people)} and {len(self.leads)}"
            )
        if len(partner) != len(self.people) + len(self.leads):
            found.append(f"{len(partner)} contacts in ActiveCampaign, not {len(self.people) + len(self.leads)}")
        for number, (email, wanted) in enumerate(self.people.items()):
            for column, name in FIELDS.items():
                held = crm.get(email, {}).get(column), partner.get(email, {}).get(name)
                if held != (wanted[column], wanted[column]):
                    found.append(f"person {number}, {column}: an edit is lost")
        by_email = {row.get("emailaddress1"): row for row in leads}
        for number, (email, wanted) in enumerate(self.leads.items()):
            if by_email.get(email, {}).get("lastname") != wanted["lastName"]:
                found.append(f"lead {number} did not reach Dynamics")
        return found

    def _logs(self) -> list[str]:
        """By the vendors' logs: every person and every lead made once, every edit carried over once."""
        partner = [row for row in write_log(self.sims, "activecampaign") if row["who"].startswith(("api:", "import:"))]
        crm = [row for row in write_log(self.sims, "dataverse") if row["who"].startswith("# dynasync")]
        made = [row for row in partner if row["kind"] == "contact" and row["op"] == "create"]
        rows = [row for row in crm if row["op"] == "create"]
        found = []
        if len(made) != len(self.people):
            found.append(f"{len(made)} contacts made in ActiveCampaign, not {len(self.people)}")
        if len(rows) != len(self.leads):
            found.append(f"{len(rows)} rows made in Dynamics, not {len(self.leads)}")
        times: Counter[str] = Counter()
        for row in [*partner, *crm]:
            for values in row["changed"].values():
                text = str(values[1]).removeprefix("+").removeprefix("Name ")
                times[text] += row["op"] == "update" and text in self.edits
        doubled = [word for word, count in times.items() if count > 1]
        return found + ([f"{len(doubled)} edits were carried over more than once"] if doubled else [])


@dataclass(frozen=True, slots=True)
class Figures:
    """What a soak came to. `findings` must be empty."""

    kills: int
    runs: int
    people: int
    edits: int
    leads: int
    empty_writes: int
    seconds: float
    findings: list[str]

    def __str__(self) -> str:
        return (
            f"{self.kills} kills in {self.runs} runs, {self.seconds:.0f} s: {self.people} people made, "
            f"{self.edits} edits carried over, {self.leads} leads made; "
            f"{self.empty_writes} writes that changed nothing; {len(self.findings)} findings"
        )


def soak(sims: Simulators, folder: Path, *, kills: int, people: int, seed_of: int) -> Figures:
    """People are loaded and edited until so many kills were made; then two runs in peace, and the judgement."""
    began, draw = time.monotonic(), random.Random(seed_of)
    ledger = Ledger(sims, draw)
    keys = ledger.fill(people)
    sims.control("activecampaign", "POST", "latency", {"ms": 100})
    clock = DayClock(folder / "clock.json", sims)
    try:
        with app(sims, port=0, clock_file=clock.file, keep=folder / "storage", queue_lease=LEASE / 2) as host:
            clock.to_morning()
            day = Day.of(sims, host, clock, "")
            day.connection = _connect(day, sims, keys)
            killer = Killer(day, draw, kills)
            day.next_run(killer.strike, _PATIENCE)
            round_ = 0
            while killer.left or not round_:
                round_ += 1
                ledger.edit(round_, min(150, people // 4))
                day.next_run(killer.strike, _PATIENCE)
            for _ in range(2):
                day.next_run()
            return Figures(
                kills=killer.done,
                runs=len(day.runs),
                people=people,
                edits=len(ledger.edits),
                leads=len(ledger.leads),
                empty_writes=_empty(sims),
                seconds=time.monotonic() - began,
                findings=ledger.findings(),
            )
    finally:
        sims.control("activecampaign", "POST", "latency", {"ms": 0})
        for system in sims.urls:
            sims.control(system, "POST", "clock", {"offset": 0})


def _connect(day: Day, sims: Simulators, keys: Mapping[str, str]) -> str:
    crm = crm_side(sims, keys["client_secret"])
    partner = {"url": sims.urls["activecampaign"], "secrets": {"key": keys["api_key"]}}
    body = {"name": "Kills", "system": "activecampaign", "crm": crm, "partner": partner}
    made = day.api.call("POST", "connections", {**body, "options": {"lease_seconds": LEASE}})
    day.api.call("PATCH", f"connections/{made['id']}", {"switch": "on"})
    return str(made["id"])


def _empty(sims: Simulators) -> int:
    """Updates of a contact that left it as it was, by ActiveCampaign's log."""
    log = write_log(sims, "activecampaign")
    return sum(row["op"] == "update" and row["kind"] == "contact" and not row["changed"] for row in log)


@click.command()
@click.option("--kills", default=50, help="How often the worker dies.")
@click.option("--people", default=2000, help="How many people are loaded.")
@click.option("--seed", default=1, help="Seed of the moments and of the edits.")
def main(kills: int, people: int, seed: int) -> None:
    """Kill the worker at random moments, and see that nothing is lost and nothing doubled."""
    with simulators() as sims, tempfile.TemporaryDirectory(prefix="dynasync-kills-") as folder:
        figures = soak(sims, Path(folder), kills=kills, people=people, seed_of=seed)
    print(figures)
    for finding in figures.findings[:20]:
        print(f"  {finding}")
    sys.exit(1 if figures.findings else 0)


if __name__ == "__main__":
    main()
