"""`make bench-simulators`: how fast the simulators are, so that a measurement of the product is not one of them.

Prints, for one machine: the time to seed a million contacts of each system, the memory they take, pages a second over
https at the size a client would ask for, and how many 5,000-row pages a second the frame itself can carry.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from simulators.frame.fleet import Fleet, start_fleet
from simulators.frame.http import Request, Response, json_response
from simulators.frame.server import serve
from simulators.frame.system import SystemBase

# What a sync client selects of a contact: identity, names, ways to reach it, consent, owner, state.
COLUMNS = (
    "contactid,firstname,lastname,emailaddress1,telephone1,mobilephone,jobtitle,address1_city,address1_country,"
    "donotbulkemail,_parentcustomerid_value,_ownerid_value,statecode,statuscode,createdon,modifiedon"
)
_NEXT = re.compile(rb'"@odata\.nextLink":"([^"]*)"')


class Fixed(SystemBase):
    """Serves one page of 5,000 rows, made anew for every call."""

    name = "fixed"

    def __init__(self) -> None:
        super().__init__()
        self._rows = [{f"column{n}": f"value {row} {n}" for n in range(12)} for row in range(5000)]

    def handle(self, request: Request) -> Response:
        """The page."""
        return json_response(200, {"value": self._rows})

    def seed(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Nothing."""
        return spec

    def state(self, query: dict[str, str]) -> dict[str, Any]:
        """Nothing."""
        return dict(query)


def rate(call: Callable[[], int], *, seconds: float) -> tuple[float, float]:
    """Calls and megabytes a second of a call that returns how many bytes it got."""
    calls = size = 0
    started = time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds:
        size += call()
        calls += 1
    return calls / spent, size / spent / 1e6


def frame_alone(seconds: float) -> str:
    """Pages of 5,000 rows over https, plain and packed."""
    found = []
    with serve(Fixed()) as server, requests.Session() as session:
        session.trust_env = False
        session.verify = server.ca_file
        for encoding in ("identity", "gzip"):
            headers = {"Accept-Encoding": encoding}

            def page(headers: dict[str, str] = headers) -> int:
                return len(session.get(server.url, headers=headers, timeout=60).content)

            calls, megabytes = rate(page, seconds=seconds)
            found.append(f"{encoding} {calls:.0f} pages/s ({megabytes:.0f} MB/s)")
    return f"frame, 5,000 rows a page, client in the same process: {', '.join(found)}"


def session_of(fleet: Fleet) -> requests.Session:
    """A session that trusts the fleet's authority."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(fleet.ca_file)
    return session


def seed(session: requests.Session, url: str, spec: dict[str, Any]) -> float:
    """Seed a system; how many seconds it took."""
    started = time.perf_counter()
    answer = session.post(f"{url}/_sim/seed", json=spec, timeout=600)
    if answer.status_code != 200:
        raise RuntimeError(answer.text)
    return time.perf_counter() - started


def dataverse(fleet: Fleet, contacts: int, seconds: float) -> list[str]:
    """Seeding, memory, and an initial tracked load of contacts at 5,000 a page."""
    url = fleet.urls["dataverse"]
    lines = []
    with session_of(fleet) as session:
        seeded = seed(session, url, {"generate": {"table": "contact", "count": contacts}})
        memory = _resident_megabytes(fleet.children["dataverse"].pid)
        lines.append(f"dataverse: {contacts:,} contacts seeded in {seeded:.1f} s, {memory:.0f} MB resident")
        session.post(f"{url}/_sim/switches", json={"limit_requests": 0, "limit_execution_ms": 0}, timeout=60)
        token = session.post(f"{url}/_sim/do/token", json={}, timeout=60).json()["token"]
        session.headers.update({"Authorization": f"Bearer {token}", "Prefer": "odata.track-changes"})
        first = f"{url}/api/data/v9.2/contacts?$select={COLUMNS}"
        for encoding in ("identity", "gzip"):
            following = first
            session.headers["Accept-Encoding"] = encoding

            def page() -> int:
                nonlocal following
                answer = session.get(following, timeout=60)
                answer.raise_for_status()
                found = _NEXT.search(answer.content, max(0, len(answer.content) - 4_000))
                following = found[1].decode() if found else first
                return len(answer.content)

            calls, megabytes = rate(page, seconds=seconds)
            lines.append(
                f"dataverse: {calls:.0f} pages/s of 5,000 contacts, 16 columns, over https, {encoding} "
                f"({calls * 5_000:,.0f} rows/s, {megabytes:.0f} MB/s; the service allows a user 20 requests/s)"
            )
    return lines


def activecampaign(fleet: Fleet, contacts: int, seconds: float) -> list[str]:
    """Seeding, memory and keyset paging of an ActiveCampaign account."""
    from simulators.activecampaign import DEFAULT_KEY

    url = fleet.urls["activecampaign"]
    with session_of(fleet) as session:
        seeded = seed(session, url, {"generate": {"contacts": contacts}})
        session.post(f"{url}/_sim/switches", json={"requests_per_second": 0}, timeout=60)
        session.headers["Api-Token"] = DEFAULT_KEY
        last = 0

        def page() -> int:
            nonlocal last
            query = f"limit=100&orders[id]=ASC&id_greater={last}&filters[updated_after]=1970-01-01T00:00:00Z"
            answer = session.get(f"{url}/api/3/contacts?{query}", timeout=60)
            last = int(answer.json()["contacts"][-1]["id"])
            return len(answer.content)

        calls, _ = rate(page, seconds=seconds)
    memory = _resident_megabytes(fleet.children["activecampaign"].pid)
    return [
        f"activecampaign: {contacts:,} contacts seeded in {seeded:.1f} s, {memory:.0f} MB resident",
        f"activecampaign: {calls:.0f} pages/s of 100 contacts over https (the vendor allows 5 requests/s)",
    ]


def _resident_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main(arguments: list[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args(arguments)
    lines = [frame_alone(options.seconds)]
    with tempfile.TemporaryDirectory(prefix="dynasync-bench-") as folder:
        fleet = start_fleet(["dataverse", "activecampaign"], base_port=0, folder=Path(folder))
        try:
            lines += dataverse(fleet, options.contacts, options.seconds)
            lines += activecampaign(fleet, options.contacts, options.seconds)
        finally:
            fleet.stop()
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
