"""What may be said about a call and its answer: names and ids, never values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from shared.http.wording import only_known

MASK = "•••"
_MAIL = re.compile(r"[^\s@'\"<>(),;:\[\]]+@[^\s@'\"<>(),;:\[\]]+")
_PHONE = re.compile(r"(?<![\w-])\+?\d[\d ()/.-]{6,}\d(?![\w-])")
_BREAKS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_MAX_MESSAGE = 300
_SHORT = 3


def describe_target(method: str, target: str) -> str:
    """A request as it may be logged: method, path, and the names of its query parameters."""
    path, _, query = target.partition("?")
    names = sorted({unquote(part.partition("=")[0]) for part in query.split("&") if part})
    return f"{method} {path}" + (f" ({', '.join(names)})" if names else "")


def mask(message: str, values: Iterable[object] = (), names: Iterable[str] = ()) -> str:
    """A vendor's words on one short line, with the record's values, addresses and telephone numbers masked, and every
    word that may be somebody else's name (`shared.http.wording`); `names` are those of the fields that were written."""
    text = _BREAKS.sub(" ", message)
    for value in sorted({str(value) for value in values if value not in (None, "")}, key=len, reverse=True):
        if len(value) >= _SHORT:
            text = re.sub(re.escape(value), MASK, text, flags=re.IGNORECASE)
        else:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", MASK, text, flags=re.IGNORECASE)
    text = only_known(_PHONE.sub(MASK, _MAIL.sub(MASK, text)), MASK, names)
    return text if len(text) <= _MAX_MESSAGE else text[: _MAX_MESSAGE - 1] + "…"
