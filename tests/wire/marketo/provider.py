"""A service provider of flow steps for the simulator's own tests: a small server that says what it is told."""

from __future__ import annotations

import copy
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

KEY = "key-of-the-provider"
_REFERENCE = {"schema": {"$ref": ""}}


def _answer(schema: str) -> dict[str, Any]:
    shown = {"$ref": f"#/components/schemas/{schema}"}
    return {"responses": {"200": {"description": "it", "content": {"application/json": {"schema": shown}}}}}


def document(root: str) -> dict[str, Any]:
    """A document that can be installed."""
    callback = {
        "post": {
            "parameters": [{"in": "header", "name": "x-api-key"}, {"in": "header", "name": "x-callback-token"}],
            "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
            "responses": {"404": {"description": "no"}, "405": {"description": "no"}},
        }
    }
    submit = {
        "callbacks": {"done": {"{$request.body#/flowComplete}": callback}},
        "responses": {status: {"description": "it"} for status in ("201", "400", "401", "403", "429", "500")},
    }
    return {
        "openapi": "3.0.1",
        "info": {
            "title": "P",
            "version": "1",
            "x-providerName": "P",
            "x-schemaVersion": "1.0.0",
            "x-supportContact": {"x-supportEmail": "help@example.org"},
        },
        "servers": [{"url": root}],
        "security": [{"apiKey": []}],
        "paths": {
            "/submitAsyncAction": {"post": submit},
            "/getServiceDefinition": {"get": _answer("serviceDefinition")},
            "/status": {"get": _answer("serviceStatus")},
            "/getPicklist": {"post": _answer("picklistObject")},
        },
        "components": {
            "schemas": {"serviceDefinition": {}, "serviceStatus": {}, "picklistObject": {}},
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "x-provider-key"}},
        },
    }


def definition(root: str) -> dict[str, Any]:
    """A definition that can be used, with one picked input, one free one, and one output."""

    def attribute(name: str, **more: Any) -> dict[str, Any]:
        return {"apiName": name, "dataType": "string", "i18n": {"en_US": {"name": name}}, **more}

    return {
        "apiName": "p_step",
        "provider": "P",
        "i18n": {"en_US": {"name": "Step"}},
        "invocationEndpoint": f"{root}/submitAsyncAction",
        "statusEndpoint": f"{root}/status",
        "authSetting": {"authType": "apiKey", "headerName": "x-provider-key"},
        "primaryAttribute": "colour",
        "supportEmail": "help@example.org",
        "invocationPayloadDef": {
            "flowAttributes": [
                attribute("colour", enforcePicklistSelect=True, picklistUrl=f"{root}/getPicklist"),
                attribute("note"),
            ]
        },
        "callbackPayloadDef": {"attributes": [attribute("outcome")]},
    }


class Provider:
    """What each path answers stands in `answers`; a list of (status, body) is used up one by one. `calls` came in."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"
            told: ClassVar[Provider] = provider

            def do_GET(self) -> None:
                self._serve(b"")

            def do_POST(self) -> None:
                self._serve(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

            def log_message(self, *args: Any) -> None:
                """Quiet."""

            def _serve(self, raw: bytes) -> None:
                status, body = self.told.answer(self.command, self.path, dict(self.headers.items()), raw)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        self.document = document(self.root)
        self.definition = definition(self.root)
        self.choices: list[dict[str, Any]] = [{"displayValue": {"en_US": "Red"}, "submittedValue": "red"}]
        self.status: dict[str, Any] = {"info": ["well"], "warnings": [], "errors": ["broken pipe"]}
        self.submits: list[int] = []
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def answer(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[int, Any]:
        body = json.loads(raw) if raw else None
        self.calls.append({"method": method, "path": path, "key": headers.get("x-provider-key"), "body": body})
        if path == "/openapi":
            return 200, copy.deepcopy(self.document)
        if path == "/hook":
            return 200, b"" if body == {"quiet": True} else {"status": "queued"}
        if headers.get("x-provider-key") != KEY:
            return 401, {"error": "no"}
        if path == "/submitAsyncAction":
            return (self.submits.pop(0) if self.submits else 201), {}
        found = {"/getServiceDefinition": self.definition, "/status": self.status}
        return 200, found.get(path, {"choices": self.choices})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
