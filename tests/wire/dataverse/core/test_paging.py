"""Pages, cookies, next links."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, quote_plus, unquote

import pytest

from simulators.dataverse.odata.paging import Cookie, read_cookie, write_cookie
from tests.wire.dataverse.core.vendor import BASE, Vendor, ids


def load(vendor: Vendor, count: int) -> None:
    vendor.seed(rows={"contact": [{"firstname": f"P{n:03}", "lastname": f"L{n % 7}"} for n in range(count)]})


@pytest.mark.rule("DV-PG-01")
def test_page_sizes(vendor: Vendor) -> None:
    vendor.seed(generate={"table": "contact", "count": 10_001})
    pages = [len(page["value"]) for page in vendor.walk("contacts?$select=contactid")]
    assert pages == [5000, 5000, 1]
    assert [
        len(page["value"]) for page in vendor.walk("contacts?$select=contactid", prefer="odata.maxpagesize=6000")
    ] == pages
    assert len(vendor.get("contacts?$select=contactid", prefer="odata.maxpagesize=3")["value"]) == 3
    for unreadable in ("odata.maxpagesize=0", "odata.maxpagesize=x", "odata.maxpagesize"):
        assert len(vendor.get("contacts?$select=contactid", prefer=unreadable)["value"]) == 5000


@pytest.mark.rule("DV-PG-02")
def test_the_form_of_a_next_link(vendor: Vendor) -> None:
    load(vendor, 3)
    page = vendor.get("contacts?$select=fullname&$filter=firstname ne 'x'", prefer="odata.maxpagesize=2")
    first, last = (row["contactid"].upper() for row in page["value"])
    inner = (
        f"%253ccookie%2520page%253d%25221%2522%253e%253ccontactid%2520last%253d%2522%257b{last}%257d%2522%2520first"
        f"%253d%2522%257b{first}%257d%2522%2520%252f%253e%253c%252fcookie%253e"
    )
    assert page["@odata.nextLink"] == (
        f"{BASE}/contacts?$select=fullname&$filter=firstname%20ne%20'x'&$skiptoken=%3Ccookie%20pagenumber=%222%22%20"
        f"pagingcookie=%22{inner}%22%20istracking=%22False%22%20/%3E"
    )
    following = vendor.get(page["@odata.nextLink"], prefer="odata.maxpagesize=2")
    assert len(following["value"]) == 1
    assert "@odata.nextLink" not in following


@pytest.mark.rule("DV-PG-03")
def test_tokens_that_clients_encode_again(vendor: Vendor) -> None:
    load(vendor, 5)
    link = vendor.get("contacts?$select=fullname", prefer="odata.maxpagesize=2")["@odata.nextLink"]
    wanted = ids(vendor.get(link, prefer="odata.maxpagesize=2"))
    token = dict(parse_qsl(link.partition("?")[2]))["$skiptoken"]
    for encoded in (quote(token, safe=""), quote_plus(token), quote(unquote(token), safe=""), quote(quote(token))):
        page = vendor.get(f"contacts?$select=fullname&$skiptoken={encoded}", prefer="odata.maxpagesize=2")
        assert ids(page) == wanted


@pytest.mark.rule("DV-PG-04")
def test_top(vendor: Vendor) -> None:
    load(vendor, 5)
    top = vendor.get("contacts?$select=fullname&$top=2")
    assert len(top["value"]) == 2
    assert "@odata.nextLink" not in top
    both = vendor.get("contacts?$select=fullname&$top=2", prefer="odata.maxpagesize=3")
    assert len(both["value"]) == 3
    assert "@odata.nextLink" in both
    assert vendor.rows("contacts?$top=0") == []
    for bad in ("-1", "x", "1.5", "", "99999999999"):
        assert vendor.call("GET", f"contacts?$top={bad}").status == 400


@pytest.mark.rule("DV-PG-05")
@pytest.mark.parametrize("order", ["lastname desc,firstname", "createdon", "firstname desc", "_ownerid_value,lastname"])
def test_ordered_pages_hold_each_row_once(vendor: Vendor, order: str) -> None:
    load(vendor, 50)
    whole = [row["firstname"] for row in vendor.rows(f"contacts?$select=firstname&$orderby={order}")]
    paged = []
    for number, page in enumerate(
        vendor.walk(f"contacts?$select=firstname&$orderby={order}", prefer="odata.maxpagesize=7")
    ):
        paged += [row["firstname"] for row in page["value"]]
        if number == 1:
            vendor.create("accounts", {"name": "between pages"})
    assert paged == whole
    assert len(paged) == 50


@pytest.mark.rule("DV-PG-05")
def test_pages_stay_whole_while_rows_change(vendor: Vendor) -> None:
    load(vendor, 30)
    for query in ("contacts?$select=firstname", "contacts?$select=firstname&$orderby=lastname,firstname"):
        before = set(ids(vendor.get(query)))
        seen: list[str] = []
        for page in vendor.walk(query, prefer="odata.maxpagesize=4"):
            seen += ids(page)
            vendor.patch(f"contacts({seen[-1]})", {"description": "changed"})
            vendor.patch(f"contacts({seen[0]})", {"lastname": f"A{len(seen):02}"})
        assert len(seen) == len(set(seen))
        assert set(seen) == before


def test_pages_go_on_where_a_row_was_deleted(vendor: Vendor) -> None:
    load(vendor, 9)
    for query in ("contacts?$select=firstname", "contacts?$select=firstname&$orderby=firstname desc"):
        first = vendor.get(query, prefer="odata.maxpagesize=3")
        left = set(ids(vendor.get(query))) - set(ids(first))
        vendor.delete(f"contacts({ids(first)[-1]})")
        assert set(ids(vendor.get(first["@odata.nextLink"]))) == left


@pytest.mark.rule("DV-PG-06")
def test_tokens_this_service_never_wrote(vendor: Vendor) -> None:
    for token in ("x", "%3Ccookie%3E", "<cookie pagenumber='2'>", "%00", '<cookie pagenumber="2" pagingcookie="" />'):
        vendor.refused(400, "0x8004112a", "GET", f"contacts?$skiptoken={quote(token)}")
    row = "{00000000-0000-0000-0000-000000000000}"
    for order in ("abc", "bm8=", "eyJhIjoxfQ=="):
        token = f'<cookie pagenumber="2" pagingcookie="<contactid last="{row}" first="{row}" /><order last="{order}" />'
        vendor.refused(400, "0x8004112a", "GET", f"contacts?$orderby=lastname&$skiptoken={quote(token)}")


def test_cookies_keep_what_they_carry() -> None:
    cookie = Cookie(7, "0a0b0c0d-0000-4000-8000-0000000000ff", order=([1, "é%+&"], [0, ""]), tracking=("load", 5, "x"))
    text = write_cookie("contactid", cookie, cookie.last)
    assert read_cookie(unquote(text)) == cookie
    assert 'istracking="True"' in unquote(text)
