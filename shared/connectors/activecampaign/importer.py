"""Bulk imports: many contacts in one call, done later by the server.

Source: the vendor's page on bulk import. At most 250 contacts and 399,999 bytes a call, 100 calls a minute (20 of a
single contact); over that the answer is 400, as for a bad contact. An import knows contacts by their e-mail only, so
it may carry new contacts, and changes to those whose e-mail there is the one we send.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from math import ceil
from threading import Lock

from shared.connectors.activecampaign.client import Client, Fetched, encode
from shared.connectors.activecampaign.errors import VendorError, outcome_of, raise_for
from shared.connectors.activecampaign.fields import EMAIL, is_custom
from shared.connectors.activecampaign.import_items import Items, Lookups
from shared.connectors.activecampaign.results import not_tried, rejected, unknown
from shared.connectors.surroundings import Memo
from shared.domain.records import Ref, Schema
from shared.errors import OutcomeUnknown, SyncError
from shared.http.origin import Origin
from shared.http.parallel import run_all
from shared.http.redaction import mask
from shared.ports.ambient import Clock
from shared.ports.connector import Op, Outcome, Settled, Ticket, Write, WriteResult

MOST = 250
MAX_BYTES = 399_999
A_MINUTE = 95  # of the vendor's 100
_DONE = frozenset({"completed", "complete", "done", "finished", "failed", "error"})
_LIMIT_PAUSE = 15.0
_BESIDE, _A_VALUE = 74, 21  # bytes of a contact, and of a value with the number of its field

type Results = dict[str, WriteResult]
type Item = tuple[Write, bytes]
"""A write and its contact, encoded."""


class Importer:
    """Sends imports and asks what became of them."""

    def __init__(
        self, client: Client, schema: Schema, memo: Memo, clock: Clock, *, automations: bool, concurrency: int
    ) -> None:
        self._client = client
        self._schema = schema
        self._lookups = Lookups(client, memo)
        self._automations = automations
        self._concurrency = concurrency
        self._window = minute_window(client.http.origin, memo, clock)

    def write(self, writes: Sequence[Write]) -> Results:
        """One result a write: ACCEPTED with a ticket, or why not. Never raises after something was sent."""
        results: Results = {}
        items: list[Item] = []
        met: set[str] = set()
        made = Items(self._schema, self._lookups, writes)
        for write in writes:
            item = made.of(write)
            if isinstance(item, WriteResult):
                results[write.key] = item
                continue
            if item["email"].casefold() in met:
                results[write.key] = WriteResult(key=write.key, outcome=Outcome.NOT_TRIED, code="same_email_in_call")
                continue
            met.add(item["email"].casefold())
            if not self._automations:  # here or at the top: the documents are not clear, so both say it
                item["exclude_automations"] = True
            items.append((write, encode(item)))
        chunks = _chunks(items)
        told = run_all([partial(self._send, chunk) for chunk in chunks], at_once=self._concurrency)
        for chunk, found in zip(chunks, told, strict=True):
            results.update(_failed(chunk, found) if isinstance(found, SyncError) else found)
        errors = [found for found in told if isinstance(found, SyncError) and not isinstance(found, OutcomeUnknown)]
        if errors and len(errors) == len(chunks) and len(items) == len(writes):
            raise errors[0]
        return results

    def settle(self, tickets: Sequence[Ticket]) -> list[Settled]:
        """What became of imports, one call each. The order of ids in the answer says nothing, and is not used."""
        told = run_all([partial(self._settle, ticket) for ticket in tickets], at_once=self._concurrency)
        for found in told:
            if isinstance(found, SyncError):
                raise found
        return [found for found in told if isinstance(found, Settled)]

    # ------------------------------------------------------------------------------------------------------------------

    def _send(self, chunk: Sequence[Item]) -> Results:
        """One import. Contacts it names as bad are refused, the others are sent again without them, once or twice."""
        results: Results = {}
        left = list(chunk)
        for _ in range(3):
            if not left:
                return results
            found = self._post([item for _, item in left])
            if isinstance(found, Fetched):
                return results | _accepted([write for write, _ in left], found)
            if found.error.is_rate_limit:
                return results | {write.key: _later(write, found.error) for write, _ in left}
            if not found.bad:
                return results | {write.key: _refused(write, found.error) for write, _ in left}
            for place in sorted(found.bad):
                write = left[place][0]
                results[write.key] = rejected(
                    write, "import_refused", mask(found.bad[place], _said(write), write.fields)
                )
            left = [item for place, item in enumerate(left) if place not in found.bad]
        return results | {write.key: rejected(write, "import_refused", "") for write, _ in left}

    def _post(self, contacts: Sequence[bytes]) -> Fetched | Refusal:
        wait = self._window.take(len(contacts))
        if wait > 0:
            raise self._client.http.throttled(wait, "its limit of imports a minute was reached")
        end = b"]}" if self._automations else b'],"exclude_automations":true}'
        body = b'{"contacts":[' + b",".join(contacts) + end
        answer = self._client.send_raw("POST", "import/bulk_import", "import", body)
        if isinstance(answer, Fetched):
            return answer
        error, data = answer
        return Refusal(error, _bad_contacts(data))

    def _settle(self, ticket: Ticket) -> Settled:
        found = self._client.try_get("import/info", "outcomes", [("batchId", ticket)])
        if isinstance(found, VendorError):
            if found.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND} and not found.is_rate_limit:
                return Settled(ticket=ticket, running=False, lost=True)
            raise raise_for(found, "to tell about an import")
        status = str(found.data.get("status", "")).lower()
        if status not in _DONE:
            return Settled(ticket=ticket, running=True)
        failed = found.data.get("failure")
        refused = {str(email): "import_refused" for email in failed} if isinstance(failed, list) else {}
        return Settled(ticket=ticket, running=False, refused=refused)


class Refusal:
    """A refused import: what was said, and which contacts (by place) were named as bad, with the reasons."""

    def __init__(self, error: VendorError, bad: Mapping[int, str]) -> None:
        self.error = error
        self.bad = bad


class MinuteWindow:
    """At most so many calls in any minute, in this process. A lane has one worker at a time, so that is enough."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._taken: deque[tuple[float, int]] = deque()
        self._lock = Lock()

    def take(self, contacts: int = MOST) -> float:
        """0.0 and a place in the window, or the seconds until there is one."""
        with self._lock:
            wait = self._until(1)
            if not wait:
                self._taken.append((self._clock.monotonic(), contacts))
            return wait

    def pause(self, contacts: int) -> float:
        """Seconds until there are places for so many contacts, in calls as full as those of the last minute."""
        with self._lock:
            self._until(1)
            if not self._taken:
                return 0.0
            full = sum(contacts for _, contacts in self._taken) / len(self._taken)
            return self._until(min(self._most, ceil(contacts / max(1.0, full)) + 1))

    def _until(self, places: int) -> float:
        """Seconds until so many places are free; 0.0: they are."""
        now = self._clock.monotonic()
        while self._taken and self._taken[0][0] <= now - 60.0:
            self._taken.popleft()
        missing = len(self._taken) + places - self._most
        return self._taken[missing - 1][0] + 60.0 - now if missing > 0 else 0.0


def minute_window(origin: Origin, memo: Memo, clock: Clock) -> MinuteWindow:
    """The imports of an account, one for all who send any."""
    return memo.get(("activecampaign", "imports", origin), float("inf"), lambda: MinuteWindow(clock, A_MINUTE))


def portion(writes: Sequence[Write]) -> int:
    """About how many of these writes one import takes."""
    size = sum(map(_length, writes))
    return max(1, min(MOST, MAX_BYTES * len(writes) // size))


def _length(write: Write) -> int:
    """About the bytes of a contact. What its text needs to be escaped is not counted: an import that comes out too long
    is cut in two."""
    length = _BESIDE + len(write.match or "")
    for name, value in write.fields.items():
        if name == EMAIL:
            continue
        length += (_A_VALUE if is_custom(name) else len(name) + 7) + len(str(value).encode())
    return length + sum(len(name.encode()) + 3 for name in write.add_labels)


def _chunks(items: Sequence[Item]) -> list[list[Item]]:
    """By number and by bytes."""
    chunks: list[list[Item]] = []
    size = MAX_BYTES
    for write, item in items:
        length = len(item) + 1  # a comma
        if not chunks or len(chunks[-1]) >= MOST or size + length > MAX_BYTES - 100:
            chunks.append([])
            size = 0
        chunks[-1].append((write, item))
        size += length
    return chunks


def _accepted(writes: Sequence[Write], answer: Fetched) -> Results:
    ticket = answer.data.get("batchId")
    success = str(answer.data.get("success", answer.data.get("Success", "")))
    if not isinstance(ticket, str) or not ticket or success not in {"1", "True"}:
        return {write.key: unknown(write, "no_batch_id") for write in writes}
    return {
        write.key: WriteResult(
            key=write.key,
            outcome=Outcome.ACCEPTED,
            ref=write.ref if write.op is Op.UPDATE else None,
            ticket=Ticket(ticket),
            at=answer.date,
        )
        for write in writes
    }


def _bad_contacts(data: object) -> dict[int, str]:
    reasons = data.get("failureReasons") if isinstance(data, Mapping) else None
    bad: dict[int, str] = {}
    for reason in reasons if isinstance(reasons, list) else ():
        place = reason.get("contact") if isinstance(reason, Mapping) else None
        if isinstance(place, int | str) and str(place).isdigit():
            bad.setdefault(int(place), str(reason.get("failureReason", "")))
    return bad


def _later(write: Write, error: VendorError) -> WriteResult:
    return WriteResult(key=write.key, outcome=Outcome.NOT_TRIED, code=error.name, retry_after=_LIMIT_PAUSE)


def _refused(write: Write, error: VendorError) -> WriteResult:
    outcome = outcome_of(error)
    if outcome is Outcome.UNKNOWN:
        return unknown(write, error.name)
    return rejected(write, error.name, mask(error.message, _said(write), write.fields))


def _said(write: Write) -> list[object]:
    return [value for value in (*write.fields.values(), write.match) if not isinstance(value, Ref | bool)]


def _failed(chunk: Sequence[Item], error: SyncError) -> Results:
    if isinstance(error, OutcomeUnknown):
        return {write.key: unknown(write, error.code) for write, _ in chunk}
    return {write.key: not_tried(write, error) for write, _ in chunk}
