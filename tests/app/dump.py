"""Everything the app leaves behind, as a curious reader would open it: rows, messages, blobs, files, logs, telemetry.

Nothing in here knows how the app packs its rows: whatever looks compressed or encoded is opened, again and again.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b, md5, sha1, sha256
from pathlib import Path
from typing import Any

from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_UNICODE = re.compile(rb"\\u([0-9a-fA-F]{4})")
_DEPTH = 4
_LONG_ENOUGH = 5
"""Bytes of a name that no random bytes spell by chance."""


def opened(data: bytes, depth: int = _DEPTH) -> Iterator[bytes]:
    """The bytes, and all that is compressed, encoded or escaped inside them."""
    yield data
    if not depth:
        return
    for match in _ZLIB.finditer(data):
        wbits = 31 if match[0][0] == 0x1F else 15
        try:
            inner = zlib.decompressobj(wbits).decompress(data[match.start() :])
        except zlib.error:
            continue
        if len(inner) > _LONG_ENOUGH:
            yield from opened(inner, depth - 1)
    decoded = [found for match in _BASE64.finditer(data) if (found := _decoded(match[0]))]
    if decoded:
        yield from opened(b"\n".join(decoded), depth - 1)
    if _UNICODE.search(data):
        yield _UNICODE.sub(lambda match: chr(int(match[1], 16)).encode("utf-8", "ignore"), data)
    if data.count(b"\0") > len(data) // 4:
        yield data.replace(b"\0", b"")  # what is left of two bytes a letter


def _decoded(text: bytes) -> bytes:
    plain = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except binascii.Error:
        return b""


@dataclass(slots=True)
class Dump:
    """Parts by where they were found, opened."""

    parts: list[tuple[str, bytes]] = field(default_factory=list)

    def add(self, where: str, data: bytes | str) -> None:
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        self.parts.extend((where, part) for part in opened(raw))

    def storage(self, connection: str) -> None:
        """Every row of every table, every message of every queue, every blob."""
        for table in (tables := TableServiceClient.from_connection_string(connection)).list_tables():
            for entity in tables.get_table_client(table.name).list_entities():
                self._row(table.name, dict(entity))
        queues = QueueServiceClient.from_connection_string(connection)
        for queue in queues.list_queues():
            for message in queues.get_queue_client(queue.name).peek_messages(max_messages=32):
                self.add(f"queue {queue.name}", str(message.content))
        blobs = BlobServiceClient.from_connection_string(connection)
        for container in blobs.list_containers():
            inside = blobs.get_container_client(container.name)
            for blob in inside.list_blobs():
                self.add(f"blob {container.name}", f"{blob.name} {blob.metadata}")
                self.add(f"blob {container.name}", inside.download_blob(blob.name).readall())

    def folder(self, folder: Path) -> None:
        """What lies on the disk: also messages that were taken and rows as they once were, as far as they are there.
        The host's own keys are not the app's to keep."""
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.name != "keys.json":
                self.add(f"file {file.name}", file.read_bytes())

    def _row(self, table: str, entity: dict[str, Any]) -> None:
        cells = {name: getattr(value, "value", value) for name, value in entity.items()}
        chunks = sorted((name for name in cells if re.fullmatch(r"d\d+", name)), key=lambda name: int(name[1:]))
        body = b"".join(cells[name] for name in chunks if isinstance(cells[name], bytes))
        self.add(f"table {table}", body)
        for name, value in cells.items():
            if name not in chunks:
                self.add(f"table {table}", name.encode() + b"=" + (value if isinstance(value, bytes) else _text(value)))

    @property
    def places(self) -> set[str]:
        return {where.split()[0] for where, _ in self.parts}

    def tells(self, *, names: Iterable[str], others: Iterable[str], numbers: Iterable[str] = ()) -> list[str]:
        """Where a name stands as a word of its own, a number as one of its own (the decimals of a duration are no
        phone), or another value in any case."""
        words = {text.encode() for text in names if len(text.encode()) >= _LONG_ENOUGH}
        texts = {text.lower().encode() for text in others if len(text) > _LONG_ENOUGH}
        found = []
        for where, part in self.parts:
            low = part.lower()
            found += [f"{where}: {text!r}" for text in texts if text in low]
            found += [f"{where}: {word!r}" for word in words if word in part and _alone(word, part)]
            found += [f"{where}: {text}" for text in numbers if text.encode() in part and _whole(text.encode(), part)]
        return sorted(set(found))

    def guessable(self, values: Iterable[str]) -> list[str]:
        """Where an unkeyed digest of a value stands, which anybody who guesses the value could look up."""
        makers = (
            md5,
            sha1,
            sha256,
            *(_sized(size, person) for size in (12, 16, 32) for person in (b"", b"match", b"partner")),
        )
        found = []
        for value in values:
            for text in {value, value.strip().lower()}:
                for make in makers:
                    digest = make(text.encode()).digest()[:12]
                    spelled = (digest, digest.hex().encode())
                    found += [where for where, part in self.parts if any(form in part for form in spelled)]
        return sorted(set(found))


def _sized(size: int, person: bytes) -> Any:
    return lambda data: blake2b(data, digest_size=size, person=person)


def _alone(word: bytes, part: bytes) -> bool:
    return re.search(rb"(?<![A-Za-z\x80-\xff])" + re.escape(word) + rb"(?![A-Za-z\x80-\xff])", part) is not None


def _whole(number: bytes, part: bytes) -> bool:
    return re.search(rb"(?<![0-9.])" + number + rb"(?![0-9])", part) is not None


def _text(value: object) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")
