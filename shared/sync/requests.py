"""The lane's inbox: records to look at again, people's decisions, feeds to walk anew, the release of a guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

from shared.domain.identity import Link, LinkState, link_key
from shared.domain.mapping import CompiledMap
from shared.domain.records import FieldName, Gone, Kind, Record, Ref, RemoteId, Side, Value, is_deleted
from shared.ports.connector import Witness
from shared.ports.coordination import somebody_waits
from shared.ports.report import RecordOutcome
from shared.state.model import Command
from shared.sync.cases import Answer, Asked, Case
from shared.sync.context import Work
from shared.sync.deletes import gone_flags
from shared.sync.intake import from_partner
from shared.sync.page import Page
from shared.sync.told_once import told_once

_ALL = 1000
MAKE = "make"
"""The command that asks for a Dynamics row of a partner record: `kind` is what it is made as, each `ref.COLUMN`
a reference it is made with (`KIND|ID`), and `update` lets a row that is there already be brought in step. `gone`: the
linked row was found deleted."""

GONE = "gone"

REFERENCE = "ref."
_LOOKS = frozenset({"look", "decide", MAKE})
type _Read = Mapping[Kind, Mapping[RemoteId, Record | Gone]]


def serve(work: Work, before: Callable[[], None] | None = None) -> bool:
    """Takes one page of commands that are due; answers whether there may be more.

    `before` is called before records are looked at. Of a connection that stopped only what may set it going again is
    taken; the others wait.
    """
    limit = work.engine.options.inbox_page
    if work.text("broken"):
        commands = [command for command in work.held.inbox(_ALL, work.now) if command.op in _FACTS]
    else:
        commands = work.held.inbox(limit, work.now)
    if not commands:
        return False
    with somebody_waits() if any(map(_is_waited_for, commands)) else nullcontext():
        _work(work, commands, before)
    return len(commands) == limit


def _is_waited_for(command: Command) -> bool:
    """A person, or a partner's call, waits for it; for hints and retries nobody does."""
    return command.op in {MAKE, "decide"} or bool(command.payload.get("request"))


def _work(work: Work, commands: Sequence[Command], before: Callable[[], None] | None) -> None:
    if before is not None and any(command.op in _LOOKS for command in commands):
        before()
    page = Page(work, "inbox|" + "|".join(sorted(map(_word, commands))))
    for command in commands:
        if command.op in _FACTS:
            _FACTS[command.op](work)
    looks = [command for command in commands if command.op in _LOOKS]
    logs = {command.key: feed for command in looks if (feed := _log_of(work, command))}
    page.run(_cases(page, [command for command in looks if command.key not in logs]))
    _answer(page, commands)
    named = [str(command.payload.get("feed")) for command in commands if command.op == "walk"]
    walks = dict.fromkeys([*named, *logs.values()])
    page.fold(walks, commands_done=[command.key for command in commands])


def serve_aside(work: Work) -> bool:
    """Takes one page of what was put aside for the end of the run, all of one entity; answers whether more may lie
    there."""
    commands = work.held.aside(work.engine.options.inbox_page)
    if not commands:
        return False
    together = [command for command in commands if command.not_before == commands[0].not_before]
    page = Page(work, "aside|" + "|".join(sorted(map(_word, together))), last=True)
    page.run(_cases(page, together))
    page.fold(commands_done=[command.key for command in together])
    return True


def _word(command: Command) -> str:
    """This command as it was left this time: the same word left later is another piece of work."""
    return f"{command.key}@{command.put_at.isoformat() if command.put_at is not None else command.tries}"


def _answer(page: Page, commands: Sequence[Command]) -> None:
    """Tells what became of requests, before their commands are gone; a page whose writes are not all known tells
    nothing yet."""
    tell = page.work.engine.answer
    if tell is None or page.applier.unknown or page.applier.postponed is not None:
        return
    told = {outcome.partner: outcome for outcome in page.tally.outcomes}
    asked = {str(command.payload["request"]): command.ref for command in commands if command.payload.get("request")}
    if asked:
        tell({key: told.get(ref) or _quiet(page, ref) for key, ref in asked.items()})


def _quiet(page: Page, ref: Ref | None) -> RecordOutcome:
    """Nothing was to be done; the answer names the row all the same, whose link may not be stored yet."""
    link = page.links.of_partner(ref) if ref is not None else None
    crm = link.crm if link is not None and link.state is LinkState.LINKED else None
    return RecordOutcome(link="", entity="", code="unchanged", crm=crm, partner=ref)


def _log_of(work: Work, command: Command) -> str:
    """The feed of the log whose entry this is about: one entry cannot be asked for, so the log is gone through again.
    "" for what is no entry of a log, and in a dry run."""
    if command.ref is None or work.engine.plan is not None:
        return ""
    partner = command.side is Side.PARTNER
    compiled = work.map_named(str(command.payload.get("entity", "")))
    kind = command.ref.kind if partner else compiled.entity.partner_kind if compiled is not None else None
    return f"{Side.PARTNER.value}:{kind}" if kind is not None and told_once(work, kind) else ""


def _release_guard(work: Work) -> None:
    work.facts["guard_released"] = 1
    resume(work)


def resume(work: Work) -> None:
    """Lets a connection that stopped go on."""
    for name in ("broken", "broken_message", "broken_next"):
        work.facts.pop(name, None)


def _sync_now(work: Work) -> None:
    work.facts["asked"] = 1


def _initial(work: Work) -> None:
    """The next run starts anew: it reads everything, compares, and writes differences."""
    work.facts.update({"asked": 1, "again": 1})


RESYNC = "initial"
"""The command that makes the next run start anew; its key is its name."""

_FACTS = {"release_guard": _release_guard, "resume": resume, "sync_now": _sync_now, RESYNC: _initial}


def _cases(page: Page, commands: Sequence[Command]) -> list[Case]:
    cases: dict[bytes, Case] = {}
    found = _read_partners(page, [command.ref for command in commands if command.side is Side.PARTNER and command.ref])
    for command in commands:
        for case in _crm(page, command) if command.side is Side.CRM else _partner(page, command, found):
            kept = cases.setdefault(case.key, case)
            if kept.partner_ref is None and case.partner_ref is not None:  # a row, and a record that it was made for
                case.answers.update(kept.answers)
                kept = cases[case.key] = case
            if command.op == "decide":
                kept.answers[str(command.payload.get("field", ""))] = _answer_of(command)
    return list(cases.values())


def _answer_of(command: Command) -> Answer:
    crm, partner = command.payload.get("crm_digest"), command.payload.get("partner_digest")
    return Answer(
        Side(str(command.payload.get("winner"))),
        crm if isinstance(crm, bytes) else b"",
        partner if isinstance(partner, bytes) else b"",
    )


def _crm(page: Page, command: Command) -> list[Case]:
    """Both records are read, together with those of other commands; a row that was never made is simply not there."""
    if command.ref is None:
        return []
    compiled = page.work.map_named(str(command.payload.get("entity", "")))
    if compiled is None:
        maps = page.work.maps_of(Side.CRM, command.ref.kind)
        if not maps:
            return []
        compiled = maps[0]
    link, partner = page.links.link(link_key(command.ref)), command.partner
    meanwhile = _linked_meanwhile(page, partner) if link is None and partner is not None else None
    if meanwhile is None:
        return [_commanded(compiled, command, command.ref, link.partner if link and link.partner else partner)]
    # the row may be none that was ever made, or one that was to meet this record and has to go on without it
    return [
        _commanded(compiled, command, meanwhile.crm, meanwhile.partner or partner),
        _commanded(compiled, command, command.ref, None),
    ]


def _commanded(compiled: CompiledMap, command: Command, crm: Ref, partner: Ref | None) -> Case:
    case = Case(map=compiled, crm_ref=crm, key=link_key(crm), tries=command.tries, commanded=True)
    case.partner_ref = partner
    case.stale = {Side.CRM, Side.PARTNER} if partner is not None else {Side.CRM}
    return case


def _linked_meanwhile(page: Page, partner: Ref) -> Link | None:
    """A partner record that was on its own when the word was left may have found its row since."""
    link = page.links.of_partner(partner)
    return link if link is not None and link.state in {LinkState.LINKED, LinkState.AWAITING} else None


def _read_partners(page: Page, refs: Sequence[Ref]) -> _Read:
    """The partner records that commands name, those of a kind together."""
    found: dict[Kind, Mapping[RemoteId, Record | Gone]] = {}
    for kind in dict.fromkeys(ref.kind for ref in refs):
        maps = page.work.maps_of(Side.PARTNER, kind)
        fields = tuple(dict.fromkeys(name for item in maps for name in item.reads(Side.PARTNER)))
        ids = list(dict.fromkeys(ref.id for ref in refs if ref.kind == kind))
        found[kind] = page.work.engine.partner.read(kind, ids, fields) if maps else {}
    page.links.load(partners=refs)
    return found


def _partner(page: Page, command: Command, found: _Read) -> list[Case]:
    if command.ref is None or not page.work.maps_of(Side.PARTNER, command.ref.kind):
        return []
    kind, item = command.ref.kind, found.get(command.ref.kind, {}).get(command.ref.id)
    if item is None:
        return []
    if command.op == MAKE and command.payload.get(GONE):
        _end_pair(page, command.ref)
    told = _told_by_event(page, command)
    seen = replace(item, fields={**item.fields, **told}) if isinstance(item, Record) else item
    cases = from_partner(page, kind, [seen], asked={command.ref: _asked(command)} if command.op == MAKE else None)
    for case in cases if told else ():
        case.witnessed = frozenset(told)
        case.stale.add(Side.CRM)
    return cases


def _end_pair(page: Page, partner: Ref) -> None:
    """The row of a pair was deleted, and no feed told it yet. The partner record is wanted again, so nothing is done to
    it for that; the delete finds the pair ended when it is told."""
    link = page.links.of_partner(partner)
    compiled = page.work.map_named(link.entity) if link is not None else None
    if link is None or compiled is None or link.state is not LinkState.LINKED:
        return
    seen = page.work.engine.crm.read(link.crm.kind, [link.crm.id], compiled.reads(Side.CRM)).get(link.crm.id)
    if is_deleted(seen):
        page.links.put(
            replace(link, state=LinkState.TOMBSTONE, flags=gone_flags(Side.CRM), parked={}, retry_at=0, match=None)
        )


def _asked(command: Command) -> Asked:
    given: dict[FieldName, Value] = {}
    for name, value in command.payload.items():
        if name.startswith(REFERENCE):
            kind, _, row = str(value).partition("|")
            given[FieldName(name.removeprefix(REFERENCE))] = Ref(Kind(kind), RemoteId(row))
    return Asked(
        kind=str(command.payload.get("kind", "")), given=given, spares=not command.payload.get("update", False)
    )


def _told_by_event(page: Page, command: Command) -> Mapping[FieldName, Value]:
    """What the event that left this word tells, and no look can."""
    event, partner = str(command.payload.get("event", "")), page.work.engine.partner
    if not event or command.ref is None or not isinstance(partner, Witness):
        return {}
    return partner.witnessed(command.ref.kind, command.ref.id, event, str(command.payload.get("source", "")))
