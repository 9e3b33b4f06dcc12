"""`make demo`: the day is played whole, with fewer people; the tutorial tells the same day."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.demo.day import Day
from cli.demo.play import DemoOptions, play
from cli.demo.stories.activecampaign.cast import Cast
from cli.demo.story import Setting
from cli.demo.world import Simulators
from cli.main import dynasync
from shared.state import envelope
from tests.app.dump import Dump
from tests.fakes.ingestion import ingestion
from tests.pace import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs/tutorials/demo.md"

pytestmark = [pytest.mark.storage, pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("demo")]


@dataclass(slots=True)
class Left:
    """What the app had stored, sent and logged when the day was over, and what was in both systems by then."""

    dump: Dump = field(default_factory=Dump)
    names: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    certificate: dict[str, Any] = field(default_factory=dict)

    def look(self, day: Day) -> None:
        for table in ("contact", "lead", "account"):
            for row in day.sims.control("dataverse", "GET", f"state?table={table}&limit=10000")["rows"]:
                self._person({str(name): value for name, value in row.items()})
        for kind in ("contacts", "accounts"):
            for row in day.sims.control("activecampaign", "GET", f"state?kind={kind}&limit=1000")[kind]:
                self._person({str(name).lower(): value for name, value in row.items()})
        hooks = str(day.api.call("GET", f"connections/{day.connection}/hooks"))
        self.others |= {day.records.settings["DYNASYNC_STATE_KEY"], day.host.host_key}
        self.others |= set(re.findall(r"[\w-]{30,}", hooks)) - {day.connection}
        asked = day.api.call("POST", "erasures", {"email": min(self.emails), "dynamics": True})
        self.dump.storage(day.host.storage_connection)  # while their address lies sealed in a job
        self.certificate = self._ended(day, str(asked["id"]))
        self.dump.storage(day.host.storage_connection)  # and when nothing of them is left
        self.dump.add("certificate", str(self.certificate))
        self.dump.add("log", "\n".join(day.host.logs()))

    def _ended(self, day: Day, erasure: str) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while (found := day.api.call("GET", f"erasures/{erasure}"))["status"] == "Running":
            assert time.monotonic() < end, found
            assert day.host.admin_invoke("tick") == 202
            time.sleep(1)
        return dict(found)

    def _person(self, row: Mapping[str, Any]) -> None:
        self.names |= {str(row[name]) for name in ("firstname", "lastname", "fullname", "name") if row.get(name)}
        self.others |= {str(row[name]) for name in ("phone", "telephone1", "mobilephone") if row.get(name)}
        self.emails |= {str(row[name]) for name in ("email", "emailaddress1") if row.get(name)}


LEFT = Left()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The day as `python -m cli demo` plays it; beside that, all that the app leaves behind is gathered."""
    storage = tmp_path_factory.mktemp("storage")
    cast: list[str] = []
    with ingestion() as telemetry, pytest.MonkeyPatch.context() as patch:

        def watched(options: DemoOptions) -> int:
            more = {"storage": storage, "settings": telemetry.settings, "at_end": LEFT.look}
            return play(replace(options, **more))  # type: ignore[arg-type]

        def remembered(self: Cast, sims: Simulators, setting: Setting) -> str:
            cast.extend((self.secret, self.api_key))
            return seed(self, sims, setting)

        seed = Cast.seed
        patch.setattr(Cast, "seed", remembered)
        patch.setattr("cli.demo.play.play", watched)
        ran = CliRunner().invoke(dynasync, ["demo", "--people", "80", "--json"])
        LEFT.dump.add("telemetry", bytes(telemetry.raw))
    LEFT.others |= set(cast)
    LEFT.dump.folder(storage)
    assert ran.stdout, ran.exception
    found: dict[str, Any] = json.loads(ran.stdout)
    assert ran.exit_code == (0 if found["passed"] else 1)
    return found


@pytest.mark.feature("APP-08.2")
def test_the_day_goes_as_told_and_every_difference_has_its_reason(played: dict[str, Any]) -> None:
    assert [event for event in played["events"] if event["problems"]] == []
    assert played["differences"] == []
    assert played["passed"]
    assert all(item["code"] for item in played["apart"])


@pytest.mark.feature("HUB-09.1", system="activecampaign")
@pytest.mark.feature("HUB-10.2", system="activecampaign")
def test_both_sides_edits_survive_and_a_conflict_keeps_both_values(played: dict[str, Any]) -> None:
    by_name = {event["event"]: event for event in played["events"]}
    both = by_name["one person, edited on both sides: the name here, the phone there"]
    assert "wrote telephone1 to Dynamics 365" in both["did"]
    assert "wrote lastName to ActiveCampaign" in both["did"]
    clash = by_name["one phone number, changed on both sides"]
    assert "Both values are kept: Dynamics 365 +00 555 222222, the partner +00 555 333333." in clash["why"]


def test_the_tutorials_table_tells_the_events_of_the_day_in_their_order(played: dict[str, Any]) -> None:
    told = re.findall(r"^\| (\d\d:\d\d) \| (.+?) \| ", TUTORIAL.read_text(), re.MULTILINE)

    def bare(text: str) -> str:
        """The numbers of phones follow the number of people."""
        return re.sub(r"while \d+ phones", "while N phones", text)

    assert [(run, bare(event)) for run, event in told] == [
        (event["run"], bare(event["event"])) for event in played["events"]
    ]


def test_every_option_that_the_tutorial_names_exists() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    named = set(re.findall(r'ARGS="(--[a-z]+)', TUTORIAL.read_text() + (ROOT / "README.md").read_text()))
    assert named
    assert [option for option in named if option not in ran.stdout] == []


@pytest.mark.feature("HUB-21.1", system="activecampaign")
def test_nobody_of_the_day_is_readable_in_what_the_app_leaves_behind(played: dict[str, Any]) -> None:
    dump = LEFT.dump
    assert LEFT.certificate["status"] == "Succeeded"
    assert [part["dynamicsDeleted"] for part in LEFT.certificate["parts"]] == [True]
    told = {where: b" ".join(part for place, part in dump.parts if place == where) for where, _ in dump.parts}
    kept = ("lanes", "runs", "conflicts", "images", "failures", "connections", "secrets", "audit", "jobs", "suppressed")
    assert told.keys() >= {f"table dynasync{name}" for name in kept}
    assert b"slice_done" in told["log"]
    assert b"sync_work" in told["telemetry"]
    assert any(b"traceparent" in data for where, data in told.items() if where.startswith("file "))  # messages
    assert min(len(LEFT.names), len(LEFT.emails), len(LEFT.others)) > 40
    phones = {re.sub(r"\D", "", text) for text in LEFT.others if text.startswith("+")}
    assert dump.tells(names=LEFT.names, others=LEFT.others | LEFT.emails, numbers=phones) == []
    shapes = re.compile(rb"[\w.+-]{3,}@(?!odata)[\w-]{3,}\.[\w.]{2,}|eyJ[\w-]{20,}\.[\w-]{20,}|Bearer [\w.-]{16,}")
    assert [(where, shapes.findall(part)[:2]) for where, part in dump.parts if shapes.search(part)] == []
    tables = Dump([item for item in dump.parts if item[0].startswith("table")])
    assert tables.guessable(sorted(LEFT.emails)[:12]) == []


PACKED: Mapping[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "row": envelope.pack,
    "base64": lambda text: base64.b64encode(text.encode()),
    "gzip": lambda text: gzip.compress(text.encode()),
    "wide": lambda text: text.encode("utf-16-le"),
}


@pytest.mark.parametrize("how", PACKED)
def test_a_name_that_is_packed_would_be_found(how: str) -> None:
    text = "filler " * 600 + '{"name": "Zanahoria", "email": "zana@example.org"}' + " filler" * 600
    dump = Dump()
    dump.add("row", PACKED[how](text))
    assert len(dump.tells(names=["Zanahoria"], others=["ZANA@example.org"])) == 2
    dump.add("row", sha256(b"zana@example.org").hexdigest())
    assert dump.guessable(["Zana@example.org"]) == ["row"]


@pytest.mark.parametrize(
    ("told", "found"), [("+009990029", 1), ('"009990029"', 1), ("12.009990029", 0), ("17009990029", 0)]
)
def test_a_number_counts_where_it_stands_alone(told: str, found: int) -> None:
    dump = Dump()
    dump.add("row", f"took {told} then".encode())
    assert len(dump.tells(names=(), others=(), numbers=["009990029"])) == found
