"""Duplicate detection: published rules, applied only when the request asks for it (dataverse.md 1.9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.schema import Table
from simulators.dataverse.store import Row, Value, fold


@dataclass(frozen=True, slots=True)
class DuplicateRule:
    """Rows of `table` are duplicates of rows of `matching` whose columns are all equal (text without case)."""

    name: str
    table: str
    matching: str
    columns: tuple[tuple[str, str], ...]


# The organisation's own rules from the start: e-mail for people, e-mail for companies.
STANDARD = (
    DuplicateRule("Contacts with the same e-mail address", "contact", "contact", (("emailaddress1", "emailaddress1"),)),
    DuplicateRule("Leads with the same e-mail address", "lead", "lead", (("emailaddress1", "emailaddress1"),)),
    DuplicateRule("Accounts with the same e-mail address", "account", "account", (("emailaddress1", "emailaddress1"),)),
)


def check(context: Context, table: Table, sent: Mapping[str, Value], row: Row | None) -> None:
    """Refuse a write that makes a duplicate, when `MSCRM.SuppressDuplicateDetection` is `false`.

    Raises:
        DataverseError: 0x80040333, its status by switch.
    """
    if context.header("mscrm.suppressduplicatedetection").strip().lower() != "false" or not table.duplicate_detection:
        return
    organisation: Row = next(context.store["organization"].rows(), {})
    if organisation.get("isduplicatedetectionenabled") is False:
        return
    after = {**(row or {}), **sent}
    for rule in context.service.extra.get("duplicate_rules", ()):
        if rule.table == table.name and _matches(context, rule, after, row):
            raise error("DuplicateRecordsFound", status=int(context.switches.number("duplicate_detection_status")))


def _matches(context: Context, rule: DuplicateRule, after: Row, row: Row | None) -> bool:
    wanted = [(theirs, after.get(mine)) for mine, theirs in rule.columns]
    if any(value is None for _, value in wanted):
        return False
    own = row.get(context.schema[rule.table].primary_id) if row else None
    primary_id = context.schema[rule.matching].primary_id
    (column, value), *rest = wanted
    for other in context.store[rule.matching].find(column, value):
        if other[primary_id] != own and all(fold(other.get(name)) == fold(each) for name, each in rest):
            return True
    return False
