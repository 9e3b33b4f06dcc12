"""The words of one page of work: a case is one pair of records, a decision is what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain.identity import Agreed, Digest, Link, LinkKey, MatchKey
from shared.domain.mapping import CompiledMap
from shared.domain.merge import FieldConflict
from shared.domain.records import FieldName, Gone, Record, Ref, Side, Value
from shared.ports.connector import Op


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer to the question whose value of a field stays. It counts while both sides hold what was asked
    about; a digest of b"" (a question of the first release) is not compared."""

    winner: Side
    crm: bytes = b""
    partner: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Somebody asked for a Dynamics row of this partner record, whatever the entity's rules say of records in general.

    `kind` is what it is to be made as ("": as any other), `given` the references the row is made with. `spares`:
    a row that is there already is left as it is.
    """

    kind: str = ""
    given: Mapping[FieldName, Value] = field(default_factory=dict)
    spares: bool = True


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
    waiting: frozenset[str] = frozenset()  # ids of fields whose parent has no pair yet: they are left out
    commanded: bool = False  # a command of the inbox asked for it, which is done once this page is
    incarnation: int = 0  # of the row that is made for a partner record, where none is linked
    looked_up: bool = False  # Dynamics was asked for a row with this match value
    hidden: set[str] = field(default_factory=set)  # field ids left out: the other side refused them in this page
    refused: dict[str, str] = field(default_factory=dict)  # and the code each was refused with
    stale: set[Side] = field(default_factory=set)  # sides whose record has to be read before deciding again
    asked: Asked | None = None
    witnessed: frozenset[FieldName] = frozenset()  # partner's fields that an event told, of the person's own doing
    partner_asked: bool = False  # the partner was asked for a record with this match value
    taken: bool = False  # it has one, which belongs to another pair
    ambiguous: bool = False  # several rows, or one that is taken, have this match value
    rival: tuple[Side, Ref] | None = None  # the counterpart of the record that this pair's one was merged into
    rival_lives: bool | None = None  # whether it is there; None: it was not read yet
    claims: dict[LinkKey, bool | None] = field(default_factory=dict)  # pairs agreed under its match value that may have
    # moved on: whether a record of them still holds it; None: they were not read yet
    recall: bool = False  # its partner record is one that a walk told a while ago
    found_under: MatchKey | None = None  # what that record was told with; it may carry another value by now
    answers: dict[str, Answer] = field(default_factory=dict)  # by field id
    former: Mapping[str, Agreed] = field(default_factory=dict)  # what outlives the delete of a record that came back
    base: Link | None = None  # the link as it was before the round's decision
    others: set[LinkKey] = field(default_factory=set)  # further links that the decisions on this case changed

    @property
    def alone(self) -> bool:
        """A partner record without a link: the Dynamics row of this id, should there be one, is another case."""
        return self.base is None and self.crm is None and self.partner is not None

    def seen(self, side: Side) -> Record | Gone | None:
        return self.crm if side is Side.CRM else self.partner

    def ref(self, side: Side) -> Ref | None:
        return self.crm_ref if side is Side.CRM else self.partner_ref


@dataclass(slots=True, kw_only=True)  # not frozen: one a record is made, in a quarter of the time
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
    bases: Mapping[str, bytes] = field(default_factory=dict)  # of `union` fields, once it was applied


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What becomes true of the link once every write of its decision was applied.

    None leaves a property as it is. `gone` names the side whose record is gone: the link becomes a tombstone.
    `left`: it is gone because the Dynamics row left the criteria; back inside, the row starts anew.
    `settled`: nothing of the pair is left to do, so its divergence mark goes.
    """

    match: MatchKey | None = None
    crm_revision: str | None = None
    partner_revision: str | None = None
    gone: Side | None = None
    settled: bool = False
    left: bool = False


@dataclass(slots=True, kw_only=True)  # not frozen: one a record is made, in a quarter of the time
class Decision:
    """What to do about a case.

    `link` is the link as it stands before any of `writes` was applied (None: leave it as it is); `done` says what more
    is true once all of them were. `retire` is another link that ends with this decision, `forget` one that is
    taken out altogether. `need` names sides to be read before anything can be decided; with `recall` the partner's need
    not, where a walk told enough of it. `look_up` asks Dynamics for rows with the case's match value, `find` the
    partner for records. `candidate` keeps an unlinked partner record under its match key. `code` is the outcome when
    nothing goes wrong. `retry`: the record is parked, and looked at again after a pause.
    """

    code: str
    link: Link | None = None
    retire: Link | None = None
    forget: LinkKey | None = None
    done: Done = Done()
    writes: tuple[PlannedWrite, ...] = ()
    need: frozenset[Side] = frozenset()
    recall: bool = False
    look_up: bool = False
    find: bool = False
    candidate: MatchKey | None = None
    conflicts: tuple[FieldConflict, ...] = ()
    at_field: str = ""
    retry: bool = False
