"""What a write means for its link, once it was applied: the same answer whether it was told at once or found later."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.identity import Link, LinkState
from shared.domain.records import Record, Ref, Side
from shared.ports.ambient import Sealing
from shared.ports.connector import Op
from shared.state.model import Batch, Entry, Fact
from shared.sync.basis import MISSED, OWED, OWED_SWAP
from shared.sync.cases import Case, Done, PlannedWrite
from shared.sync.choices import still_true
from shared.sync.columns import Columns
from shared.sync.linked import finished

_BASE = "base."
_PART = "part"
_COLUMNS = "columns"


def entry_of(
    case: Case, link: Link, write: PlannedWrite, done: Done, *, stamp: str, sealer: Sealing | None, at: int = 0
) -> Entry:
    """The intent of a write, begun `at` (epoch seconds), with all that recovery needs when this worker dies."""
    facts: dict[str, Fact] = {"made": link.made, "stamp": stamp, "settled": done.settled}
    if owed := link.flags & {OWED, OWED_SWAP}:
        facts["owed"] = "\n".join(sorted(owed))
    if link.columns:
        facts[_COLUMNS] = link.columns
    if link.labels:
        facts["labels"] = "\n".join(sorted(link.labels))
    if at and write.op is Op.CREATE and not write.ref.id:
        facts["at"] = at
    if sealer is not None and write.op is Op.CREATE and write.match is not None and not write.ref.id:
        facts["text"] = sealer.seal(write.match.encode(), bound=link.key.hex())
    facts |= {f"{_BASE}{name}": packed for name, packed in write.bases.items()}
    if done.crm_revision is not None:
        facts["crm_revision"] = done.crm_revision
    if done.partner_revision is not None:
        facts["partner_revision"] = done.partner_revision
    if done.gone is not None:
        facts["gone"] = done.gone.value
        facts["left"] = done.left
    return Entry(
        key=link.key,
        crm=link.crm,
        partner=write.ref if _names_partner(write) else link.partner,
        op=write.op,
        entity=case.map.entity.name,
        before=dict(write.before),
        intended=dict(write.pending),
        settled=dict(link.agreed),
        match=write.match_key if write.pending or write.op is Op.CREATE else link.match,
        add_labels=write.add_labels,
        remove_labels=write.remove_labels,
        expect=write.expect or "",
        incarnation=link.incarnation,
        facts=facts,
    )


def in_part(entry: Entry, part: str) -> Entry:
    """The first entry of a batch also says as which part of its run the page tells what became of it."""
    return replace(entry, facts={**entry.facts, _PART: part})


def of_now(batch: Batch, columns: Columns) -> Batch:
    """The batch without what its entries say of columns that were other ones when it was written."""
    return replace(batch, entries=tuple(_of_now(entry, columns) for entry in batch.entries)) if columns else batch


def _of_now(entry: Entry, columns: Columns) -> Entry:
    known = entry.facts.get(_COLUMNS, 0)
    since = known if isinstance(known, int) else 0
    if since >= columns.last(entry.entity):
        return entry
    return replace(
        entry,
        before=columns.kept(entry.entity, since, entry.before),
        intended=columns.kept(entry.entity, since, entry.intended),
        settled=columns.kept(entry.entity, since, entry.settled),
        facts=columns.kept(entry.entity, since, entry.facts, prefix=_BASE),
    )


def part_of(batch: Batch) -> str:
    return str(batch.entries[0].facts.get(_PART, ""))


def code_of(entry: Entry) -> str:
    """The outcome code of a write that was made, by what its intent says."""
    if entry.op is Op.UPDATE and entry.facts.get("gone"):
        return "deactivated"
    return {Op.CREATE: "created", Op.UPDATE: "updated", Op.DELETE: "deleted"}[entry.op]


def _names_partner(write: PlannedWrite) -> bool:
    """A create at a partner that lets its caller choose the id."""
    return write.op is Op.CREATE and write.side is Side.PARTNER and bool(write.ref.id)


def link_before(known: Link | None, entry: Entry) -> Link:
    """The link as the decision left it that planned this write, though its fold never came: what both sides were
    found to hold alike is part of it. Doing this twice changes nothing."""
    fresh = _fresh(entry)
    if known is None or known.state is not LinkState.LINKED or known.partner != entry.partner:
        return fresh
    agreed = {**known.agreed, **entry.settled}
    bases = still_true(known.bases, known.agreed, agreed)
    return known.with_(agreed=agreed, bases=bases, incarnation=entry.incarnation)


def link_after(known: Link | None, entry: Entry, side: Side, *, ref: Ref | None = None, revision: str = "") -> Link:
    """The link once the entry's write was applied on `side`. Applying it twice changes nothing."""
    link = known if known is not None else _fresh(entry)
    agreed = {**link.agreed, **entry.intended}
    changes: dict[str, object] = {
        "agreed": agreed,
        "bases": still_true(link.bases, link.agreed, agreed) | _bases(entry),
        "labels": (link.labels | entry.add_labels) - entry.remove_labels,
        "match": entry.match,
        "tries": 0,
        "retry_at": 0,
        "ticket": "",
        "sent_at": 0,
    }
    if side is Side.CRM:
        changes["crm_revision"] = revision
    else:
        changes["partner_revision"] = revision
    if owed := owed_by(entry):  # the labels were put; should an accepted write be refused later, they are owed again
        changes["flags"] = link.flags - owed
    if entry.op is Op.CREATE:
        partner = ref or entry.partner if side is Side.PARTNER else entry.partner
        changes |= {"partner": partner, "state": LinkState.LINKED if partner is not None else LinkState.AWAITING}
        changes["made"] = str(entry.facts.get("made", ""))
    return finished(link.with_(**changes), done_of(entry))


def accepted(link: Link, *, ticket: str, at: int, tries: int = 0) -> Link:
    """The link of a write that was only accepted. Of a create it keeps when that was, by the partner's own time. It may
    still be refused: `tries` count on."""
    return link.with_(ticket=ticket, sent_at=at if link.state is LinkState.AWAITING else link.sent_at, tries=tries)


def adopted(link: Link, found: Record) -> Link:
    """The awaited link with the record that has its match value.

    An import that meets a record of its match value changes that one, and does not say so. It counts as ours only when
    it came to be after the import was accepted, by the partner's own clock, and no whole walk missed it since; in doubt
    it does not (a clean-up deletes by this word).
    """
    born = found.created_at
    ours = bool(link.sent_at) and born is not None and int(born.timestamp()) > link.sent_at and MISSED not in link.flags
    made = link.made if ours or link.made != Side.PARTNER.value else ""
    met = link.with_(partner=found.ref, state=LinkState.LINKED, ticket="", tries=0, retry_at=0, sent_at=0, made=made)
    return met.with_(flags=link.flags - {MISSED})


def found_again(link: Link, entry: Entry, found: Record, *, stamped: bool, as_sent: bool) -> Link:
    """The link of a create whose answer was lost, with the record that was found. One that is older than the create, or
    that does not hold just what was sent (`as_sent`), may be somebody's own: of the same match value, or one that users
    merged ours into, stamp and all. In doubt it does not count as made."""
    if entry.op is not Op.CREATE or (entry.partner is not None and entry.partner.id):
        return link
    at, born = entry.facts.get("at"), found.created_at
    since = born.timestamp() >= at if isinstance(at, int) and born is not None else stamped
    ours = as_sent and since
    return link if ours or link.made != Side.PARTNER.value else link.with_(made="")


def owed_by(entry: Entry) -> frozenset[str]:
    """What the pair owes when an update with labels was not made: only a first meeting puts any."""
    return frozenset({OWED} if entry.add_labels else ()) | frozenset({OWED_SWAP} if entry.remove_labels else ())


def _bases(entry: Entry) -> dict[str, bytes]:
    """The choices of `union` fields as they are agreed once the write was applied."""
    return {
        name.removeprefix(_BASE): packed
        for name, packed in entry.facts.items()
        if name.startswith(_BASE) and isinstance(packed, bytes)
    }


def done_of(entry: Entry) -> Done:
    facts = entry.facts
    crm, partner, gone = facts.get("crm_revision"), facts.get("partner_revision"), facts.get("gone")
    return Done(
        match=entry.match,
        crm_revision=str(crm) if crm is not None else None,
        partner_revision=str(partner) if partner is not None else None,
        gone=Side(str(gone)) if gone is not None else None,
        settled=bool(facts.get("settled")),
        left=bool(facts.get("left")),
    )


def _fresh(entry: Entry) -> Link:
    return Link(
        crm=entry.crm,
        partner=entry.partner,
        entity=entry.entity,
        state=LinkState.AWAITING if entry.partner is None else LinkState.LINKED,
        agreed=dict(entry.settled),
        match=entry.match,
        incarnation=entry.incarnation,
        made=str(entry.facts.get("made", "")),
        labels=frozenset(str(entry.facts.get("labels", "")).split("\n")) - {""},
        flags=frozenset(str(entry.facts.get("owed", "")).split("\n")) - {""},
    )
