"""Runs one function once: logs it, bounds its time, tells the caller how it ended, writes its outputs."""

import concurrent.futures
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localhost.channel import WorkerLost
from localhost.functions import Function
from localhost.logs import Logs
from localhost.outputs import OutputWriter
from localhost.rpc import load_protos
from localhost.storage import reason_of
from localhost.supervisor import Worker, WorkerUnavailable

WORKER_WAIT = 30.0  # seconds a call waits for a worker that is being restarted


class FunctionFailed(Exception):
    """The function raised, ran out of time, or its outputs could not be written. Its trigger's retry rules apply."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one invocation is made of.

    ``trigger`` and ``metadata`` are ``TypedData``; ``reason`` says in words what fired. While the function runs,
    ``while_running`` is called every ``every`` seconds (a queue message's renewal).
    """

    function: Function
    trigger: Any
    reason: str
    metadata: Mapping[str, Any]
    traceparent: str = ""
    every: float | None = None
    while_running: Callable[[], None] | None = None


class Invoker:
    """Calls functions in the worker they belong to: ``http`` for HTTP functions, ``background`` for the others."""

    def __init__(
        self, *, http: Worker, background: Worker, outputs: OutputWriter, timeout: float | None, logs: Logs
    ) -> None:
        self._http = http
        self._background = background
        self._outputs = outputs
        self._timeout = timeout
        self._logs = logs

    def run(self, call: Call) -> Any:
        """Run to the end and return the ``InvocationResponse``.

        Raises :class:`FunctionFailed`, :class:`~localhost.channel.WorkerLost` when the worker died in between, or
        :class:`~localhost.supervisor.WorkerUnavailable` when there was none to begin with.
        """
        invocation_id = str(uuid.uuid4())
        self._say(call, invocation_id, f"Executing (Reason='{call.reason}')")
        started = time.monotonic()
        try:
            response = self._invoke(call, invocation_id)
        except (FunctionFailed, WorkerLost, WorkerUnavailable) as error:
            took = (time.monotonic() - started) * 1000
            self._say(call, invocation_id, f"Executed (Failed, Duration={took:.0f}ms): {error}", level="error")
            raise
        took = (time.monotonic() - started) * 1000
        self._say(call, invocation_id, f"Executed (Succeeded, Duration={took:.0f}ms)")
        return response

    def _say(self, call: Call, invocation_id: str, message: str, *, level: str = "information") -> None:
        self._logs.write(level, f"Function.{call.function.name}", message, invocation_id)

    def _invoke(self, call: Call, invocation_id: str) -> Any:
        worker = self._http if call.function.is_http else self._background
        future = worker.invoke(_request(call, invocation_id), call.function.name, wait=WORKER_WAIT)
        response = self._await(call, future, worker)
        if response.result.status != load_protos().StatusResult.Success:
            exception = response.result.exception
            raise FunctionFailed(f"{exception.message}\n{exception.stack_trace}".rstrip())
        try:
            self._outputs.write(call.function, response)
        except Exception as error:
            raise FunctionFailed(f"An output could not be written: {reason_of(error)}") from error
        return response

    def _await(self, call: Call, future: concurrent.futures.Future[Any], worker: Worker) -> Any:
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            pause = left if call.every is None else min(call.every, left if left is not None else call.every)
            try:
                return future.result(pause)
            except concurrent.futures.TimeoutError:
                if deadline is not None and time.monotonic() >= deadline:
                    raise self._time_out(call, worker) from None
                if call.while_running is not None:
                    call.while_running()

    def _time_out(self, call: Call, worker: Worker) -> FunctionFailed:
        # As in Azure: only the end of the process ends the function, and its neighbours with it.
        worker.kill()
        return FunctionFailed(
            f"Timeout value of {self._timeout:g} s (host.json: functionTimeout) was exceeded by function "
            f"'Functions.{call.function.name}'; its worker process is restarted."
        )


def _request(call: Call, invocation_id: str) -> Any:
    protos = load_protos()
    return protos.InvocationRequest(
        invocation_id=invocation_id,
        function_id=call.function.id,
        input_data=[protos.ParameterBinding(name=call.function.trigger.parameter, data=call.trigger)],
        trigger_metadata=call.metadata,
        trace_context={"trace_parent": _child_of(call.traceparent)},
    )


def _child_of(traceparent: str) -> str:
    """A W3C ``traceparent`` for the invocation: within the caller's trace when there is one, else a new one."""
    parts = traceparent.split("-")
    trace = parts[1] if len(parts) == 4 and len(parts[1]) == 32 else secrets.token_hex(16)
    return f"00-{trace}-{secrets.token_hex(8)}-01"
