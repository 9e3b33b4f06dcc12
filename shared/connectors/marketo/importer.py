"""Bulk imports: many new people in one file, done later by the server.

Source: the vendor's pages on bulk import. A file of at most 10 MB; two imports run at once and ten wait, for all
clients of the subscription together (1016 beyond that); a batch can be asked about for seven days. An import creates or
updates by e-mail, leaves empty cells alone, leaves out values that do not fit and says so in a file of warnings, and
tells the rows it failed in another. It gives no ids: the log of new people brings them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from shared.connectors.marketo.client import Client, Reply
from shared.connectors.marketo.errors import (
    NOT_EXECUTED,
    NOT_THERE,
    PASSING,
    Refusal,
    not_tried,
    raise_for,
    unknown,
    wait_of,
)
from shared.connectors.marketo.fields import EMAIL
from shared.connectors.surroundings import Memo
from shared.errors import OutcomeUnknown, SyncError
from shared.http.parallel import raised, run_all
from shared.ports.connector import Op, Outcome, Settled, Ticket, Write, WriteResult

MOST = 3000
"""New people in one write: a file instead of ten calls."""

MAX_BYTES = 9_500_000
_REST = 600.0
"""How long people go by calls after the line of imports was full, or one failed as a whole."""

_DONE = frozenset({"complete", "completed"})
_FAILED = "failed"
_RESTS = "rests"
_SEVERAL = "ultiple lead match"

type Row = Mapping[str, Any]
type Item = tuple[Write, Row]


def importable(write: Write, row: Row) -> bool:
    """May this create go by file? Texts that a file may change on the way go by a call: controls, blank edges, and the
    word null, which a file takes for nothing."""
    if write.op is not Op.CREATE or not str(row.get(EMAIL) or "").strip():
        return False
    texts = [value for value in row.values() if isinstance(value, str)]
    return all(text == text.strip() and text.isprintable() and text.casefold() != "null" for text in texts)


class Importer:
    """Sends files and asks what became of them."""

    def __init__(self, client: Client, memo: Memo, *, partition: str, concurrency: int) -> None:
        self._client, self._memo = client, memo
        self._partition, self._concurrency = partition, concurrency
        self._resting = ("marketo", "imports rest", client.http.origin)

    @property
    def rests(self) -> bool:
        """The line was full, or an import failed as a whole, a short while ago."""
        return self._memo.get(self._resting, _REST, str) == _RESTS

    def send(self, items: Sequence[Item]) -> dict[str, WriteResult]:
        """ACCEPTED with a ticket, or why not. Those that are left out did not go, because the line was full or imports
        are not allowed: they go by calls. Raises only when nothing was sent."""
        results: dict[str, WriteResult] = {}
        met: set[str] = set()
        alone: list[Item] = []
        for write, row in items:
            key = str(row[EMAIL]).strip().casefold()
            if key in met:
                results[write.key] = not_tried(write, "same_email_in_call")
            else:
                met.add(key)
                alone.append((write, row))
        for part in _files(alone):
            if self.rests:
                break
            writes = [write for write, _ in part]
            try:
                results |= self._import(writes, _file([row for _, row in part]))
            except SyncError as error:
                if not any(result.ticket for result in results.values()):
                    raise
                results |= {write.key: not_tried(write, error.code, wait_of(error)) for write in writes}
        return results

    def _import(self, writes: Sequence[Write], content: bytes) -> dict[str, WriteResult]:
        query = [("format", "csv"), ("lookupField", EMAIL)]
        if self._partition:
            query.append(("partitionName", self._partition))
        try:
            answer = self._client.upload("leads.json", "import", query, content)
        except OutcomeUnknown as lost:
            return {write.key: unknown(write, lost.code) for write in writes}
        if isinstance(answer, Reply):
            return _accepted(writes, answer)
        if answer.code in NOT_EXECUTED or answer.code not in PASSING | {""}:
            self._memo.put(self._resting, _RESTS)
            return {}
        return {write.key: unknown(write, f"mkto_{answer.code}") for write in writes}

    # -- what became of them -----------------------------------------------------------------------------------------

    def settle(self, tickets: Sequence[Ticket]) -> list[Settled]:
        """One call each; two more where rows failed or values were left out."""
        return raised(run_all([partial(self._settle, ticket) for ticket in tickets], at_once=self._concurrency))

    def _settle(self, ticket: Ticket) -> Settled:
        found = self._client.bulk(f"leads/batch/{ticket}.json", "outcomes")
        if isinstance(found, Refusal) or not found.rows:
            if isinstance(found, Refusal) and found.code not in {NOT_THERE, "1003", "610", "702"}:
                raise raise_for(found, "to tell about an import")
            return Settled(ticket=ticket, running=False, lost=True)
        row = found.rows[0]
        status = str(row.get("status", "")).lower()
        if status == _FAILED:  # the file as a whole: nobody of it was made, and the calls say why of each
            self._memo.put(self._resting, _RESTS)
            return Settled(ticket=ticket, running=False, lost=True)
        if status not in _DONE:
            return Settled(ticket=ticket, running=True)
        refused = dict(self._rows(ticket, "warnings")) if row.get("numOfRowsWithWarning") else {}
        refused |= dict(self._rows(ticket, "failures")) if row.get("numOfRowsFailed") else {}
        return Settled(ticket=ticket, running=False, refused=refused)

    def _rows(self, ticket: Ticket, part: str) -> Iterator[tuple[str, str]]:
        """E-mail addresses of a file of failures or warnings, each with a code.

        Who has a warning was made without a value: the record is taken up again, and a call names the field.
        """
        text = self._client.file(f"leads/batch/{ticket}/{part}.json", "outcomes")
        header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
        names = [name.strip().lower() for name in header]
        if EMAIL not in names:
            return
        place = names.index(EMAIL)
        for row in rows:
            if len(row) > place and row[place].strip():
                several = _SEVERAL in row[-1] or "1007" in row[-1]
                code = "several_match" if several else f"import_{part[:-1]}"
                yield row[place].strip(), code


def _accepted(writes: Sequence[Write], answer: Reply) -> dict[str, WriteResult]:
    row = answer.rows[0] if answer.rows else {}
    ticket = str(row.get("batchId") or row.get("importId") or "")
    if not ticket.isalnum():
        return {write.key: unknown(write, "no_batch_id") for write in writes}
    return {
        write.key: WriteResult(key=write.key, outcome=Outcome.ACCEPTED, ticket=Ticket(ticket), at=answer.date)
        for write in writes
    }


def _files(items: Sequence[Item]) -> Iterator[list[Item]]:
    """By bytes, at least one person each."""
    part: list[Item] = []
    size = 0
    for item in items:
        length = sum(len(_cell(value).encode()) * 2 + 3 for value in item[1].values())
        if part and size + length > MAX_BYTES:
            yield part
            part, size = [], 0
        part.append(item)
        size += length
    if part:
        yield part


def _file(rows: Sequence[Row]) -> bytes:
    """The rows under one header; what a row does not say is an empty cell, which an import leaves alone."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([[_cell(row.get(name)) for name in names] for row in rows])
    return out.getvalue().encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
