"""What outside callers asked for, in one list: requests about single records, then calls of flow steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.domain.records import Kind, Ref, RemoteId
from shared.ports.flow import CallState, FlowCall, FlowStore, Phase
from shared.ports.journal import Listing
from shared.ports.requests import ContactRequest, RequestState, RequestStore

_SHOWN: Final[Mapping[CallState, RequestState]] = {
    CallState.OPEN: RequestState.QUEUED,
    CallState.DUE: RequestState.QUEUED,
    CallState.WAITING: RequestState.WAITING,
    CallState.FINISHED: RequestState.FINISHED,
    CallState.POISON: RequestState.POISON,
}
_PEOPLE: Final = Kind("people")
_MARK: Final = "s"
type _Source = Callable[[int, str], Listing[ContactRequest]]


@dataclass(frozen=True, slots=True)
class RequestLists:
    """The lists of one connection."""

    requests: RequestStore
    flow: FlowStore
    kind: str = ""
    """The kind of record that people are in the partner system."""

    def list(self, state: RequestState, *, limit: int, after: str) -> Listing[ContactRequest]:
        """A page; each list is read to its end before the next one begins."""
        sources: list[_Source] = [lambda size, start: self.requests.list(state, limit=size, after=start)]
        sources += [self._calls(known) for known, shown in _SHOWN.items() if shown is state]
        place, start = _place(after)
        if place >= len(sources):
            raise ValueError("this list has no such continuation")
        page = sources[place](limit, start)
        if page.next:
            return Listing(page.items, _mark(place, page.next))
        if place + 1 == len(sources):
            return page
        if page.items and len(page.items) >= limit:
            return Listing(page.items, _mark(place + 1, ""))
        rest = self.list(state, limit=limit - len(page.items), after=_mark(place + 1, ""))
        return Listing([*page.items, *rest.items], rest.next)

    def call(self, call_id: str) -> ContactRequest | None:
        """A flow step's call as a request; None when there is none."""
        found = self.flow.get(call_id)
        return self._shown(found) if found is not None else None

    def purge(self, ids: Sequence[str]) -> int:
        return self.requests.purge(ids) + self.flow.purge(ids)

    def _calls(self, state: CallState) -> _Source:
        def read(limit: int, after: str) -> Listing[ContactRequest]:
            page = self.flow.list(state, limit=limit, after=after)
            return Listing([self._shown(call) for call in page.items], page.next)

        return read

    def _shown(self, call: FlowCall) -> ContactRequest:
        """The call as a request; one about a single person is a request about that person."""
        ref, code, message = Ref(_PEOPLE, RemoteId(str(call.total))), call.code, call.message
        page = self.flow.page(call.id, 0) if call.total == 1 else None
        if page is not None:
            [person] = page.people
            ref = Ref(Kind(self.kind), person.id)
            if person.phase is Phase.DONE and not code:
                code = person.code
        return ContactRequest(
            id=call.id,
            entity=call.step,
            ref=ref,
            state=_SHOWN[call.state],
            at=call.at,
            changed=call.changed,
            tries=call.tries,
            code=code,
            message=message,
            next_step=call.next_step,
            trace=call.trace,
        )


def _mark(place: int, after: str) -> str:
    return f"{_MARK}{place}.{after}" if place else after


def _place(after: str) -> tuple[int, str]:
    mark, dot, rest = after.partition(".")
    if dot and mark.startswith(_MARK) and mark[1:].isdigit():
        return int(mark[1:]), rest
    return 0, after
