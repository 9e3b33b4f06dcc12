"""What the application user may do: its own grants on secured columns, and its privileges on tables.

Source: Microsoft's pages on column-level security and on security roles. A system administrator is bound by no column
security; everybody else has what the profiles say that he or his teams are in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from shared.connectors.dynamics.batch import PartAnswer
from shared.connectors.dynamics.client import DataverseClient, quoted, rows_of
from shared.http.body import decode_json
from shared.http.shape import shaped

_ALLOWED = 4
_ADMINISTRATOR = "627090ff-40a3-4053-8790-584edc5be201"  # the template that every copy of the role names
_PROFILE = "fieldsecurityprofileid"

type Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Grants:
    """Secured columns that may be read, filled at creation, and changed. `everything`: no column is closed to us."""

    read: frozenset[str] = frozenset()
    create: frozenset[str] = frozenset()
    update: frozenset[str] = frozenset()
    everything: bool = False


def read_grants(client: DataverseClient, kind: str, user_id: str) -> Grants:
    """Our own permissions on a table's secured columns.

    Without a grant, or without leave to read the grants, a secured column counts as closed: its value is then unknown
    to us, never empty.
    """
    user = f"systemusers({user_id})"
    profiles_of, roles_of = (
        f"teamprofiles_association($select={_PROFILE})",
        "teamroles_association($select=roleid,_roletemplateid_value)",
    )
    resources = (
        f"{user}/systemuserroles_association?$select=roleid,_roletemplateid_value",
        f"{user}/systemuserprofiles_association?$select={_PROFILE}",
        f"{user}/teammembership_association?$select=teamid&$expand={profiles_of},{roles_of}",
    )
    roles, profiles = _everything(*_rows(client, resources))
    if any(str(role.get("_roletemplateid_value")).lower() == _ADMINISTRATOR for role in roles):
        return Grants(everything=True)
    mine = sorted({str(profile.get(_PROFILE)) for profile in profiles})
    if not mine:
        return Grants()
    either = " or ".join(f"_{_PROFILE}_value eq {profile}" for profile in mine)
    chosen = client.target(
        "fieldpermissions",
        select="attributelogicalname,cancreate,canread,canupdate",
        filter=f"entityname eq {quoted(kind)} and ({either})",
    )
    (rows,) = _rows(client, [chosen.removeprefix(client.base)])
    return Grants(_allowed(rows, "canread"), _allowed(rows, "cancreate"), _allowed(rows, "canupdate"))


def read_privileges(client: DataverseClient, user_id: str, names: Sequence[str]) -> Mapping[str, str]:
    """The depth of each privilege (`Global` is the whole organisation), "" for one the user does not hold.

    Empty when the user may not look at its own privileges (that takes prvReadUser).
    """
    parts = [
        client.part(
            "GET",
            f"systemusers({user_id})/Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeName"
            f"(PrivilegeName={quoted(name)})",
        )
        for name in names
    ]
    answers = client.reads(parts, "check").parts
    if all(answer.status == HTTPStatus.FORBIDDEN for answer in answers):
        return {}
    return {name: _depth(answer) for name, answer in zip(names, answers, strict=True)}


@shaped("Dynamics 365")
def _depth(answer: PartAnswer) -> str:
    if answer.status != HTTPStatus.OK:
        return ""
    held = decode_json(answer.body).get("RolePrivileges") or []
    order = ("Global", "Deep", "Local", "Basic")
    depths = {str(privilege.get("Depth")) for privilege in held}
    return next((depth for depth in order if depth in depths), "")


def _rows(client: DataverseClient, resources: Iterable[str]) -> list[Rows]:
    """The rows of each resource; none where we may not read them."""
    answers = client.reads([client.part("GET", resource) for resource in resources], "metadata").parts
    return [
        [dict(row) for row in rows_of(decode_json(part.body))] if part.status == HTTPStatus.OK else []
        for part in answers
    ]


@shaped("Dynamics 365")
def _everything(roles: Rows, profiles: Rows, memberships: Rows) -> tuple[Rows, Rows]:
    """Roles and profiles of the user's own and of its teams."""
    for team in memberships:
        roles = [*roles, *(dict(role) for role in team.get("teamroles_association") or ())]
        profiles = [*profiles, *(dict(profile) for profile in team.get("teamprofiles_association") or ())]
    return roles, profiles


@shaped("Dynamics 365")
def _allowed(rows: Sequence[Mapping[str, Any]], name: str) -> frozenset[str]:
    return frozenset(str(row["attributelogicalname"]) for row in rows if row.get(name) == _ALLOWED)
