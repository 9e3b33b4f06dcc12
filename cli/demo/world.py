"""The demo's world: simulators of both systems, a storage emulator, the local host with the app."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from localhost import RunningHost

ROOT = Path(__file__).resolve().parents[2]
TENANT = "3c6e0b8a-9c15-4fd2-8e5b-7d0f4c1a2b39"
CLIENT_ID = "6f1d3c4e-8f7a-4a57-9d3e-1b2c3d4e5f60"


class CannotStart(Exception):
    """Something the demo needs did not start; says what and what to do."""


@dataclass(frozen=True, slots=True)
class Simulators:
    """The running simulators, and the driver's way to their control API."""

    urls: Mapping[str, str]
    ca_file: str
    session: requests.Session = field(default_factory=requests.Session)

    def control(self, system: str, method: str, path: str, body: object = None) -> Any:
        """A control call; raises CannotStart with the simulator's own words when it refuses."""
        answer = self.session.request(
            method, f"{self.urls[system]}/_sim/{path}", json=body, timeout=120, verify=self.ca_file
        )
        if answer.status_code >= 400:
            raise CannotStart(f"the {system} simulator refused {path}: {answer.text[:300]}")
        return answer.json() if answer.content else None


@contextlib.contextmanager
def simulators(systems: str = "dataverse,activecampaign") -> Iterator[Simulators]:
    """Starts `python -m simulators`; the parent's end ends it."""
    with tempfile.TemporaryDirectory(prefix="dynasync-sim-") as folder:
        command = [
            sys.executable,
            "-m",
            "simulators",
            "--systems",
            systems,
            "--base-port",
            "0",
            "--dir",
            folder,
        ]
        log = Path(folder) / "simulators.log"
        with log.open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
            )
        try:
            line = process.stdout.readline() if process.stdout is not None else b""
            if not line.strip():
                raise CannotStart("the simulators did not start:\n" + log.read_text(errors="replace")[-2000:])
            ready = json.loads(line)
            yield Simulators(ready["systems"], ready["ca"])
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            if process.poll() is None:
                process.kill()


@contextlib.contextmanager
def app(
    sims: Simulators,
    *,
    port: int,
    clock_file: Path,
    keep: Path | None = None,
    queue_lease: float = 30.0,
    users: Mapping[str, Sequence[str]] | None = None,
    app_dir: Path = ROOT,
    **more: str,
) -> Iterator[RunningHost]:
    """The app on the local host, trusting the simulators' addresses and certificates and nothing else.

    `more` are further app settings; `users` who may sign in, with their roles; `app_dir` another release's folder. A
    clock file that is there already goes on."""
    import localhost
    from localhost.errors import HostError

    if not clock_file.exists():
        clock_file.write_text('{"offset": 0}')
    settings = {
        "DYNASYNC_STATE_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "DYNASYNC_TRUSTED_HOSTS": ",".join(url.removeprefix("https://") for url in sims.urls.values()),
        "REQUESTS_CA_BUNDLE": sims.ca_file,
        "PYTHON_THREADPOOL_THREAD_COUNT": "8",
        "DYNASYNC_EASY_AUTH": "1",  # the local host puts the headers on, as the platform does
        **more,
    }
    os.environ.pop("CONTAINER_NAME", None)
    try:
        host = localhost.start(
            app_dir,
            port=port,
            keep=keep,
            settings=settings,
            clock_file=clock_file,
            queue_lease=queue_lease,
            users=users or {},
        )
    except HostError as error:
        raise CannotStart(str(error)) from error
    with host:
        yield host


def crm_side(sims: Simulators, secret: str) -> dict[str, Any]:
    """A connection's settings of the simulated Dynamics, with `secret` as its application's."""
    return {
        "url": sims.urls["dataverse"],
        "tenant": TENANT,
        "client_id": CLIENT_ID,
        "authority": sims.urls["entra"].removeprefix("https://"),
        "secrets": {"secret": secret},
    }


def seed(sims: Simulators, rows: list[dict[str, str]], *, limit: int = 5) -> dict[str, str]:
    """Puts the people into Dynamics, an application into its directory and a key into ActiveCampaign.

    `limit`: calls a second that the ActiveCampaign account was granted.
    """
    client_secret, api_key = secrets.token_urlsafe(24), secrets.token_hex(24)
    sims.control("dataverse", "POST", "reset", {"seed": 1})
    sims.control("activecampaign", "POST", "reset", {"seed": 1})
    # The sample people have mail domains without a dot; whether the vendor takes those is an open question of its
    # documents, and the demo is about people who arrive.
    # Imports run at the vendor's stated capacity of 25,000 contacts a minute.
    granted = {"requests_per_second": limit}
    imports = {"dotless_domains": True, "bulk_seconds_per_contact": 0.0024}
    sims.control("activecampaign", "POST", "switches", {**granted, **imports})
    application = {"tenant": TENANT, "client_id": CLIENT_ID, "secret": client_secret}
    sims.control("entra", "POST", "seed", {"apps": [application]})
    user = {"name": "# dynasync demo", "application_id": CLIENT_ID, "roles": ["System Administrator"]}
    sims.control("dataverse", "POST", "seed", {"users": [user], "rows": {"contact": rows}})
    sims.control("activecampaign", "POST", "seed", {"users": [{"username": "dynasync", "apiKey": api_key}]})
    return {"client_secret": client_secret, "api_key": api_key}
