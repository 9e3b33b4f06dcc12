"""The table of rules in the docs is fresh and complete."""

import pytest

from tests.runtime.rules import PAGE, RULES, page_with_table, proofs

pytestmark = pytest.mark.feature("APP-01.1")


def test_every_rule_has_a_test() -> None:
    assert sorted(set(RULES) - set(proofs())) == []


def test_every_marked_rule_is_a_rule() -> None:
    assert sorted(set(proofs()) - set(RULES)) == []


def test_the_page_shows_the_rules_and_tests_of_today() -> None:
    page = PAGE.read_text()
    assert page == page_with_table(page), "run: .venv/bin/python -m tests.runtime.rules"
