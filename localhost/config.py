"""host.json, read as the Functions host reads it; only the parts this host acts on."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from localhost.errors import HostError
from localhost.timespan import parse_timespan

DOCS = "https://learn.microsoft.com/azure/azure-functions/functions-host-json"
DEFAULT_TIMEOUT = 30 * 60.0  # Flex, Premium and Dedicated plans; Consumption would be 5 minutes


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """``extensions.queues``. Times are seconds; the defaults are the storage extension's."""

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_polling_interval: float = 60.0
    visibility_timeout: float = 0.0
    max_dequeue_count: int = 5
    base64: bool = True


@dataclass(frozen=True, slots=True)
class HostConfig:
    """What host.json asks for. ``function_timeout`` is seconds, or None for no limit."""

    route_prefix: str = "api"
    custom_headers: Mapping[str, str] = field(default_factory=dict)
    queues: QueueOptions = field(default_factory=QueueOptions)
    function_timeout: float | None = DEFAULT_TIMEOUT
    log_levels: Mapping[str, str] = field(default_factory=dict)


OVERRIDE = "AzureFunctionsJobHost__"
"""App settings of this prefix replace keys of host.json, ``__`` between the levels, as on the real host."""


def load_host_config(app_dir: Path, overrides: Mapping[str, str] | None = None) -> HostConfig:
    """Read ``host.json`` of the app, with the overrides among ``overrides`` (app settings) applied.

    Raises :class:`HostError` that names the key at fault.
    """
    path = app_dir / "host.json"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise HostError(
            f"{path} is missing; the Functions host needs it beside function_app.py.",
            'Create it, at least with {"version": "2.0"}, or name the app\'s folder with --app.',
        ) from None
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"{path} is not valid JSON (line {error.lineno}, column {error.colno}: {error.msg})."
        raise HostError(problem, "Correct that place and start again.") from None
    for name, value in (overrides or {}).items():
        if name.startswith(OVERRIDE) and isinstance(document, dict):
            _override(document, name.removeprefix(OVERRIDE).split("__"), value)
    return _Reader(path).read(document)


def _override(document: dict[str, Any], keys: list[str], text: str) -> None:
    for key in keys[:-1]:
        inner = document.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        document = inner
    document[keys[-1]] = int(text) if text.lstrip("-").isdecimal() else text


class _Reader:
    """Walks the document and turns every mistake into one sentence with the key's full name."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, document: object) -> HostConfig:
        root = self._mapping(document, "the document")
        if root.get("version") != "2.0":
            self._fail("version", 'must be "2.0"')
        extensions = self._mapping(root.get("extensions", {}), "extensions")
        http = self._mapping(extensions.get("http", {}), "extensions.http")
        headers = self._mapping(http.get("customHeaders", {}), "extensions.http.customHeaders")
        logging = self._mapping(root.get("logging", {}), "logging")
        levels = self._mapping(logging.get("logLevel", {}), "logging.logLevel")
        return HostConfig(
            route_prefix=str(http.get("routePrefix", "api")).strip("/"),
            custom_headers={name: str(value) for name, value in headers.items()},
            queues=self._queues(self._mapping(extensions.get("queues", {}), "extensions.queues")),
            function_timeout=self._timeout(root.get("functionTimeout")),
            log_levels={name: str(value) for name, value in levels.items()},
        )

    def _queues(self, raw: Mapping[str, Any]) -> QueueOptions:
        where = "extensions.queues."
        batch = self._number(raw, where, "batchSize", 16, low=1, high=32)
        processors = os.process_cpu_count() or 1
        encoding = str(raw.get("messageEncoding", "base64")).lower()
        if encoding not in {"base64", "none"}:
            self._fail(where + "messageEncoding", "must be base64 or none")
        polling = self._span(raw, where, "maxPollingInterval", 60.0)
        if polling < 0.1:
            self._fail(where + "maxPollingInterval", "must be at least 00:00:00.1")
        return QueueOptions(
            batch_size=batch,
            # Half a batch for each processor, as the storage extension reckons it.
            new_batch_threshold=self._number(raw, where, "newBatchThreshold", (batch // 2) * processors, low=0),
            max_polling_interval=polling,
            visibility_timeout=self._span(raw, where, "visibilityTimeout", 0.0),
            max_dequeue_count=self._number(raw, where, "maxDequeueCount", 5, low=1),
            base64=encoding == "base64",
        )

    def _timeout(self, value: object) -> float | None:
        if value is None:
            return DEFAULT_TIMEOUT
        if str(value) == "-1":
            return None
        seconds = self._parsed("functionTimeout", value, parse_timespan)
        if seconds <= 0:
            self._fail("functionTimeout", "must be longer than nothing; -1 means no limit")
        return seconds

    def _span(self, raw: Mapping[str, Any], where: str, key: str, default: float) -> float:
        if key not in raw:
            return default
        seconds = self._parsed(where + key, raw[key], parse_timespan)
        if seconds < 0:
            self._fail(where + key, "must not be negative")
        return seconds

    def _number(
        self, raw: Mapping[str, Any], where: str, key: str, default: int, *, low: int, high: int | None = None
    ) -> int:
        value = raw.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < low or (high is not None and value > high):
            self._fail(where + key, f"must be a whole number from {low}" + (f" to {high}" if high is not None else ""))
        return int(value)

    def _parsed(self, key: str, value: object, parse: Callable[[str], float]) -> float:
        try:
            return parse(str(value))
        except ValueError as error:
            self._fail(key, f"is wrong: {error}")

    def _mapping(self, value: object, key: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self._fail(key, "must be a JSON object")
        return value

    def _fail(self, key: str, rule: str) -> NoReturn:
        problem = f"{self._path}: {key} {rule}."
        raise HostError(problem, f"Correct it; the keys are described at {DOCS}.")
