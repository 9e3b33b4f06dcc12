"""What the worker library indexed, as plain data: each function with its trigger and its outputs."""

import enum
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from localhost.errors import HostError
from localhost.settings import STORAGE, AppSettings

# https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata
_QUEUE_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")


class AuthLevel(enum.IntEnum):
    """Who may call an HTTP function; a higher level includes the lower ones."""

    ANONYMOUS = 0
    FUNCTION = 1
    ADMIN = 2


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """``route`` is an ASP.NET template without the prefix; empty ``methods`` means every verb."""

    parameter: str
    route: str
    methods: frozenset[str]
    level: AuthLevel


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """``schedule`` is an NCRONTAB expression, its ``%SETTING%`` resolved."""

    parameter: str
    schedule: str
    run_on_startup: bool
    use_monitor: bool


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """``queue`` is resolved and in lower case; ``connection`` is a connection string."""

    parameter: str
    queue: str
    connection: str


@dataclass(frozen=True, slots=True)
class QueueOutput:
    """``parameter`` is ``$return`` when the function's return value is the message."""

    parameter: str
    queue: str
    connection: str


@dataclass(frozen=True, slots=True)
class HttpOutput:
    """Where the HTTP response is found: ``$return``, or the parameter's name."""

    parameter: str


Trigger = HttpTrigger | TimerTrigger | QueueTrigger
Output = QueueOutput | HttpOutput


@dataclass(frozen=True, slots=True)
class Function:
    """One indexed function. ``id`` is the worker's; ``bindings`` are its raw bindings, for the admin API."""

    name: str
    id: str
    trigger: Trigger
    outputs: tuple[Output, ...]
    bindings: tuple[Mapping[str, Any], ...]
    disabled: bool

    @property
    def is_http(self) -> bool:
        """Whether it runs in the HTTP worker."""
        return isinstance(self.trigger, HttpTrigger)


def read_functions(metadata: Iterable[Any], settings: AppSettings) -> list[Function]:
    """Turn ``RpcFunctionMetadata`` messages into functions; raises :class:`HostError` for what cannot run here."""
    return [_read_function(item, settings) for item in metadata]


def _read_function(item: Any, settings: AppSettings) -> Function:
    bindings = tuple(json.loads(raw) for raw in item.raw_bindings)
    reader = _BindingReader(str(item.name), settings)
    triggers = [reader.trigger(binding) for binding in bindings if str(binding["type"]).lower().endswith("trigger")]
    if len(triggers) != 1:
        problem = f"Function {item.name!r} has {len(triggers)} triggers."
        raise HostError(problem, "Give it exactly one.")
    return Function(
        name=str(item.name),
        id=str(item.function_id),
        trigger=triggers[0],
        outputs=tuple(reader.output(binding) for binding in bindings if not _is_trigger(binding)),
        bindings=bindings,
        disabled=settings.is_disabled(str(item.name)),
    )


def _is_trigger(binding: Mapping[str, Any]) -> bool:
    return str(binding["type"]).lower().endswith("trigger")


class _BindingReader:
    def __init__(self, function: str, settings: AppSettings) -> None:
        self._function = function
        self._settings = settings

    def trigger(self, binding: Mapping[str, Any]) -> Trigger:
        kind = str(binding["type"]).lower()
        if kind == "httptrigger":
            route = binding.get("route")
            return HttpTrigger(
                parameter=binding["name"],
                route=str(self._function if route is None else route),
                methods=frozenset(str(method).upper() for method in binding.get("methods") or ()),
                level=AuthLevel[str(binding.get("authLevel") or "FUNCTION").upper()],
            )
        if kind == "timertrigger":
            return TimerTrigger(
                parameter=binding["name"],
                schedule=self._resolve(binding, "schedule"),
                run_on_startup=bool(binding.get("runOnStartup", False)),
                use_monitor=binding.get("useMonitor") is not False,
            )
        if kind == "queuetrigger":
            return QueueTrigger(binding["name"], self._queue(binding), self._connection(binding))
        raise self._not_offered(binding)

    def output(self, binding: Mapping[str, Any]) -> Output:
        kind = str(binding["type"]).lower()
        if str(binding.get("direction", "")).lower() == "out":
            if kind == "http":
                return HttpOutput(binding["name"])
            if kind == "queue":
                return QueueOutput(binding["name"], self._queue(binding), self._connection(binding))
        raise self._not_offered(binding)

    def _queue(self, binding: Mapping[str, Any]) -> str:
        name = self._resolve(binding, "queueName").lower()  # as the real host does; storage would refuse capitals
        if not _QUEUE_NAME.fullmatch(name):
            raise HostError(
                f"Function {self._function!r}: {name!r} is not a queue name.",
                "Use 3 to 63 lower-case letters, digits and single hyphens, none at either end.",
            )
        return name

    def _connection(self, binding: Mapping[str, Any]) -> str:
        name = self._settings.resolve(
            str(binding.get("connection") or STORAGE), function=self._function, what="connection"
        )
        return self._settings.connection_string(name, function=self._function)

    def _resolve(self, binding: Mapping[str, Any], key: str) -> str:
        return self._settings.resolve(str(binding.get(key, "")), function=self._function, what=key)

    def _not_offered(self, binding: Mapping[str, Any]) -> HostError:
        problem = (
            f"Function {self._function!r} has a binding of type {binding['type']!r} (parameter {binding['name']!r})."
        )
        return HostError(
            problem, "This host offers httpTrigger, timerTrigger, queueTrigger, and http and queue outputs."
        )
