"""What the record path costs: merge and digests of 10,000 unchanged records of 20 fields, and of changed ones.

    python -m bench.domain [--records 10000] [--json]

Prints microseconds a record and the ratio to a bare loop that compares two dicts field by field.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from shared.domain.identity import Agreed, Digester
from shared.domain.mapping import CompiledMap, compile_map, parse_entity_map
from shared.domain.merge import Merged, merge
from shared.domain.records import (
    FieldName,
    FieldSpec,
    FieldType,
    Kind,
    Option,
    Record,
    Ref,
    RemoteId,
    Schema,
    Side,
    Value,
)

FIELDS: tuple[tuple[str, FieldType, Value], ...] = (
    ("email", FieldType.EMAIL, "ann.smith@example.com"),
    ("first", FieldType.TEXT, "Ann"),
    ("last", FieldType.TEXT, "Smith-Müller"),
    ("title", FieldType.TEXT, "Head of Purchasing"),
    ("phone", FieldType.PHONE, "+49 30 1234567"),
    ("mobile", FieldType.PHONE, "+49 170 1234567"),
    ("street", FieldType.TEXT, "Unter den Linden 77"),
    ("city", FieldType.TEXT, "Berlin"),
    ("zip", FieldType.TEXT, "10117"),
    ("country", FieldType.TEXT, "Germany"),
    ("department", FieldType.TEXT, "Purchasing"),
    ("website", FieldType.URL, "https://example.com/ann"),
    ("note", FieldType.MEMO, "Met at the fair in spring; wants the new catalogue.\nCall again in June."),
    ("children", FieldType.INTEGER, 2),
    ("income", FieldType.MONEY, Decimal("85000.00")),
    ("optout", FieldType.BOOLEAN, False),
    ("birthday", FieldType.DATE, date(1980, 3, 1)),
    ("seen", FieldType.DATETIME, datetime(2024, 5, 1, 9, 30, tzinfo=UTC)),
    ("gender", FieldType.CHOICE, "2"),
    ("interests", FieldType.MULTI_CHOICE, frozenset({"1", "3"})),
)
OPTIONS = tuple(Option(str(number), f"Option {number}") for number in range(1, 5))
NOW = datetime(2024, 6, 1, tzinfo=UTC)
DIGESTER = Digester(b"0123456789abcdef0123456789abcdef")


def prepared() -> CompiledMap:
    """A map of 20 fields of every type, both ways."""
    fields = [{"id": name, "crm": f"c_{name}", "partner": f"p_{name}"} for name, _, _ in FIELDS]
    entity = parse_entity_map(
        {"name": "contact", "crm_kind": "contact", "partner_kind": "contact", "match": "email", "fields": fields}
    )

    def schema(prefix: str) -> Schema:
        return Schema.of(
            Kind("contact"),
            [
                FieldSpec(
                    name=FieldName(f"{prefix}_{name}"),
                    type=kind,
                    options=OPTIONS if kind in {FieldType.CHOICE, FieldType.MULTI_CHOICE} else (),
                    scale=2 if kind is FieldType.MONEY else None,
                )
                for name, kind, _ in FIELDS
            ],
        )

    return compile_map(entity, schema("c"), schema("p"))


def records(count: int, prefix: str, kind: str) -> list[Record]:
    """Records of the 20 fields, each person's a little different."""
    found = []
    for number in range(count):
        fields = {FieldName(f"{prefix}_{name}"): value for name, _, value in FIELDS}
        fields[FieldName(f"{prefix}_email")] = f"person{number}@example.com"
        fields[FieldName(f"{prefix}_title")] = f"Head of Purchasing {number}"
        found.append(Record(Ref(Kind(kind), RemoteId(str(number))), fields, modified_at=NOW))
    return found


def agree(compiled: CompiledMap, crm: Record, partner: Record) -> dict[str, Agreed]:
    return {
        item.id: Agreed(
            DIGESTER.of(item.id, item.canonical(crm.fields[item.crm_name], Side.CRM)),
            DIGESTER.of(item.id, item.canonical(partner.fields[item.partner_name], Side.PARTNER)),
        )
        for item in compiled.fields
    }


def timed(run: Callable[[], Any], count: int, rounds: int = 3) -> float:
    """Microseconds a record: the best of some rounds, so that a busy machine disturbs less."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return best / count * 1e6


class Work:
    """The records to work on, and each kind of work."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.compiled = prepared()
        self.crm, self.partner = records(count, "c", "crm"), records(count, "p", "partner")
        self.bases = [agree(self.compiled, *pair) for pair in zip(self.crm, self.partner, strict=True)]
        self.twins = [dict(record.fields) for record in self.crm]
        name = FieldName("c_title")
        self.edited = [Record(item.ref, {**item.fields, name: "Managing director"}) for item in self.crm]

    def bare(self) -> None:
        for record, twin in zip(self.crm, self.twins, strict=True):
            for field, value in record.fields.items():
                if twin[field] != value:
                    raise AssertionError(field)

    def unchanged(self) -> None:
        for record, base in zip(self.crm, self.bases, strict=True):
            if any(self.merge(base, record).writes.values()):
                raise AssertionError(record.ref)

    def both_read(self) -> None:
        for crm, partner, base in zip(self.crm, self.partner, self.bases, strict=True):
            if any(self.merge(base, crm, partner).writes.values()):
                raise AssertionError(crm.ref)

    def one_edit(self) -> None:
        for record, base in zip(self.edited, self.bases, strict=True):
            if not self.merge(base, record).writes[Side.PARTNER]:
                raise AssertionError(record.ref)

    def create(self) -> None:
        for record in self.crm:
            self.merge({}, record, creating=Side.PARTNER)

    def merge(
        self, base: Mapping[str, Agreed], crm: Record, partner: Record | None = None, creating: Side | None = None
    ) -> Merged:
        return merge(self.compiled, base, crm, partner, digester=DIGESTER, now=NOW, creating=creating)


def measure(count: int) -> dict[str, float]:
    """Microseconds a record, by kind of work."""
    work = Work(count)
    parts = (work.bare, work.unchanged, work.both_read, work.one_edit, work.create)
    return {part.__name__: timed(part, count) for part in parts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.records)
    if options.json:
        print(json.dumps(found))
        return
    for part, cost in found.items():
        print(
            f"{part:10} {cost:7.1f} us a record of {len(FIELDS)} fields, {cost / found['bare']:6.1f} x a bare compare"
        )


if __name__ == "__main__":
    main()
