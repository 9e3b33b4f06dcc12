"""Bicep resource bodies against Azure's published resource types.

`infra/bicep/types.json` holds the facts for the types and levels the templates use: which properties there are, which
must be given, which are read-only, their primitive kind and closed value lists. They are taken from Microsoft's
bicep-types-az (MIT). `python -m scripts.infra types DIR` writes it anew from a folder of that project's types.
Expressions are not judged; a value that names a symbol of the file is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.infra import bicep

_REQUIRED, _READ_ONLY = 1, 2
_SKIP = {"parent", "scope", "dependsOn"}
_KINDS = {"StringType": "text", "IntegerType": "number", "BooleanType": "boolean"}


def findings(file: bicep.File, types: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the bodies of one file; says so of a type there are no facts about."""
    for resource in file.resources():
        name = f"{resource.type}@{resource.version}"
        if resource.existing or _untyped(resource.type):
            continue
        if name not in types:
            yield f"{file.path.name}: {resource.symbol}: no types for {name}; write them anew"
            continue
        yield from _value(types[name], resource.body, f"{file.path.name}: {resource.symbol}", file)


def _untyped(kind: str) -> bool:
    """Namespaces whose types are not at hand; Terraform's schema covers their counterparts."""
    return kind.startswith(("Microsoft.Network/", "Microsoft.Resources/"))


def _value(known: Mapping[str, Any], value: Any, at: str, file: bicep.File) -> Iterator[str]:
    if isinstance(value, Mapping) and "loop_type" in value:
        value = [bicep.unwrap(value)[2]]
    if "items" in known and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _value(known["items"], item, f"{at}[{index}]", file)
    elif "properties" in known and isinstance(value, Mapping) and not _expression(value):
        yield from _body(known, value, at, file)
    elif kind := known.get("kind"):
        yield from _primitive(kind, known, value, at, file)


def _body(known: Mapping[str, Any], value: Mapping[str, Any], at: str, file: bicep.File) -> Iterator[str]:
    properties = known["properties"]
    for key, item in value.items():
        if key in _SKIP or str(key).startswith(("__", "'")):
            continue
        if key not in properties:
            if not known.get("open"):
                near = next((name for name in properties if name.lower() == key.lower()), "")
                yield f"{at}.{key}: unknown property" + (f" (did you mean {near}?)" if near else "")
            continue
        if properties[key].get("readOnly"):
            yield f"{at}.{key}: read-only property is set"
        yield from _value(properties[key], item, f"{at}.{key}", file)
    for key, facts in properties.items():
        if facts.get("required") and key not in value:
            yield f"{at}: missing required property {key}"


def _primitive(kind: str, known: Mapping[str, Any], value: Any, at: str, file: bicep.File) -> Iterator[str]:
    if isinstance(value, Mapping) or value is None:
        return
    literal = isinstance(value, str) and value not in file.symbols and "${" not in value
    allowed = known.get("values")
    if allowed and literal and value not in allowed:
        yield f"{at}: {value!r} is not one of {', '.join(allowed)}"
    wrong = {
        "text": isinstance(value, bool | int | list),
        "number": isinstance(value, bool | list) or literal,
        "boolean": (isinstance(value, int) and not isinstance(value, bool)) or isinstance(value, list) or literal,
    }
    if wrong.get(kind):
        yield f"{at}: expected a {kind}, got {value!r}"


def _expression(value: Mapping[str, Any]) -> bool:
    return any(isinstance(value.get(name), Mapping) and "type" in value[name] for name in ("operator", "function"))


def extract(folder: Path, files: list[bicep.File]) -> dict[str, Any]:
    """The facts on every resource of `files`, from a folder of bicep-types-az; only as deep as the bodies go."""
    found: dict[str, Any] = {}
    for file in files:
        for resource in file.resources():
            name = f"{resource.type}@{resource.version}"
            path = folder / f"{resource.type.split('/')[0]}@{resource.version}.json".lower()
            if resource.existing or _untyped(resource.type):
                continue
            types = json.loads(path.read_text())
            match = next(t for t in types if t["$type"] == "ResourceType" and t["name"].lower() == name.lower())
            facts = _facts(types, match["body"], resource.body)
            for own in ("type", "apiVersion", "id"):  # of the resource itself; Bicep writes them outside the body
                facts.get("properties", {}).pop(own, None)
            found[name] = _merged(found[name], facts) if name in found else facts
    return dict(sorted(found.items()))


def _facts(types: list[Any], reference: Mapping[str, Any], value: Any) -> dict[str, Any]:
    known = types[int(reference["$ref"].rsplit("/", 1)[1])]
    name = known["$type"]
    if isinstance(value, Mapping) and "loop_type" in value:
        value = [bicep.unwrap(value)[2]]
    if name == "ArrayType":
        item = value[0] if isinstance(value, list) and value else None
        return {"items": _facts(types, known["itemType"], item)}
    if name == "DiscriminatedObjectType":
        return _discriminated(types, known, value)
    if name == "ObjectType":
        if not isinstance(value, Mapping):
            return {"kind": "object"}
        return {"properties": _properties(types, known["properties"], value), **_open(known)}
    if name == "UnionType":
        texts = [types[int(e["$ref"].rsplit("/", 1)[1])] for e in known["elements"]]
        closed = [text.get("value") for text in texts if text["$type"] == "StringLiteralType"]
        return {"kind": "text", **({"values": closed} if len(closed) == len(texts) else {})}
    return {"kind": _KINDS.get(name, "any")}


def _discriminated(types: list[Any], known: Mapping[str, Any], value: Any) -> dict[str, Any]:
    tag = value.get(known["discriminator"]) if isinstance(value, Mapping) else None
    if tag not in known["elements"]:
        return {"kind": "object"}
    chosen = types[int(known["elements"][tag]["$ref"].rsplit("/", 1)[1])]
    properties = {**known["baseProperties"], **chosen["properties"]}
    return {"properties": _properties(types, properties, value), **_open(chosen)}


def _properties(types: list[Any], known: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in known.items():
        facts: dict[str, Any] = _facts(types, item["type"], value[key]) if key in value else {}
        if item["flags"] & _REQUIRED and not item["flags"] & _READ_ONLY:
            facts["required"] = True
        if item["flags"] & _READ_ONLY:
            facts["readOnly"] = True
        found[key] = facts
    return found


def _open(known: Mapping[str, Any]) -> dict[str, Any]:
    return {"open": True} if known.get("additionalProperties") else {}


def _merged(first: Any, second: Any) -> Any:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return {key: _merged(first.get(key, {}), second.get(key, {})) for key in {**first, **second}}
    return second if second not in ({}, None) else first
