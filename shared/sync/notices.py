"""What Dynamics refused is told in the partner's own log of that record, where it keeps one: once, not at each try."""

from __future__ import annotations

import re
from hashlib import blake2b

from shared.errors import SyncError
from shared.ports.logbook import Logbook, Notice
from shared.ports.report import RecordOutcome
from shared.sync.context import Work
from shared.sync.tally import Tally

_VARYING = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+", re.IGNORECASE)
"""Ids and numbers in a message: they differ from one try to the next, the refusal does not."""


def tell_refusals(work: Work, tally: Tally) -> None:
    """Before the page is folded. A log that cannot be written to keeps nothing else up: the next try tells it."""
    book, partner = work.engine.notices, work.engine.partner
    if not tally.refusals or book is None or not partner.capabilities.keeps_log or not isinstance(partner, Logbook):
        return
    notices = {notice.key: notice for outcome in tally.refusals if (notice := _notice(work, outcome)) is not None}
    fresh, doubtful = book.begin(list(notices.values()))
    if not fresh:
        return
    try:
        told = partner.note(fresh, doubtful)
    except SyncError:
        told = frozenset()
    book.told(fresh, told)
    tally.counts["log:told"] += len(told)
    tally.counts["log:later"] += len(fresh) - len(told)


def _notice(work: Work, outcome: RecordOutcome) -> Notice | None:
    if outcome.partner is None or outcome.crm is None:
        return None
    return Notice(
        key=_key(outcome),
        link=outcome.link,
        ref=outcome.partner,
        crm=outcome.crm,
        at=work.now,
        entity=outcome.entity,
        code=outcome.vendor_code,
        message=outcome.message,
        field=outcome.field,
    )


def _key(outcome: RecordOutcome) -> str:
    """The same for the same refusal of the same record."""
    said = _VARYING.sub("#", outcome.message)
    text = "\n".join((outcome.link, outcome.entity, outcome.field, outcome.vendor_code, said))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
