"""Terraform arguments against the provider's own schema.

`infra/terraform/schema.json` holds, for the resource types the templates use, which arguments there are, which must be
given, of which type (text unless said), which are blocks, and which attributes can be read besides. `provider` holds
those of the provider's own block. They are facts of the PyPI package `cdktn-provider-azurerm` (MPL-2.0), which is made
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
    told = list(_body(module.provider, schema["provider"], "provider azurerm"))
    for resource in module.resources:
        known = schema.get(resource.type)
        if known is None:
            told.append(f"{resource.address}: no schema for this type; write it anew (python -m scripts.infra schema)")
            continue
        told += _body(resource.body, known, resource.address)
    return told


def _body(body: Mapping[str, Any], known: Mapping[str, Any], at: str) -> Iterator[str]:
    given = set(body) | {name for block in _listed(body.get("dynamic")) for name in block}
    known = {name: facts for name, facts in known.items() if not facts.get("computed")}
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
    provider = next(entry for entry in classes.values() if entry["name"] == "AzurermProviderConfig")
    found = {"provider": {name: facts for name, facts in _arguments(provider, classes, 0).items() if name != "alias"}}
    for name in sorted(types):
        entry = configs.get(f"{name.removeprefix('azurerm_')}_config")
        if entry is None:
            raise KeyError(f"the provider has no resource type {name}")
        read = _readable(entry["name"].removesuffix("Config"), classes)
        found[name] = dict(sorted({**read, **_arguments(entry, classes, 0)}.items()))
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
            read = _readable(f"{classes[inner]['name']}OutputReference", classes)
            facts["block"] = dict(sorted({**read, **_arguments(classes[inner], classes, depth + 1)}.items()))
            if "collection" not in json.dumps(item["type"]):
                facts["one"] = True
        else:
            facts.update(_typed(item["type"]))
        found[_snake(item["name"])] = facts
    return dict(sorted(found.items()))


def _readable(name: str, classes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a class that the provider fills in; arguments are among those that can be set."""
    entry: Mapping[str, Any] = next((one for one in classes.values() if one["name"] == name), {})
    return {
        _snake(item["name"]): {"computed": True, **_typed(item["type"])}
        for item in entry.get("properties", [])
        if item.get("immutable") and not item.get("static") and not item["name"].endswith("Input")
        if _cty(item["type"]) != "dynamic"
    }


def _typed(node: Mapping[str, Any]) -> dict[str, Any]:
    kind = _cty(node)
    return {} if kind == "string" else {"type": kind}


def _cty(node: Mapping[str, Any]) -> Any:
    """The type in Terraform's words, such as `bool` or `["list", "string"]`."""
    if "union" in node:
        kinds = [kind for kind in map(_cty, node["union"]["types"]) if kind != "dynamic"]
        return kinds[0] if kinds else "dynamic"
    if "collection" in node:
        kind = {"array": "list", "map": "map"}[node["collection"]["kind"]]
        return [kind, _cty(node["collection"]["elementtype"])]
    return {"string": "string", "number": "number", "boolean": "bool"}.get(node.get("primitive", ""), "dynamic")


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
