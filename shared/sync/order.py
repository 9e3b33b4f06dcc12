"""What of a page, and of a run, is decided first, and what last.

Merges come first in their page: the row that stayed may be told there, too, and has the counterpart of the one that
went. Were it decided before, another one would be made for it.

Deletes go the other way round than everything else: what hangs off a record goes before it.

A run decides page by page, parents first. A pair whose record is to be deleted, and that others may hang off, is put
aside, durably; when the run has done everything else it is looked at again, children first. So nothing is deleted that
a child still names because its own delete, or its move to another parent, had not been taken over yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from shared.domain.entity_map import parents_first
from shared.domain.records import Gone, Side
from shared.ports.connector import Op
from shared.state.inbox import ASIDE
from shared.state.model import Command, about_pair
from shared.sync.cases import Case, Decision
from shared.sync.context import Work


def merges_first(cases: Sequence[Case]) -> Sequence[Case]:
    """The cases of a page in the order they are decided in."""
    return sorted(cases, key=lambda case: not any(_was_merged(case, side) for side in Side))


def _was_merged(case: Case, side: Side) -> bool:
    seen = case.seen(side)
    return isinstance(seen, Gone) and seen.merged_into is not None


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
