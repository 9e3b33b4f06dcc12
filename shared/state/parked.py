"""Which records still have something wrong: the links know, whatever a list of failures remembers."""

from __future__ import annotations

from collections.abc import Iterable

from shared.domain.identity import Link, LinkKey
from shared.state.reader import LaneReader


def still_parked(reader: LaneReader, links: Iterable[str]) -> dict[str, Link]:
    """Of links named by the hexadecimal digits of their keys, those that are parked or have a parked field.

    The others are well again, or gone: their rows in the list of failures may be cleared.
    """
    found = reader.links(LinkKey(bytes.fromhex(name)) for name in links)
    return {key.hex(): link for key, link in found.items() if link.parked}
