"""Activities: their parties, the table of all of them, and notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from simulators.dataverse.parties import members, notes, pointers
from simulators.dataverse.schema import Schema
from simulators.frame import Switch, flag

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

SWITCHES: tuple[Switch, ...] = (
    flag(
        "parties_of_owner_and_regarding",
        default=True,
        text="The owner of an activity and what it regards are parties too (masks 9 and 8), kept by the system.",
        source="dataverse.md 2 (masks are documented; that the system writes these rows is general knowledge)",
    ),
    flag(
        "parties_need_append_to",
        default=False,
        text="Naming someone as a party needs AppendTo on his table, as a lookup does.",
        source="dataverse.md 3 (documented for lookups; for parties unconfirmed)",
    ),
)


def install(service: DataverseSystem) -> None:
    """Listen to writes of activities and notes."""
    hooks = service.hooks
    hooks.collections = members.PartyCollections(service.schema.tables)
    link_activities(service.schema)
    hooks.before_write += [
        members.refuse_direct_writes,
        members.mark_deleted,
        pointers.refuse_direct_writes,
        notes.check_note,
    ]
    hooks.after_write += [pointers.mirror, members.keep_system_parties, pointers.follow_deletion]
    hooks.table_added.append(lambda service, table: link_activities(service.schema))
    rows = hooks.seeders.get("rows")
    if rows is not None:
        hooks.seeders["rows"] = _mirroring(rows)


def _mirroring(seeder: Callable[..., object]) -> Callable[..., object]:
    """Seeded rows are heard by no listener: the table of all activities is brought up to date afterwards."""

    def run(service: DataverseSystem, spec: object) -> object:
        made = seeder(service, spec)
        pointers.mirror_all(service)
        return made

    return run


def link_activities(schema: Schema) -> None:
    """Give every activity table its collection of parties."""
    column = schema[members.PARTY].columns["activityid"]
    targets, reverse = dict(column.targets), dict(column.reverse)
    for table in schema.tables.values():
        if table.activity and table.name != pointers.POINTER:
            targets.setdefault(table.name, f"activityid_{table.name}")
            reverse.setdefault(table.name, members.collection_name(table.name))
    if targets != dict(column.targets):
        schema[members.PARTY].columns["activityid"] = replace(
            column, targets=targets, reverse=reverse, on_delete="Cascade"
        )
        schema.link()
