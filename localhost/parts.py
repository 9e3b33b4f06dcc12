"""Puts a host together: settings, storage, two workers, HTTP, timers and queues; and takes it apart again."""

import contextlib
import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localhost import azurite
from localhost.admin import AdminApi
from localhost.channel import WorkerStartError
from localhost.clock import Clock
from localhost.config import HostConfig, load_host_config
from localhost.errors import HostError
from localhost.functions import Function, QueueTrigger, TimerTrigger, read_functions
from localhost.invoker import Invoker
from localhost.keys import Keys
from localhost.logs import Logs
from localhost.ncrontab import Schedule, parse
from localhost.outputs import OutputWriter
from localhost.queues import QueueListener
from localhost.rpc import load_protos
from localhost.server import HttpServer
from localhost.settings import STORAGE, AppSettings, load_settings
from localhost.storage import check_reachable
from localhost.supervisor import Worker
from localhost.timer_store import TimerStore
from localhost.timers import LeaseKeeper, TimerListener
from localhost.users import LocalUsers
from localhost.web import HttpFront, Router

CLOCK_FILE = "DYNASYNC_CLOCK_FILE"
_HOST_ID = "AzureFunctionsWebHost__hostid"
_APP_FILE = "function_app.py"


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What :func:`localhost.start` was asked for; times in seconds, paths absolute."""

    app_dir: Path
    port: int
    keep: Path | None
    settings: Mapping[str, str]
    queue_lease: float
    clock_file: Path | None
    users: Mapping[str, Sequence[str]]
    echo: bool


class HostParts:
    """Everything a host consists of, made in the order in which a mistake is cheapest to find."""

    def __init__(self, options: HostOptions) -> None:
        self.functions: dict[str, Function] = {}
        self.workers: dict[str, Worker] = {}
        self._options = options
        self._queues: list[QueueListener] = []
        self._timers: list[TimerListener] = []
        self._undo = contextlib.ExitStack()
        try:
            self._build()
        except BaseException:
            self._undo.close()
            raise

    def close(self, drain: float) -> None:
        """Take no new work, wait up to ``drain`` seconds for the work in hand, then end everything."""
        for queue in self._queues:
            queue.stop_polling()
        for timer in self._timers:
            timer.stop_firing()
        self.server.close()
        deadline = time.monotonic() + drain
        for queue in self._queues:
            queue.wait_until_idle(max(0.0, deadline - time.monotonic()))
        for timer in self._timers:
            timer.close(max(0.0, deadline - time.monotonic()))
        self._undo.close()

    def _build(self) -> None:
        options = self._options
        load_protos()
        _check_folder(options.app_dir)
        given = load_settings(options.app_dir, os.environ, options.settings)
        self._config = _load_config(options.app_dir, given.for_worker())
        self.logs = Logs(self._config.log_levels, echo=options.echo)
        self.keys = Keys(options.keep / "keys.json" if options.keep is not None else None)
        self.server = HttpServer(options.port)
        self._undo.callback(self.server.close)
        self.storage = self._find_storage(given)
        self._settings = given.with_values(self._own_settings())
        self._undo.callback(self._close_triggers)
        metadata = self._start_workers()
        self.functions = {one.name: one for one in read_functions(metadata, self._settings)}
        self._save_keys()
        self._start_triggers()

    def _find_storage(self, settings: AppSettings) -> str:
        given = settings.get(STORAGE)
        if given is not None:
            check_reachable(given)
            return given
        for suffix in ("__accountName", "__queueServiceUri"):
            if settings.get(STORAGE + suffix):
                raise HostError(
                    f"{STORAGE}{suffix} is an identity connection; those are not offered locally.",
                    f"Leave it out to have an emulator started, or set {STORAGE} to a connection string.",
                )
        keep = self._options.keep
        running = azurite.start(keep / "azurite" if keep is not None else None)
        self._undo.callback(running.close)
        return running.connection_string

    def _own_settings(self) -> dict[str, str]:
        clock_file = self._options.clock_file
        own = {
            STORAGE: self.storage,
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
            "AzureWebJobsScriptRoot": str(self._options.app_dir),
            "WEBSITE_HOSTNAME": self.server.url.removeprefix("http://"),
        }
        return own if clock_file is None else {**own, CLOCK_FILE: str(clock_file)}

    def _start_workers(self) -> list[Any]:
        app_dir = self._options.app_dir
        for name in ("http", "background"):
            environment = self._settings.for_worker()
            self.workers[name] = Worker(name=name, app_dir=app_dir, environment=environment, logs=self.logs)
            self._undo.callback(self.workers[name].stop)
        with ThreadPoolExecutor(len(self.workers)) as pool:
            starts = [pool.submit(worker.start) for worker in self.workers.values()]
        try:
            metadata = [start.result() for start in starts]
        except WorkerStartError as error:
            self.logs.write("error", "Host", f"The app cannot be loaded: {error}\n{error.trace}".rstrip())
            place = error.place_in(app_dir)
            raise HostError(
                f"The app in {app_dir} cannot be loaded{f' ({place})' if place else ''}. The worker says: {error}",
                "Put right what it names and start again.",
            ) from None
        if not metadata[0]:
            raise HostError(
                f"The app in {app_dir} has no functions.",
                "Decorate at least one function of the FunctionApp object in function_app.py.",
            )
        return metadata[0]

    def _save_keys(self) -> None:
        for name in self.functions:
            self.keys.function(name)
        self.keys.save()

    def _start_triggers(self) -> None:
        invoker = Invoker(
            http=self.workers["http"],
            background=self.workers["background"],
            outputs=OutputWriter(base64_encoding=self._config.queues.base64, enqueued=self._poke),
            timeout=self._config.function_timeout,
            logs=self.logs,
        )
        host_id = self._settings.get(_HOST_ID) or _host_id(self._options.app_dir)
        front = self._front(invoker, host_id)
        self._queues = [
            self._queue_listener(function, function.trigger, invoker)
            for function in self.functions.values()
            if isinstance(function.trigger, QueueTrigger) and not function.disabled
        ]
        self._timers = self._timer_listeners(invoker, host_id)
        self.server.serve(front)
        for queue in self._queues:
            queue.start()
        for timer in self._timers:
            timer.start()

    def _front(self, invoker: Invoker, host_id: str) -> HttpFront:
        prefix = self._config.route_prefix
        return HttpFront(
            router=Router(self.functions.values(), prefix),
            invoker=invoker,
            keys=self.keys,
            users=LocalUsers(self._options.users),
            admin=AdminApi(self.functions, invoker=invoker, host_id=host_id, route_prefix=prefix),
            custom_headers=self._config.custom_headers,
        )

    def _queue_listener(self, function: Function, trigger: QueueTrigger, invoker: Invoker) -> QueueListener:
        return QueueListener(
            function,
            trigger,
            options=self._config.queues,
            lease=self._options.queue_lease,
            invoker=invoker,
            worker=self.workers["background"],
            logs=self.logs,
        )

    def _timer_listeners(self, invoker: Invoker, host_id: str) -> list[TimerListener]:
        timers = [
            (function, function.trigger, _schedule(function, function.trigger))
            for function in self.functions.values()
            if isinstance(function.trigger, TimerTrigger)
        ]
        store = TimerStore(self.storage, host_id)
        clock = Clock(self._options.clock_file, self.logs)
        if timers:
            store.create_container()
        listeners = [
            TimerListener(function, trigger, schedule, clock=clock, store=store, invoker=invoker, logs=self.logs)
            for function, trigger, schedule in timers
            if not function.disabled
        ]
        keeper = LeaseKeeper(listeners)
        keeper.start()
        self._undo.callback(keeper.close)
        return listeners

    def _poke(self, queue: str) -> None:
        for listener in self._queues:
            if listener.queue_name == queue:
                listener.poke()

    def _close_triggers(self) -> None:
        """Runs when the workers are gone: whatever was in hand has failed by now and ends by itself."""
        for queue in self._queues:
            queue.close()
        for timer in self._timers:
            timer.close(5)


def _check_folder(app_dir: Path) -> None:
    if not app_dir.is_dir():
        raise HostError(f"There is no folder {app_dir}.", "Name the app's folder with --app.")


def _load_config(app_dir: Path, settings: Mapping[str, str]) -> HostConfig:
    config = load_host_config(app_dir, settings)
    if not (app_dir / _APP_FILE).is_file():
        raise HostError(f"{app_dir / _APP_FILE} is missing.", "Name the folder that holds it with --app.")
    return config


def _schedule(function: Function, trigger: TimerTrigger) -> Schedule:
    try:
        return parse(trigger.schedule)
    except ValueError as error:
        raise HostError(
            f"Function {function.name!r}: its schedule {trigger.schedule!r} is not an NCRONTAB expression: {error}.",
            "Correct the schedule, or the app setting it comes from.",
        ) from None


def _host_id(app_dir: Path) -> str:
    """The same for every start of this app on this machine, so that timers find their status again."""
    return f"local-{hashlib.sha256(str(app_dir).encode()).hexdigest()[:16]}"
