"""A host as its users see it: :func:`start` and the :class:`RunningHost` it returns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from localhost.parts import HostOptions, HostParts

REAL_LEASE = 600.0  # seconds a queue message in hand stays invisible in the real host


class RunningHost:
    """A host that runs; a context manager that closes it."""

    def __init__(self, parts: HostParts) -> None:
        self._parts = parts
        self._closed = False

    @property
    def url(self) -> str:
        """Base address, without a slash at the end; functions are under the route prefix of host.json."""
        return self._parts.server.url

    @property
    def storage_connection(self) -> str:
        """The connection string the app sees as ``AzureWebJobsStorage``."""
        return self._parts.storage

    @property
    def master_key(self) -> str:
        """Opens everything."""
        return self._parts.keys.master

    @property
    def host_key(self) -> str:
        """Opens every function of level ``function``."""
        return self._parts.keys.host

    def function_key(self, name: str) -> str:
        """Opens the function ``name``; raises KeyError when there is none."""
        return self._parts.keys.function(self._parts.functions[name].name)

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the app's functions."""
        return tuple(self._parts.functions)

    @property
    def worker_pids(self) -> dict[str, int]:
        """Process ids of the workers ``http`` and ``background``."""
        return {name: worker.pid for name, worker in self._parts.workers.items()}

    def kill_worker(self, which: str) -> int:
        """Kill the worker ``http`` or ``background`` as a crash would; returns the process id that was killed."""
        worker = self._parts.workers[which]
        pid = worker.pid
        worker.kill()
        return pid

    def admin_invoke(self, name: str, text: str = "") -> int:
        """``POST /admin/functions/NAME`` with the master key; returns the HTTP status (202 when it was started)."""
        import requests

        answer = requests.post(
            f"{self.url}/admin/functions/{name}",
            json={"input": text},
            headers={"x-functions-key": self.master_key},
            timeout=30,
        )
        return answer.status_code

    def logs(self) -> list[str]:
        """What the host and the functions logged so far, oldest first."""
        return self._parts.logs.lines()

    def close(self, *, drain: float = 5.0) -> None:
        """Stop: no new work, up to ``drain`` seconds for what runs, then everything goes. What is still in hand is not
        lost: its queue messages come back.
        """
        if not self._closed:
            self._closed = True
            self._parts.close(drain)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start(
    app_dir: Path | str = ".",
    *,
    port: int = 7071,
    keep: Path | str | None = None,
    settings: Mapping[str, str] | None = None,
    queue_lease: float = REAL_LEASE,
    clock_file: Path | str | None = None,
    users: Mapping[str, Sequence[str]] | None = None,
    echo: bool = False,
) -> RunningHost:
    """Start a host in this process (its functions run in two worker processes) and return when it is ready.

    ``port`` 0 takes a free one. ``keep`` is a folder for the emulator's data and the keys; without it both are gone at
    the end. ``settings`` are app settings that win over the environment and local.settings.json. ``queue_lease`` is the
    invisibility of a queue message in hand, in seconds. ``users`` maps local users to their roles. With ``echo`` the
    log goes to standard error too. Raises :class:`~localhost.errors.HostError` with what is wrong and what to do.
    """
    options = HostOptions(
        app_dir=Path(app_dir).resolve(),
        port=port,
        keep=None if keep is None else Path(keep).resolve(),
        settings=settings or {},
        queue_lease=queue_lease,
        clock_file=None if clock_file is None else Path(clock_file).resolve(),
        users=users or {},
        echo=echo,
    )
    return RunningHost(HostParts(options))
