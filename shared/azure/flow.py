"""Calls of flow steps, beside the requests about single records: `n-<id>` is a call, `p-<id>-<number>` a page of it.

`no-<id>`, `nd-`, `nx-` and `nf-` list the calls that are open, due, poison and finished: each list is one key range.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import msgpack

from shared.azure.log_rows import in_transactions, list_rows, packed, pair_ref, ref_pair, scan_all
from shared.domain.records import RemoteId
from shared.errors import ConfigError, Transient
from shared.ports.ambient import Sealing
from shared.ports.flow import AnswerTo, CallState, Choices, FlowCall, PeoplePage, Person, Phase
from shared.ports.journal import Listing
from shared.ports.state import Cell, Conflict, Insert, Operation, PartitionStore, Put, Remove, Replace, Row
from shared.state import envelope

_ID: Final = re.compile(r"fl[0-9a-f]{30}")
_TRIES: Final = 40
EXPIRED: Final = "answer_expired"
"""Code of a call that was given up so long ago that it cannot be answered any more."""

_RUN_AGAIN: Final = "Run the campaign's step again where it still matters, then purge this from the poison list."
_TOGETHER: Final = 2_000_000
"""Bytes of pages in one transaction; the service takes 4 MiB of base64."""
_LISTS: Final[Mapping[CallState, str]] = {
    CallState.OPEN: "no",
    CallState.DUE: "nd",
    CallState.WAITING: "nw",
    CallState.POISON: "nx",
    CallState.FINISHED: "nf",
}


class TableFlow:
    """`FlowStore` of one connection. `sealer` closes what must not be read by whoever reads the tables."""

    def __init__(self, store: PartitionStore, connection: str, sealer: Sealing) -> None:
        self._store, self._partition, self._sealer = store, connection, sealer

    # -- taking in -----------------------------------------------------------------------------------------------------

    def open(
        self, call: FlowCall, pages: Sequence[PeoplePage], answer: AnswerTo | None, *, again: bool
    ) -> tuple[FlowCall, bool]:
        *before, last = self._batches(call.id, pages)
        for _ in range(_TRIES):
            # Read before the call itself: pages of a call that somebody else stores meanwhile have another etag then.
            lying = self._lying(before)
            row = self._row(call.id)
            if row is not None and not (again and self._call(row).state is CallState.FINISHED):
                return self._call(row), False
            cells = self._call_cells(call, self._sealed_answer(call.id, answer))
            listed = Put(f"{_LISTS[call.state]}-{call.id}", packed([]))
            old = [Remove(f"{_LISTS[self._call(row).state]}-{call.id}")] if row is not None else []
            head: Operation = Insert(_key(call.id), cells) if row is None else Replace(_key(call.id), cells, row.etag)
            try:
                for operations in before:  # pages without their call are nothing yet: the call comes with the last
                    self._store.transact(self._partition, [_over(put, lying.get(put.key)) for put in operations])
                self._store.transact(self._partition, [head, *old, listed, *last])
            except Conflict:
                continue
            return call, True
        raise _contended(call.id)

    def _lying(self, batches: Sequence[Sequence[Put]]) -> dict[str, Row]:
        """The rows in the place of these: of a delivery that died, of one under way, of a call that ended."""
        return self._store.get_many(self._partition, [put.key for puts in batches for put in puts]) if batches else {}

    def _batches(self, call_id: str, pages: Sequence[PeoplePage]) -> list[list[Put]]:
        """The pages in as few transactions as the service takes."""
        batches: list[list[Put]] = [[]]
        size = 0
        for page in pages:
            cells = self._page_cells(call_id, page)
            weight = sum(len(cell) for cell in cells.values() if isinstance(cell, bytes))
            if batches[-1] and (size + weight > _TOGETHER or len(batches[-1]) >= 90):  # noqa: PLR2004 - of a hundred
                batches.append([])
                size = 0
            batches[-1].append(Put(_page_key(call_id, page.number), cells))
            size += weight
        return batches

    # -- reading -------------------------------------------------------------------------------------------------------

    def get(self, call_id: str) -> FlowCall | None:
        row = self._row(call_id)
        return self._call(row) if row is not None else None

    def page(self, call_id: str, number: int) -> PeoplePage | None:
        row = self._store.get(self._partition, _page_key(call_id, number)) if _ID.fullmatch(call_id) else None
        return self._page(call_id, row) if row is not None else None

    def each_page(self, call_id: str) -> Iterator[PeoplePage]:
        for row in scan_all(self._store, self._partition, f"p-{call_id}-", f"p-{call_id}."):
            yield self._page(call_id, row)

    def answer_to(self, call_id: str) -> AnswerTo | None:
        row = self._row(call_id)
        sealed = self._body(row)[-1] if row is not None else b""
        return AnswerTo(**msgpack.unpackb(self._opened(sealed, call_id))) if sealed else None

    # -- going on ------------------------------------------------------------------------------------------------------

    def settle(self, call_id: str, number: int, people: Mapping[RemoteId, Person]) -> FlowCall | None:
        for _ in range(_TRIES):
            row = self._store.get(self._partition, _page_key(call_id, number)) if _ID.fullmatch(call_id) else None
            head = self._row(call_id)
            if row is None or head is None:
                return None
            page, call = self._page(call_id, row), self._call(head)
            after = _grown(page, people)
            if after == page:
                return call
            operations: list[Operation] = [Replace(row.key, self._page_cells(call_id, after), row.etag)]
            counted = _counted(call, page, after)
            if counted != call:
                operations += self._moved(head, counted)
                call = counted
            try:
                self._store.transact(self._partition, operations)
            except Conflict:
                continue
            return call
        raise _contended(call_id)

    def look(self, call_id: str, number: int, at: datetime) -> bool:
        row = self._store.get(self._partition, _page_key(call_id, number)) if _ID.fullmatch(call_id) else None
        if row is None:
            return False
        seen = replace(self._page(call_id, row), looked=at)
        try:
            self._store.transact(self._partition, [Replace(row.key, self._page_cells(call_id, seen), row.etag)])
        except Conflict:
            return False
        return True

    def forget_people(self, ids: Collection[RemoteId]) -> int:
        gone, names = 0, frozenset(ids)
        for row in scan_all(self._store, self._partition, "p-", "p.") if names else ():
            people, *_ = self._body(row)
            if any(RemoteId(person[0]) in names for person in people):
                gone += self._without(row.key, names)
        return gone

    def _without(self, key: str, names: frozenset[RemoteId]) -> int:
        call_id = key[2:].rpartition("-")[0]
        for _ in range(_TRIES):
            row, head = self._store.get(self._partition, key), self._row(call_id)
            page = self._page(call_id, row) if row is not None else None
            gone = sum(person.id in names for person in page.people) if page is not None else 0
            if row is None or page is None or not gone:
                return 0
            after = _left(page, names)
            operations: list[Operation] = [Replace(key, self._page_cells(call_id, after), row.etag)]
            if head is not None:
                call = self._call(head)
                counted = _counted(replace(call, total=call.total - gone), page, after)
                operations += self._moved(head, counted)
            try:
                self._store.transact(self._partition, operations)
            except Conflict:
                continue
            return gone
        raise _contended(call_id)

    def change(self, call_id: str, how: Callable[[FlowCall], FlowCall | None]) -> FlowCall | None:
        for _ in range(_TRIES):
            row = self._row(call_id)
            call = how(self._call(row)) if row is not None else None
            if row is None or call is None:
                return None
            try:
                self._store.transact(self._partition, self._moved(row, call))
            except Conflict:
                continue
            return call
        raise _contended(call_id)

    def purge(self, call_ids: Sequence[str]) -> int:
        gone = 0
        for call_id in dict.fromkeys(call_ids):
            call = self.get(call_id)
            if call is not None and call.state is CallState.POISON:
                self._forget(call)
                gone += 1
        return gone

    def delete_before(self, moment: datetime, limit: int = 100) -> int:
        rows = scan_all(self._store, self._partition, "n-", "n.")
        old = list(islice((row for row in rows if self._is_old(row, moment)), limit))
        for call in map(self._call, old):
            if call.state is CallState.POISON:
                self.change(call.id, _expired)
            else:
                self._forget(call)
        return len(old)

    def _is_old(self, row: Row, moment: datetime) -> bool:
        call = self._call(row)
        return call.changed < moment and (call.state is not CallState.POISON or bool(self._body(row)[-1]))

    def _forget(self, call: FlowCall) -> None:
        pages = [Remove(_page_key(call.id, number)) for number in range(call.pages)]
        in_transactions(
            self._store, self._partition, [Remove(f"{_LISTS[call.state]}-{call.id}"), *pages, Remove(_key(call.id))]
        )

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _moved(self, row: Row, call: FlowCall) -> list[Operation]:
        """Writes a call and moves it to its list; what opens the answer's address goes once it surely was sent."""
        sent = call.state in {CallState.WAITING, CallState.FINISHED} and not call.presumed
        sealed = b"" if sent or call.code == EXPIRED else self._body(row)[-1]
        before = self._call(row).state
        operations: list[Operation] = [Replace(row.key, self._call_cells(call, sealed), row.etag)]
        if before is not call.state:
            operations += [Remove(f"{_LISTS[before]}-{call.id}"), Put(f"{_LISTS[call.state]}-{call.id}", packed([]))]
        return operations

    def _row(self, call_id: str) -> Row | None:
        return self._store.get(self._partition, _key(call_id)) if _ID.fullmatch(call_id) else None

    def _body(self, row: Row) -> Any:
        return envelope.read(self._partition, row)

    def _call(self, row: Row) -> FlowCall:
        body = self._body(row)
        names = ("step", "at", "changed", "total", "pages", "open_pages", "undone_pages", "owes", "state", "campaign")
        more = ("batch", "tries", "sending", "doubt", "next_try", "code", "message", "next_step", "trace")
        values = dict(zip((*names, *more), body[:-1], strict=True))
        return FlowCall(id=row.key[2:], **{**values, "state": CallState(values["state"])})

    def _call_cells(self, call: FlowCall, sealed: bytes) -> dict[str, Cell]:
        return packed(
            [
                call.step,
                call.at.astimezone(UTC),
                call.changed.astimezone(UTC),
                call.total,
                call.pages,
                call.open_pages,
                call.undone_pages,
                call.owes,
                call.state.value,
                call.campaign,
                call.batch,
                call.tries,
                _utc(call.sending),
                call.doubt,
                _utc(call.next_try),
                call.code,
                call.message[:500],
                call.next_step[:300],
                call.trace,
                sealed,
            ]
        )

    def _page(self, call_id: str, row: Row) -> PeoplePage:
        people, sealed, *more = self._body(row)
        number = int(row.key.rpartition("-")[2])
        choices: Sequence[Choices] = msgpack.unpackb(self._opened(sealed, row.key)) if sealed else ()
        return PeoplePage(
            number=number,
            people=tuple(
                Person(
                    id=RemoteId(name),
                    choice=choice,
                    live=live,
                    phase=Phase(phase),
                    code=code,
                    message=message,
                    crm=pair_ref(crm),
                )
                for name, choice, live, phase, code, message, crm in people
            ),
            choices=tuple(choices),
            looked=more[0] if more else None,
        )

    def _page_cells(self, call_id: str, page: PeoplePage) -> dict[str, Cell]:
        people = [
            [one.id, one.choice, one.live, int(one.phase), one.code, one.message[:200], ref_pair(one.crm)]
            for one in page.people
        ]
        plain = b"" if not page.choices else msgpack.packb([dict(item) for item in page.choices])
        key = _page_key(call_id, page.number)
        sealed = self._sealer.seal(plain, bound=self._bound(key)) if plain else b""
        return packed([people, sealed, _utc(page.looked)])

    def _sealed_answer(self, call_id: str, answer: AnswerTo | None) -> bytes:
        if answer is None:
            return b""
        plain = msgpack.packb({"url": answer.url, "key": answer.key, "token": answer.token, "account": answer.account})
        return self._sealer.seal(plain, bound=self._bound(call_id))

    def _opened(self, sealed: bytes, place: str) -> bytes:
        try:
            return self._sealer.open(sealed, bound=self._bound(place))
        except ValueError:
            raise ConfigError(
                f"what flow step call {place} was told does not open with the app's state key",
                code="sealed_under_another_key",
                next_step="The app setting DYNASYNC_STATE_KEY was changed since; run the campaign's step again.",
            ) from None

    def _bound(self, place: str) -> str:
        return f"{self._partition}|{place}"

    def list(self, state: CallState, *, limit: int = 50, after: str = "") -> Listing[FlowCall]:
        name = _LISTS[state]

        def read(rows: Sequence[Row]) -> Iterable[FlowCall | None]:
            found = self._store.get_many(self._partition, [_key(row.key[3:]) for row in rows])
            for row in rows:
                stored = found.get(_key(row.key[3:]))
                call = self._call(stored) if stored is not None else None
                yield call if call is not None and call.state is state else None

        return list_rows(self._store, self._partition, (f"{name}-", f"{name}."), limit=limit, after=after, read=read)


def _over(put: Put, lying: Row | None) -> Operation:
    """Writes a page only over what was seen in its place: it was not worked on meanwhile."""
    return Insert(put.key, put.cells) if lying is None else Replace(put.key, put.cells, lying.etag)


def _grown(page: PeoplePage, people: Mapping[RemoteId, Person]) -> PeoplePage:
    """The page with what is news: a person who is further already stays so."""
    fresh = tuple(
        new if (new := people.get(old.id)) is not None and new.phase > old.phase else old for old in page.people
    )
    after = replace(page, people=fresh)
    return replace(after, choices=()) if after.done() else after


def _left(page: PeoplePage, names: Collection[RemoteId]) -> PeoplePage:
    """The page without these people. What only they were told goes too; the places of the others stay."""
    people = tuple(person for person in page.people if person.id not in names)
    used = {person.choice for person in people if person.phase is not Phase.DONE}
    choices = tuple(told if place in used else {} for place, told in enumerate(page.choices))
    after = replace(page, people=people, choices=choices)
    return replace(after, choices=()) if after.done() else after


def _expired(call: FlowCall) -> FlowCall | None:
    """A call that was given up long ago: what opens its answer's address is not kept for ever."""
    if call.state is not CallState.POISON:
        return None
    told = f"the address of its answer was forgotten after its time (it was given up as {call.code})"
    return replace(call, code=EXPIRED, message=told, next_step=_RUN_AGAIN)


def _counted(call: FlowCall, before: PeoplePage, after: PeoplePage) -> FlowCall:
    """The call, given what became of one of its pages."""
    told, done = after.told() and not before.told(), after.done() and not before.done()
    call = replace(call, open_pages=call.open_pages - told, undone_pages=call.undone_pages - done)
    if call.open_pages == 0 and call.state is CallState.OPEN:
        call = replace(call, state=CallState.DUE if call.owes else call.after())
    elif call.state is CallState.WAITING:
        call = replace(call, state=call.after())
    return call


def _key(call_id: str) -> str:
    return f"n-{call_id}"


def _page_key(call_id: str, number: int) -> str:
    return f"p-{call_id}-{number:04}"


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment is not None else None


def _contended(call_id: str) -> Transient:
    return Transient(f"flow step call {call_id} changes too often", code="request_contended")
