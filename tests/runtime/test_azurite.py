"""The storage emulator as tests and host start it."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from localhost import azurite as emulator
from localhost.errors import HostError
from tests.runtime.support import until

pytestmark = [pytest.mark.storage, pytest.mark.feature("APP-01.1")]
ROOT = Path(__file__).resolve().parents[2]


def test_blobs_queues_and_tables_answer(azurite: str) -> None:
    BlobServiceClient.from_connection_string(azurite).create_container("seen-blob")
    QueueServiceClient.from_connection_string(azurite).create_queue("seen-queue")
    TableServiceClient.from_connection_string(azurite).create_table("seen")


def test_starts_at_the_same_time_do_not_meet() -> None:
    with ThreadPoolExecutor(3) as pool:
        running = list(pool.map(lambda _: emulator.start(), range(3)))
    try:
        ports = [port for one in running for port in one.ports]
        assert len(set(ports)) == 9
    finally:
        for one in running:
            one.close()


def test_a_folder_keeps_the_data_and_ports_may_be_asked_for(tmp_path: Path) -> None:
    with emulator.start(tmp_path / "data") as first:
        QueueServiceClient.from_connection_string(first.connection_string).create_queue("kept")
        ports = first.ports
    with emulator.start(tmp_path / "data", ports=ports) as second:
        assert second.ports == ports
        queues = QueueServiceClient.from_connection_string(second.connection_string).list_queues()
        assert [queue.name for queue in queues] == ["kept"]
        with pytest.raises(HostError, match="EADDRINUSE"):
            emulator.start(ports=ports)


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from localhost import azurite\n"
        f"running = azurite.start({str(tmp_path / 'data')!r})\n"
        "from azure.storage.queue import QueueServiceClient\n"
        "QueueServiceClient.from_connection_string(running.connection_string).create_queue('saved')\n"
        "print(running.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    until(lambda: not Path(f"/proc/{pid}").exists(), what="the emulator ends with its parent")
    with emulator.start(tmp_path / "data") as again:
        queues = QueueServiceClient.from_connection_string(again.connection_string).list_queues()
        assert [queue.name for queue in queues] == ["saved"]


def test_a_killed_emulator_is_seen_as_gone() -> None:
    running = emulator.start()
    assert running.alive()
    running.kill()
    assert not running.alive()
    running.close()
