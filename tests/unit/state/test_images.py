"""What runs wrote is kept sealed, read back exactly, forgotten with its person or with its time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from shared.azure.images import TableImages
from shared.azure.sealed import Sealer
from shared.domain.records import ABSENT, FieldName, Kind, Ref, RemoteId, Side
from shared.ports.connector import Op
from shared.ports.report import Image
from tests.fakes.partition_store import MemoryPartitionStore

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
RUN = f"{int(NOW.timestamp() * 1000):012x}" + "a" * 20


def image(number: int) -> Image:
    name, born, score, unknown = (FieldName(text) for text in ("name", "born", "score", "unknown"))
    return Image(
        link=f"{number:024x}",
        entity="contact",
        side=Side.PARTNER,
        op=Op.UPDATE,
        ref=Ref(Kind("contact"), RemoteId(str(number))),
        before={name: f"Canary {number}", born: date(1980, 3, 1), score: Decimal("1.50"), unknown: ABSENT},
        after={name: None, born: None, score: Decimal(2), unknown: "x"},
    )


def images(store: MemoryPartitionStore) -> TableImages:
    sealer = Sealer(b"k" * 32, "images")
    return TableImages(
        store,
        "c1",
        lambda plain, place: sealer.seal(plain, bound=place),
        lambda sealed, place: sealer.open(sealed, bound=place),
    )


def all_of(found: TableImages) -> list[Image]:
    told: list[Image] = []
    place, page = found.page(RUN)
    while place:
        told += page
        place, page = found.page(RUN, place)
    return told


def test_images_come_back_as_they_were_and_no_cell_shows_a_value() -> None:
    store = MemoryPartitionStore()
    kept = images(store)
    wanted = [image(number) for number in range(120)]
    for _ in range(2):  # told again after a crash
        kept.add(RUN, "part", wanted)
    assert all_of(kept) == wanted
    rows = store.scan("c1", "i-", "i.")
    assert len(rows) == 3
    assert all(b"Canary" not in cell for row in rows for cell in row.cells.values() if isinstance(cell, bytes))


@pytest.mark.feature("HUB-21.1")
def test_an_erased_persons_images_go_and_the_others_stay() -> None:
    kept = images(MemoryPartitionStore())
    kept.add(RUN, "part", [image(number) for number in range(60)])
    kept.forget([image(7).link, image(55).link])
    assert [found.ref.id for found in all_of(kept)] == [str(number) for number in range(60) if number not in {7, 55}]


def test_images_end_with_their_time() -> None:
    kept = images(MemoryPartitionStore())
    kept.add(RUN, "part", [image(1)])
    assert kept.delete_before(NOW - timedelta(days=1)) == 0
    assert kept.delete_before(NOW + timedelta(days=1)) == 1
    assert all_of(kept) == []
