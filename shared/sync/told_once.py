"""Records that are told once and made once: activities.

A log tells what happened; it is not asked for one entry again, and an entry never changes. So nothing waits for an
entry and nothing of one is merged: a row that was made for it is left alone, whatever users do with it. What could not
be made (its person has no pair yet, Dynamics refused it) is made when the log is gone through again: at most once in
`sweep_hours`, while something was left behind and that may have changed, or when somebody asks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from shared.domain.mapping import CompiledField, CompiledMap
from shared.domain.records import ABSENT, FieldType, Kind, Record, Ref, Side
from shared.errors import SyncError
from shared.ports.connector import Op
from shared.ports.report import RecordOutcome
from shared.state.model import Batch, CursorState, Entry

if TYPE_CHECKING:
    from shared.sync.context import Work

NO_PERSON: Final = "skipped:person_not_linked"
FEED_REFUSED: Final = "failed:feed_refused"

_LEFT: Final = ("failed:", "broken:", "waiting:")


def told_once(work: Work, kind: Kind) -> bool:
    """Whether records of this kind of the partner's are told once and never change."""
    found = work.engine.partner.capabilities.kinds.get(kind)
    return found is not None and found.create_only


def made_once(work: Work, compiled: CompiledMap) -> bool:
    """Whether the rows of this entity are made once and never written again."""
    return told_once(work, compiled.entity.partner_kind)


def is_log(work: Work, side: Side, kind: Kind) -> bool:
    """Whether this kind is a log, or in Dynamics the rows that are made for the entries of one and of nothing else."""
    if side is Side.PARTNER:
        return told_once(work, kind)
    maps = work.maps_of(side, kind)
    return bool(maps) and all(made_once(work, item) for item in maps)


def told_again(work: Work, batch: Batch, entry: Entry) -> bool:
    """Whether nothing need be found out of a create whose answer was lost: its log tells the entry again, since its
    cursor did not move, and the row has an id of ours, so that the same create finds it and ends what is left to do."""
    compiled = work.map_named(entry.entity)
    return batch.side is Side.CRM and entry.op is Op.CREATE and compiled is not None and made_once(work, compiled)


# -- the person an entry is about --------------------------------------------------------------------------------------


def owners(compiled: CompiledMap, record: Record) -> Iterator[Ref]:
    """The records without which this one may not be made."""
    for item in _owner_fields(compiled):
        value = record.value(item.partner_name)
        if isinstance(value, Ref):
            yield value


def lacks_owner(compiled: CompiledMap, record: Record) -> bool:
    """Whether somebody whom the record is about has no pair: what it named was left out for want of one."""
    return any(record.value(item.partner_name) is ABSENT for item in _owner_fields(compiled))


def unfit(compiled: CompiledMap) -> str:
    """Why no row of this entity can be made now: a required field of its map does not work; "" when all do."""
    needed = (compiled.broken.get(item.id) for item in compiled.entity.fields if item.required)
    return next((f"broken:{reason}" for reason in needed if reason), "")


def _owner_fields(compiled: CompiledMap) -> Iterator[CompiledField]:
    for item in compiled.fields:
        if item.spec(Side.CRM).type is FieldType.REFERENCE and compiled.is_required(item.id, Side.CRM):
            yield item


# -- going through a log again -----------------------------------------------------------------------------------------


def begin_walk(work: Work, kind: Kind) -> None:
    """The log is gone through from its beginning: what is left behind is counted anew."""
    work.facts[f"left:{kind}"] = 0
    work.facts[f"people:{kind}"] = _paired(work, kind)


def left_behind(work: Work, kind: Kind, counts: Counter[str]) -> None:
    """Remembers how much of a page could not be made."""
    found = sum(count for code, count in counts.items() if code == NO_PERSON or code.startswith(_LEFT))
    if found:
        work.facts[f"left:{kind}"] = work.number(f"left:{kind}") + found


def walk_is_due(work: Work, kind: Kind, state: CursorState) -> bool:
    """Whether going through the log again may bring what was left behind: somebody was paired since, or what was
    refused may be taken by now."""
    walked, left = state.facts.get("walked"), work.number(f"left:{kind}")
    pause = timedelta(hours=work.engine.options.sweep_hours)
    if not left or (isinstance(walked, datetime) and work.now - walked < pause):
        return False
    return _paired(work, kind) != work.number(f"people:{kind}") or _parked(work, kind) > 0


def _paired(work: Work, kind: Kind) -> int:
    """Pairs of other kinds: the people of the log are among them."""
    own = {item.entity.name for item in work.maps if item.entity.partner_kind == kind}
    counts = work.held.counts
    return sum(n for name, n in counts.items() if name.endswith(".linked") and name.rpartition(".")[0] not in own)


def _parked(work: Work, kind: Kind) -> int:
    own = {item.entity.name for item in work.maps if item.entity.partner_kind == kind}
    return sum(n for name, n in work.held.counts.items() if name.endswith(".parked") and name.rpartition(".")[0] in own)


# -- a log that may not be read ----------------------------------------------------------------------------------------


def tell_refused(work: Work, kind: Kind, fault: SyncError) -> None:
    """The partner does not tell this log: the run says so, and everything else goes on."""
    run, part = work.text("run"), f"{_feed_key(kind)}|{fault.code}"
    entities = [item.entity.name for item in work.maps if item.entity.partner_kind == kind]
    outcome = RecordOutcome(
        link=_feed_key(kind),
        entity=entities[0],
        code=FEED_REFUSED,
        vendor_code=fault.code,
        message=" ".join(filter(None, (str(fault), fault.next_step))),
    )
    if run:
        work.engine.journal.tell(run, part, [outcome], {FEED_REFUSED: 1})
    work.facts[f"refused:{kind}"] = 1


def tell_well(work: Work, kind: Kind) -> None:
    """The log is told again."""
    if work.facts.pop(f"refused:{kind}", 0):
        work.engine.journal.well([_feed_key(kind)])


def _feed_key(kind: Kind) -> str:
    """Stands for the log where a record has the key of its link."""
    return blake2b(f"feed|{kind}".encode(), digest_size=12).hexdigest()
