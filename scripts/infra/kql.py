"""The queries of the alert rules and the workbook, bound to the tables and columns they name.

`infra/monitoring/tables.json` says which columns the tables have: those of the App tables are the ones that real
envelopes of this app fill (tests/infra/test_telemetry.py compares), the others stand in Azure Monitor's reference.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_MINUTES = {"PT1M": 1, "PT5M": 5, "PT10M": 10, "PT15M": 15, "PT30M": 30, "PT45M": 45, "PT1H": 60, "PT2H": 120,
            "PT3H": 180, "PT4H": 240, "PT5H": 300, "PT6H": 360, "P1D": 1440, "P2D": 2880}  # fmt: skip
_CLOSING_MINUTES = 720


def queries(infra: Path) -> dict[str, str]:
    """Every query by where it stands. The workbook's parameters are replaced as the portal does."""
    alerts = json.loads((infra / "monitoring" / "alerts.json").read_text())
    found = {f"alert {rule['name']}": "\n".join(rule["query"]) for rule in alerts}
    workbook = json.loads((infra / "monitoring" / "workbook.json").read_text())
    for item in workbook["items"]:
        if item["type"] == 3:  # noqa: PLR2004 - the workbook format's number for a query
            found[f"workbook {item['name']}"] = item["content"]["query"].replace("{span:grain}", "1h")
    return found


def tables(infra: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((infra / "monitoring" / "tables.json").read_text())
    return found


def findings(infra: Path, schema: Mapping[str, Mapping[str, str]] | None = None) -> list[str]:
    """What the parser says of each query, and alert rules whose column or dimension their query does not give."""
    asked = queries(infra)
    told = [f"{name}: {message}" for name, said in bind(asked, schema or tables(infra)).items() for message in said]
    for rule in json.loads((infra / "monitoring" / "alerts.json").read_text()):
        told += [f"alert {rule['name']}: {message}" for message in (*_measured(rule), *_rhythm(rule))]
    return told


def _measured(rule: Mapping[str, Any]) -> Iterator[str]:
    last = next((line for line in reversed(rule["query"]) if re.match(r"\| (summarize|project)", line)), "")
    for name in [rule["column"], *rule["splitBy"]]:
        if not re.search(rf"\b{re.escape(name)}\b", last):
            yield f"its query does not end with a column {name}"
    if rule["operator"].startswith("Less") and not rule["splitBy"] and not re.search(r"= count\(\)$", last):
        yield "it waits for silence, so its query has to count: what else it could sum up is not there then"


def _rhythm(rule: Mapping[str, Any]) -> Iterator[str]:
    """Azure Monitor's values for log alerts; rules that close by themselves run every 12 hours at least."""
    for name in ("every", "window"):
        if rule[name] not in _MINUTES:
            yield f"{name} {rule[name]} is no value of Azure Monitor's"
    every, window = _MINUTES.get(rule["every"], 0), _MINUTES.get(rule["window"], 0)
    if every > _CLOSING_MINUTES:
        yield f"every {rule['every']} is too seldom for a rule that closes by itself"
    if window < every:
        yield f"its window {rule['window']} leaves gaps between looks every {rule['every']}"


def bind(asked: Mapping[str, str], schema: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """The parser's messages by query. Raises FileNotFoundError without Node.js, CalledProcessError without parser."""
    shapes = {
        name: "(" + ", ".join(f"{column}: {kind}" for column, kind in columns.items()) + ")"
        for name, columns in schema.items()
    }
    ran = subprocess.run(  # noqa: S603
        ["node", str(_HERE / "kql.cjs")],  # noqa: S607
        input=json.dumps({"tables": shapes, "queries": dict(asked)}),
        env={**os.environ, "NODE_PATH": str(_HERE.parents[1] / "node_modules")},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, list[str]] = json.loads(ran.stdout)
    return found
