"""The configuration as one file: export, difference, apply. No ids and no secrets stand in it.

A connection is known by its pair of accounts. Applying a file twice changes nothing; what the file does not name is
left alone. Everything is judged before anything is stored, and what was stored is taken back if a later part fails.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.domain.connection import ConnectionConfig
from shared.errors import ConfigError, SyncError
from shared.manage.connections import Connections, ground
from shared.ports.journal import StoredConnection

FORMAT: Final = 1
_PARTS: Final = ("name", "crm", "partner", "entities", "rhythm", "options")
_KEPT: Final = frozenset({"system", *_PARTS})


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of a connection that the file has otherwise. `place` as in the file, below the connection."""

    place: str
    now: object
    then: object


@dataclass(frozen=True, slots=True)
class Change:
    """What a file means for one connection. `act`: create, update, same, or extra (not in the file: left alone)."""

    act: str
    name: str
    system: str
    id: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The configuration of the installation."""

    connections: Connections

    def export(self) -> dict[str, object]:
        """All connections in their file form, in a stable order."""
        found = [exported(stored.config) for stored in self.connections.all()]
        return {"format": FORMAT, "connections": sorted(found, key=_ground_of)}

    def diff(self, data: Mapping[str, object]) -> list[Change]:
        """What applying the file would change. Raises ConfigError naming a place of the file that cannot be."""
        return [change for change, _, _ in self._planned(data)]

    def apply(self, data: Mapping[str, object]) -> list[Change]:
        """Makes the installation as the file says, all or nothing."""
        planned = list(self._planned(data))
        for number, (change, stored, item) in enumerate(planned):
            if change.act in {"create", "update"}:
                with _placed(number):
                    self._judge(change, stored, item)
        undo: list[tuple[StoredConnection | None, StoredConnection]] = []
        done: list[Change] = []
        try:
            for number, (change, stored, item) in enumerate(planned):
                with _placed(number):
                    done.append(self._one(change, stored, item, undo))
        except SyncError:
            self._take_back(undo)
            raise
        return done

    # -- inside --------------------------------------------------------------------------------------------------------

    def _planned(
        self, data: Mapping[str, object]
    ) -> Iterator[tuple[Change, StoredConnection | None, Mapping[str, object]]]:
        there = {ground(stored.config): stored for stored in self.connections.all()}
        seen: set[str] = set()
        for number, item in enumerate(_items(data)):
            key = _ground_of(item)
            if key in seen:
                raise ConfigError(
                    "the file has two connections of the same environment and account",
                    setting=f"connections[{number}]",
                    next_step="Keep one of them.",
                )
            seen.add(key)
            yield self._change(item, there.get(key))
        for key, stored in there.items():
            if key not in seen:
                config = stored.config
                yield Change("extra", config.name, config.system, config.id), stored, {}

    def _change(
        self, item: Mapping[str, object], stored: StoredConnection | None
    ) -> tuple[Change, StoredConnection | None, Mapping[str, object]]:
        system = str(item.get("system", ""))
        if stored is None:
            return Change("create", str(item.get("name", "")), system), None, item
        config = stored.config
        now = exported(config)
        found = [Difference(part, now[part], item[part]) for part in _PARTS if part in item and item[part] != now[part]]
        act = "update" if found else "same"
        return Change(act, config.name, system, config.id, tuple(found)), stored, item

    def _judge(self, change: Change, stored: StoredConnection | None, item: Mapping[str, object]) -> None:
        """Everything that can be known without storing it."""
        if stored is None:
            self.connections.drafted(item)
        else:
            self.connections.edited(stored, _changes(change), whole=True)

    def _one(
        self,
        change: Change,
        stored: StoredConnection | None,
        item: Mapping[str, object],
        undo: list[tuple[StoredConnection | None, StoredConnection]],
    ) -> Change:
        if change.act == "create":
            made = self.connections.create(item)
            undo.append((None, made))
            return Change("create", made.config.name, made.config.system, made.config.id)
        if change.act == "update" and stored is not None:
            undo.append((stored, self.connections.edit(stored, _changes(change), whole=True)))
        return change

    def _take_back(self, undo: Sequence[tuple[StoredConnection | None, StoredConnection]]) -> None:
        """As far as nobody changed it meanwhile."""
        for before, after in reversed(undo):
            with contextlib.suppress(SyncError):
                if before is None:
                    self.connections.delete(after.config.id)
                else:
                    self.connections.store.update(before.config, after.etag)


def exported(config: ConnectionConfig) -> dict[str, object]:
    """A connection as it stands in a file: no id, no secret, no switch."""
    return {
        "system": config.system,
        "name": config.name,
        "crm": _side(config, "crm"),
        "partner": _side(config, "partner"),
        "entities": [dict(item) for item in config.entities],
        "rhythm": dict(config.rhythm),
        "options": dict(config.options),
    }


def _side(config: ConnectionConfig, side: str) -> dict[str, object]:
    settings: Mapping[str, object] = config.crm if side == "crm" else config.partner
    secrets = {name for name, value in settings.items() if value == f"{config.id}-{side}-{name}"}
    shown = {name: value for name, value in settings.items() if name not in secrets}
    return {**shown, "secretsStored": sorted(secrets)}


def _changes(change: Change) -> dict[str, object]:
    return {item.place: item.then for item in change.differences}


def _items(data: Mapping[str, object]) -> list[Mapping[str, object]]:
    if data.get("format") != FORMAT:
        raise ConfigError(
            f"the file's format is not {FORMAT}",
            setting="format",
            next_step="Export it anew with a release that knows it.",
        )
    items = data.get("connections")
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise ConfigError("connections must be a list of objects", setting="connections")
    for number, item in enumerate(items):
        unknown = sorted(item.keys() - _KEPT)
        if unknown:
            raise ConfigError(
                f"connections[{number}].{unknown[0]} is not known here",
                setting=f"connections[{number}].{unknown[0]}",
                code="unknown_field",
            )
        for side in ("crm", "partner"):
            if not isinstance(item.get(side), Mapping):
                raise ConfigError(f"{side} must be an object", setting=f"connections[{number}].{side}")
    return items


def _ground_of(item: Mapping[str, object]) -> str:
    crm, partner = item["crm"], item["partner"]
    return ground(
        ConnectionConfig(
            id="",
            name="",
            system=str(item.get("system", "")),
            crm=crm if isinstance(crm, Mapping) else {},
            partner=partner if isinstance(partner, Mapping) else {},
        )
    )


@contextlib.contextmanager
def _placed(number: int) -> Iterator[None]:
    """Names the connection of the file in what is wrong with it."""
    try:
        yield
    except ConfigError as wrong:
        wrong.setting = f"connections[{number}].{wrong.setting}".rstrip(".")
        raise
