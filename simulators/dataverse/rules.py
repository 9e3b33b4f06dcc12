"""All rules this simulator enforces: the core's and the rest's."""

from __future__ import annotations

from simulators.dataverse import rules_core, rules_more
from simulators.frame import Rule

RULES: tuple[Rule, ...] = rules_core.RULES + rules_more.RULES
