"""Terraform files as data: parsed by `python-hcl2`, with references to system.json resolved."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

_HIDDEN = {"__is_block__", "__comments__", "__inline_comments__"}


@dataclass(frozen=True, slots=True)
class Resource:
    type: str
    name: str
    body: Mapping[str, Any]

    @property
    def address(self) -> str:
        return f"{self.type}.{self.name}"


@dataclass(frozen=True, slots=True)
class Module:
    """All files of one folder."""

    resources: tuple[Resource, ...]
    locals: Mapping[str, Any]
    variables: Mapping[str, Any]
    system: Mapping[str, Any]
    provider: Mapping[str, Any]

    def only(self, kind: str) -> Mapping[str, Any]:
        """The body of the one resource of a kind; empty when there is none, or more than one."""
        found = [resource.body for resource in self.resources if resource.type == kind]
        return found[0] if len(found) == 1 else {}

    def resolve(self, node: Any, *, private: bool) -> Any:
        """A value as far as it is known without a deployment; text in angle brackets where it is not."""
        if isinstance(node, Mapping):
            return {unquoted(key): self.resolve(value, private=private) for key, value in node.items()}
        if isinstance(node, list):
            return [self.resolve(item, private=private) for item in node]
        if not isinstance(node, str):
            return node
        if node.startswith('"') and node.endswith('"'):
            return node[1:-1]
        if node.startswith("${") and node.endswith("}"):
            return self._expression(node[2:-1].strip(), private=private)
        return node

    def _expression(self, text: str, *, private: bool) -> Any:
        if found := re.fullmatch(r"(!?)var\.private_networking(?: \? (.+) : (.+))?", text):
            truth = private != bool(found[1])
            if found[2] is None:
                return truth
            return self._expression((found[2] if truth else found[3]).strip(), private=private)
        if text in {"null", "true", "false"}:
            return {"null": None, "true": True, "false": False}[text]
        if text.startswith('"') and text.endswith('"'):
            return text[1:-1]
        if found := re.fullmatch(r"(?:toset|tostring)\((.+)\)", text):
            value = self._expression(found[1], private=private)
            return str(value) if text.startswith("tostring") else value
        if found := re.fullmatch(r"local\.system((?:\.\w+)+)", text):
            value = self.system
            for step in found[1][1:].split("."):
                value = value[step]
            return value
        return f"<{text}>"


def load(folder: Path) -> Module:
    """Parses every file of the folder. Raises what the parser raises when one is no HCL."""
    resources: list[Resource] = []
    local: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    provider: dict[str, Any] = {}
    for path in sorted(folder.glob("*.tf")):
        tree = _parsed(path.read_text())
        for block in tree.get("resource", []):
            for kind, named in block.items():
                for name, body in named.items():
                    if kind not in _HIDDEN:
                        resources.append(Resource(unquoted(kind), unquoted(name), visible(body)))
        for block in tree.get("locals", []):
            local.update(visible(block))
        for block in tree.get("provider", []):
            provider.update(visible(block).get("azurerm", {}))
        for block in tree.get("variable", []):
            for name, body in block.items():
                variables[unquoted(name)] = visible(body)
    system = json.loads((folder.parent / "system.json").read_text())
    return Module(tuple(resources), local, variables, system, provider)


@functools.cache
def _parsed(text: str) -> Any:
    return hcl2.loads(text)


def visible(node: Any) -> Any:
    """Without what the parser adds for itself."""
    if isinstance(node, Mapping):
        return {unquoted(key): visible(value) for key, value in node.items() if key not in _HIDDEN}
    if isinstance(node, list):
        return [visible(item) for item in node]
    return node


def unquoted(text: Any) -> str:
    return str(text).strip('"')


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value); blocks that stand once lose their index."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from leaves(item, path if len(value) == 1 else f"{path}[{index}]")
    else:
        yield path, value
