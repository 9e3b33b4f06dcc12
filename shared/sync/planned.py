"""A planned write as the dry run shows it."""

from __future__ import annotations

from shared.domain.plan import Act, Change, Difference
from shared.domain.records import ABSENT, Record
from shared.ports.connector import Op
from shared.sync.cases import Case, PlannedWrite


def change_of(case: Case, code: str, write: PlannedWrite) -> Change:
    """The write with the values that stand there now, where they were read."""
    seen = case.seen(write.side)
    differences = []
    for name, value in write.fields.items():
        item = case.map.by_name(name, write.side)
        now = seen.value(name) if isinstance(seen, Record) else ABSENT
        differences.append(Difference(item.id if item is not None else str(name), str(name), now, value))
    return Change(
        entity=case.map.entity.name,
        side=write.side,
        act=_act(code, write.op),
        crm=case.crm_ref,
        partner=case.partner_ref,
        code=code,
        differences=tuple(differences),
        add_labels=write.add_labels,
        remove_labels=write.remove_labels,
    )


def _act(code: str, op: Op) -> Act:
    if code == "deactivated":
        return Act.DEACTIVATE
    return {Op.CREATE: Act.CREATE, Op.UPDATE: Act.UPDATE, Op.DELETE: Act.DELETE}[op]
