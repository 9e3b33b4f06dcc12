"""Starts Azurite, Microsoft's storage emulator, for the local host, the demo and every storage test.

The emulator chooses its own free ports (it is told port 0 and says where it listens), so two starts never race for
one. It leaves with the process that started it, even if that process is killed: see ``azurite_parent.cjs``.
"""

import atexit
import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from localhost.errors import HostError

ACCOUNT = "devstoreaccount1"
# The emulator's published account key: the same on every machine, protects nothing.
# https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_LISTENING = re.compile(r"Azurite (Blob|Queue|Table) service is successfully listening at (http://\S+)")
_SERVICES = ("Blob", "Queue", "Table")
_HERE = Path(__file__).resolve().parent


class RunningAzurite:
    """One running emulator; a context manager that stops it.

    ``connection_string`` reaches blobs, queues and tables. ``folder`` is where the data are kept, or None for memory.
    """

    def __init__(self, process: subprocess.Popen[str], folder: Path | None) -> None:
        self._process = process
        self._said: deque[str] = deque(maxlen=50)
        self._addresses: dict[str, str] = {}
        self._ready = threading.Event()
        self.folder = folder
        threading.Thread(target=self._read, name="azurite-output", daemon=True).start()
        atexit.register(self.close)

    @property
    def pid(self) -> int:
        """The emulator's process id."""
        return self._process.pid

    @property
    def ports(self) -> tuple[int, int, int]:
        """Blob, queue and table port; hand them to the next :func:`start` to come back under the same address."""
        blob, queue, table = (int(self._addresses[service].rsplit(":", 1)[1]) for service in _SERVICES)
        return blob, queue, table

    @property
    def connection_string(self) -> str:
        """A storage connection string as ``AzureWebJobsStorage`` wants it."""
        endpoints = "".join(f"{service}Endpoint={self._addresses[service]}/{ACCOUNT};" for service in _SERVICES)
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};{endpoints}"

    def alive(self) -> bool:
        """Whether the emulator still runs."""
        return self._process.poll() is None

    def said(self) -> str:
        """The emulator's last lines of output."""
        return "\n".join(self._said)

    def close(self) -> None:
        """Stop it. With a folder this waits until the data are saved (at most 8 s)."""
        if self.folder is None:
            self._process.kill()
        self._close_pipes()
        try:
            self._process.wait(8)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End it at once, as a crash would; what was not yet saved in the folder (5 s at most) is lost."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait()
        self._close_pipes()

    def wait_until_ready(self, timeout: float) -> None:
        """Return when the three services listen; raise :class:`HostError` with the emulator's words if they do not."""
        deadline = time.monotonic() + timeout
        while not self._ready.wait(0.02):
            if not self.alive():
                time.sleep(0.1)  # let the reader thread take the last words
                problem = f"The storage emulator (Azurite) stopped at its start: {self.said() or 'no output'}"
                raise HostError(
                    problem,
                    "If it names a port or folder in use, end the other emulator or choose another one.",
                    exit_code=3,
                )
            if time.monotonic() > deadline:
                self.kill()
                problem = f"The storage emulator (Azurite) did not listen in {timeout:.0f} s; it said: {self.said()}"
                raise HostError(
                    problem,
                    "The machine may be overloaded: try again.",
                    exit_code=3,
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> None:
        output = self._process.stdout
        if output is None:
            return
        with output:
            for line in output:
                self._said.append(line.rstrip())
                if found := _LISTENING.search(line):
                    self._addresses[found[1]] = found[2].rstrip("/")
                    if len(self._addresses) == len(_SERVICES):
                        self._ready.set()

    def _close_pipes(self) -> None:
        atexit.unregister(self.close)
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()


def start(
    folder: Path | str | None = None, *, ports: tuple[int, int, int] = (0, 0, 0), timeout: float = 60
) -> RunningAzurite:
    """Start the emulator in memory, or on ``folder`` (made if missing), and return when it listens.

    ``ports`` are those for blobs, queues and tables; 0 takes any free one. Raises :class:`HostError` when Node.js or
    Azurite is missing, a port is taken, or the services do not listen within ``timeout`` seconds.
    """
    where = None if folder is None else Path(folder).resolve()
    if where is not None:
        where.mkdir(parents=True, exist_ok=True)
    running = RunningAzurite(_launch(where, ports), where)
    try:
        running.wait_until_ready(timeout)
    except BaseException:
        running.kill()
        raise
    return running


def missing() -> HostError | None:
    """Why the emulator cannot be started on this machine, or None if it can."""
    if shutil.which("node") is None:
        return HostError(
            "Node.js was not found on the PATH; the storage emulator (Azurite) needs Node.js 20 or newer.",
            "Install it (Debian: apt-get install nodejs npm) and run `make setup`, "
            "or give a storage account with --storage or AzureWebJobsStorage.",
            exit_code=3,
        )
    if not _script().is_file():
        return HostError(
            "The storage emulator (Azurite) is not installed in node_modules.",
            "Run `make setup`, or give a storage account with --storage or AzureWebJobsStorage.",
            exit_code=3,
        )
    return None


def _script() -> Path:
    return _HERE.parent / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"


def _launch(folder: Path | None, ports: tuple[int, int, int]) -> subprocess.Popen[str]:
    if problem := missing():
        raise problem
    keep = ["--inMemoryPersistence"] if folder is None else ["--location", str(folder)]
    command = [
        str(shutil.which("node")),
        *("--require", str(_HERE / "azurite_parent.cjs"), str(_script())),
        *("--silent", "--skipApiVersionCheck", "--disableTelemetry"),
        *("--blobPort", str(ports[0]), "--queuePort", str(ports[1]), "--tablePort", str(ports[2])),
        *keep,
    ]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder or _HERE,
        # Ctrl-C in the terminal goes to its owner, which then stops the emulator in order.
        start_new_session=True,
    )
