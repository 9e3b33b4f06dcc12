"""Looks for what a write may have made whose answer was lost."""

from __future__ import annotations

from collections.abc import Sequence

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
    for entry in unnamed:
        seen = _by_stamp(work, batch, entry) or _by_match(work, batch, entry)
        if seen is not None:
            found[entry.key] = seen
    return found


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


def _by_match(work: Work, batch: Batch, entry: Entry) -> Record | None:
    """The record a create may have made: its match value is read from the Dynamics row it was made from."""
    compiled = work.map_named(entry.entity)
    if compiled is None:
        return None
    source = work.engine.crm.read(compiled.entity.crm_kind, [entry.crm.id], compiled.reads(Side.CRM)).get(entry.crm.id)
    text = compiled.match_of(source, Side.CRM) if isinstance(source, Record) else None
    texts = dict.fromkeys(item for item in (_sent_text(work, entry), text) if item is not None)
    fields = _fields(work, compiled, batch.side)
    for item in texts:  # a user may have changed it since: what was sent is looked for first
        records = work.connector(batch.side).find(Kind(batch.kind), [item], fields).get(item, ())
        if len(records) == 1:
            return records[0]
    return None


def _sent_text(work: Work, entry: Entry) -> str | None:
    """The match value that a create was sent with."""
    sealed, sealer = entry.facts.get("text"), work.engine.sealer
    if sealer is None or not isinstance(sealed, bytes):
        return None
    try:
        return sealer.open(sealed, bound=entry.key.hex()).decode()
    except ValueError:  # the state key is another one by now
        return None
