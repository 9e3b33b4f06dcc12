"""What people see of a flow step at its installation: a page of text and an icon."""

from __future__ import annotations

import struct
import zlib
from html import escape
from typing import Final

from shared.connectors.marketo.flow.definition import KEY_HEADER, Service

_SIDE: Final = 32
_COLOUR: Final = bytes((0x0B, 0x5C, 0xAD))
_ACROSS: Final = range(8, 24)
_BARS: Final = frozenset({*range(9, 13), *range(19, 23)})
_WHITE: Final = bytes((0xFF, 0xFF, 0xFF))


def page(service: Service) -> str:
    """A page of HTML without scripts."""
    rows = "".join(f"<li><b>{escape(item.title)}</b>: {escape(item.help)}</li>" for item in service.attributes)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(service.title)}</title></head><body><h1>{escape(service.title)}</h1>"
        f"<p>{escape(service.help)}</p><ul>{rows}</ul>"
        f"<p>When Marketo asks for credentials, enter the connection's key as <code>{KEY_HEADER}</code>. The key "
        "stands at the end of the webhook addresses that the connection lists.</p></body></html>"
    )


def icon() -> bytes:
    """A square with two bars, as PNG (ISO/IEC 15948)."""
    rows = b"".join(b"\0" + b"".join(_pixel(x, y) for x in range(_SIDE)) for y in range(_SIDE))
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _pixel(x: int, y: int) -> bytes:
    return _WHITE if x in _ACROSS and y in _BARS else _COLOUR


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
