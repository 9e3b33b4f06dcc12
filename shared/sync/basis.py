"""What every decision about a pair stands on: the moment, both sides' capabilities, the digests, and small answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from shared.domain.identity import Agreed, Digester, Link, LinkState, MatchKey
from shared.domain.mapping import CompiledField, CompiledMap
from shared.domain.merge import Merged, merge
from shared.domain.merged import ASKED
from shared.domain.policy import Rule
from shared.domain.records import ABSENT, Gone, Record, Ref, Side
from shared.ports.connector import Capabilities, KindCapabilities
from shared.sync.cases import Case, Decision
from shared.sync.choices import recalled
from shared.sync.columns import UNKNOWN, Columns

OUTSIDE: Final = "outside"
DIRTY: Final = "dirty"
DIVERGED: Final = "diverged"
AMBIGUOUS: Final = "ambiguous_match"
LEFT: Final = "left"
OWED: Final = "owed"
"""The partner record is still to get the labels by which it takes part: its first meeting is not finished."""
OWED_SWAP: Final = "owed:swap"
"""Its labels change hands: those of another entity's go with it."""
REVERTED: Final = "reverted"
"""A record that a run created and that was removed again when the run was taken back."""
KEPT: Final = "kept"
"""A tombstone whose survivor was edited, for which nobody can be made yet: it has no match value."""
MISSED: Final = "missed"
"""An awaited record that a whole walk did not meet; the walk may have begun before its import ended."""
WAITS: Final = "waiting:retry"
"""A parked record that did not change, before the time of its next try."""

MET_ANEW: Final = frozenset({Rule.RESTRICTIVE, Rule.FILL_IF_EMPTY})
"""Policies whose agreed values say nothing of a record that took another one's place, or came back: that it is less
strict, or empty, is nobody's edit."""


class Basis:
    """One connection at one moment."""

    def __init__(
        self,
        *,
        connection: str,
        capabilities: dict[Side, Capabilities],
        digester: Digester,
        now: datetime,
        initial: bool = False,
        journal: bool = False,
        anew: bool = False,
        epoch: int = 0,
        is_open: Callable[[str], bool] = bool,
        columns: Columns = UNKNOWN,
    ) -> None:
        """`initial`: this run is the one-time load, which writes to the partner only. `anew`: it is the initial sync,
        or its repetition. `epoch` numbers the last walk that began. `is_open`: whether the accepted write of a ticket
        may still be refused."""
        self.connection = connection
        self.capabilities = capabilities
        self.digester = digester
        self.now = now
        self.initial = initial
        self.journal = journal
        self.anew = anew
        self.epoch = epoch
        self.is_open = is_open
        self.columns = columns

    def merge(
        self,
        case: Case,
        agreed: Mapping[str, Agreed],
        *,
        creating: Side | None = None,
        parks: Mapping[str, str] | None = None,
        decisions: Mapping[str, Side] | None = None,
        bases: Mapping[str, bytes] | None = None,
    ) -> Merged:
        crm, partner = record_of(case.crm), record_of(case.partner)
        return merge(
            case.map,
            agreed,
            crm,
            partner,
            bases=recalled(case.map, bases, crm, partner, digester=self.digester) if bases else None,
            digester=self.digester,
            now=self.now,
            creating=creating,
            parks=parks,
            resolve=_same,
            decisions={**(decisions or {}), **self._answered(case)} if decisions or case.answers else None,
        )

    def _answered(self, case: Case) -> dict[str, Side]:
        """The answers that are about the values both sides hold now: where those moved on it is asked anew."""
        crm, partner = record_of(case.crm), record_of(case.partner)
        if crm is None or partner is None:
            return {}
        ours = digests(case.map, crm, Side.CRM, self.digester)
        theirs = digests(case.map, partner, Side.PARTNER, self.digester)
        return {
            name: answer.winner
            for name, answer in case.answers.items()
            if answer.crm in {b"", ours.get(name)} and answer.partner in {b"", theirs.get(name)}
        }

    def park(self, case: Case, link: Link | None, code: str, field: str = "", *, retry: bool = False) -> Decision:
        """`retry`: what stands in the way may go away without this record being touched."""
        base = link or new_link(case)
        reason = code.partition(":")[2]
        match = self.match_key(self.match_of(case))
        partner = case.partner_ref or base.partner
        crm, told = record_of(case.crm), record_of(case.partner)
        parked = replace(
            base,
            state=LinkState.PARKED,
            partner=partner,
            match=match,
            parked={field: reason},
            crm_revision=crm.revision or "" if crm is not None else "",
            partner_revision=told.revision or "" if told is not None else "",
        )
        if parked == link and not 0 < link.retry_at <= self.now.timestamp() and self._revised(parked):
            return Decision(code=WAITS)
        return Decision(code=code, link=parked, at_field=field, retry=retry)

    @staticmethod
    def _revised(link: Link) -> bool:
        """Whether the link says what version of its record it was parked for: that one need not be told again."""
        return bool(link.crm_revision or link.partner_revision)

    def match_of(self, case: Case) -> str | None:
        """The canonical match value of the pair: Dynamics' own when its record was seen, else the partner's."""
        crm, partner = record_of(case.crm), record_of(case.partner)
        if crm is not None:
            return case.map.match_of(crm, Side.CRM)
        return case.map.match_of(partner, Side.PARTNER) if partner is not None else None

    def match_key(self, text: str | None) -> MatchKey | None:
        return self.digester.match(text) if text is not None else None

    def conditional(self, case: Case, side: Side) -> bool:
        return (self.crm_caps(case) if side is Side.CRM else self.partner_caps(case)).conditional_write

    def crm_caps(self, case: Case) -> KindCapabilities:
        return self.capabilities[Side.CRM].kinds[case.map.entity.crm_kind]

    def partner_caps(self, case: Case) -> KindCapabilities:
        return self.capabilities[Side.PARTNER].kinds[case.map.entity.partner_kind]


def new_link(case: Case) -> Link:
    """A pair nothing is known of yet."""
    return Link(crm=case.crm_ref, entity=case.map.entity.name, incarnation=case.incarnation)


def digests(compiled: CompiledMap, record: Record, side: Side, digester: Digester) -> dict[str, bytes]:
    """What `side` stores now, field by field, as the link would remember it."""
    return digests_of(compiled.fields, record, side, digester)


def digests_of(items: Iterable[CompiledField], record: Record, side: Side, digester: Digester) -> dict[str, bytes]:
    """The same of some fields."""
    found: dict[str, bytes] = {}
    for item in items:
        value = item.take(record, side)
        if value is not ABSENT:
            found[item.id] = digester.raw(item.prefix + item.canonical(value, side))
    return found


def parked_code(reason: str) -> str:
    """The outcome code of a record whose field is parked with `reason`."""
    return "conflicted:asked" if reason == ASKED else f"failed:{reason}"


def _same(ref: Ref) -> Ref | None:
    """References were made the same on both sides before the merge (`shared.sync.references`)."""
    return ref


def record_of(seen: Record | Gone | None) -> Record | None:
    return seen if isinstance(seen, Record) else None
