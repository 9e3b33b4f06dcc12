"""Values told apart from their record that say what is agreed already: nothing has to be decided about them.

Where lists do not hold custom values, a feed tells each value as a record of its own, sixty a person. After an import
nearly all of them are its echo.
"""

from __future__ import annotations

from shared.domain.identity import Digester, Link, LinkState
from shared.domain.mapping import CompiledField, CompiledMap
from shared.domain.records import FieldName, FieldType, Record, Side


class Parts:
    """Judges parts of linked partner records of one entity map."""

    def __init__(self, compiled: CompiledMap, digester: Digester) -> None:
        self._match = compiled.match_name(Side.PARTNER)
        self._digester = digester
        self._fields: dict[FieldName, list[CompiledField] | None] = {}
        for item in compiled.fields:
            plain = item.concat is None and item.partner_spec.type is not FieldType.REFERENCE
            for name in item.names(Side.PARTNER):
                known = self._fields.get(name, [])
                self._fields[name] = [*known, item] if plain and known is not None else None

    def say_nothing_new(self, link: Link, seen: Record) -> bool:
        """Whether a decision about this part, Dynamics unread, would change nothing: every value is the one agreed on,
        and nothing of the pair is open."""
        if link.state is not LinkState.LINKED or link.match is None:
            return False
        if link.flags or link.parked or link.tries or link.retry_at:
            return False
        if seen.labels is not None or self._match in seen.fields or link.partner_revision != (seen.revision or ""):
            return False
        draw = self._digester.raw
        for name, value in seen.fields.items():
            items = self._fields.get(name)
            if not items:
                return False
            for item in items:
                base = link.agreed.get(item.id)
                if base is None or draw(item.prefix + item.partner_canonical(value)) != base.partner:
                    return False
        return True
