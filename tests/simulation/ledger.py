"""What users did and what the hub wrote, as the servers saw it: the witness that the oracle questions.

It shares no code with the engine. It keeps every commit of both systems in one order, and for each write of the hub
what that worker could have known when it sent it. Rules that must hold at every moment are judged as commits arrive;
those that hold at rest are in `oracle`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from shared.connectors.memory import HUB, Commit, MemorySystem, RowState
from shared.domain.records import FieldName, Ref, RemoteId, Side, Value
from shared.ports.connector import CreateKey, Op, Write
from tests.simulation.forms import carries, is_empty, plain

if TYPE_CHECKING:
    from tests.simulation.profiles import Profile, SimField
    from tests.simulation.troubles import Worker

TAG = FieldName("tag")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a worker knew when it sent a write, in the ledger's own numbers. `drained` is the moment of its last whole
    look at the feed of the side written, `read` when it last saw each record written, `seen` any record at all. `owed`
    is the moment from which on it should have looked at that feed and did not (0: it did). `keys` name the pair that
    each record was written for."""

    worker: str
    drained: int
    read: Mapping[Ref, int]
    seen: Mapping[tuple[Side, RemoteId], int]
    owed: int = 0
    keys: Mapping[Ref, str] = field(default_factory=dict)


@dataclass(slots=True)
class Event:
    """One commit. `doubtful`: the hub may not have learnt that this write of its own happened."""

    number: int
    side: Side
    ref: Ref
    by: str
    op: str
    fields: Mapping[FieldName, Value | None]
    before: Mapping[FieldName, Value | None]
    labels: frozenset[str]
    seq: int
    sent: Sent | None = None
    doubtful: bool = False
    hidden: bool = False  # from here on the hub may not read the record
    for_nobody: bool = False  # an import made it that was accepted after its sender had given up
    afterwards: bool = False  # it happened after its sender had given up, or had lost the lane: no answer was awaited

    @property
    def by_hub(self) -> bool:
        return self.by == HUB

    def knew(self) -> int:
        """Up to which moment the sender knew this record."""
        if self.sent is None:
            return 0
        return max(self.sent.drained, self.sent.owed, self.sent.read.get(self.ref, 0))

    def saw(self, side: Side, ref: Ref) -> int:
        """When the sender last saw a record (0: not in this slice)."""
        return 0 if self.sent is None else self.sent.seen.get((side, ref.id), 0)


@dataclass(slots=True)
class Asked:
    """One write the hub asked for, whatever became of it, and whether it can know what did. `number` is the ledger's
    when it was asked for."""

    number: int
    side: Side
    op: Op
    ref: Ref
    fields: Mapping[FieldName, Value | None]
    answered: bool = False
    kept: bool = False
    form: Side | None = None  # the side as whose the values are told, where it is the other one


@dataclass(slots=True)
class Ledger:
    """All events in order. `now` is the number of the last one."""

    profile: Profile
    systems: Mapping[Side, MemorySystem]
    events: list[Event] = field(default_factory=list)
    of: dict[tuple[Side, Ref], list[Event]] = field(default_factory=dict)
    asked_for: list[Asked] = field(default_factory=list)
    _asking: dict[str, list[Asked]] = field(default_factory=dict)  # by worker, those whose answers nobody stored
    _call: dict[str, list[Asked]] = field(default_factory=dict)  # by worker, those of its call under way
    hub_writes: int = 0
    no_ops: int = 0
    overtaken: set[str] = field(default_factory=set)  # workers that lost the lane inside a call
    late: bool = False  # what happens now is the late effect of a request whose sender gave up
    for_nobody: bool = False  # what happens now was promised to such a request: nobody holds its ticket
    dropped: dict[FieldName, list[tuple[int, Side]]] = field(default_factory=dict)  # when columns went, and where
    lengths: dict[tuple[Side, FieldName], int] = field(default_factory=dict)
    shown: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))  # the newest commit the hub knows of
    # what users ever entered, and on which sides
    entered: dict[FieldName, dict[Value | None, set[Side]]] = field(default_factory=dict)
    met: set[tuple[Side, RemoteId]] = field(default_factory=set)  # records that some worker has seen living
    looks: dict[tuple[Side, RemoteId], set[int]] = field(default_factory=dict)  # when some worker saw them
    known: set[tuple[Ref, Ref]] = field(default_factory=set)  # pairs that were linked once, where ids come later
    _sending: list[Sent] = field(default_factory=list)
    _open: dict[str, list[Event]] = field(default_factory=dict)  # writes of a slice whose answers nobody stored
    _told: dict[str, list[Event]] = field(default_factory=dict)  # those of them whose answers were given
    _seqs: dict[Side, list[tuple[int, int]]] = field(default_factory=lambda: {side: [] for side in Side})

    @property
    def now(self) -> int:
        return len(self.events)

    # -- being told ----------------------------------------------------------------------------------------------------

    def context(self, worker: Worker, side: Side, writes: Sequence[Write]) -> Sent:
        kind = writes[0].ref.kind if writes else None
        drained = worker.told.get((side, kind), 0) if kind is not None else 0
        read = {write.ref: worker.read.get((side, write.ref.id), 0) for write in writes}
        owed = worker.paged.get(kind, 0) if kind is not None and side is Side.PARTNER else 0
        if kind is not None and worker.drained.get(kind, -1) >= owed:
            owed = 0
        keys = {write.ref: write.key for write in writes if write.ref.id}
        return Sent(worker.name, drained, read, dict(worker.read), owed, keys)

    @contextmanager
    def sending(self, context: Sent) -> Iterator[None]:
        self._sending.append(context)
        try:
            yield
        finally:
            self._sending.pop()

    def asked(self, worker: Worker, side: Side, writes: Sequence[Write]) -> None:
        asked = [Asked(self.now, side, write.op, write.ref, dict(write.fields)) for write in writes]
        self.asked_for += asked
        self._asking.setdefault(worker.name, []).extend(asked)
        self._call[worker.name] = asked

    def answered(self, worker: Worker) -> None:
        """Every write that was just sent had its answer: what becomes of it depends on the worker alone."""
        self._told.setdefault(worker.name, []).extend(self._open.pop(worker.name, ()))
        for asked in self._call.pop(worker.name, ()):
            asked.answered = True

    def unanswered(self, worker: Worker) -> None:
        """What was just sent had no answer, and never will: not by what is answered to the same worker later either."""
        for event in self._open.pop(worker.name, ()):
            event.doubtful = True

    def answers_kept(self, worker: Worker) -> None:
        """The answers are in the store: whoever comes next can know of these writes."""
        for event in self._told.pop(worker.name, ()):
            event.doubtful = event.afterwards
        for asked in self._asking.pop(worker.name, ()):
            asked.kept = asked.answered

    def slice_ended(self, worker: Worker) -> None:
        """What nobody was told, or nobody stored, is in doubt."""
        for event in [*self._open.pop(worker.name, ()), *self._told.pop(worker.name, ())]:
            event.doubtful = True
        self._asking.pop(worker.name, None)

    def unheard_of(self, side: Side, ref: Ref) -> list[Asked]:
        """Updates of a record of which nobody can know whether they were made: their answers were lost."""
        return [
            asked
            for asked in self.asked_for
            if not asked.kept and asked.op is Op.UPDATE and (asked.side, asked.ref) == (side, ref)
        ]

    def at_commit(self, side: Side, seq: int) -> int:
        """The ledger's number for a commit number of one side."""
        return max((number for known, number in self._seqs[side] if known <= seq), default=0)

    def observe(self, side: Side, commit: Commit) -> list[str]:
        """Keeps a commit, and answers which invariants it breaks by itself."""
        before = commit.before
        if commit.after.state is RowState.DELETED:
            op = "merge" if commit.after.merged_into is not None else "delete"
        elif before is None or not before.there:
            op = "create" if before is None or commit.by == HUB else "restore"
        else:
            op = "update"
        event = Event(
            number=self.now + 1,
            side=side,
            ref=commit.ref,
            by=commit.by,
            op=op,
            fields={name: commit.after.fields.get(name) for name in sorted(commit.after.changed)},
            before=dict(before.fields) if before is not None and before.there else {},
            labels=commit.after.labels,
            seq=commit.after.seq,
            sent=self._sending[-1] if self._sending and commit.by == HUB else None,
            hidden=commit.after.state is RowState.HIDDEN,
        )
        self.events.append(event)
        self.of.setdefault((side, commit.ref), []).append(event)
        self._seqs[side].append((commit.after.seq, event.number))
        if not event.by_hub:
            for name, value in event.fields.items():
                self.entered.setdefault(name, {}).setdefault(value, set()).add(side)
            return []
        self.hub_writes += 1
        self.shown[side] = commit.after.seq
        if event.sent is not None:
            self._open.setdefault(event.sent.worker, []).append(event)
        else:
            event.doubtful = True
        event.afterwards = self.late or (event.sent is not None and event.sent.worker in self.overtaken)
        event.for_nobody = self.for_nobody
        if event.afterwards:
            event.doubtful = True
        unchanged = before is not None and op == "update" and not commit.after.changed
        if unchanged and before is not None and before.labels == commit.after.labels:
            self.no_ops += 1
            return [*self._needless(event), *self._wrong_direction(event)]
        return [
            *self._unseen(event),
            *self._shortened_back(event),
            *self._wrong_direction(event),
            *self._loosened(event),
            *self._double(event),
            *self._revived(event),
            *self._made_up(event),
        ]

    def column_dropped(self, side: Side, name: FieldName) -> None:
        """No user's edit: the values went with the column."""
        self.dropped.setdefault(name, []).append((self.now, side))

    def shortened(self, side: Side, name: FieldName, length: int) -> None:
        """A column got a new length: what is cut by it from now on was not edited by anybody."""
        self.lengths[side, name] = min(length, self.lengths.get((side, name), length))

    # -- what must hold at every moment --------------------------------------------------------------------------------

    def _fields(self, event: Event) -> dict[FieldName, SimField]:
        return {item.name: item for item in self.profile.fields_of(event.ref.kind)}

    def _needless(self, event: Event) -> list[str]:
        """I2: the hub writes nothing that it could know to be there already."""
        last = next((known.number for known in reversed(self.of[event.side, event.ref][:-1])), 0)
        if event.doubtful or last > max(event.knew(), event.saw(event.side, event.ref)):
            return []
        return [f"I2 the hub wrote what {event.side} {event.ref} held already"]

    def _shortened_back(self, event: Event) -> list[str]:
        """I4: a text that a system cut is not carried back to where it is whole."""
        found: list[str] = []
        for name, item in self._fields(event).items():
            new, old = event.fields.get(name), event.before.get(name)
            if event.op != "update" or not item.limits or not isinstance(new, str) or not isinstance(old, str):
                continue
            short, whole = plain(new), plain(old)
            if short and short != whole and whole.startswith(short) and not self._entered(name, short):
                found.append(f"I4 the hub cut {name} of {event.side} {event.ref} to what the other side could hold")
        return found

    def _entered(self, name: FieldName, text: str) -> bool:
        """Whether any user ever wrote this."""
        values = (event.fields.get(name) for event in self.events if not event.by_hub)
        return any(isinstance(value, str) and plain(value) == text for value in values)

    def _unseen(self, event: Event) -> list[str]:
        """I7: a record that a user made is read before it is written."""
        if event.op == "create" or self.of[event.side, event.ref][0].by_hub or (event.side, event.ref.id) in self.met:
            return []
        return [f"I7 the hub wrote {event.side} {event.ref}, which it had never seen"]

    def _wrong_direction(self, event: Event) -> list[str]:
        """I7: nothing is written to an unmapped field, or against the field's direction or rule."""
        found: list[str] = []
        known = self._fields(event)
        stamp = self.profile.capabilities(event.side).stamp
        for name, value in event.fields.items():
            item = known.get(name)
            if name == stamp or (event.op == "create" and value in {None, False}):
                continue
            if item is None or event.side not in item.into:
                found.append(f"I7 the hub wrote {event.side} {event.ref} {name}, which is not its to write")
            elif item.rule == "only_on_create" and event.op == "update":
                found.append(f"I7 the hub wrote {name} of {event.side} {event.ref} though it travels on create only")
            elif item.rule == "fill_if_empty" and event.op == "update" and self._was_filled(event, name):
                found.append(f"I7 the hub filled {name} of {event.side} {event.ref}, which was not empty")
        return found

    def _was_filled(self, event: Event, name: FieldName) -> bool:
        """Whether the field held something that the hub could know of: where no write can be conditional, what a user
        enters after the hub looked last is overwritten unseen."""
        if not event.before.get(name):
            return False
        if self.profile.capabilities(event.side).conditional_write:
            return True
        filled = next((other for other in reversed(self.of[event.side, event.ref][:-1]) if name in other.fields), None)
        return filled is None or filled.number <= event.knew()

    def _loosened(self, event: Event) -> list[str]:
        """I8: the hub never loosens consent."""
        return [
            f"I8 the hub loosened {name} of {event.side} {event.ref}"
            for name, value in event.fields.items()
            if name == "optout"
            and value is not True
            and event.op == "update"
            and event.before.get(name) is True
            and self._was_filled(event, name)
        ]

    def _double(self, event: Event) -> list[str]:
        """I3: the hub makes no second record for a match value it could have found."""
        capabilities = self.profile.capabilities(event.side)
        if event.op != "create" or capabilities.match_field is None or event.sent is None:
            return []
        if capabilities.create_key is CreateKey.UNIQUE_MATCH:
            return []
        table = self.systems[event.side].tables[event.ref.kind]
        match = event.fields.get(capabilities.match_field)
        if not isinstance(match, str):
            return []
        known = max([event.sent.drained, *event.sent.read.values(), self._source_seen(event)])
        for row in table.holders(match):
            ref = Ref(event.ref.kind, row)
            holder = table.now(row)
            if ref == event.ref or holder is None or holder.state is RowState.HIDDEN:
                continue
            since = self._holds_since(event.side, ref, capabilities.match_field, match)
            if since and since <= known:
                return [f"I3 the hub made {event.side} {event.ref} though {ref} held its match value"]
        return []

    def _made_up(self, event: Event) -> list[str]:
        """I4: what the hub writes some user entered once, in this field of some record."""
        known = self._fields(event)
        return [
            f"I4 the hub made up {value!r} for {name} of {event.side} {event.ref}"
            for name, value in event.fields.items()
            if name in known and not self._anybodys(known[name], value, event.side)
        ]

    def _anybodys(self, item: SimField, value: Value | None, side: Side) -> bool:
        if is_empty(value) or isinstance(value, bool | Ref) or any(name == item.name for _, name in self.lengths):
            return True
        entered = self.entered.get(item.name, {})
        if isinstance(value, frozenset):
            return value <= frozenset[str]().union(*(held for held in entered if isinstance(held, frozenset)))
        likely = [value] if value in entered else []  # most are carried as they are; the others are gone through
        ways = (
            (held, (source, target))
            for held in chain(likely, entered)
            for source in entered[held]
            for target in {side, source.other}
        )
        return any(carries(item, held, value, way) for held, way in ways)

    def _revived(self, event: Event) -> list[str]:
        """I6: what was deleted is not made again under its own id, unless nobody can know that it had been made."""
        earlier = self.of[event.side, event.ref][:-1]
        if event.op != "create" or event.afterwards or not earlier:
            return []
        made = next(known for known in reversed(earlier) if known.op == "create")
        since = [known for known in earlier if known.number > made.number]
        seen = (event.side, event.ref.id) in self.met and any(known.op == "restore" for known in since)
        if made.by_hub and made.doubtful and not seen and not any(known.by_hub for known in since):
            return []
        return [f"I6 the hub made {event.side} {event.ref} again, which had been deleted"]

    def _source_seen(self, event: Event) -> int:
        """When the hub saw the record it made this one from: in Dynamics it looks for another one after that."""
        if event.side is Side.PARTNER or event.fields.get(TAG) is None:
            return 0
        return max(
            (
                event.saw(side, ref)
                for (side, ref), events in self.of.items()
                if side is Side.PARTNER and events[0].fields.get(TAG) == event.fields[TAG]
            ),
            default=0,
        )

    def _holds_since(self, side: Side, ref: Ref, name: FieldName, match: str) -> int:
        for event in reversed(self.of[side, ref]):
            value = event.fields.get(name)
            if isinstance(value, str) and value.strip().casefold() == match.strip().casefold():
                return event.number
        return 0
