"""How packed bytes stand in a row: format, check sum, compression, and chunks under the property limit.

Cells of a packed row: `f` the format number, `n` the release that introduced it (so that an older release can name
what it needs), `d0`, `d1`, ... the body in chunks. The body starts with one byte (0 plain, 1 zlib) and the CRC-32 of
what follows it, so that a flipped bit is refused instead of being read as another digest.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgpack

from shared.ports.state import MAX_CELL_BYTES, Cell, Put, Row
from shared.state.errors import StateDamaged, newer_format

FORMAT: Final = 1
RELEASE_OF_FORMAT: Final[Mapping[int, str]] = {1: "0.1"}

MAX_BODY_BYTES: Final = 720 * 1024
"""The largest body of one row. The service allows a row of 1 MiB; the emulator (Azurite 3.35) counts its base64."""

_PLAIN: Final = 0
_ZLIB: Final = 1
_HEAD: Final = 5
_PROBE: Final = 2048
_WORTH: Final = 0.85


def pack(value: object) -> bytes:
    """A msgpack body with its head. Compressed only where a probe says that it pays: digests do not compress."""
    plain: bytes = msgpack.packb(value, datetime=True)
    if len(plain) >= _PROBE and _compresses(plain):
        body = zlib.compress(plain, 1)
        return bytes([_ZLIB]) + zlib.crc32(body).to_bytes(4, "big") + body
    return bytes([_PLAIN]) + zlib.crc32(plain).to_bytes(4, "big") + plain


def unpack(body: bytes) -> Any:
    """The inverse of `pack`. Raises ValueError, saying what is wrong, for anything `pack` did not make."""
    if len(body) < _HEAD:
        raise ValueError("it is cut off")
    how, checksum, rest = body[0], int.from_bytes(body[1:_HEAD], "big"), body[_HEAD:]
    if zlib.crc32(rest) != checksum:
        raise ValueError("its check sum does not fit")
    if how not in {_PLAIN, _ZLIB}:
        raise ValueError(f"its packing {how} is unknown")
    try:
        plain = zlib.decompress(rest) if how == _ZLIB else rest
        return msgpack.unpackb(plain, strict_map_key=False, timestamp=3)
    except (ValueError, zlib.error, msgpack.exceptions.UnpackException) as error:
        raise ValueError("its body does not decode") from error


def to_cells(body: bytes, **more: Cell) -> dict[str, Cell]:
    """The cells of a packed row. Raises ValueError for a body over `MAX_BODY_BYTES`."""
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"a packed body of {len(body)} bytes does not fit one row ({MAX_BODY_BYTES})")
    cells: dict[str, Cell] = {"f": FORMAT, "n": RELEASE_OF_FORMAT[FORMAT], **more}
    for number, start in enumerate(range(0, max(len(body), 1), MAX_CELL_BYTES)):
        cells[f"d{number}"] = body[start : start + MAX_CELL_BYTES]
    return cells


def body_of(partition: str, row: Row | Put) -> bytes:
    """The body of a packed row. Raises ConfigError for a newer format, StateDamaged for what is no packed row."""
    check_format(partition, row)
    chunks: list[bytes] = []
    while isinstance(chunk := row.cells.get(f"d{len(chunks)}"), bytes):
        chunks.append(chunk)
    if not chunks:
        raise StateDamaged(partition, row.key, "its body is missing")
    return b"".join(chunks)


def read(partition: str, row: Row) -> Any:
    """What was packed into a row. Raises ConfigError for a newer format, StateDamaged for anything else wrong."""
    try:
        return unpack(body_of(partition, row))
    except ValueError as error:
        raise StateDamaged(partition, row.key, str(error)) from error


def check_format(partition: str, row: Row | Put) -> None:
    """Raises ConfigError for a row in a newer format, StateDamaged for one without a format."""
    found = row.cells.get("f")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise StateDamaged(partition, row.key, "its format number is missing")
    if found > FORMAT:
        raise newer_format(partition, row.key, found, FORMAT, str(row.cells.get("n", "")))


def _compresses(plain: bytes) -> bool:
    middle = len(plain) // 2
    probe = plain[:_PROBE] + plain[middle : middle + _PROBE]
    return len(zlib.compress(probe, 1)) < len(probe) * _WORTH
