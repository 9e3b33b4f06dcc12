"""Inside a worker process: hands the host's messages to Microsoft's ``azure-functions-runtime`` and its answers back.

This is the part that Azure's proxy worker plays: it owns the event loop and the log channel; indexing, decoding,
calling the function and encoding are the library's.
"""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from localhost.rpc import Wire, load_protos

# The library writes its own chatter under this name; the real host files it apart from the functions' logs.
_SYSTEM_LOGGER = "azure.functions"
_Handler = Callable[["_Request"], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class _Request:
    """The shape in which the library takes a message."""

    request: Any
    properties: dict[str, Any]


def serve(descriptor: int, app_dir: str) -> None:
    """Answer the host until the wire closes; never returns."""
    protos = load_protos()
    sock = socket.socket(fileno=descriptor)
    sock.set_inheritable(False)  # a child of the app's must not keep the wire open
    wire = Wire(sock, protos)
    worker = _Worker(wire, protos, app_dir)
    worker.run()


class _Worker:
    def __init__(self, wire: Wire, protos: Any, app_dir: str) -> None:
        import azure_functions_runtime as runtime

        self._wire = wire
        self._protos = protos
        self._runtime = runtime
        self._properties = {"host": "127.0.0.1", "protos": protos}
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._handlers: dict[str, tuple[_Handler, str]] = {
            "worker_init_request": (runtime.worker_init_request, "worker_init_response"),
            "functions_metadata_request": (runtime.functions_metadata_request, "function_metadata_response"),
            "function_load_request": (runtime.function_load_request, "function_load_response"),
            "invocation_request": (runtime.invocation_request, "invocation_response"),
        }
        _send_logs_to(wire, protos, runtime.invocation_id_cv)

    def run(self) -> None:
        """Read on a thread of its own: a blocked event loop must not hide that the host is gone."""
        asyncio.set_event_loop(self._loop)
        self._runtime.start_threadpool_executor()
        threading.Thread(target=self._read, name="host-reader", daemon=True).start()
        self._loop.run_forever()

    def _read(self) -> None:
        for message in self._wire.messages():
            self._loop.call_soon_threadsafe(self._accept, message)
        # Threads may still run functions; nobody can take their results, and their messages come back elsewhere.
        os._exit(0)

    def _accept(self, message: Any) -> None:
        task = self._loop.create_task(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Any) -> None:
        kind = message.WhichOneof("content")
        handler, answer = self._handlers[kind]
        if kind == "invocation_request":
            # This task's own context: what async functions log carries the invocation's id.
            self._runtime.invocation_id_cv.set(message.invocation_request.invocation_id)
        response = await handler(_Request(message, self._properties))
        self._wire.send(self._protos.StreamingMessage(request_id=message.request_id, **{answer: response}))


def _send_logs_to(wire: Wire, protos: Any, invocation_id: Any) -> None:
    debug = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").lower() in {"1", "true", "t", "yes", "y"}
    root = logging.getLogger()
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    root.handlers[:] = [_RpcLogHandler(wire, protos, invocation_id)]


class _RpcLogHandler(logging.Handler):
    """Sends each record as an ``RpcLog`` with the id of the invocation it belongs to."""

    def __init__(self, wire: Wire, protos: Any, invocation_id: Any) -> None:
        super().__init__()
        self._wire = wire
        self._protos = protos
        self._invocation_id = invocation_id
        log = protos.RpcLog
        self._levels = (
            (logging.CRITICAL, log.Critical),
            (logging.ERROR, log.Error),
            (logging.WARNING, log.Warning),
            (logging.INFO, log.Information),
            (logging.DEBUG, log.Debug),
        )

    def emit(self, record: logging.LogRecord) -> None:
        log = self._protos.RpcLog
        system = record.name.split(".")[:2] == _SYSTEM_LOGGER.split(".")
        try:
            entry = log(
                invocation_id=self._invocation_id.get() or "",
                category=record.name,
                level=next((level for least, level in self._levels if record.levelno >= least), log.Trace),
                message=self.format(record),
                log_category=log.RpcLogCategory.System if system else log.RpcLogCategory.User,
            )
            self._wire.send(self._protos.StreamingMessage(rpc_log=entry))
        except OSError:
            pass  # the host is gone; the reader thread ends this process
        except Exception:  # logging must never fail the function that logs
            self.handleError(record)
