"""Terraform arguments against the provider's own schema.

`infra/terraform/schema.json` holds, for the resource types the templates use, which arguments there are, which must
be given and which are blocks: facts taken from the PyPI package `cdktn-provider-azurerm` (MPL-2.0), which is generated
from the provider itself. `python -m scripts.infra schema WHEEL` writes it anew; `make infra` sees that it is fresh.
Values and ranges are not in it.
"""

from __future__ import annotations

import gzip
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.infra import terraform

_NOT_ARGUMENTS = {"connection", "count", "dependsOn", "forEach", "lifecycle", "provider", "provisioners"}
_ALWAYS = {"for_each", "count", "depends_on", "lifecycle", "provider", "dynamic", "timeouts"}


def findings(module: terraform.Module, schema: Mapping[str, Any]) -> list[str]:
    """Unknown arguments, missing ones, blocks written as arguments and the other way round."""
    told: list[str] = []
    for resource in module.resources:
        known = schema.get(resource.type)
        if known is None:
            told.append(f"{resource.address}: no schema for this type; write it anew (python -m scripts.infra schema)")
            continue
        told += _body(resource.body, known, resource.address)
    return told


def _body(body: Mapping[str, Any], known: Mapping[str, Any], at: str) -> Iterator[str]:
    given = set(body) | {name for block in _listed(body.get("dynamic")) for name in block}
    for name in sorted(given - set(known) - _ALWAYS):
        yield f"{at}: unknown argument {name}"
    for name, facts in known.items():
        if facts.get("required") and name not in given:
            yield f"{at}: missing required argument {name}"
    for name, content in _blocks(body, known):
        inner = content[0] if isinstance(content, list) else content
        if not isinstance(inner, Mapping):
            yield f"{at}.{name}: is a block, not an argument"
        elif "block" in known.get(name, {}):
            yield from _body(inner, known[name]["block"], f"{at}.{name}")
    for name, value in body.items():
        if name in known and "block" not in known[name] and _is_block(value):
            yield f"{at}.{name}: is an argument, not a block"


def _blocks(body: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every block with its contents, those written as `dynamic` among them."""
    for name, value in body.items():
        if "block" in known.get(name, {}):
            yield from ((name, content) for content in _listed(value))
    for block in _listed(body.get("dynamic")):
        for name, content in block.items():
            yield from ((name, item["content"]) for item in _listed(content))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _is_block(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def extract(wheel: Path, types: set[str]) -> dict[str, Any]:
    """The facts on `types` from the wheel. Raises KeyError naming a type the provider does not have."""
    classes = _classes(wheel)
    configs = {_snake(entry["name"]): entry for entry in classes.values() if entry["name"].endswith("Config")}
    found = {}
    for name in sorted(types):
        entry = configs.get(f"{name.removeprefix('azurerm_')}_config")
        if entry is None:
            raise KeyError(f"the provider has no resource type {name}")
        found[name] = _arguments(entry, classes, 0)
    return found


def _classes(wheel: Path) -> dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        inner = next(name for name in archive.namelist() if name.endswith(".jsii.tgz"))
        with archive.open(inner) as file, tarfile.open(fileobj=file) as tar:
            for member in tar:
                if member.name.endswith((".jsii", ".jsii.gz")):
                    stream = tar.extractfile(member)
                    data = stream.read() if stream is not None else b""
                    types = json.loads(gzip.decompress(data) if member.name.endswith(".gz") else data).get("types")
                    if types:
                        return dict(types)
    raise KeyError(f"{wheel.name} holds no type descriptions")


def _arguments(entry: Mapping[str, Any], classes: Mapping[str, Any], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in entry.get("properties", []):
        if item["name"] in _NOT_ARGUMENTS:
            continue
        facts: dict[str, Any] = {} if item.get("optional") else {"required": True}
        inner = next((name for name in _references(item["type"]) if name in classes), None)
        if inner is not None and classes[inner].get("kind") == "interface" and depth < 5:  # noqa: PLR2004
            facts["block"] = _arguments(classes[inner], classes, depth + 1)
        found[_snake(item["name"])] = facts
    return dict(sorted(found.items()))


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if "fqn" in node:
            yield str(node["fqn"])
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _snake(name: str) -> str:
    """`queueServiceUri` → `queue_service_uri`; digits stay with their word (`http2Enabled`, `adxV2`)."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
