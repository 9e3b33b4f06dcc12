"""/users, /groups, /segments and the root. Source: activecampaign.md 2.1."""

from __future__ import annotations

from typing import Any

from simulators.activecampaign.call import Call, ok
from simulators.activecampaign.contacts.rows import links
from simulators.activecampaign.errors import FORBIDDEN, no_result
from simulators.activecampaign.routes import routes
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant
from simulators.frame.http import Response


def user_row(tenant: Tenant, user: Row) -> dict[str, Any]:
    """A user; the key is never shown."""
    return {
        "username": user["username"],
        "firstName": user["firstName"],
        "lastName": user["lastName"],
        "email": user["email"],
        "phone": user["phone"],
        "signature": user["signature"],
        "links": links(tenant, "users", user["id"], "lists", "userGroup", "dealGroupTotals", "configs"),
        "id": str(user["id"]),
    }


def group_row(tenant: Tenant, group: Row) -> dict[str, Any]:
    """A group of users."""
    return {
        "title": group["title"],
        "descript": group["descript"],
        "links": links(tenant, "groups", group["id"], "userGroups", "listGroups"),
        "id": str(group["id"]),
    }


@routes.get("")
def root(call: Call) -> Response:
    """A cheap check of address and key: 200."""
    return ok(version=3, account=call.tenant.base)


@routes.get("/users/me")
def me(call: Call) -> Response:
    """Whose key this is."""
    return ok(user=user_row(call.tenant, call.user))


@routes.get("/users")
def list_users(call: Call) -> Response:
    """All users."""
    return call.listing("users", call.tenant.users.values(), lambda row: user_row(call.tenant, row))


@routes.get("/users/{id}")
def get_user(call: Call) -> Response:
    """One user."""
    user = call.tenant.users.get(call.id())
    if user is None:
        raise no_result("User", call.argument())
    return ok(user=user_row(call.tenant, user))


@routes.get("/groups")
def list_groups(call: Call) -> Response:
    """All groups."""
    return call.listing("groups", call.tenant.groups.values(), lambda row: group_row(call.tenant, row))


@routes.get("/groups/{id}")
def get_group(call: Call) -> Response:
    """One group; 403 for one that is not there."""
    group = call.tenant.groups.get(call.id())
    if group is None:
        raise no_result("Group", call.argument(), status=FORBIDDEN)
    return ok(group=group_row(call.tenant, group))


@routes.get("/segments")
def list_segments(call: Call) -> Response:
    """All segments."""
    rows = call.tenant.segments.values()
    return call.listing("segments", rows, lambda row: {"id": str(row["id"]), "name": row["name"]})


@routes.get("/forms")
def list_forms(call: Call) -> Response:
    """No forms are modelled."""
    return call.listing("forms", [], lambda row: row)


@routes.get("/forms/{id}")
def get_form(call: Call) -> Response:
    """403 for one that is not there."""
    raise no_result("Form", call.argument(), status=FORBIDDEN)
