"""Several rows that may not fit one transaction, the one that makes them count last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.ports.state import Operation
from shared.state.lease import Fence, LaneRow
from shared.state.writer import MAX_SERIES_BYTES, MAX_SERIES_OPERATIONS, weigh


def commit_series(
    fence: Fence, operations: Sequence[Operation], edit: Callable[[LaneRow], LaneRow] | None = None
) -> None:
    """Commits operations in order, in as few transactions as the service allows; each is fenced. The last one edits the
    lane row."""
    group: list[Operation] = []
    weight = 0
    for operation in operations:
        cost = weigh(operation)
        if group and (weight + cost > MAX_SERIES_BYTES or len(group) >= MAX_SERIES_OPERATIONS):
            fence.commit(group)
            group, weight = [], 0
        group.append(operation)
        weight += cost
    fence.commit(group, edit)


def fits_one(operations: Sequence[Operation]) -> bool:
    """Whether one transaction holds all of them, the lane row beside."""
    return len(operations) <= MAX_SERIES_OPERATIONS and sum(map(weigh, operations)) <= MAX_SERIES_BYTES
