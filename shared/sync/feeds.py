"""Reads the feeds of both sides page by page, each with a cursor of its own.

A cursor moves in the last transaction of the fold of its page, so that no change is passed that was not taken over. A
feed without a cursor, with one that expired, or with one made for other columns or another account starts with a walk
over every row: what is agreed already compares as equal, so a walk writes only differences. A walk that meets a lane
with links marks each one it meets; what it did not meet may have been deleted (`sweep`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b

from shared.domain.identity import LinkState
from shared.domain.records import FieldName, Gone, Kind, Record, Side
from shared.errors import AuthError, ConfigError, CursorExpired, Rejected, SyncError, Throttled, Transient
from shared.ports.connector import ChangePage, Cursor, Deletes, FeedKind
from shared.state.model import CursorState, Fact
from shared.sync.cases import Case
from shared.sync.context import Work
from shared.sync.intake import from_crm, from_partner
from shared.sync.page import Page
from shared.sync.told_once import begin_walk, left_behind, tell_refused, tell_well, walk_is_due

WALK = "walk"
SWEEP = "sweep"
LIVE = "live"

TOGETHER = 3000  # records from which a page is large enough
_AT_ONCE = 3000  # records in hand at a time: whole calls of 250, 300 and 1,000
_PATIENCE = 3  # times in a row that a log may fail before a run goes on without it
_MARGIN = 10.0  # seconds of the slice that must be left to read on


class _Untold(Exception):
    """The partner does not tell a log."""

    def __init__(self, fault: SyncError) -> None:
        super().__init__(str(fault))
        self.fault = fault


class Feed:
    """One kind of one side."""

    def __init__(self, work: Work, side: Side, kind: Kind) -> None:
        self.work = work
        self.side = side
        self.kind = kind
        self.name = f"{side.value}:{kind}"
        self.capabilities = work.connector(side).capabilities.kinds[kind]
        names = [name for item in work.maps_of(side, kind) for name in item.reads(side)]
        self.fields: Sequence[FieldName] = tuple(dict.fromkeys(names))
        self._is_log = False
        self.taken = 0
        """Records of the page that `step` took."""
        changes = {item.entity.name: work.columns.last(item.entity.name) for item in work.maps_of(side, kind)}
        moved = [f"{name}:{last}" for name, last in sorted(changes.items()) if last]
        ground = "|".join([*sorted(self.fields), work.identity(side), *moved])
        self.ground = blake2b(ground.encode(), digest_size=8).hexdigest()

    @property
    def readable(self) -> bool:
        return self.capabilities.feed is not FeedKind.NONE and bool(self.fields)

    def cursor(self) -> CursorState | None:
        """The cursor, unless it was made for something else."""
        found = self.work.held.cursor(self.name)
        return found if found is not None and found.digest == self.ground else None

    def step(self, *, may_walk: bool = True, before: Callable[[], None] | None = None) -> bool:
        """Takes one page from the feed to its fold; answers whether another may follow at once.

        `may_walk` is false where only what changed is wanted: then no walk begins that could wait. `before` is called
        when the page brings anything at all, before any of it is decided.
        """
        state = self.cursor()
        if may_walk and state is not None and self._walk_is_due(state):
            state = None
        try:
            page = self._read(state)
        except CursorExpired:
            self.work.facts["walks"] = self.work.number("walks") + 1
            state, page = None, self._read(None)
        page = self._gathered(page)
        self.taken = len(page.items)
        if page.items and before is not None:
            self.work.written.clear()
            before()
            page = self._renewed(page)
        walking = state is None or state.phase == WALK
        epoch = self._epoch(state) if walking else 0
        self._take(page, self._next(state, page, walking=walking, epoch=epoch), epoch=epoch)
        return page.more

    def step_log(self) -> bool:
        """As `step`, for a log of what people did: where the partner refuses to tell it, or fails at it time after
        time, nothing else stops. A fault of anybody else is met as in any feed."""
        self._is_log = True
        try:
            more = self.step()
        except _Untold as untold:
            if self.work.engine.plan is None:
                tell_refused(self.work, self.kind, untold.fault)
            return False
        tell_well(self.work, self.kind)
        return more

    def _gathered(self, page: ChangePage) -> ChangePage:
        """Small pages of a feed taken together: each fold rewrites the link pages it touches, and a hundred records
        touch as many pages as a thousand do."""
        items = list(page.items)
        clock, patience = self.work.engine.clock, self.work.engine.options.inbox_every / 2
        until = clock.monotonic() + patience
        while page.more and not page.walked and len(items) < TOGETHER and self.work.left > _MARGIN:
            if clock.monotonic() > until:
                break  # the inbox is looked at in between
            try:
                following = self.work.connector(self.side).changes(self.kind, page.cursor, self.fields)
            except (CursorExpired, Throttled, Transient):
                break  # what was read so far is taken over; the next step meets the fault again
            items.extend(following.items)
            page = following
        return replace(page, items=items)

    def _renewed(self, page: ChangePage) -> ChangePage:
        """The page with every row read again that was written to meanwhile: as it was told before, it would look as
        though somebody had undone that write."""
        ids = [item.ref.id for item in page.items if (self.side, item.ref) in self.work.written]
        if not ids:
            return page
        found = self.work.connector(self.side).read(self.kind, ids, self.fields)
        return replace(page, items=[found.get(item.ref.id, item) for item in page.items])

    def _walk_is_due(self, state: CursorState) -> bool:
        """Deletes that nobody tells are only found by a walk over everything, each turn or once in a while."""
        if state.phase != LIVE:
            return False
        if self.capabilities.create_only:
            return walk_is_due(self.work, self.kind, state)
        if self.capabilities.feed is FeedKind.WALK:
            return True
        walked = state.facts.get("walked")
        pause = timedelta(hours=self.work.engine.options.sweep_hours)
        return self.capabilities.deletes is Deletes.ABSENCE and (
            not isinstance(walked, datetime) or self.work.now - walked >= pause
        )

    def _read(self, state: CursorState | None) -> ChangePage:
        cursor = Cursor(state.token) if state is not None else None
        try:
            return self.work.connector(self.side).changes(self.kind, cursor, self.fields)
        except (AuthError, ConfigError, Rejected, Transient) as fault:
            passing = isinstance(fault, Transient) and self.work.number("failures") < _PATIENCE
            if passing or not self._is_log:
                raise
            raise _Untold(fault) from fault

    def _epoch(self, state: CursorState | None) -> int:
        """The number of the walk under way; 0 when there is nothing to mark."""
        if state is not None:
            value = state.facts.get("epoch", 0)
            return int(value) if isinstance(value, int) else 0
        if self.capabilities.create_only:
            begin_walk(self.work, self.kind)
            return 0
        if not self.work.linked():
            return 0
        epoch = self.work.number("epoch") + 1
        self.work.facts["epoch"] = epoch
        return epoch

    def _next(self, state: CursorState | None, page: ChangePage, *, walking: bool, epoch: int) -> CursorState:
        phase = LIVE
        facts: dict[str, Fact] = {"epoch": epoch} if epoch else {}
        if walking:
            absent = self.capabilities.deletes is not Deletes.NEVER and epoch
            phase = WALK if not page.walked else SWEEP if absent else LIVE
            facts["walked"] = self.work.now
            facts["after_all"] = self._after_all(state)
        elif state is not None:
            phase, facts = state.phase, {**state.facts}
        facts["more"] = page.more
        return CursorState(token=page.cursor, digest=self.ground, phase=phase, facts=facts)

    def _after_all(self, state: CursorState | None) -> bool:
        """Whether every accepted create had ended when this walk began: what was made by them it must meet."""
        return bool(state.facts.get("after_all")) if state is not None else not self.work.anything_open()

    def _take(self, changes: ChangePage, cursor: CursorState, *, epoch: int) -> None:
        """A large page is taken in parts, so that memory does not depend on it; the cursor moves with the last part."""
        items = self._complete(changes.items)
        parts = [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)] or [items]
        for number, part in enumerate(parts):
            page = Page(self.work, f"{self.name}|{changes.cursor}" + (f"|{number}" if number else ""))
            cases = self.cases(page, part, only_news=not epoch)  # a walk that marks what it meets marks all of it
            page.run(cases)
            if epoch:
                mark(page, self.side, cases, epoch)
            if self.capabilities.create_only:
                left_behind(self.work, self.kind, page.tally.counts)
            page.fold({self.name: cursor} if part is parts[-1] else None)

    def cases(self, page: Page, items: Sequence[Record | Gone], *, only_news: bool = False) -> list[Case]:
        if self.side is Side.CRM:
            return from_crm(page, self.kind, items)
        return from_partner(page, self.kind, items, only_news=only_news)

    def _complete(self, items: Sequence[Record | Gone]) -> Sequence[Record | Gone]:
        """Rows that lack fields are read whole: an absent field would count as unchanged."""
        if not self.capabilities.partial_rows:
            return items
        ids = [item.ref.id for item in items if isinstance(item, Record)]
        whole = self.work.connector(self.side).read(self.kind, ids, self.fields) if ids else {}
        return [whole.get(item.ref.id, item) if isinstance(item, Record) else item for item in items]


def mark(page: Page, side: Side, cases: Sequence[Case], epoch: int) -> None:
    """Notes on each link that this walk met its record."""
    name = "seen_crm" if side is Side.CRM else "seen_partner"
    for case in cases:
        link = page.links.link(case.key)
        if link is not None and link.state in {LinkState.LINKED, LinkState.AWAITING} and getattr(link, name) != epoch:
            page.links.put(replace(link, **{name: epoch}))  # type: ignore[arg-type]
