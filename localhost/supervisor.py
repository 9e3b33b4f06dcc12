"""Keeps one worker process alive: a worker that ends is replaced, at once the first time, more slowly if it goes on."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from localhost.channel import WorkerChannel, WorkerStartError
from localhost.logs import Logs

# Seconds before the n-th restart in a row; a worker that stayed up for a while starts the row anew.
RESTART_DELAYS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_STAYED_UP = 30.0


class WorkerUnavailable(Exception):
    """There is no worker that could take a call: it is being restarted, or the app no longer loads."""


class Worker:
    """A supervised worker process called ``name``; every method may be called from any thread."""

    def __init__(self, *, name: str, app_dir: Path, environment: Mapping[str, str], logs: Logs) -> None:
        self.name = name
        self.restarts = 0
        self._app_dir = app_dir
        self._environment = environment
        self._logs = logs
        self._changed = threading.Condition()
        self._channel: WorkerChannel | None = None
        self._ended: WorkerChannel | None = None
        self._ready = False
        self._stopping = False
        self._broken = False
        self._failures_in_a_row = 0
        self._started_at = 0.0
        self._reason = "it has not been started"

    @property
    def pid(self) -> int:
        """The process id of the worker that runs now, or of the last one that did."""
        with self._changed:
            return self._channel.pid if self._channel is not None else 0

    def start(self) -> list[Any]:
        """Start the first process and return the functions it indexed; raises :class:`WorkerStartError`."""
        channel = self._launch()
        channel.load_app()
        self._announce(channel)
        return channel.metadata

    def invoke(self, request: Any, function: str, *, wait: float) -> Future[Any]:
        """Hand a call to the worker, waiting up to ``wait`` seconds for one; raises :class:`WorkerUnavailable`."""
        if not self.wait_until_ready(wait):
            raise WorkerUnavailable(f"The {self.name} worker is not running: {self._reason}")
        with self._changed:
            channel = self._channel
        if channel is None:
            raise WorkerUnavailable(f"The {self.name} worker is not running: {self._reason}")
        return channel.invoke(request, function)

    def wait_until_ready(self, timeout: float) -> bool:
        """Whether a worker that has loaded the app is there, at the latest after ``timeout`` seconds; at once when the
        app itself no longer loads.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._stopping or self._broken, timeout)
            return self._ready

    def kill(self) -> None:
        """End the process at once; a new one takes its place."""
        with self._changed:
            channel = self._channel
        if channel is not None:
            channel.kill()

    def stop(self) -> None:
        """End the process for good."""
        with self._changed:
            self._stopping = True
            self._ready = False
            channel = self._channel
            self._reason = "the host is stopping"
            self._changed.notify_all()
        if channel is not None:
            channel.close()

    def _launch(self) -> WorkerChannel:
        self._started_at = time.monotonic()
        channel = WorkerChannel(
            name=self.name,
            app_dir=self._app_dir,
            environment=self._environment,
            logs=self._logs,
            on_exit=self._take_end,
        )
        with self._changed:
            self._channel = channel
            stopping = self._stopping
        if stopping:
            channel.close()
        return channel

    def _announce(self, channel: WorkerChannel) -> None:
        with self._changed:
            # It may have died between its last answer and this line.
            self._ready = self._ended is not channel and not self._stopping
            self._broken = False
            self._changed.notify_all()
            replace = self._ended is channel and not self.restarts
        if replace:
            self._replace(channel)

    def _take_end(self) -> None:
        """Runs on the dead worker's reader thread."""
        with self._changed:
            was_ready, self._ready = self._ready, False
            channel = self._ended = self._channel
        # A first start that fails is reported by start(), which is waiting for it.
        if channel is not None and (was_ready or self.restarts):
            self._replace(channel)

    def _replace(self, channel: WorkerChannel) -> None:
        with self._changed:
            if self._stopping:
                return
            self._reason = channel.exit_reason()
        self._logs.error(f"The {self.name} worker process {channel.pid} ended ({self._reason}); starting a new one.")
        threading.Thread(target=self._start_again, name=f"{self.name}-restart", daemon=True).start()

    def _start_again(self) -> None:
        if time.monotonic() - self._started_at > _STAYED_UP:
            self._failures_in_a_row = 0
        delay = RESTART_DELAYS[min(self._failures_in_a_row, len(RESTART_DELAYS) - 1)]
        self._failures_in_a_row += 1
        with self._changed:
            if self._changed.wait_for(lambda: self._stopping, delay):
                return
            self.restarts += 1
        channel = self._launch()
        try:
            channel.load_app()
        except WorkerStartError as error:
            with self._changed:
                if self._stopping:
                    return
                self._reason = str(error)
                self._broken = True
                self._changed.notify_all()
            self._logs.error(f"The {self.name} worker cannot load the app: {error}\n{error.trace}".rstrip())
            channel.kill()  # its end brings the next attempt
            return
        self._announce(channel)
