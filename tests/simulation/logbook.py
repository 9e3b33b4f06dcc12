"""I22: what Dynamics refused stands in the partner's log of its record, each refusal once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shared.domain.records import Side

if TYPE_CHECKING:
    from tests.simulation.oracle import Court


def told_once(court: Court) -> None:
    """By the journal's own account: a refusal of Dynamics is the only one this world's systems keep secret until it
    happens. Who was overtaken may have told what another one told."""
    world = court.world
    if not world.profile.keeps_log:
        return
    log = world.systems[Side.PARTNER].log
    for key, count in Counter(notice.key for notice in log).items():
        if count > 1 and key not in world.late_notices:
            court.say(f"I22 a refusal stands {count} times in the log")
    told = {(notice.link, notice.code) for notice in log}
    for outcome in world.journal.outcomes:
        refused = outcome.code in {"failed:rejected", "failed:field_rejected"} and outcome.vendor_code == "too_long"
        if refused and outcome.partner is not None and (outcome.link, outcome.vendor_code) not in told:
            court.say(f"I22 a refusal of {outcome.crm} stands in no log")
