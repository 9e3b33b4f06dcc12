"""The functions that tell what a user may do (dataverse.md 3 "Privileges")."""

from __future__ import annotations

from typing import Any

from simulators.dataverse.addressing import not_found, resolve
from simulators.dataverse.context import Caller, Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.metadata.parameters import read_parameter
from simulators.dataverse.metadata.read import HEADERS
from simulators.dataverse.odata.path import ResourcePath, Segment
from simulators.dataverse.security import names
from simulators.dataverse.security.guard import RoleSecurity
from simulators.dataverse.security.names import Depth
from simulators.dataverse.security.rights import Rights
from simulators.dataverse.store import Row
from simulators.frame import Response, json_response

type Json = dict[str, Any]


def retrieve_user_privileges(context: Context, path: ResourcePath) -> Response:
    """All privileges of a user, those of his teams included."""
    rights = _rights(context, path)
    wanted = names.all_privileges(context.schema)
    return _privileges(context, rights, list(wanted), "RetrieveUserPrivilegesResponse")


def retrieve_privilege_by_name(context: Context, path: ResourcePath) -> Response:
    """One privilege of a user; an empty list when he lacks it."""
    name = _argument(context, path.last, "PrivilegeName")
    if not isinstance(name, str):
        raise error("SyntaxError", message="PrivilegeName must be a text.")
    rights = _rights(context, path)
    return _privileges(context, rights, _known(context, [name]), "RetrieveUserPrivilegeByPrivilegeNameResponse")


def retrieve_privileges_by_names(context: Context, path: ResourcePath) -> Response:
    """Those of the named privileges that a user has."""
    wanted = _argument(context, path.last, "PrivilegeNames")
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        raise error("SyntaxError", message="PrivilegeNames must be a collection of texts.")
    rights = _rights(context, path)
    return _privileges(context, rights, _known(context, wanted), "RetrieveUserSetOfPrivilegesByNamesResponse")


def retrieve_principal_access(context: Context, path: ResourcePath) -> Response:
    """What a user may do with one row, as a list of words."""
    rights = _rights(context, path)
    table, row = _target(context, path.last)
    security = _security(context)
    as_user = context.acting_as(Caller(rights.user_id))
    granted = []
    for right in names.RIGHTS:
        try:
            security.require(as_user, right, context.schema[table], row)
        except DataverseError:
            continue
        granted.append(f"{right}Access")
    body = {
        "@odata.context": context.url("$metadata#Microsoft.Dynamics.CRM.RetrievePrincipalAccessResponse"),
        "AccessRights": ", ".join(granted) or "None",
    }
    return json_response(200, body, HEADERS)


def _known(context: Context, wanted: list[str]) -> list[str]:
    """The privileges as the organisation spells them; unknown ones are refused."""
    spelled = {name.lower(): name for name in names.all_privileges(context.schema)}
    for name in wanted:
        if name.lower() not in spelled:
            raise DataverseError(
                404, "0x80040217", f"privilege With name = {name[:200]} Does Not Exist", name="ObjectDoesNotExist"
            )
    return [spelled[name.lower()] for name in wanted]


def _privileges(context: Context, rights: Rights, wanted: list[str], response: str) -> Response:
    found: list[Json] = [
        {
            "Depth": depth.word,
            "PrivilegeId": names.privilege_id(name),
            "BusinessUnitId": rights.unit or None,
            "PrivilegeName": name,
            "RecordFilterId": "00000000-0000-0000-0000-000000000000",
            "RecordFilterUniqueName": "",
        }
        for name in wanted
        if (depth := rights.depth(name)) is not Depth.NONE
    ]
    context_url = context.url(f"$metadata#Microsoft.Dynamics.CRM.{response}")
    return json_response(200, {"@odata.context": context_url, "RolePrivileges": found}, HEADERS)


def _rights(context: Context, path: ResourcePath) -> Rights:
    """The rights of the user that the path names; `systemusers(id)` and nothing else."""
    user_id = path.first.guid
    if path.first.name != "systemusers" or user_id is None or len(path.segments) != 2:
        raise error("SegmentNotFound", segment=path.last.name)
    context.service.hooks.security.require(context, "Read", context.schema["systemuser"])
    rights = _security(context).cache.read(user_id)
    if rights is None:
        raise not_found(context.schema["systemuser"], user_id)
    return rights


def _security(context: Context) -> RoleSecurity:
    security = context.service.hooks.security
    if not isinstance(security, RoleSecurity):
        raise error("NotImplemented", what="privileges without the role security")
    return security


def _argument(context: Context, segment: Segment, name: str) -> object:
    literal = (segment.arguments or {}).get(name)
    if literal is None:
        raise error("SyntaxError", message=f"The parameter '{name}' is required.")
    return read_parameter(context, literal)


def _target(context: Context, segment: Segment) -> tuple[str, Row]:
    """The row that `Target` refers to by `@odata.id`."""
    value = _argument(context, segment, "Target")
    reference = value.get("@odata.id") if isinstance(value, dict) else None
    if not isinstance(reference, str):
        raise error("SyntaxError", message="Target must be an entity reference with @odata.id.")
    found = resolve(context, reference)
    row = context.store[found.table].get(found.id)
    if row is None:
        raise not_found(context.schema[found.table], found.id)
    return found.table, row
