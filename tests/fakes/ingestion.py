"""The ingestion endpoint of Application Insights on the loopback: takes envelopes and keeps them."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

KEY = "00000000-0000-0000-0000-0000000000aa"

# Envelope data types and the workspace tables they become, with their fields by column.
TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "MetricData": ("AppMetrics", {}),
    "RemoteDependencyData": (
        "AppDependencies",
        {"id": "Id", "name": "Name", "target": "Target", "type": "DependencyType", "success": "Success",
         "resultCode": "ResultCode", "duration": "DurationMs", "properties": "Properties"},
    ),
    "MessageData": ("AppTraces", {"message": "Message", "severityLevel": "SeverityLevel", "properties": "Properties"}),
    "ExceptionData": ("AppExceptions", {"severityLevel": "SeverityLevel", "properties": "Properties"}),
    "RequestData": ("AppRequests", {"id": "Id", "name": "Name", "duration": "DurationMs", "success": "Success"}),
}  # fmt: skip
_TAGS = {"ai.operation.id": "OperationId", "ai.operation.parentId": "ParentId", "ai.cloud.role": "AppRoleName"}


@dataclass(slots=True)
class Ingestion:
    """`envelopes` as they came; `raw` all bytes, unpacked."""

    url: str = ""
    envelopes: list[dict[str, Any]] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def settings(self) -> dict[str, str]:
        """App settings that send here, without waiting long."""
        return {
            "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={KEY};IngestionEndpoint={self.url}",
            "OTEL_BSP_SCHEDULE_DELAY": "300",
            "OTEL_BLRP_SCHEDULE_DELAY": "300",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
        }

    def take(self, request: Request) -> Response:
        body = request.get_data()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        text = body.decode()
        found = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines() if line]
        with self._lock:
            self.raw += body
            self.envelopes += found
        told = {"itemsReceived": len(found), "itemsAccepted": len(found), "errors": []}
        return Response(json.dumps(told), mimetype="application/json")

    def rows(self, table: str) -> list[dict[str, Any]]:
        """What came, as rows of a workspace table: its columns as far as the envelope fills them."""
        with self._lock:
            taken = list(self.envelopes)
        return [row for envelope in taken for name, row in [_row(envelope)] if name == table]

    def columns(self) -> dict[str, dict[str, str]]:
        """The columns that the envelopes fill, by table, with their kinds."""
        found: dict[str, dict[str, str]] = {}
        with self._lock:
            taken = list(self.envelopes)
        for envelope in taken:
            name, row = _row(envelope)
            columns = found.setdefault(name, {})
            columns.update({column: _kind(column, value) for column, value in row.items()})
        return found


def _row(envelope: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    kind, data = envelope["data"]["baseType"], envelope["data"]["baseData"]
    table, fields = TABLES[kind]
    row: dict[str, Any] = {"TimeGenerated": envelope["time"]}
    row.update({column: envelope["tags"][tag] for tag, column in _TAGS.items() if tag in envelope["tags"]})
    row.update({column: data[name] for name, column in fields.items() if name in data})
    if kind == "MetricData":
        point = data["metrics"][0]
        row.update({"Name": point["name"], "Sum": float(point["value"]), "ItemCount": int(point.get("count") or 1),
                    "Min": float(point.get("min") or 0), "Max": float(point.get("max") or 0),
                    "Properties": data.get("properties", {})})  # fmt: skip
    if kind == "ExceptionData":
        first = data["exceptions"][0]
        row.update({"ExceptionType": first.get("typeName", ""), "OuterMessage": first.get("message", "")})
    if "DurationMs" in row:
        row["DurationMs"] = _milliseconds(row["DurationMs"])
    return table, row


def _milliseconds(text: str) -> float:
    days, _, clock = text.rpartition(".") if text.count(".") > 1 else ("0", "", text)
    if text.count(".") > 1:
        days, clock = text.split(".", 1)
    hours, minutes, seconds = clock.split(":")
    return ((int(days) * 24 + int(hours)) * 3600 + int(minutes) * 60 + float(seconds)) * 1000


def _kind(column: str, value: Any) -> str:
    if column == "TimeGenerated":
        return "datetime"
    if column == "Properties":
        return "dynamic"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    return "real" if isinstance(value, float) else "string"


@contextlib.contextmanager
def ingestion() -> Iterator[Ingestion]:
    """Runs one until the end of the block."""
    taking = Ingestion()
    server = make_server("127.0.0.1", 0, Request.application(taking.take), threaded=True)
    taking.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield taking
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
