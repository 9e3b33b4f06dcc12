"""What happens when two links turn out to claim one partner record."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shared.domain.identity import Link, LinkState
from shared.domain.records import Side
from shared.state.errors import AlreadyLinked
from shared.state.model import Command
from shared.sync.context import Work
from shared.sync.working import WorkingSet


def part(work: Work, links: WorkingSet, clash: AlreadyLinked) -> None:
    """A partner record belongs to one link: the newer one waits, and its row is looked at again."""
    when = work.next_try(0)
    for key in clash.clashes:
        link = links.link(key)
        if link is None:
            continue
        parked = replace(
            link,
            state=LinkState.PARKED,
            partner=None,
            agreed={},
            parked={"": "duplicate_match"},
            retry_at=int(when.timestamp()),
            tries=link.tries + 1,
        )
        links.put(parked)
        work.engine.lane.put_command(_asked_again(parked, when))


def _asked_again(link: Link, when: datetime) -> Command:
    return Command(
        key=f"look-{link.key.hex()}",
        op="look",
        side=Side.CRM,
        ref=link.crm,
        payload={"entity": link.entity},
        not_before=when,
    )
