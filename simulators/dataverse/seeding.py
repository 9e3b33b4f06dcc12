"""What is there from the start, and what a seed adds.

    {"publishers": [{"prefix": "contoso", "option_prefix": 12345}],
     "tables": [{"name": "new_course", "columns": {...}, ...}],            see `Schema.add_table`
     "columns": {"contact": {"new_externalid": {"type": "String", "max": 100}}},
     "keys": {"contact": {"new_externalid": ["new_externalid"]}},
     "table_options": {"letter": {"tracking": false, "bulk": false, "concurrency": false}},
     "organization": {"expirechangetrackingindays": 30},
     "users": [{"id", "name", "email", "application_id", "object_id", "secret", "certificates", "disabled", "roles"}],
     "rows": {"contact": [{"firstname": "Ana", "parentcustomerid_account@odata.bind": "accounts(...)"}]},
     "generate": {"table": "contact", "count": 1000000, "seed": 1, "languages": ["es"], "duplicates_every": 50},
     "duplicate_rules": [{"name", "table", "matching", "columns": ["emailaddress1"]}],
     "rejections": [...]}                                                  see `rejections.Rejection`

Seeded rows take any column, also those that a request may not write (`createdon`, `statecode`); they are not in the
write log, and no listener hears of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from simulators.dataverse.context import Caller, Context
from simulators.dataverse.duplicates import STANDARD, DuplicateRule
from simulators.dataverse.entra import application_from
from simulators.dataverse.generator import GeneratedBlock, Setting
from simulators.dataverse.payload import Payload, read_payload
from simulators.dataverse.schema import Table
from simulators.dataverse.service import DataverseSystem
from simulators.dataverse.store import Ref, Row, Value
from simulators.dataverse.tokens import APPLICATION
from simulators.dataverse.values import TypeMismatchError, read_value
from simulators.dataverse.writing import create_row
from simulators.frame import ControlError, Request

_TABLE_OPTIONS = frozenset(("tracking", "can_track", "bulk", "concurrency", "duplicate_detection"))


def install(service: DataverseSystem) -> None:
    """Write the rows every organisation has; register the seeders in the order they run."""
    build_base(service)
    service.extra["duplicate_rules"] = list(STANDARD)
    service.hooks.seeders |= {
        "publishers": _publishers,
        "tables": _tables,
        "columns": _columns,
        "keys": _keys,
        "table_options": _table_options,
        "organization": _organization,
        "users": _users,
        "rows": _rows,
        "generate": _generate,
        "duplicate_rules": _duplicate_rules,
    }


def build_base(service: DataverseSystem) -> None:
    """Write organisation, root unit, currencies, the user SYSTEM, an administrator and the default app's user."""
    put, new_id = service.store.put, service.new_id
    unit = Ref("businessunit", new_id())
    euro, dollar = Ref("transactioncurrency", new_id()), Ref("transactioncurrency", new_id())
    organization = Ref("organization", new_id())
    put("businessunit", {"businessunitid": unit.id, "name": "org", "isdisabled": False, "organizationid": organization})
    for reference, name, code, symbol, rate in (
        (euro, "Euro", "EUR", "€", 1.0),
        (dollar, "US Dollar", "USD", "$", 1.08),
    ):
        row: dict[str, Value] = {"transactioncurrencyid": reference.id, "currencyname": name, "isocurrencycode": code}
        put("transactioncurrency", row | {"currencysymbol": symbol, "exchangerate": rate, "currencyprecision": 2})
    put(
        "organization",
        {
            "organizationid": organization.id,
            "name": "org",
            "basecurrencyid": euro,
            "languagecode": 1033,
            "localeid": 1033,
            "expirechangetrackingindays": 7,
            "isduplicatedetectionenabled": True,
            "isduplicatedetectionenabledforonlinecreateupdate": True,
            "fullnameconventioncode": 1,
            "schemanameprefix": "new",
        },
    )
    service.extra["unit"] = unit
    service.extra["system"] = _put_user(service, {"name": "SYSTEM", "accessmode": 3})
    service.extra["administrator"] = _put_user(service, {"name": "System Administrator", "email": "admin@example.com"})
    _put_user(service, {"name": "# dynasync", "application_id": APPLICATION, "accessmode": 4})


def system_context(service: DataverseSystem, user_id: str = "", *, silent: bool = True) -> Context:
    """Return a context for work that no request asked for, in the name of a user (SYSTEM unless told)."""
    user_id = user_id or service.extra["system"]
    row: Row = service.store["systemuser"].get(user_id) or {}
    caller = Caller(user_id, name=str(row.get("fullname") or user_id))
    base = f"{service.urls.get('dataverse', 'https://org.crm.dynamics.com')}/api/data/v9.2"
    return Context(service, Request.build("POST", "/"), caller, base, silent=silent)


def _put_user(service: DataverseSystem, declared: Mapping[str, Any]) -> str:
    first, _, last = str(declared.get("name", "User")).rpartition(" ")
    row: dict[str, Value] = {
        "systemuserid": str(declared.get("id") or service.new_id()).lower(),
        "firstname": first or None,
        "lastname": last,
        "fullname": str(declared.get("name", "User")),
        "internalemailaddress": declared.get("email"),
        "domainname": declared.get("email") or f"{last}@org.example".lower(),
        "applicationid": declared.get("application_id"),
        "azureactivedirectoryobjectid": str(declared.get("object_id") or service.new_id()).lower(),
        "isdisabled": bool(declared.get("disabled", False)),
        "islicensed": not declared.get("application_id"),
        "accessmode": int(declared.get("accessmode", 4 if declared.get("application_id") else 0)),
        "businessunitid": service.extra["unit"],
        "createdon": _now(service),
        "modifiedon": _now(service),
    }
    service.store.put("systemuser", {name: value for name, value in row.items() if value is not None})
    return str(row["systemuserid"])


def _now(service: DataverseSystem) -> str:
    return service.clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _publishers(service: DataverseSystem, declared: Sequence[Mapping[str, Any]]) -> int:
    for each in declared:
        service.schema.add_publisher(str(each["prefix"]), int(each.get("option_prefix", 10_000)))
    return len(declared)


def _tables(service: DataverseSystem, declared: Sequence[Mapping[str, Any]]) -> list[str]:
    for each in declared:
        table = service.schema.add_table(each, service.store.next_version())
        service.store.add_table(table.name, table.primary_id)
        for listener in service.hooks.table_added:
            listener(service, table)
    return [str(each["name"]) for each in declared]


def _columns(service: DataverseSystem, declared: Mapping[str, Mapping[str, Any]]) -> int:
    for table, columns in declared.items():
        _known(service, table)
        for name, body in columns.items():
            service.schema.add_column(table, name, body, service.store.next_version())
    return sum(len(columns) for columns in declared.values())


def _keys(service: DataverseSystem, declared: Mapping[str, Mapping[str, Sequence[str]]]) -> int:
    for table, keys in declared.items():
        _known(service, table)
        for name, columns in keys.items():
            service.schema.add_key(table, name, tuple(columns))
    return sum(len(keys) for keys in declared.values())


def _table_options(service: DataverseSystem, declared: Mapping[str, Mapping[str, bool]]) -> int:
    for name, options in declared.items():
        table = _known(service, name)
        for option, value in options.items():
            if option not in _TABLE_OPTIONS:
                raise ControlError(f"unknown option {option!r} of {name}; there are: {sorted(_TABLE_OPTIONS)}")
            setattr(table, option, bool(value))
        service.schema.version += 1
    return len(declared)


def _organization(service: DataverseSystem, declared: Mapping[str, Any]) -> int:
    row = next(service.store["organization"].rows())
    table = service.schema["organization"]
    values = {name: _typed(service, table, name, value) for name, value in declared.items()}
    service.store.put("organization", {**row, **values})
    return len(values)


def _users(service: DataverseSystem, declared: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    made = []
    for each in declared:
        user_id = _put_user(service, each)
        if each.get("application_id") and (each.get("secret") or each.get("secrets") or each.get("certificates")):
            service.authority.add(application_from({**each, "client_id": each["application_id"]}))
        made.append({"systemuserid": user_id, "name": str(each.get("name", "User"))})
        roles = each.get("roles", ["System Administrator"])
        service.extra.setdefault("roles_to_give", []).append({"user": user_id, "roles": list(roles)})
    return made


def _rows(service: DataverseSystem, declared: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[str]]:
    context = system_context(service)
    tables = {name: _known(service, name) for name in declared}
    return {name: [_row(context, tables[name], each) for each in rows] for name, rows in declared.items()}


def _row(context: Context, table: Table, declared: Mapping[str, Any]) -> str:
    """Make one row; the values of columns that the system would fill stay as declared."""
    plain = {name: value for name, value in declared.items() if name in table.columns}
    others = {name: value for name, value in declared.items() if name not in table.columns}
    payload = read_payload(context, table, others, "create") if others else Payload()
    service = context.service
    payload.values |= {name: _typed(service, table, name, value) for name, value in plain.items()}
    row = create_row(context, table, payload)
    kept = {name: payload.values[name] for name in plain if row.get(name) != payload.values[name]}
    if kept:
        service.store.put(table.name, {**row, **kept})
    return str(row[table.primary_id])


def _typed(service: DataverseSystem, table: Table, name: str, value: Any) -> Value:
    column = table.columns.get(name)
    if column is None:
        raise ControlError(f"{table.name} has no column {name!r}")
    if column.is_lookup:
        return _lookup(table, name, value)
    try:
        return read_value(table, column, value)
    except TypeMismatchError as mismatch:
        raise ControlError(f"{table.name}.{name}: {mismatch}") from mismatch


def _lookup(table: Table, name: str, value: Any) -> Ref | None:
    """Read a lookup of a seed: `{"account": "<id>"}`, or the id alone where there is one target."""
    if value is None:
        return None
    targets = table.columns[name].targets
    if isinstance(value, Mapping) and len(value) == 1:
        target, row_id = next(iter(value.items()))
        return Ref(str(target), str(row_id).lower())
    if isinstance(value, str) and len(targets) == 1:
        return Ref(next(iter(targets)), value.lower())
    raise ControlError(f'{table.name}.{name} needs {{"<table>": "<id>"}}, with one of {sorted(targets)}')


def _generate(service: DataverseSystem, declared: Any) -> list[dict[str, Any]]:
    wanted = declared if isinstance(declared, list) else [declared]
    return [generate(service, each) for each in wanted]


def generate(service: DataverseSystem, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Add computed rows.

    Args:
        declared: `table` (contact, lead or account), `count`, and optionally `seed`, `languages`, `owner` (a user id),
            `duplicates_every`, `missing_every`.

    Raises:
        ControlError: another table, or a count that is none.
    """
    name, count = str(declared.get("table", "contact")), int(declared.get("count", 0))
    if name not in ("contact", "lead", "account") or not 0 < count <= 10_000_000:
        raise ControlError("generate takes table contact, lead or account, and a count from 1 to 10,000,000")
    table, store = service.schema[name], service.store
    owner = Ref("systemuser", str(declared.get("owner") or service.extra["administrator"]))
    setting = Setting(
        table=name,
        primary_id=table.primary_id,
        columns=frozenset(table.columns),
        seed=int(declared.get("seed", 1)),
        now=datetime.fromtimestamp(service.clock.time(), tz=UTC),
        owner=owner,
        unit=service.extra["unit"],
        languages=tuple(declared.get("languages", ("es", "it", "en"))),
        duplicates_every=int(declared.get("duplicates_every", 0)),
        missing_every=int(declared.get("missing_every", 40)),
    )
    block = GeneratedBlock(setting, count, store.version, len(store[name].blocks))
    store[name].blocks.append(block)
    store.version += count
    return {"table": name, "count": count, "first": block.id_at(0), "last": block.id_at(count - 1)}


def _duplicate_rules(service: DataverseSystem, declared: Sequence[Mapping[str, Any]]) -> int:
    for each in declared:
        table = str(each["table"])
        pairs = tuple((name, name) if isinstance(name, str) else (name[0], name[1]) for name in each["columns"])
        rule = DuplicateRule(str(each.get("name", table)), table, str(each.get("matching", table)), pairs)
        service.schema[table].duplicate_detection = True
        service.extra["duplicate_rules"].append(rule)
    return len(declared)


def _known(service: DataverseSystem, name: str) -> Table:
    table = service.schema.get(name)
    if table is None:
        raise ControlError(f"there is no table {name!r}")
    return table
