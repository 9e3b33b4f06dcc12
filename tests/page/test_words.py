"""Words for every code: outcomes as the product's own list says them, problems of the API, in each language."""

from __future__ import annotations

from typing import get_args

import pytest

import functions.routes  # noqa: F401 - fills ROUTES
from functions.api.codes import CODES
from functions.api.route import ROUTES
from functions.models.common import Operation
from functions.models.planning import LinkShown
from functions.models.records import Request
from functions.models.statistics import Standing
from shared.domain.entity_file import POLICY_NAMES
from shared.domain.outcomes import REASONS
from shared.manage.revert import CANNOT
from tests.page.test_files import LANGUAGES, catalogue

OF_THE_PAGE = {401, 403, 412}
"""Statuses that the page has words of its own for."""

NEVER_MET = {"body_malformed", "contact_missing"}
"""Codes that only webhooks get."""


@pytest.mark.feature("APP-02.10")
@pytest.mark.feature("HUB-14.1")
def test_outcomes_are_said_as_the_list_of_the_product_says_them() -> None:
    words = catalogue("en")
    for code, reason in REASONS.items():
        assert (words[f"code.{code}"], words[f"code.{code}.next"]) == (reason.meaning, reason.next_step), code
    assert {key for key in words if key.startswith("code.") and not key.endswith(".next")} == {
        f"code.{code}" for code in REASONS
    }


@pytest.mark.feature("APP-02.10")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_of_the_api_that_the_page_can_meet_has_words(language: str) -> None:
    words = catalogue(language)
    met = {code for code, known in CODES.items() if known.status not in OF_THE_PAGE} - NEVER_MET | {"cross_site"}
    assert [code for code in sorted(met) if not words.get(f"problem.code.{code}")] == []
    assert [code for code in sorted(met) if not words.get(f"problem.code.{code}.next")] == []


@pytest.mark.feature("APP-02.10")
@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_no_sentence_about_a_code_was_left_in_english(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)
    about = [key for key in english if key.startswith(("code.", "problem.code."))]
    assert [key for key in about if english[key] == other[key]] == []


@pytest.mark.feature("HUB-22.1")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_action_and_status_has_words(language: str) -> None:
    words = catalogue(language)
    states = get_args(Standing.model_fields["code"].annotation)
    requests = get_args(Request.model_fields["status"].annotation)
    operations = get_args(Operation.model_fields["status"].annotation)
    links = get_args(LinkShown.model_fields["state"].annotation)
    actions = {route.audit for route in ROUTES.values() if route.audit} | {"run.ended"}
    wanted = [
        *(f"state.{name}" for name in states),
        *(f"state.{name}.says" for name in states),
        *(f"requests.is.{name}" for name in requests),
        *(f"requests.state.{name}" for name in requests),
        *(f"goes.is.{name}" for name in operations),
        *(f"goes.{name}" for name in operations),
        *(f"goes.run.{name}" for name in operations),
        *(f"lookup.link.{name}" for name in links),
        *(f"policy.{name}" for name in POLICY_NAMES),
        *(f"activity.did.{action}" for action in actions),
        *(f"activity.group.{action.partition('.')[0]}" for action in actions),
        *(f"revert.cannot.{text.split()[0]}" for text in CANNOT),
    ]
    assert len(wanted) > 80  # all of the lists were found
    assert [key for key in wanted if not words.get(key)] == []
