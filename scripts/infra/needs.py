"""What the deployed app needs, asked of the app itself: its indexed functions, its settings, its table names."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.config import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
_INDEX = """
import json, function_app
functions = function_app.app.get_functions()
print(json.dumps([{"name": one.get_function_name(), **one.get_dict_repr()} for one in functions], default=str))
"""
_START = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "DYNASYNC_STATE_KEY": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """`settings` must be set by a template, `optional` ones may be; `operator_roles` are what the runbooks take.
    `functions` are as the library indexes them."""

    functions: list[dict[str, Any]]
    queues: frozenset[str]
    tables: frozenset[str]
    connections: frozenset[str]
    settings: frozenset[str]
    optional: frozenset[str]
    roles: frozenset[str]
    operator_roles: frozenset[str]


def read_needs(root: Path = ROOT) -> Needs:
    """Indexes the app in a process of its own and reads the rest from its sources."""
    functions = indexed(root)
    bindings = [binding for function in functions for binding in function["bindings"]]
    connections = frozenset(str(b["connection"]) for b in bindings if b.get("connection"))
    queues = {str(b["queueName"]) for b in bindings if b.get("queueName")}
    named = frozenset(re.findall(r"%(\w+)%", json.dumps(functions)))
    siblings = {f"{name}__{part}" for name in connections for part in ("queueServiceUri", "credential", "clientId")}
    host = {"AzureWebJobsStorage__blobServiceUri"}  # locks, timer state and the package; the host's own connection
    required, optional = _declared()
    read_by_worker = {"PYTHON_ENABLE_OPENTELEMETRY", "PYTHON_THREADPOOL_THREAD_COUNT"}
    return Needs(
        functions=functions,
        queues=frozenset(queues | {f"{name}-poison" for name in queues if not name.endswith("-poison")}),
        tables=table_names(root),
        connections=connections,
        settings=frozenset(named | siblings | host | required | read_by_worker),
        optional=optional,
        roles=_roles(root),
        operator_roles=_operator_roles(root),
    )


def indexed(root: Path = ROOT) -> list[dict[str, Any]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DYNASYNC", "AzureWeb"))}
    ran = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", _INDEX], cwd=root, env=environment | _START, capture_output=True, text=True, check=True
    )
    functions: list[dict[str, Any]] = json.loads(ran.stdout)
    return functions


def table_names(root: Path = ROOT) -> frozenset[str]:
    """Every name given to a `store(...)` call in the product."""
    names: set[str] = set()
    for path in [*(root / "shared").rglob("*.py"), *(root / "functions").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "store" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    names.add(first.value)
    return frozenset(names)


def host_settings(root: Path = ROOT) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "host.json").read_text())
    return found


def _declared() -> tuple[set[str], frozenset[str]]:
    """The settings that a deployment must give, and those it may. With an identity, the connection string is absent and
    its siblings are there."""
    must = {item.name for item in SETTINGS if item.required or item.azure}
    return must, frozenset(item.name for item in SETTINGS) - must


def _roles(root: Path) -> frozenset[str]:
    """The kinds of data the product's adapters touch with the identity, by the SDK or service they call."""
    sources = "\n".join(path.read_text() for path in (root / "shared").rglob("*.py"))
    roles = {"blob", "queue", "stateKey"}  # the host: locks and package, triggers and outputs, the state key
    if host_settings(root).get("telemetryMode"):
        roles.add("metrics")  # it writes telemetry of its own, and the component takes no keys
    uses = {"table": "azure.data.tables", "secrets": "azure.keyvault.secrets"}
    return frozenset(roles | {role for role, library in uses.items() if library in sources})


def _operator_roles(root: Path) -> frozenset[str]:
    """The kinds of data that whoever follows the runbooks and runs the hooks touches."""
    places = [*(root / "docs" / "how-to").glob("*.md"), *(root / "infra" / "hooks").glob("*.sh")]
    text = "\n".join(path.read_text() for path in places)
    uses = {"queue": "az storage message ", "table": "scripts/state.py ", "secrets": "az keyvault secret "}
    return frozenset(role for role, command in uses.items() if command in text)
