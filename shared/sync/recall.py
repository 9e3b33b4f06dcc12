"""A first load that meets records the partner's walk told already: compared without being read again.

While a first load is under way, what the walk told of a record nobody is linked to is kept as short keyed digests, a
column each (`shared.state.tellings`). A row of Dynamics that meets it by its match value gives the values it should
hold; where every digest is the one of that value, the record is known as well as if it had been read, and both are
equal. Where a single column differs, the record is read: nothing is ever written over a value on the word of a digest,
so that an edit made meanwhile is told by the feed as one of a linked record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from shared.domain.identity import LinkState, link_key
from shared.domain.mapping import Carried
from shared.domain.normalize import Canonical, canonicaliser
from shared.domain.records import ABSENT, FieldName, Kind, Record, Ref, Side, Untold, Value
from shared.ports.connector import FeedKind
from shared.state.model import Telling
from shared.sync.cases import Case
from shared.sync.context import Work
from shared.sync.working import WorkingSet

MOST: Final = 64 * 1024 * 1024
"""Bytes of what was told up to which it is kept; a larger account's records are read."""

GOOD_FOR: Final = timedelta(hours=2)
"""How long what was told counts: deletions are not told by every partner."""

KEPT: Final = "told"
"""The lane's fact that says how many bytes are kept; -1: too many, so nothing that was kept counts."""

_SIZE: Final = 8
_OVERHEAD: Final = 40
_FEEDS: Final = frozenset({FeedKind.DELTA, FeedKind.SINCE, FeedKind.LOG})


class Recall:
    """What a page tells of unlinked partner records, and what it knows of those it meets."""

    def __init__(self, work: Work, links: WorkingSet) -> None:
        self._work = work
        self._links = links
        self._told: dict[Ref, Telling] = {}
        self._parts: list[Telling] = []
        self._canonicals: dict[tuple[Kind, FieldName], Canonical] = {}
        self._labels = [rules for item in work.maps if (rules := item.entity.labels) is not None]

    # -- telling -------------------------------------------------------------------------------------------------------

    def note(self, case: Case) -> None:
        """A partner record that stays without a link for now."""
        if isinstance(case.partner, Record) and self._wanted(case.partner.ref.kind):
            self._told[case.partner.ref] = self._telling(case.partner, whole=True)

    def part(self, record: Record) -> None:
        """Values of a record that nobody is linked to, told without the rest of it."""
        if self._wanted(record.ref.kind):
            self._parts.append(self._telling(record, whole=False))

    def tellings(self) -> list[Telling]:
        """What is to be stored; nothing once there is too much of it."""
        found = [telling for ref, telling in self._told.items() if ref in self._links.candidates] + self._parts
        work = self._work
        if not found or (kept := work.number(KEPT)) < 0:
            return []
        size = kept + sum(_OVERHEAD + _SIZE * len(telling.digests) for telling in found)
        work.facts[KEPT] = size if size <= MOST else -1
        return found if size <= MOST else []

    def _wanted(self, kind: Kind) -> bool:
        work = self._work
        feed = work.engine.partner.capabilities.kinds[kind].feed
        return bool(work.number("initial")) and work.engine.plan is None and feed in _FEEDS

    def _telling(self, record: Record, *, whole: bool) -> Telling:
        kind = record.ref.kind
        digests: dict[str, bytes] = {name: self._digest(kind, name, value) for name, value in record.fields.items()}
        labels = record.labels
        if labels is not None:
            labels = frozenset(name for name in labels if any(rules.meaning(name) for rules in self._labels))
        return Telling(ref=record.ref, whole=whole, digests=digests, labels=labels, revision=record.revision or "")

    def _digest(self, kind: Kind, name: FieldName, value: Value | None) -> bytes:
        """b"" for an empty value."""
        found = self._canonical(kind, name)(value)
        draw = self._work.engine.digester.raw
        return draw(b"told\x00" + name.encode() + b"\x00" + found)[:_SIZE] if found else b""

    def _canonical(self, kind: Kind, name: FieldName) -> Canonical:
        found = self._canonicals.get((kind, name))
        if found is None:
            compiled = self._work.maps_of(Side.PARTNER, kind)[0]
            found = self._canonicals[kind, name] = canonicaliser(compiled.partner.fields[name])
        return found

    # -- recalling -----------------------------------------------------------------------------------------------------

    def answer(self, cases: Sequence[Case]) -> None:
        """Gives cases that meet a record told before that record, where it is known whole; the others stay stale."""
        work = self._work
        asked = {
            case.partner_ref: case
            for case in cases
            if case.recall and case.partner_ref is not None and case.partner_ref not in self._links.candidates
        }
        if not asked or work.number(KEPT) <= 0 or work.engine.options.journal:
            return
        told = work.held.tellings(asked.keys(), work.now - GOOD_FOR)
        ended = {kind: self._ended(kind) for kind in {ref.kind for ref in told}}
        for ref, telling in told.items():
            record = self._record(asked[ref], telling, ended=ended[ref.kind])
            if record is not None:
                asked[ref].partner = record
                asked[ref].stale.discard(Side.PARTNER)

    def _ended(self, kind: Kind) -> bool:
        """Whether the partner's feed was read to an end, so that what it said nothing of is told, too."""
        cursor = self._work.held.cursor(f"{Side.PARTNER.value}:{kind}")
        return cursor is not None and not cursor.facts.get("more")

    def _record(self, case: Case, telling: Telling, *, ended: bool) -> Record | None:
        """The record as it was told, where every value of it is the one that the row of Dynamics would have it hold."""
        compiled = case.map
        if compiled.entity.labels is not None and telling.labels is None:
            return None
        values = self._values(case)
        fields: dict[FieldName, Value | None] = {}
        for name in compiled.reads(Side.PARTNER):
            held = telling.digests.get(name)
            if held is None:
                untold = compiled.partner.fields[name].untold if ended else Untold.UNKNOWN
                if untold is Untold.SILENT:
                    continue
                if untold is Untold.UNKNOWN:
                    return None
                held = b""
            if name not in values or self._digest(telling.ref.kind, name, values[name]) != held:
                return None
            fields[name] = values[name]
        return Record(telling.ref, fields, revision=telling.revision or None, labels=telling.labels)

    def _values(self, case: Case) -> Mapping[FieldName, Value | None]:
        """What the partner's columns would hold if both were equal."""
        values: dict[FieldName, Value | None] = {}
        crm = case.crm
        for item in case.map.fields:
            value = item.take(crm, Side.CRM) if isinstance(crm, Record) else ABSENT
            found = item.carry(value, Side.CRM, self._resolve) if value is not ABSENT else None
            if isinstance(found, Carried):
                values.update(item.spread(found.value, Side.PARTNER))
        return values

    def _resolve(self, parent: Ref) -> Ref | None:
        link = self._links.link(link_key(parent))
        return link.partner if link is not None and link.state is LinkState.LINKED else None
