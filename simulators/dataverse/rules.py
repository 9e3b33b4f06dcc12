"""All rules this simulator enforces: the core's and the rest's."""

from __future__ import annotations

import importlib
from importlib.util import find_spec

from simulators.frame import Rule


def _gather() -> tuple[Rule, ...]:
    rules: tuple[Rule, ...] = ()
    for name in ("rules_core", "rules_more"):
        if find_spec(f"simulators.dataverse.{name}"):
            rules += importlib.import_module(f"simulators.dataverse.{name}").RULES
    return rules


RULES: tuple[Rule, ...] = _gather()
