"""What can go wrong, named by what the runtime does next.

Messages carry ids and field names, never values, secrets or response bodies. A class that is not listed here is a bug:
it fails the message it happened in and is never retried as "unknown".

| class | meaning | what the runtime does |
|---|---|---|
| ConfigError | a setting is wrong or missing | refuses to start or to save, names the setting |
| AuthError | credentials were refused | one refresh, then the connection is broken until someone acts |
| Transient | time-out, reset, 5xx | retries with jitter inside the time left, else later |
| Throttled | a limit says wait | closes the budget for that scope, the work waits |
| StaleRevision | somebody wrote first | reads again and merges again, no try counted |
| CursorExpired | the feed's token or window is gone | compare-only pass over everything |
| Rejected | this record is invalid there | parks the record or the field, goes on with others |
| AmbiguousMatch | several candidates | a question for a person, never a guess |
| OutcomeUnknown | request sent, answer lost | keeps the intent; the next attempt reads before it writes |
| GuardTripped | mass delete, empty side, changed ground | stops the connection until a person releases it |
| LeaseLost | another worker holds the lane | leaves at once, writes nothing more |
"""

from __future__ import annotations

from typing import Self


class SyncError(Exception):
    """Base of everything the runtime knows how to handle.

    `code` is stable and machine-readable; `next_step` tells an operator what to do. `facts` are what a program needs
    to go on (when the next run starts, whose connection it is).
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, next_step: str = "") -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.next_step = next_step
        self.facts: dict[str, object] = {}

    def with_facts(self, **facts: object) -> Self:
        """The same error, with facts for a program; ids, times and numbers only."""
        self.facts.update(facts)
        return self


class ConfigError(SyncError):
    """A setting is wrong or missing. `setting` names it."""

    code = "config"

    def __init__(self, message: str, *, setting: str = "", code: str | None = None, next_step: str = "") -> None:
        super().__init__(message, code=code, next_step=next_step)
        self.setting = setting


class AuthError(SyncError):
    """The remote system refused our credentials."""

    code = "auth"


class Transient(SyncError):
    """Worth another try; `retry_after` in seconds when the server gave a hint. Nothing was applied."""

    code = "transient"

    def __init__(
        self, message: str, *, retry_after: float | None = None, code: str | None = None, next_step: str = ""
    ) -> None:
        super().__init__(message, code=code, next_step=next_step)
        self.retry_after = retry_after


class Throttled(SyncError):
    """A limit was reached; nothing goes to `scope` for `retry_after` seconds."""

    code = "throttled"

    def __init__(
        self, message: str, *, retry_after: float, scope: str, code: str | None = None, next_step: str = ""
    ) -> None:
        super().__init__(message, code=code, next_step=next_step)
        self.retry_after = retry_after
        self.scope = scope


class StaleRevision(SyncError):
    """A conditional write was refused: the record changed since it was read."""

    code = "stale"


class CursorExpired(SyncError):
    """The feed no longer accepts our cursor; every row has to be compared again."""

    code = "cursor_expired"


class Rejected(SyncError):
    """The remote system refuses this record. `field` is the column at fault when it is known."""

    code = "rejected"

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None, next_step: str = "") -> None:
        super().__init__(message, code=code, next_step=next_step)
        self.field = field


class AmbiguousMatch(SyncError):
    """More than one candidate for one record."""

    code = "ambiguous_match"


class OutcomeUnknown(SyncError):
    """A write was sent and its answer never came: it may or may not have been applied."""

    code = "outcome_unknown"


class GuardTripped(SyncError):
    """A guard stopped the connection; a person has to look and release it."""

    code = "guard"


class LeaseLost(SyncError):
    """This worker no longer holds the lane; nothing it still wants to write may be written."""

    code = "lease_lost"
