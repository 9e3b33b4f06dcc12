"""What runs wrote, and what stood there before: sealed, for 30 days, so that a run can be taken back.

`i-<time, newest first>-<run>-<part>-<number>` a row of some writes. Of a created record only its link is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import batched
from typing import Any, Final

from shared.azure.log_rows import in_transactions, newest_first, packed, run_time, scan_all
from shared.azure.values import pack_value, unpack_value
from shared.domain.records import FieldName, Kind, Ref, RemoteId, Side
from shared.ports.connector import Op
from shared.ports.report import Image
from shared.ports.state import PartitionStore, Put, Remove
from shared.state import envelope

_A_ROW: Final = 50
type Seal = Callable[[bytes, str], bytes]


class TableImages:
    """The images of one connection. `seal` and `unseal` get a text and the row it stands in."""

    def __init__(self, store: PartitionStore, connection: str, seal: Seal, unseal: Seal) -> None:
        self._store = store
        self._partition = connection
        self._seal = seal
        self._unseal = unseal

    def add(self, run: str, part: str, images: Sequence[Image]) -> None:
        """Repeating it changes nothing."""
        name = blake2b(part.encode(), digest_size=8).hexdigest()
        rows = []
        for number, group in enumerate(batched(images, _A_ROW, strict=False)):
            key = f"{_first(run)}{name}-{number:04d}"
            body = json.dumps([_plain(image) for image in group]).encode("utf-8", "surrogatepass")
            rows.append(Put(key, packed([self._seal(body, key)])))
        in_transactions(self._store, self._partition, rows, 10)

    def page(self, run: str, after: str = "") -> tuple[str, list[Image]]:
        """The next row's images and its name; the name is "" at the end."""
        first = _first(run)
        rows = self._store.scan(self._partition, after + "!" if after else first, first[:-1] + ".", limit=1)
        if not rows:
            return "", []
        (sealed,) = envelope.read(self._partition, rows[0])
        return rows[0].key, [_image(item) for item in json.loads(self._unseal(sealed, rows[0].key))]

    def forget(self, links: Iterable[str]) -> None:
        """Takes everything about some links out."""
        wanted = set(links)
        for row in scan_all(self._store, self._partition, "i-", "i.", step=50):
            (sealed,) = envelope.read(self._partition, row)
            kept = json.loads(self._unseal(sealed, row.key))
            left = [item for item in kept if item[0] not in wanted]
            if len(left) < len(kept):
                body = json.dumps(left).encode("utf-8", "surrogatepass")
                self._store.transact(self._partition, [Put(row.key, packed([self._seal(body, row.key)]))])

    def delete_before(self, moment: datetime, limit: int = 200) -> int:
        """Forgets what is older; answers how many rows. Call until 0."""
        rows = self._store.scan(self._partition, f"i-{newest_first(moment)}.", "i.", limit=limit)
        in_transactions(self._store, self._partition, [Remove(row.key) for row in rows])
        return len(rows)


def _first(run: str) -> str:
    return f"i-{run_time(run)}-{run}-"


def _plain(image: Image) -> list[Any]:
    def values(found: Any) -> dict[str, str]:
        return {str(name): pack_value(value).decode("utf-8", "surrogatepass") for name, value in found.items()}

    ref = [image.ref.kind, image.ref.id]
    return [image.link, image.entity, image.side.value, image.op.value, ref, values(image.before), values(image.after)]


def _image(item: list[Any]) -> Image:
    link, entity, side, op, (kind, name), before, after = item

    def values(found: dict[str, str]) -> dict[FieldName, Any]:
        return {FieldName(key): unpack_value(text.encode("utf-8", "surrogatepass")) for key, text in found.items()}

    return Image(
        link=link,
        entity=entity,
        side=Side(side),
        op=Op(op),
        ref=Ref(Kind(kind), RemoteId(name)),
        before=values(before),
        after=values(after),
    )
