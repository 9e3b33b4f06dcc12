"""The rows of privileges, roles and profiles: what is there from the start, and what a test declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from simulators.dataverse.metadata.labels import metadata_id
from simulators.dataverse.schema import Table
from simulators.dataverse.security import names
from simulators.dataverse.security.names import Depth
from simulators.dataverse.store import Ref, Row, Value
from simulators.frame import ControlError

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

type Seeder = Callable[[DataverseSystem, Any], object]
_BASIC_READS = ("systemuser", "team", "businessunit", "organization", "role", "transactioncurrency", "asyncoperation")
_BASIC_OWN = ("account", "contact", "lead", "opportunity", "annotation", "task")


def seed_standard(service: DataverseSystem) -> None:
    """Write all privileges, the roles System Administrator, Basic User and Delegate, and the profile of admins."""
    for name in names.all_privileges(service.schema):
        put_privilege(service, name)
    put_role(service, names.ADMIN_ROLE, "System Administrator", {}, template=names.ADMIN_TEMPLATE)
    put_role(service, names.BASIC_ROLE, "Basic User", _basic(service))
    put_role(service, names.DELEGATE_ROLE, "Delegate", {names.ACT_ON_BEHALF: Depth.GLOBAL})
    profile: dict[str, Value] = {"fieldsecurityprofileid": names.ADMIN_PROFILE, "name": "System Administrator"}
    service.store.put("fieldsecurityprofile", profile)
    for table in service.schema.tables.values():
        for column in table.columns.values():
            if column.secured:
                put_permission(service, names.ADMIN_PROFILE, table.name, column.name, {"create", "read", "update"})
    for user in list(service.store["systemuser"].rows()):
        if not service.store["systemuserroles"].find("systemuserid", str(user["systemuserid"])):
            link_role(service, str(user["systemuserid"]), names.ADMIN_ROLE)


def _basic(service: DataverseSystem) -> dict[str, Depth]:
    found: dict[str, Depth] = {}
    for name in _BASIC_OWN:
        for right in names.RIGHTS:
            found[names.privilege_name(right, service.schema[name])] = Depth.BASIC
    for name in _BASIC_READS:
        found[names.privilege_name("Read", service.schema[name])] = Depth.GLOBAL
    return found


def add_privileges(service: DataverseSystem, table: Table) -> None:
    """Write the privileges of a table that came later."""
    for right in names.RIGHTS:
        put_privilege(service, names.privilege_name(right, table))


def put_privilege(service: DataverseSystem, name: str) -> None:
    """Write the row of a privilege, once."""
    if service.store["privilege"].get(names.privilege_id(name)) is None:
        row: dict[str, Value] = {"privilegeid": names.privilege_id(name), "name": name, "accessright": 0}
        service.store.put(
            "privilege", row | dict.fromkeys(("canbebasic", "canbelocal", "canbedeep", "canbeglobal"), True)
        )


def put_role(
    service: DataverseSystem, role_id: str, name: str, privileges: Mapping[str, Depth], *, template: str = ""
) -> None:
    """Write a role with its privileges."""
    row: dict[str, Value] = {"roleid": role_id, "name": name, "roleidunique": role_id, "isinherited": 1}
    unit = root_unit(service)
    if unit:
        row["businessunitid"] = Ref("businessunit", unit)
    if template:
        row["roletemplateid"] = template
    service.store.put("role", row)
    for old in service.store["roleprivileges"].find("roleid", role_id):
        service.store.delete("roleprivileges", str(old["roleprivilegeid"]))
    for privilege, depth in privileges.items():
        put_privilege(service, privilege)
        link: dict[str, Value] = {
            "roleprivilegeid": metadata_id("roleprivilege", role_id, privilege),
            "roleid": role_id,
            "privilegeid": names.privilege_id(privilege),
            "privilegedepthmask": int(depth),
        }
        service.store.put("roleprivileges", link)


def root_unit(service: DataverseSystem) -> str:
    """The id of the business unit that has no parent; empty when there is none yet."""
    for row in service.store["businessunit"].rows():
        if row.get("parentbusinessunitid") is None:
            return str(row["businessunitid"])
    return ""


def link_role(service: DataverseSystem, user_id: str, role_id: str) -> None:
    """Give a user a role, once."""
    link: dict[str, Value] = {
        "systemuserroleid": metadata_id("systemuserrole", user_id, role_id),
        "systemuserid": user_id,
        "roleid": role_id,
    }
    service.store.put("systemuserroles", link)


def put_permission(
    service: DataverseSystem, profile: str, table: str, column: str, operations: set[str] | frozenset[str]
) -> None:
    """Write what a profile allows on a column."""
    row: dict[str, Value] = {
        "fieldpermissionid": metadata_id("fieldpermission", profile, table, column),
        "fieldsecurityprofileid": Ref("fieldsecurityprofile", profile),
        "entityname": table,
        "attributelogicalname": column,
    }
    service.store.put(
        "fieldpermission", row | {f"can{op}": names.ALLOWED * (op in operations) for op in ("create", "read", "update")}
    )


def role_by_name(service: DataverseSystem, name: str) -> Row | None:
    """The role of that name."""
    found = service.store["role"].find("name", name)
    return found[0] if found else None


def seed_roles(service: DataverseSystem, spec: Any) -> list[dict[str, Any]]:
    """Seed key `roles`: `[{"name": "Sync", "base": "Basic User", "privileges": {"prvReadContact": "Global"}}]`.

    `tables` is a shorthand: `{"contact": {"Read": "Global"}}`, or `{"contact": "Global"}` for all rights.
    """
    made = []
    for each in _list(spec, "roles"):
        name = str(each.get("name") or "")
        if not name:
            raise ControlError("a role needs a name")
        privileges = _declared_privileges(service, each)
        role_id = str(each.get("id") or metadata_id("role", name))
        put_role(service, role_id, name, privileges)
        made.append({"roleid": role_id, "name": name, "privileges": len(privileges)})
    return made


def _declared_privileges(service: DataverseSystem, each: Mapping[str, Any]) -> dict[str, Depth]:
    privileges = _basic(service) if each.get("base") == "Basic User" else {}
    try:
        for table, rights in dict(each.get("tables", {})).items():
            granted = rights if isinstance(rights, Mapping) else dict.fromkeys(names.RIGHTS, rights)
            for right, depth in granted.items():
                if right not in names.RIGHTS:
                    raise ControlError(f"unknown right {right!r}; there are: {', '.join(names.RIGHTS)}")
                privileges[names.privilege_name(right, service.schema[table])] = Depth.of(str(depth))
        privileges |= {name: Depth.of(str(depth)) for name, depth in dict(each.get("privileges", {})).items()}
    except KeyError as problem:
        raise ControlError(f"unknown table or depth {problem} in role {each.get('name')!r}") from problem
    return {name: depth for name, depth in privileges.items() if depth is not Depth.NONE}


def seed_user_roles(service: DataverseSystem, spec: Any) -> list[dict[str, str]]:
    """Seed key `user_roles`: `[{"user": "<systemuserid>", "roles": ["Sync"], "only": true}]`; `only` drops others."""
    made = []
    for each in _list(spec, "user_roles"):
        user = str(each.get("user") or "").lower()
        if service.store["systemuser"].get(user) is None:
            raise ControlError(f"there is no systemuser {user!r}")
        if each.get("only", True):
            for row in service.store["systemuserroles"].find("systemuserid", user):
                service.store.delete("systemuserroles", str(row["systemuserroleid"]))
        for name in each.get("roles", ()):
            role = role_by_name(service, str(name))
            if role is None:
                raise ControlError(f"there is no role {name!r}")
            link_role(service, user, str(role["roleid"]))
            made.append({"user": user, "role": str(name)})
    return made


def seed_profiles(service: DataverseSystem, spec: Any) -> list[dict[str, str]]:
    """Seed key `field_profiles`: `[{"name": "P", "users": [...], "permissions": {"contact.governmentid": ["read"]}}]`.

    A column named here becomes secured.
    """
    made = []
    for each in _list(spec, "field_profiles"):
        name = str(each.get("name") or "")
        profile = metadata_id("fieldsecurityprofile", name)
        service.store.put("fieldsecurityprofile", {"fieldsecurityprofileid": profile, "name": name})
        for path, operations in dict(each.get("permissions", {})).items():
            table, _, column = str(path).partition(".")
            secure_column(service, table, column)
            put_permission(service, profile, table, column, frozenset(operations))
        for user in each.get("users", ()):
            link: dict[str, Value] = {
                "systemuserprofileid": metadata_id("systemuserprofile", str(user), profile),
                "systemuserid": str(user).lower(),
                "fieldsecurityprofileid": profile,
            }
            service.store.put("systemuserprofiles", link)
        made.append({"fieldsecurityprofileid": profile, "name": name})
    return made


def secure_column(service: DataverseSystem, table: str, column: str) -> None:
    """Put a column under column security."""
    declared = service.schema.get(table)
    if declared is None or column not in declared.columns:
        raise ControlError(f"there is no column {table}.{column}")
    if not declared.columns[column].secured:
        service.schema.change_column(table, column, service.store.next_version(), secured=True)
        put_permission(service, names.ADMIN_PROFILE, table, column, {"create", "read", "update"})


def _list(spec: Any, key: str) -> list[Mapping[str, Any]]:
    if not isinstance(spec, list) or not all(isinstance(each, Mapping) for each in spec):
        raise ControlError(f"{key} must be a list of objects")
    return spec
