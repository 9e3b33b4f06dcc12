"""I4, I17: nobody is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.connectors.memory import Version
from shared.domain.identity import LinkState
from shared.domain.records import FieldName, Kind, Ref, Side
from shared.ports.connector import Deletes
from tests.simulation.ledger import Event
from tests.simulation.profiles import CRM_COMPANY, CRM_PERSON, PERSON, SCOPE

if TYPE_CHECKING:
    from tests.simulation.oracle import Court

MAIL = FieldName("mail")


def everybody_is_looked_after(court: Court) -> None:
    """Who lives without a counterpart is alone for a reason that users brought about."""
    linked = {(Side.CRM, link.crm) for link in court.links if link.state is LinkState.LINKED}
    linked |= {
        (Side.PARTNER, link.partner)
        for link in court.links
        if link.state is LinkState.LINKED and link.partner is not None
    }
    for side, ref, version in _living(court):
        if (side, ref) in linked or _may_stay_alone(court, side, ref, version):
            continue
        state = next((f" ({link.state}, {dict(link.parked)})" for link in court.links if link.crm == ref), "")
        court.say(f"I17 {side} {ref} has no counterpart, and nothing its users did explains it{state}")


def _living(court: Court) -> Iterator[tuple[Side, Ref, Version]]:
    for side in Side:
        for kind in court.profile.kinds(side):
            table = court.world.systems[side].tables[kind]
            for row, version in table.current():
                if court.profile.shard and side is Side.PARTNER and table.shard_of[row] != court.profile.shard:
                    continue
                yield side, Ref(kind, row), version


def _may_stay_alone(court: Court, side: Side, ref: Ref, version: Version) -> bool:
    mail = version.fields.get(MAIL)
    if not isinstance(mail, str) or not mail.strip():
        return True
    if court.profile.criteria and side is Side.CRM and version.fields.get(SCOPE) == "out":
        return True
    if side.other not in court.profile.creates:
        return True  # nothing may be made for it
    if court.profile.labels is not None and side is Side.PARTNER and ref.kind == PERSON:
        wanted = {court.profile.labels["kind"], court.profile.labels["pulled"]}
        if not wanted <= version.labels:
            return True
    for other in Side:
        kind = _kind(ref.kind, other)
        holders = court.world.systems[other].tables[kind].holders(mail)
        if len(holders) > 1:
            return True  # ambiguous: a question for a person
        if other is not side and any(_taken(court, Ref(kind, row), ref) for row in holders):
            return True  # its only counterpart belongs to somebody else since a user gave it this mail
        if other is not side and any(court.held_up(other, Ref(kind, row)) for row in holders):
            return True  # another one's, which cannot be deleted while somebody works there
    return any(_parts(court, event, side, ref) for event in court.ledger.events)


def _parts(court: Court, event: Event, side: Side, ref: Ref) -> bool:
    """Whether this may have taken a record its counterpart, or kept it from one: records of the other side went or came
    back, or some of its own side were merged or came back, or went where no delete is ever told."""
    if event.op not in {"delete", "merge", "restore"} or court.root((event.side, event.ref)) != court.root((side, ref)):
        return False
    untold = court.profile.capabilities(side).deletes is Deletes.NEVER
    return event.side is not side or event.op != "delete" or untold


def _taken(court: Court, holder: Ref, ref: Ref) -> bool:
    """Whether the record with this mail is somebody else's, and a user's change of mail brought that about."""
    for link in court.links:
        pair = {link.crm, link.partner}
        if link.state is LinkState.LINKED and holder in pair and ref not in pair:
            return any(
                not event.by_hub and MAIL in event.fields and event.before and event.ref in pair
                for event in court.ledger.events
            )
    return False


def _kind(kind: Kind, side: Side) -> Kind:
    company = kind in {CRM_COMPANY, Kind("company")}
    if side is Side.CRM:
        return CRM_COMPANY if company else CRM_PERSON
    return Kind("company") if company else PERSON
