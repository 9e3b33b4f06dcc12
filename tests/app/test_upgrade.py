"""An upgrade and the way back, played with the whole app: the release before, this one, and the one before again, on
one storage account, while people go on working on both sides.

`tests/data/release-before.tar.xz` is the app as it was at commit 1873c4b, when it first synchronised ActiveCampaign:
`git archive 1873c4b function_app.py functions shared host.json`, without the Marketo connector.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.demo.verify import write_log
from cli.demo.world import Simulators, app
from tests.app.conftest import FAST, World
from tests.app.test_care import row

pytestmark = [pytest.mark.storage, pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("app-two")]

ROOT = Path(__file__).resolve().parents[2]
RELEASE_BEFORE = ROOT / "tests" / "data" / "release-before.tar.xz"


class Releases:
    """One storage account, one state key and one clock, worked on by one release after the other."""

    def __init__(self, sims: Simulators, folder: Path) -> None:
        self.sims = sims
        self.folder = folder
        self.keys: dict[str, str] = {}
        self._state_key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.before = folder / "before"
        with tarfile.open(RELEASE_BEFORE) as packed:
            packed.extractall(self.before, filter="data")

    @contextlib.contextmanager
    def run(self, app_dir: Path) -> Iterator[World]:
        clock = self.folder / "clock.json"
        more = {"DYNASYNC_STATE_KEY": self._state_key, **FAST}
        with app(self.sims, port=0, clock_file=clock, keep=self.folder / "storage", app_dir=app_dir, **more) as host:
            yield World(self.sims, host, clock, self.keys)


def edit(world: World, email: str, *, here: str = "", there: str = "") -> None:
    """People change a last name in Dynamics, a first name in ActiveCampaign."""
    if here:
        change = {"table": "contact", "id": find_row(world, email)["contactid"], "values": {"lastname": here}}
        world.sims.control("dataverse", "POST", "do/edit", change)
    if there:
        world.ac("edit_contact", contact=find_person(world, email)["id"], firstName=there)


def find_row(world: World, email: str) -> dict[str, Any]:
    (found,) = [item for item in world.rows("contact") if str(item["emailaddress1"]).lower() == email.lower()]
    return found


def find_person(world: World, email: str) -> dict[str, Any]:
    (found,) = [item for item in world.contacts() if str(item["email"]).lower() == email.lower()]
    return found


def names(world: World, email: str) -> set[tuple[str, str]]:
    """First and last name as both sides have them: one pair when they agree."""
    ours, theirs = find_row(world, email), find_person(world, email)
    return {(ours["firstname"], ours["lastname"]), (theirs["firstName"], theirs["lastName"])}


def made(world: World) -> dict[str, list[str]]:
    """The people each system made, by its own write log."""
    return {
        system: [str(item["id"]) for item in write_log(world.sims, system) if (item["op"], item["kind"]) == MADE]
        for system in ("dataverse", "activecampaign")
    }


MADE = ("create", "contact")


def comes_to(world: World, connection: str, look: Callable[[], object], wanted: object) -> None:
    """The next run brings it, or the one after it, where a run was under way already when people acted."""
    world.next_run(connection)
    if look() != wanted:
        world.next_run(connection)
    assert look() == wanted


@pytest.mark.feature("APP-11")
def test_this_release_goes_on_where_the_one_before_stood_and_the_one_before_goes_on_after_it(
    sims: Simulators, tmp_path: Path
) -> None:
    releases = Releases(sims, tmp_path)
    mails = [f"person{number}@{zone}.example.org" for number, zone in enumerate(("es", "it", "en", "es"))]
    with releases.run(releases.before) as world:
        world.reseed(8)
        releases.keys.update(world.keys)
        row(world, 1, emailaddress1="twin@example.org")
        row(world, 2, emailaddress1="twin@example.org")
        body = world.body()
        del body["partner"]["limit_calls"]  # a setting of later releases
        connection = str(world.call("POST", "connections", body, status=201)["id"])
        maps = world.call("GET", f"connections/{connection}")["entities"]
        for item in maps:
            item["fields"] = [{**each, "policy": "ask"} if each["id"] == "phone" else each for each in item["fields"]]
        world.call("PATCH", f"connections/{connection}", {"entities": maps})
        lost = {"match": {"method": "POST", "path": "contacts$|contact/sync$", "times": 1}, "do": "drop_after"}
        world.sims.control("activecampaign", "POST", "faults", lost)
        world.switch_on(connection)
        world.wait_for(connection, 1)
        world.sims.control("activecampaign", "DELETE", "faults")
        edit(world, mails[0], here="Agreed before")
        clash(world, mails[3])
        world.next_run(connection)
        (asked,) = world.call("GET", f"connections/{connection}/conflicts")["value"]
        edit(world, mails[1], here="Edited before", there="Edited before")  # nobody has carried it over yet
        settings, counts = world.call("GET", f"connections/{connection}"), world.status(connection)["counts"]
        people = made(world)
        assert (counts["contact.linked"], len(people["activecampaign"]), len(world.contacts())) == (9, 9, 9)
        told = runs(world, connection)
    with releases.run(ROOT) as world:
        assert shown(world.call("GET", f"connections/{connection}")) == shown(settings)
        assert world.status(connection)["counts"] == counts
        assert runs(world, connection)[-len(told) :] == told
        (still,) = world.call("GET", f"connections/{connection}/conflicts")["value"]
        assert (still["id"], still["crm"], still["partner"]) == (asked["id"], asked["crm"], asked["partner"])
        comes_to(world, connection, lambda: names(world, mails[1]), {("Edited before", "Edited before")})
        body = {"ids": [asked["id"]], "winner": "partner"}
        world.call("POST", f"connections/{connection}/conflicts/decide", body, status=202)
        agreed = Counter(counts) - Counter({"contact.parked_fields": 1, "contact.is:diverged": 1})
        comes_to(world, connection, lambda: world.status(connection)["counts"], agreed)
        assert str(find_row(world, mails[3])["telephone1"]) == "+00 2"
        assert made(world) == people
        edit(world, mails[2], here="Edited after", there="Edited after")
        row(world, 5)
        settings = world.call("GET", f"connections/{connection}")
    with releases.run(releases.before) as world:
        assert shown(world.call("GET", f"connections/{connection}")) == shown(settings)
        comes_to(world, connection, lambda: names(world, mails[2]), {("Edited after", "Edited after")})
        assert str(find_person(world, "extra5@example.org")["lastName"]) == "Extra 5"
        edit(world, mails[0], there="Edited back")
    with releases.run(ROOT) as world:
        comes_to(world, connection, lambda: names(world, mails[0]), {("Edited back", "Agreed before")})
        after = made(world)
        assert len(after["activecampaign"]) == len(people["activecampaign"]) + 1
        assert len(set(after["activecampaign"])) == len(after["activecampaign"])
        assert len(world.rows("contact")) == 8 + 2 + 1
        assert world.status(connection)["counts"]["contact.linked"] == counts["contact.linked"] + 1


def clash(world: World, email: str) -> None:
    """Both sides change a phone."""
    change = {"table": "contact", "id": find_row(world, email)["contactid"], "values": {"telephone1": "+00 1"}}
    world.sims.control("dataverse", "POST", "do/edit", change)
    world.ac("edit_contact", contact=find_person(world, email)["id"], phone="+00 2")


def shown(settings: dict[str, Any]) -> dict[str, Any]:
    """What is on, and what is mapped how: an upgrade changes none of it."""
    return {name: settings[name] for name in ("name", "system", "switch", "entities", "rhythm", "options")}


def runs(world: World, connection: str) -> list[tuple[str, str, dict[str, int]]]:
    """What the app tells of its runs, the newest first. Who was made is judged by the systems themselves: the release
    before does not count whom it finds made after a lost answer."""
    found = world.call("GET", f"connections/{connection}/runs")["value"]
    return [(run["id"], run["state"], run["counts"]) for run in found]
