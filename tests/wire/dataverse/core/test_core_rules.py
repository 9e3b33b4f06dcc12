"""Every rule of the core has a test, and no test names a rule that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from simulators.dataverse.rules_core import RULES

_MARK = re.compile(r"@pytest\.mark\.rule\(([^)]*)\)")


def test_every_rule_is_tested() -> None:
    named = {
        rule.strip().strip('"')
        for file in Path(__file__).parent.glob("test_*.py")
        for match in _MARK.finditer(file.read_text("utf-8"))
        for rule in match[1].split(",")
        if rule.strip().startswith('"')
    }
    known = {rule.id for rule in RULES}
    assert known - named == set()
    assert named - known == set()
    assert all(rule.source_line.startswith("dataverse.md") for rule in RULES)
