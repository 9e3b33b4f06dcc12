"""Many failing records over HTTP: filter, count, export, bulk retry; and the records of a run."""

from __future__ import annotations

import csv
import io
import json
import time
from typing import Any

import pytest
import requests

from bench.failures import MESSAGES, put_failures
from functions.exports import harmless
from tests.app.conftest import World
from tests.app.test_api_frame import keyed
from tests.pace import PATIENCE, within

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]
MANY = 1200


@pytest.fixture
def many(world: World) -> str:
    """A connection with that many failing records, in the app's own table."""
    world.reseed(1)
    connection = world.connect()
    put_failures(world.host.storage_connection, connection, MANY)
    return connection


def pages(world: World, address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while address:
        body = requests.get(address, headers=keyed(world), timeout=60).json()
        found += body["value"]
        address = body.get("nextLink", "")
    return found


def url(world: World, path: str) -> str:
    return f"{world.host.url}/api/{path}{'&' if '?' in path else '?'}api-version=2026-11-22"


@pytest.mark.feature("HUB-14.5", system="activecampaign")
@pytest.mark.feature("HUB-14.6", system="activecampaign")
def test_many_failures_are_filtered_counted_exported_and_retried_in_bounded_calls(world: World, many: str) -> None:
    path = f"connections/{many}/failures"
    rejected = pages(world, url(world, f"{path}?outcome=failed:rejected&maxpagesize=1000"))
    assert len(rejected) == MANY // 5
    assert {item["problems"][0]["code"] for item in rejected} == {"failed:rejected"}
    assert len({item["link"] for item in rejected}) == len(rejected)
    assert world.call("GET", f"{path}/count?outcome=failed:rejected") == {
        "count": MANY // 5,
        "more": False,
        "shown": str(MANY // 5),
    }
    assert world.call("GET", f"{path}/count") == {"count": 1000, "more": True, "shown": "more than 1000"}
    few = world.call("POST", f"{path}/dismiss", {"links": [item["link"] for item in rejected[:40]]})
    assert few == {"dismissed": 40, "more": False}
    assert world.call("GET", f"{path}/count?entity=lead") == {"count": 0, "more": False, "shown": "0"}
    began = time.monotonic()
    retried = world.answer("POST", f"{path}/retry", {"filter": {}}, keyed(world))
    assert within(time.monotonic() - began, 4)
    assert retried.status_code == 202
    done = retried.json()
    assert (done["retried"], done["more"]) == (0, True)
    end = time.monotonic() + PATIENCE
    where = retried.headers["Operation-Location"]
    while (operation := requests.get(where, headers=keyed(world), timeout=30).json())["status"] != "Succeeded":
        assert time.monotonic() < end, operation
        time.sleep(0.3)
    assert operation["counts"] == {"retry": MANY - 40}


@pytest.mark.feature("HUB-14.6", system="activecampaign")
def test_an_export_is_whole_in_parts_and_no_cell_of_it_is_run_as_a_formula(world: World, many: str) -> None:
    address = url(world, f"connections/{many}/failures/export?bom=true")
    rows: list[list[str]] = []
    parts = 0
    while address:
        answer = requests.get(address, headers=keyed(world), timeout=60)
        assert answer.headers["Content-Type"].startswith("text/csv")
        assert (parts == 0) == answer.content.startswith(b"\xef\xbb\xbf")
        rows += list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
        address = answer.links.get("next", {}).get("url", "")
        parts += 1
    head, *body = rows
    assert parts == 2
    assert head[:2] == ["link", "entity"]
    assert len(body) == MANY
    shown = {row[head.index("message")] for row in body}
    assert shown == {harmless(message) for message in MESSAGES}
    assert any(message.startswith("=") for message in MESSAGES)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in body for cell in row)
    part = requests.get(
        url(world, f"connections/{many}/failures/export?format=ndjson&maxpagesize=7"), headers=keyed(world), timeout=60
    )
    lines = [json.loads(line) for line in part.text.splitlines()]
    assert part.headers["Content-Type"].startswith("application/x-ndjson")
    assert len(lines) == 7
    assert {item["message"] for item in lines} <= set(MESSAGES)  # a program gets the text as it is


@pytest.mark.feature("HUB-14.1", system="activecampaign")
@pytest.mark.feature("HUB-14.6", system="activecampaign")
def test_a_run_leads_to_its_records_and_they_to_a_file(world: World) -> None:
    connection = world.begun(people=3)
    run = world.call("GET", f"connections/{connection}/runs")["value"][0]
    path = f"connections/{connection}/runs/{run['id']}"
    assert world.call("GET", path) == run
    records = pages(world, url(world, f"{path}/records?maxpagesize=2"))
    assert [item["outcome"] for item in records] == ["created"] * 3
    ids = {str(item["contactid"]).lower() for item in world.rows("contact")}
    assert {item["crm"]["id"].lower() for item in records} == ids
    assert all(item["meaning"] for item in records)
    assert pages(world, url(world, f"{path}/records?outcome=failed,conflicted")) == []
    answer = requests.get(url(world, f"{path}/records/export"), headers=keyed(world), timeout=30)
    head, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert {row[head.index("crmId")].lower() for row in rows} == ids
    world.call("GET", f"connections/{connection}/runs/{'0' * 32}/records", status=404)
