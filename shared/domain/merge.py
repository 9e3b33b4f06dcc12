"""Three-way merge of one pair of records, field by field, against what each side stored when both last agreed.

| Dynamics against its base | partner against its base | what happens |
|---|---|---|
| same | same | nothing, even when the two look different (one side cuts or reformats) |
| changed | same | flows to the partner, where direction and policy let it |
| same | changed | flows to Dynamics, likewise |
| changed | changed, equal | agreed, nothing is written |
| changed | changed, unequal | the field's policy |
| not told | anything | that side counts as the same |

What becomes the base of a written field is the canonical form of the value we meant to write, under the limits known
of the target; never something read later, which a person may have changed in between. A clear is an edit like any
other. Absent fields are never written and never clear anything.

One-way fields: an edit on the side they flow into is not carried back; it yields to the source's row as soon as that
row is seen again (its next change, or a compare-only pass), and the lost value is told as a conflict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from shared.domain.compiled import CompiledMap, Resolve
from shared.domain.draft import Draft, Pair
from shared.domain.identity import Agreed, Digest, Digester
from shared.domain.merged import UNCHANGED, FieldConflict, Merged
from shared.domain.records import ABSENT, FieldName, Record, Side, Value
from shared.domain.settle import create_field, judge

__all__ = ["FieldConflict", "Merged", "merge"]


def merge(
    compiled: CompiledMap,
    agreed: Mapping[str, Agreed],
    crm: Record | None,
    partner: Record | None,
    *,
    digester: Digester,
    now: datetime,
    creating: Side | None = None,
    decisions: Mapping[str, Side] | None = None,
    parks: Mapping[str, str] | None = None,
    bases: Mapping[str, frozenset[str]] | None = None,
    resolve: Resolve | None = None,
) -> Merged:
    """Decides every mapped field of one pair.

    `agreed` is keyed by field id; a field without an entry is met for the first time and judged as on a first link.
    `creating` names the side on which a record is to be made from the other side's. `decisions` maps a field id to the
    side whose value a person chose. `parks` are the link's parked fields: such a field is only judged with both sides
    told, because what was seen of it before was not taken over. `bases` holds the last agreed choices of `union`
    fields, so that what one side took away stays away. `resolve` finds the other side's record for a reference.
    """
    if creating is not None:
        draft = Draft(digester, now, resolve, crm, partner, bases or {})
        source = crm if creating is Side.PARTNER else partner
        for field in compiled.fields:
            create_field(draft, field, source, creating)
        return draft.done(parks)
    special = frozenset(decisions or ()) | frozenset(parks or ())
    differing = list(_differing(compiled, agreed, crm, partner, special=special, digester=digester))
    if not differing:
        return UNCHANGED
    draft = Draft(digester, now, resolve, crm, partner, bases or {})
    for pair in differing:
        judge(draft, pair, decisions, parks)
    return draft.done(parks)


def _differing(
    compiled: CompiledMap,
    agreed: Mapping[str, Agreed],
    crm: Record | None,
    partner: Record | None,
    *,
    special: frozenset[str],
    digester: Digester,
) -> Iterator[Pair]:
    """The fields that have to be judged: those that differ from their base, lack one, or are singled out.

    This is the record path: it runs for every field of every record that a feed brings.
    """
    ours = crm.fields if crm is not None else _NOTHING
    theirs = partner.fields if partner is not None else _NOTHING
    keyed = digester.keyed()
    for field in compiled.fields:
        if field.concat is None:
            crm_value, partner_value = ours.get(field.crm_name, ABSENT), theirs.get(field.partner_name, ABSENT)
        else:
            crm_value = field.take(crm, Side.CRM) if crm is not None else ABSENT
            partner_value = field.take(partner, Side.PARTNER) if partner is not None else ABSENT
        crm_digest = partner_digest = None
        if crm_value is not ABSENT:
            state = keyed.copy()
            state.update(field.prefix + field.crm_canonical(crm_value))
            crm_digest = state.digest()
        if partner_value is not ABSENT:
            state = keyed.copy()
            state.update(field.prefix + field.partner_canonical(partner_value))
            partner_digest = state.digest()
        base = agreed.get(field.id)
        if (
            base is None
            or (crm_digest is not None and crm_digest != base.crm)
            or (partner_digest is not None and partner_digest != base.partner)
            or field.id in special
        ):
            yield Pair(field, crm_value, partner_value, _digest(crm_digest), _digest(partner_digest), base)


def _digest(found: bytes | None) -> Digest | None:
    return None if found is None else Digest(found)


_NOTHING: Final[Mapping[FieldName, Value | None]] = {}
