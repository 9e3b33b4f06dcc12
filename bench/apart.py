"""Both systems in a process of their own, so that a bench's own memory is a worker's."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from bench.pair import systems
from shared.azure.ambient import SystemClock
from shared.connectors.memory import MemoryConnector
from shared.domain.records import FieldName, Gone, Kind, Record, RemoteId, Schema
from shared.ports.connector import (
    Capabilities,
    ChangePage,
    CheckStep,
    Connector,
    Cursor,
    Settled,
    Ticket,
    Write,
    WriteResult,
)


class Remote:
    """A memory connector on the other side of a pipe. For one thread."""

    def __init__(self, pipe: Connection, side: int) -> None:
        self._pipe, self._side = pipe, side
        self.capabilities: Capabilities = self._ask("capabilities")

    def _ask(self, method: str, *args: object) -> Any:
        self._pipe.send((self._side, method, args))
        worked, answer = self._pipe.recv()
        if not worked:
            raise answer
        return answer

    def check(self) -> Iterable[CheckStep]:
        return self._ask("check")  # type: ignore[no-any-return]

    def identity(self) -> str:
        return self._ask("identity")  # type: ignore[no-any-return]

    def describe(self, kind: Kind) -> Schema:
        return self._ask("describe", kind)  # type: ignore[no-any-return]

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Sequence[FieldName]) -> ChangePage:
        return self._ask("changes", kind, cursor, tuple(fields))  # type: ignore[no-any-return]

    def read(
        self, kind: Kind, ids: Sequence[RemoteId], fields: Sequence[FieldName]
    ) -> Mapping[RemoteId, Record | Gone]:
        return self._ask("read", kind, tuple(ids), tuple(fields))  # type: ignore[no-any-return]

    def find(self, kind: Kind, values: Sequence[str], fields: Sequence[FieldName]) -> Mapping[str, Sequence[Record]]:
        return self._ask("find", kind, tuple(values), tuple(fields))  # type: ignore[no-any-return]

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        return self._ask("write", tuple(writes))  # type: ignore[no-any-return]

    def settle(self, tickets: Sequence[Ticket]) -> Sequence[Settled]:
        return self._ask("settle", tuple(tickets))  # type: ignore[no-any-return]


def _serve(pipe: Connection, people: int) -> None:
    """Answers calls until the other side is gone."""
    connectors = [MemoryConnector(system) for system in systems(people, SystemClock())]
    while True:
        try:
            side, method, args = pipe.recv()
        except EOFError:
            return
        try:
            found = getattr(connectors[side], method)
            answer = found(*args) if callable(found) else found
            pipe.send((True, list(answer) if method == "check" else answer))
        except Exception as error:  # raised again where it was asked for
            pipe.send((False, error))


@contextmanager
def apart(people: int) -> Iterator[tuple[Connector, Connector]]:
    """Dynamics' side with so many people, and the partner's without any, as connectors."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, people), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Remote(ours, 0), Remote(ours, 1)
    finally:
        ours.close()
        process.join(10)
