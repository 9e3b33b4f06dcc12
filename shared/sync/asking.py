"""Partner records whose labels ask for a row in Dynamics, found by their labels where no feed told them.

A feed may tell many changed records without their labels, and the initial sync makes nobody in Dynamics: what was told
then is not told again until somebody touches it. So the run goes over those that carry the label which asks, page by
page, and looks at who has no link yet. It costs nothing while everybody was heard.
"""

from __future__ import annotations

from typing import Final

from shared.domain.records import Kind, Ref, RemoteId, Side
from shared.ports.connector import Labelled
from shared.sync.context import LABELS_DUE, Work
from shared.sync.intake import from_partner
from shared.sync.page import Page

_AT: Final = "labels_at:"
"""How the lane's fact begins that says behind which record the look goes on."""


def nobody_was_made(work: Work) -> None:
    """The initial sync ends: whoever asked for a row before or meanwhile is looked at in the next run."""
    for kind in {item.entity.partner_kind for item in work.maps if item.entity.on}:
        if isinstance(work.engine.partner, Labelled) and _labels(work, kind):
            work.facts[f"{LABELS_DUE}{kind}"] = 1


def look_for_askers(work: Work, kind: Kind) -> bool:
    """One page of those who carry the label; answers whether more may follow. Who was not heard while the look is under
    way makes it begin once more, before the run goes on."""
    due, at = f"{LABELS_DUE}{kind}", f"{_AT}{kind}"
    partner, labels = work.engine.partner, _labels(work, kind)
    if at not in work.facts and not work.facts.pop(due, 0):
        return False
    if not isinstance(partner, Labelled) or not labels:
        work.facts.pop(at, None)
        return False
    work.facts.setdefault(at, "")
    behind = work.text(at)
    ids = partner.labelled(kind, labels, RemoteId(behind) if behind else None)
    if not ids:
        work.facts.pop(at)
        return bool(work.facts.get(due))
    wished = bool(work.facts.get(due))
    page = Page(work, f"asking|{kind}|{behind}")
    _look(page, kind, [Ref(kind, row) for row in ids])
    if not wished:
        work.facts.pop(due, None)  # who is told without labels even when read by itself is not asked again and again
    page.fold()
    work.facts[at] = ids[-1]  # after the fold, which may say that the page comes again
    return True


def _look(page: Page, kind: Kind, refs: list[Ref]) -> None:
    """Looks at those that have no link of whatever state: what was refused, deleted or parked has its own way on."""
    page.links.load(partners=refs)
    ids = [ref.id for ref in refs if page.links.of_partner(ref) is None]
    if not ids:
        return
    fields = tuple(
        dict.fromkeys(name for item in page.work.maps_of(Side.PARTNER, kind) for name in item.reads(Side.PARTNER))
    )
    found = page.work.engine.partner.read(kind, ids, fields)
    page.run(from_partner(page, kind, [found[row] for row in ids if row in found]))


def _labels(work: Work, kind: Kind) -> frozenset[str]:
    """The labels of which one is carried by each record that asks for a row."""
    rules = [item.entity.labels for item in work.maps_of(Side.PARTNER, kind) if item.entity.makes(Side.CRM)]
    return frozenset(label for each in rules if each is not None for label in each.asking())
