"""Deletes go the other way round than everything else: what hangs off a record goes before it.

A run decides page by page, parents first. A pair whose record is to be deleted, and that others may hang off, is put
aside, durably; when the run has done everything else it is looked at again, children first. So nothing is deleted that
a child still names because its own delete, or its move to another parent, had not been taken over yet.
"""

from __future__ import annotations

from datetime import timedelta

from shared.domain.entity_map import parents_first
from shared.domain.records import Side
from shared.ports.connector import Op
from shared.state.inbox import ASIDE
from shared.state.model import Command, about_pair
from shared.sync.cases import Case, Decision
from shared.sync.context import Work


def comes_last(work: Work, case: Case, decision: Decision) -> bool:
    """Whether this decision deletes a record that others may hang off. A dry run shows it where it is."""
    deletes = any(write.op is Op.DELETE for write in decision.writes)
    return deletes and work.engine.plan is None and case.map.entity.name in _parents(work)


def put_aside(work: Work, case: Case) -> None:
    """Leaves word to look at this pair at the end of the run; the same word twice is one."""
    order = [entity.name for entity in parents_first([item.entity for item in work.maps])]
    turn = len(order) - order.index(case.map.entity.name)
    work.retries.append(
        Command(
            key=f"last-{case.key.hex()}",
            op="look",
            side=Side.CRM,
            ref=case.crm_ref,
            payload=about_pair(case.map.entity.name, case.partner_ref),
            not_before=ASIDE + timedelta(seconds=turn),
        )
    )


def _parents(work: Work) -> set[str]:
    return {name for item in work.maps if item.entity.on for name in item.entity.parents}
