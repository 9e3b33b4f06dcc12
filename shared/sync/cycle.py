"""One scheduled run of a lane, in slices: which source is served next, and when the run is over.

Order of a run: what the partner changed (it cannot refuse a stale write, so its edits go to Dynamics first, under a
condition), then Dynamics' pages, then who asks for a row and was not heard, then the outcomes of accepted writes and
the ids they were given, then sweeps, then deletes of records that others may hang off. The inbox is served first and
looked at again between pages, so that a long load never delays a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from shared.domain.records import Side
from shared.ports.connector import FeedKind, Paced
from shared.state.model import Awaited, LaneChanges
from shared.sync import requests
from shared.sync.asking import look_for_askers, nobody_was_made
from shared.sync.context import EARLY, PUT_BACK, Work, kinds_in_order
from shared.sync.feeds import SWEEP, TOGETHER, WALK, Feed
from shared.sync.ground import same_ground
from shared.sync.mending import mended
from shared.sync.recall import KEPT
from shared.sync.recover import recover
from shared.sync.settling import settle
from shared.sync.sweep import sweep
from shared.sync.told_once import is_log

_ASKED = "asked:"
"""How the slot of a run begins that no rhythm asked for; it takes no slot of the rhythm's."""

_SETTLED = 12  # accepted batches in hand at a time: 3,000 contacts

_LEAST = 0.1
_MARGIN = 5.0  # seconds kept for the fold and the release at the end of a slice


class Cycle:
    """Works through one run. Its progress lies in the lane's facts: the next slice goes on where this one left."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._looked = work.engine.clock.monotonic()
        self._grounded = False
        self._rows: dict[str, int] = {}  # how many records the last page of a feed had

    def run(self) -> bool:
        """Works until the run is over or the slice is; answers whether more is left to do at once."""
        work = self.work
        if not mended(work) or self._recovering():
            return True
        self._inbox()
        if not work.text("run") and not self._asked():
            return False
        for source in self._sources():
            if source in self._done():
                continue
            while self._step(source):
                if work.left < _MARGIN:
                    return True
                if self._switched_off():
                    return False
                self._between()
            self._finish(source)
            if work.left < _MARGIN:
                return True
        self.end()
        return False

    def _recovering(self) -> bool:
        if self.work.text("run"):
            self._same_ground()
        return recover(self.work)

    def _switched_off(self) -> bool:
        """Somebody turned the sync off meanwhile: the run rests where it is, and goes on when it is on again."""
        still_on = self.work.engine.still_on
        return still_on is not None and not still_on()

    def begin(self, slot: str, reason: str) -> None:
        """Opens a run; raises GuardTripped when another environment or account answers than the one confirmed."""
        work = self.work
        self._same_ground()
        if work.facts.pop("again", 0):
            work.facts["initial_done"] = 0
            work.held.fold(LaneChanges(cursors=dict.fromkeys(work.held.cursors())))
        run = work.engine.ids.new_id()
        initial = not work.number("initial_done")
        work.facts.update({"run": run, "slot": slot, "deletes": 0, "done": "", "started": work.now.isoformat()})
        work.facts["initial"] = int(initial)
        work.engine.journal.begin_run(run, slot=slot, reason="initial" if initial else reason)
        work.opened()

    def end(self) -> None:
        work = self.work
        run = work.text("run")
        if not work.awaiting():
            work.facts.pop(EARLY, None)
        if self._one_way():
            nobody_was_made(work)
        if work.facts.pop(KEPT, 0):
            work.held.forget_tellings()
        work.engine.journal.end_run(run, state="succeeded")
        for name in ("run", "done", "guard_released", "deletes", "initial", "settled", "echo", PUT_BACK):
            work.facts.pop(name, None)
        work.facts.update({"initial_done": 1, "runs_ended": work.number("runs_ended") + 1})
        work.facts.update({"last_run": run, "last_end": work.now.isoformat()})
        if not work.text("slot").startswith(_ASKED):
            work.facts["last_slot"] = work.text("slot")

    def _asked(self) -> bool:
        """Opens a run that somebody asked for outside the rhythm, if there is such a wish and nothing is broken."""
        if self.work.text("broken") or not self.work.facts.pop("asked", 0):
            return False
        self.begin(f"{_ASKED}{self.work.now.isoformat()}", "requested")
        return True

    def _same_ground(self) -> None:
        """Once a slice, before anything may be written in it."""
        if not self._grounded:
            engine = self.work.engine
            same_ground(engine.connection, {side: self.work.connector(side) for side in Side})
            self._grounded = True

    # -- sources -------------------------------------------------------------------------------------------------------

    def _sources(self) -> Iterator[str]:
        """The sources of this run in order, each by a name that lasts. What people did comes after the people."""
        work = self.work
        kinds = {side: [kind for kind in kinds_in_order(work, side) if not is_log(work, side, kind)] for side in Side}
        for side in (Side.PARTNER, Side.CRM):
            for kind in kinds[side]:
                yield f"feed|{side.value}|{kind}"
        if not self._one_way():
            for kind in kinds[Side.PARTNER]:
                yield f"asking|{Side.PARTNER.value}|{kind}"
        yield "settle"
        for kind in kinds[Side.PARTNER]:
            yield f"echo|{Side.PARTNER.value}|{kind}"
        for side in Side:
            for kind in kinds[side]:
                yield f"sweep|{side.value}|{kind}"
        yield from self._logs()
        yield "aside"

    def _logs(self) -> Iterator[str]:
        """What people did makes rows in Dynamics."""
        if not self._one_way():
            for kind in kinds_in_order(self.work, Side.PARTNER):
                if is_log(self.work, Side.PARTNER, kind):
                    yield f"log|{Side.PARTNER.value}|{kind}"

    def _one_way(self) -> bool:
        """Whether this run is the initial sync and writes to the partner only."""
        return bool(self.work.number("initial")) and self.work.engine.options.initial_one_way

    def _done(self) -> set[str]:
        return set(self.work.text("done").split(";"))

    def _finish(self, source: str) -> None:
        self.work.facts["done"] = ";".join(sorted({*self._done(), source} - {""}))

    def _step(self, source: str) -> bool:
        """One page of a source; answers whether the source has more."""
        what, _, rest = source.partition("|")
        if not rest:
            return self._settle() if what == "settle" else requests.serve_aside(self.work)
        side_name, _, kind_name = rest.partition("|")
        side = Side(side_name)
        kind = next(kind for kind in kinds_in_order(self.work, side) if kind == kind_name)
        feed = Feed(self.work, side, kind)
        if not feed.readable:
            return False
        if what == "sweep":
            state = feed.cursor()
            return state is not None and state.phase == SWEEP and sweep(feed)
        if what == "asking":
            return look_for_askers(self.work, kind)
        if what in {"echo", "log"}:
            return self._echo(source, feed) if what == "echo" else feed.step_log()
        if side is Side.PARTNER:
            return feed.step()
        if self._too_fast(feed):
            return True
        more = feed.step(before=lambda: self._drain_partners(feed))
        self._rows[feed.name] = feed.taken
        return more

    def _too_fast(self, feed: Feed) -> bool:
        """A partner that takes only so many large calls in a time is waited for before its feed is drained and a page
        is read: so nothing is written on old knowledge, and no page is put back. What was accepted is asked about
        meanwhile."""
        work, partner = self.work, self.work.engine.partner
        if not isinstance(partner, Paced):
            return False
        kinds = {item.entity.partner_kind for item in work.maps_of(Side.CRM, feed.kind)}
        rows = self._rows.get(feed.name, TOGETHER if self._loading(feed) else 0)
        rest = max((partner.pause(kind, rows) for kind in kinds), default=0.0)
        if rest <= 0:
            return False
        batches = self._accepted()
        if not batches or self._running(batches):
            self._sleep(rest)
        return True

    @staticmethod
    def _loading(feed: Feed) -> bool:
        """Whether an earlier slice left the feed in the middle of a first load: its next page is as large as any. Of
        another feed that this slice has not read nothing is known, and nobody waits for what may be a handful."""
        state = feed.cursor()
        return state is not None and state.phase == WALK

    def _echo(self, source: str, feed: Feed) -> bool:
        """A pass that was begun for the ids is read to its end: the next run begins with one of its own."""
        begun = self.work.text("echo") == source
        if not begun and not self._expects_echo(feed):
            return False
        if not begun and self._too_early(feed):
            return True
        more = feed.step()
        if more:
            self.work.facts["echo"] = source
        else:
            self.work.facts.pop("echo", None)
        return more

    def _expects_echo(self, feed: Feed) -> bool:
        """Ids of accepted creates come by the feed: it is read once more in the run that made them."""
        return feed.capabilities.asynchronous_create and self.work.awaiting() > 0

    def _too_early(self, feed: Feed) -> bool:
        """A feed asks again for what changed shortly before its mark. After many creates it is cheaper to wait that
        long than to be told all of them twice."""
        settled, options = self.work.text("settled"), self.work.engine.options
        if not settled or self.work.awaiting() < options.echo_pause_from:
            return False
        rest = (datetime.fromisoformat(settled) + feed.capabilities.look_back - self.work.now).total_seconds()
        if rest <= 0 or rest > feed.capabilities.look_back.total_seconds():
            return False
        self._sleep(rest)
        self.work.tick()
        return True

    def _sleep(self, seconds: float) -> None:
        """A few seconds: the inbox is looked at in between. Never none, so that the slice comes to its end."""
        most = min(self.work.engine.options.settle_seconds, self.work.left - _MARGIN)
        self.work.engine.clock.sleep(max(_LEAST, min(seconds, most)))

    def _drain_partners(self, feed: Feed) -> None:
        """The partner cannot refuse a stale write: what it changed is taken over before each page is written to it."""
        state = feed.cursor()
        if state is None or (state.phase == WALK and not state.facts.get("epoch")):
            return
        kinds = {item.entity.partner_kind for item in self.work.maps_of(Side.CRM, feed.kind)}
        for kind in kinds:
            partner = Feed(self.work, Side.PARTNER, kind)
            drained = partner.readable and partner.capabilities.feed in {FeedKind.DELTA, FeedKind.SINCE, FeedKind.LOG}
            while drained and partner.step(may_walk=False) and self.work.left > _MARGIN:
                self.work.tick()

    def _settle(self) -> bool:
        """Waits for accepted writes, a few seconds at a time; what runs longer is asked for in the next slice."""
        batches = self._accepted()
        if not batches:
            return False
        if not self._running(batches):
            return len(batches) == _SETTLED
        self._sleep(self.work.engine.options.settle_seconds)
        return True

    def _accepted(self) -> list[Awaited]:
        """The oldest of them, as many as are asked about at a time."""
        return list(islice(self.work.held.awaited(), _SETTLED))

    def _running(self, batches: Sequence[Awaited]) -> bool:
        """Asks what became of accepted writes; whether any is still under way."""
        running = settle(self.work, batches)
        if not running:
            self.work.facts["settled"] = self.work.engine.clock.now().isoformat()
        return running

    # -- between pages -------------------------------------------------------------------------------------------------

    def _between(self) -> None:
        self.work.tick()
        self.work.held.merge_when_ready()
        if self.work.engine.clock.monotonic() - self._looked >= self.work.engine.options.inbox_every:
            self._inbox()

    def _inbox(self) -> None:
        while requests.serve(self.work, self._same_ground) and self.work.left > _MARGIN:
            self.work.tick()
        self._looked = self.work.engine.clock.monotonic()


def back_off(failures: int, jitter: float, floor: float | None) -> timedelta:
    """How long a lane rests after a passing fault: 5 s doubling to 5 min, never below what the server asked for."""
    ceiling = min(300.0, 5.0 * 2 ** min(failures, 6))
    return timedelta(seconds=max(floor or 0.0, ceiling * (0.5 + jitter / 2)))


def later(now: datetime, pause: timedelta) -> datetime:
    return now + pause
