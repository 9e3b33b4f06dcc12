"""100,000 failing records on the local host: how long a call takes that lists, filters, counts, exports, retries.

`.venv/bin/python -m bench.failures [--records 100000]`. Azurite and the app run on this machine.
"""

from __future__ import annotations

import argparse
import base64
import json
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import requests

from shared import config
from shared.azure.failures import TableFailures
from shared.bootstrap import Application
from shared.domain.records import Kind, Ref, RemoteId
from shared.errors import Transient
from shared.ports.journal import Failure, Problem

MESSAGES = (
    "=HYPERLINK(0)",
    "+refused",
    "-1 is too small",
    "@name is unknown",
    "plain words",
)
CODES = ("failed:rejected", "failed:too_long", "failed:unknown_option", "failed:required_empty", "failed:out_of_range")
_VERSION = "2026-11-22"


def failure(number: int) -> Failure:
    """The failing record of this number: five codes and messages in turn."""
    link = blake2b(str(number).encode(), digest_size=12).hexdigest()
    return Failure(
        link=link,
        entity="contact",
        problems=(Problem(CODES[number % 5], "", "vendor", MESSAGES[number % 5]),),
        crm=Ref(Kind("contact"), RemoteId(f"00000000-0000-4000-8000-{number:012d}")),
        at=datetime(2026, 11, 1, tzinfo=UTC),
        run="0" * 32,
    )


def put_failures(storage: str, connection: str, records: int) -> None:
    """Puts so many failing records into the app's table in this storage."""
    key = base64.b64encode(bytes(32)).decode()
    app = Application(config.load({"AzureWebJobsStorage": storage, "DYNASYNC_STATE_KEY": key}))
    store = app.store("failures")
    groups = [range(start, min(start + 500, records)) for start in range(0, records, 500)]

    def put(group: range) -> None:
        for last in (False, False, True):  # a loaded machine's emulator answers late
            try:
                TableFailures(store, connection).put([failure(number) for number in group])
            except Transient:
                if last:
                    raise
            else:
                return

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(put, groups))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    records = parser.parse_args().records
    from cli.demo.world import app, crm_side, simulators
    from localhost import azurite

    with simulators() as sims, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        partner = {"url": sims.urls["activecampaign"], "secrets": {"key": "none"}}
        body = {"system": "activecampaign", "crm": crm_side(sims, "none"), "partner": partner}
        settings = {
            "DYNASYNC_STATE_KEY": base64.b64encode(bytes(32)).decode(),
            "DYNASYNC_TRUSTED_HOSTS": ",".join(url.removeprefix("https://") for url in sims.urls.values()),
        }
        with azurite.start(folder / "storage") as storage:
            made = Application(config.load({**settings, "AzureWebJobsStorage": storage.connection_string}))
            connection = made.connections.create(body).config.id
            put_failures(storage.connection_string, connection, len(CODES))
        multiply(folder / "storage", records)
        with (
            azurite.start(folder / "storage", timeout=300) as storage,
            app(
                sims,
                port=0,
                clock_file=folder / "clock.json",
                **{**settings, "AzureWebJobsStorage": storage.connection_string},  # type: ignore[arg-type]
            ) as host,
        ):
            measure(f"{host.url}/api/connections/{connection}/failures", host.host_key)


def multiply(folder: Path, records: int) -> None:
    """Makes many of the few failing records in the emulator's own file: putting them in one by one would take it hours,
    since it looks through a whole partition for each."""
    path = folder / "__azurite_db_table__.json"
    data = json.loads(path.read_text())
    [table] = [item for item in data["collections"] if item["name"].endswith("failures")]
    few = table["data"]
    table["data"] = [_copied(few[number % len(few)], number) for number in range(records)]
    table["maxId"] = records
    order = sorted(range(records), key=lambda place: str(table["data"][place]["RowKey"]))
    for name in ("PartitionKey", "RowKey"):
        table["binaryIndices"][name]["values"] = order
    path.write_text(json.dumps(data))


def _copied(row: dict[str, Any], number: int) -> dict[str, Any]:
    key = f"f-{blake2b(str(number).encode(), digest_size=12).hexdigest()}"
    return {**row, "RowKey": key, "properties": {**row["properties"], "RowKey": key}, "$loki": number + 1}


def measure(base: str, key: str) -> None:
    """Prints the slowest and the middle time of each kind of call."""
    session = requests.Session()
    session.headers["x-functions-key"] = key

    def get(query: str) -> Callable[[], requests.Response]:
        return lambda: session.get(f"{base}{query}", timeout=120)

    def post(act: str, body: object) -> Callable[[], requests.Response]:
        return lambda: session.post(f"{base}/{act}?api-version={_VERSION}", json=body, timeout=120)

    calls: dict[str, Callable[[], requests.Response]] = {
        "list, first page": get(f"?api-version={_VERSION}"),
        "list, 1000 a page": get(f"?api-version={_VERSION}&maxpagesize=1000"),
        "filter by outcome": get(f"?api-version={_VERSION}&outcome=failed:too_long"),
        "filter that finds nothing": get(f"?api-version={_VERSION}&entity=lead"),
        "count of all": get(f"/count?api-version={_VERSION}"),
        "count of a filter": get(f"/count?api-version={_VERSION}&outcome=failed:too_long"),
        "count that finds nothing": get(f"/count?api-version={_VERSION}&entity=lead"),
        "export, a part": get(f"/export?api-version={_VERSION}"),
        "retry all of a filter": post("retry", {"filter": {"outcome": "failed"}}),
    }
    for name, call in calls.items():
        times = []
        for _ in range(3):
            began = time.monotonic()
            answer = call()
            times.append(time.monotonic() - began)
            assert answer.status_code < 300, answer.text[:300]
        print(f"{name:<28} {sorted(times)[1]:6.2f} s   slowest {max(times):6.2f} s", flush=True)


if __name__ == "__main__":
    main()
