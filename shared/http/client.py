"""Sends calls to one origin of one system: budget, credentials, time-outs, repeats, and what an answer means.

What a caller gets: an `Answer` for everything it has to judge itself (success, and refusals of the request), or one of
`AuthError`, `Transient`, `Throttled`, `ConfigError`, and `OutcomeUnknown` for a call with an effect whose answer was
lost. Errors name the system, the method, the path and parameter names; never a value, a header or a body, and they are
raised outside the `except` that caught the cause, so that no chained exception tells more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from shared.errors import AuthError, ConfigError, OutcomeUnknown, SyncError, Throttled, Transient
from shared.http.calls import Answer, Call, Observed, Observer
from shared.http.origin import Origin
from shared.http.redaction import describe_target
from shared.http.retry import SHORT_WAIT, RetryPolicy, parse_retry_after
from shared.http.transport import Lost, exchange
from shared.ports.ambient import Clock
from shared.ports.coordination import RequestBudget

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)
_REDIRECTION = 3  # the hundreds


class Authorizer(Protocol):
    """Puts credentials on a call."""

    def headers(self) -> Mapping[str, str]:
        """The headers that carry them. May fetch a token; raises AuthError, Transient, ConfigError."""
        ...

    def refused(self, used: Mapping[str, str]) -> bool:
        """Told after a 401 of a call that carried `used`. True when other credentials are worth one more try."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What all clients of a process share. `jitter` draws from [0, 1)."""

    session: requests.Session
    clock: Clock
    jitter: Callable[[], float]
    observers: Sequence[Observer] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How one system wants to be treated.

    `throttling` are the statuses that mean "wait" for the whole account. `definite` tells of an answer of status 5xx
    that asking again will not change it: then the caller judges it. `connect_seconds` bounds the TCP and TLS handshake.
    """

    title: str
    throttling: frozenset[int] = frozenset({HTTPStatus.TOO_MANY_REQUESTS})
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    connect_seconds: float = 10.0
    definite: Callable[[Answer], bool] = lambda _: False


class Verdict(StrEnum):
    DONE = "done"
    AGAIN = "again"
    THROTTLED = "throttled"
    UNAUTHORISED = "unauthorised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one try came to. `error` is to be raised: at once when done, else when there is no time for another try."""

    verdict: Verdict
    answer: Answer | None = None
    error: SyncError | None = None


class HttpClient:
    """One system at one origin under one budget. Used by several threads at once."""

    def __init__(
        self,
        *,
        system: str,
        origin: Origin,
        runtime: Runtime,
        budget: RequestBudget,
        authorizer: Authorizer,
        manners: Manners,
        scope: str,
    ) -> None:
        self.system = system
        self.origin = origin
        self.clock = runtime.clock
        self._runtime = runtime
        self._budget = budget
        self._authorizer = authorizer
        self._manners = manners
        self._scope = scope

    def send(self, call: Call) -> Answer:
        """One call, repeated as far as that is safe and there is time. A read's success comes with its `data`."""
        ends = self.clock.monotonic() + call.seconds
        refreshed = False
        tried = 0
        while True:
            tried += 1
            credentials = self._authorizer.headers()
            judged = self._judge(call, self._try(call, credentials, ends))
            if judged.verdict is Verdict.DONE:
                return _result(judged)
            if judged.verdict is Verdict.UNAUTHORISED:
                if refreshed or not self._authorizer.refused(credentials):
                    return _result(judged)
                refreshed = True
                continue
            self._wait_or_raise(call, judged, tried=tried, ends=ends)

    def sign_in(self) -> None:
        """Gets credentials and sends nothing. Raises AuthError, Transient, ConfigError."""
        self._authorizer.headers()

    def close_for(self, seconds: float) -> None:
        """The system said wait in words of its own: nobody calls it for `seconds`."""
        self._budget.close_for(seconds)

    def throttled(self, seconds: float, what: str = "it asked to wait") -> Throttled:
        """The error for such a case, in this client's scope."""
        return Throttled(
            f"{self._manners.title}: {what}",
            retry_after=seconds,
            scope=self._scope,
            next_step="Nothing to do: it goes on.",
        )

    def _try(self, call: Call, credentials: Mapping[str, str], ends: float) -> Answer | Lost:
        self._budget.acquire(1, interactive=call.interactive)
        started = self.clock.monotonic()
        outcome = exchange(
            self._runtime.session,
            call,
            url=self.origin.url + call.target,
            headers={**call.headers, **credentials},
            timeouts=(self._manners.connect_seconds, call.read_seconds),
            remaining=lambda: ends - self.clock.monotonic(),
        )
        told = outcome if isinstance(outcome, Answer) else None
        seen = Observed(
            system=self.system,
            purpose=call.purpose,
            method=call.method,
            status=told.status if told else 0,
            sent_bytes=len(call.body or b""),
            received_bytes=len(told.body) if told else 0,
            seconds=self.clock.monotonic() - started,
        )
        for observe in self._runtime.observers:
            observe(seen)
        return outcome

    def _judge(self, call: Call, outcome: Answer | Lost) -> Judged:
        if isinstance(outcome, Lost):
            return self._judge_lost(call, outcome)
        status = outcome.status
        if status in self._manners.throttling:
            if not (call.effect and status >= HTTPStatus.INTERNAL_SERVER_ERROR):
                return Judged(verdict=Verdict.THROTTLED, answer=outcome)
            self._budget.close_for(self._wait(outcome, tried=1, throttled=True))
        if status == HTTPStatus.UNAUTHORIZED:
            return Judged(verdict=Verdict.UNAUTHORISED, answer=outcome)
        if status // 100 == _REDIRECTION and status != HTTPStatus.NOT_MODIFIED:
            return Judged(verdict=Verdict.DONE, error=self._redirected(call))
        if call.effect or status < HTTPStatus.INTERNAL_SERVER_ERROR or self._manners.definite(outcome):
            return self._decoded(call, outcome)
        error = Transient(self._says(call, f"answered {status}"), code=f"http_{status}")
        return Judged(verdict=Verdict.AGAIN, answer=outcome, error=error)

    def _decoded(self, call: Call, answer: Answer) -> Judged:
        """A read that succeeded gets its data; what cannot be read is worth another try, a sign-in page is not."""
        if call.effect or call.raw or not answer.ok:
            return Judged(verdict=Verdict.DONE, answer=answer)
        error: SyncError
        try:
            return Judged(verdict=Verdict.DONE, answer=replace(answer, data=answer.json()))
        except Transient as problem:
            error = Transient(self._says(call, str(problem)), code=problem.code)
            return Judged(verdict=Verdict.AGAIN, answer=answer, error=error)
        except AuthError as problem:
            error = AuthError(self._says(call, str(problem)), code=problem.code, next_step=problem.next_step)
            return Judged(verdict=Verdict.DONE, error=error)

    def _judge_lost(self, call: Call, lost: Lost) -> Judged:
        if lost.untrusted:
            error: SyncError = ConfigError(
                self._says(call, "shows a certificate that is not trusted here"),
                code="untrusted_certificate",
                next_step="Check the address. Behind an inspecting proxy, name its CA in REQUESTS_CA_BUNDLE.",
            )
            return Judged(verdict=Verdict.DONE, error=error)
        if call.effect and lost.sent:
            error = OutcomeUnknown(
                self._says(call, f"gave no usable answer ({lost.reason})"),
                next_step="Nothing to do: the record is read before anything is written again.",
            )
            return Judged(verdict=Verdict.DONE, error=error)
        what = "gave no usable answer" if lost.sent else "could not be reached"
        error = Transient(
            self._says(call, f"{what} ({lost.reason})"),
            code=lost.reason.replace(" ", "_"),
            next_step="Nothing to do: it is tried again by itself.",
        )
        return Judged(verdict=Verdict.DONE if lost.too_large else Verdict.AGAIN, error=error)

    def _redirected(self, call: Call) -> ConfigError:
        return ConfigError(
            self._says(call, "answered with a redirect, which is never followed"),
            code="redirected",
            next_step="Enter the address the system itself shows, not one that forwards to it.",
        )

    def _wait(self, answer: Answer | None, *, tried: int, throttled: bool) -> float:
        asked = None
        if answer is not None:
            asked = parse_retry_after(answer.headers.get("Retry-After"), now=answer.date or self.clock.now())
        return self._manners.retry.wait(tried, asked=asked, jitter=self._runtime.jitter, throttled=throttled)

    def _wait_or_raise(self, call: Call, judged: Judged, *, tried: int, ends: float) -> None:
        throttled = judged.verdict is Verdict.THROTTLED
        wait = self._wait(judged.answer, tried=tried, throttled=throttled)
        if throttled:
            self._budget.close_for(wait)
        late = wait > SHORT_WAIT or self.clock.monotonic() + wait >= ends or tried >= self._manners.retry.tries
        log.info(
            "vendor_call_given_up" if late else "vendor_call_repeated",
            extra={"system": self.system, "purpose": call.purpose, "tried": tried, "wait": round(wait, 1)},
        )
        if not late:
            self.clock.sleep(wait)
            return
        if judged.error is None:
            raise self.throttled(wait, f"its limit was reached ({describe_target(call.method, call.target)})")
        if isinstance(judged.error, Transient):
            judged.error.retry_after = wait
        raise judged.error

    def _says(self, call: Call, what: str) -> str:
        return f"{self._manners.title} {what}: {describe_target(call.method, call.target)}"


def _result(judged: Judged) -> Answer:
    if judged.error is not None:
        raise judged.error
    if judged.answer is None:
        raise AssertionError("a try ends with an answer or with an error")
    return judged.answer
