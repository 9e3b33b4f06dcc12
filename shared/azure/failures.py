"""The failing records of one connection: `f-<link>` a row each, `d-<link>` for one that a person dismissed.

A dismissal is a row of its own, so that telling a failure again needs no read before its write. What was told of a
record in the partner's own log (`t-<link>`, see `notices`) goes with its failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any, Final

from shared.azure.log_rows import in_transactions, list_rows, packed, pair_ref, ref_pair
from shared.azure.notices import notices_key
from shared.ports.journal import Failure, FailureFilter, Listing, Problem
from shared.ports.state import Cell, PartitionStore, Put, Remove, Row
from shared.state import envelope

_LINK: Final = re.compile(r"[0-9a-f]{1,64}")


class TableFailures:
    """`FailureStore` of one connection."""

    def __init__(self, store: PartitionStore, connection: str) -> None:
        self._store = store
        self._partition = connection

    def put(self, failures: Sequence[Failure]) -> None:
        rows = {failure.link: Put(_key(failure.link), _cells(failure)) for failure in failures}
        in_transactions(self._store, self._partition, rows.values())

    def clear(self, links: Iterable[str]) -> None:
        """See `FailureStore.clear`. Only rows that exist are deleted: the service refuses to delete the others."""
        wanted = [key for link in dict.fromkeys(links) for key in (_key(link), _dismissal(link), notices_key(link))]
        found = self._store.get_many(self._partition, wanted)
        in_transactions(self._store, self._partition, [Remove(key) for key in found])

    def get(self, link: str) -> Failure | None:
        rows = self._store.get_many(self._partition, [_key(link), _dismissal(link)])
        row = rows.get(_key(link))
        return None if row is None else self._failure(row, rows.get(_dismissal(link)))

    def list(self, where: FailureFilter, *, limit: int = 50, after: str = "") -> Listing[Failure]:
        def read(rows: Sequence[Row]) -> Iterable[Failure | None]:
            dismissed = self._dismissals(rows)
            for row in rows:
                failure = self._failure(row, dismissed.get(_dismissal(row.key[2:])))
                yield failure if where.matches(failure) else None

        narrow = bool(where.entity or where.code or where.field or where.dismissed)
        within = ("f-", "f.")
        return list_rows(self._store, self._partition, within, limit=limit, after=after, read=read, narrow=narrow)

    def dismiss(self, links: Iterable[str], *, actor: str) -> int:
        found = self._store.get_many(self._partition, [_key(link) for link in links])
        rows = [Put(_dismissal(row.key[2:]), packed([actor, self._failure(row, None).code])) for row in found.values()]
        in_transactions(self._store, self._partition, rows)
        return len(rows)

    def _dismissals(self, rows: Sequence[Row]) -> dict[str, Row]:
        """The dismissals in the stretch of keys that these rows cover."""
        if not rows:
            return {}
        first, last = _dismissal(rows[0].key[2:]), _dismissal(rows[-1].key[2:]) + "!"
        return {row.key: row for row in self._store.scan(self._partition, first, last)}

    def _failure(self, row: Row, dismissal: Row | None) -> Failure:
        entity, problems, crm, partner, at, run, tries, retry_at = envelope.read(self._partition, row)
        return Failure(
            link=row.key[2:],
            entity=entity,
            problems=tuple(Problem(*problem) for problem in problems),
            crm=pair_ref(crm),
            partner=pair_ref(partner),
            at=at,
            run=run,
            tries=tries,
            retry_at=retry_at,
            dismissed=dismissal is not None and self._dismissed_code(dismissal) == problems[0][0],
        )

    def _dismissed_code(self, row: Row) -> str:
        _, code = envelope.read(self._partition, row)
        return str(code)


def _key(link: str) -> str:
    if not _LINK.fullmatch(link):
        raise ValueError("a link is named by the hexadecimal digits of its key")
    return f"f-{link}"


def _dismissal(link: str) -> str:
    return f"d-{_key(link)[2:]}"


def _cells(failure: Failure) -> dict[str, Cell]:
    body: list[Any] = [
        failure.entity,
        [[problem.code, problem.field, problem.vendor_code, problem.message] for problem in failure.problems],
        ref_pair(failure.crm),
        ref_pair(failure.partner),
        failure.at.astimezone(UTC),
        failure.run,
        failure.tries,
        failure.retry_at.astimezone(UTC) if failure.retry_at else None,
    ]
    return packed(body)
