"""What a dry run puts in the place of a connector and of a lane: both show what was there and what was planned since,
and keep nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from shared.domain.identity import Link, LinkKey, LinkState, MatchKey
from shared.domain.records import FieldName, Gone, Kind, Record, Ref, RemoteId, Schema, Value
from shared.ports.connector import (
    Capabilities,
    ChangePage,
    CheckStep,
    Connector,
    Cursor,
    Labelled,
    Outcome,
    Settled,
    Ticket,
    Write,
    WriteResult,
)
from shared.state.lanes import Lane
from shared.state.model import (
    Awaited,
    Batch,
    Command,
    CursorState,
    Fact,
    LaneChanges,
    LaneView,
    MatchEntry,
    Result,
    Telling,
)
from shared.state.reader import LaneReader

_PLANNED: Final = "planned-"
_RUN_FACTS: Final = frozenset({"run", "done", "broken", "broken_message", "broken_next"})


class RehearsedConnector:
    """A connector whose writes succeed without being sent, and show in what it reads afterwards."""

    def __init__(self, real: Connector) -> None:
        self._real = real
        self._written: dict[Ref, dict[FieldName, Value | None]] = {}

    @property
    def capabilities(self) -> Capabilities:
        return self._real.capabilities

    def check(self) -> Iterable[CheckStep]:
        return self._real.check()

    def identity(self) -> str:
        return self._real.identity()

    def describe(self, kind: Kind) -> Schema:
        return self._real.describe(kind)

    def labelled(self, kind: Kind, labels: Collection[str], after: RemoteId | None) -> Sequence[RemoteId]:
        return self._real.labelled(kind, labels, after) if isinstance(self._real, Labelled) else ()

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Sequence[FieldName]) -> ChangePage:
        page = self._real.changes(kind, cursor, fields)
        return replace(page, items=[self._laid_over(item) for item in page.items])

    def read(
        self, kind: Kind, ids: Sequence[RemoteId], fields: Sequence[FieldName]
    ) -> Mapping[RemoteId, Record | Gone]:
        known = [remote for remote in ids if not remote.startswith(_PLANNED)]
        found = self._real.read(kind, known, fields) if known else {}
        return {remote: self._laid_over(seen) for remote, seen in found.items()}

    def find(self, kind: Kind, values: Sequence[str], fields: Sequence[FieldName]) -> Mapping[str, Sequence[Record]]:
        return self._real.find(kind, values, fields)

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        return [self._answer(write) for write in writes]

    def _answer(self, write: Write) -> WriteResult:
        ref = write.ref
        if not ref.id:  # several calls are in flight at a time: the id follows from the pair, not from a count
            ref = Ref(ref.kind, RemoteId(f"{_PLANNED}{write.key}"))
        self._written.setdefault(ref, {}).update(write.fields)
        return WriteResult(key=write.key, outcome=Outcome.APPLIED, ref=ref)

    def _laid_over(self, seen: Record | Gone) -> Record | Gone:
        if isinstance(seen, Gone) or seen.ref not in self._written:
            return seen
        written = self._written[seen.ref]
        told = {name: written.get(name, value) for name, value in seen.fields.items()}
        return replace(seen, fields=told)

    def settle(self, tickets: Sequence[Ticket]) -> Sequence[Settled]:
        return [Settled(ticket=ticket, running=False) for ticket in tickets]


class RehearsedLane:
    """The lane as it is, under a layer of what the rehearsal would have folded. Both store and held lane."""

    def __init__(self, real: Lane, asked: Sequence[Command] = ()) -> None:
        self._asked = list(asked)
        self._reader = real.reader()
        self._real = real
        real.readable()
        view = real.peek()
        self._counts = dict(view.counts)
        self._facts: dict[str, Fact] = {name: value for name, value in view.facts.items() if name not in _RUN_FACTS}
        self._view = view
        self._links: dict[LinkKey, Link | None] = {}
        self._cursors: dict[str, CursorState | None] = {}
        self._candidates: dict[Ref, MatchKey | None] = {}

    # -- as a store --------------------------------------------------------------------------------------------------

    def acquire(self, owner: str, seconds: float = 60.0) -> RehearsedLane:
        del owner, seconds
        return self

    def peek(self) -> LaneView:
        return self._view

    def readable(self) -> None:
        self._real.readable()

    def reader(self) -> LaneReader:
        return self._reader

    def start_over(self) -> None:
        """A dry run puts nothing right."""

    def waits(self, command_key: str) -> bool:
        return self._real.waits(command_key)

    def commands(self, limit: int = 1000) -> list[Command]:
        del limit
        return []

    def put_command(self, command: Command) -> None:
        del command

    def put_commands(self, commands: Sequence[Command]) -> None:
        del commands

    # -- as a held lane ------------------------------------------------------------------------------------------------

    @property
    def fence(self) -> int:
        return 0

    @property
    def facts(self) -> Mapping[str, Fact]:
        return self._facts

    @property
    def counts(self) -> Mapping[str, int]:
        return self._counts

    def remaining(self) -> float:
        return 3600.0

    def renew(self) -> None:
        return

    def release(self, not_before: datetime | None = None, facts: Mapping[str, Fact] | None = None) -> bool:
        del not_before, facts
        return False

    def links(self, keys: Iterable[LinkKey]) -> dict[LinkKey, Link]:
        wanted = list(keys)
        found = self._reader.links([key for key in wanted if key not in self._links])
        found.update((key, link) for key in wanted if (link := self._links.get(key)) is not None)
        return found

    def by_partner(self, refs: Iterable[Ref]) -> dict[Ref, LinkKey]:
        wanted = list(refs)
        found = {ref: key for ref, key in self._reader.by_partner(wanted).items() if key not in self._links}
        for link in self._links.values():
            if link is not None and link.partner in wanted and link.partner is not None:
                found[link.partner] = link.key
        return found

    def by_match(self, keys: Iterable[MatchKey]) -> dict[MatchKey, MatchEntry]:
        wanted = list(keys)
        found = self._reader.by_match(wanted)
        changed: dict[MatchKey, set[LinkKey]] = {}
        for link in self._links.values():
            if link is not None and link.match is not None and link.state is not LinkState.TOMBSTONE:
                changed.setdefault(link.match, set()).add(link.key)
        answer: dict[MatchKey, MatchEntry] = {}
        for match in wanted:
            entry = found.get(match, MatchEntry())
            links = {key for key in entry.links if key not in self._links} | changed.get(match, set())
            refs = [ref for ref in entry.candidates if self._candidates.get(ref, match) == match]
            refs += [ref for ref, now in self._candidates.items() if now == match and ref not in refs]
            answer[match] = MatchEntry(links=tuple(sorted(links)), candidates=tuple(refs), more=entry.more)
        return answer

    def scan_links(self, after: LinkKey | None = None, limit: int | None = None) -> Iterator[Link]:
        for link in self._reader.scan_links(after, limit):
            kept = self._links.get(link.key, link)
            if kept is not None:
                yield kept

    def tellings(self, refs: Collection[Ref], since: datetime) -> dict[Ref, Telling]:
        return self._reader.told.read(refs, since)

    def forget_tellings(self) -> None:
        """They are the lane's, whose runs still want them."""

    def cursor(self, name: str) -> CursorState | None:
        return self._cursors[name] if name in self._cursors else self._real.cursor(name)

    def cursors(self) -> dict[str, CursorState]:
        found = self._real.cursors() | self._cursors
        return {name: state for name, state in found.items() if state is not None}

    def inbox(self, limit: int, now: datetime) -> list[Command]:
        """Commands stay where they are: a dry run serves nobody but who asked for it."""
        del limit, now
        asked, self._asked = self._asked, []
        return asked

    def aside(self, limit: int) -> list[Command]:
        """A dry run puts nothing aside."""
        del limit
        return []

    def each_batch(self) -> Iterator[Batch]:
        return iter(())

    def batches_of(self, names: Sequence[str]) -> list[Batch]:
        del names
        return []

    def awaited(self) -> Iterator[Awaited]:
        return iter(())

    def begin(self, *batches: Batch, facts: Mapping[str, Fact] | None = None) -> None:
        del batches, facts

    def finish(self, ended: Mapping[str, Sequence[Result]], *, ticket: str = "") -> None:
        del ended, ticket

    def merge_when_ready(self) -> int:
        return 0

    def fold(self, changes: LaneChanges) -> int:
        self._links.update({link.key: link for link in changes.links})
        self._links.update(dict.fromkeys(changes.links_removed))
        self._candidates.update(changes.candidates)
        self._cursors.update(changes.cursors)
        for name, value in changes.facts.items():
            if value is None:
                self._facts.pop(name, None)
            else:
                self._facts[name] = value
        return 0

    # -- repair, which a dry run does not do -------------------------------------------------------------------------

    def mend(self) -> list[str]:
        return []

    def rebuild_reverse(self, after: LinkKey | None = None, limit: int = 5000) -> LinkKey | None:
        del after, limit
        return None

    def recount(self) -> dict[str, int]:
        return dict(self._counts)
