"""Bicep files as data: parsed by `pycep`, with `if` and `for` taken off and references to system.json resolved."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pycep import BicepParser

type Leaf = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Resource:
    """`body` is what stands between the braces; `each` the list it is repeated for; `only_if` its condition."""

    symbol: str
    type: str
    version: str
    body: Mapping[str, Any]
    each: Any = None
    only_if: Any = None
    existing: bool = False


@dataclass(slots=True)
class File:
    path: Path
    tree: Mapping[str, Any]
    json_files: dict[str, Any] = field(default_factory=dict)

    @property
    def symbols(self) -> set[str]:
        """Names of the file's own, the items of its loops among them."""
        parts = ("parameters", "variables", "resources", "modules")
        items = re.findall(r"\bfor \(?(\w+)(?:, (\w+)\))? in\b", self.path.read_text())
        return {name for part in parts for name in self.tree.get(part, {})} | {n for pair in items for n in pair if n}

    def resources(self) -> Iterator[Resource]:
        for symbol, found in self.tree.get("resources", {}).items():
            each, only_if, body = unwrap(found["config"])
            yield Resource(
                symbol, found["type"], found["api_version"], body, each, only_if, bool(found.get("existing"))
            )

    def resolve(self, node: Any, *, private: bool) -> Any:
        """A value as far as it is known without a deployment; text in angle brackets where it is not."""
        if isinstance(node, Mapping):
            if "operands" in _part(node, "operator"):
                return self._operator(node["operator"], private=private)
            if "type" in _part(node, "function"):
                return self._function(node["function"], private=private)
            if "loop_type" in node:
                each, _, body = unwrap(node)
                return {"@each": self.resolve(each, private=private), **self.resolve(body, private=private)}
            return {str(key).strip("'"): self.resolve(value, private=private) for key, value in node.items()}
        if isinstance(node, list):
            return [self.resolve(item, private=private) for item in node]
        if isinstance(node, str) and node in self.json_files:
            return self.json_files[node]
        if isinstance(node, str) and (node in self.symbols or node == "private"):
            return private if node == "privateNetworking" else f"<{node}>"
        return node

    def _operator(self, operator: Mapping[str, Any], *, private: bool) -> Any:
        operands = operator["operands"]
        if operator["type"] == "property_accessor":
            names = _chain(operator)
            found: Any = self.json_files.get(names[0], None)
            for name in names[1:]:
                found = found.get(name) if isinstance(found, Mapping) else None
            return f"<{'.'.join(names)}>" if found is None else found
        if operator["type"] == "conditional":
            truth = self.resolve(operands["condition"], private=private)
            if isinstance(truth, bool):
                return self.resolve(operands["true_value" if truth else "false_value"], private=private)
            chosen = "false_value" if private else "true_value"  # `empty(subnetId) ? null : subnetId`
            return self.resolve(operands[chosen], private=private)
        return f"<{operator['type']}>"

    def _function(self, function: Mapping[str, Any], *, private: bool) -> Any:
        values = [self.resolve(value, private=private) for value in function.get("parameters", {}).values()]
        if function["type"] == "string":
            return str(values[0])
        return f"<{function['type']}({', '.join(map(str, values))})>"


def load(path: Path) -> File:
    """Parses one file. Raises what the parser raises when it is no Bicep."""
    tree = _parsed(path.read_text())
    file = File(path, tree)
    for name, variable in tree.get("variables", {}).items():
        _bind(file, name, variable["value"])
    return file


@functools.cache
def _parsed(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _parser().parse(text=text)
    return found


@functools.cache
def _parser() -> BicepParser:
    return BicepParser()


def _bind(file: File, name: str, value: Any) -> None:
    """Variables that hold a JSON file, or a part of one."""
    steps: list[str] = []
    if isinstance(value, Mapping) and "operator" in value and value["operator"]["type"] == "property_accessor":
        operands = value["operator"]["operands"]
        steps = _names(operands["operand_2"])
        value = operands["operand_1"]
    function = value.get("function", {}) if isinstance(value, Mapping) else {}
    if function.get("type") == "load_json_content":
        found = json.loads((file.path.parent / function["parameters"]["file_path"]).read_text())
        for step in steps:
            found = found[step]
        file.json_files[name] = found


def _chain(operator: Mapping[str, Any]) -> list[str]:
    operands = operator["operands"]
    return [*_names(operands["operand_1"]), *_names(operands["operand_2"])]


def _names(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    if isinstance(node, Mapping) and "operator" in node and node["operator"]["type"] == "property_accessor":
        return _chain(node["operator"])
    if isinstance(node, Mapping) and "function" in node:
        return [f"{node['function']['type']}()"]
    return ["?"]


def unwrap(config: Any) -> tuple[Any, Any, Mapping[str, Any]]:
    """(what it is repeated for, its condition, its body) of a resource or of a list made by `for`."""
    each = only_if = None
    while isinstance(config, Mapping) and "config" in config and {"loop_type", "condition"} & config.keys():
        if "loop_type" in config:
            each = config["loop_type"]["detail"]["array_name"]
        if config.get("condition") is not None:
            only_if = config["condition"]
        config = config["config"]
    return each, only_if, config


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of everything in a resolved body that holds no more; lists of texts count as one."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def _part(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The parser's own part of a node; a property of that name is not one."""
    found = node.get(name)
    return found if isinstance(found, Mapping) else {}
