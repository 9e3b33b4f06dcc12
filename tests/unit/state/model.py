"""What folds must come to, as plain dicts: no pages, no order, no crash."""

from __future__ import annotations

import random
from dataclasses import replace

from shared.domain.identity import Link, LinkKey, LinkState, MatchKey
from shared.domain.records import Ref
from shared.state import CursorState, Fact, Held, LaneChanges, MatchEntry
from shared.state.reader import LaneReader
from shared.state.reverse import PartnerEntry, partner_key
from tests.unit.state.world import key, link, match, partner

LIVE = {LinkState.LINKED, LinkState.AWAITING, LinkState.PARKED}


class Model:
    """Links by key, candidates by partner record, cursors by name."""

    def __init__(self) -> None:
        self.links: dict[LinkKey, Link] = {}
        self.candidates: dict[Ref, MatchKey] = {}
        self.cursors: dict[str, CursorState] = {}
        self.facts: dict[str, Fact] = {}

    def copy(self) -> Model:
        twin = Model()
        twin.links, twin.candidates = dict(self.links), dict(self.candidates)
        twin.cursors, twin.facts = dict(self.cursors), dict(self.facts)
        return twin

    def fold(self, changes: LaneChanges) -> None:
        for name in changes.links_removed:
            self.links.pop(name, None)
        for put in changes.links:
            self.links[put.key] = put
        for ref, carried in changes.candidates.items():
            if carried is None:
                self.candidates.pop(ref, None)
            else:
                self.candidates[ref] = carried
        for put in changes.links:
            if put.partner and put.state in LIVE:
                self.candidates.pop(put.partner, None)
        for name, cursor in changes.cursors.items():
            if cursor is None:
                self.cursors.pop(name, None)
            else:
                self.cursors[name] = cursor
        self.facts.update(changes.facts)

    def of_partner(self, ref: Ref) -> LinkKey | None:
        named = [held for held in self.links.values() if held.partner == ref]
        named.sort(key=lambda held: (held.state in LIVE, held.incarnation, held.key))
        return named[-1].key if named else None

    def taken(self) -> set[Ref]:
        return {held.partner for held in self.links.values() if held.partner and held.state in LIVE}


def assert_holds(held: Held, model: Model, people: int) -> None:
    """The lane state answers every question as the model does."""
    assert list(held.scan_links()) == [model.links[name] for name in sorted(model.links)]
    assert held.links(key(number) for number in range(people)) == model.links
    refs = [partner(number) for number in range(people)]
    assert held.by_partner(refs) == {ref: found for ref in refs if (found := model.of_partner(ref))}
    matches = [match(number) for number in range(people)]
    known = held.by_match(matches)
    for one in matches:
        links = {name for name, found in model.links.items() if found.match == one}
        carried = {ref for ref, value in model.candidates.items() if value == one and ref not in model.taken()}
        entry = known.get(one)
        assert (set(entry.links), set(entry.candidates)) == (links, carried) if entry else not links | carried
    assert {name: cursor for name in model.cursors if (cursor := held.cursor(name))} == model.cursors
    assert dict(held.facts) == model.facts
    counts: dict[str, int] = {}
    for found in model.links.values():
        names = [f"contact.{found.state.value}"]
        names += ["contact.parked_fields"] if found.parked and found.state is LinkState.LINKED else []
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    assert dict(held.counts) == counts


def assert_tidy(reader: LaneReader, model: Model, people: int) -> None:
    """No reverse entry is left that is not true."""
    for number in range(people):
        ref, value = partner(number), match(number)
        entry = reader.partner_entries([partner_key(ref)]).get(partner_key(ref), PartnerEntry())
        assert set(entry.links) == {name for name, one in model.links.items() if one.partner == ref}
        assert entry.match == model.candidates.get(ref)
        matched = reader.match_entries([value]).get(value, MatchEntry())
        assert set(matched.links) == {name for name, one in model.links.items() if one.match == value}
        assert set(matched.candidates) == {one for one, carried in model.candidates.items() if carried == value}


def assert_sound(held: Held, before: Model, after: Model, people: int) -> None:
    """What a fold cut short may leave: each link as it was or as it will be, and no true reverse entry missing."""
    found = {one.key: one for one in held.scan_links()}
    for name, one in found.items():
        assert one in (before.links.get(name), after.links.get(name))
    by_partner = held.by_partner(partner(number) for number in range(people))
    live: dict[Ref, LinkKey] = {}
    for one in found.values():
        if one.partner and one.state in LIVE:
            assert one.partner not in live, "two links in use of one partner record"
            live[one.partner] = one.key
    assert {ref: name for ref, name in by_partner.items() if found[name].state in LIVE} == live
    by_match = held.by_match(match(number) for number in range(people))
    for one in found.values():
        if one.match is not None:
            assert one.key in by_match[one.match].links
    for ref, value in before.candidates.items():
        if ref not in live and (after.candidates.get(ref) == value or ref in after.taken()):
            assert ref in by_match[value].candidates
    assert len(list(held.scan_links())) == sum(
        count for name, count in held.counts.items() if not name.endswith("parked_fields")
    )


def some_changes(dice: random.Random, model: Model, people: int, size: int) -> LaneChanges:
    """Changes an engine could make: creates, edits, moves and swaps of partners, tombstones, removals, candidates."""
    return _Maker(dice, model, people).make(size)


class _Maker:
    def __init__(self, dice: random.Random, model: Model, people: int) -> None:
        self.dice = dice
        self.links = dict(model.links)
        self.taken = model.taken()
        self.people = people
        self.free = [number for number in range(people) if partner(number) not in self.taken]
        self.put: dict[LinkKey, Link] = {}
        self.removed: set[LinkKey] = set()
        self.candidates: dict[Ref, MatchKey | None] = {}

    def make(self, size: int) -> LaneChanges:
        for number in self.dice.sample(range(self.people), size):
            name = key(number)
            if name in self.put or name in self.removed:
                continue
            old = self.links.get(name)
            if old is None or old.state is LinkState.TOMBSTONE:
                self.begin(number, old)
            else:
                self.dice.choice([self.edit, self.edit, self.park, self.swap, self.bury, self.remove, self.move])(
                    number, old
                )
        self.remember(size // 2)
        number = self.dice.randrange(10**6)
        return LaneChanges(
            links=list(self.put.values()),
            links_removed=self.removed,
            candidates=self.candidates,
            cursors={"crm.contact": CursorState(token=f"token{number}", facts={"n": number}), "gone": None},
            facts={"phase": f"phase{number}"},
        )

    def begin(self, number: int, old: Link | None) -> None:
        if not self.free or self.dice.random() < 0.1:
            if old is not None:
                self.removed.add(old.key)
            return
        other = self.free.pop(self.dice.randrange(len(self.free)))
        self.put[key(number)] = link(
            number,
            version=self.dice.randrange(1000),
            fields=3,
            partner=partner(other),
            match=match(self.dice.choice([number, other])),
            state=self.dice.choice([LinkState.LINKED, LinkState.LINKED, LinkState.AWAITING]),
            incarnation=self.dice.randrange(3),
        )

    def edit(self, number: int, old: Link) -> None:
        fresh = link(number, version=self.dice.randrange(1000), fields=3)
        self.put[old.key] = replace(fresh, partner=old.partner, match=old.match, state=old.state)

    def park(self, _: int, old: Link) -> None:
        self.put[old.key] = old.with_(match=match(self.dice.randrange(self.people)), parked={"field1": "too_long"})

    def swap(self, _: int, old: Link) -> None:
        settled = self.put.keys() | self.removed | {old.key}
        twins = [one for one in self.links.values() if one.key not in settled and one.state in LIVE]
        if twins:
            twin = self.dice.choice(twins)
            self.put[old.key], self.put[twin.key] = old.with_(partner=twin.partner), twin.with_(partner=old.partner)

    def bury(self, _: int, old: Link) -> None:
        self.put[old.key] = old.with_(state=LinkState.TOMBSTONE)

    def remove(self, _: int, old: Link) -> None:
        self.removed.add(old.key)
        if old.partner:
            self.candidates[old.partner] = old.match

    def move(self, _: int, old: Link) -> None:
        if self.free:
            self.put[old.key] = old.with_(partner=partner(self.free.pop(self.dice.randrange(len(self.free)))))

    def remember(self, count: int) -> None:
        claimed = {one.partner for one in self.put.values() if one.partner and one.state in LIVE}
        for number in self.dice.sample(range(self.people), count):
            ref = partner(number)
            if ref not in claimed and (ref not in self.taken or ref in self.candidates):
                self.candidates[ref] = self.dice.choice([None, match(number), match(self.dice.randrange(self.people))])
