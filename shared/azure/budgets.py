"""One budget a remote account, shared by all workers: `RequestBudget` on a row of a table.

Each worker holds a lease on a share of the account's rate and spends it by its own sliding window, without a call of
the store. A lone worker's share is everything; several share alike. What a worker has spent stays on the row until
it leaves the window, so that no window ever holds more than the limit, whoever takes a share over:

    for every worker but me:  counts(worker) = max(its share while its lease runs,
                                                   what it told it spent in the last window,
                                                   its share, for one window after a lease it never gave back)
    my share <= limit - the sum of counts(worker)

Where the window is longer than the lease, a share is taken in blocks of a lease's worth, the next one when the last is
spent: a worker that dies costs what it told and one block, for one lease and one window, not the whole limit. A
server's "wait" closes the row; other workers learn of it within `LOOK_SECONDS`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from shared.errors import Throttled, Transient
from shared.http.budget import PATIENCE, Rate, gap, spread
from shared.ports.ambient import Clock
from shared.ports.coordination import is_waited_for
from shared.ports.state import Cell, Conflict, Insert, Operation, PartitionStore, Replace
from shared.state import envelope

LEASE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 5.0
"""The row is looked at again when it was last seen so long ago."""

_RENEW_AT: Final = 0.4
"""A lease is renewed when this part of it has passed."""

_A_PERSONS_PATIENCE: Final = 3 * PATIENCE
"""A person's call outlasts the time in which a worker that holds everything sees that somebody else wants a share."""

_MARGIN: Final = 2.0
"""What two machines' ideas of the storage's time may differ by, and a request may take."""

_GRACE: Final = 0.002
"""Added to each window, so that no rounding of a time puts a call into two of them."""

_INSTANT: Final = 0.0005
"""Seconds that are not worth waiting for."""

_RESERVE: Final = 3
"""Percent of a share that a back-fill leaves alone: it is to use 0.95 of what it may, at the least."""

_A_TURN: Final = 0.01
"""Seconds after which the back-fill asks again whether it is its turn, where calls are not spaced."""

_GRAINS: Final = 12
"""A window is told in so many parts: what was spent in a part counts until the whole part has left the window."""

_TRIES: Final = 8
_PARTITION: Final = "budgets"
_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Member:
    """A worker on the row. `spent` tells calls by the end of the part of a window they were made in."""

    share: int
    until: datetime
    spent: tuple[tuple[datetime, int], ...] = ()
    gone: bool = False  # it gave its lease back: only what it spent still counts

    def counts(self, now: datetime, window: float) -> int:
        """What must be kept free for it in the window that ends now, or at any later time."""
        window_and_doubt = timedelta(seconds=window + _MARGIN)
        spent = sum(calls for at, calls in self.spent if at + window_and_doubt > now)
        leased = not self.gone and self.until + window_and_doubt > now
        return max(spent, self.share) if leased else spent

    def active(self, now: datetime) -> bool:
        return not self.gone and self.until > now


@dataclass(frozen=True, slots=True)
class Row:
    """The row of one account."""

    members: Mapping[str, Member] = field(default_factory=dict)
    closed_until: datetime = _NEVER

    def cells(self) -> dict[str, Cell]:
        body = [
            [name, item.share, item.until, [[at, calls] for at, calls in item.spent], item.gone]
            for name, item in self.members.items()
        ]
        return envelope.to_cells(envelope.pack(body), closed_until=self.closed_until)

    def kept(self, now: datetime, window: float) -> Row:
        """Without members that count for nothing any more."""
        members = {
            name: item for name, item in self.members.items() if item.active(now) or item.counts(now, window) > 0
        }
        return replace(self, members=members)


class Line:
    """A lock that threads get in the order they came (`threading.Lock` promises none). Who is interrupted while it
    waits leaves the line."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        turn = threading.Event()
        try:
            with self._lock:
                self._waiting.append(turn)
                first = len(self._waiting) == 1
            if not first:
                turn.wait()
        except BaseException:
            self._leave(turn)
            raise

    def __exit__(self, *_: object) -> None:
        self._leave(self._waiting[0])

    def _leave(self, turn: threading.Event) -> None:
        with self._lock, suppress(ValueError):  # interrupted before it stood in the line
            self._waiting.remove(turn)
            if self._waiting:
                self._waiting[0].set()


def _unreserved(share: int) -> int:
    """What a back-fill may use of a share; at least one call of one that is not empty."""
    return max(min(share, 1), share - share * _RESERVE // 100)


class SharedBudget:
    """`RequestBudget` of one account for one worker. `worker` is an id no other worker has; several threads may use it.

    `rate` is the limit to keep below, the share of the vendor's own limit that is ours already taken off.
    """

    def __init__(
        self,
        store: PartitionStore,
        account: str,
        rate: Rate,
        *,
        clock: Clock,
        worker: str,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._store = store
        self._account = account
        self._key = blake2b(account.encode(), digest_size=16).hexdigest()
        self._rate = rate
        self._window = rate.seconds + _GRACE
        self._clock = clock
        self._worker = worker
        self._lease = lease_seconds
        self._block = max(1, int(rate.calls * min(1.0, lease_seconds / rate.seconds)))
        self._capped = False
        self._lock = threading.RLock()
        self._lines = {urgent: Line() for urgent in (False, True)}
        self._given: deque[float] = deque()
        self._urgent = 0
        self._owed = False  # the last leave was the back-fill's: the next one is for who is waited for, if any is
        self._share = 0
        self._whole = 0  # the share before it is cut into blocks
        self._good_until = 0.0
        self._seen_at = -1e9
        self._renewed_at = -1e9
        self._closed_until = 0.0

    def acquire(self, calls: int = 1, *, interactive: bool = False) -> None:
        """See `RequestBudget`. Background calls leave three hundredths of the share to interactive ones and to what
        somebody waits for, take turns with them at the rest, and are spread over the window. Three hundredths of few
        calls are none: there a call that is waited for has the next leave or the one after it, and nothing of a small
        share lies idle for its sake.

        Threads of this worker get leave in the order they came: one that always lost the race for the next moment would
        be refused although the limit is not used up. What somebody waits for has a line of its own, a person's call
        none.
        """
        urgent = interactive or is_waited_for()
        patience = _A_PERSONS_PATIENCE if urgent else PATIENCE
        with self._noted() if urgent else nullcontext(), nullcontext() if interactive else self._lines[urgent]:
            self._acquire(calls, patience, urgent=urgent, spaced=not interactive)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Around a wait for leave that goes before the back-fill."""
        with self._lock:
            self._urgent += 1
        try:
            yield
        finally:
            with self._lock:
                self._urgent -= 1

    def _acquire(self, calls: int, patience: float, *, urgent: bool, spaced: bool) -> None:
        waited = 0.0
        for _ in range(calls):
            while (wait := self._take(urgent=urgent, spaced=spaced)) > 0:
                if waited + wait > patience:
                    raise Throttled(
                        f"the limit of calls to {self._account.replace('|', ' at ')} is used up for {wait:.1f} s",
                        retry_after=wait,
                        scope=self._account,
                        next_step="A run goes on by itself; a call of your own, send it again after that time.",
                    )
                self._clock.sleep(min(wait, PATIENCE))
                waited += min(wait, PATIENCE)

    def close_for(self, seconds: float) -> None:
        """See `RequestBudget`. This worker stops at once, the others within `LOOK_SECONDS`."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._clock.monotonic() + seconds)
            self._update(close=seconds)

    def release(self) -> None:
        """Gives the share back; what was spent stays on the row until it leaves the window. Does nothing where none
        was taken since."""
        with self._lock:
            if not self._good_until:
                return
            self._update(leave=True)
            self._share, self._good_until = 0, 0.0
            self._seen_at = self._renewed_at = -1e9  # who works again soon asks for a share at once

    # -- spending ---------------------------------------------------------------------------------------------------

    def _take(self, *, urgent: bool, spaced: bool) -> float:
        """Takes leave for one call and answers 0, or answers how long to wait."""
        with self._lock:
            now = self._clock.monotonic()
            if now < self._closed_until:
                return self._closed_until - now
            self._keep_up(now)
            now = self._clock.monotonic()
            if now < self._closed_until:
                return self._closed_until - now
            while self._given and self._given[0] + self._window <= now:
                self._given.popleft()
            allowed = self._allowed(now, urgent=urgent)
            if len(self._given) >= allowed and self._capped:
                self._update()
                now = self._clock.monotonic()
                allowed = self._allowed(now, urgent=urgent)
            if len(self._given) < allowed:
                early = self._pause(now, allowed, urgent=urgent, spaced=spaced)
                if early > _INSTANT:
                    return max(early, 2 * _INSTANT)
                if not urgent and self._urgent and self._owed:
                    return max(gap(self._rate, allowed), _A_TURN)
                self._given.append(now)
                self._owed = not urgent
                return 0.0
            if allowed == 0:
                return min(LOOK_SECONDS, max(1.0, self._rate.seconds / 4))
            return max(self._given[len(self._given) - allowed] + self._window - now, 0.001)

    def _pause(self, now: float, allowed: int, *, urgent: bool, spaced: bool) -> float:
        """Seconds until the next call may leave, where there is leave for it: calls are not made in bunches."""
        if not self._given:
            return 0.0
        pause = gap(self._rate, allowed) if spaced else 0.0
        if not urgent:
            frees_in = self._given[0] + self._window - now
            pause = max(pause, spread(self._rate, _unreserved(self._whole), len(self._given), frees_in))
        return pause - (now - self._given[-1])

    def _allowed(self, now: float, *, urgent: bool) -> int:
        share = self._share if now < self._good_until else 0
        return share if urgent else _unreserved(share)

    def _keep_up(self, now: float) -> None:
        """Renews the lease in time, and looks whether others closed the row or want a share. While the lease is good,
        a store that does not answer is no hindrance."""
        starved = self._share == 0 and now - self._seen_at >= 1.0
        try:
            if starved or now - self._renewed_at >= self._lease * _RENEW_AT:
                self._update()
            elif now - self._seen_at >= LOOK_SECONDS:
                self._look()
        except Transient:
            if now >= self._good_until:
                raise

    def _look(self) -> None:
        row, _ = self._read()
        self._note(row)
        here = self._store.now()
        others = [item for name, item in row.members.items() if name != self._worker and item.active(here)]
        fair = self._rate.calls // (len(others) + 1)
        starved = any(item.share < fair for item in others) and self._share > fair
        room = self._share < self._rate.calls and not others
        if starved or room:
            self._update()

    # -- the row ----------------------------------------------------------------------------------------------------

    def _update(self, *, close: float = 0.0, leave: bool = False) -> None:
        """Tells what was spent and takes the share that is to be had."""
        for _ in range(_TRIES):
            began = self._clock.monotonic()
            row, etag = self._read()
            now = self._store.now()
            self._note(row, now)
            members = dict(row.kept(now, self._rate.seconds).members)
            share = 0 if leave else self._fair(members, now)
            until = now + timedelta(seconds=self._lease)
            members[self._worker] = Member(share, until, self._told(now), gone=leave)
            closed = max(row.closed_until, now + timedelta(seconds=close)) if close else row.closed_until
            fresh = Row(members, closed)
            self._share = min(self._share, share)  # a smaller share holds at once, a larger one when it is written
            write: Operation = Replace(self._key, fresh.cells(), etag) if etag else Insert(self._key, fresh.cells())
            try:
                self._store.transact(_PARTITION, [write])
            except Conflict:
                continue
            self._share = share
            self._renewed_at = self._seen_at = began
            self._good_until = began + self._lease - _MARGIN
            return

    def _fair(self, members: Mapping[str, Member], now: datetime) -> int:
        """The share to take: alike with the others that are there, and never more than what is free."""
        others = [item for name, item in members.items() if name != self._worker]
        free = self._rate.calls - sum(item.counts(now, self._rate.seconds) for item in others)
        active = sum(item.active(now) for item in others)
        fair = self._rate.calls // (active + 1)
        first = sorted([name for name, item in members.items() if item.active(now)] + [self._worker])[0]
        rest = self._rate.calls - fair * (active + 1) if first == self._worker else 0
        share = max(0, min(free, fair + rest))
        self._whole = share
        block = sum(calls for _, calls in self._told(now)) + self._block
        self._capped = block < share
        return min(share, block)

    def _told(self, now: datetime) -> tuple[tuple[datetime, int], ...]:
        """What was spent in this window, in parts, each told at its end."""
        here = self._clock.monotonic()
        grain = self._rate.seconds / _GRAINS
        parts: dict[int, int] = {}
        for at in self._given:
            if at + self._window > here:
                parts[int((here - at) / grain)] = parts.get(int((here - at) / grain), 0) + 1
        return tuple((now - timedelta(seconds=part * grain), calls) for part, calls in sorted(parts.items()))

    def _note(self, row: Row, now: datetime | None = None) -> None:
        self._seen_at = self._clock.monotonic()
        closed = (row.closed_until - (now or self._store.now())).total_seconds()
        if closed > 0:
            self._closed_until = max(self._closed_until, self._seen_at + closed)

    def _read(self) -> tuple[Row, str]:
        found = self._store.get(_PARTITION, self._key)
        if found is None:
            return Row(), ""
        body: Sequence[Any] = envelope.read(_PARTITION, found)
        members = {
            name: Member(share, until, tuple((at, calls) for at, calls in spent), gone)
            for name, share, until, spent, gone in body
        }
        closed: Any = found.cells["closed_until"]
        return Row(members, closed), found.etag
