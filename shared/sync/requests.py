"""The lane's inbox: records to look at again, people's decisions, the release of a guard."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.identity import LinkState, link_key
from shared.domain.records import Gone, Kind, Ref, RemoteId, Side
from shared.state.model import Command
from shared.sync.cases import Case
from shared.sync.context import Work
from shared.sync.intake import from_partner
from shared.sync.page import Page


def serve(work: Work) -> bool:
    """Takes one page of commands that are due; answers whether there may be more."""
    limit = work.engine.options.inbox_page
    commands = work.held.inbox(limit, work.now)
    if not commands:
        return False
    page = Page(work, "inbox|" + "|".join(sorted(command.key for command in commands)))
    for command in commands:
        if command.op in _FACTS:
            _FACTS[command.op](work)
    page.run(_cases(page, [command for command in commands if command.op == "look"]))
    page.fold(commands_done=[command.key for command in commands])
    return len(commands) == limit


def _release_guard(work: Work) -> None:
    work.facts["guard_released"] = 1
    _resume(work)


def _resume(work: Work) -> None:
    for name in ("broken", "broken_message", "broken_next"):
        work.facts.pop(name, None)


_FACTS = {"release_guard": _release_guard, "resume": _resume}


def _cases(page: Page, commands: Sequence[Command]) -> list[Case]:
    cases: dict[bytes, Case] = {}
    for command in commands:
        for case in _crm(page, command) if command.side is Side.CRM else _partner(page, command):
            cases.setdefault(case.key, case)
    return list(cases.values())


def _crm(page: Page, command: Command) -> list[Case]:
    """Both records are read; a Dynamics row that was never made is simply not there."""
    if command.ref is None:
        return []
    compiled = page.work.map_named(str(command.payload.get("entity", "")))
    if compiled is None:
        maps = page.work.maps_of(Side.CRM, command.ref.kind)
        if not maps:
            return []
        compiled = maps[0]
    case = Case(map=compiled, crm_ref=command.ref, key=link_key(command.ref), tries=command.tries)
    link = page.links.link(case.key)
    kind, remote = str(command.payload.get("partner_kind", "")), str(command.payload.get("partner_id", ""))
    case.partner_ref = link.partner if link is not None else None
    if case.partner_ref is None and kind and remote:
        case.partner_ref = Ref(Kind(kind), RemoteId(remote))
    case.stale = {Side.CRM, Side.PARTNER} if case.partner_ref is not None else {Side.CRM}
    if link is None or link.state is LinkState.PARKED:
        seen = page.work.engine.crm.read(compiled.entity.crm_kind, [command.ref.id], compiled.reads(Side.CRM))
        found = seen.get(command.ref.id)
        case.stale.discard(Side.CRM)
        case.crm = None if isinstance(found, Gone) and case.partner_ref is not None else found
    return [case]


def _partner(page: Page, command: Command) -> list[Case]:
    if command.ref is None:
        return []
    kind = command.ref.kind
    maps = page.work.maps_of(Side.PARTNER, kind)
    if not maps:
        return []
    fields = tuple(dict.fromkeys(name for item in maps for name in item.reads(Side.PARTNER)))
    found = page.work.engine.partner.read(kind, [command.ref.id], fields)
    return from_partner(page, kind, list(found.values()))
