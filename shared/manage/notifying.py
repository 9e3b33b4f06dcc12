"""Notifications: one word when something goes wrong, one when it is over, and a digest a day.

An *episode* is a condition (a broken connection, runs that fail, a backlog, requests given up) from the look that first
finds it to the look that no longer does. Each look may be repeated and may overlap another: an episode is told by
whoever claims it, and what could not be delivered is tried again at the next look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from shared.errors import SyncError

EVENTS: Final = ("broken", "failing_runs", "backlog", "poison")
CLAIM: Final = timedelta(minutes=2)
"""After so long a claim of a worker that died is nobody's."""

MOST: Final = 20
"""Messages of one look; the others follow at the next."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something a person should know. `reason` holds codes and ids, never a value of a record."""

    event: str
    connection: str
    name: str
    reason: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """`over` is when it ended; `told`: somebody heard of its beginning. `claimed` is when a worker began to tell."""

    condition: Condition
    since: datetime
    told: bool = False
    over: datetime | None = None
    claimed: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an administrator set. `digest_hour` is UTC; None: no digest. `address`: there is one to tell."""

    events: tuple[str, ...] = EVENTS
    digest_hour: int | None = None
    address: bool = False


class EpisodeStore(Protocol):
    """The episodes of this installation, one for each event and connection. Every method may raise Transient."""

    def all(self) -> Sequence[tuple[Episode, str]]:
        """Each with its version."""
        ...

    def put(self, episode: Episode, version: str = "") -> str | None:
        """Stores a new episode, or replaces one that still has `version`; answers the new version, None when somebody
        else was first."""
        ...

    def remove(self, episode: Episode, version: str) -> bool:
        """False when somebody else was first."""
        ...

    def claim_day(self, day: str) -> bool:
        """Whether this caller is the first to tell the digest of a day."""
        ...

    def free_day(self, day: str) -> None:
        """The digest of that day was not delivered."""
        ...


type Send = Callable[[Mapping[str, object]], None]
"""Delivers one message. Raises SyncError when it did not arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifying:
    """`digest` counts failing records by connection and code: (name, id, counts)."""

    store: EpisodeStore
    wanted: Wanted
    send: Send
    now: datetime
    digest: Callable[[], Iterable[tuple[str, str, Mapping[str, int]]]]

    def look(self, conditions: Iterable[Condition]) -> int:
        """Compares what is with what was told, and tells the difference. Answers how many messages were delivered."""
        found = {(item.event, item.connection): item for item in conditions if item.event in self.wanted.events}
        known = {(item.condition.event, item.condition.connection) for item, _ in self.store.all()}
        for key, condition in found.items():
            if key not in known:
                self.store.put(Episode(condition=condition, since=self.now))
        for episode, version in self.store.all():
            there = (episode.condition.event, episode.condition.connection) in found
            self._turn(episode, version, there=there)
        return self._tell() + self._tell_day()

    def _turn(self, episode: Episode, version: str, *, there: bool) -> None:
        """Notes that an episode ended, or that it came back before its end was told."""
        if there and episode.over is not None:
            self.store.put(replace(episode, over=None), version)
        elif not there and episode.over is None:
            if episode.told:
                self.store.put(replace(episode, over=self.now), version)
            else:
                self.store.remove(episode, version)

    def _tell(self) -> int:
        if not self.wanted.address:
            return 0
        done = 0
        for episode, version in self.store.all():
            if done >= MOST or (episode.told and episode.over is None) or self._is_claimed(episode):
                continue
            claim = self.store.put(replace(episode, claimed=self.now), version)
            if claim is None:
                continue
            try:
                self.send(message(episode))
            except SyncError:
                self.store.put(replace(episode, claimed=None), claim)
                break  # the others would wait as long for the same address
            done += 1
            if episode.over is not None:
                self.store.remove(episode, claim)
            else:
                self.store.put(replace(episode, told=True, claimed=None), claim)
        return done

    def _is_claimed(self, episode: Episode) -> bool:
        return episode.claimed is not None and self.now - episode.claimed < CLAIM

    def _tell_day(self) -> int:
        """The digest, once a day from its hour on."""
        hour, day = self.wanted.digest_hour, self.now.date().isoformat()
        if hour is None or not self.wanted.address or self.now.hour < hour or not self.store.claim_day(day):
            return 0
        parts = [
            {"connection": connection, "name": name, "failing": sum(counts.values()), "byCode": dict(counts)}
            for name, connection, counts in self.digest()
        ]
        total = sum(int(str(part["failing"])) for part in parts)
        lines = "; ".join(f"{part['name'] or part['connection']}: {part['failing']}" for part in parts)
        text = f"dynasync, {day}: {total} records fail" + (f" ({lines})" if parts else "")
        try:
            self.send({"event": "digest", "state": "told", "day": day, "connections": parts, "text": text})
        except SyncError:
            self.store.free_day(day)
            return 0
        return 1


def message(episode: Episode) -> dict[str, object]:
    """What is sent; `text` is for chats that show nothing else."""
    told, over = episode.condition, episode.over is not None
    name = told.name or told.connection
    text = f"dynasync: {name} is well again ({told.event})" if over else f"dynasync: {name}: {told.reason}"
    return {
        "event": told.event,
        "state": "over" if over else "begun",
        "connection": told.connection,
        "name": told.name,
        "reason": told.reason,
        "nextStep": "" if over else told.next_step,
        "since": episode.since.isoformat(),
        "ended": episode.over.isoformat() if episode.over is not None else "",
        "text": text if over or not told.next_step else f"{text} Next: {told.next_step}",
    }
