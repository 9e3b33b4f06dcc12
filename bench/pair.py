"""Two systems in memory, one of them full of people, and what they cost without an engine between them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import batched

from shared.azure.ambient import SystemClock
from shared.connectors.memory import KindDesign, MemoryConnector, MemorySystem, MemoryUsers
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Record, Ref, RemoteId, Value
from shared.ports.ambient import Clock
from shared.ports.connector import CreateKey, Deletes, FeedKind, KindCapabilities, Op, Write

CONTACT, PERSON, MAIL = Kind("contact"), Kind("person"), FieldName("mail")
FIELDS = 10
BULK = 250
"""People a call of the partner takes."""


def _specs() -> tuple[FieldSpec, ...]:
    texts = (
        FieldSpec(name=FieldName(f"f{number}"), type=FieldType.TEXT, max_length=50) for number in range(FIELDS - 1)
    )
    return (FieldSpec(name=MAIL, type=FieldType.EMAIL, max_length=100), *texts)


def entity() -> dict[str, object]:
    """The map between both, in both directions."""
    fields: list[dict[str, object]] = [{"id": "mail", "crm": "mail", "partner": "mail", "required": True}]
    fields += [{"id": f"f{number}", "crm": f"f{number}", "partner": f"f{number}"} for number in range(FIELDS - 1)]
    return {
        "name": "contact",
        "crm_kind": "contact",
        "partner_kind": "person",
        "direction": "both",
        "match": "mail",
        "fields": fields,
    }


def systems(people: int, clock: Clock) -> tuple[MemorySystem, MemorySystem]:
    """Dynamics' side with so many people, and the partner's without any. Both work as the vendors' do: pages of 5,000
    and 100, writes of 1,000 and 250."""
    crm_kind = KindCapabilities(
        feed=FeedKind.DELTA,
        deletes=Deletes.TOLD,
        conditional_write=True,
        create_key=CreateKey.CALLER_ID,
        match_field=MAIL,
        bulk_size=1000,
        find_size=100,
    )
    partner_kind = KindCapabilities(
        feed=FeedKind.SINCE,
        deletes=Deletes.ABSENCE,
        create_key=CreateKey.UNIQUE_MATCH,
        match_field=MAIL,
        bulk_size=BULK,
    )
    crm = MemorySystem(
        "crm", [KindDesign(kind=CONTACT, fields=_specs(), capabilities=crm_kind, page_size=5000)], now=clock.now
    )
    partner = MemorySystem(
        "partner", [KindDesign(kind=PERSON, fields=_specs(), capabilities=partner_kind, page_size=100)], now=clock.now
    )
    users = MemoryUsers(crm)
    for number in range(people):
        values: dict[FieldName, Value | None] = {MAIL: f"person{number}@example.org"}
        values.update({FieldName(f"f{place}"): f"value {place} of {number}" for place in range(FIELDS - 1)})
        users.create(CONTACT, values)
    return crm, partner


def by_hand(people: int) -> float:
    """CPU seconds of a copy by hand: walks Dynamics' side and creates everybody at the partner, `BULK` at a time, then
    reads the partner's side once. The calls that no first sync can do without, and nothing else."""
    crm, partner = systems(people, SystemClock())
    reader, writer = MemoryConnector(crm), MemoryConnector(partner)
    cpu = time.process_time()
    for group in batched(_walk(reader, CONTACT), BULK, strict=False):
        writes = [
            Write(
                key=row.ref.id,
                op=Op.CREATE,
                ref=Ref(PERSON, RemoteId("")),
                fields=row.fields,
                match=str(row.fields[MAIL]),
            )
            for row in group
        ]
        writer.write(writes)
    arrived = sum(1 for _ in _walk(writer, PERSON))
    if arrived != people:
        raise AssertionError(f"{arrived} of {people} people arrived by hand")
    return time.process_time() - cpu


def _walk(connector: MemoryConnector, kind: Kind) -> Iterator[Record]:
    fields = [spec.name for spec in _specs()]
    page = connector.changes(kind, None, fields)
    while True:
        yield from (item for item in page.items if isinstance(item, Record))
        if not page.more:
            return
        page = connector.changes(kind, page.cursor, fields)
