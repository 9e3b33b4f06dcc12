"""Several calls in flight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from shared.errors import SyncError


def run_all[T](jobs: Sequence[Callable[[], T]], *, at_once: int) -> list[T | SyncError]:
    """What each job gave, in order; a SyncError takes the place of its result, anything else is raised.

    At most `at_once` run at the same time, each in a copy of the caller's context, so that it belongs to the caller's
    trace. One job, or `at_once` of 1, runs in the caller's own thread.
    """
    if len(jobs) <= 1 or at_once <= 1:
        return [_caught(job) for job in jobs]
    with ThreadPoolExecutor(max_workers=min(at_once, len(jobs)), thread_name_prefix="vendor-call") as pool:
        waiting = [pool.submit(copy_context().run, _caught, job) for job in jobs]
        return [job.result() for job in waiting]


def _caught[T](job: Callable[[], T]) -> T | SyncError:
    try:
        return job()
    except SyncError as error:
        return error


def raised[T](results: Sequence[T | SyncError]) -> list[T]:
    """The results, or the first error there is among them."""
    for result in results:
        if isinstance(result, SyncError):
            raise result
    return [result for result in results if not isinstance(result, SyncError)]
