"""What a batch does: order, atomic change sets, references, failures."""

from __future__ import annotations

import pytest

from tests.wire.dataverse.more.multipart import TYPE, Answer, batch, change_set, part, read
from tests.wire.dataverse.more.organisation import ADMIN, BASE, USER, Org

CONTACTS = "/api/data/v9.2/contacts"
TOO_LONG = {"lastname": "x" * 51}
CONTINUE = {**TYPE, "Prefer": "odata.continue-on-error"}


def run(org: Org, *parts: str, headers: dict[str, str] | None = None, user: str = ADMIN) -> tuple[int, list[Answer]]:
    response = org.call("POST", "$batch", batch(*parts), headers=headers or TYPE, user=user)
    return response.status, read(response)


def names(org: Org) -> list[str]:
    rows = org.ok("GET", "contacts?$select=lastname&$orderby=lastname")["value"]
    return [row["lastname"] for row in rows]


@pytest.mark.rule("DV-BA-06")
def test_requests_run_in_order_with_relative_and_absolute_urls(org: Org) -> None:
    known = "cccccccc-0000-4000-8000-000000000001"
    status, answers = run(
        org,
        part("POST", CONTACTS, {"contactid": known, "lastname": "first"}),
        part("PATCH", f"{BASE}/contacts({known})", {"lastname": "second"}),
        part("GET", f"contacts({known})?$select=lastname"),
        part("DELETE", f"{CONTACTS}({known})"),
        part("GET", "contacts?$select=lastname"),
    )
    assert status == 200
    assert [answer.status for answer in answers] == [204, 204, 200, 204, 200]
    assert answers[2].json["lastname"] == "second"
    assert answers[4].json["value"] == []


@pytest.mark.rule("DV-BA-05")
def test_what_was_written_is_told_by_location_and_entity_id(org: Org) -> None:
    _, answers = run(
        org,
        part("POST", CONTACTS, {"lastname": "a"}, content_id="9"),
        change_set(part("POST", CONTACTS, {"lastname": "b"}, content_id="1")),
    )
    plain, member = answers
    for answer in answers:
        assert answer.headers["location"] == answer.headers["odata-entityid"]
        assert answer.headers["location"].startswith(f"{BASE}/contacts(")
    assert (plain.change_set, plain.content_id) == (None, "9")
    assert (member.change_set, member.content_id) == (1, "1")


@pytest.mark.rule("DV-BA-07", "DV-BA-15")
def test_without_continue_the_batch_stops_with_the_status_of_the_failure(org: Org) -> None:
    status, answers = run(
        org,
        part("POST", CONTACTS, {"lastname": "kept"}),
        part("POST", CONTACTS, TOO_LONG),
        part("POST", CONTACTS, {"lastname": "never"}),
    )
    assert status == 400
    assert [answer.status for answer in answers] == [204, 400]
    assert answers[1].code == "0x80044331"
    assert len(answers[1].headers["req_id"]) == 36
    assert names(org) == ["kept"]


@pytest.mark.rule("DV-BA-07")
@pytest.mark.parametrize(("shown", "expected"), [(True, [204, 404]), (False, [404])])
def test_answers_before_the_failure_are_shown_by_switch(org: Org, shown: bool, expected: list[int]) -> None:
    org.switch(batch_stop_shows_earlier=shown)
    status, answers = run(org, part("POST", CONTACTS, {"lastname": "kept"}), part("DELETE", f"{CONTACTS}({USER})"))
    assert (status, [answer.status for answer in answers]) == (404, expected)
    assert names(org) == ["kept"]


@pytest.mark.rule("DV-BA-08")
def test_with_continue_the_rest_is_done_and_the_outer_status_is_200(org: Org) -> None:
    response = org.call(
        "POST",
        "$batch",
        batch(
            part("POST", CONTACTS, TOO_LONG),
            part("GET", "nosuchthings"),
            part("POST", CONTACTS, {"lastname": "done"}),
        ),
        headers=CONTINUE,
    )
    assert response.status == 200
    assert response.header("Preference-Applied") == "odata.continue-on-error"
    assert [answer.status for answer in read(response)] == [400, 404, 204]
    assert names(org) == ["done"]


@pytest.mark.rule("DV-BA-08")
def test_conditions_hold_for_each_part(org: Org) -> None:
    known = "cccccccc-0000-4000-8000-000000000001"
    row = org.create("contacts", {"lastname": "x"})
    etag = org.ok("GET", f"contacts({row})?$select=lastname")["@odata.etag"]
    create, current = ["If-None-Match: *"], [f"If-Match: {etag}"]
    status, answers = run(
        org,
        part("PATCH", f"{CONTACTS}({known})", {"lastname": "made"}, headers=create),
        part("PATCH", f"{CONTACTS}({known})", {"lastname": "made twice"}, headers=create),
        part("PATCH", f"{CONTACTS}({row})", {"lastname": "y"}, headers=current),
        part("PATCH", f"{CONTACTS}({row})", {"lastname": "z"}, headers=current),
        part("PATCH", f"{CONTACTS}({USER})", {"lastname": "nobody"}, headers=["If-Match: *"]),
        headers=CONTINUE,
    )
    assert (status, [answer.status for answer in answers]) == (200, [204, 412, 204, 412, 404])
    assert [answers[n].code for n in (1, 3, 4)] == ["0x80040237", "0x80060882", "0x80040217"]
    assert names(org) == ["made", "y"]


@pytest.mark.rule("DV-BA-09", "DV-BA-10")
@pytest.mark.parametrize("shape", ["nested", "plain"])
def test_a_failed_change_set_leaves_nothing_and_answers_once(org: Org, shape: str) -> None:
    org.switch(batch_failed_change_set=shape)
    row = org.create("contacts", {"lastname": "before"})
    status, answers = run(
        org,
        change_set(
            part("POST", CONTACTS, {"lastname": "never"}, content_id="1"),
            part("PATCH", f"{CONTACTS}({row})", {"lastname": "changed"}, content_id="2"),
            part("DELETE", f"{CONTACTS}({row})", content_id="3"),
            part("POST", CONTACTS, TOO_LONG, content_id="4"),
        ),
        part("POST", CONTACTS, {"lastname": "not reached"}),
    )
    assert status == 400
    assert [(answer.status, answer.content_id) for answer in answers] == [(400, "4")]
    assert (answers[0].change_set is None) == (shape == "plain")
    assert names(org) == ["before"]


@pytest.mark.rule("DV-BA-09")
def test_a_failed_change_set_leaves_no_trace_in_the_write_log_and_the_delta(org: Org) -> None:
    tracked = org.ok("GET", "contacts?$select=lastname", headers={"Prefer": "odata.track-changes"})
    writes = len(org.system.writes)
    run(org, change_set(part("POST", CONTACTS, {"lastname": "never"}), part("POST", CONTACTS, TOO_LONG)))
    assert len(org.system.writes) == writes
    delta = org.ok("GET", tracked["@odata.deltaLink"].partition("/api/data/v9.2/")[2])
    assert delta["value"] == []


@pytest.mark.rule("DV-BA-08", "DV-BA-09")
def test_under_continue_a_failed_change_set_does_not_stop_the_next(org: Org) -> None:
    status, answers = run(
        org,
        change_set(part("POST", CONTACTS, {"lastname": "never"}), part("POST", CONTACTS, TOO_LONG)),
        change_set(part("POST", CONTACTS, {"lastname": "done"}), name="d"),
        headers=CONTINUE,
    )
    assert (status, [answer.status for answer in answers]) == (200, [400, 204])
    assert names(org) == ["done"]


@pytest.mark.rule("DV-BA-11")
def test_content_ids_stand_for_rows_in_urls_and_values(org: Org) -> None:
    status, answers = run(
        org,
        change_set(
            part("POST", f"{BASE}/accounts", {"name": "A"}, content_id="1"),
            part("POST", f"{BASE}/contacts", {"lastname": "C"}, content_id="2"),
            part("PATCH", "$1", {"primarycontactid@odata.bind": "$2"}, content_id="3"),
            part("PUT", "$2/jobtitle", {"value": "J"}, content_id="4"),
            part("PUT", "$2/parentcustomerid_account/$ref", {"@odata.id": "$1"}, content_id="5"),
        ),
    )
    assert (status, [answer.status for answer in answers]) == (200, [204] * 5)
    account, contact = answers[0].headers["location"], answers[1].headers["location"]
    assert answers[2].headers["location"] == account
    assert "odata-entityid" not in answers[3].headers
    row = org.ok("GET", contact.partition("/api/data/v9.2/")[2] + "?$select=jobtitle,_parentcustomerid_value")
    assert row["jobtitle"] == "J"
    assert row["_parentcustomerid_value"] in account
    linked = org.ok("GET", account.partition("/api/data/v9.2/")[2] + "?$select=_primarycontactid_value")
    assert linked["_primarycontactid_value"] in contact


@pytest.mark.rule("DV-BA-11")
def test_a_part_that_returns_its_representation_can_be_referred_to(org: Org) -> None:
    status, answers = run(
        org,
        change_set(
            part("POST", CONTACTS, {"lastname": "C"}, content_id="1", headers=["Prefer: return=representation"]),
            part("POST", f"{BASE}/accounts", {"name": "A", "primarycontactid@odata.bind": "$1"}, content_id="2"),
        ),
    )
    assert (status, [answer.status for answer in answers]) == (200, [201, 204])


@pytest.mark.rule("DV-BA-12")
@pytest.mark.parametrize(
    "members",
    [
        [
            part("POST", f"{BASE}/accounts", {"name": "A", "primarycontactid@odata.bind": "$1"}, content_id="2"),
            part("POST", f"{BASE}/contacts", {"lastname": "C"}, content_id="1"),
        ],
        [part("PATCH", "$1", {"lastname": "x"}, content_id="2")],
    ],
)
def test_a_reference_to_what_does_not_come_before_is_refused(org: Org, members: list[str]) -> None:
    status, answers = run(org, change_set(*members))
    assert status == 400
    assert answers[0].json["error"]["message"] == ("Content-ID Reference: '$1' does not exist in the batch context.")
    assert names(org) == []


@pytest.mark.rule("DV-BA-12")
def test_references_end_with_their_change_set(org: Org) -> None:
    status, answers = run(
        org,
        change_set(part("POST", CONTACTS, {"lastname": "C"}, content_id="1")),
        part("PATCH", "$1", {"lastname": "x"}),
    )
    assert (status, [answer.status for answer in answers]) == (400, [204, 400])


@pytest.mark.rule("DV-BA-12", "DV-BA-13")
def test_each_change_set_has_content_ids_of_its_own(org: Org) -> None:
    one = change_set(part("POST", CONTACTS, {"lastname": "1"}, content_id="1"))
    two = change_set(
        part("POST", CONTACTS, {"lastname": "2"}, content_id="1"),
        part("PATCH", "$1", {"jobtitle": "of 2"}, content_id="2"),
        name="d",
    )
    status, answers = run(org, one, two, change_set(part("PATCH", "$1", {"jobtitle": "x"}), name="e"))
    assert (status, [answer.status for answer in answers]) == (400, [204, 204, 204, 400])
    rows = org.ok("GET", "contacts?$select=lastname,jobtitle&$orderby=lastname")["value"]
    assert [(row["lastname"], row["jobtitle"]) for row in rows] == [("1", None), ("2", "of 2")]


@pytest.mark.rule("DV-BA-13", "DV-BA-02")
@pytest.mark.parametrize(
    "body",
    [
        batch(change_set(part("GET", CONTACTS))),
        batch(change_set(part("POST", CONTACTS, {}, content_id="1"), part("POST", CONTACTS, {}, content_id="1"))),
        b"no multipart at all",
    ],
)
def test_a_batch_that_cannot_be_read_is_refused_whole(org: Org, body: bytes) -> None:
    response = org.call("POST", "$batch", body, headers=TYPE)
    assert response.status == 400
    assert response.header("Content-Type").startswith("application/json")
    assert names(org) == []


@pytest.mark.rule("DV-BA-03")
def test_a_batch_holds_no_batch(org: Org) -> None:
    status, answers = run(org, part("POST", "/api/data/v9.2/$batch", {}))
    assert (status, [answer.status for answer in answers]) == (400, [400])


@pytest.mark.rule("DV-BA-04")
def test_more_than_a_thousand_requests_are_refused_before_the_first_runs(org: Org) -> None:
    text = org.refused(
        400, "", "POST", "$batch", batch(*[part("POST", CONTACTS, {"lastname": "n"})] * 1001), headers=TYPE
    )
    assert "'1000'" in text
    assert names(org) == []


@pytest.mark.rule("DV-BA-14")
def test_urls_inside_a_batch_may_be_longer_than_outside(org: Org) -> None:
    org.create("contacts", {"lastname": "found"})
    clause = " or ".join(f"lastname eq '{'x' * 80}{n:03}'" for n in range(500))
    filtered = f"contacts?$select=lastname&$filter=lastname eq 'found' or {clause}"
    assert 32_768 < len(filtered) < 65_536
    _, answers = run(org, part("GET", filtered))
    assert [row["lastname"] for row in answers[0].json["value"]] == ["found"]
    status, answers = run(org, part("GET", "contacts?$filter=" + "x" * 65_536))
    assert (status, answers[0].status) == (414, 414)


@pytest.mark.rule("DV-BA-16")
def test_a_part_may_impersonate(org: Org) -> None:
    org.grant(USER, contact="Global")
    _, answers = run(
        org,
        part("POST", CONTACTS, {"lastname": "mine"}),
        part("POST", CONTACTS, {"lastname": "theirs"}, headers=[f"MSCRMCallerID: {USER}"]),
    )
    authors = []
    for answer in answers:
        row = org.ok("GET", answer.headers["location"].partition("/api/data/v9.2/")[2] + "?$select=_createdby_value")
        authors.append(row["_createdby_value"])
    assert authors == [ADMIN, USER]
