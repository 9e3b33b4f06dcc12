"""What all bulk acts share: what is little is done in the call, what is more is a job of the lane's worker.

Asking for the same again while it is under way starts nothing anew.
"""

from __future__ import annotations

from typing import Final

from shared.ports.care import Job, JobStore

AT_ONCE: Final = 50
"""So many rows, named or found by a filter, are done in the call itself."""
PAGE: Final = 200
A_STEP: Final = 10.0
"""Seconds that one step of a job may take."""


def asked_once(jobs: JobStore, job: Job) -> Job:
    """Stores a job and answers it; or the one under way, when the same was asked for before."""
    for known in jobs.open():
        if (known.connection, known.kind) == (job.connection, job.kind) and dict(known.spec) == dict(job.spec):
            return known
    jobs.put(job)
    return job


def stretch(names: str, position: str) -> tuple[list[str], str]:
    """Some of the names that a job's spec holds (parted by spaces), and where to go on; "" at the end."""
    every, start = names.split(), int(position or "0")
    end = start + PAGE
    return every[start:end], str(end) if end < len(every) else ""
