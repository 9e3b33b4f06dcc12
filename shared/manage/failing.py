"""Failing records: list them, retry or dismiss one, some, or all that a filter finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.records import Side
from shared.ports.journal import Failure, FailureFilter, FailureStore
from shared.state.lane import LaneStore
from shared.state.model import Command

_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """The failing records of one connection. `when` is the time at which its rhythm next does anything."""

    store: FailureStore
    lane: LaneStore
    when: datetime

    def retry(self, links: Sequence[str], where: FailureFilter | None) -> int:
        """Leaves word to look at these again (or at all that fit `where`); both sides are read then, under the mapping
        of that day. Answers how many."""
        return self._each(links, where, self._ask_again)

    def dismiss(self, links: Sequence[str], where: FailureFilter | None, *, actor: str) -> int:
        """Hides these (or all that fit `where`) until their code changes. Answers how many there were."""
        return self._each(links, where, lambda found: self.store.dismiss([item.link for item in found], actor=actor))

    def _each(self, links: Sequence[str], where: FailureFilter | None, act: Callable[[Sequence[Failure]], int]) -> int:
        if where is None:
            named = [found for link in dict.fromkeys(links) if (found := self.store.get(link)) is not None]
            return act(named) if named else 0
        return sum(act(page) for page in self._pages(where))

    def _pages(self, where: FailureFilter) -> Iterator[Sequence[Failure]]:
        after = ""
        while True:
            page = self.store.list(where, limit=_PAGE, after=after)
            if page.items:
                yield page.items
            after = page.next
            if not after:
                return

    def _ask_again(self, failures: Sequence[Failure]) -> int:
        commands = [
            Command(
                key=f"look-{failure.link}",
                op="look",
                side=Side.CRM,
                ref=failure.crm,
                payload={
                    "entity": failure.entity,
                    "partner_kind": failure.partner.kind if failure.partner is not None else "",
                    "partner_id": failure.partner.id if failure.partner is not None else "",
                },
                not_before=self.when,
            )
            for failure in failures
            if failure.crm is not None
        ]
        self.lane.put_commands(commands)
        return len(commands)
