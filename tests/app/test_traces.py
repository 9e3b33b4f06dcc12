"""Traces join what belongs together; nothing of a person is in any log, message, key, metric or error text."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.data.tables import TableServiceClient
from azure.storage.queue import QueueServiceClient

from cli.demo.world import app
from shared.ports.state import Row
from shared.state import envelope
from tests.app.conftest import FAST, World
from tests.app.dump import Dump
from tests.app.test_requests import contact, hooks, requests_of, settled
from tests.fakes.ingestion import ingestion

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.feature("HUB-26.1", system="activecampaign")
def test_one_trace_leads_from_the_webhook_over_the_queue_to_the_run_that_made_the_row(world: World) -> None:
    connection = world.begun()
    who = contact(world, "traced@example.org", lastName="Traced")
    url = hooks(world, connection)["lead"]
    headers = {"Content-Type": "application/x-www-form-urlencoded", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    key = requests.post(url, data=f"contact[id]={who}", headers=headers, timeout=30).json()["id"]
    settled(world, connection, key, "waiting")
    world.next_run(connection)
    settled(world, connection, key, "finished")
    joined = [line for line in world.host.logs() if f"trace={TRACE}" in line and key in line]
    for name in ("request_taken", "request_worked", "request_answered"):
        assert [line for line in joined if name in line], name
    slices = [line for line in world.host.logs() if "slice_done" in line]
    assert slices
    assert all(re.search(r"trace=[0-9a-f]{32} ", line) for line in slices)


CANARY = "Zanahoria"
"""A word that nothing else holds; all canaries are made with it, or listed beside it."""

PHONE = "+00 777 31415926"
PEOPLE = [
    {"firstname": f"{CANARY}a", "lastname": f"{CANARY}b", "emailaddress1": f"{CANARY.lower()}1@canary.example"},
    {"firstname": f"{CANARY}c", "lastname": f"{CANARY}d", "emailaddress1": f"{CANARY.lower()}2@canary.example"},
    {"firstname": f"{CANARY}e", "lastname": f"{CANARY}f", "emailaddress1": f"{CANARY.lower()} not an address"},
    {"firstname": f"{CANARY}g", "lastname": f"{CANARY}h", "emailaddress1": f"{CANARY.lower()}1@canary.example"},
]


def every_row(world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """All rows of all tables of the storage emulator."""
    service = TableServiceClient.from_connection_string(world.host.storage_connection)
    for table in service.list_tables():
        for entity in service.get_table_client(table.name).list_entities():
            yield table.name, dict(entity)


def told(entity: dict[str, Any]) -> str:
    """Everything a row holds, as text; packed bodies are opened."""
    parts = [str(entity)]
    cells = {name: getattr(value, "value", value) for name, value in entity.items() if name.islower()}
    if isinstance(cells.get("d0"), bytes):
        parts.append(str(envelope.read("p", Row(str(entity["RowKey"]), cells, "", None))))  # type: ignore[arg-type]
    parts += [value.decode("utf-8", "ignore") for value in cells.values() if isinstance(value, bytes)]
    return " ".join(parts)


def every_message(world: World) -> Iterator[str]:
    service = QueueServiceClient.from_connection_string(world.host.storage_connection)
    for queue in service.list_queues():
        for message in service.get_queue_client(queue.name).peek_messages(max_messages=32):
            yield str(message.content)


def test_after_a_first_sync_with_failures_nothing_of_anybody_is_where_it_must_not_be(world: World) -> None:
    world.reseed(0)
    rows = [{**row, "telephone1": PHONE} for row in PEOPLE]
    world.sims.control("dataverse", "POST", "seed", {"rows": {"contact": rows}})
    refused = {"match": {"method": "POST", "path": "api/3/contacts$", "nth": 2}, "do": "drop_after"}
    world.sims.control("activecampaign", "POST", "faults", refused)
    connection = world.connect()
    world.switch_on(connection)
    world.wait_for(connection, 1)
    rule = {"table": "contact", "message": f"'{CANARY}x' may not be {PHONE}", "on": ["update"]}
    world.sims.control("dataverse", "POST", "seed", {"rejections": [rule]})
    someone = world.contacts()[0]
    world.ac("edit_contact", contact=str(someone["id"]), lastName=f"{CANARY}x")
    url = hooks(world, connection)["lead"]
    fault = {"match": {"path": "contactTags"}, "do": {"status": 500, "body": f"{CANARY} {PHONE}"}}
    lead = contact(world, f"{CANARY.lower()}9@canary.example", lastName=f"{CANARY}z")
    world.sims.control("activecampaign", "POST", "faults", fault)
    body = f"contact[id]={lead}&contact[email]={CANARY.lower()}9%40canary.example&contact[phone]={PHONE}"
    requests.post(url, data=body, headers={"Content-Type": "application/x-www-form-urlencoded"}, timeout=30)
    requests.post(url, data=f"contact[email]={CANARY.lower()}", timeout=30)
    time.sleep(3)
    world.sims.control("activecampaign", "DELETE", "faults")
    world.next_run(connection)
    shown = [
        json.dumps(world.call("GET", f"connections/{connection}/{what}"), ensure_ascii=False)
        for what in ("status", "runs", "failures?dismissed=all", "requests?state=waiting", "requests?state=queued")
    ]
    assert "failed:" in shown[2]  # there were failures
    canaries = [CANARY.lower(), PHONE, "31415926", "canary.example", *world.keys.values()]

    def clean(text: str, where: str) -> None:
        low = text.lower()
        for canary in canaries:
            assert canary.lower() not in low, f"{where} tells a canary"

    for number, line in enumerate(world.host.logs()):
        clean(line, f"log line {number}")
    for text in every_message(world):
        clean(text, "a queue message")
    for text in shown:
        clean(text, "an answer of the API")
    tables = set()
    for table, entity in every_row(world):
        tables.add(table)
        clean(f"{entity['PartitionKey']} {entity['RowKey']}", f"a key of {table}")
        clean(told(entity), f"a row of {table}")
    assert {"dynasynclanes", "dynasyncruns", "dynasyncrequests", "dynasyncfailures"} <= {
        name.lower() for name in tables
    }
    assert requests_of(world, connection, "poison") == []


OTHERS = ("Berenjena", "Calabacines")
"""Somebody whose record is not the one that is written: nothing of them is known when a vendor names them."""


def test_somebody_elses_name_in_a_vendors_words_is_told_nowhere(world: World, tmp_path: Path) -> None:
    name = " ".join(OTHERS)
    clock_file = tmp_path / "clock.json"
    with (
        ingestion() as telemetry,
        app(world.sims, port=0, clock_file=clock_file, **FAST, **telemetry.settings) as host,
    ):
        own = World(world.sims, host, clock_file, {})
        own.reseed(1)
        own.ac("create_contact", email="known@others.example.org", firstName=OTHERS[0], lastName=OTHERS[1])
        connection = own.connect()
        own.switch_on(connection)
        own.wait_for(connection, 1)
        said = {"title": f"Duplicate detected … {name}", "detail": f"This address is {name.upper()}'s", "code": "taken"}
        refused = {
            "match": {"method": "POST", "path": "api/3/contacts$"},
            "do": {"status": 422, "body": {"errors": [said]}},
        }
        own.sims.control("activecampaign", "POST", "faults", refused)
        rule = {"table": "contact", "message": f"A duplicate record was detected: {name}, {name.lower()}"}
        own.sims.control("dataverse", "POST", "seed", {"rejections": [{**rule, "on": ["update"]}]})
        fresh = {"emailaddress1": "fresh@others.example.org", "lastname": "Fresh"}
        own.sims.control("dataverse", "POST", "do/create", {"table": "contact", "values": fresh})
        person = next(item for item in own.contacts() if item["email"] != "known@others.example.org")
        own.ac("edit_contact", contact=str(person["id"]), phone="+00 555 7")
        own.next_run(connection)
        own.sims.control("activecampaign", "DELETE", "faults")
        found = own.call("GET", f"connections/{connection}/failures")["value"]
        texts = [problem["message"] for item in found for problem in item["problems"]]
        assert len(texts) == 2
        assert any("uplicate" in text for text in texts)
        shown = [own.answer("GET", f"connections/{connection}/failures", None, {"x-functions-key": host.host_key}).text]
        shown += [
            own.answer("GET", f"connections/{connection}/{what}", None, {"x-functions-key": host.host_key}).text
            for what in ("failures/export?format=csv", "failures/export?format=ndjson", "runs", "status")
        ]
        dump = Dump()
        dump.storage(host.storage_connection)
        dump.add("log", "\n".join(host.logs()))
        dump.add("api", "\n".join(shown))
    dump.add("telemetry", bytes(telemetry.raw))
    assert {"table", "log", "api", "telemetry"} <= dump.places
    assert dump.tells(names=(), others=OTHERS) == []
