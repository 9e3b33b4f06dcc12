"""Paging cookies: where the next page begins, in the form the service puts into `$skiptoken` (dataverse.md 1.3)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from simulators.dataverse.errors import error

MAX_PAGE = 5_000
_PAGE = re.compile(r'pagenumber="(\d{1,9})"')
_LAST = re.compile(r'<(\w+) last="\{([0-9A-Fa-f-]{36})\}"')
_ORDER = re.compile(r'<order last="([\w=-]*)"')
_TRACKING = re.compile(r'<tracking last="([\w=-]*)"')


@dataclass(frozen=True, slots=True)
class Cookie:
    """Where a page begins.

    Attributes:
        page: number of the page to come, from 2.
        last: id of the last row of the page before.
        order: of an ordered query, the values of that row in the order's columns.
        tracking: of a tracked query, what `changes` keeps.
    """

    page: int
    last: str
    order: tuple[object, ...] = ()
    tracking: tuple[object, ...] = ()


def write_cookie(primary_id: str, cookie: Cookie, first: str) -> str:
    """Return the `$skiptoken` for a link, percent-encoded: an inner cookie encoded in an attribute of an outer one."""
    inner = f'<cookie page="{cookie.page - 1}"><{primary_id} last="{{{cookie.last.upper()}}}" '
    inner += f'first="{{{first.upper()}}}" />'
    if cookie.order:
        inner += f'<order last="{_pack(cookie.order)}" />'
    if cookie.tracking:
        inner += f'<tracking last="{_pack(cookie.tracking)}" />'
    inner = _lower_hex(quote(inner + "</cookie>", safe=""))
    tracked = "True" if cookie.tracking else "False"
    outer = f'<cookie pagenumber="{cookie.page}" pagingcookie="{inner}" istracking="{tracked}" />'
    return quote(outer, safe="=/")


def fetch_cookie(primary_id: str, cookie: Cookie, first: str) -> str:
    """Return the `fetchxmlpagingcookie` annotation: the same outer cookie, its inner one encoded twice."""
    inner = f'<cookie page="{cookie.page - 1}"><{primary_id} last="{{{cookie.last.upper()}}}" '
    inner += f'first="{{{first.upper()}}}" />'
    if cookie.order:
        inner += f'<order last="{_pack(cookie.order)}" />'
    encoded = _lower_hex(quote(_lower_hex(quote(inner + "</cookie>", safe="")), safe=""))
    return f'<cookie pagenumber="{cookie.page}" pagingcookie="{encoded}" istracking="False" />'


def read_cookie(text: str) -> Cookie:
    """Read a `$skiptoken`, however often a client has encoded it on the way (spaces as `%20` or `+`).

    Raises:
        DataverseError: 400 for what this service never wrote.
    """
    for _ in range(4):
        text = unquote(text)
    flat = text.replace("+", " ")
    page, last = _PAGE.search(flat), _LAST.search(flat)
    if page is None or last is None:
        raise error("InvalidPagingCookie")
    order, tracking = _ORDER.search(flat), _TRACKING.search(flat)
    return Cookie(
        page=int(page[1]),
        last=last[2].lower(),
        order=_unpack(order[1]) if order else (),
        tracking=_unpack(tracking[1]) if tracking else (),
    )


def _pack(values: tuple[object, ...]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode()


def _unpack(text: str) -> tuple[object, ...]:
    try:
        values = json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, binascii.Error):
        raise error("InvalidPagingCookie") from None
    if not isinstance(values, list):
        raise error("InvalidPagingCookie")
    return tuple(values)


def _lower_hex(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), text)
