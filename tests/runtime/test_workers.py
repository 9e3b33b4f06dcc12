"""Workers may die, hang or lose their app; the host goes on and nothing is lost."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from localhost import azurite as emulator
from tests.runtime.support import SAMPLE, Sample, copy_app, records, rule, sample, sample_settings, until

pytestmark = [pytest.mark.storage, pytest.mark.feature("APP-01.1")]
MESSAGES = 240
KILLS = 5


@rule("WORKER-07")
def test_a_dead_http_worker_fails_what_it_had_in_hand_and_is_replaced(tmp_path: Path, azurite: str) -> None:
    with sample(tmp_path, azurite) as app, ThreadPoolExecutor(1) as pool:
        before = app.host.worker_pids
        waiting = pool.submit(app.get, "slow/3")
        time.sleep(0.4)
        assert app.host.kill_worker("http") == before["http"]
        assert waiting.result(5).status_code == 500
        after = app.get("hello")
        assert after.status_code == 200
        assert after.json()["pid"] not in before.values()
        assert app.host.worker_pids["background"] == before["background"]
        assert any("ended (signal SIGKILL)" in line for line in app.host.logs())


@rule("WORKER-06")
def test_a_run_beyond_the_timeout_takes_its_worker_and_its_neighbours_along(tmp_path: Path, azurite: str) -> None:
    copy = copy_app(tmp_path, functionTimeout="00:00:01")
    with sample(tmp_path, azurite, app=copy) as app, ThreadPoolExecutor(2) as pool:
        slow = pool.submit(app.get, "slow/9")
        time.sleep(0.5)
        neighbour = pool.submit(app.get, "slow/0.9")
        assert slow.result(5).status_code == 500
        assert neighbour.result(5).status_code == 500
        assert app.get("hello").status_code == 200
        assert any("(host.json: functionTimeout) was exceeded" in line for line in app.host.logs())


@rule("WORKER-07", "QUEUE-07")
def test_a_message_that_kills_its_worker_each_time_ends_in_poison(tmp_path: Path, azurite: str) -> None:
    copy = copy_app(tmp_path, extensions__queues__maxDequeueCount=2)
    with sample(tmp_path, azurite, app=copy, queue_lease=1.0) as app:
        body = json.dumps({"id": "deadly", "die": True})
        app.send("WORK_QUEUE", body)
        assert until(lambda: app.records("poisoned"))[0]["body"] == body
        assert [one["dequeue_count"] for one in app.records("work")] == [1, 2]
        assert any("ended (exit code 7)" in line for line in app.host.logs())


def test_an_app_that_no_longer_loads_is_reported_and_recovers(tmp_path: Path, azurite: str) -> None:
    copy = copy_app(tmp_path)
    file = copy / "function_app.py"
    with sample(tmp_path, azurite, app=copy) as app:
        whole = file.read_text()
        file.write_text("raise RuntimeError('half-saved')\n")
        app.host.kill_worker("http")
        until(lambda: any("cannot load the app" in line and "half-saved" in line for line in app.host.logs()))
        assert app.get("hello").status_code == 503
        file.write_text(whole)
        until(lambda: app.get("hello").status_code == 200)


def test_closing_waits_for_what_is_in_hand(tmp_path: Path, azurite: str) -> None:
    with sample(tmp_path, azurite) as app:
        app.send("WORK_QUEUE", json.dumps({"id": "last", "sleep": 0.7}))
        until(lambda: app.records("work", "last"))
    assert app.records("work-done", "last")
    assert app.queue("WORK_QUEUE").get_queue_properties().approximate_message_count == 0


@rule("WORKER-08")
@pytest.mark.slow
def test_random_kills_lose_no_message(tmp_path: Path) -> None:
    copy = copy_app(tmp_path, extensions__queues__maxDequeueCount=50, extensions__queues__batchSize=8)
    rng = random.Random(20261122)
    with sample(tmp_path, None, app=copy, keep=tmp_path / "kept", queue_lease=5.0) as app:
        ids = [f"{n:03d}-{uuid.uuid4().hex[:6]}" for n in range(MESSAGES)]
        with ThreadPoolExecutor(4) as pool:
            orders = [json.dumps({"id": one, "sleep": 0.05}) for one in ids]
            sending = [pool.submit(app.send, "WORK_QUEUE", *orders[n::4]) for n in range(4)]
            killed = [kill_in_the_midst(app, rng, taken=(n + 1) * MESSAGES // (KILLS + 2)) for n in range(KILLS)]
            for one in sending:
                one.result()
        assert len(set(killed)) == KILLS
        done = until(lambda: finished(app, set(ids)), timeout=60, what="every message worked on")
        assert done == set(ids)
        assert not app.records("poisoned")
        until(lambda: not app.queue("WORK_QUEUE").get_queue_properties().approximate_message_count)
        taken = len(app.records("work"))
        assert taken > MESSAGES, "no kill met a message in hand: the test proves nothing"


def kill_in_the_midst(app: Sample, rng: random.Random, *, taken: int) -> int:
    """Kill the background worker once it has begun ``taken`` messages; HTTP must be served all the while."""
    until(lambda: len(app.records("work")) >= taken)
    time.sleep(rng.uniform(0, 0.06))
    pid = app.host.kill_worker("background")
    assert app.get("hello").status_code == 200
    until(lambda: app.host.worker_pids["background"] != pid)
    return pid


def finished(app: Sample, ids: set[str]) -> set[str] | None:
    done = {one["id"] for one in app.records("work-done")}
    return done if done >= ids else None


@rule("WORKER-08")
@pytest.mark.slow
def test_a_killed_host_leaves_no_process_and_its_messages_come_back(tmp_path: Path) -> None:
    settings = sample_settings(tmp_path)
    first = run_host(tmp_path, settings)
    facts = ready(first)
    app = Remote(facts, settings)
    app.send("WORK_QUEUE", json.dumps({"id": "in hand", "sleep": 2.5}), json.dumps({"id": "quick"}))
    until(lambda: records(Path(settings["RECORD_FILE"]), "work", "in hand"))
    time.sleep(0.2)
    os.kill(facts["pid"], signal.SIGKILL)
    first.communicate()
    for pid in facts["workers"].values():
        until(lambda one=pid: not Path(f"/proc/{one}").exists(), what=f"worker {pid} ends with its host")

    second = run_host(tmp_path, settings)
    try:
        again = ready(second)
        assert again["keys"] == facts["keys"], "keys are kept too"
        until(lambda: len(records(Path(settings["RECORD_FILE"]), "work", "in hand")) == 2)
        assert records(Path(settings["RECORD_FILE"]), "work", "in hand")[1]["dequeue_count"] == 2
        assert requests.get(f"{again['url']}/api/hello", timeout=60).status_code == 200
    finally:
        second.send_signal(signal.SIGTERM)
        _, log = second.communicate(timeout=30)
    assert second.returncode == 0, log


class Remote(Sample):
    """The sample app on a host in another process."""

    def __init__(self, facts: dict[str, Any], settings: dict[str, str]) -> None:
        self._storage = facts["storage"]
        self.settings = settings

    def queue(self, setting: str, suffix: str = "") -> Any:
        from azure.storage.queue import QueueClient

        return QueueClient.from_connection_string(self._storage, self.settings[setting] + suffix)


def run_host(folder: Path, settings: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "localhost", "--app", str(SAMPLE), "--port", "0", "--json"]
    return subprocess.Popen(
        [*command, "--keep", str(folder / "kept"), "--queue-lease", "2s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings},
        cwd=SAMPLE.parents[2],
    )


def ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        pytest.fail(f"the host did not start: {process.communicate()[1]}")
    return json.loads(line)


@rule("WORKER-08")
def test_storage_that_restarts_on_its_folder_keeps_the_messages(tmp_path: Path) -> None:
    storage = emulator.start(tmp_path / "storage")
    with sample(tmp_path, storage.connection_string) as app:
        app.send("WORK_QUEUE", json.dumps({"id": "first"}))
        app.send("OFF_QUEUE", "kept")
        until(lambda: app.records("work-done", "first"))
        ports = storage.ports
        storage.close()
        until(lambda: any("cannot be read and is tried again" in line for line in app.host.logs()))
        assert app.get("hello").status_code == 200
        with emulator.start(tmp_path / "storage", ports=ports):
            app.send("WORK_QUEUE", json.dumps({"id": "second"}))
            until(lambda: app.records("work-done", "second"))
            assert app.bodies("OFF_QUEUE") == ["kept"]
            app.host.close()
