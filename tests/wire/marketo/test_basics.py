"""Identity, envelope, limits and statistics."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest

from simulators.frame import Request
from simulators.marketo import DEFAULT_CLIENT, DEFAULT_SECRET
from simulators.marketo.identity import DEFAULT_USER
from tests.wire.marketo.vendor import Vendor

IDENTITY = "/identity/oauth/token"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GOOD = f"grant_type=client_credentials&client_id={DEFAULT_CLIENT}&client_secret={DEFAULT_SECRET}"


# -- identity ----------------------------------------------------------------------------------------------------
@pytest.mark.rule("MK-ID-01")
@pytest.mark.parametrize("how", ["get", "post query", "post form"])
def test_a_token_is_given_by_get_and_by_post(vendor: Vendor, how: str) -> None:
    method, target, body, headers = {
        "get": ("GET", f"{IDENTITY}?{GOOD}", None, {}),
        "post query": ("POST", f"{IDENTITY}?{GOOD}", None, {}),
        "post form": ("POST", IDENTITY, GOOD.encode(), FORM),
    }[how]
    status, answer = vendor.raw_json(method, target, body, token=None, headers=headers)
    assert status == 200
    assert answer == {
        "access_token": vendor.token,
        "token_type": "bearer",
        "expires_in": 3599,
        "scope": DEFAULT_USER,
    }


@pytest.mark.rule("MK-ID-02")
def test_the_same_token_until_it_expires(vendor: Vendor) -> None:
    vendor.advance(3000)
    again = vendor.raw_json("GET", f"{IDENTITY}?{GOOD}", token=None)[1]
    assert (again["access_token"], again["expires_in"]) == (vendor.token, 599)
    vendor.advance(600)
    fresh = vendor.raw_json("GET", f"{IDENTITY}?{GOOD}", token=None)[1]
    assert fresh["access_token"] != vendor.token
    assert fresh["expires_in"] == 3599


@pytest.mark.rule("MK-ID-03")
@pytest.mark.parametrize("word", ["invalid_client", "unauthorized"])
def test_a_wrong_client_is_401(vendor: Vendor, word: str) -> None:
    vendor.switch(bad_client=word)
    for asked in (GOOD.replace(DEFAULT_SECRET, "x"), GOOD.replace(DEFAULT_CLIENT, "x")):
        status, answer = vendor.raw_json("GET", f"{IDENTITY}?{asked}", token=None)
        assert (status, answer["error"]) == (401, word)
        assert answer["error_description"]
    assert vendor.raw_json("GET", f"{IDENTITY}?client_id=x", token=None)[0] == 400


@pytest.mark.rule("MK-ID-04")
def test_unknown_and_expired_tokens(vendor: Vendor) -> None:
    assert vendor.refused("GET", "/leads/describe.json", token="nobody:1") == "601"
    vendor.switch(token_seconds=60)
    vendor.act("end_tokens")
    assert vendor.refused("GET", "/leads/describe.json") == "602"
    old = vendor.token
    vendor.renew()
    assert vendor.refused("GET", "/leads/describe.json", token=old) == "602"
    assert vendor.get("/leads/describe.json")
    vendor.advance(61)
    assert vendor.refused("GET", "/leads/describe.json") == "602"
    vendor.act("end_tokens", how="invalid")
    assert vendor.refused("GET", "/leads/describe.json") == "601"


@pytest.mark.rule("MK-ID-05", "MK-ID-06")
def test_a_token_counts_in_the_header_only(vendor: Vendor) -> None:
    path = f"/leads/describe.json?access_token={vendor.token}"
    assert vendor.refused("GET", path, token=None) == "600"
    vendor.switch(missing_token="601")
    assert vendor.refused("GET", path, token=None) == "601"
    vendor.switch(query_token=True)
    assert vendor.ok("GET", path, token=None)


@pytest.mark.rule("MK-ID-07")
def test_asking_for_tokens_is_free(vendor: Vendor) -> None:
    for _ in range(5):
        vendor.token_of(DEFAULT_CLIENT, DEFAULT_SECRET)
    assert vendor.get("/stats/usage.json")[0]["total"] == 1


@pytest.mark.rule("MK-ID-08")
def test_a_read_only_user(vendor: Vendor) -> None:
    vendor.lead()
    vendor.seed(services=[{"clientId": "c", "secret": "s", "user": "reader@example.com", "readOnly": True}])
    token = vendor.token_of("c", "s")
    assert token != vendor.token
    assert vendor.ok("GET", "/lead/1.json", token=token)[0]["id"] == 1
    body = {"input": [{"email": "b@example.com"}]}
    assert vendor.refused("POST", "/leads.json", body, token=token) == "603"
    assert vendor.refused("POST", "/leads/delete.json", {"input": [{"id": 1}]}, token=token) == "603"
    assert vendor.state(1)["id"] == 1
    form = b"filterType=id&filterValues=1&_method=GET"
    assert vendor.ok("POST", "/leads.json", form, token=token, headers=FORM)[0]["id"] == 1


# -- envelope ----------------------------------------------------------------------------------------------------
@pytest.mark.rule("MK-EN-01")
def test_the_envelope(vendor: Vendor) -> None:
    good = vendor.call("GET", "/leads/partitions.json")
    assert (good["success"], good["result"][0]["name"]) == (True, "Default")
    bad = vendor.call("GET", "/lead/7.json")
    assert bad["success"] is False
    assert bad["errors"] == [{"code": "1004", "message": "Lead not found"}]
    assert good["requestId"] != bad["requestId"]
    assert "#" in good["requestId"]


@pytest.mark.rule("MK-EN-02")
def test_a_refused_record_stands_beside_good_ones(vendor: Vendor) -> None:
    rows = [{"email": "a@example.com"}, {"email": "b@example.com", "nope": 1}, {"email": "c@example.com"}]
    answer = vendor.call("POST", "/leads.json", {"input": rows})
    assert answer["success"] is True
    assert answer["result"] == [
        {"id": 1, "status": "created"},
        {"status": "skipped", "reasons": [{"code": "1006", "message": "Field 'nope' not found"}]},
        {"id": 2, "status": "created"},
    ]


@pytest.mark.rule("MK-EN-03")
def test_unknown_paths_and_methods(vendor: Vendor) -> None:
    assert vendor.refused("GET", "/leeds.json") == "610"
    assert vendor.refused("GET", "/leads") == "610"
    assert vendor.refused("PUT", "/leads.json") == "605"
    assert vendor.refused("GET", "/leads/delete.json") == "605"
    assert vendor.raw("GET", "/elsewhere").status == 404


@pytest.mark.rule("MK-EN-04")
def test_bodies_that_are_not_json(vendor: Vendor) -> None:
    as_json = {"Content-Type": "application/json"}
    for body in (b"{", b"[1]", b"\xff"):
        assert vendor.refused("POST", "/leads.json", body, headers=as_json) == "609"
    assert vendor.refused("POST", "/leads.json", b'{"input":[{"email":"a@b.example"}]}') == "612"
    assert vendor.refused("POST", "/leads.json", b"input=1", headers=FORM) == "612"


@pytest.mark.rule("MK-EN-05")
def test_bodies_that_are_too_big(vendor: Vendor) -> None:
    rows = [{"email": f"{n}@example.com", "address": "x" * 4000} for n in range(300)]
    assert vendor.raw("POST", "/rest/v1/leads.json", {"input": rows}).status == 413
    assert vendor.raw("POST", "/bulk/v1/leads.json", b"x" * 10_485_761).status == 413
    assert vendor.raw("POST", "/bulk/v1/leads.json", b"x" * 2_000_000).status == 200
    assert vendor.system.state({})["counts"]["leads"] == 0


@pytest.mark.rule("MK-EN-06")
def test_long_uris_and_the_way_round(vendor: Vendor) -> None:
    vendor.lead()
    values = ",".join(["ada@example.com", *(f"{n:040d}@example.com" for n in range(200))])
    query = f"filterType=email&filterValues={values}&fields=email"
    assert vendor.raw("GET", f"/rest/v1/leads.json?{query}").status == 414
    assert vendor.ok("POST", "/leads.json?_method=GET", query.encode(), headers=FORM) == [
        {"id": 1, "email": "ada@example.com"}
    ]
    assert vendor.ok("POST", "/leads.json", f"_method=GET&{query}".encode(), headers=FORM)[0]["id"] == 1


@pytest.mark.rule("MK-EN-07")
def test_untidy_paths(vendor: Vendor) -> None:
    vendor.lead()
    assert vendor.raw_json("GET", "/rest//v1///lead/1.json")[1]["success"]
    status, answer = vendor.raw_json("GET", "/rest/../bulk/v1/leads/export.json")
    assert (status, answer["result"]) == (200, [])


@pytest.mark.rule("MK-EN-08")
@pytest.mark.parametrize("code", ["604", "608", "611", "614", "713"])
@pytest.mark.parametrize("after", [False, True])
def test_trouble_to_order(vendor: Vendor, code: str, after: bool) -> None:
    vendor.act("fail", code=code, path="leads.json", after=after, times=1)
    body = {"input": [{"email": "a@example.com"}]}
    assert vendor.get("/leads/describe.json")
    assert vendor.refused("POST", "/leads.json", body) == code
    assert vendor.system.state({})["counts"]["leads"] == int(after)
    assert vendor.sync({"email": "a@example.com"}) == ["updated" if after else "created"]


@pytest.mark.rule("MK-EN-09")
def test_lists_in_queries(vendor: Vendor) -> None:
    vendor.lead()
    for fields in ("fields=email,firstName", "fields=email&fields=firstName", "fields=email%2C%20firstName"):
        assert vendor.ok("GET", f"/lead/1.json?{fields}") == [{"id": 1, "email": "ada@example.com", "firstName": None}]


@pytest.mark.rule("MK-EN-10")
def test_input_is_needed_and_bounded(vendor: Vendor) -> None:
    for body in ({}, {"input": []}, {"input": {}}, {"input": None}):
        assert vendor.refused("POST", "/leads.json", body) == "1002"
    assert vendor.refused("POST", "/leads.json", {"input": [1]}) == "1003"
    rows = [{"email": f"{n}@example.com"} for n in range(301)]
    assert vendor.refused("POST", "/leads.json", {"input": rows}) == "1003"
    assert vendor.sync(*rows[:300]) == ["created"] * 300
    assert (
        vendor.refused("POST", "/companies.json", {"input": [{"externalCompanyId": str(n)} for n in range(301)]})
        == "1003"
    )
    assert vendor.refused("POST", "/leads.json", {"action": "revive", "input": rows[:1]}) == "1003"


# -- limits ------------------------------------------------------------------------------------------------------
def call_codes(vendor: Vendor, number: int) -> list[str]:
    """Codes of so many calls; empty for one that worked."""
    answers = [vendor.call("GET", "/leads/partitions.json") for _ in range(number)]
    return ["" if answer["success"] else answer["errors"][0]["code"] for answer in answers]


@pytest.mark.rule("MK-LM-01", "MK-LM-05")
def test_a_hundred_calls_in_twenty_sliding_seconds(vendor: Vendor) -> None:
    vendor.switch(calls_per_window=100, refused_calls_count=False)
    assert call_codes(vendor, 60) == [""] * 60
    vendor.clock.advance(10)
    vendor.act("spend", calls=40)
    assert call_codes(vendor, 2) == ["606", "606"]
    answer = vendor.call("GET", "/leads/partitions.json")
    assert answer["errors"][0]["message"] == "Max rate limit '100' exceeded with in '20' secs"
    vendor.clock.advance(9)
    assert call_codes(vendor, 1) == ["606"]
    vendor.clock.advance(2)
    assert call_codes(vendor, 61) == [""] * 60 + ["606"]


@pytest.mark.rule("MK-LM-05")
def test_refused_calls_count(vendor: Vendor) -> None:
    vendor.switch(calls_per_window=3)
    assert call_codes(vendor, 5) == [""] * 3 + ["606"] * 2
    vendor.clock.advance(15)
    assert call_codes(vendor, 1) == ["606"]
    vendor.clock.advance(6)
    assert call_codes(vendor, 3) == ["", "", "606"], "the one refused six seconds ago still counts"
    assert vendor.system.state({})["usage"]["total"] == 9


@pytest.mark.rule("MK-LM-02")
@pytest.mark.parametrize("limit", [10, 4])
def test_ten_calls_at_once(vendor: Vendor, limit: int) -> None:
    vendor.switch(concurrent_calls=limit)
    call = Request.build("GET", "/rest/v1/leads/partitions.json")
    with ExitStack() as under_way:
        for _ in range(limit):
            under_way.enter_context(vendor.system.flight(call))
        assert call_codes(vendor, 1) == [""], "the limit itself is allowed"
        under_way.enter_context(vendor.system.flight(Request.build("GET", "/identity/oauth/token")))
        assert call_codes(vendor, 1) == [""], "asking for a token is no call"
        under_way.enter_context(vendor.system.flight(call))
        assert call_codes(vendor, 1) == ["615"]
    assert call_codes(vendor, 1) == [""]


@pytest.mark.rule("MK-LM-03")
def test_the_quota_ends_at_midnight_of_us_central(vendor: Vendor) -> None:
    vendor.switch(daily_quota=10)
    vendor.act("spend", calls=9, quota_only=True)
    assert call_codes(vendor, 3) == ["", "607", "607"]
    # Central daylight time is five hours behind: midnight is 05:00 UTC; in winter it is 06:00.
    for before, after in (
        ("2026-10-15T04:59:59+00:00", "2026-10-15T05:00:00+00:00"),
        ("2026-11-03T05:59:59+00:00", "2026-11-03T06:00:00+00:00"),
    ):
        vendor.clock.set_now(datetime.fromisoformat(before).timestamp(), frozen=True)
        vendor.renew()
        vendor.act("spend", calls=10, quota_only=True)
        assert call_codes(vendor, 1) == ["607"]
        vendor.clock.set_now(datetime.fromisoformat(after).timestamp(), frozen=True)
        assert call_codes(vendor, 1) == [""]


@pytest.mark.rule("MK-LM-04")
def test_some_answers_do_not_count(vendor: Vendor) -> None:
    def total() -> int:
        found: int = vendor.system.state({})["usage"]["total"]
        return found

    vendor.switch(calls_per_window=100)
    vendor.refused("GET", "/leads/describe.json", token="x:1")
    vendor.refused("PUT", "/leads.json")
    for code in ("604", "608", "611"):
        vendor.act("fail", code=code)
        assert vendor.refused("GET", "/leads/describe.json") == code
    assert total() == 0
    vendor.act("fail", code="713")
    vendor.refused("GET", "/leads/describe.json")
    vendor.refused("GET", "/nowhere.json")
    assert total() == 2
    assert call_codes(vendor, 99) == [""] * 98 + ["606"]


@pytest.mark.rule("MK-LM-06")
def test_statistics(vendor: Vendor) -> None:
    vendor.act("spend", calls=7, user="other@example.com")
    vendor.refused("GET", "/nowhere.json")
    vendor.refused("GET", "/lead/1.json")
    (usage,) = vendor.get("/stats/usage.json")
    assert usage == {
        "date": "2026-10-14",
        "total": 10,
        "users": [{"userId": "other@example.com", "count": 7}, {"userId": DEFAULT_USER, "count": 3}],
    }
    (errors,) = vendor.get("/stats/errors.json")
    assert errors["errors"] == [{"errorCode": "1004", "count": 1}, {"errorCode": "610", "count": 1}]
    vendor.advance(2 * 86_400)
    vendor.renew()
    days: Any = vendor.get("/stats/usage/last7days.json")
    assert [day["date"] for day in days] == ["2026-10-16", "2026-10-14"]
    assert vendor.get("/stats/errors/last7days.json")[1]["total"] == 2
