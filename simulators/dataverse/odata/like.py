"""SQL `LIKE` patterns, as the string functions of a filter compare (dataverse.md 1.3)."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=1024)
def like(pattern: str) -> re.Pattern[str]:
    """Return a regular expression for a `LIKE` pattern: `%` any text, `_` one letter, `[a-c]` a set; case ignored."""
    parts, at = [], 0
    while at < len(pattern):
        letter = pattern[at]
        end = pattern.find("]", at + 1) if letter == "[" else -1
        if letter == "%":
            parts.append(".*")
        elif letter == "_":
            parts.append(".")
        elif end > at + 1:
            parts.append(_set(pattern[at + 1 : end]))
            at = end
        else:
            parts.append(re.escape(letter))
        at += 1
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def _set(inside: str) -> str:
    negated, letters = inside.startswith("^"), inside.removeprefix("^")
    ranges, at = [], 0
    while at < len(letters):
        if at + 2 < len(letters) and letters[at + 1] == "-" and letters[at] <= letters[at + 2]:
            ranges.append(f"{re.escape(letters[at])}-{re.escape(letters[at + 2])}")
            at += 3
        else:
            ranges.append(re.escape(letters[at]))
            at += 1
    return f"[{'^' if negated else ''}{''.join(ranges)}]" if ranges else ""


def is_plain(text: str) -> bool:
    """Say whether a text holds no pattern characters."""
    return not any(letter in text for letter in "%_[")
