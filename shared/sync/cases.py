"""The words of one page of work: a case is one pair of records, a decision is what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain.identity import Agreed, Digest, Link, LinkKey, MatchKey
from shared.domain.mapping import CompiledMap
from shared.domain.merge import FieldConflict
from shared.domain.records import FieldName, Gone, Record, Ref, Side, Value
from shared.ports.connector import Op


@dataclass(slots=True, kw_only=True)
class Case:
    """One pair under work. What a side is known to hold *now* stands in `crm` and `partner`; None: not observed."""

    map: CompiledMap
    crm_ref: Ref
    key: LinkKey
    crm: Record | Gone | None = None
    partner_ref: Ref | None = None
    partner: Record | Gone | None = None
    rounds: int = 0
    tries: int = 0
    looked_up: bool = False  # Dynamics was asked for a row with this match value

    def seen(self, side: Side) -> Record | Gone | None:
        return self.crm if side is Side.CRM else self.partner

    def ref(self, side: Side) -> Ref | None:
        return self.crm_ref if side is Side.CRM else self.partner_ref


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWrite:
    """One write and what becomes true of the link once it was applied."""

    side: Side
    op: Op
    ref: Ref
    fields: Mapping[FieldName, Value | None] = field(default_factory=dict)
    expect: str | None = None
    match: str | None = None
    match_key: MatchKey | None = None
    add_labels: frozenset[str] = frozenset()
    remove_labels: frozenset[str] = frozenset()
    pending: Mapping[str, Agreed] = field(default_factory=dict)
    before: Mapping[str, Digest] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do about a case.

    `link` is the link as it stands before any of `writes` was applied (None: leave it as it is). `need` names sides
    that have to be read before anything can be decided. `look_up` asks Dynamics for rows with the case's match value.
    `code` is the outcome when there is nothing to write; `wait` postpones the record (a parent that is not linked yet).
    """

    code: str
    link: Link | None = None
    retire: Link | None = None
    writes: tuple[PlannedWrite, ...] = ()
    need: frozenset[Side] = frozenset()
    look_up: bool = False
    candidate: MatchKey | None = None
    conflicts: tuple[FieldConflict, ...] = ()
    field: str = ""
    wait: bool = False
