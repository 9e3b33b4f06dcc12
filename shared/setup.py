"""Whether an installation's own set-up works, step by step: for `GET checks` and for `dynasync doctor`.

Stands beside `shared.bootstrap`; each step asks what it is about, and none raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from shared.errors import ConfigError, SyncError
from shared.ports.connector import CheckState, CheckStep

if TYPE_CHECKING:
    from shared.bootstrap import Application

QUEUES: Final = ("sync-work", "contact-requests")
_ABSENT: Final = "dynasync-setup-check"
"""A secret nobody stores: a vault that answers that there is none lets the app in."""


def steps(app: Application) -> Iterator[CheckStep]:
    yield _step("settings", lambda: "they can be read")
    yield _step("state tables", lambda: _tables(app))
    for queue in QUEUES:
        yield _step(f"queue {queue}", lambda queue=queue: _depth(app, queue))  # type: ignore[misc]
        yield _poison(app, f"{queue}-poison")
    yield _vault(app)
    yield _known("telemetry", bool(app.settings.insights), "it goes to Application Insights", "none is sent anywhere")
    yield _known(
        "sign-in",
        app.settings.easy_auth,
        "people and apps with a role are let in",
        "only function keys open the API (DYNASYNC_EASY_AUTH is not 1)",
    )
    yield from _endings(app)


def _tables(app: Application) -> str:
    app.probe()
    return f"they answer; their names begin with {app.settings.tables}"


def _depth(app: Application, queue: str) -> str:
    found = app.queue_depth(queue)
    return "it is made with its first message" if found is None else f"about {found} messages"


def _poison(app: Application, queue: str) -> CheckStep:
    """The app empties these itself; what stays is nothing that it wrote."""
    try:
        found = app.queue_depth(queue) or 0
    except SyncError as error:
        return _failed(f"queue {queue}", error)
    if not found:
        return CheckStep(name=f"queue {queue}", state=CheckState.PASSED, reason="empty")
    return CheckStep(
        name=f"queue {queue}",
        state=CheckState.FAILED,
        reason=f"about {found} messages that were given up lie there",
        next_step="If they stay for some minutes, nobody can read them: see docs/how-to/poison-queue.md.",
        code="poison",
    )


def _vault(app: Application) -> CheckStep:
    if not app.settings.vault:
        return _known("vault", False, "", "secrets lie in a table, sealed under the state key (no DYNASYNC_VAULT)")  # noqa: FBT003
    try:
        app.secret(_ABSENT)
    except ConfigError:
        pass
    except SyncError as error:
        return _failed("vault", error)
    return CheckStep(name="vault", state=CheckState.PASSED, reason="it answers and lets the app read")


def _endings(app: Application) -> Iterator[CheckStep]:
    try:
        found = [ending for stored in app.connections.all() for ending in app.endings(stored.config)]
    except SyncError as error:
        yield _failed("secrets' ends", error)
        return
    now = app.clock.now()
    for ending in found:
        name = f"{ending.setting} of connection {ending.connection}"
        day = ending.ends.date().isoformat()
        if ending.near(now):
            yield CheckStep(
                name=name,
                state=CheckState.FAILED,
                reason=f"it ends on {day}",
                next_step="Renew it: docs/how-to/rotate-secrets.md.",
                code="secret_ends",
            )
        else:
            yield CheckStep(name=name, state=CheckState.PASSED, reason=f"it lasts until {day}")


def _step(name: str, ask: Callable[[], str]) -> CheckStep:
    try:
        return CheckStep(name=name, state=CheckState.PASSED, reason=ask())
    except SyncError as error:
        return _failed(name, error)


def _failed(name: str, error: SyncError) -> CheckStep:
    following = error.next_step or "Look into the app's log."
    return CheckStep(name=name, state=CheckState.FAILED, reason=str(error), next_step=following, code=error.code)


def _known(name: str, there: bool, yes: str, no: str) -> CheckStep:  # noqa: FBT001
    """Something one can do without."""
    state = CheckState.PASSED if there else CheckState.SKIPPED
    return CheckStep(name=name, state=state, reason=yes if there else no)
