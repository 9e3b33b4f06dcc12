"""What Marketo, or somebody in its place, may answer; see `test_hostile_servers`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.hostile.evil import Evil, Lie, as_bytes, patched, raw
from tests.hostile.test_hostile_servers import BODIES, TOKENS, fixed
from tests.pace import slowness

REST, SIGN_IN = "/rest/v1/", "/identity/oauth/token"


def told(**more: Any) -> Callable[[Evil], Lie]:
    """HTTP 200 that says yes, with what the case adds."""
    return fixed(raw(as_bytes({"requestId": "x", "success": True, **more})))


def without(*names: str) -> Callable[[Evil], Lie]:
    """The true answer without some of it."""

    def change(data: dict[str, Any]) -> None:
        for name in names:
            data.pop(name, None)

    return fixed(patched(change))


ANSWERS: dict[str, Callable[[Evil], Lie]] = {
    "yes without a result": told(),
    "a result that is an object": told(result={"id": 1}),
    "a result that is a text": told(result="ok"),
    "rows that are no rows": told(result=["a", 1, None]),
    "rows without ids": told(result=[{"email": "x@example.org", "firstName": "x"}]),
    "rows with ids that are paths": told(result=[{"id": "../../identity", "email": "ann1@example.org"}]),
    "a next page that is a number": told(result=[], nextPageToken=7, moreResult=True),
    "more to come for ever": told(result=[], nextPageToken="x" * 50, moreResult=True),
    "no word of the next page": without("nextPageToken", "moreResult"),
    "neither yes nor no": without("success"),
    "no without a reason": fixed(raw(as_bytes({"requestId": "x", "success": False}))),
    "no with a reason that is none": fixed(raw(as_bytes({"success": False, "errors": ["x", None, {"code": 7}]}))),
    "a code nobody knows": fixed(raw(as_bytes({"success": False, "errors": [{"code": "9999", "message": "x"}]}))),
}


@pytest.mark.parametrize("case", BODIES)
def test_an_answer_of_marketo_that_is_none_harms_nothing(marketo: Evil, case: str) -> None:
    marketo.tamper("marketo", BODIES[case](marketo), path=REST, method="GET")
    began = time.monotonic()
    assert marketo.attack() < 300
    assert (took := time.monotonic() - began) < 20 * slowness(), took
    marketo.assert_unharmed()


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_of_marketo_that_says_yes_and_lies_harms_nothing(marketo: Evil, case: str) -> None:
    marketo.tamper("marketo", ANSWERS[case](marketo), path=REST, method="GET")
    calls = marketo.world.calls("activecampaign")
    assert marketo.attack() < 300
    assert marketo.world.calls("activecampaign") - calls < 400
    marketo.assert_unharmed(at_the_walk=True)


@pytest.mark.parametrize("case", TOKENS)
def test_marketos_sign_in_that_lies_gets_no_further(marketo: Evil, case: str) -> None:
    marketo.world.advance(7200)
    marketo.tamper("marketo", TOKENS[case](marketo), path=SIGN_IN)
    assert marketo.attack() < 300
    marketo.assert_unharmed()


@pytest.mark.parametrize("case", ["yes without a result", "rows that are no rows", "no without a reason"])
def test_an_answer_to_a_write_of_marketo_that_cannot_be_read_is_settled_by_reading(marketo: Evil, case: str) -> None:
    marketo.tamper("marketo", ANSWERS[case](marketo), path="leads.json", method="POST")
    assert marketo.attack() < 300
    marketo.assert_unharmed()
