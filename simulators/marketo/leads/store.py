"""Leads by id, and by the values of the fields they are looked up with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

INDEXED = (
    "email", "externalCompanyId", "externalSalesPersonId", "facebookId", "linkedInId", "twitterId", "sfdcAccountId",
    "sfdcContactId", "sfdcLeadId", "sfdcLeadOwnerId", "sfdcOpptyId", "externalPersonId", "cookies",
)  # fmt: skip


@dataclass(slots=True)
class Lead:
    """`values` holds only what is not empty. `updated` moves with standard fields, `touched` with any (marketo.md 2.7).

    `created_at` is exact: a call that came in before it has not seen this lead.
    """

    id: int
    created: int
    updated: int
    touched: int
    created_at: float
    partition: int = 1
    values: dict[str, Any] = field(default_factory=dict)


def folded(value: Any) -> str:
    """How values are compared: text without regard to letter case."""
    return str(value).strip().casefold()


class LeadStore:
    """All leads. `gone` maps ids merged away to their winner, deleted ones to 0."""

    def __init__(self) -> None:
        self._leads: dict[int, Lead] = {}
        self._next = 1
        self._index: dict[str, dict[str, dict[int, None]]] = {name: {} for name in INDEXED}
        self.gone: dict[int, int] = {}

    def make(self, now: int, exact: float, *, lead_id: int | None = None, partition: int = 1) -> Lead:
        """A new lead without values."""
        number = lead_id or self._next
        self._next = max(self._next, number + 1)
        made = Lead(number, now, now, now, exact, partition)
        self._leads[number] = made
        return made

    def get(self, lead_id: int | None) -> Lead | None:
        """By id."""
        return None if lead_id is None else self._leads.get(lead_id)

    def put_value(self, lead: Lead, name: str, value: Any) -> None:
        """Store or empty one value and keep the index right."""
        index = self._index.get(name)
        if index is not None:
            old = lead.values.get(name)
            if old is not None:
                index.get(folded(old), {}).pop(lead.id, None)
            if value is not None:
                index.setdefault(folded(value), {})[lead.id] = None
        if value is None:
            lead.values.pop(name, None)
        else:
            lead.values[name] = value

    def remove(self, lead: Lead, *, winner: int = 0) -> None:
        """Delete or merge away."""
        for name in list(lead.values):
            self.put_value(lead, name, None)
        del self._leads[lead.id]
        self.gone[lead.id] = winner

    def index_by(self, name: str) -> None:
        """Keep an index for one more field."""
        if name not in self._index:
            self._index[name] = {}
            for lead in self:
                if name in lead.values:
                    self._index[name].setdefault(folded(lead.values[name]), {})[lead.id] = None

    def find(self, name: str, value: Any) -> list[Lead]:
        """Leads with this value, oldest first."""
        found = self._index[name].get(folded(value), {}) if name in self._index else {}
        return [self._leads[lead_id] for lead_id in sorted(found)]

    def next_id(self) -> int:
        """The id the next lead gets."""
        return self._next

    def many(self, ids: Iterable[int]) -> list[Lead]:
        """Those of the ids that are there."""
        return [lead for lead_id in ids if (lead := self._leads.get(lead_id)) is not None]

    def __iter__(self) -> Iterator[Lead]:
        return iter(self._leads.values())

    def __len__(self) -> int:
        return len(self._leads)

    def __contains__(self, lead_id: int) -> bool:
        return lead_id in self._leads
