"""References between records, spoken of as links while a pair is decided.

A reference names a record of its own system. Before a pair is merged, each reference becomes the key of the parent's
link, the same on both sides; before a write, that key becomes the parent's id on the side written. A parent without
a link leaves the field absent and the record waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from shared.domain.identity import Link, LinkKey, LinkState, link_key
from shared.domain.mapping import CompiledField, CompiledMap
from shared.domain.records import FieldName, Kind, Record, Ref, RemoteId, Side, Value
from shared.sync.working import WorkingSet

_LINK = Kind("link")


def parents(compiled: CompiledMap, record: Record, side: Side) -> Iterable[Ref]:
    """The records this one refers to."""
    for name in compiled.references(side):
        value = record.fields.get(name)
        if isinstance(value, Ref) and value.kind != _LINK:
            yield value


def load_parents(compiled: CompiledMap, records: Iterable[Record], side: Side, links: WorkingSet) -> None:
    found = [ref for record in records for ref in parents(compiled, record, side)]
    if side is Side.CRM:
        links.load(keys=[link_key(ref) for ref in found])
    else:
        links.load(partners=found)


type Pairs = frozenset[tuple[Kind, Kind]]
"""The kinds that are paired: Dynamics', the partner's."""


def pairs_of(maps: Iterable[CompiledMap]) -> Pairs:
    return frozenset((item.entity.crm_kind, item.entity.partner_kind) for item in maps)


def _can_be_linked(item: CompiledField, kind: Kind, side: Side, pairs: Pairs) -> bool:
    """Whether a parent of this kind has, or may get, a counterpart that the other side's field can name."""
    others = (
        {partner for crm, partner in pairs if crm == kind}
        if side is Side.CRM
        else {crm for crm, partner in pairs if partner == kind}
    )
    targets = item.spec(side.other).targets
    return bool(others & set(targets)) if targets else bool(others)


def as_links(
    compiled: CompiledMap, record: Record, side: Side, links: WorkingSet, pairs: Pairs
) -> tuple[Record, frozenset[str]]:
    """The record with its references as links, and the ids of fields whose parent has no link yet.

    A parent that cannot have a counterpart (a contact's parent that is a contact, where the other side names accounts;
    a kind that is not mapped) is not told: nothing waits for it, and nothing is cleared because of it.
    """
    names = compiled.references(side)
    if not names:
        return record, frozenset()
    fields: dict[FieldName, Value | None] = dict(record.fields)
    waiting: set[str] = set()
    for name in names:
        value = fields.get(name)
        if not isinstance(value, Ref):
            continue
        item = compiled.by_name(name, side)
        if item is None or not _can_be_linked(item, value.kind, side, pairs):
            del fields[name]
            continue
        link = links.link(link_key(value)) if side is Side.CRM else links.of_partner(value)
        if link is None or link.state is not LinkState.LINKED:
            del fields[name]
            waiting.add(item.id)
        else:
            fields[name] = Ref(_LINK, RemoteId(link.key.hex()))
    return replace(record, fields=fields), frozenset(waiting)


def as_ids(fields: Mapping[FieldName, Value | None], side: Side, links: WorkingSet) -> dict[FieldName, Value | None]:
    """The fields to write, every link again an id of the side they are written to."""
    written: dict[FieldName, Value | None] = {}
    for name, value in fields.items():
        if not isinstance(value, Ref) or value.kind != _LINK:
            written[name] = value
            continue
        parent = links.link(LinkKey(bytes.fromhex(value.id)))
        ref = _ref(parent, side)
        if ref is not None:
            written[name] = ref
    return written


def _ref(parent: Link | None, side: Side) -> Ref | None:
    if parent is None:
        return None
    return parent.crm if side is Side.CRM else parent.partner
