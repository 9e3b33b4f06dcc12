"""What decides when both sides changed one field to different values.

| rule | one side changed | both changed, unequal |
|---|---|---|
| owner | flows | the owner's value |
| newest | flows | the later record, when the gap is larger than the skew and both times are known; else the owner |
| fill_if_empty | flows only into an empty field | each keeps its own, reported; an empty one is filled |
| only_on_create | never flows: a value travels only when the other record is made | each keeps its own |
| union | flows | the choices of both |
| restrictive | flows only when it is as strict or stricter | the stricter |
| ask | flows | a person decides; nothing is written meanwhile |

Times are those of the whole record, because Dynamics and most partners have no time per field; a write of ours to
another field moves them too. That is why `owner` is the default.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.records import Side, Value


class Rule(StrEnum):
    OWNER = "owner"
    NEWEST = "newest"
    FILL_IF_EMPTY = "fill_if_empty"
    ONLY_ON_CREATE = "only_on_create"
    UNION = "union"
    RESTRICTIVE = "restrictive"
    ASK = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One field's policy.

    `side` owns the field (owner), or wins when times cannot decide (newest). `skew` is how far apart two clocks must
    be to count, in seconds. `strict` lists values from the strictest on, as Dynamics stores them, as text; what is
    not listed is looser than all that is, and an empty field is the loosest (neither fills the other). By default
    `true` is the strict value, as in Dynamics' "do not allow" columns.
    """

    rule: Rule = Rule.OWNER
    side: Side = Side.CRM
    skew: int = 120
    strict: tuple[str, ...] = ("true",)

    @property
    def name(self) -> str:
        """The name in files and lists: `owner_crm`, `newest`, `ask`."""
        return f"owner_{self.side.value}" if self.rule is Rule.OWNER else self.rule.value

    def rank(self, value: Value | None) -> int:
        """How strict a value in Dynamics' form is: 0 is the strictest."""
        text = as_text(value)
        if text is None:
            return len(self.strict) + 1
        return self.strict.index(text) if text in self.strict else len(self.strict)


OWNER_CRM = Policy()
"""The default: what Dynamics says stays."""


def as_text(value: Value | None) -> str | None:
    """A scalar value as value maps and policies write it."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def newer(crm: datetime | None, partner: datetime | None, *, now: datetime, skew: int) -> Side | None:
    """The side that certainly changed later; None when the clocks cannot tell.

    A missing time, a gap within the skew, and a time further ahead of `now` than the skew decide nothing.
    """
    if crm is None or partner is None or max(crm, partner) > now + timedelta(seconds=skew):
        return None
    gap = (crm - partner).total_seconds()
    if abs(gap) <= skew:
        return None
    return Side.CRM if gap > 0 else Side.PARTNER
