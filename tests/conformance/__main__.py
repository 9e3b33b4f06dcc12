"""`python -m tests.conformance`: independent clients against the simulators.

For each client of `clients.toml`: an environment of its own under `.conformance/<folder>`, its walk
(`<folder>/walk.py` or `walk.mjs`) with the client's own interpreter, and a comparison of what the simulator then
holds with `<folder>/expected.json`, where there is one. Prints a table of clients and operations; exit code 1 on any
red cell.

A walk learns from the environment where the simulators are: `SIM_<SYSTEM>` (base address), `SIM_CA` (file to trust),
`SIM_CLIENT_PREFIX` (its own folder). It prints one line of JSON for each operation:
`{"operation": "create", "ok": true, "detail": ""}`. `<folder>/seed.json`, `{system: seed}`, is laid first.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from simulators.frame.fleet import Fleet, start_fleet

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENTS = ROOT / ".conformance"
WALK_SECONDS = 300
INSTALL_SECONDS = 900
STATE = "state after"


@dataclass(frozen=True)
class Client:
    """A row of clients.toml.

    `operations` are those its walk must report. `pythons` names the interpreter versions it can be installed on, best
    first, where that is not this one; without any of them at hand the client is left out, and the table says so.
    """

    name: str
    folder: str
    runtime: str
    systems: list[str]
    packages: list[str]
    operations: list[str]
    pythons: list[str] = field(default_factory=list)

    @property
    def interpreter(self) -> str | None:
        """The Python to make its environment with; None when none fits."""
        return find_python(self.pythons) if self.pythons else sys.executable

    @property
    def home(self) -> Path:
        """Where its walk lies."""
        return HERE / self.folder

    @property
    def prefix(self) -> Path:
        """Where it is installed."""
        return ENVIRONMENTS / self.folder


@dataclass
class Outcome:
    """What a client's walk showed: operation to complaint, empty for good."""

    cells: dict[str, str] = field(default_factory=dict)


def find_python(versions: list[str]) -> str | None:
    """An interpreter of one of these versions that can make environments: on the path, or kept by pyenv."""
    kept = Path.home() / ".pyenv" / "versions"
    for version in versions:
        places = [shutil.which(f"python{version}"), *map(str, sorted(kept.glob(f"{version}.*/bin/python{version}")))]
        for python in filter(None, places):
            probe = subprocess.run([python, "-c", "import ensurepip, ssl"], capture_output=True, check=False)
            if probe.returncode == 0:
                return python
    return None


def load_clients() -> list[Client]:
    """All clients."""
    rows = tomllib.loads((HERE / "clients.toml").read_text("utf-8"))["client"]
    return [Client(**row) for row in rows]


def install(client: Client) -> None:
    """Make the client's environment unless it is there with the same packages."""
    mark = client.prefix / ".installed"
    wanted = hashlib.sha256(
        "\n".join([sys.version, client.runtime, *client.pythons, *client.packages]).encode()
    ).hexdigest()
    if mark.exists() and mark.read_text() == wanted:
        return
    shutil.rmtree(client.prefix, ignore_errors=True)
    client.prefix.mkdir(parents=True)
    for command in _install_commands(client):
        subprocess.run(command, check=True, timeout=INSTALL_SECONDS, cwd=client.prefix)
    mark.write_text(wanted)


def _install_commands(client: Client) -> list[list[str]]:
    if client.runtime == "node":
        # Without a prefix npm installs into the project above, and prunes what it put there for another client.
        return [
            ["npm", "install", "--prefix", ".", "--silent", "--no-fund", "--no-audit", "--no-save", *client.packages]
        ]
    python = client.prefix / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [[client.interpreter or sys.executable, "-m", "venv", str(client.prefix)], [*pip, *client.packages]]


def walk(client: Client, fleet: Fleet) -> Outcome:
    """Run the client's walk against freshly reset simulators and judge it."""
    prepare(client, fleet)
    outcome = Outcome(dict.fromkeys(client.operations, "not reported"))
    done = subprocess.run(
        _walk_command(client),
        cwd=client.prefix,
        env=_environment(client, fleet),
        capture_output=True,
        text=True,
        timeout=WALK_SECONDS,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            report = json.loads(line)
            outcome.cells[report["operation"]] = "" if report["ok"] else report.get("detail") or "failed"
    if any(outcome.cells.values()) and done.stderr:
        sys.stderr.write(f"--- {client.name}\n{done.stderr[-4000:]}\n")
    outcome.cells[STATE] = compare_state(client, fleet)
    return outcome


def prepare(client: Client, fleet: Fleet) -> None:
    """Reset every simulator and lay the client's seed."""
    for name in fleet.urls:
        control(fleet, name, "POST", "reset", {"seed": 1})
    seed = client.home / "seed.json"
    for name, part in (json.loads(seed.read_text("utf-8")) if seed.exists() else {}).items():
        control(fleet, name, "POST", "seed", part)


def control(fleet: Fleet, system: str, method: str, path: str, body: Any = None) -> Any:
    """One control call that must work."""
    url = f"{fleet.urls[system]}/_sim/{path}"
    answer = requests.request(method, url, json=body, verify=str(fleet.ca_file), timeout=120)
    if answer.status_code != 200:
        raise RuntimeError(f"{method} {path} of {system}: {answer.text}")
    return answer.json()


def _walk_command(client: Client) -> list[str]:
    if client.runtime == "node":
        return ["node", str(client.home / "walk.mjs")]
    return [str(client.prefix / "bin" / "python"), str(client.home / "walk.py")]


def _environment(client: Client, fleet: Fleet) -> dict[str, str]:
    """The machine's environment with the simulators' addresses and their authority as the only one trusted."""
    ca = str(fleet.ca_file)
    trust = dict.fromkeys(
        ("SIM_CA", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), ca
    )
    addresses = {f"SIM_{name.upper()}": url for name, url in fleet.urls.items()}
    own = {"SIM_CLIENT_PREFIX": str(client.prefix), "PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "*"}
    return {**os.environ, **trust, **addresses, **own}


def compare_state(client: Client, fleet: Fleet) -> str:
    """Compare what the simulators hold with `expected.json`; empty where it agrees or nothing is expected."""
    file = client.home / "expected.json"
    if not file.exists():
        return ""
    for check in json.loads(file.read_text("utf-8")):
        actual = control(fleet, check["system"], "GET", f"state?{check.get('query', '')}")
        complaint = differs(check["contains"], actual, check.get("query", "state"))
        if complaint:
            return complaint
    return ""


def differs(wanted: Any, actual: Any, where: str) -> str:
    """What in `actual` is not as `wanted`: objects may hold more, lists must be as long. Empty where it agrees."""
    if isinstance(wanted, dict):
        if not isinstance(actual, dict):
            return f"{where}: expected an object, found {actual!r}"
        lacking = [key for key in wanted if key not in actual]
        if lacking:
            return f"{where}: lacks {lacking}"
        return next((each for key in wanted if (each := differs(wanted[key], actual[key], f"{where}.{key}"))), "")
    if isinstance(wanted, list):
        if not isinstance(actual, list) or len(actual) != len(wanted):
            return f"{where}: expected {len(wanted)} items, found {actual!r}"[:500]
        pairs = enumerate(zip(wanted, actual, strict=True))
        return next((each for index, (w, a) in pairs if (each := differs(w, a, f"{where}[{index}]"))), "")
    return "" if wanted == actual else f"{where}: expected {wanted!r}, found {actual!r}"


def table(outcomes: dict[str, Outcome]) -> str:
    """Clients as columns, operations as rows; a dash where a client has no such operation."""
    operations = list(dict.fromkeys(name for outcome in outcomes.values() for name in outcome.cells if name != STATE))
    rows = [["operation", *outcomes]]
    for operation in [*operations, STATE]:
        cells = [outcome.cells.get(operation) for outcome in outcomes.values()]
        rows.append([operation, *("-" if cell is None else "ok" if not cell else "FAILED" for cell in cells)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when every cell is green."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("clients", nargs="*", help="names of clients; default: all")
    options = parser.parse_args(arguments)
    clients = [client for client in load_clients() if not options.clients or client.name in options.clients]
    if not clients:
        parser.error(f"no such client; there are: {', '.join(client.name for client in load_clients())}")
    lacking = [client for client in clients if client.interpreter is None]
    for client in lacking:
        print(f"{client.name}: left out, it needs Python {' or '.join(client.pythons)} and none is here")
    clients = [client for client in clients if client not in lacking]
    for client in clients:
        sys.stderr.write(f"installing {client.name}\n")
        install(client)
    systems = list(dict.fromkeys(name for client in clients for name in client.systems))
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="dynasync-conformance-") as folder:
        fleet = start_fleet(systems, base_port=0, folder=Path(folder))
        try:
            for client in clients:
                sys.stderr.write(f"walking {client.name}\n")
                outcomes[client.name] = walk(client, fleet)
        finally:
            fleet.stop()
    print(table(outcomes))
    red = {(name, cell): why for name, outcome in outcomes.items() for cell, why in outcome.cells.items() if why}
    for (name, cell), why in red.items():
        print(f"{name}: {cell}: {why}")
    good = sum(not why for outcome in outcomes.values() for why in outcome.cells.values())
    print(f"{good} passed, {len(red)} failed")
    return 1 if red else 0


if __name__ == "__main__":
    raise SystemExit(main())
