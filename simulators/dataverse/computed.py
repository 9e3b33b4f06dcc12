"""Columns that the system fills: ids, times, authors, owner, full names, composite addresses, base amounts."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.dataverse.context import Context
from simulators.dataverse.schema import Kind, Table
from simulators.dataverse.store import Ref, Row, Value

_ADDRESSES = ("address1", "address2", "address3")


def new_row(context: Context, table: Table, sent: Mapping[str, Value]) -> dict[str, Value]:
    """Return a new row from what the caller sent, with author, times and owner."""
    row: dict[str, Value] = {name: value for name, value in sent.items() if value is not None}
    row.setdefault(table.primary_id, context.service.new_id())
    columns = table.columns
    if "createdon" in columns:
        row["createdon"] = row.get("overriddencreatedon") or context.now
    _stamp(context, table, row, "created")
    touch(context, table, row)
    if "ownerid" in columns:
        row.setdefault("ownerid", Ref("systemuser", context.caller.user_id))
    if table.activity:
        row["activitytypecode"] = table.name
        row["isworkflowcreated"] = False
    return row


def changed_row(context: Context, table: Table, before: Row, sent: Mapping[str, Value]) -> dict[str, Value]:
    """Return a copy of the row with what the caller sent; the primary key never changes."""
    row = {**before, **sent, table.primary_id: before[table.primary_id]}
    touch(context, table, row)
    return row


def touch(context: Context, table: Table, row: dict[str, Value]) -> None:
    """Set the columns of the last change."""
    if "modifiedon" in table.columns:
        row["modifiedon"] = context.now
    _stamp(context, table, row, "modified")


def refresh(context: Context, table: Table, row: dict[str, Value]) -> None:
    """Work out what follows from other columns."""
    if "fullname" in table.columns and not (table.name == "systemuser" and "fullname" in row and not _names(row)):
        _set(row, "fullname", full_name(context, row))
        if "yomifullname" in table.columns:
            _set(row, "yomifullname", full_name(context, row, "yomi"))
    if "ownerid" in table.columns:
        _own(context, table, row)
    for prefix in _ADDRESSES:
        if f"{prefix}_composite" in table.columns:
            _set(row, f"{prefix}_composite", composite(row, prefix))
    _base_amounts(context, table, row)
    if table.name == "contact":
        customer = row.get("parentcustomerid")
        company = isinstance(customer, Ref) and customer.table == "account"
        _set(row, "accountid", customer if company else None)
        _set(row, "parentcontactid", None if company else customer)


def full_name(context: Context, row: Row, prefix: str = "") -> str | None:
    """Return the name by the organisation's convention: 0 and 2 put the last name first."""
    organisation = next(context.store["organization"].rows(), {})
    first, last = row.get(f"{prefix}firstname"), row.get(f"{prefix}lastname")
    parts = (last, first) if organisation.get("fullnameconventioncode") in (0, 2) else (first, last)
    glue = ", " if parts[0] is last and first and last else " "
    return glue.join(str(part) for part in parts if part) or None


def composite(row: Row, prefix: str) -> str | None:
    """Return an address on lines, as the form shows it."""
    town = " ".join(
        str(row[name])
        for name in (f"{prefix}_city", f"{prefix}_stateorprovince", f"{prefix}_postalcode")
        if row.get(name)
    )
    lines = [row.get(f"{prefix}_line{number}") for number in (1, 2, 3)] + [town, row.get(f"{prefix}_country")]
    return "\r\n".join(str(line) for line in lines if line) or None


def _names(row: Row) -> bool:
    return bool(row.get("firstname") or row.get("lastname"))


def _set(row: dict[str, Value], name: str, value: Value) -> None:
    if value is not None or name in row:
        row[name] = value


def _stamp(context: Context, table: Table, row: dict[str, Value], verb: str) -> None:
    caller = context.caller
    if f"{verb}by" in table.columns:
        row[f"{verb}by"] = Ref("systemuser", caller.user_id)
    if f"{verb}onbehalfby" in table.columns:
        behalf = Ref("systemuser", caller.real_user_id) if caller.impersonated else None
        _set(row, f"{verb}onbehalfby", behalf)


def _own(context: Context, table: Table, row: dict[str, Value]) -> None:
    owner = row.get("ownerid")
    if not isinstance(owner, Ref):
        return
    if "owninguser" in table.columns:
        _set(row, "owninguser", owner if owner.table == "systemuser" else None)
        _set(row, "owningteam", owner if owner.table == "team" else None)
    holder = context.store[owner.table].get(owner.id)
    unit = holder.get("businessunitid") if holder is not None else None
    if "owningbusinessunit" in table.columns and unit is not None:
        row["owningbusinessunit"] = unit


def _base_amounts(context: Context, table: Table, row: dict[str, Value]) -> None:
    if "exchangerate" not in table.columns or table.name == "transactioncurrency":
        return
    amounts = [
        name
        for name, value in row.items()
        if value is not None and f"{name}_base" in table.columns and _money(table, name)
    ]
    if not amounts and "transactioncurrencyid" not in row:
        return
    if row.get("transactioncurrencyid") is None:
        organisation = next(context.store["organization"].rows(), {})
        row["transactioncurrencyid"] = organisation.get("basecurrencyid")
    rate = _rate(context, row)
    row["exchangerate"] = rate
    for name in [each.removesuffix("_base") for each in row if each.endswith("_base")] + amounts:
        amount = row.get(name)
        row[f"{name}_base"] = round(amount / rate, 4) if isinstance(amount, (int, float)) else None


def _money(table: Table, name: str) -> bool:
    column = table.columns.get(name)
    return column is not None and column.kind is Kind.MONEY


def _rate(context: Context, row: Row) -> float:
    reference = row.get("transactioncurrencyid")
    currency = context.store["transactioncurrency"].get(reference.id) if isinstance(reference, Ref) else None
    rate = currency.get("exchangerate") if currency else None
    return float(rate) if isinstance(rate, (int, float)) and rate else 1.0
