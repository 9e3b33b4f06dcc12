"""CreateMultiple, UpdateMultiple, UpsertMultiple: one transaction, all or nothing (dataverse.md 1.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulators.dataverse.addressing import Address, address
from simulators.dataverse.context import Context
from simulators.dataverse.crud import check_version
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.path import GUID, ResourcePath, parse_path
from simulators.dataverse.payload import Payload, read_body, read_payload
from simulators.dataverse.replies import json_reply, metadata_url, no_content
from simulators.dataverse.schema import Table
from simulators.dataverse.service import DataverseSystem
from simulators.dataverse.store import fold
from simulators.dataverse.values import payload_error
from simulators.dataverse.writing import create_row, update_row
from simulators.frame import Response

_TYPE = "Microsoft.Dynamics.CRM."
_ACTIVITIES = ("email", "appointment")


def install(service: DataverseSystem) -> None:
    """Register the operations."""
    handlers: dict[str, Callable[[Context, ResourcePath], Response]] = {
        "CreateMultiple": create_multiple,
        "UpdateMultiple": update_multiple,
        "UpsertMultiple": upsert_multiple,
        "DeleteMultiple": delete_multiple,
    }
    for name, handler in handlers.items():
        service.operations.bound(name, "POST", handler)


def supports(context_or_service: Any, table: Table) -> bool:
    """Say whether a table takes the bulk messages; e-mails and appointments by switch (dataverse.md 8)."""
    return table.bulk or (table.name in _ACTIVITIES and bool(context_or_service.switches.on("bulk_activities")))


def create_multiple(context: Context, path: ResourcePath) -> Response:
    """Answer with the ids of the new rows, in order."""
    table, targets = _targets(context, path, "CreateMultiple")
    ids = []
    for target in targets:
        payload = read_payload(context, table, target, "create")
        given = payload.values.get(table.primary_id)
        if given is not None and context.store[table.name].get(str(given)) is not None:
            raise error("CannotInsertDuplicateKey")
        ids.append(create_row(context, table, payload, message="CreateMultiple")[table.primary_id])
    body = {"@odata.context": metadata_url(context, f"{_TYPE}CreateMultipleResponse"), "Ids": ids}
    return json_reply(context, body)


def update_multiple(context: Context, path: ResourcePath) -> Response:
    """Answer 204; every target names its row by the primary key, or by `@odata.id`."""
    table, targets = _targets(context, path, "UpdateMultiple")
    for target in targets:
        found = _named(context, table, target)
        if found is None:
            raise error("InvalidArgument", message=f"The primary key '{table.primary_id}' is missing in a target.")
        row = found.find(context)
        if row is None:
            name = table.schema_name
            raise error("ObjectsDoNotExist", table=name, id=found.id or found.text)
        if not context.switches.on("bulk_ignores_etag"):
            check_version(context, table, row, str(target.get("@odata.etag") or "*"))
        update_row(context, table, row, _update(context, table, target), message="UpdateMultiple")
    return no_content()


def upsert_multiple(context: Context, path: ResourcePath) -> Response:
    """Answer 204 without a body, whatever was created or updated."""
    table, targets = _targets(context, path, "UpsertMultiple")
    seen: set[object] = set()
    for target in targets:
        found = _named(context, table, target)
        if found is None:
            create_row(context, table, read_payload(context, table, target, "create"), message="UpsertMultiple")
            continue
        _check_repeat(context, found, seen)
        row = found.find(context)
        if row is not None:
            payload = _update(context, table, target)
            for name in found.key.columns if found.key else ():
                payload.values.pop(name, None)
            update_row(context, table, row, payload, message="UpsertMultiple")
        else:
            create_row(context, table, _insert(context, found, target), message="UpsertMultiple")
    return no_content()


def delete_multiple(context: Context, path: ResourcePath) -> Response:
    """Refuse: only elastic tables have it."""
    del context, path
    raise error("DeleteMultipleNotImplemented")


def _check_repeat(context: Context, found: Address, seen: set[object]) -> None:
    mark = found.id or tuple(sorted((name, str(fold(value))) for name, value in (found.values or {}).items()))
    if mark in seen and context.switches.word("upsert_multiple_duplicate_keys") == "refuse":
        raise error("DuplicateRecord")
    seen.add(mark)


def _insert(context: Context, found: Address, target: Mapping[str, Any]) -> Payload:
    payload = read_payload(context, found.table, target, "create")
    found.fill(payload.values)
    return payload


def _update(context: Context, table: Table, target: Mapping[str, Any]) -> Payload:
    body = {name: value for name, value in target.items() if name != table.primary_id}
    return read_payload(context, table, body, "update")


def _named(context: Context, table: Table, target: Mapping[str, Any]) -> Address | None:
    """Return the row a target names, None when it names none."""
    reference = target.get("@odata.id")
    if isinstance(reference, str):
        segment = parse_path(reference.rpartition("/")[2] if reference.startswith("http") else reference).first
        if segment.name != table.entity_set:
            raise error("BadRequest", message=f"The '@odata.id' {reference[:200]} is not of '{table.entity_set}'.")
        return address(context, segment, in_url=False)
    row_id = target.get(table.primary_id)
    if row_id is None:
        return None
    if not isinstance(row_id, str) or not GUID.fullmatch(row_id):
        raise payload_error(
            table,
            f"Microsoft.OData.ODataException: Cannot convert the literal '{str(row_id)[:100]}' to the expected type "
            "'Edm.Guid'.",
        )
    return Address(table, id=row_id.lower(), text=row_id.lower())


def _targets(context: Context, path: ResourcePath, name: str) -> tuple[Table, list[Mapping[str, Any]]]:
    table = context.schema.sets[path.first.name]
    if path.first.arguments is not None or len(path.segments) != 2:
        raise error("SegmentNotFound", segment=path.last.name)
    if not supports(context, table):
        raise error("MessageNotSupported", message=name, table=table.name)
    targets = read_body(context, table).get("Targets")
    if not isinstance(targets, list) or not targets or not all(isinstance(each, dict) for each in targets):
        raise error("BadRequest", message="The parameter 'Targets' must be a collection with at least one entity.")
    for target in targets:
        _check_type(table, target)
    return table, targets


def _check_type(table: Table, target: Mapping[str, Any]) -> None:
    kind = target.get("@odata.type")
    if not isinstance(kind, str):
        raise _untyped(table)
    if kind.lstrip("#") != f"{_TYPE}{table.name}":
        message = f"Entity type '{kind[:100]}' in Targets does not match the entity set '{table.entity_set}'."
        raise error("BadRequest", message=message)


def _untyped(table: Table) -> DataverseError:
    return payload_error(
        table,
        "Microsoft.OData.ODataException: An abstract type 'Microsoft.Dynamics.CRM.crmbaseentity' cannot be read "
        "without an '@odata.type' annotation.",
    )
