"""Connections in one table: a row each, and a row that keeps its pair of accounts unique."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields

from shared.domain.connection import ConnectionConfig, Switch
from shared.errors import ConfigError, StaleRevision
from shared.ports.journal import AlreadyThere, StoredConnection
from shared.ports.state import Cell, Conflict, Insert, PartitionStore, Remove, Replace, Row

_PARTITION = "connections"
_FIRST, _LAST = "c-", "c."
_FORMAT = 1
_CHUNK = 30_000  # characters a cell; the service takes 32 Ki of UTF-16


class TableConnections:
    """`ConnectionStore` on one table and one partition, so that a connection and its unique row appear together."""

    def __init__(self, store: PartitionStore) -> None:
        self._store = store

    def create(self, config: ConnectionConfig, *, unique: str) -> StoredConnection:
        row_key = f"c-{config.id}"
        operations = [
            Insert(row_key, {**_cells(config), "unique": unique}),
            Insert(f"u-{unique}", {"connection": config.id}),
        ]
        try:
            etags = self._store.transact(_PARTITION, operations)
        except Conflict:
            taken = self._store.get(_PARTITION, f"u-{unique}")
            raise AlreadyThere(str(taken.cells["connection"]) if taken is not None else config.id) from None
        return StoredConnection(config, etags[row_key])

    def get(self, connection_id: str) -> StoredConnection | None:
        if not connection_id.isalnum():
            return None
        row = self._store.get(_PARTITION, f"c-{connection_id}")
        return _stored(row) if row is not None else None

    def list(self) -> list[StoredConnection]:
        return [_stored(row) for row in self._store.scan(_PARTITION, _FIRST, _LAST)]

    def readable(self) -> tuple[Sequence[StoredConnection], Mapping[str, ConfigError]]:
        found, problems = [], {}
        for row in self._store.scan(_PARTITION, _FIRST, _LAST):
            try:
                found.append(_stored(row))
            except ConfigError as problem:
                problems[row.key.removeprefix("c-")] = problem
        return found, problems

    def update(self, config: ConnectionConfig, etag: str) -> StoredConnection:
        row_key = f"c-{config.id}"
        known = self._store.get(_PARTITION, row_key)
        if known is None:
            raise StaleRevision(f"connection {config.id} is gone", next_step="Read the list of connections again.")
        try:
            cells = {**_cells(config), "unique": known.cells["unique"]}
            etags = self._store.transact(_PARTITION, [Replace(row_key, cells, etag)])
        except Conflict:
            raise StaleRevision(
                f"connection {config.id} was changed meanwhile",
                code="connection_changed",
                next_step="Read it again, look at the difference, and send your change anew.",
            ) from None
        return StoredConnection(config, etags[row_key])

    def delete(self, connection_id: str) -> None:
        row = self._store.get(_PARTITION, f"c-{connection_id}")
        if row is not None:
            self._store.transact(_PARTITION, [Remove(row.key), Remove("u-" + str(row.cells["unique"]))])


def _cells(config: ConnectionConfig) -> dict[str, Cell]:
    text = json.dumps(asdict(config), ensure_ascii=False, separators=(",", ":"))
    parts = {f"data{start // _CHUNK}": text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)}
    return {"format": _FORMAT, **parts}


def _stored(row: Row) -> StoredConnection:
    found = row.cells.get("format")
    if found != _FORMAT:
        raise ConfigError(
            f"connection {row.key.removeprefix('c-')} has format {found!r}; this release reads {_FORMAT}",
            setting="release",
            code="state_too_new",
            next_step="Deploy the release that wrote it, or a newer one.",
        )
    try:
        return StoredConnection(_config(row), row.etag)
    except (ValueError, TypeError, KeyError):
        raise ConfigError(
            f"the settings of connection {row.key.removeprefix('c-')} cannot be read",
            code="state_damaged",
            next_step="Restore that row of the table (docs/how-to/restore.md), or remove it and connect again. Other "
            "connections go on.",
        ) from None


def _config(row: Row) -> ConnectionConfig:
    parts = sorted((name for name in row.cells if name.startswith("data")), key=lambda name: int(name[4:]))
    data: Mapping[str, object] = json.loads("".join(str(row.cells[name]) for name in parts))
    known = {item.name for item in fields(ConnectionConfig)}  # a newer release may have written more, before a rollback
    data = {name: value for name, value in data.items() if name in known}
    members = {**data, "entities": tuple(data["entities"]), "switch": Switch(str(data["switch"]))}  # type: ignore[arg-type]
    return ConnectionConfig(**members)  # type: ignore[arg-type]
