"""The one answer that a flow step's call is owed: exactly one takes effect, whoever dies when.

The partner system takes an answer once: what opens its address is good for one answer, and refused afterwards. So an
attempt whose answer never came is made again, and refusals until the last try say that the earlier one presumably
arrived. One refusal says nothing: a gateway in between may have said it. Before each attempt it is noted that one
begins; a worker that dies in between leaves that note.

| what came | first attempt, or all before surely failed | an earlier one ended unknown |
|---|---|---|
| 2xx | answered | answered (the earlier one had not arrived) |
| 401, 403, 405, 409 | tried again, bounded | tried again; refused to the end: presumed answered |
| 400, 404, 410 | given up | tried again; refused to the end: presumed answered |
| 429, 503, not reached | tried again | tried again |
| another 5xx, no answer | tried again, in doubt from now on | tried again |
| 413 and the like | given up | given up |

What is only presumed keeps what opens its address, so that an operator can send it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from shared.errors import AuthError, ConfigError, GuardTripped, OutcomeUnknown, SyncError, Throttled, Transient
from shared.ports.ambient import Clock
from shared.ports.flow import CallState, FlowCall, FlowPartner, FlowStore

TRIES: Final = 8
"""Attempts to answer: with their pauses, about half an hour."""

CLAIM: Final = timedelta(seconds=60)
"""How long an attempt may last, well above the 30 s that the wire may take; one that was begun earlier and did not end
was left by a worker that died."""

_PAUSE: Final = timedelta(seconds=15)
_LONGEST: Final = timedelta(minutes=10)
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_REFUSED: Final = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.CONFLICT}
)
_USED: Final = _GONE | _REFUSED | {HTTPStatus.BAD_REQUEST}
"""What may be said of a token that was used."""
_AGAIN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT})
_SUCCESS: Final = 2
ANSWERED, CONFIRMED = "answered", "answered_before"
REFUSED, GONE, UNREACHABLE, UNUSABLE = "answer_refused", "answer_gone", "answer_unreachable", "answer_unusable"


@dataclass(frozen=True, slots=True)
class _Came:
    """What came of one attempt: `code`, whether the call ends with it, and how surely nothing took effect."""

    code: str
    state: CallState | None = None
    doubt: bool = False
    message: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowAnswers:
    """Answers of one connection."""

    store: FlowStore
    partner: FlowPartner
    clock: Clock

    def send(self, call_id: str) -> FlowCall | None:
        """One attempt, if one is due; how the call stands then. None when there is nothing to send now."""
        call = self.store.change(call_id, self._claimed)
        if call is None:
            return None
        came = self._attempt(call)
        return self.store.change(call_id, lambda found: self._ended(found, call, came))

    def requeue(self, call_id: str) -> FlowCall | None:
        """Takes a call out of the poison list, or one that was only presumed answered, to be answered anew; None for
        any other, and for one whose address is not known any more."""

        def back(call: FlowCall) -> FlowCall | None:
            if call.state is not CallState.POISON and not call.presumed:
                return None
            fresh = replace(call, tries=0, next_try=None, sending=None, changed=self.clock.now())
            return replace(fresh, state=CallState.DUE, code="", message="", next_step="")

        return self.store.change(call_id, back) if self._has_address(call_id) else None

    def _has_address(self, call_id: str) -> bool:
        try:
            return self.store.answer_to(call_id) is not None
        except ConfigError:
            return True  # sealed under another key: the attempt says so

    def _claimed(self, call: FlowCall) -> FlowCall | None:
        """The attempt is noted before it is made; None while there is none to make."""
        now = self.clock.now()
        early = call.next_try is not None and call.next_try > now
        busy = call.sending is not None and now - call.sending < CLAIM
        if call.state is not CallState.DUE or early or busy:
            return None
        left = call.sending is not None  # by a worker that died: nobody knows whether it was sent
        return replace(call, doubt=call.doubt or left, sending=now, tries=call.tries + 1, changed=now)

    def _attempt(self, call: FlowCall) -> _Came:
        try:
            to = self.store.answer_to(call.id)
            if to is None:
                return _Came(ANSWERED, call.after())
            people = (person for page in self.store.each_page(call.id) for person in page.people)
            status = self.partner.answer(to, call, people)
        except OutcomeUnknown as lost:
            return _Came(UNREACHABLE, doubt=True, message=str(lost))
        except (Transient, Throttled) as passing:
            return _Came(UNREACHABLE, message=str(passing))
        except (AuthError, ConfigError, GuardTripped) as wrong:
            return _given_up(UNUSABLE, wrong)
        return self._judged(call, status)

    def _judged(self, call: FlowCall, status: int) -> _Came:
        if status // 100 == _SUCCESS:
            return _Came(ANSWERED, call.after())
        told = f"the answer was refused with status {status}"
        if status in _USED and call.doubt:
            if call.tries < TRIES:
                return _Came(REFUSED, message=told, next_step=_RUN_AGAIN)
            return _Came(CONFIRMED, call.after(), message=f"{_PRESUMED}; {told}", next_step=_IF_NOT)
        if status in _GONE:
            return _Came(GONE, CallState.POISON, message=told, next_step=_RUN_AGAIN)
        if status in _REFUSED | _AGAIN:
            return _Came(REFUSED, message=told, next_step=_RUN_AGAIN)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _Came(UNREACHABLE, doubt=status != HTTPStatus.SERVICE_UNAVAILABLE, message=told)
        return _Came(UNUSABLE, CallState.POISON, message=told, next_step=_RUN_AGAIN)

    def _ended(self, found: FlowCall, claimed: FlowCall, came: _Came) -> FlowCall | None:
        """The call after the attempt of that claim; None where the attempt came too late to say anything.

        That an answer was taken is certain whenever it is said, unless the call was answered already.
        """
        now = self.clock.now()
        late = found.state is not CallState.DUE or found.sending != claimed.sending
        if late and not (came.code == ANSWERED and found.unsure):
            return None
        if came.code == ANSWERED:
            done = replace(found, state=found.after(), sending=None, doubt=False, changed=now, next_try=None)
            return replace(done, code=ANSWERED, message="", next_step="")
        state = came.state or (CallState.POISON if found.tries >= TRIES else CallState.DUE)
        doubt = found.doubt or came.doubt
        ended = replace(found, state=state, sending=None, doubt=doubt, changed=now, next_try=self._next(found, now))
        return replace(ended, code=came.code, message=came.message, next_step=came.next_step)

    def _next(self, call: FlowCall, now: datetime) -> datetime:
        pause: timedelta = min(_LONGEST, _PAUSE * 2 ** (call.tries - 1))
        return now + pause


_RUN_AGAIN: Final = (
    "Send it again from the poison list, or run the campaign's step again: what was done is not doubled."
)
_PRESUMED: Final = "an earlier attempt ended without an answer and presumably arrived"
_IF_NOT: Final = "If the campaign still waits for it, requeue this request: nothing is doubled."


def _given_up(code: str, error: SyncError) -> _Came:
    return _Came(code, CallState.POISON, message=str(error), next_step=error.next_step or _RUN_AGAIN)
