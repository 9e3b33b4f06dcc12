"""The host's own addresses under ``/admin/``; all of them need the master key."""

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Request, Response

from localhost import typed_data
from localhost.channel import WorkerLost
from localhost.functions import Function, HttpTrigger, QueueTrigger
from localhost.invoker import Call, FunctionFailed, Invoker
from localhost.supervisor import WorkerUnavailable


class AdminApi:
    """Status of the host, list of functions, and running a function that has no HTTP trigger."""

    def __init__(self, functions: Mapping[str, Function], *, invoker: Invoker, host_id: str, route_prefix: str) -> None:
        self._functions = {name.lower(): function for name, function in functions.items()}
        self._invoker = invoker
        self._host_id = host_id
        self._prefix = route_prefix
        self._started = time.monotonic()

    def handle(self, request: Request, path: str) -> Response:
        """Answer ``/admin/PATH``."""
        if path == "host/status" and request.method == "GET":
            return _json({"id": self._host_id, "state": "Running", "version": "local", **self._uptime()})
        if path == "host/ping":
            return Response(status=200)
        if path == "functions" and request.method == "GET":
            return _json([self._describe(request, function) for function in self._functions.values()])
        head, _, name = path.partition("/")
        function = self._functions.get(name.lower()) if head == "functions" else None
        if function is None:
            return Response(status=404)
        if request.method == "GET":
            return _json(self._describe(request, function))
        if request.method == "POST":
            return self._run(request, function)
        return Response(status=404)

    def _uptime(self) -> dict[str, int]:
        return {"processUptime": round((time.monotonic() - self._started) * 1000)}

    def _describe(self, request: Request, function: Function) -> dict[str, Any]:
        base = request.host_url.rstrip("/")
        address = None
        if isinstance(function.trigger, HttpTrigger):
            address = "/".join(part for part in (base, self._prefix, function.trigger.route) if part)
        return {
            "name": function.name,
            "href": f"{base}/admin/functions/{function.name}",
            "invoke_url_template": address,
            "language": "python",
            "isDisabled": function.disabled,
            "config": {"name": function.name, "bindings": list(function.bindings)},
        }

    def _run(self, request: Request, function: Function) -> Response:
        if function.is_http:
            return Response("An HTTP function is called at its own address.\n", status=400)
        try:
            given = json.loads(request.get_data() or b"null")
            text = given["input"]
        except (ValueError, TypeError, KeyError):
            return Response('The body must be JSON like {"input": "..."}.\n', status=400)
        call = _call(function, text if isinstance(text, str) else json.dumps(text))
        threading.Thread(target=self._run_quietly, args=(call,), name=f"admin-{function.name}", daemon=True).start()
        return Response(status=202)

    def _run_quietly(self, call: Call) -> None:
        try:
            self._invoker.run(call)
        except (FunctionFailed, WorkerLost, WorkerUnavailable):
            return  # logged; the caller was answered before


def _call(function: Function, text: str) -> Call:
    trigger = typed_data.text(text)
    if not isinstance(function.trigger, QueueTrigger):
        info = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
        trigger = typed_data.as_json(info)
    return Call(
        function=function,
        trigger=trigger,
        metadata={},
        reason="This function was programmatically called via the host APIs.",
    )


def _json(value: object) -> Response:
    return Response(json.dumps(value), mimetype="application/json")
