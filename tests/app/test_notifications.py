"""Notifications over the app's own doors: a webhook is told of an episode once, of its end once, and a digest a day."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from werkzeug import Request, Response
from werkzeug.serving import make_server

from cli.demo.world import Simulators, app
from simulators.frame.tls import make_authority
from tests.app.conftest import FAST, USERS, World
from tests.app.test_failures import person
from tests.app.test_operations import broken, mended
from tests.pace import PATIENCE

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app-notices")]


@dataclass
class Receiver:
    """A chat service: keeps what it is told, unless it is away."""

    url: str = ""
    away: bool = False
    told: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0

    def __call__(self, environ: Any, start: Any) -> Any:
        if self.away:
            self.refused += 1
            return Response("", 503)(environ, start)
        self.told.append(json.loads(Request(environ).get_data()))
        return Response("", 202)(environ, start)

    def taken(self) -> list[tuple[str, str]]:
        found = [(item["event"], item["state"]) for item in self.told]
        self.told.clear()
        return found


@pytest.fixture(scope="module")
def stage(sims: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Receiver]]:
    """An app of its own, which trusts a receiver beside the simulators."""
    folder = tmp_path_factory.mktemp("notices")
    authority = make_authority(folder / "ca")
    receiver = Receiver()
    server = make_server("127.0.0.1", 0, receiver, ssl_context=authority.server_context())
    receiver.url = f"https://127.0.0.1:{server.server_port}/hook?key=s3cret-of-the-hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    bundle = folder / "bundle.pem"
    bundle.write_text(Path(sims.ca_file).read_text() + authority.ca_file.read_text())
    hosts = [url.removeprefix("https://") for url in sims.urls.values()]
    trusted = ",".join([*hosts, f"127.0.0.1:{server.server_port}"])
    more = {"REQUESTS_CA_BUNDLE": str(bundle), "DYNASYNC_TRUSTED_HOSTS": trusted}
    clock = folder / "clock.json"
    try:
        with app(sims, port=0, clock_file=clock, users=USERS, **more, **FAST) as host:
            yield World(sims, host, clock, {}), receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def set_up(world: World, **more: Any) -> dict[str, Any]:
    body = {"events": ["broken", "failing_runs", "backlog", "poison"], "digestHour": None, **more}
    headers = {"x-functions-key": world.host.host_key, "If-Match": "*"}
    answer = world.answer("PUT", "notifications", body, headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def looks(world: World, until: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Lets the app look until something holds."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        assert world.host.admin_invoke("notify") == 202
        time.sleep(0.4)


def twice(world: World) -> None:
    for _ in range(2):
        assert world.host.admin_invoke("notify") == 202
        time.sleep(0.8)


@pytest.mark.feature("HUB-25.1", system="activecampaign")
@pytest.mark.feature("HUB-25.2", system="activecampaign")
def test_a_broken_connection_is_told_once_and_that_it_is_well_again_once(stage: tuple[World, Receiver]) -> None:
    world, receiver = stage
    connection = world.begun(people=2, name="CRM-AC")
    shown = set_up(world, webhook=receiver.url)
    assert shown == {
        "events": ["broken", "failing_runs", "backlog", "poison"],
        "digestHour": None,
        "webhookStored": True,
        "episodes": [],
    }
    assert "s3cret" not in json.dumps(world.call("GET", "notifications"))
    twice(world)
    assert receiver.taken() == []
    world.call("PATCH", f"connections/{connection}", {"partner": {"secrets": {"key": "a-key-that-was-withdrawn"}}})
    world.advance(3600)
    stopped = broken(world, connection)
    receiver.away = True
    looks(world, lambda: receiver.refused > 0)
    receiver.away = False
    looks(world, lambda: bool(receiver.told))
    [told] = receiver.told
    assert (told["source"], told["connection"], told["name"]) == ("dynasync", connection, "CRM-AC")
    assert stopped["code"] in told["reason"]
    assert told["nextStep"] == stopped["nextStep"]
    assert told["text"].startswith("dynasync: CRM-AC: ")
    twice(world)
    assert receiver.taken() == [("broken", "begun")]
    [episode] = world.call("GET", "notifications")["episodes"]
    assert (episode["event"], episode["connection"], episode["told"]) == ("broken", connection, True)
    world.call("PATCH", f"connections/{connection}", {"partner": {"secrets": {"key": world.keys["api_key"]}}})
    mended(world, connection)
    looks(world, lambda: ("broken", "over") in [(item["event"], item["state"]) for item in receiver.told])
    twice(world)
    assert receiver.taken().count(("broken", "over")) == 1
    assert not [item for item in world.call("GET", "notifications")["episodes"] if item["event"] == "broken"]
    assert "s3cret" not in "\n".join(world.host.logs())


@pytest.mark.feature("HUB-25.3", system="activecampaign")
def test_the_digest_counts_failing_records_once_a_day(stage: tuple[World, Receiver]) -> None:
    world, receiver = stage
    connection = world.begun(people=3, name="CRM-AC")
    rule = {"table": "contact", "message": "Title is closed.", "on": ["update"]}
    rule |= {"column": "lastname", "when": "equals", "value": "Forbidden"}
    world.sims.control("dataverse", "POST", "seed", {"rejections": [rule]})
    for number in range(2):
        world.ac("edit_contact", contact=str(person(world, number)["id"]), lastName="Forbidden")
    world.next_run(connection)
    set_up(world, webhook=receiver.url, digestHour=0, events=[])
    looks(world, lambda: bool(receiver.told))
    twice(world)
    [told] = receiver.told
    assert told["connections"] == [
        {"connection": connection, "name": "CRM-AC", "failing": 2, "byCode": {"failed:rejected": 2}}
    ]
    assert "Forbidden" not in json.dumps(told)
    receiver.told.clear()
    world.advance(24 * 3600)
    looks(world, lambda: bool(receiver.told))
    assert receiver.taken() == [("digest", "told")]


def test_an_address_that_is_not_to_be_told_is_refused_and_settings_are_guarded(stage: tuple[World, Receiver]) -> None:
    world, _ = stage
    headers = {"x-functions-key": world.host.host_key}
    body = {"events": ["poison"], "digestHour": 7}
    assert world.answer("PUT", "notifications", body, headers).status_code == 428
    etag = world.answer("GET", "notifications", headers=headers).headers["ETag"]
    for address in ("http://hooks.example.com/x", "https://169.254.169.254/metadata", "https://127.0.0.1:1/x"):
        refused = world.answer("PUT", "notifications", {**body, "webhook": address}, {**headers, "If-Match": etag})
        assert (refused.status_code, refused.json()["error"]["target"]) == (400, "webhook")
    assert world.answer("GET", "notifications", headers=headers).headers["ETag"] == etag
    saved = world.answer("PUT", "notifications", {**body, "webhook": ""}, {**headers, "If-Match": etag})
    assert saved.json()["webhookStored"] is False
    stale = world.answer("PUT", "notifications", body, {**headers, "If-Match": etag})
    assert (stale.status_code, stale.json()["current"]["events"]) == (412, ["poison"])
