"""Users, roles, privileges, column security and impersonation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.dataverse.context import Context
from simulators.dataverse.hooks import WriteEvent
from simulators.dataverse.security import functions, seeds
from simulators.dataverse.security.guard import RoleSecurity
from simulators.frame import Switch

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

SWITCHES: tuple[Switch, ...] = (
    Switch(
        name="security_stale_seconds",
        default=0.0,
        text="Changes of roles and profiles take effect only after so many seconds, unless a request says "
        "'Consistency: Strong'. The service's cache is about 30 s old.",
        source="dataverse.md 1.2, 3",
    ),
)


def install(service: DataverseSystem) -> None:
    """Put role security in charge, and write the rows it reads."""
    security = RoleSecurity(service)
    service.hooks.security = security
    seeds.seed_standard(service)

    def written(context: Context, event: WriteEvent) -> None:
        del context
        security.cache.written(event.table.name)

    service.hooks.after_write.append(written)
    service.hooks.table_added.append(seeds.add_privileges)
    bound = service.operations.bound
    bound("RetrieveUserPrivileges", "GET", functions.retrieve_user_privileges)
    bound("RetrieveUserPrivilegeByPrivilegeName", "GET", functions.retrieve_privilege_by_name)
    bound("RetrieveUserSetOfPrivilegesByNames", "GET", functions.retrieve_privileges_by_names)
    bound("RetrievePrincipalAccess", "GET", functions.retrieve_principal_access)
    for key, seeder in (
        ("roles", seeds.seed_roles),
        ("user_roles", seeds.seed_user_roles),
        ("field_profiles", seeds.seed_profiles),
    ):
        service.hooks.seeders[key] = _settling(security, seeder)


def _settling(security: RoleSecurity, seeder: seeds.Seeder) -> seeds.Seeder:
    """Seeds write rows without listeners: what is cached is dropped by hand."""

    def run(service: DataverseSystem, spec: object) -> object:
        made = seeder(service, spec)
        security.cache.settle(forget=True)
        return made

    return run
