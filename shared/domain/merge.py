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

from collections.abc import Mapping
from datetime import datetime

from shared.domain.compiled import CompiledMap, Resolve
from shared.domain.draft import Draft, Pair
from shared.domain.identity import Agreed, Digester
from shared.domain.merged import FieldConflict, Merged
from shared.domain.records import ABSENT, FieldState, Record, Side
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
    first: bool = False,
    creating: Side | None = None,
    decisions: Mapping[str, Side] | None = None,
    parks: Mapping[str, str] | None = None,
    bases: Mapping[str, frozenset[str]] | None = None,
    resolve: Resolve | None = None,
) -> Merged:
    """Decides every mapped field of one pair.

    `agreed` is keyed by field id; a field without an entry is met for the first time and judged as on a first link
    (`first` says that the whole pair is: then nothing in `agreed` counts). `creating` names the side on which a record
    is to be made from the other side's. `decisions` maps a field id to the side whose value a person chose. `parks`
    are the link's parked fields: such a field is only judged with both sides told, because what was seen of it before
    was not taken over. `bases` holds the last agreed choices of `union` fields, so that what one side took away stays
    away. `resolve` finds the other side's record for a reference.
    """
    draft = Draft(digester, now, resolve, crm, partner, bases or {})
    if creating is not None:
        source = crm if creating is Side.PARTNER else partner
        for field in compiled.fields:
            create_field(draft, field, source, creating)
        return draft.done(parks)
    bases_of = {} if first else agreed
    special = frozenset(decisions or ()) | frozenset(parks or ())
    crm_fields = crm.fields if crm is not None else None
    partner_fields = partner.fields if partner is not None else None
    digest = digester.raw
    for field in compiled.fields:
        ours: FieldState
        theirs: FieldState
        if field.concat is None:
            ours = crm_fields.get(field.crm_name, ABSENT) if crm_fields is not None else ABSENT
            theirs = partner_fields.get(field.partner_name, ABSENT) if partner_fields is not None else ABSENT
        else:
            ours = field.take(crm, Side.CRM) if crm is not None else ABSENT
            theirs = field.take(partner, Side.PARTNER) if partner is not None else ABSENT
        crm_digest = None if ours is ABSENT else digest(field.prefix + field.crm_canonical(ours))
        partner_digest = None if theirs is ABSENT else digest(field.prefix + field.partner_canonical(theirs))
        base = bases_of.get(field.id)
        if (
            base is not None
            and (crm_digest is None or crm_digest == base.crm)
            and (partner_digest is None or partner_digest == base.partner)
            and field.id not in special
        ):
            continue
        judge(draft, Pair(field, ours, theirs, crm_digest, partner_digest, base), decisions, parks)
    return draft.done(parks)
