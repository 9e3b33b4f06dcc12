"""Where a feed of ActiveCampaign was left."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.errors import CursorExpired
from shared.ports.connector import Cursor


class Phase(StrEnum):
    """LIST: the records. VALUES, COMPANIES, OPT_OUTS: what lists of contacts do not hold."""

    LIST = "list"
    VALUES = "values"
    COMPANIES = "companies"
    OPT_OUTS = "opt_outs"


@dataclass(frozen=True, slots=True)
class Place:
    """`select` is the digest of the fields. `first`: this run goes over everything.

    `last` is the last id, or the offset of the next page where there is no keyset; `anchor` is the id of the row before
    that offset, `rewound` says that it did not come. `since` is what this run asks from, `mark` the server's time when
    it began. `total` are the records of this run, `seen` those told so far, `people` those of the last
    complete walk; `size` is the length of a list that knows only offsets. `todo` are custom fields
    whose values are still to be walked; `singly`: values are read contact by contact instead. `companies` and `out_at`
    are when those walks were last complete, `outs` how many people the last one of opt-outs met, `status` which of them
    it is at.
    """

    phase: Phase
    select: str
    first: bool = False
    last: int = 0
    anchor: str = ""
    rewound: bool = False
    since: str = ""
    mark: str = ""
    total: int = 0
    seen: int = 0
    size: int = 0
    people: int = 0
    todo: tuple[str, ...] = ()
    singly: bool = False
    companies: str = ""
    out_at: str = ""
    outs: int = 0
    status: str = ""


def pack(place: Place) -> Cursor:
    members = {name: value for name, value in asdict(place).items() if value not in ("", False, 0, ())}
    return Cursor(json.dumps(members, separators=(",", ":")))


def unpack(cursor: Cursor, select: str) -> Place:
    """Raises CursorExpired for what is no cursor, or one that was made for other fields."""
    try:
        place = _read(json.loads(cursor))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise CursorExpired("this is no cursor of ActiveCampaign", code="unknown_cursor") from None
    if place.select != select:
        raise CursorExpired("the cursor was made for other fields", code="other_fields")
    return place


def _read(members: dict[str, Any]) -> Place:
    place = Place(**(members | {"phase": Phase(members["phase"]), "todo": tuple(members.get("todo", ()))}))
    for item in fields(Place):
        wanted: Any = type(item.default) if isinstance(item.default, bool | int | str) else object
        if not isinstance(getattr(place, item.name), wanted):
            raise TypeError(item.name)
    for moment in (place.mark, place.companies, place.out_at):
        if moment:
            datetime.fromisoformat(moment)
    if place.phase is not Phase.LIST and not place.mark:
        raise ValueError("mark")
    if place.phase is Phase.VALUES and not place.todo:
        raise ValueError("todo")
    return place
