"""The ping-pong guard: a field that two workflows keep setting back is parked, and only that field.

Each write of ours to a field leaves a mark on its link: the side, and a few bytes of the value's digest. Four marks
that go A, B, A, B from side to side are a loop that would run for ever (sync-semantics, echo and ping-pong); a person
who changes a value back and forth on one side leaves no such marks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from shared.domain.identity import Agreed, Link
from shared.domain.mapping import CompiledMap
from shared.domain.merge import Merged
from shared.domain.records import Side

CODE = "ping_pong"
_KEPT = 4
_MARK = 6


def without_loops(compiled: CompiledMap, link: Link, merged: Merged) -> Merged:
    """The merge with every field left out that would be written for the fourth time in a loop."""
    if not any(merged.pending.values()):
        return merged
    looping = {
        name
        for side in Side
        for name, agreed in merged.pending[side].items()
        if _loops([*_marks(link, name), _mark(side, agreed)])
    }
    if not looping:
        return merged
    columns = {
        side: {column for item in compiled.fields if item.id in looping for column in item.names(side)} for side in Side
    }
    return replace(
        merged,
        writes={side: _without(fields, columns[side]) for side, fields in merged.writes.items()},
        pending={side: _without(fields, looping) for side, fields in merged.pending.items()},
        before={side: _without(fields, looping) for side, fields in merged.before.items()},
        conflicts=tuple(found for found in merged.conflicts if found.field_id not in looping),  # nothing is decided
        parked={**merged.parked, **dict.fromkeys(looping, CODE)},
    )


def marked(link: Link, merged: Merged) -> Mapping[str, bytes]:
    """The link's marks with those of the writes that are planned now."""
    marks = dict(link.alternations)
    for side in Side:
        for name, agreed in merged.pending[side].items():
            kept = [*_marks(link, name), _mark(side, agreed)][-_KEPT + 1 :]
            marks[name] = b"".join(kept)
    return marks


def _mark(side: Side, agreed: Agreed) -> bytes:
    return side.value[:1].encode() + agreed.crm[: _MARK - 1]


def _marks(link: Link, name: str) -> list[bytes]:
    packed = link.alternations.get(name, b"")
    return [packed[start : start + _MARK] for start in range(0, len(packed), _MARK)]


def _loops(marks: list[bytes]) -> bool:
    if len(marks) < _KEPT:
        return False
    first, second, third, fourth = marks[-_KEPT:]
    return first == third and second == fourth and first[:1] != second[:1]


def _without[Name, Found](fields: Mapping[Name, Found], names: Collection[Name]) -> dict[Name, Found]:
    return {name: value for name, value in fields.items() if name not in names}
