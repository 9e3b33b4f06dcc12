"""Taking texts apart at separators that stand outside quotes and brackets."""

from __future__ import annotations


class UnbalancedError(ValueError):
    """Quotes or brackets do not pair."""


def split_outside(text: str, separator: str) -> list[str]:
    """Split at a separator, but not inside quotes or brackets of any kind.

    Raises:
        UnbalancedError: a quote or bracket is left open.
    """
    parts, depth, quoted, start = [], 0, False, 0
    for i, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    if quoted or depth:
        raise UnbalancedError(text)
    parts.append(text[start:])
    return parts
