"""A resync of a lane that stopped over state it cannot read: first what is damaged goes, then the run fills the gap."""

from __future__ import annotations

from shared.domain.identity import LinkKey
from shared.state.errors import StateDamaged
from shared.sync.context import Work
from shared.sync.requests import RESYNC, resume

_MARGIN = 10.0
_AT = "mending"


def mended(work: Work) -> bool:
    """Whether the lane can be worked on: nobody asked for a resync of damaged state, or its rows were taken out and its
    reverse entries written again. False: the slice is over first, and the next one goes on.

    The command is looked for by its name, because another one in the inbox may be what cannot be read. It stays there
    and is served afterwards: the run that it begins drops all cursors.
    """
    if work.text("broken") != StateDamaged.code or not work.held.waits(RESYNC):
        return True
    if _AT not in work.facts:
        work.facts["mended"] = len(work.held.mend())
        work.facts[_AT] = ""
    at = work.text(_AT)
    after = LinkKey(bytes.fromhex(at)) if at else None
    while (after := work.held.rebuild_reverse(after)) is not None:
        work.facts[_AT] = after.hex()
        work.tick()
        if work.left < _MARGIN:
            return False
    work.held.recount()
    work.facts.pop(_AT)
    resume(work)
    return True
