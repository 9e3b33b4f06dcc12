"""The oracle judges the engine, so it must not ask it: no module of it names the merge or anything of `shared.sync`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ORACLE = (
    "conduct",
    "doubles",
    "fieldrules",
    "forms",
    "history",
    "ledger",
    "logbook",
    "lookedafter",
    "moments",
    "oracle",
    "pairs",
    "parks",
    "regained",
    "regained_sets",
    "seeds",
)
THE_ENGINE_S = (
    "shared.domain.clash",
    "shared.domain.compile",
    "shared.domain.draft",
    "shared.domain.merge",
    "shared.domain.normalize",
    "shared.domain.settle",
    "shared.sync",
)


def _imports(path: Path) -> set[str]:
    """Every module that a file names, also inside a function or for types only."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


@pytest.mark.parametrize("module", ORACLE)
def test_the_oracle_does_not_ask_the_engine(module: str) -> None:
    found = _imports(HERE / f"{module}.py")
    assert found, "a file without imports is no module of the oracle"
    assert [name for name in sorted(found) if name.startswith(THE_ENGINE_S)] == []


def test_every_module_that_the_court_comes_to_is_on_the_list() -> None:
    """Those that make the world are not: it runs the engine."""
    reached, left = set[str](), ["oracle"]
    while left:
        module = left.pop()
        if module in reached or module in {"world", "profiles", "troubles"}:
            continue
        reached.add(module)
        names = [name.split(".") for name in _imports(HERE / f"{module}.py")]
        left += [parts[2] for parts in names if parts[:2] == ["tests", "simulation"]]
    assert reached == set(ORACLE)
