"""What happens without an API call: people edit, rows are restored, commits become visible late.

`POST /_sim/do/<action>`; every action takes `who` (a user id or name; the administrator unless told):
* `create {"table", "values"}`, `edit {"table", "id", "values"}`, `delete {"table", "id"}`: as a person in the app;
* `restore {"table", "id"}`: bring a deleted row back under its id;
* `hold {"table", "id", "values"}` -> `{"held"}` and `release {"held"}`: a change that gets its time and version now and
  is seen only on release; without `id` a new row;
* `touch_metadata {"table"}`: a change of the table's metadata, which ends its change-tracking tokens;
* `token {"application_id"}`: a bearer token without asking `entra`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.dataverse import computed
from simulators.dataverse.context import Context
from simulators.dataverse.hooks import WriteEvent
from simulators.dataverse.payload import Payload, read_payload
from simulators.dataverse.schema import Table
from simulators.dataverse.seeding import system_context
from simulators.dataverse.service import DataverseSystem
from simulators.dataverse.store import Ref, Row, Value
from simulators.dataverse.tokens import APPLICATION, TENANT, Claims
from simulators.dataverse.writing import create_row, delete_row, log_write, update_row
from simulators.frame import ControlError

_KEEP_DELETED = 50_000


def install(service: DataverseSystem) -> None:
    """Register the actions; keep what is deleted, so that it can be restored."""
    service.extra["deleted"] = {}
    service.hooks.after_write.append(_remember)
    service.hooks.actions |= {
        "create": _create,
        "edit": _edit,
        "delete": _delete,
        "restore": _restore,
        "hold": _hold,
        "release": _release,
        "touch_metadata": _touch_metadata,
        "token": _token,
    }


def _remember(context: Context, event: WriteEvent) -> None:
    if event.op != "delete" or event.before is None:
        return
    kept: dict[tuple[str, str], Row] = context.service.extra["deleted"]
    kept[event.table.name, event.id] = event.before
    if len(kept) > _KEEP_DELETED:
        kept.pop(next(iter(kept)))


def _person(service: DataverseSystem, spec: Mapping[str, Any]) -> Context:
    """Return the context of the person who acts: `who` is an id or a full name."""
    who = str(spec.get("who") or service.extra["administrator"])
    users = service.store["systemuser"]
    if users.get(who.lower()) is None:
        named = users.find("fullname", who)
        if not named:
            raise ControlError(f"there is no user {who!r}")
        who = str(named[0]["systemuserid"])
    return system_context(service, who.lower(), silent=False)


def _target(service: DataverseSystem, spec: Mapping[str, Any]) -> tuple[Table, Row]:
    table = _table(service, spec)
    row = service.store[table.name].get(str(spec.get("id", "")).lower())
    if row is None:
        raise ControlError(f"there is no {table.name} {spec.get('id')!r}")
    return table, row


def _table(service: DataverseSystem, spec: Mapping[str, Any]) -> Table:
    table = service.schema.get(str(spec.get("table", "")))
    if table is None:
        raise ControlError(f"there is no table {spec.get('table')!r}")
    return table


def _values(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    values = spec.get("values")
    if not isinstance(values, dict):
        raise ControlError('send "values": {column: value}')
    return values


def _answer(table: Table, row: Row) -> dict[str, object]:
    return {"id": row[table.primary_id], "versionnumber": row["versionnumber"], "modifiedon": row.get("modifiedon")}


def _create(service: DataverseSystem, spec: dict[str, Any]) -> dict[str, object]:
    table = _table(service, spec)
    with service.store.transaction():
        context = _person(service, spec)
        return _answer(table, create_row(context, table, read_payload(context, table, _values(spec), "create")))


def _edit(service: DataverseSystem, spec: dict[str, Any]) -> dict[str, object]:
    with service.store.transaction():
        table, row = _target(service, spec)
        context = _person(service, spec)
        payload = read_payload(context, table, _values(spec), "update")
        return _answer(table, update_row(context, table, row, payload))


def _delete(service: DataverseSystem, spec: dict[str, Any]) -> dict[str, object]:
    with service.store.transaction():
        table, row = _target(service, spec)
        delete_row(_person(service, spec), table, row)
        return {"id": row[table.primary_id]}


def _restore(service: DataverseSystem, spec: dict[str, Any]) -> dict[str, object]:
    table = _table(service, spec)
    kept: dict[tuple[str, str], Row] = service.extra["deleted"]
    row_id = str(spec.get("id", "")).lower()
    if (table.name, row_id) not in kept:
        raise ControlError(f"no deleted {table.name} {row_id!r} is kept")
    with service.store.transaction():
        context = _person(service, spec)
        row = dict(kept.pop((table.name, row_id)))
        computed.touch(context, table, row)
        for name, value in list(row.items()):
            if isinstance(value, Ref) and service.store[value.table].get(value.id) is None:
                row[name] = None
        written = service.store.put(table.name, row)
        service.store.on_commit(
            lambda: log_write(context, WriteEvent("create", table, row_id, None, written, {}, "Restore"))
        )
        return _answer(table, written)


def _hold(service: DataverseSystem, spec: dict[str, Any]) -> dict[str, object]:
    table = _table(service, spec)
    with service.store.transaction():
        context = _person(service, spec)
        before = _target(service, spec)[1] if spec.get("id") else None
        payload = read_payload(context, table, _values(spec), "create" if before is None else "update")
        row = _changed(context, table, before, payload)
        version = service.store.hold(table.name, row)
        service.extra.setdefault("held", {})[version] = (context, table, before)
        return {"held": version, "id": row[table.primary_id], "modifiedon": row.get("modifiedon")}


def _changed(context: Context, table: Table, before: Row | None, payload: Payload) -> dict[str, Value]:
    if before is None:
        row = computed.new_row(context, table, payload.values)
    else:
        row = computed.changed_row(context, table, before, payload.values)
    computed.refresh(context, table, row)
    return row


def _release(service: DataverseSystem, spec: dict[str, Any]) -> dict[str, object]:
    held = service.extra.get("held", {})
    version = spec.get("held")
    if not isinstance(version, int) or version not in held:
        raise ControlError(f"nothing is held under {version!r}; held are {sorted(held)}")
    with service.store.transaction():
        context, table, before = held.pop(version)
        row = service.store.release(version)
        row_id = str(row[table.primary_id])
        event = WriteEvent("create" if before is None else "update", table, row_id, before, row, {}, "Late")
        service.store.on_commit(lambda: log_write(context, event))
        return _answer(table, row)


def _touch_metadata(service: DataverseSystem, spec: dict[str, Any]) -> dict[str, object]:
    table = _table(service, spec)
    with service.store.transaction():
        service.schema.touch(table.name, service.store.next_version())
    return {"metadata_version": service.schema.version}


def _token(service: DataverseSystem, spec: dict[str, Any]) -> dict[str, object]:
    """Sign a token for an application, for an hour of the clock."""
    now = service.clock.time()
    audience = service.urls.get("dataverse", "https://org.crm.dynamics.com")
    claims = Claims(str(spec.get("application_id") or APPLICATION), audience, now + 3_600, TENANT)
    return {"token": service.authority.sign(claims, now)}
