"""What the causal history of one field of one pair says about what it must be at rest.

Every edit by a user is a node; an edit supersedes another when its user could see the other's value, or the value that
had replaced it. What nobody superseded is the *frontier*: one edit at most a side. One edit in it means that nobody
contradicted it (I4); two that differ are a true conflict (I5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain.records import Side, Value
from tests.simulation.forms import carries, composed, is_empty, joins, same, tells
from tests.simulation.ledger import Asked, Event
from tests.simulation.moments import gone_before, held_at, seen_then, source_then
from tests.simulation.profiles import SimField


@dataclass(frozen=True, slots=True)
class Edit:
    """One value a user entered (or one that came from outside the pair, `foreign`)."""

    number: int
    side: Side
    value: Value | None
    foreign: bool = False


@dataclass(slots=True)
class Story:
    """What became of one field of one pair.

    `returned` are edits that put back what both sides had agreed on last, or enter just what a write of the hub was to
    put there whose answer was lost: nobody who compares with that can see them.
    `late` are edits that a write carried which took effect after its sender had given it up.
    `doubt`: a user went on from a write of which the hub may not have learnt, so it cannot know whose value stands.
    `replaced`: the partner record was taken for one that the hub had made, and a user had deleted.
    `met` is when the later of the two records was made: what came before is from an earlier counterpart of the other.
    `half_heard` are values of writes whose answers were lost, when a user went on from another field of the same one:
    nobody can tell whether it was made. `half_met` numbers those of them that a first meeting of two records made.
    `before` is what may have been agreed when such a write was made, by its number.
    `looks` are the moments at which the hub saw one of the two records.
    `bases` holds what both sides may have agreed on when an edit was made; of those in `while_open` it is no more than
    what users made alike by chance, between two looks perhaps.
    """

    item: SimField
    edits: list[Edit] = field(default_factory=list)
    past: dict[Edit, frozenset[Edit]] = field(default_factory=dict)
    last: dict[Side, Edit] = field(default_factory=dict)
    lost_in_window: set[Edit] = field(default_factory=set)
    late: set[Edit] = field(default_factory=set)
    returned: set[Edit] = field(default_factory=set)
    half_heard: list[Edit] = field(default_factory=list)
    half_met: set[int] = field(default_factory=set)
    before: dict[int, list[dict[Side, Value | None]]] = field(default_factory=dict)
    bases: dict[Edit, list[Value | None]] = field(default_factory=dict)
    doubt: bool = False
    revived: bool = False
    replaced: bool = False
    former: bool = False
    first_hub: int | None = None
    met: int = 0
    looks: Sequence[int] = ()
    is_open: bool = False  # the two met with unequal values, and nothing was carried over since
    while_open: set[Edit] = field(default_factory=set)

    def frontier(self) -> list[Edit]:
        seen: set[Edit] = set()
        for edit in self.edits:
            seen |= self.past[edit]
        return [edit for edit in self.edits if edit not in seen]

    def puts_back(self, edit: Edit, stands: Sequence[Edit]) -> bool:
        """Whether a user entered, where one of these half-heard writes came from, what was agreed before it."""
        side = edit.side
        halves = [half for half in stands if half.side is not side and half.number < edit.number]
        bases = [held[side] for half in halves for held in self.before[half.number]]
        return any(carries(self.item, base, edit.value, (side, side)) for base in bases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What the ledger knows of a pair besides its commits.

    `conditional` are the sides that refuse a stale write, where the hub has no excuse for overwriting what it did not
    know. `unheard_of` are updates whose answers were lost. `former`: one of the two may have had another counterpart
    before. `stamped` are the sides where a write leaves a stamp, by which it is known whatever users make of it. `key`
    is how the hub names the pair, `parted` when the Dynamics row's last former counterpart went: what the hub wrote to
    the row until then was for that pair. `made` is the create that made one of the two from the other, all the same.
    """

    conditional: frozenset[Side]
    unheard_of: Sequence[Asked] = ()
    former: bool = False
    stamped: frozenset[Side] = frozenset()
    key: str = ""
    parted: int = 0
    made: int = 0
    looks: Sequence[int] = ()

    def is_anothers(self, written: Event) -> bool:
        """Whether a write was sent for another pair of its record: the sender names the pair with each write."""
        made_elsewhere = self.former and written.by_hub and written.op == "create" and written.number != self.made
        named = written.sent.keys.get(written.ref) if written.sent is not None else None
        parted = written.side is Side.CRM and written.number < self.parted
        return made_elsewhere or parted or (named is not None and named != self.key)


def tell(item: SimField, events: Sequence[Event], pairing: Pairing, *, generous: bool) -> Story:
    """Goes through the commits of both records in order. `generous`: a user who saw an equal value saw the other side's
    edit too."""
    met = max((event.number for event in events if event.op == "create"), default=0)
    telling = _Telling(Story(item, former=pairing.former, met=met, looks=pairing.looks), events, pairing, generous)
    for event in events:
        telling.take(event)
    story, stamped = telling.story, pairing.stamped
    story.half_heard = [edit for event in events if (edit := _half_heard(item, events, event, stamped)) is not None]
    story.half_met = {edit.number for edit in story.half_heard if _is_of_the_meeting(story, events, edit)}
    return story


@dataclass(slots=True)
class _Telling:
    """A story while it is told: what each side holds, and which edits its users can have seen."""

    story: Story
    events: Sequence[Event]
    pairing: Pairing
    generous: bool
    known: dict[Side, frozenset[Edit]] = field(default_factory=lambda: dict.fromkeys(Side, frozenset()))
    value: dict[Side, Value | None] = field(default_factory=lambda: dict.fromkeys(Side))
    # the last first: what users made equal may not have been noticed
    agreed: list[dict[Side, Value | None]] = field(default_factory=list)
    unsure: set[Side] = field(default_factory=set)

    def take(self, event: Event) -> None:
        story, item, side = self.story, self.story.item, event.side
        if event.op in {"delete", "merge", "restore"}:
            story.revived = True
            return
        if event.by_hub and event.op == "create" and gone_before(self.events, event):
            _start_anew(story, event)
            self.known[side], self.value[side] = frozenset(story.edits[-1:]), event.fields.get(item.name)
            return
        if event.by_hub:
            self._first_look(event)
            story.doubt = story.doubt or event.afterwards
        if item.name not in event.fields:
            if not self.pairing.is_anothers(event):
                self.agreed = _agreed_empty(item, self.events, event, self.value, story.met) or self.agreed
            return
        if event.by_hub:
            self._carried(event)
        elif not self._typed(event):
            return
        self.value[side] = event.fields[item.name]
        self.agreed = _agreed_after(story, self.events, event, self.value, self.agreed)

    def _first_look(self, written: Event) -> None:
        """The hub met this pair. What two users had left alike is agreed only if it was so when the hub looked."""
        story = self.story
        if story.first_hub is not None or written.number < story.met or self.pairing.is_anothers(written):
            return
        story.first_hub = written.number
        if written.number == story.met:
            return
        mine = held_at(story.item, self.events, written.side, written.knew())
        theirs = source_then(story.item, self.events, written, self.value)
        if not same(story.item, mine, theirs, at=(written.side, written.side.other)):
            self.agreed = _nothing_to_give(story.item, {written.side: mine, written.side.other: theirs})
            story.bases = {edit: [] for edit in story.bases}
            story.is_open = True
        elif is_empty(mine) and not self.agreed:
            self.agreed = [dict.fromkeys(Side)]  # neither ever held anything

    def _carried(self, event: Event) -> None:
        side, was_in_doubt = event.side, self.story.doubt
        self.story.before[event.number] = self.agreed
        self.story.is_open = False
        elsewhere = self.pairing.is_anothers(event)
        self.known[side] |= _written(self.story, event, self.value, self.known, self.pairing.conditional, elsewhere)
        if event.doubtful:
            self.unsure.add(side)
        elif not elsewhere:
            self.unsure.clear()
            if was_in_doubt:
                self._settled(event)

    def _settled(self, written: Event) -> None:
        """An answered write ends all doubt: what it put there is agreed from now on, whosever it was. Who entered
        something on the other side after that was read went on from it."""
        story, item, side = self.story, self.story.item, written.side
        mine = written.number if side in self.pairing.conditional else written.knew()
        seen = {side: mine, side.other: seen_then(self.events, written)}
        start = Edit(written.number, side, written.fields[item.name])
        source = source_then(item, self.events, written, self.value)
        if carries(item, source, start.value, (side.other, side)):
            start = Edit(written.number, side.other, source)  # whole, where the write was cut
        story.doubt = False
        story.past[start] = frozenset(edit for edit in story.edits if edit.number <= seen[edit.side])
        story.edits.append(start)
        story.late.add(start)
        for edit in story.edits:
            if edit is not start and edit.side is side.other and edit.number > seen[edit.side]:
                story.past[edit] |= story.past[start] | {start}
        for either in Side:
            self.known[either] |= story.past[start] | {start}

    def _typed(self, event: Event) -> bool:
        """What a user entered. False: a field that was never filled in is no edit."""
        item, side, value = self.story.item, event.side, self.value
        new = event.fields[item.name]
        if event.op == "create" and is_empty(new):
            value[side] = new
            if event.number == self.story.met and is_empty(value[side.other]):
                self.agreed = [dict(value)]
            return False
        both = self.generous and same(item, value[side], value[side.other], at=(side, side.other))
        past = self.known[side] | self.known[side.other] if both else self.known[side]
        edit = Edit(event.number, side, new)
        _entered(self.story, edit, past, self.agreed, self.pairing.unheard_of)
        self.story.doubt = self.story.doubt or side in self.unsure
        self.known[side] |= past | {edit}
        return True


def _agreed_after(
    story: Story,
    events: Sequence[Event],
    event: Event,
    value: Mapping[Side, Value | None],
    agreed: list[dict[Side, Value | None]],
) -> list[dict[Side, Value | None]]:
    """What both sides may have agreed on after an event that left `value` on them, the last first."""
    item, side = story.item, event.side
    if same(item, value[side], value[side.other], at=(side, side.other)):
        return [dict(value)] if event.by_hub else [dict(value), *agreed]
    if not event.by_hub or (event.number != story.met and event.op != "update"):
        return agreed
    then = _agreed_then(item, events, event, value) or _joined_then(item, events, event, value)
    _compared_with(story, events, event, then)
    return [*then, *agreed] if event.doubtful else then or agreed


def _half_heard(item: SimField, events: Sequence[Event], sent: Event, stamped: frozenset[Side]) -> Edit | None:
    """The value of an update whose answer was lost, when another field of it is the next thing a user edits there and
    its value is no evidence, or nobody may read the record any more."""
    doubtful = sent.by_hub and sent.doubtful and sent.op == "update" and sent.side not in stamped
    if not doubtful or item.name not in sent.fields:
        return None
    for event in events:
        if event.number <= sent.number or event.side is not sent.side:
            continue
        if event.by_hub or item.name in event.fields:
            return None
        if event.hidden or (event.fields.keys() & sent.fields.keys() and not tells(item, sent.fields[item.name])):
            return Edit(sent.number, sent.side, sent.fields[item.name], foreign=True)
    return None


def _is_of_the_meeting(story: Story, events: Sequence[Event], half: Edit) -> bool:
    """Whether a write was of the first meeting of two records that were there before: the first one to its side, by the
    slice that met them. Nothing was agreed before on what it carries."""
    if story.first_hub is None or not story.met < story.first_hub <= half.number:
        return False
    writes = [event for event in events if event.by_hub and story.first_hub <= event.number <= half.number]
    begun, made = writes[0].sent, writes[-1].sent
    same_slice = begun is not None and made is not None and begun.worker == made.worker
    return same_slice and sum(event.side is half.side for event in writes) == 1


def _agreed_empty(
    item: SimField, events: Sequence[Event], event: Event, value: Mapping[Side, Value | None], met: int
) -> list[dict[Side, Value | None]]:
    """Both records are there now, and neither holds anything, as far as was known; or the field goes one way, and the
    record that was made has nothing to give: then each side's own value is what it is compared with."""
    if len(item.into) == 1 and event.number == met and event.by_hub:
        return [dict(value)]
    empty = event.number == met and not value[event.side] and not source_then(item, events, event, value)
    return [dict.fromkeys(Side)] if empty else []


def _nothing_to_give(item: SimField, held: Mapping[Side, Value | None]) -> list[dict[Side, Value | None]]:
    """What two records agreed on at their first meeting where a field goes one way and its source was empty: each
    side's own value."""
    return [dict(held)] if len(item.into) == 1 and all(is_empty(held[side.other]) for side in item.into) else []


def _agreed_then(
    item: SimField, events: Sequence[Event], made: Event, value: Mapping[Side, Value | None]
) -> list[dict[Side, Value | None]]:
    """What was carried over, where the record it came from moved on meanwhile."""
    source, new = source_then(item, events, made, value), made.fields[item.name]
    carried = carries(item, source, new, (made.side.other, made.side))
    return [{made.side: new, made.side.other: source}] if carried else []


def _joined_then(
    item: SimField, events: Sequence[Event], made: Event, value: Mapping[Side, Value | None]
) -> list[dict[Side, Value | None]]:
    """What both sides hold once the choices of both were put together on one of them: who takes one of these away from
    then on has taken it from both."""
    source, new = source_then(item, events, made, value), made.fields[item.name]
    if item.rule != "union" or not isinstance(new, frozenset) or not isinstance(source, frozenset):
        return []
    return [dict.fromkeys(Side, new & source)]


def _compared_with(
    story: Story, events: Sequence[Event], written: Event, then: Sequence[Mapping[Side, Value | None]]
) -> None:
    """What was carried over is what users' edits are compared with that came after it was read."""
    seen, known = seen_then(events, written), [held[Side.CRM] for held in then]
    for edit in story.edits:
        if known and edit.side is written.side.other and edit.number > seen and not edit.foreign:
            story.bases[edit] = [*known, *story.bases.get(edit, ())] if written.doubtful else known


def _start_anew(story: Story, made: Event) -> None:
    """What users had entered in the record that is gone went with it; what the create sent is nobody's edit."""
    story.edits = [edit for edit in story.edits if edit.side is not made.side]
    story.last.pop(made.side, None)
    sent = Edit(made.number, made.side, made.fields.get(story.item.name), foreign=True)
    story.edits.append(sent)
    story.past[sent] = frozenset()
    story.last[made.side] = sent


def _entered(
    story: Story,
    edit: Edit,
    past: frozenset[Edit],
    agreed: Sequence[dict[Side, Value | None]],
    unheard_of: Sequence[Asked],
) -> None:
    side = edit.side
    story.edits.append(edit)
    story.past[edit] = past
    story.last[side] = edit
    story.bases[edit] = [known_to_both[Side.CRM] for known_to_both in agreed]
    if story.is_open:
        story.while_open.add(edit)
    put_back = any(carries(story.item, known_to_both[side], edit.value, (side, side)) for known_to_both in agreed)
    if put_back or any(_looks_like(story.item, edit, asked) for asked in unheard_of):
        story.returned.add(edit)


def _looks_like(item: SimField, edit: Edit, asked: Asked) -> bool:
    """Whether an edit looks like a write of the hub that was asked for before."""
    if asked.side is not edit.side or asked.number >= edit.number or item.name not in asked.fields:
        return False
    return carries(item, asked.fields[item.name], edit.value, (asked.form or edit.side, edit.side))


def _written(
    story: Story,
    event: Event,
    value: Mapping[Side, Value | None],
    known: dict[Side, frozenset[Edit]],
    conditional: frozenset[Side],
    elsewhere: bool,
) -> frozenset[Edit]:
    """What a user of `event.side` can see after this write of the hub. `value` is what both sides held before it.
    `elsewhere`: it was sent for another pair of the record."""
    side, new = event.side, event.fields[story.item.name]
    joined = known[side.other] if story.item.rule == "union" and joins(new, value) else frozenset()
    if side not in conditional:
        for edit in known[side] - known[side.other]:
            if edit.side is side and edit.number > event.knew():
                story.lost_in_window.add(edit)
    source = None if elsewhere and story.former else _source(story, side, new)
    if source is None and story.item.rule == "union" and not story.former and composed(new, value):
        return known[side.other]  # who sees it sees what the other side's users chose, as far as it was joined
    if source is None:
        source = Edit(event.number, side, new, foreign=True)
        story.edits.append(source)
        story.past[source] = frozenset()
    if event.afterwards:
        story.late.add(source)
    return story.past[source] | {source} | joined


def _source(story: Story, side: Side, new: Value | None) -> Edit | None:
    """The edit whose value the hub carried: the other side's latest that fits, else an older one of this side."""
    item = story.item
    for edit in reversed(story.edits):
        if edit.side is side.other and carries(item, edit.value, new, (side.other, side)):
            return edit
    for edit in reversed(story.edits):
        if edit.side is side and carries(item, edit.value, new, (side, side)):
            return edit
    return None


def holds(item: SimField, edits: Sequence[Edit], value: Value | None, side: Side) -> bool:
    """Whether `value` on `side` is one of these edits' values."""
    return any(carries(item, edit.value, value, (edit.side, side)) for edit in edits) or (not edits and is_empty(value))
