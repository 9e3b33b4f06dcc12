"""The smallest number of calls that the vendors' limits allow for a piece of work. Knows nothing of our code.

| flow | ideal calls |
|---|---|
| Dataverse read, delta or first load | ceil(N/5000), + 1 catch-up on a first load; idle: 1 a table |
| Dataverse create, conditional update | ceil(N/1000), ceil(N/100) |
| ActiveCampaign create or update by import | ceil(N/250) imports + ceil(N/250) outcomes + ceil(N/100) + 1 list pages |
| the same of B bytes, where that is more | ceil(B/399,999) imports and outcomes |
| ActiveCampaign read | ceil(N/100) + 1; idle: 1 for all people |
| ActiveCampaign custom values | with `include` 0; else ceil(V/100) a field, or one contact each where that is fewer |

Sources: service protection and paging of Dataverse (5,000 rows a page, 1,000 operations a bulk create, 100 requests
that may fail each on their own in a `$batch` that stays quick), ActiveCampaign's pages on pagination (100 a page) and
on bulk import (250 contacts and less than 400,000 bytes a call).

Tokens, checks and metadata are counted on lines of their own, likewise what no limit asks for but safety does: `keys`
and `count` of a first load (ADR 0006), the look at the partner's changes before a page is written to it, tags of
changed contacts, polls while an import runs, and walks over what has no changed-since filter.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

DATAVERSE_PAGE = 5000
DATAVERSE_UPDATES = 100
LIST_PAGE = 100
IMPORT = 250
IMPORT_BYTES = 399_999

type Calls = Counter[tuple[str, str]]
"""Calls by (system, endpoint)."""


def calls(count: int, size: int) -> int:
    """Calls of `size` records each that `count` records take."""
    return -(-count // size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """`people` on each side, `changed` of them now, `custom` mapped fields whose values lists do not hold (0 where they
    come along with the list). `weight`: bytes of all people as contacts of imports, in the shortest JSON."""

    people: int
    changed: int = 0
    custom: int = 0
    weight: int = 0

    # -- Dynamics ------------------------------------------------------------------------------------------------------

    def first_load(self) -> Calls:
        return Counter({("dynamics", "read"): calls(self.people, DATAVERSE_PAGE) + 1})

    def delta(self, told: int = 0) -> Calls:
        return Counter({("dynamics", "read"): max(1, calls(told, DATAVERSE_PAGE))})

    def updates(self) -> Calls:
        return Counter({("dynamics", "update"): calls(self.changed, DATAVERSE_UPDATES)})

    # -- ActiveCampaign ------------------------------------------------------------------------------------------------

    def listed(self, told: int = 0) -> Calls:
        """People of a list, and what lists do not hold of them."""
        pages = calls(told, LIST_PAGE) + 1 if told else 1
        whole = self.custom * calls(self.people, LIST_PAGE)
        values = min(whole, told) if told else 0
        return Counter({("activecampaign", "list"): pages, ("activecampaign", "values"): values})

    def imported(self, count: int, weight: int = 0) -> Calls:
        sent = max(calls(count, IMPORT), calls(weight, IMPORT_BYTES))
        return Counter({("activecampaign", "import"): sent, ("activecampaign", "outcomes"): sent})

    # -- whole flows, each until a run writes nothing ------------------------------------------------------------------

    def into_empty(self) -> Calls:
        """Pre-check, imports, outcomes, ids and echo; then a run that finds nothing to do."""
        load = self.first_load() + self.listed() + self.imported(self.people, self.weight) + self._whole_list()
        return load + self.idle()

    def into_full(self) -> Calls:
        """The account holds everybody already, without tags: read, marked by import, their echo read; then nothing."""
        return self.first_load() + self._whole_list() + self.imported(self.people) + self._whole_list() + self.idle()

    def changed_in_crm(self) -> Calls:
        """The run that writes them, the run that meets the echo."""
        wrote = self.delta(self.changed) + self.listed() + self.imported(self.changed)
        return wrote + self.delta() + self.listed(self.changed)

    def changed_in_partner(self) -> Calls:
        wrote = self.listed(self.changed) + self.updates() + self.delta(self.changed)
        return wrote + self.idle()

    def idle(self) -> Calls:
        return self.delta() + self.listed()

    def _whole_list(self) -> Calls:
        whole = self.custom * calls(self.people, LIST_PAGE)
        pages = calls(self.people, LIST_PAGE) + 1
        return Counter({("activecampaign", "list"): pages, ("activecampaign", "values"): whole})
