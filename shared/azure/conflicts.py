"""The conflicts of one connection: `q-<id>` open questions, `c-<id>` decisions, newest first by their ids.

`w-<link and field>` names the open question on a field of a link, so that a newer one takes its place. Values come
sealed; what is older than its time loses them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

from shared.azure.log_rows import in_transactions, list_rows, newest_first, packed, pair_ref, ref_pair, scan_all
from shared.domain.records import Side
from shared.errors import StaleRevision, Transient
from shared.ports.journal import KeptConflict, Listing
from shared.ports.state import Cell, Conflict, Insert, Operation, PartitionStore, Put, Remove, Replace, Row
from shared.state import envelope

_ID: Final = re.compile(r"[0-9a-f]{12}-[0-9a-z]{1,64}")
_TRIES: Final = 10
_A_TRANSACTION: Final = 50


class TableConflicts:
    """`ConflictStore` of one connection. An id begins with `newest_first` of its time and a dash."""

    def __init__(self, store: PartitionStore, connection: str) -> None:
        self._store = store
        self._partition = connection

    def add(self, conflicts: Sequence[KeptConflict]) -> None:
        decided = [item for item in conflicts if item.winner is not None]
        rows = {f"c-{_checked(item.id)}": item for item in decided}
        known = self._store.get_many(self._partition, rows) if len(rows) <= _A_TRANSACTION else {}
        fresh = [Put(key, _cells(item)) for key, item in rows.items() if key not in known]
        in_transactions(self._store, self._partition, fresh, _A_TRANSACTION)
        for item in conflicts:
            if item.winner is None:
                self._ask(item)

    def get(self, conflict_id: str) -> KeptConflict | None:
        if not _ID.fullmatch(conflict_id):
            return None
        rows = self._store.get_many(self._partition, [f"q-{conflict_id}", f"c-{conflict_id}"])
        return next((self._kept(row) for row in rows.values()), None)

    def list(
        self, *, waiting: bool, entity: str = "", field: str = "", link: str = "", limit: int = 50, after: str = ""
    ) -> Listing[KeptConflict]:
        def read(rows: Sequence[Row]) -> Iterable[KeptConflict | None]:
            for kept in map(self._kept, rows):
                fits = entity in {"", kept.entity} and field in {"", kept.field} and link in {"", kept.link}
                yield kept if fits else None

        within = ("q-", "q.") if waiting else ("c-", "c.")
        return list_rows(self._store, self._partition, within, limit=limit, after=after, read=read)

    def decide(self, conflict_id: str, winner: Side, *, actor: str, now: datetime) -> KeptConflict:
        row = self._store.get(self._partition, f"q-{_checked(conflict_id)}")
        if row is None:
            raise _answered(conflict_id)
        open_one = self._kept(row)
        decided = replace(open_one, winner=winner, actor=actor, decided_at=now)
        operations: list[Operation] = [
            Remove(row.key, row.etag),
            Insert(f"c-{conflict_id}", _cells(decided)),
            Remove(_waiting_key(open_one)),
        ]
        try:
            self._store.transact(self._partition, operations)
        except Conflict:
            raise _answered(conflict_id) from None
        return decided

    def expire(self, before: datetime, limit: int = 500) -> int:
        oldest = f"{newest_first(before)}."
        decided = self._store.scan(self._partition, f"c-{oldest}", "c.", limit=limit)
        in_transactions(self._store, self._partition, [Remove(row.key) for row in decided])
        asked = scan_all(self._store, self._partition, f"q-{oldest}", "q.")
        full = [(row, kept) for row in asked if (kept := self._kept(row)).crm_value or kept.partner_value]
        for row, kept in full[:limit]:
            emptied = _cells(replace(kept, crm_value=None, partner_value=None))
            try:
                self._store.transact(self._partition, [Replace(row.key, emptied, row.etag)])
            except Conflict:
                continue  # it is being answered: the next round meets it among the decisions
        return len(decided) + len(full[:limit])

    def forget(self, links: Iterable[str]) -> None:
        """Removes everything kept about some links."""
        wanted = set(links)
        rows = scan_all(self._store, self._partition, "c-", "c.")
        asked = scan_all(self._store, self._partition, "q-", "q.")
        kept = [(row.key, item) for row in (*rows, *asked) if (item := self._kept(row)).link in wanted]
        doomed = [Remove(key) for key, _ in kept]
        names = {_waiting_key(item) for key, item in kept if key.startswith("q-")}
        present = self._store.get_many(self._partition, names)
        in_transactions(self._store, self._partition, [*doomed, *(Remove(name) for name in present)])

    def _ask(self, item: KeptConflict) -> None:
        """Stores an open question in the place of an older one on the same field."""
        key = f"q-{_checked(item.id)}"
        for _ in range(_TRIES):
            found = self._store.get_many(self._partition, [_waiting_key(item), key, f"c-{item.id}"])
            if key in found or f"c-{item.id}" in found:
                return
            older = found.get(_waiting_key(item))
            if older is not None and self._asks_the_same(older, item):
                return
            name = {"question": item.id}
            operations: list[Operation] = [Insert(key, _cells(item))]
            if older is None:
                operations.append(Insert(_waiting_key(item), name))
            else:
                operations += [Replace(older.key, name, older.etag), Remove(f"q-{_text(older.cells['question'])}")]
            try:
                self._store.transact(self._partition, operations)
            except Conflict:
                continue
            return
        raise Transient("the question changes too often", code="conflict_contended")

    def _asks_the_same(self, name: Row, item: KeptConflict) -> bool:
        """Whether the open question is about the same two values: then it stays, under the id people know."""
        asked = self._store.get(self._partition, f"q-{_text(name.cells['question'])}")
        known = self._kept(asked) if asked is not None else None
        return known is not None and _values(known) == _values(item) != (b"", b"")

    def _kept(self, row: Row) -> KeptConflict:
        body = envelope.read(self._partition, row)
        link, entity, field, policy, winner, crm, partner, crm_value, partner_value, at, run, actor, decided_at = body
        return KeptConflict(
            id=row.key[2:],
            link=link,
            entity=entity,
            field=field,
            policy=policy,
            winner=Side(winner) if winner else None,
            crm=pair_ref(crm),
            partner=pair_ref(partner),
            crm_value=crm_value,
            partner_value=partner_value,
            at=at,
            run=run,
            actor=actor,
            decided_at=decided_at,
            crm_digest=_digest(row, "crm"),
            partner_digest=_digest(row, "partner"),
        )


def _values(item: KeptConflict) -> tuple[bytes, bytes]:
    return item.crm_digest, item.partner_digest


def _checked(conflict_id: str) -> str:
    if not _ID.fullmatch(conflict_id):
        raise ValueError("a conflict's id is twelve hexadecimal digits of its time, a dash, and letters or digits")
    return conflict_id


def _waiting_key(item: KeptConflict) -> str:
    return "w-" + blake2b(f"{item.link}|{item.field}".encode(), digest_size=12).hexdigest()


def _text(cell: Cell) -> str:
    if not isinstance(cell, str):
        raise TypeError("the name of an open question is a text")
    return cell


def _answered(conflict_id: str) -> StaleRevision:
    return StaleRevision(
        f"conflict {conflict_id} was answered meanwhile, or a newer one took its place",
        code="conflict_answered",
        next_step="Read the list of conflicts again.",
    )


def _cells(item: KeptConflict) -> dict[str, Cell]:
    body: list[Any] = [
        item.link,
        item.entity,
        item.field,
        item.policy,
        item.winner.value if item.winner else "",
        ref_pair(item.crm),
        ref_pair(item.partner),
        item.crm_value,
        item.partner_value,
        item.at.astimezone(UTC),
        item.run,
        item.actor,
        item.decided_at.astimezone(UTC) if item.decided_at else None,
    ]
    # Cells of their own: the release before this one reads the body, and passes over cells it does not know.
    return packed(body, crm=item.crm_digest, partner=item.partner_digest)


def _digest(row: Row, name: str) -> bytes:
    """A digest of the values asked about; b"" in rows of the first release."""
    found = row.cells.get(name)
    return found if isinstance(found, bytes) else b""
