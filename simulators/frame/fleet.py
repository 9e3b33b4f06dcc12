"""Systems in processes of their own: the parent starts, announces and ends them."""

from __future__ import annotations

import importlib
import json
import logging
import os
import select
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulators.frame.clock import Clock
from simulators.frame.server import serve_all
from simulators.frame.system import System
from simulators.frame.tls import make_authority

log = logging.getLogger(__name__)
_READY_SECONDS = 120.0
_STOP_SECONDS = 5.0

# Ports a system takes: itself and its companions, in this order.
PORTS: dict[str, int] = {"dataverse": 2, "activecampaign": 1, "marketo": 1}


class FleetError(RuntimeError):
    """A system could not be started; the text names it and what it said last."""


@dataclass(slots=True)
class Fleet:
    """Running children and the addresses they announced."""

    ca_file: Path
    urls: dict[str, str] = field(default_factory=dict)
    children: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def announcement(self) -> str:
        """The one line a parent prints when all systems are ready."""
        return json.dumps({"ca": str(self.ca_file), "systems": self.urls})

    def dead(self) -> str | None:
        """The name of a child that ended by itself, if one did."""
        return next((name for name, child in self.children.items() if child.poll() is not None), None)

    def stop(self) -> None:
        """End all children: by closing their standard input, then by signal."""
        for child in self.children.values():
            if child.stdin:
                child.stdin.close()
            child.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in self.children.values():
            try:
                child.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdout:
                child.stdout.close()


def build_systems(name: str, clock: Clock) -> dict[str, System]:
    """A system and its companions, from `build(clock)` of its package."""
    if name not in PORTS:
        raise FleetError(f"no simulated system is called {name!r}; there are: {', '.join(PORTS)}")
    module: Any = importlib.import_module(f"simulators.{name}")
    systems: Mapping[str, System] = module.build(clock)
    return dict(systems)


def start_fleet(names: list[str], *, base_port: int, folder: Path) -> Fleet:
    """Start one process a system and wait until each listens. Raises FleetError."""
    for name in names:
        if name not in PORTS:
            raise FleetError(f"no simulated system is called {name!r}; there are: {', '.join(PORTS)}")
    fleet = Fleet(ca_file=make_authority(folder).ca_file)
    port = base_port
    try:
        for name in names:
            command = [sys.executable, "-m", "simulators", "--child", name, "--base-port", str(port)]
            fleet.children[name] = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
                [*command, "--dir", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            port += PORTS[name] if base_port else 0
        for name, child in fleet.children.items():
            fleet.urls |= _await_ready(name, child)
    except BaseException:
        fleet.stop()
        raise
    return fleet


def _await_ready(name: str, child: subprocess.Popen[str]) -> dict[str, str]:
    if child.stdout is None:
        raise FleetError(f"{name} has no standard output")
    readable, _, _ = select.select([child.stdout], [], [], _READY_SECONDS)
    line = child.stdout.readline() if readable else ""
    if not line:
        raise FleetError(f"{name} did not start (exit code {child.poll()}); its log on standard error says why")
    ready: dict[str, str] = json.loads(line)
    return ready


def run_child(name: str, *, base_port: int, folder: Path) -> int:
    """Serve one system until standard input closes or a signal comes."""
    systems = build_systems(name, Clock())
    running = serve_all(systems, base_port, make_authority(folder))
    sys.stdout.write(json.dumps({each: server.url for each, server in running.items()}) + "\n")
    sys.stdout.flush()
    _stop_event(watch_stdin=True).wait()
    for server in running.values():
        server.close()
    return 0


def run_parent(
    names: list[str], *, base_port: int, folder: Path | None, seed_file: Path | None, keep_alive: bool
) -> int:
    """Start the systems, seed them, print the announcement, and stay until told to end."""
    stop = _stop_event(watch_stdin=not keep_alive)
    with tempfile.TemporaryDirectory(prefix="dynasync-simulators-") as temporary:
        fleet = start_fleet(names, base_port=base_port, folder=folder or Path(temporary))
        try:
            if seed_file is not None:
                seed_fleet(fleet, json.loads(seed_file.read_text("utf-8")))
            sys.stdout.write(fleet.announcement() + "\n")
            sys.stdout.flush()
            while not stop.wait(0.2):
                if (dead := fleet.dead()) is not None:
                    log.error("the simulator %s ended by itself; all others are ended too", dead)
                    return 1
        finally:
            fleet.stop()
    return 0


def seed_fleet(fleet: Fleet, spec: Mapping[str, Any]) -> None:
    """Send each system its part of a seed file: `{"activecampaign": {...}, "dataverse": {...}}`. Raises FleetError."""
    import requests

    for name, part in spec.items():
        if name not in fleet.urls:
            raise FleetError(f"the seed file names {name!r}, which was not started")
        answer = requests.post(f"{fleet.urls[name]}/_sim/seed", json=part, verify=str(fleet.ca_file), timeout=600)
        if answer.status_code != 200:
            raise FleetError(f"seeding {name} failed: {answer.text}")


def _stop_event(*, watch_stdin: bool) -> threading.Event:
    """Set by SIGTERM or SIGINT, or when a pipe on standard input closes.

    A terminal or /dev/null on standard input says nothing, so only pipes and sockets are watched.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    mode = os.fstat(0).st_mode if watch_stdin else 0
    if watch_stdin and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        threading.Thread(target=_watch_stdin, args=(stop,), daemon=True).start()
    return stop


def _watch_stdin(stop: threading.Event) -> None:
    while os.read(0, 4096):
        """What is typed is not read; only the end matters."""
    stop.set()
