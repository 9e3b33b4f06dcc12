"""Episodes and the settings of notifications, in one partition: `e-<event>-<connection>`, `settings`, `d-<day>`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from typing import Final

from shared.azure.log_rows import packed
from shared.errors import StaleRevision
from shared.manage.notifying import EVENTS, Condition, Episode, Wanted
from shared.ports.state import Conflict, Insert, PartitionStore, Remove, Replace
from shared.state import envelope

_PARTITION: Final = "app"
_SETTINGS: Final = "settings"


class TableEpisodes:
    """`EpisodeStore` of this installation, and what an administrator set."""

    def __init__(self, store: PartitionStore) -> None:
        self._store = store

    def all(self) -> list[tuple[Episode, str]]:
        found = []
        for row in self._store.scan(_PARTITION, "e-", "e."):
            condition, since, told, over, claimed = envelope.read(_PARTITION, row)
            episode = Episode(condition=Condition(*condition), since=since, told=told, over=over, claimed=claimed)
            found.append((episode, row.etag))
        return found

    def put(self, episode: Episode, version: str = "") -> str | None:
        key = _key(episode)
        cells = packed([list(astuple(episode.condition)), episode.since, episode.told, episode.over, episode.claimed])
        write = Replace(key, cells, version) if version else Insert(key, cells)
        try:
            return self._store.transact(_PARTITION, [write])[key]
        except Conflict:
            return None

    def remove(self, episode: Episode, version: str) -> bool:
        try:
            self._store.transact(_PARTITION, [Remove(_key(episode), version)])
        except Conflict:
            return False
        return True

    def claim_day(self, day: str) -> bool:
        try:
            self._store.transact(_PARTITION, [Insert(f"d-{day}", packed([]))])
        except Conflict:
            return False
        older = [row.key for row in self._store.scan(_PARTITION, "d-", f"d-{day}", limit=50)]
        if older:
            self._store.transact(_PARTITION, [Remove(key) for key in older])
        return True

    def free_day(self, day: str) -> None:
        self._store.transact(_PARTITION, [Remove(f"d-{day}")])

    def wanted(self) -> Wanted:
        return self.settings()[0]

    def settings(self) -> tuple[Wanted, str]:
        """What was set, with its version; the defaults and "" where nothing was."""
        row = self._store.get(_PARTITION, _SETTINGS)
        if row is None:
            return Wanted(), ""
        found: Mapping[str, object] = envelope.read(_PARTITION, row)
        hour, events = found.get("digest_hour"), found.get("events")
        wanted = Wanted(
            events=tuple(str(event) for event in (events if isinstance(events, list) else EVENTS)),
            digest_hour=hour if isinstance(hour, int) else None,
            address=bool(found.get("address")),
        )
        return wanted, row.etag

    def save(self, wanted: Wanted, version: str) -> None:
        """Raises StaleRevision when somebody saved since `version` was read."""
        body = {"events": list(wanted.events), "digest_hour": wanted.digest_hour, "address": wanted.address}
        cells = packed(body)
        write = Replace(_SETTINGS, cells, version) if version else Insert(_SETTINGS, cells)
        try:
            self._store.transact(_PARTITION, [write])
        except Conflict:
            raise StaleRevision(
                "the notifications were changed since you read them",
                code="changed_meanwhile",
                next_step="Look at `current`, join your change to it, and send it with the new ETag.",
            ) from None


def _key(episode: Episode) -> str:
    return f"e-{episode.condition.event}-{episode.condition.connection}"
