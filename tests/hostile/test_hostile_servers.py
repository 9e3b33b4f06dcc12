"""What the two systems, or somebody in their place, may answer: no credential leaves its origin, nothing hangs, nothing
is deleted or emptied because of it, and the work goes on afterwards."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from typing import Any

import pytest

from simulators.frame import Request, Response
from tests.hostile.evil import Evil, Lie, as_bytes, patched, quoted, raw
from tests.pace import slowness

CONTACTS = "/contacts"
LISTS = "/api/3/contacts"
BATCH = "$batch"


def link(name: str, address: Callable[[Evil], str]) -> Callable[[Evil], Lie]:
    """A page whose `name` leads where `address` says."""

    def made(evil: Evil) -> Lie:
        def change(data: dict[str, Any]) -> None:
            data.pop("@odata.deltaLink", None)
            data.pop("@odata.nextLink", None)
            data[name] = address(evil)

        return patched(change)

    return made


def fixed(lie: Lie) -> Callable[[Evil], Lie]:
    return lambda _: lie


def redirect(status: int) -> Callable[[Evil], Lie]:
    return lambda evil: raw(b"", status, Location=f"{evil.trap.url}/api/data/v9.2/contacts")


NEXT, DELTA = "@odata.nextLink", "@odata.deltaLink"
TAIL = "/api/data/v9.2/contacts?$skiptoken=1"
LINKS: dict[str, Callable[[Evil], Lie]] = {
    "next link to another host": link(NEXT, lambda evil: evil.trap.url + TAIL),
    "next link to another port": link(
        NEXT, lambda evil: evil.world.crm.server.url.rsplit(":", 1)[0] + f":{evil.trap.port}{TAIL}"
    ),
    "next link without tls": link(NEXT, lambda evil: evil.world.crm.server.url.replace("https", "http") + TAIL),
    "next link with a user name": link(
        NEXT,
        lambda evil: f"https://{evil.world.crm.server.url.removeprefix('https://')}@127.0.0.1:{evil.trap.port}{TAIL}",
    ),
    "next link with a backslash": link(
        NEXT, lambda evil: f"{evil.world.crm.server.url}\\@127.0.0.1:{evil.trap.port}{TAIL}"
    ),
    "next link without a scheme": link(NEXT, lambda evil: f"//127.0.0.1:{evil.trap.port}{TAIL}"),
    "next link with a line end": link(NEXT, lambda evil: f"{evil.world.crm.server.url}{TAIL}\r\nX-Evil: 1"),
    "next link out of the api": link(NEXT, lambda evil: f"{evil.world.crm.server.url}/api/data/v9.2/../../evil"),
    "next link that is a number": link(NEXT, lambda _: 7),  # type: ignore[arg-type,return-value]
    "next link of a megabyte": link(NEXT, lambda evil: evil.world.crm.server.url + TAIL + "x" * 1_000_000),
    "delta link to another host": link(DELTA, lambda evil: evil.trap.url + TAIL),
    "delta link that is an object": link(DELTA, lambda _: {"a": 1}),  # type: ignore[arg-type,return-value]
}
BODIES: dict[str, Callable[[Evil], Lie]] = {
    "a page of html with 200": fixed(raw(b"<html><form action=login>", content_type="text/html")),
    "html that calls itself json": fixed(raw(b"<!DOCTYPE html><p>Please log in")),
    "an empty body": fixed(raw(b"")),
    "another charset": fixed(
        raw(
            '{"value": [], "contacts": [], "x": "é"}'.encode("latin-1"),
            content_type="application/json; charset=iso-8859-1",
        )
    ),
    "utf-16": fixed(raw('{"value": [], "contacts": []}'.encode("utf-16"))),
    "a key twice": fixed(raw(b'{"value": [], "value": [{}], "contacts": [], "contacts": [1]}')),
    "a number that is none": fixed(raw(b'{"value": NaN, "contacts": NaN}')),
    "nested beyond reason": fixed(raw(b"[" * 200_000 + b"]" * 200_000)),
    "a list instead of an object": fixed(raw(b"[]")),
    "a text instead of an object": fixed(raw(b'"ok"')),
    "rows that are no rows": fixed(
        raw(as_bytes({"value": ["a", 1, None], "contacts": ["a", 1, None], "meta": {"total": "3"}}))
    ),
    "rows without ids": fixed(
        raw(as_bytes({"value": [{"firstname": "x"}], "contacts": [{"email": "x@example.org"}], "meta": {"total": "1"}}))
    ),
    "a redirect": redirect(302),
    "a permanent redirect": redirect(308),
    "a bomb that unpacks to more than it may": fixed(
        raw(gzip.compress(b"[" + b" " * 80_000_000 + b"]", 1), Content_Encoding="gzip")
    ),
    "a broken packing": fixed(raw(b"not gzip at all", Content_Encoding="gzip")),
    "a status nobody knows": fixed(raw(b"{}", 299)),
    "no content where there must be some": fixed(raw(b"", 204)),
    "wait for eleven days": fixed(raw(b"{}", 429, Retry_After="1000000")),
    "wait for minus one second": fixed(raw(b"{}", 429, Retry_After="-1")),
}


@pytest.mark.parametrize("case", LINKS)
def test_a_link_of_dynamics_leads_no_credential_elsewhere(evil: Evil, case: str) -> None:
    evil.tamper("dataverse", LINKS[case](evil), path=CONTACTS, method="GET")
    assert evil.attack() < 300
    evil.assert_unharmed()


@pytest.mark.parametrize("case", BODIES)
@pytest.mark.parametrize("system", ["dataverse", "activecampaign"])
def test_an_answer_that_is_none_harms_nothing(evil: Evil, system: str, case: str) -> None:
    path = CONTACTS if system == "dataverse" else LISTS
    evil.tamper(system, BODIES[case](evil), path=path, method="GET")
    began = time.monotonic()
    assert evil.attack() < 300
    assert (took := time.monotonic() - began) < 20 * slowness(), took
    evil.assert_unharmed(at_the_walk=(system, case) == ("activecampaign", "a list instead of an object"))


FIELDS = "/api/3/fields"
DESCRIPTIONS: dict[str, tuple[str, str, Lie]] = {
    "no fields at all": ("activecampaign", FIELDS, raw(as_bytes({"fields": [], "meta": {"total": "0"}}))),
    "an object without its lists": ("activecampaign", FIELDS, raw(as_bytes({}))),
    "fields that are no fields": ("activecampaign", FIELDS, raw(as_bytes({"fields": ["a", None]}))),
    "fields without names": ("activecampaign", FIELDS, raw(as_bytes({"fields": [{"type": "text"}]}))),
    "html instead of fields": ("activecampaign", FIELDS, raw(b"<!DOCTYPE html><p>Please log in")),
    "columns without names": ("dataverse", BATCH, quoted(b'"LogicalName"', b'"Logical"')),
    "a list by another name": ("dataverse", BATCH, quoted(b'"value"', b'"other"')),
    "columns of no type": ("dataverse", BATCH, quoted(b'"AttributeType"', b'"Kind"')),
    "no column at all": ("dataverse", BATCH, quoted(b'"value":[{', b'"value":[],"other":[{')),
}


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_a_description_of_the_columns_that_lies_harms_nothing(evil: Evil, case: str) -> None:
    system, path, lie = DESCRIPTIONS[case]
    evil.world.restart()
    evil.tamper(system, lie, path=path)
    assert evil.attack() < 300
    evil.assert_unharmed()


TOKENS: dict[str, Callable[[Evil], Lie]] = {
    "a page of html": fixed(raw(b"<html>sign in", content_type="text/html")),
    "a token that is a number": fixed(raw(as_bytes({"access_token": 7, "expires_in": 3600}))),
    "a token with a line end": fixed(raw(as_bytes({"access_token": "a\r\nX-Evil: 1", "expires_in": 3600}))),
    "a token without an end": fixed(raw(as_bytes({"access_token": "abc", "expires_in": "soon"}))),
    "a token for minus an hour": fixed(raw(as_bytes({"access_token": "abc", "expires_in": -3600}))),
    "a redirect with the secret": lambda evil: raw(b"", 307, Location=f"{evil.trap.url}/oauth2/v2.0/token"),
    "a list": fixed(raw(b"[1]")),
}


@pytest.mark.parametrize("case", TOKENS)
def test_a_sign_in_service_that_lies_gets_no_further(evil: Evil, case: str) -> None:
    evil.world.advance(7200)  # past the token in hand
    evil.tamper("entra", TOKENS[case](evil), method="POST")
    assert evil.attack() < 300
    evil.assert_unharmed()


def short_batch(_: Request, told: Response) -> Response | None:
    """A $batch that answers fewer parts than it was sent: everything up to its first part's end."""
    parts = told.body.split(b"--batch")
    kept = [(name, value) for name, value in told.headers if name.lower() != "content-length"]
    return Response(told.status, kept, b"--batch".join(parts[:1]) + b"--batch_x--\r\n") if len(parts) > 2 else None


WRITES: dict[str, Lie] = {
    "an answer without parts": raw(b"", content_type="multipart/mixed; boundary=batch_x"),
    "an answer shorter than asked": short_batch,
    "a boundary that is not there": quoted(b"--batch", b"--other"),
    "html": raw(b"<html>ok", content_type="text/html"),
    "success without a word": raw(b"", 204),
    "a redirect": raw(b"", 307, Location="https://127.0.0.1:1/"),
    "a status that is none": quoted(b"HTTP/1.1 204", b"HTTP/1.1 099"),
}


@pytest.mark.parametrize("case", WRITES)
def test_an_answer_to_a_write_that_cannot_be_read_is_settled_by_reading(evil: Evil, case: str) -> None:
    evil.tamper("dataverse", WRITES[case], path=BATCH)
    assert evil.attack() < 300
    evil.assert_unharmed()


PUTS: dict[str, Lie] = {
    "html": raw(b"<html>ok", content_type="text/html"),
    "a list where the contact was": raw(b'{"contact": []}'),
    "another contact": raw(as_bytes({"contact": {"id": "999", "email": "evil@example.org"}})),
    "an id that is a path": raw(as_bytes({"contact": {"id": "../users/1", "email": "ann1@example.org"}})),
    "nothing": raw(b"", 204),
    "a redirect": raw(b"", 302, Location="https://127.0.0.1:1/"),
}


@pytest.mark.parametrize("case", PUTS)
def test_an_answer_to_a_put_that_cannot_be_read_does_no_harm(evil: Evil, case: str) -> None:
    evil.tamper("activecampaign", PUTS[case], method="PUT")
    assert evil.attack() < 300
    evil.assert_unharmed()


def endless(_: Request, told: Response) -> Response | None:
    """A list that never ends: always the same full page, always more to come."""
    rows = [{"id": str(number + 1000), "email": f"x{number}@example.org"} for number in range(100)]
    return Response(
        200, [("Content-Type", "application/json")], as_bytes({"contacts": rows, "meta": {"total": "9" * 12}})
    )


def test_a_list_that_never_ends_is_left(evil: Evil) -> None:
    evil.tamper("activecampaign", endless, path=LISTS + "?", method="GET")
    calls = evil.world.calls("activecampaign")
    evil.attack()
    assert evil.world.calls("activecampaign") - calls < 400
    evil.assert_unharmed()


def test_an_import_that_never_ends_holds_up_nothing_else(evil: Evil) -> None:
    for number in range(20, 35):
        evil.world.row(number)
    evil.tamper(
        "activecampaign",
        patched(lambda data: {"status": "active", "success": [], "failure": []}),
        path="bulk_import",
        method="GET",
    )
    evil.world.edit_row(evil.row, firstname="Anna")
    for _ in range(4):
        began = evil.world.clock.monotonic()
        evil.world.slice()
        assert evil.world.clock.monotonic() - began <= 260
        evil.world.advance(600)
    assert evil.world.get_person(evil.person)["firstName"] == "Anna"  # type: ignore[index]
    evil.repent()
    evil.world.run(3)
    assert len(evil.world.people()) == 16


@pytest.mark.parametrize("date", ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "yesterday", ""])
@pytest.mark.parametrize("system", ["dataverse", "activecampaign"])
def test_a_server_that_lies_about_the_time_hides_no_change(evil: Evil, system: str, date: str) -> None:
    evil.world.crm.server.host.system.clock.time()

    def lie(_: Request, told: Response) -> Response:
        return Response(told.status, [*told.headers, ("Date", date)], told.body)

    evil.tamper(system, lie)
    evil.attack()
    evil.world.run(2)
    evil.assert_unharmed()
