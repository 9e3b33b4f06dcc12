"""Small acts of seeding that several modules need."""

from __future__ import annotations

from simulators.activecampaign.actors import SYSTEM
from simulators.activecampaign.lists import create_list
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tagging import create_tag, tag_by_name
from simulators.activecampaign.tenant import Tenant
from simulators.frame.system import ControlError


def tag_named(tenant: Tenant, name: str) -> Row:
    """The tag of this name, made if missing."""
    return tag_by_name(tenant, name) or create_tag(tenant, SYSTEM, name)


def field_named(tenant: Tenant, name: str) -> Row:
    """The contact field of this title, personalisation tag or id. Raises ControlError."""
    for field in tenant.fields:
        if name in (field["title"], field["perstag"], str(field["id"])):
            return field
    raise ControlError(f"no field {name!r}; seed fields before contacts use them")


def list_named(tenant: Tenant, name: str) -> Row:
    """The list of this name or id, made if missing."""
    known = tenant.lists.get(int(name)) if name.isdigit() else tenant.lists.find("name", name)
    return known or create_list(tenant, SYSTEM, {"name": name})
