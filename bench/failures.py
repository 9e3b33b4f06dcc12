"""100,000 failing records on the local host: how long a call takes that lists, filters, counts, exports, retries.

`.venv/bin/python -m bench.failures [--records 100000]`. Azurite and the app run on this machine; the records are put
into the app's own table first, which takes most of the time.
"""

from __future__ import annotations

import argparse
import base64
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

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

    with (
        simulators() as sims,
        tempfile.TemporaryDirectory() as folder,
        app(sims, port=0, clock_file=Path(folder) / "clock.json") as host,
    ):
        partner = {"url": sims.urls["activecampaign"], "secrets": {"key": "none"}}
        body = {"system": "activecampaign", "crm": crm_side(sims, "none"), "partner": partner}
        connections = f"{host.url}/api/connections"
        headers = {"x-functions-key": host.host_key}
        made = requests.post(f"{connections}?api-version={_VERSION}", json=body, headers=headers, timeout=60).json()
        began = time.monotonic()
        put_failures(host.storage_connection, made["id"], records)
        print(f"{records} failing records put in {time.monotonic() - began:.0f} s", flush=True)
        measure(f"{connections}/{made['id']}/failures", host.host_key)


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
        "dismiss all of a filter": post("dismiss", {"filter": {"outcome": "failed:too_long"}}),
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
