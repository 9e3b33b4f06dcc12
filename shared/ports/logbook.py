"""Systems that keep a log of each record, where others may write too: a refusal is told there to those who use it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from shared.domain.records import Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell about a partner's record. `key` is the same for the same thing, however often it happens.

    `link` is the pair's key in hexadecimal; `code` and `message` are the other side's own words with the record's
    values masked; `field` names the partner's fields at fault, "" for the whole record.
    """

    key: str
    link: str
    ref: Ref
    crm: Ref
    at: datetime
    entity: str
    code: str
    message: str = ""
    field: str = ""


@runtime_checkable
class Logbook(Protocol):
    """A connector whose capabilities say that it `keeps_log`."""

    def note(self, notices: Sequence[Notice], doubtful: Collection[str] = ()) -> frozenset[str]:
        """Writes each into the log of its record; answers the keys of those that need not be told again.

        Those named in `doubtful` may stand there already and are looked for first. A record that is gone needs nothing
        told. May raise as any call does; then what was written is found by the next call that doubts it.
        """
        ...


class NoticeBook(Protocol):
    """Remembers which notices were told, until their record is well again. May raise Transient."""

    def begin(self, notices: Sequence[Notice]) -> tuple[list[Notice], frozenset[str]]:
        """Those that were not told yet, noted as begun; and the keys of those that were begun before."""
        ...

    def told(self, notices: Sequence[Notice], keys: Collection[str]) -> None:
        """Notes those of `keys` as told."""
        ...
