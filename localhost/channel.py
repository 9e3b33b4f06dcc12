"""The host's end of one worker process: start it, load the app's functions, call them, notice its death."""

import contextlib
import itertools
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from localhost.logs import LEVELS, Logs
from localhost.rpc import Wire, load_protos

START_LIMIT = 60.0  # seconds; Azure gives a worker as long
_SCRIPT = Path(__file__).resolve().parent / "worker_process.py"
_LEVEL_NAMES = {0: "trace", 1: "debug", 2: "information", 3: "warning", 4: "error", 5: "critical", 6: "none"}


class WorkerLost(Exception):
    """The worker process ended while it held the call; whether the function's effects happened is unknown."""


class WorkerStartError(Exception):
    """The worker could not load the app; the text is the worker's own reason, ``trace`` its stack trace or empty."""

    def __init__(self, reason: str, trace: str = "") -> None:
        super().__init__(reason)
        self.trace = trace

    def place_in(self, folder: Path) -> str:
        """The deepest line of the app's own code in the trace, such as ``function_app.py line 7``; empty if none."""
        frames = re.findall(r'File "([^"]+)", line (\d+)', self.trace)
        own = [(Path(file), line) for file, line in frames if Path(file).is_relative_to(folder)]
        own = [(file, line) for file, line in own if not file.is_relative_to(sys.prefix)]
        return f"{own[-1][0].relative_to(folder)} line {own[-1][1]}" if own else ""


class WorkerChannel:
    """One worker process, from its start to its end.

    ``on_exit`` is called once, from another thread, after the process has ended and every open call has failed with
    :class:`WorkerLost`.
    """

    def __init__(
        self, *, name: str, app_dir: Path, environment: Mapping[str, str], logs: Logs, on_exit: Callable[[], None]
    ) -> None:
        self.name = name
        self.metadata: list[Any] = []
        self._protos = load_protos()
        self._logs = logs
        self._app_dir = app_dir
        self._on_exit = on_exit
        self._request_ids = itertools.count(1)
        self._calls: dict[str, tuple[str, Future[Any]]] = {}
        self._calls_lock = threading.Lock()
        self._answers: queue.Queue[Any] = queue.Queue()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-u", str(_SCRIPT), str(theirs.fileno()), str(app_dir)],
                env=dict(environment),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C goes to the host, which then stops its workers in order
            )
        self._wire = Wire(ours, self._protos)
        self._output = threading.Thread(target=self._read_output, name=f"{name}-output", daemon=True)
        self._output.start()
        threading.Thread(target=self._read_messages, name=f"{name}-messages", daemon=True).start()

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def load_app(self) -> None:
        """Index the app and load its functions; raises :class:`WorkerStartError` with the worker's reason."""
        protos = self._protos
        init = protos.WorkerInitRequest(
            host_version="4.0.0", function_app_directory=str(self._app_dir), worker_directory=str(_SCRIPT.parent)
        )
        self._require_success(self._ask("worker_init_request", init).worker_init_response.result)
        asked = protos.FunctionsMetadataRequest(function_app_directory=str(self._app_dir))
        found = self._ask("functions_metadata_request", asked).function_metadata_response
        self._require_success(found.result)
        for item in found.function_metadata_results:
            request = protos.FunctionLoadRequest(function_id=item.function_id, metadata=item)
            self._require_success(self._ask("function_load_request", request).function_load_response.result)
        self.metadata = list(found.function_metadata_results)

    def invoke(self, request: Any, function: str) -> Future[Any]:
        """Send an ``InvocationRequest``; the future yields the ``InvocationResponse`` or :class:`WorkerLost`."""
        future: Future[Any] = Future()
        with self._calls_lock:
            self._calls[request.invocation_id] = (function, future)
        try:
            self._send("invocation_request", request)
        except OSError:
            self._fail_call(request.invocation_id)
        return future

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Let the process go and wait until it is gone."""
        self._wire.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        self._output.join(5)

    def exit_reason(self) -> str:
        """How the process ended, in words."""
        code = self._process.wait()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _ask(self, kind: str, request: Any) -> Any:
        """Send a start-up message and wait for the one answer it has; there is never a second one on its way."""
        with contextlib.suppress(OSError):  # a dead worker shows as the None below
            self._send(kind, request)
        try:
            answer = self._answers.get(timeout=START_LIMIT)
        except queue.Empty:
            self.kill()
            raise WorkerStartError(f"the worker did not answer within {START_LIMIT:.0f} s of its start") from None
        if answer is None:
            raise WorkerStartError(f"the worker process ended during its start ({self.exit_reason()})")
        return answer

    def _send(self, kind: str, request: Any) -> None:
        message = self._protos.StreamingMessage(request_id=str(next(self._request_ids)), **{kind: request})
        self._wire.send(message)

    def _require_success(self, result: Any) -> None:
        if result.status != self._protos.StatusResult.Success:
            # The library adds general advice and the whole sys.path to an ImportError.
            reason = result.exception.message.partition(" Cannot find module. Please check")[0]
            raise WorkerStartError(reason, result.exception.stack_trace)

    def _read_messages(self) -> None:
        for message in self._wire.messages():
            kind = message.WhichOneof("content")
            if kind == "rpc_log":
                self._take_log(message.rpc_log)
            elif kind == "invocation_response":
                self._take_answer(message.invocation_response)
            else:
                self._answers.put(message)
        self._process.wait()
        self._answers.put(None)
        for invocation_id in list(self._calls):
            self._fail_call(invocation_id)
        self._on_exit()

    def _take_answer(self, response: Any) -> None:
        with self._calls_lock:
            _, future = self._calls.pop(response.invocation_id, ("", None))
        if future is not None:
            future.set_result(response)

    def _fail_call(self, invocation_id: str) -> None:
        with self._calls_lock:
            function, future = self._calls.pop(invocation_id, ("", None))
        if future is not None:
            future.set_exception(WorkerLost(f"the {self.name} worker process ended while it ran {function}"))

    def _take_log(self, entry: Any) -> None:
        system = entry.log_category == self._protos.RpcLog.RpcLogCategory.System
        level = _LEVEL_NAMES.get(entry.level, "information")
        if system and LEVELS.index(level) < LEVELS.index("warning"):
            return  # the library reports every step of every call
        function, _ = self._calls.get(entry.invocation_id, ("", None))
        category = f"Function.{function}.User" if function else f"Worker.{self.name}.{entry.category}"
        self._logs.write(level, category, entry.message, entry.invocation_id)

    def _read_output(self) -> None:
        """Take what functions print; the pipe must never fill up."""
        output = self._process.stdout
        if output is None:
            return
        with output:
            for line in output:
                self._logs.info(line.rstrip(), category=f"Worker.{self.name}.Console")
