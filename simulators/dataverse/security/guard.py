"""The security of the organisation, as `hooks.Security` asks for it (dataverse.md 1.9, 1.10, 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from simulators.dataverse.context import Caller, Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.hooks import Op, Right
from simulators.dataverse.schema import Table
from simulators.dataverse.security import names
from simulators.dataverse.security.names import Depth
from simulators.dataverse.security.rights import Rights, RightsCache
from simulators.dataverse.store import Row

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

_STEP_IDS = 3


class RoleSecurity:
    """Roles, depths, owners, field security, impersonation."""

    def __init__(self, service: DataverseSystem) -> None:
        self._service = service
        self.cache = RightsCache(service)

    def caller(self, context: Context) -> Caller:
        """See `hooks.Security`: checks the user, then the impersonation and bypass headers."""
        with self._service.store.lock:
            if not context.in_batch:
                strong = context.header("consistency").strip().lower() == "strong"
                self.cache.settle(forget=strong)
            real = self._live(context, context.caller.charged_user_id)
            caller = self._impersonated(context, real)
            _check_bypass(self, context.acting_as(caller))
            return caller

    def _live(self, context: Context, user_id: str) -> Rights:
        """The rights of a user who may work: he exists, is enabled and holds a role."""
        rights = self.cache.read(user_id)
        if rights is None:
            raise error("UserNotMember")
        row = context.store["systemuser"].get(user_id)
        if row is None or row.get("isdisabled") is True:
            raise error("UserDisabled", user=user_id)
        if rights.roles == 0:
            raise DataverseError(
                403,
                "0x80042f09",
                f"User with Id {user_id} has not been assigned any roles. The user must be assigned at least one role.",
                name="UserNotAssignedRoles",
            )
        return rights

    def _impersonated(self, context: Context, real: Rights) -> Caller:
        wanted = _wanted_user(context)
        caller = context.caller
        if wanted is None or wanted == real.user_id:
            return Caller(real.user_id, caller.application_id, name=caller.name)
        if real.depth(names.ACT_ON_BEHALF) is Depth.NONE:
            raise DataverseError(
                403,
                "0x8004a110",
                f"User with Id {real.user_id} does not have the privilege {names.ACT_ON_BEHALF} that acting on behalf "
                "of another user needs.",
                name="CannotActOnBehalfOfAnotherUser",
            )
        self._live(context, wanted)
        return Caller(wanted, caller.application_id, real.user_id, caller.name)

    def depth(self, context: Context, privilege: str) -> Depth:
        """How far a privilege reaches for the caller: under impersonation what both users hold."""
        mine = self._rights(context.caller.user_id).depth(privilege)
        if context.caller.impersonated:
            return min(mine, self._rights(context.caller.real_user_id).depth(privilege))
        return mine

    def _rights(self, user_id: str) -> Rights:
        rights = self.cache.read(user_id)
        if rights is None:
            raise error("UserNotMember")
        return rights

    def _reaches(self, context: Context, depth: Depth, row: Row) -> bool:
        return self._rights(context.caller.user_id).reaches(depth, row)

    def require(self, context: Context, right: Right, table: Table, row: Row | None = None) -> None:
        """See `hooks.Security`."""
        if right == "Read" and table.name in names.FREE_TO_READ:
            return
        if table.name in names.INTERSECTS:
            right, owner = names.INTERSECTS[table.name]
            table, row = context.schema[owner], None
        privilege = names.privilege_name(right, table)
        depth = self.depth(context, privilege)
        if depth is Depth.NONE:
            raise self._missing(context, privilege, table)
        if row is not None and depth is not Depth.GLOBAL and not self._reaches(context, depth, row):
            raise _no_access(context, right, table, row)

    def require_named(self, context: Context, privilege: str) -> None:
        """Refuse with 403 when the caller lacks a privilege that belongs to no table."""
        if self.depth(context, privilege) is Depth.NONE:
            raise self._missing(context, privilege, None)

    def row_filter(self, context: Context, table: Table) -> Callable[[Row], bool] | None:
        """See `hooks.Security`."""
        if table.name in names.FREE_TO_READ:
            return None
        depth = self.depth(context, names.privilege_name("Read", table))
        if depth is Depth.GLOBAL:
            return None
        rights = self._rights(context.caller.user_id)
        return lambda row: rights.reaches(depth, row)

    def reads_all(self, context: Context, table: Table) -> bool:
        """See `hooks.Security`."""
        free = table.name in names.FREE_TO_READ
        return free or self.depth(context, names.privilege_name("Read", table)) is Depth.GLOBAL

    def hidden_columns(self, context: Context, table: Table) -> frozenset[str]:
        """See `hooks.Security`."""
        secured = [column.name for column in table.columns.values() if column.secured]
        if not secured:
            return frozenset()
        return frozenset(name for name in secured if not self.column_allowed(context, "read", table, name))

    def column_allowed(self, context: Context, operation: str, table: Table, column: str) -> bool:
        """Whether the caller may `create`, `read` or `update` the secured column."""
        users = {context.caller.user_id, context.caller.charged_user_id}
        return all(_opens(self._rights(user), operation, table.name, column) for user in users)

    def check_columns(self, context: Context, op: Op, table: Table, columns: Iterable[str], row: Row | None) -> None:
        """See `hooks.Security`."""
        del row
        code = "0x8004f502" if op == "create" else "0x8004f507"
        for name in columns:
            column = table.columns.get(name)
            if column is not None and column.secured and not self.column_allowed(context, op, table, name):
                raise DataverseError(
                    403,
                    code,
                    f"Caller user with Id {context.caller.user_id} does not have {op} permissions to a {name} secured "
                    f"field on entity {table.name}. The requested operation could not be completed.",
                    name="FieldSecurity",
                )

    def _missing(self, context: Context, privilege: str, table: Table | None) -> DataverseError:
        rights = self._rights(context.caller.user_id)
        return error(
            "PrivilegeDenied",
            user=rights.user_id,
            roles=rights.roles,
            privileges=len(rights.depths),
            mode=f"{rights.mode} {_MODES.get(rights.mode, '')}".strip(),
            privilege=privilege,
            privilege_id=names.privilege_id(privilege),
            code=table.object_type_code if table else 0,
            table=table.name if table else "none",
        )


_MODES = {"0": "Read-Write", "1": "Administrative", "2": "Read", "3": "Support", "4": "Non-interactive"}


def require_privilege(context: Context, privilege: str) -> None:
    """Refuse with 403 when the caller lacks a privilege that belongs to no table, such as `prvMerge`."""
    security = context.service.hooks.security
    if isinstance(security, RoleSecurity):
        security.require_named(context, privilege)


def _opens(rights: Rights, operation: str, table: str, column: str) -> bool:
    return rights.admin or rights.all_columns or operation in rights.columns.get((table, column), frozenset())


def _no_access(context: Context, right: Right, table: Table, row: Row) -> DataverseError:
    access = {"Write": "Write", "Append": "Append", "AppendTo": "AppendTo"}.get(right, right)
    return DataverseError(
        403,
        "0x80048306",
        f"Principal with id {context.caller.user_id} does not have {access}Access right(s) for record with id "
        f"{row[table.primary_id]} of entity {table.name}. Consider assigning a role with appropriate privileges or "
        "sharing the record.",
        name="AccessDenied",
    )


def _wanted_user(context: Context) -> str | None:
    """The id of the user whom the impersonation headers name; `CallerObjectId` is preferred."""
    object_id = context.header("callerobjectid").strip().lower()
    if object_id:
        for row in context.store["systemuser"].find("azureactivedirectoryobjectid", object_id):
            return str(row["systemuserid"])
        raise error("UserNotMember")
    user_id = context.header("mscrmcallerid").strip().lower()
    if not user_id:
        return None
    if context.store["systemuser"].get(user_id) is None:
        raise error("ObjectDoesNotExist", table="systemuser", id=user_id[:100])
    return user_id


def _check_bypass(security: RoleSecurity, context: Context) -> None:
    """The bypass headers need their privileges (dataverse.md 1.9)."""
    if context.header("mscrm.bypassbusinesslogicexecution").strip():
        security.require_named(context, names.BYPASS_LOGIC)
    steps = [step for step in context.header("mscrm.bypassbusinesslogicexecutionstepids").split(",") if step.strip()]
    if steps:
        security.require_named(context, names.BYPASS_LOGIC)
    if len(steps) > _STEP_IDS:
        raise error(
            "InvalidArgument", message=f"At most {_STEP_IDS} step ids may be given to bypass, {len(steps)} were."
        )
    if context.flag("mscrm.bypasscustompluginexecution"):
        security.require_named(context, names.BYPASS_PLUGINS)


def bypassed(context: Context) -> frozenset[str]:
    """Which custom logic the request bypasses: `sync`, `async`, and step ids."""
    header = context.header("mscrm.bypassbusinesslogicexecution").lower()
    kinds = {word for word in ("sync", "async") if f"custom{word}" in header.replace(" ", "").split(",")}
    if context.flag("mscrm.bypasscustompluginexecution"):
        kinds.add("sync")
    steps = context.header("mscrm.bypassbusinesslogicexecutionstepids").lower().split(",")
    return frozenset((*kinds, *(step.strip() for step in steps if step.strip())))
