"""The tables this connector works with. What can be asked from metadata is asked there; this is what cannot.

Sources: Microsoft's table reference (names, keys, states), and which rows record a merge.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from shared.domain.records import FieldName, Kind, Value
from shared.ports.connector import CreateKey, Deletes, FeedKind, KindCapabilities, Op

VERBS: Mapping[Op, str] = {Op.CREATE: "Create", Op.UPDATE: "Write", Op.DELETE: "Delete"}
"""How the privilege for an operation begins: `prvWrite` and the table's own name."""


MADE_ONCE = frozenset({Op.CREATE, Op.DELETE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table. `privilege` is the name that its privileges end in; `match` the column people are found by.

    `inactive` are the values of `statecode` that take a row out of use (a lead that was qualified lives on as its
    contact). `merges`: the loser of a merge names its winner. `timeline`: a table of activities; rows are made in it,
    and never read as a feed or changed: what others record there is none of ours. Of a custom table the
    environment tells `set_name`, `key` and `privilege`; until it was asked they are empty.
    """

    kind: Kind
    set_name: str
    key: FieldName
    privilege: str
    match: FieldName | None = None
    writes: frozenset[Op] = frozenset(Op)
    deactivate: Mapping[FieldName, Value] = field(default_factory=dict)
    inactive: frozenset[int] = frozenset()
    merges: bool = False
    timeline: bool = False

    @property
    def type_name(self) -> str:
        return f"Microsoft.Dynamics.CRM.{self.kind}"

    @property
    def custom(self) -> bool:
        return self.kind not in _KNOWN


def _state(state: str, status: str) -> Mapping[FieldName, Value]:
    return {FieldName("statecode"): state, FieldName("statuscode"): status}


_ALL = (
    # Only read: who may sign in is decided elsewhere.
    Table(
        kind=Kind("systemuser"),
        set_name="systemusers",
        key=FieldName("systemuserid"),
        privilege="User",
        writes=frozenset(),
    ),
    Table(
        kind=Kind("account"),
        set_name="accounts",
        key=FieldName("accountid"),
        privilege="Account",
        match=FieldName("name"),
        deactivate=_state("1", "2"),
        inactive=frozenset({1}),
        merges=True,
    ),
    Table(
        kind=Kind("contact"),
        set_name="contacts",
        key=FieldName("contactid"),
        privilege="Contact",
        match=FieldName("emailaddress1"),
        deactivate=_state("1", "2"),
        inactive=frozenset({1}),
        merges=True,
    ),
    Table(
        kind=Kind("lead"),
        set_name="leads",
        key=FieldName("leadid"),
        privilege="Lead",
        match=FieldName("emailaddress1"),
        deactivate=_state("2", "7"),
        inactive=frozenset({1, 2}),
        merges=True,
    ),
    # Closing an opportunity takes actions of its own, and no partner writes opportunities: read only.
    Table(
        kind=Kind("opportunity"),
        set_name="opportunities",
        key=FieldName("opportunityid"),
        privilege="Opportunity",
        writes=frozenset(),
    ),
    # The one activity that every environment has and that means nothing by itself: an e-mail would be a draft of ours.
    Table(
        kind=Kind("task"),
        set_name="tasks",
        key=FieldName("activityid"),
        privilege="Activity",
        writes=MADE_ONCE,
        inactive=frozenset({1, 2}),
        timeline=True,
    ),
)

_BESIDE = (
    # What steps of a partner's automations choose from and write; no map names them.
    Table(kind=Kind("team"), set_name="teams", key=FieldName("teamid"), privilege="Team", writes=frozenset()),
    Table(
        kind=Kind("campaign"),
        set_name="campaigns",
        key=FieldName("campaignid"),
        privilege="Campaign",
        writes=frozenset(),
        inactive=frozenset({1}),
    ),
)

TABLES: Mapping[Kind, Table] = {table.kind: table for table in _ALL}
"""The tables that maps may name."""

_KNOWN: Mapping[Kind, Table] = {table.kind: table for table in (*_ALL, *_BESIDE)}
SET_NAMES: Mapping[str, str] = {table.kind: table.set_name for table in _KNOWN.values()} | {
    "systemuser": "systemusers",
    "team": "teams",
    "transactioncurrency": "transactioncurrencies",
    "businessunit": "businessunits",
}

CHOSEN: Mapping[Kind, tuple[FieldName, str]] = {
    Kind("systemuser"): (FieldName("fullname"), "isdisabled eq false and applicationid eq null"),
    Kind("team"): (FieldName("name"), "teamtype eq 0"),
    Kind("campaign"): (FieldName("name"), "statecode eq 0"),
}
"""What people choose from: the column with the name, and which rows are in use (of teams those that own records)."""

_CUSTOM = re.compile(r"[a-z][a-z0-9]{1,7}_[a-z0-9_]{1,120}")
"""The logical name of a custom table: a publisher's prefix, `_`, and a name."""


def is_table(name: str) -> bool:
    """Whether this names a table that a connection may work with."""
    return name in _KNOWN or _CUSTOM.fullmatch(name) is not None


def tables_of(names: Iterable[str], timeline: Collection[str] = ()) -> Mapping[Kind, Table]:
    """The tables of these names: those this connector knows in their order, then custom ones. Custom tables are only
    read, but for those of activities (`timeline`)."""
    wanted = dict.fromkeys(map(Kind, names))
    custom = [_custom(kind, timeline=kind in timeline) for kind in wanted if kind not in _KNOWN]
    return {table.kind: table for table in (*(known for known in _KNOWN.values() if known.kind in wanted), *custom)}


def _custom(kind: Kind, *, timeline: bool) -> Table:
    writes = MADE_ONCE if timeline else frozenset[Op]()
    inactive = frozenset[int]() if timeline else frozenset({1})
    names = {"set_name": "", "key": FieldName(""), "privilege": ""}
    return Table(kind=kind, **names, writes=writes, inactive=inactive, timeline=timeline)  # type: ignore[arg-type]


def capabilities(table: Table, bulk_size: int, find_size: int) -> KindCapabilities:
    """What the engine may count on for one table."""
    if table.timeline:
        return KindCapabilities(
            feed=FeedKind.NONE,
            deletes=Deletes.NEVER,
            writes=table.writes,
            conditional_write=True,
            create_key=CreateKey.CALLER_ID,
            create_only=True,
            bulk_size=bulk_size,
            find_size=find_size,
        )
    return KindCapabilities(
        feed=FeedKind.DELTA,
        deletes=Deletes.TOLD,
        writes=table.writes,
        conditional_write=True,
        create_key=CreateKey.CALLER_ID,
        match_field=table.match,
        bulk_size=bulk_size,
        find_size=find_size,
        tells_merges=table.merges,
        deactivate=table.deactivate,
    )
