"""Batches of writes: one packed intent before the call, one packed set of results after it.

Rows of a batch: `b.<id>.i000`, `b.<id>.i001`, ... hold the intent, `b.<id>.r000`, ... the results. The first part of
each says how many there are and is written last, so a batch whose parts did not all arrive does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from shared.domain.identity import Agreed, Digest, LinkKey, MatchKey
from shared.domain.records import Kind, Side
from shared.ports.connector import Op, Outcome
from shared.ports.state import Operation, Remove, Row
from shared.state import envelope
from shared.state.errors import StateDamaged
from shared.state.model import Batch, BatchState, Entry, Result
from shared.state.parts import joined, part_rows
from shared.state.words import Words, pack_facts, pack_ref, unpack_ref

FIRST: Final = "b."
LAST: Final = "b/"

_ID: Final = re.compile(r"[0-9a-z_-]{1,64}")
_KEY: Final = re.compile(r"b\.([0-9a-z_-]+)\.([ir])([0-9]{3})")


@dataclass(frozen=True, slots=True)
class Stored:
    """A batch as found, with the keys of all its rows."""

    batch: Batch
    keys: tuple[str, ...]


def intent_rows(batch: Batch, order: int) -> list[Operation]:
    """The rows of an intent, the first part last."""
    if not _ID.fullmatch(batch.id):
        raise ValueError("a batch id is 1 to 64 lower-case letters, digits, '_' or '-'")
    words = Words()
    entries = [_pack_entry(entry, words) for entry in batch.entries]
    if len({entry.key for entry in batch.entries}) != len(entries):
        raise ValueError(f"batch {batch.id} names a record twice")
    head = [batch.kind, batch.side.value, batch.op.value, batch.ticket]
    return part_rows(f"b.{batch.id}.i", envelope.pack([head, words.texts, words.shapes, entries]), order=order)


def result_rows(batch_id: str, results: Iterable[Result], ticket: str, order: int) -> list[Operation]:
    """The rows of a batch's results, the first part last."""
    words = Words()
    packed = [_pack_result(result, words) for result in results]
    return part_rows(f"b.{batch_id}.r", envelope.pack([ticket, words.texts, packed]), order=order)


def survey(partition: str, rows: Iterable[Row]) -> tuple[dict[str, int], list[str]]:
    """The batches in rows with their places in the order of batches, and the keys of parts that belong to none (their
    first part never came). Raises StateDamaged, ConfigError for a batch of a newer format."""
    orders: dict[str, int] = {}
    keys: list[tuple[str, str]] = []
    for row in rows:
        batch_id, kind, number = _name(partition, row)
        keys.append((batch_id, row.key))
        if kind == "i" and number == 0:
            orders[batch_id] = _order(partition, row)
    return orders, [key for batch_id, key in keys if batch_id not in orders]


def read_batches(partition: str, rows: Iterable[Row]) -> dict[str, Stored]:
    """The batches in rows by id; parts that belong to none are left out.

    Raises StateDamaged for a batch that does not decode, ConfigError for one of a newer format.
    """
    by_batch: dict[str, dict[str, dict[int, Row]]] = {}
    for row in rows:
        batch_id, kind, number = _name(partition, row)
        by_batch.setdefault(batch_id, {"i": {}, "r": {}})[kind][number] = row
    return {
        name: _stored(partition, name, parts["i"], parts["r"]) for name, parts in by_batch.items() if 0 in parts["i"]
    }


def _name(partition: str, row: Row) -> tuple[str, str, int]:
    """The batch a row is part of, which kind of part, and which number."""
    envelope.check_format(partition, row)
    found = _KEY.fullmatch(row.key)
    if found is None:
        raise StateDamaged(partition, row.key, "its key is not one of a batch")
    return found[1], found[2], int(found[3])


def damaged(partition: str, rows: Sequence[Row]) -> Iterator[tuple[str, Sequence[Operation]]]:
    """The batches that do not decode, by the key of a row of theirs, with what takes them out. What became of their
    writes is told by comparing anew."""
    by_batch: dict[str, list[Row]] = {}
    for row in rows:
        found = _KEY.fullmatch(row.key)
        by_batch.setdefault(found[1] if found else row.key, []).append(row)
    for parts in by_batch.values():
        try:
            survey(partition, parts)
            read_batches(partition, parts)
        except StateDamaged as fault:
            yield fault.key, removals(row.key for row in parts)


def _order(partition: str, intent: Row) -> int:
    order: Any = intent.cells.get("order")
    if not isinstance(order, int | str) or not str(order).isdigit():
        raise StateDamaged(partition, intent.key, "it does not say when its batch began")
    return int(order)


def removals(keys: Iterable[str]) -> list[Operation]:
    """Takes rows of a batch away, the first part of its intent first: what is left of it then is no batch."""
    return [Remove(key) for key in sorted(keys)]


def _stored(partition: str, batch_id: str, intent: Mapping[int, Row], result: Mapping[int, Row]) -> Stored:
    keys = tuple(row.key for kind in (intent, result) for row in kind.values())
    at = intent[0].key
    try:
        batch = _read_intent(batch_id, joined(partition, intent))
        if 0 in result:
            at = result[0].key
            batch = _with_results(batch, joined(partition, result))
        return Stored(batch, keys)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise StateDamaged(partition, at, f"it does not hold a batch ({error})") from error


def _read_intent(batch_id: str, packed: Any) -> Batch:
    (kind, side, op, ticket), texts, shapes, entries = packed
    words = Words(texts, shapes)
    return Batch(
        id=batch_id,
        kind=Kind(kind),
        side=Side(side),
        op=Op(op),
        ticket=ticket,
        entries=tuple(_unpack_entry(entry, words) for entry in entries),
    )


def _with_results(batch: Batch, packed: Any) -> Batch:
    ticket, texts, rows = packed
    words = Words(texts)
    results = [_unpack_result(row, words) for row in rows]
    later = any(result.outcome is Outcome.ACCEPTED for result in results)
    return replace(
        batch,
        ticket=ticket or batch.ticket,
        results={result.key: result for result in results},
        state=BatchState.ACCEPTED if later else BatchState.DONE,
    )


def _pack_entry(entry: Entry, words: Words) -> list[Any]:
    return [
        entry.key,
        pack_ref(entry.crm, words),
        pack_ref(entry.partner, words),
        words.number(entry.op.value),
        words.number(entry.entity),
        [words.shape(tuple(entry.before)), *entry.before.values()],
        _pack_pairs(entry.intended, words),
        _pack_pairs(entry.settled, words),
        entry.match,
        words.numbers(sorted(entry.add_labels)),
        words.numbers(sorted(entry.remove_labels)),
        entry.expect,
        entry.incarnation,
        pack_facts(entry.facts),
    ]


def _unpack_entry(packed: Sequence[Any], words: Words) -> Entry:
    key, crm, partner, op, entity, before, intended, settled, match, add, remove, expect, incarnation, facts = packed
    crm_ref = unpack_ref(crm, words)
    if crm_ref is None:
        raise ValueError("an entry names no record")
    texts = words.texts
    return Entry(
        key=LinkKey(key),
        crm=crm_ref,
        partner=unpack_ref(partner, words),
        op=Op(texts[op]),
        entity=texts[entity],
        before={name: Digest(value) for name, value in zip(words.texts_of(before[0]), before[1:], strict=True)},
        intended=_unpack_pairs(intended, words),
        settled=_unpack_pairs(settled, words),
        match=None if match is None else MatchKey(match),
        add_labels=frozenset(texts[number] for number in add),
        remove_labels=frozenset(texts[number] for number in remove),
        expect=expect,
        incarnation=incarnation,
        facts=dict(facts),
    )


def _pack_pairs(pairs: Mapping[str, Agreed], words: Words) -> list[Any]:
    digests = [pair.crm if pair.crm == pair.partner else [pair.crm, pair.partner] for pair in pairs.values()]
    return [words.shape(tuple(pairs)), *digests]


def _unpack_pairs(packed: Sequence[Any], words: Words) -> Mapping[str, Agreed]:
    """What was agreed, field by field. Raises ValueError, TypeError, IndexError for what `_pack_pairs` did not make."""
    names = words.texts_of(packed[0])
    if len(names) != len(packed) - 1 or not all(type(value) is bytes or _is_pair(value) for value in packed[1:]):
        raise ValueError("its fields do not fit their digests")
    return _Pairs(names, packed)


def _is_pair(value: object) -> bool:
    return type(value) is list and [type(item) for item in value] == [bytes, bytes]


class _Pairs(Mapping[str, Agreed]):
    """Decoded when it is looked into: of imports that ended well, which are nearly all, nobody asks it."""

    __slots__ = ("_found", "_names", "_packed")

    def __init__(self, names: Sequence[str], packed: Sequence[Any]) -> None:
        self._names = names
        self._packed = packed
        self._found: dict[str, Agreed] | None = None

    def __getitem__(self, name: str) -> Agreed:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _all(self) -> dict[str, Agreed]:
        if self._found is None:
            self._found = {}
            for name, value in zip(self._names, self._packed[1:], strict=True):
                crm, partner = value if isinstance(value, list) else (value, value)
                self._found[name] = Agreed(Digest(crm), Digest(partner))
        return self._found


def _pack_result(result: Result, words: Words) -> list[Any]:
    return [
        result.key,
        words.number(result.outcome.value),
        pack_ref(result.ref, words),
        result.revision,
        words.number(result.code),
        result.message or result.at or "",  # what was accepted has no message; the release before reads it as one
        words.number(result.field),
        words.number(result.ticket),
    ]


def _unpack_result(packed: Sequence[Any], words: Words) -> Result:
    key, outcome, ref, revision, code, message, field, ticket = packed
    texts = words.texts
    return Result(
        key=LinkKey(key),
        outcome=Outcome(texts[outcome]),
        ref=unpack_ref(ref, words),
        revision=revision,
        code=texts[code],
        message=message if isinstance(message, str) else "",
        field=texts[field],
        ticket=texts[ticket],
        at=message if isinstance(message, int) else 0,
    )
