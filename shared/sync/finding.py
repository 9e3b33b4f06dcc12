"""Looks for what a write may have made whose answer was lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched

from shared.domain.mapping import CompiledMap
from shared.domain.records import FieldName, Gone, Kind, Record, Ref, Side
from shared.ports.connector import StampFinder
from shared.state.model import Batch, Entry
from shared.sync.context import Work


def find_written(work: Work, batch: Batch, entries: Sequence[Entry]) -> dict[bytes, Record | Gone]:
    """What stands on the written side now, by link key; entries without an id are found by their stamp, where records
    can be found by it, else by their match value."""
    found: dict[bytes, Record | Gone] = {}
    by_kind: dict[str, list[tuple[Entry, Ref]]] = {}
    unnamed: list[Entry] = []
    for entry in entries:
        ref = entry.crm if batch.side is Side.CRM else entry.partner
        if ref is not None and ref.id:
            by_kind.setdefault(entry.entity, []).append((entry, ref))
        else:
            unnamed.append(entry)
    for entity, group in by_kind.items():
        compiled = work.map_named(entity)
        if compiled is None:
            continue
        fields = _fields(work, compiled, batch.side)
        records = work.connector(batch.side).read(Kind(batch.kind), [ref.id for _, ref in group], fields)
        found.update({entry.key: records[ref.id] for entry, ref in group if ref.id in records})
    stamped = {entry.key: seen for entry in unnamed if (seen := _by_stamp(work, batch, entry)) is not None}
    left = [entry for entry in unnamed if entry.key not in stamped]
    return found | stamped | _by_match(work, batch, left)


def _fields(work: Work, compiled: CompiledMap, side: Side) -> tuple[FieldName, ...]:
    stamp = work.connector(side).capabilities.kinds[compiled.kind(side)].stamp
    names = tuple(compiled.reads(side))
    return names if stamp is None or stamp in names else (*names, stamp)


def _by_stamp(work: Work, batch: Batch, entry: Entry) -> Record | None:
    """The record a create made, whatever its users changed since."""
    compiled, connector = work.map_named(entry.entity), work.connector(batch.side)
    stamp = entry.facts.get("stamp")
    if compiled is None or not isinstance(stamp, str) or not stamp or not isinstance(connector, StampFinder):
        return None
    return connector.stamped(Kind(batch.kind), stamp, _fields(work, compiled, batch.side))


def _by_match(work: Work, batch: Batch, entries: Sequence[Entry]) -> dict[bytes, Record]:
    """The records that creates may have made, many a call: their match values are read from the Dynamics rows they were
    made from."""
    found: dict[bytes, Record] = {}
    for name in dict.fromkeys(entry.entity for entry in entries):
        compiled = work.map_named(name)
        if compiled is not None:
            group = [entry for entry in entries if entry.entity == name]
            found |= _matching(work, batch, compiled, group)
    return found


def _matching(work: Work, batch: Batch, compiled: CompiledMap, entries: Sequence[Entry]) -> dict[bytes, Record]:
    connector, kind = work.connector(batch.side), Kind(batch.kind)
    rows = work.engine.crm.read(compiled.entity.crm_kind, [entry.crm.id for entry in entries], compiled.reads(Side.CRM))
    texts: dict[bytes, dict[str, None]] = {}
    for entry in entries:
        source = rows.get(entry.crm.id)
        text = compiled.match_of(source, Side.CRM) if isinstance(source, Record) else None
        # a user may have changed it since: what was sent is looked for first
        texts[entry.key] = dict.fromkeys(item for item in (_sent_text(work, entry), text) if item is not None)
    told: dict[str, Sequence[Record]] = {}
    wanted = list(dict.fromkeys(item for items in texts.values() for item in items))
    for part in batched(wanted, connector.capabilities.kinds[kind].find_size, strict=False):
        told.update(connector.find(kind, part, _fields(work, compiled, batch.side)))
    single = {item: records[0] for item, records in told.items() if len(records) == 1}
    hits = {key: [single[item] for item in items if item in single] for key, items in texts.items()}
    return {key: seen[0] for key, seen in hits.items() if seen}


def _sent_text(work: Work, entry: Entry) -> str | None:
    """The match value that a create was sent with."""
    sealed, sealer = entry.facts.get("text"), work.engine.sealer
    if sealer is None or not isinstance(sealed, bytes):
        return None
    try:
        return sealer.open(sealed, bound=entry.key.hex()).decode()
    except ValueError:  # the state key is another one by now
        return None
