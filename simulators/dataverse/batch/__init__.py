"""``$batch``: many requests in one, some of them atomic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.dataverse.batch.run import SWITCHES, run_batch

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

__all__ = ["SWITCHES", "install", "run_batch"]


def install(service: DataverseSystem) -> None:
    """Answer ``POST $batch``."""
    service.operations.root("$batch", "POST", run_batch)
