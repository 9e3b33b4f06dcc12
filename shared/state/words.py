"""Interned words of a page, and the compact forms of ids, values and links.

A page holds a hundred links that name the same fields, kinds and states; each such word stands once, in the page's
header, and links point at it by number. Numbers never change while a page lives, so that a link which did not change
is copied as bytes, not decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from shared.domain.records import Kind, Ref, RemoteId

type Packed = int | bytes | str

_GUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_GUID_BYTES: Final = 16
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_WEAK_NUMBER: Final = re.compile(r'W/"([1-9][0-9]{0,17})"')


class Words:
    """Texts by number and shapes (tuples of numbers) by number; both only grow. `size` bounds their packed bytes."""

    def __init__(self, texts: Sequence[str] = (), shapes: Iterable[Sequence[int]] = ()) -> None:
        self.texts = list(texts)
        self.shapes = [tuple(shape) for shape in shapes]
        self._text_numbers = {text: number for number, text in enumerate(self.texts)}
        self._named = [tuple([self.texts[number] for number in shape]) for shape in self.shapes]
        self._shape_numbers = {named: number for number, named in enumerate(self._named)}
        self.size = sum(4 * len(text) + 5 for text in self.texts) + sum(3 * len(shape) + 5 for shape in self.shapes)

    def number(self, text: str) -> int:
        found = self._text_numbers.get(text)
        if found is None:
            found = self._text_numbers[text] = len(self.texts)
            self.texts.append(text)
            self.size += 4 * len(text) + 5
        return found

    def numbers(self, texts: Iterable[str]) -> list[int]:
        return [self.number(text) for text in texts]

    def shape(self, texts: tuple[str, ...]) -> int:
        """The number of a sequence of texts."""
        found = self._shape_numbers.get(texts)
        if found is None:
            shape = tuple(self.number(text) for text in texts)
            found = self._shape_numbers[texts] = len(self.shapes)
            self.shapes.append(shape)
            self._named.append(texts)
            self.size += 3 * len(shape) + 5
        return found

    def texts_of(self, shape: int) -> tuple[str, ...]:
        return self._named[shape]


def compact(text: str) -> Packed:
    """A GUID as 16 bytes, a number as itself, a weak number (`W/"7"`) as its negative; any other text as it is."""
    if len(text) == 36 and _GUID.fullmatch(text):  # noqa: PLR2004 - the length of a GUID spares the pattern
        return bytes.fromhex(text.replace("-", ""))
    if _NUMBER.fullmatch(text):
        return int(text)
    if weak := _WEAK_NUMBER.fullmatch(text):
        return -int(weak[1])
    return text


def expand(packed: Packed) -> str:
    """The inverse of `compact`."""
    if isinstance(packed, bytes):
        if len(packed) != _GUID_BYTES:
            raise ValueError("an id is no GUID")
        digits = packed.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    if isinstance(packed, int):
        return str(packed) if packed >= 0 else f'W/"{-packed}"'
    return packed


def pack_ref(ref: Ref | None, words: Words) -> list[Any] | None:
    return None if ref is None else [words.number(ref.kind), compact(ref.id)]


def unpack_ref(packed: Sequence[Any] | None, words: Words) -> Ref | None:
    return None if packed is None else Ref(Kind(words.texts[packed[0]]), RemoteId(expand(packed[1])))


def pack_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as msgpack takes them: a time in UTC keeps its microseconds."""
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in facts.items()}
