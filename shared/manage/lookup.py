"""Looks one record up: both sides, their link, and whether they are in step, or the one reason why not.

What would be decided is asked of the engine itself (`shared.sync.rehearse.judge`), so that the answer is the run's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from shared.domain.criteria import Failing, failing_line
from shared.domain.identity import Link, LinkState, link_key
from shared.domain.mapping import CompiledMap
from shared.domain.plan import Change
from shared.domain.records import Record, Ref, RemoteId, Side
from shared.errors import Rejected
from shared.ports.journal import ConflictStore, Failure, FailureStore, RunLog, each
from shared.ports.report import RecordOutcome
from shared.sync.engine import Engine
from shared.sync.rehearse import Verdict

_LOOKED_AT = 5
"""Pages of the last run's outcomes that are searched for the record."""

_QUIET = frozenset({"unchanged"})
_FLOWS = frozenset({"created", "updated", "deleted", "deactivated", "relinked"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What there is of one person or company. `code` is "unchanged" for a pair in step, else why it is not.

    `failing` is the line of the criteria that keeps the Dynamics row outside. `missing` names labels the partner record
    lacks. `last` is the last outcome that was told, `failure` its open failure.
    """

    compiled: CompiledMap
    crm: Record | None
    partner: Record | None
    link: Link | None
    code: str
    changes: Sequence[Change] = ()
    failing: Failing | None = None
    missing: tuple[str, ...] = ()
    failure: Failure | None = None
    last: RecordOutcome | None = None
    others: int = 0

    @property
    def in_sync(self) -> bool:
        return self.code in _QUIET and self.crm is not None and self.partner is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """The look-up of one connection. `judge` answers what the engine would decide about a record now."""

    engine: Engine
    failures: FailureStore
    conflicts: ConflictStore
    runs: RunLog
    judge: Callable[[Side, Ref, str], Verdict]

    def by_id(self, entity: str, side: Side, record: str) -> Found:
        """By a record's id on one side. Raises Rejected (`unknown_entity`, `record_not_found`)."""
        compiled = self._map(entity)
        kind = compiled.entity.crm_kind if side is Side.CRM else compiled.entity.partner_kind
        ref = Ref(kind, RemoteId(record))
        link = self._link(side, ref)
        seen = {side: self._read(compiled, side, ref)}
        beside = link.partner if side is Side.CRM and link is not None else link.crm if link is not None else None
        if beside is not None:
            seen[side.other] = self._read(compiled, side.other, beside)
        known = seen[side]
        others = 0
        if seen.get(side.other) is None and known is not None:
            seen[side.other], others = self._counterpart(compiled, side.other, compiled.match_text(known, side))
        return self._told(compiled, seen.get(Side.CRM), seen.get(Side.PARTNER), link, others)

    def by_match(self, entity: str, text: str) -> Found:
        """By the value that people are matched by (an e-mail address), on both sides."""
        compiled = self._map(entity)
        crm, ours = self._counterpart(compiled, Side.CRM, text)
        partner, theirs = self._counterpart(compiled, Side.PARTNER, text)
        link = self._link(Side.CRM, crm.ref) if crm is not None else None
        if link is None and partner is not None:
            link = self._link(Side.PARTNER, partner.ref)
        return self._told(compiled, crm, partner, link, max(ours, theirs))

    def row(self, entity: str, record: RemoteId) -> tuple[CompiledMap, Record | None, Link | None]:
        """A Dynamics row as it is now, with its link; nothing is asked of the partner. Raises as `by_id`."""
        compiled = self._map(entity)
        ref = Ref(compiled.entity.crm_kind, record)
        return compiled, self._read(compiled, Side.CRM, ref), self._link(Side.CRM, ref)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _map(self, name: str) -> CompiledMap:
        maps = self.engine.compile()
        for item in maps:
            if item.entity.name == name:
                return item
        known = ", ".join(item.entity.name for item in maps)
        raise Rejected(
            f"nothing of the name {name[:100]} flows over this connection",
            code="unknown_entity",
            next_step=f"Use one of: {known}; or switch the entity on.",
        )

    def _link(self, side: Side, ref: Ref) -> Link | None:
        reader = self.engine.lane.reader()
        key = link_key(ref) if side is Side.CRM else reader.by_partner([ref]).get(ref)
        return reader.links([key]).get(key) if key is not None else None

    def _read(self, compiled: CompiledMap, side: Side, ref: Ref) -> Record | None:
        found = self.engine.connector(side).read(ref.kind, [ref.id], compiled.reads(side))
        record = next(iter(found.values()), None)
        return record if isinstance(record, Record) else None

    def _counterpart(self, compiled: CompiledMap, side: Side, text: str | None) -> tuple[Record | None, int]:
        """The record with this match value, and how many others have it too."""
        kind = compiled.entity.crm_kind if side is Side.CRM else compiled.entity.partner_kind
        connector = self.engine.connector(side)
        if not text or connector.capabilities.kinds[kind].match_field is None:
            return None, 0
        found = [item for items in connector.find(kind, [text], compiled.reads(side)).values() for item in items]
        return (found[0], len(found) - 1) if found else (None, 0)

    def _told(
        self, compiled: CompiledMap, crm: Record | None, partner: Record | None, link: Link | None, others: int
    ) -> Found:
        if crm is None and partner is None and link is None:
            raise Rejected(
                "neither side has such a record, or the connection may not see it",
                code="record_not_found",
                next_step="Copy the record's id from its address in that system, or its e-mail address.",
            )
        name = link.key.hex() if link is not None else link_key(crm.ref).hex() if crm is not None else ""
        verdict = self._verdict(compiled, crm, partner)
        failure = self.failures.get(name) if name else None
        labels = compiled.entity.labels
        return Found(
            compiled=compiled,
            crm=crm,
            partner=partner,
            link=link,
            code=self._code(link, name, failure, verdict, others),
            changes=verdict.plan.samples if verdict is not None else (),
            failing=self._failing(compiled, crm),
            missing=labels.missing(partner.labels or ()) if labels is not None and partner is not None else (),
            failure=failure,
            last=self._last(name),
            others=others,
        )

    def _verdict(self, compiled: CompiledMap, crm: Record | None, partner: Record | None) -> Verdict | None:
        if crm is not None:
            return self.judge(Side.CRM, crm.ref, compiled.entity.name)
        return self.judge(Side.PARTNER, partner.ref, compiled.entity.name) if partner is not None else None

    def _code(self, link: Link | None, name: str, failure: Failure | None, verdict: Verdict | None, others: int) -> str:
        """The one reason: what waits for a person, what failed, what the engine says, in this order."""
        if name and self.conflicts.list(waiting=True, link=name, limit=1).items:
            return "conflicted:asked"
        if failure is not None:
            return failure.code
        said = [code for code in (verdict.codes if verdict is not None else ()) if code not in _QUIET]
        if said and said[0] in _FLOWS:
            return "waiting:slot"
        if said:
            return said[0]
        if link is not None and link.parked:
            return next(iter(link.parked.values()))
        if link is not None and link.state is LinkState.TOMBSTONE:
            return "skipped:deleted"
        return "failed:ambiguous_match" if others else "unchanged" if link is not None else "skipped:not_linked"

    def _failing(self, compiled: CompiledMap, crm: Record | None) -> Failing | None:
        if compiled.criteria is None or crm is None:
            return None
        return failing_line(compiled.criteria, crm, now=self.engine.clock.now())

    def _last(self, name: str) -> RecordOutcome | None:
        """The record's outcome in the last run that told one; a bounded number of rows is looked at."""
        runs = self.runs.list_runs(limit=1).items
        found = [item for item in self._outcomes(runs[0].id) if item.link == name] if runs and name else []
        return found[-1] if found else None

    def _outcomes(self, run: str) -> Iterator[RecordOutcome]:
        return each(lambda after: self.runs.list_outcomes(run, limit=1000, after=after), _LOOKED_AT)
