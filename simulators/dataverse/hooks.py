"""The seams between the core and the modules that plug in: security, and what listens to writes.

A module plugs in by a function `install(service: DataverseSystem) -> None` and by its name in `service.MODULES`. It may
* put its own object in `service.hooks.security` (see `Security`);
* append to `service.hooks.before_write` / `after_write` / `after_commit`;
* register operations in `service.operations` (see `registry.Operations`);
* declare `SWITCHES: tuple[Switch, ...]` at module level, which the service adds to its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from simulators.dataverse.context import Caller, Context
from simulators.dataverse.schema import Table
from simulators.dataverse.store import Row, Value

type Right = Literal["Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share"]
type Op = Literal["create", "update", "delete"]


@dataclass(frozen=True, slots=True)
class WriteEvent:
    """One row being written.

    Attributes:
        before: the row as it was, None for a create.
        after: the row as it will be, None for a delete.
        changed: the columns the caller sent (typed), not the computed ones.
        message: the SDK message (`Create`, `Update`, `Delete`, `Merge`, ...).
    """

    op: Op
    table: Table
    id: str
    before: Row | None
    after: Row | None
    changed: Mapping[str, Value]
    message: str = ""


type Listener = Callable[[Context, WriteEvent], None]


class Security(Protocol):
    """Who may do what. Methods raise `DataverseError` to refuse."""

    def caller(self, context: Context) -> Caller:
        """Return the effective caller, after the impersonation headers (dataverse.md 1.9)."""
        ...

    def require(self, context: Context, right: Right, table: Table, row: Row | None = None) -> None:
        """Refuse with 403 when the caller lacks the right on the table, or on this row."""
        ...

    def row_filter(self, context: Context, table: Table) -> Callable[[Row], bool] | None:
        """Return the test that leaves the rows the caller may read; None when he may read all."""
        ...

    def reads_all(self, context: Context, table: Table) -> bool:
        """Return whether the caller reads the table at organisation level, as change tracking needs."""
        ...

    def hidden_columns(self, context: Context, table: Table) -> frozenset[str]:
        """Return the secured columns whose values the caller sees as null (dataverse.md 3)."""
        ...

    def check_columns(self, context: Context, op: Op, table: Table, columns: Iterable[str], row: Row | None) -> None:
        """Refuse with 403 when a secured column among `columns` may not be written."""
        ...


class OpenSecurity:
    """Everyone may do everything: what holds until a security module is installed."""

    def caller(self, context: Context) -> Caller:
        return context.caller

    def require(self, context: Context, right: Right, table: Table, row: Row | None = None) -> None:
        return None

    def row_filter(self, context: Context, table: Table) -> Callable[[Row], bool] | None:
        return None

    def reads_all(self, context: Context, table: Table) -> bool:
        return True

    def hidden_columns(self, context: Context, table: Table) -> frozenset[str]:
        return frozenset()

    def check_columns(self, context: Context, op: Op, table: Table, columns: Iterable[str], row: Row | None) -> None:
        return None


@dataclass(slots=True)
class Hooks:
    """What modules put in.

    Attributes:
        before_write: run inside the transaction before the row is kept; an exception refuses the write (plug-ins).
        after_write: run inside the transaction after the row was kept.
        after_commit: run once the outermost transaction has been kept (asynchronous webhooks).
        seeders: by key of the seed spec, `f(service, value) -> created`, run in order of registration.
        actions: by name of the control call `POST /_sim/do/<name>`, `f(service, spec) -> answer`.
        table_added: told of a custom table that was declared (at seed or over the API), `f(service, table)`.
        collections: by navigation property of a collection-valued partylist (`email_activity_parties`),
            `f(context, table, row_id, items)` that writes what a body holds there.
    """

    security: Security = field(default_factory=OpenSecurity)
    before_write: list[Listener] = field(default_factory=list)
    after_write: list[Listener] = field(default_factory=list)
    after_commit: list[Listener] = field(default_factory=list)
    seeders: dict[str, Callable[..., object]] = field(default_factory=dict)
    actions: dict[str, Callable[..., dict[str, object]]] = field(default_factory=dict)
    table_added: list[Callable[..., None]] = field(default_factory=list)
    collections: Mapping[str, Callable[..., None]] = field(default_factory=dict)
