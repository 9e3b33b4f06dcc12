"""What a run is about to do, or what a dry run would have done: changes in a safe order, counted, with samples.

The dry run is the run's own code with the last step swapped: what would be written is added to a plan instead. A plan
keeps every count but only some samples, so that its size does not grow with the number of records; its fingerprint
covers them all, whatever order they came in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import blake2b

from shared.domain.records import FieldState, Ref, Side


class Act(IntEnum):
    """What is done to a record; in this order within an entity."""

    CREATE = 1
    UPDATE = 2
    DEACTIVATE = 3
    DELETE = 4

    @property
    def removes(self) -> bool:
        return self in {Act.DEACTIVATE, Act.DELETE}


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of a change: its id, the column written, what stands there (ABSENT: not known) and what would."""

    field_id: str
    column: str
    now: FieldState
    then: FieldState


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write that is planned. `code` is its outcome when nothing goes wrong (`shared.domain.outcomes`)."""

    entity: str
    side: Side
    act: Act
    crm: Ref
    partner: Ref | None = None
    code: str
    differences: tuple[Difference, ...] = ()
    add_labels: frozenset[str] = frozenset()
    remove_labels: frozenset[str] = frozenset()

    def fingerprint(self) -> int:
        """A number that is the same for the same change, wherever and whenever it is planned."""
        parts = [self.entity, self.side.value, self.act.name, str(self.crm), str(self.partner), self.code]
        parts += sorted(f"{item.column}={_shown(item.then)}" for item in self.differences)
        parts += [*sorted(self.add_labels), "|", *sorted(self.remove_labels)]
        text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(text, digest_size=16).digest())


def _shown(value: FieldState) -> str:
    return repr(sorted(value)) if isinstance(value, frozenset) else repr(value)


@dataclass(slots=True)
class Plan:
    """Counts by (entity, side, act, code), samples of each, and a fingerprint of everything added.

    `skips` counts records that would not be written, by (entity, code). `complete` is false for a dry run that was
    stopped before its end.
    """

    samples_each: int = 20
    counts: Counter[tuple[str, Side, Act, str]] = field(default_factory=Counter)
    skips: Counter[tuple[str, str]] = field(default_factory=Counter)
    fields: Counter[tuple[str, Side, str]] = field(default_factory=Counter)
    samples: list[Change] = field(default_factory=list)
    complete: bool = True
    _sum: int = 0

    def add(self, change: Change) -> None:
        group = (change.entity, change.side, change.act, change.code)
        if self.counts[group] < self.samples_each:
            self.samples.append(change)
        self.counts[group] += 1
        self.fields.update((change.entity, change.side, item.field_id) for item in change.differences)
        self._sum = (self._sum + change.fingerprint()) % 2**128

    def skip(self, entity: str, code: str) -> None:
        self.skips[entity, code] += 1

    @property
    def fingerprint(self) -> str:
        """Equal for plans of the same changes and the same skips; what a person accepts before anything is written."""
        skips = "\n".join(f"{entity}\x1f{code}\x1f{count}" for (entity, code), count in sorted(self.skips.items()))
        return blake2b(f"{self._sum:032x}\n{skips}".encode(), digest_size=16).hexdigest()

    def merge(self, other: Plan) -> None:
        """Takes over another part of the same dry run (another page, another lane)."""
        for change in other.samples:
            group = (change.entity, change.side, change.act, change.code)
            if sum(_group(sample) == group for sample in self.samples) < self.samples_each:
                self.samples.append(change)
        self.counts.update(other.counts)
        self.skips.update(other.skips)
        self.fields.update(other.fields)
        self._sum = (self._sum + other._sum) % 2**128

    def removals(self) -> int:
        return sum(count for (_, _, act, _), count in self.counts.items() if act.removes)


def _group(change: Change) -> tuple[str, Side, Act, str]:
    return (change.entity, change.side, change.act, change.code)


@dataclass(frozen=True, slots=True)
class GuardFacts:
    """Why the mass-delete guard stopped a run: how many removals were asked for, how many are let through."""

    removals: int
    allowed: int
    links: int

    @property
    def message(self) -> str:
        return (
            f"{self.removals} records would be removed, more than the {self.allowed} that a run may remove of "
            f"{self.links} linked ones; look at the list, then release the run or correct the source"
        )


def delete_guard(removals: int, links: int, *, least: int = 25, share: float = 0.02) -> GuardFacts | None:
    """None while a run may go on; the facts once it asks for more removals than max(`least`, `share` of all links)."""
    allowed = max(least, int(links * share))
    return GuardFacts(removals, allowed, links) if removals > allowed else None


def empty_guard(seen: int, links: int, *, least: int = 10) -> bool:
    """Whether a complete walk that found nothing, though links exist, has to be doubted instead of believed."""
    return seen == 0 and links >= least
