"""What was told in the partner's own log: a row `t-<link>` among the failures, which goes when the record is well."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from shared.azure.log_rows import in_transactions, packed
from shared.ports.logbook import Notice
from shared.ports.state import PartitionStore, Put
from shared.state import envelope

_MOST: Final = 30
"""Notices of one record that are remembered, the newest."""


def notices_key(link: str) -> str:
    """The row of a link, among the rows of `TableFailures`."""
    return f"t-{link}"


class TableNotices:
    """`NoticeBook` of one connection; its lane's worker is the only writer."""

    def __init__(self, store: PartitionStore, connection: str) -> None:
        self._store = store
        self._partition = connection

    def begin(self, notices: Sequence[Notice]) -> tuple[list[Notice], frozenset[str]]:
        known = self._known(notices)
        fresh = [notice for notice in notices if not known.get(notice.link, {}).get(notice.key)]
        doubtful = frozenset(notice.key for notice in fresh if notice.key in known.get(notice.link, {}))
        self._put(known, dict.fromkeys(fresh, False))
        return fresh, doubtful

    def told(self, notices: Sequence[Notice], keys: Collection[str]) -> None:
        done = {notice: True for notice in notices if notice.key in keys}
        self._put(self._known(list(done)), done)

    def _known(self, notices: Sequence[Notice]) -> dict[str, dict[str, bool]]:
        """By link: the keys of its notices, and whether each was told."""
        keys = dict.fromkeys(notices_key(notice.link) for notice in notices)
        rows = self._store.get_many(self._partition, list(keys))
        return {key[2:]: dict(envelope.read(self._partition, row)) for key, row in rows.items()}

    def _put(self, known: Mapping[str, dict[str, bool]], states: Mapping[Notice, bool]) -> None:
        changed: dict[str, dict[str, bool]] = {}
        for notice, state in states.items():
            row = changed.setdefault(notice.link, dict(known.get(notice.link, {})))
            row.pop(notice.key, None)
            row[notice.key] = state
        puts = [
            Put(notices_key(link), packed([[key, state] for key, state in list(row.items())[-_MOST:]]))
            for link, row in changed.items()
        ]
        in_transactions(self._store, self._partition, puts)
