"""Text as people see it: clipping between graphemes, and characters that no system stores reliably."""

from __future__ import annotations

import re
import unicodedata

_ZWJ = "\u200d"
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML 1.0 forbids (Dataverse refuses them), and lone surrogates, which UTF-8 cannot hold."""

_REGIONAL = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_SELECTORS = range(0xFE00, 0xFE10)
_TAGS = range(0xE0020, 0xE0080)
_HANGUL_VOWELS_AND_TAILS = range(0x1160, 0x1200)
_LAST_BMP = 0xFFFF
_LONGEST_GRAPHEME = 64


def unstorable(text: str) -> bool:
    """True when `text` holds a character that cannot be relied on to arrive."""
    return _UNSTORABLE.search(text) is not None


def utf16_length(text: str) -> int:
    """The length in UTF-16 units: what SQL Server, JavaScript and PHP front ends count."""
    if text.isascii():
        return len(text)
    return len(text) + sum(ord(char) > _LAST_BMP for char in text)


def clip_text(text: str, limit: int) -> str:
    """The longest beginning of `text` of at most `limit` UTF-16 units that does not cut a grapheme in two.

    A single grapheme of more than 64 characters (stacked combining marks) counts as garbage: it is cut between
    characters, so that a hostile text cannot empty a field.
    """
    if len(text) * 2 <= limit or utf16_length(text) <= limit:
        return text
    end = _characters_within(text, limit)
    first, after = end, end
    while first > 0 and end - first <= _LONGEST_GRAPHEME and _joined(text, first):
        first -= 1
    while after < len(text) and after - first <= _LONGEST_GRAPHEME and _joined(text, after):
        after += 1
    return text[:end] if after - first > _LONGEST_GRAPHEME else text[:first]


def _characters_within(text: str, limit: int) -> int:
    units = 0
    for index, char in enumerate(text):
        units += 2 if ord(char) > _LAST_BMP else 1
        if units > limit:
            return index
    return len(text)


def _joined(text: str, index: int) -> bool:
    """Whether the characters before and at `index` belong to one grapheme (the parts of UAX 29 that people meet)."""
    if index == 0:
        return False
    before, after = text[index - 1], text[index]
    code = ord(after)
    if _ZWJ in {before, after} or (before == "\r" and after == "\n"):
        return True
    if code in _SELECTORS or code in _SKIN_TONES or code in _TAGS or code in _HANGUL_VOWELS_AND_TAILS:
        return True
    if code in _REGIONAL:
        return _odd_flags_before(text, index)
    return unicodedata.category(after) in {"Mn", "Me", "Mc"}


def _odd_flags_before(text: str, index: int) -> bool:
    start = index
    while start and ord(text[start - 1]) in _REGIONAL:
        start -= 1
    return (index - start) % 2 == 1
