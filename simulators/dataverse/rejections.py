"""Plug-ins and business rules that refuse a write: declared at seed, with the message they show (dataverse.md 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.hooks import WriteEvent
from simulators.dataverse.service import DataverseSystem
from simulators.dataverse.store import Ref, Value
from simulators.frame import ControlError

_TESTS = frozenset(("always", "equals", "contains", "matches", "missing", "present", "greater", "less", "longer"))


@dataclass(slots=True)
class Rejection:
    """One rule.

    Attributes:
        on: messages it listens to: create, update, delete.
        when: how the column is tested against `value`: see `_TESTS`. On updates a column that was not sent is not
            tested, unless `when` is `always` or `missing`.
        kind: `plugin` or `business_rule`; bypass headers pass over plug-ins only.
        times: how often it refuses before it lets all pass; 0 is for ever.
    """

    table: str
    message: str
    on: tuple[str, ...] = ("create", "update")
    column: str = ""
    when: str = "always"
    value: Value = None
    kind: str = "plugin"
    status: int = 400
    code: str = ""
    times: int = 0
    refused: int = 0


def install(service: DataverseSystem) -> None:
    """Listen to writes; take rules at seed."""
    service.extra["rejections"] = []
    service.hooks.before_write.append(_refuse)
    service.hooks.seeders["rejections"] = _seed


def _seed(service: DataverseSystem, declared: list[dict[str, Any]]) -> int:
    for each in declared:
        service.extra["rejections"].append(rejection_from(each))
    return len(declared)


def rejection_from(declared: Mapping[str, Any]) -> Rejection:
    """Read a rule from a seed.

    Raises:
        ControlError: table or message is missing, or `when` is unknown.
    """
    if not declared.get("table") or not declared.get("message"):
        raise ControlError("a rejection needs a table and a message")
    if declared.get("when", "always") not in _TESTS:
        raise ControlError(f"a rejection's when is one of {sorted(_TESTS)}")
    return Rejection(**{**declared, "on": tuple(declared.get("on", ("create", "update")))})


def _refuse(context: Context, event: WriteEvent) -> None:
    for rule in context.service.extra["rejections"]:
        if rule.table == event.table.name and event.op in rule.on and not _bypassed(context, rule):
            if rule.times and rule.refused >= rule.times:
                continue
            if _applies(rule, event):
                rule.refused += 1
                raise _error(context, rule)


def _error(context: Context, rule: Rejection) -> DataverseError:
    code = rule.code or (context.switches.word("business_rule_code") if rule.kind == "business_rule" else "")
    if code:
        return DataverseError(rule.status, code, rule.message, name="IsvAborted")
    return error("IsvAborted", status=rule.status, message=rule.message)


def _bypassed(context: Context, rule: Rejection) -> bool:
    if rule.kind != "plugin":
        return False
    sync = "customsync" in context.header("mscrm.bypassbusinesslogicexecution").lower()
    return sync or context.flag("mscrm.bypasscustompluginexecution")


def _applies(rule: Rejection, event: WriteEvent) -> bool:
    if rule.when == "always":
        return True
    row = event.after or event.before or {}
    value = row.get(rule.column)
    if rule.when == "missing":
        return value is None
    if event.op == "update" and rule.column not in event.changed:
        return False
    return value is not None and (rule.when == "present" or _test(rule, value.id if isinstance(value, Ref) else value))


def _test(rule: Rejection, value: str | float) -> bool:
    wanted = rule.value
    text, other = str(value).casefold(), str(wanted).casefold()
    if rule.when == "equals":
        return text == other
    if rule.when == "contains":
        return other in text
    if rule.when == "matches":
        return re.search(str(wanted), str(value)) is not None
    if rule.when == "longer":
        return len(str(value)) > float(other)
    try:
        return float(text) > float(other) if rule.when == "greater" else float(text) < float(other)
    except ValueError:
        return text > other if rule.when == "greater" else text < other
