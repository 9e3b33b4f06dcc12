"""Labels (tags) that say which partner records take part, expressed without naming the system.

A partner record takes part while it carries a pair: one *kind* label (which Dynamics kind it belongs to) and one
*origin* label (which side it came from). Labels are compared without case, brackets and extra spaces; aliases are
other spellings of a label (another language's) that count as that label.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of one entity map.

    `kind` marks records of this entity, `pushed` those that came from Dynamics, `pulled` those that Dynamics took
    from the partner. `aliases` maps other spellings to one of these three (or of `foreign`). `foreign` holds the
    kind labels of other entities that share the partner's kind, with their rank relative to this one: negative when
    this entity beats them (a contact beats a lead).
    """

    kind: str
    pushed: str
    pulled: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    foreign: Mapping[str, int] = field(default_factory=dict)

    def meaning(self, label: str) -> str | None:
        """The label of this map that `label` is a spelling of."""
        wanted = bare(label)
        for own in (self.kind, self.pushed, self.pulled, *self.foreign):
            if bare(own) == wanted:
                return own
        return next((own for alias, own in self.aliases.items() if bare(alias) == wanted), None)

    def known(self, labels: Iterable[str]) -> frozenset[str]:
        """Those of this map's labels that are present, in the map's own spelling."""
        return frozenset(found for label in labels if (found := self.meaning(label)) is not None)

    def missing(self, labels: Iterable[str]) -> tuple[str, ...]:
        """What is missing of a pair, for "skipped: tags missing": the kind label, and "pushed or pulled"."""
        known = self.known(labels)
        gaps = [] if self.kind in known else [self.kind]
        if not known & {self.pushed, self.pulled}:
            gaps.append(f"{self.pushed} / {self.pulled}")
        return tuple(gaps)

    def complete(self, labels: Iterable[str]) -> bool:
        """Whether a pair of this map's kind is present."""
        return not self.missing(labels)

    def outranked(self, labels: Iterable[str]) -> bool:
        """Whether another entity's kind label that beats this one's is present too."""
        return any(self.foreign.get(label, -1) > 0 for label in self.known(labels))

    def asking(self) -> frozenset[str]:
        """The label without which no record asks to be made in Dynamics, in each of its spellings."""
        return frozenset({self.pulled, *(alias for alias, meant in self.aliases.items() if meant == self.pulled)})

    def pushed_pair(self) -> frozenset[str]:
        return frozenset({self.kind, self.pushed})

    def pulled_pair(self) -> frozenset[str]:
        return frozenset({self.kind, self.pulled})

    def asks_to_create(self, labels: Iterable[str] | None) -> bool:
        """Whether the record carries the pair that an automation sets to have it made in Dynamics."""
        if labels is None:
            return False
        present = frozenset(labels)
        return self.pulled_pair() <= self.known(present) and not self.outranked(present)

    def swap(self, labels: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
        """What to add and what to remove when a record becomes one of this kind: the origin label stays.

        What is removed is given in the spelling it was found in; what is there already, in whatever spelling, is
        not added again.
        """
        present = frozenset(labels)
        known = self.known(present)
        add = frozenset({self.kind}) - known
        remove = frozenset(label for label in present if self.meaning(label) in self.foreign)
        return add, remove


@lru_cache(maxsize=1024)
def bare(label: str) -> str:
    """A label as it is compared: no case, no square brackets around it, single spaces."""
    text = unicodedata.normalize("NFC", label).strip()
    while text.startswith("[") and text.endswith("]"):
        text = text[1:-1].strip()
    return " ".join(text.split()).casefold()
