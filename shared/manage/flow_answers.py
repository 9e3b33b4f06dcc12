"""The one answer that a flow step's call is owed: exactly one takes effect, whoever dies when.

The partner system takes an answer once: what opens its address is good for one answer, and refused afterwards. So an
attempt whose answer never came is made again, and a refusal then says that the earlier one had arrived. Before each
attempt it is noted that one begins; a worker that dies in between leaves that note.

| what came | first attempt, or all before surely failed | an earlier one ended unknown |
|---|---|---|
| 2xx | answered | answered (the earlier one had not arrived) |
| 401, 403, 404, 409, 410 | 404, 410: gone, given up; else tried again, bounded | answered: the earlier one arrived |
| 429, not reached | tried again | tried again |
| 5xx, no answer | tried again, in doubt from now on | tried again |
| 400, 413 and the like | given up | given up |
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

CLAIM: Final = timedelta(seconds=45)
"""How long an attempt may last; one that was begun earlier and not ended was left by a worker that died."""

_PAUSE: Final = timedelta(seconds=15)
_LONGEST: Final = timedelta(minutes=10)
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT})
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
        return self.store.change(call_id, lambda found: self._ended(found, came))

    def requeue(self, call_id: str) -> FlowCall | None:
        """Takes a call out of the poison list, to be answered anew; None for one that is not there."""

        def back(call: FlowCall) -> FlowCall | None:
            if call.state is not CallState.POISON:
                return None
            fresh = replace(call, tries=0, next_try=None, sending=None, changed=self.clock.now())
            return replace(fresh, state=CallState.DUE, code="", message="", next_step="")

        return self.store.change(call_id, back)

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
        if status in _GONE | _REFUSED and call.doubt:
            return _Came(CONFIRMED, call.after())
        if status in _GONE:
            return _Came(GONE, CallState.POISON, message=told, next_step=_RUN_AGAIN)
        if status in _REFUSED | _AGAIN:
            return _Came(REFUSED, message=told, next_step=_RUN_AGAIN)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _Came(UNREACHABLE, doubt=True, message=told)
        return _Came(UNUSABLE, CallState.POISON, message=told, next_step=_RUN_AGAIN)

    def _ended(self, call: FlowCall, came: _Came) -> FlowCall:
        now = self.clock.now()
        state = came.state or (CallState.POISON if call.tries >= TRIES else CallState.DUE)
        doubt = call.doubt or came.doubt
        ended = replace(call, state=state, sending=None, doubt=doubt, changed=now, next_try=self._next(call, now))
        return replace(ended, code=came.code, message=came.message, next_step=came.next_step)

    def _next(self, call: FlowCall, now: datetime) -> datetime:
        pause: timedelta = min(_LONGEST, _PAUSE * 2 ** (call.tries - 1))
        return now + pause


_RUN_AGAIN: Final = (
    "Send it again from the poison list, or run the campaign's step again: what was done is not doubled."
)


def _given_up(code: str, error: SyncError) -> _Came:
    return _Came(code, CallState.POISON, message=str(error), next_step=error.next_step or _RUN_AGAIN)
