"""Reading JSON that somebody else wrote: strictly, or not at all."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

from shared.errors import AuthError, Transient

_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def decode_json(body: bytes, content_type: str = "") -> Any:
    """The value of a JSON body; numbers with a fraction come as Decimal, exactly as written.

    Raises AuthError (`html_answer`) for a page of HTML, which is what a sign-in page looks like from here, and
    Transient (`unreadable_answer`, `empty_answer`) for an empty or broken body, a byte order mark, a charset other
    than UTF-8, a key that occurs twice, or NaN and its like. No part of the body is ever in the error.
    """
    if not body.strip():
        raise Transient("the answer has no body", code="empty_answer")
    if is_html(body, content_type):
        raise AuthError(
            "a page of HTML came instead of data; that is what a sign-in page or a wrong address answers",
            code="html_answer",
            next_step="Check the address and the API key (or secret) of this system, then run the check again.",
        )
    problem, value = _decode(body, content_type)
    if problem:
        raise Transient(f"the answer cannot be read: {problem}", code="unreadable_answer")
    return value


def is_html(body: bytes, content_type: str = "") -> bool:
    """Is this a page for people?"""
    return "html" in content_type.lower() or body.lstrip()[:1] == b"<"


def _decode(body: bytes, content_type: str) -> tuple[str, Any]:
    """(what is wrong, None) or ("", the value). Told, not raised: a decoder's own error would quote the body."""
    if charset(content_type) not in _CHARSETS:
        return "its charset is not UTF-8", None
    if body.startswith(_BOMS):
        return "it begins with a byte order mark", None
    try:
        return "", json.loads(
            body.decode("utf-8"), object_pairs_hook=_no_key_twice, parse_float=Decimal, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError:
        return "it is not UTF-8", None
    except _RefusedError as refused:
        return str(refused), None
    except RecursionError:
        return "it is nested too deeply", None
    except ValueError:
        return "it is not JSON", None


def charset(content_type: str) -> str:
    """The charset a Content-Type names, in lower case; "" when it names none."""
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""


class _RefusedError(ValueError):
    """JSON that parses but must not be trusted."""


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RefusedError("a key occurs twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError("it holds a number that is not one")
