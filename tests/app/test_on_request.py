"""Running now where the partner's own rules know it: a mode that declares so always has it, without any app setting.

No system of this release declares it yet. The one here lives in memory and is registered with the app as any other is;
Exchange's Outlook mode will declare it the same way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.demo.world import ROOT, Simulators, app
from tests.app.conftest import FAST, World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]

APP = """
import importlib.util
import sys

sys.path.insert(0, {root!r})
from shared.connectors import registry

registry.PACKAGES = {{**registry.PACKAGES, "mailboxes": "tests.fakes.mailboxes"}}
spec = importlib.util.spec_from_file_location("the_app", {root!r} + "/function_app.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
app = module.app
"""


@pytest.fixture
def mailboxes(world: World, sims: Simulators, tmp_path: Path) -> Iterator[World]:
    """The app with one system more, and none of its settings."""
    world.reseed(2)
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "function_app.py").write_text(APP.format(root=str(ROOT)))
    (folder / "host.json").write_text((ROOT / "host.json").read_text())
    clock = tmp_path / "clock.json"
    clock.write_text(world.clock_file.read_text())  # the systems' clocks are where they were
    with app(sims, port=0, clock_file=clock, app_dir=folder, **FAST) as host:
        yield World(sims, host, clock, world.keys)


def begun(world: World, mode: str) -> str:
    body = world.body(name=mode, system="mailboxes", partner={"url": f"https://{mode}.example.org", "mode": mode})
    connection = str(world.call("POST", "connections", body, status=201)["id"])
    world.switch_on(connection)
    world.wait_for(connection, 1)
    return connection


def runs(world: World, connection: str) -> list[dict[str, Any]]:
    """Newest first."""
    found: list[dict[str, Any]] = world.call("GET", f"connections/{connection}/runs")["value"]
    return found


@pytest.mark.feature("HUB-27.3", system="memory")
def test_the_mode_that_declares_it_runs_at_once_when_asked_and_the_other_is_refused(mailboxes: World) -> None:
    client, server = begun(mailboxes, "client"), begun(mailboxes, "server")
    before = {connection: mailboxes.status(connection) for connection in (client, server)}
    assert [before[connection]["onRequest"] for connection in (client, server)] == [True, False]
    declared = {each["name"]: each["onRequest"] for each in mailboxes.call("GET", "declarations")["systems"]}
    assert declared == {"activecampaign": False, "marketo": False, "mailboxes": False}  # its usual mode does not
    person = mailboxes.rows("contact")[0]
    edit = {"table": "contact", "id": person["contactid"], "values": {"lastname": "Ocampo"}}
    mailboxes.sims.control("dataverse", "POST", "do/edit", edit)

    error = mailboxes.call("POST", f"connections/{server}/sync", status=409)["error"]
    assert (error["code"], error["nextRun"]) == ("sync_now_refused", before[server]["nextRun"])
    accepted = mailboxes.call("POST", f"connections/{client}/sync", status=202)
    assert accepted["id"]
    end = time.monotonic() + 30
    while mailboxes.status(client)["runsEnded"] < 2:  # no timer fires meanwhile but the app's own
        assert time.monotonic() < end, mailboxes.status(client)
        time.sleep(0.2)
    newest, first = runs(mailboxes, client)
    assert (first["reason"], newest["reason"]) == ("initial", "requested")
    assert (newest["state"], newest["counts"]["writes:partner"]) == ("succeeded", 1)
    assert mailboxes.status(client)["nextRun"] == before[client]["nextRun"]  # the rhythm keeps its slots
    assert [each["reason"] for each in runs(mailboxes, server)] == ["initial"]
    mailboxes.call("PATCH", f"connections/{client}", {"switch": "off"})
    assert mailboxes.call("POST", f"connections/{client}/sync", status=409)["error"]["code"] == "connection_off"
