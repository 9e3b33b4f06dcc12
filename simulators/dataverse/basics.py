"""Service document, WhoAmI, and the other small functions that clients call to find their feet."""

from __future__ import annotations

from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.odata.path import ResourcePath
from simulators.dataverse.replies import json_reply
from simulators.dataverse.service import DataverseSystem
from simulators.dataverse.store import Ref, Row
from simulators.frame import Response


def install(service: DataverseSystem) -> None:
    """Register the functions; `X` and `X()` are the same path."""
    root = service.operations.root
    root("", "GET", service_document)
    root("WhoAmI", "GET", who_am_i)
    root("RetrieveCurrentOrganization", "GET", current_organization)
    root("RetrieveVersion", "GET", version)
    root("RetrieveTotalRecordCount", "GET", total_record_count)


def service_document(context: Context, path: ResourcePath) -> Response:
    """Answer `GET /`: the entity sets by name."""
    del path
    names = sorted(context.schema.sets)
    body = {
        "@odata.context": f"{context.base_url}/$metadata",
        "value": [{"name": name, "kind": "EntitySet", "url": name} for name in names],
    }
    return json_reply(context, body)


def _response(context: Context, name: str, values: dict[str, object]) -> Response:
    body = {"@odata.context": f"{context.base_url}/$metadata#Microsoft.Dynamics.CRM.{name}Response"}
    return json_reply(context, body | values)


def organization(context: Context) -> Row:
    """Return the row of the organisation."""
    return next(context.store["organization"].rows())


def who_am_i(context: Context, path: ResourcePath) -> Response:
    """Answer the caller's ids."""
    del path
    user = context.store["systemuser"].get(context.caller.user_id) or {}
    unit = user.get("businessunitid")
    return _response(
        context,
        "WhoAmI",
        {
            "BusinessUnitId": unit.id if isinstance(unit, Ref) else None,
            "UserId": context.caller.user_id,
            "OrganizationId": organization(context)["organizationid"],
        },
    )


def current_organization(context: Context, path: ResourcePath) -> Response:
    """Answer name, version and endpoints of the organisation."""
    del path
    row = organization(context)
    base = context.base_url.partition("/api/")[0]
    detail = {
        "OrganizationId": row["organizationid"],
        "FriendlyName": row.get("name"),
        "OrganizationVersion": "9.2.25112.00000",
        "EnvironmentId": row["organizationid"],
        "Geo": "EMEA",
        "UrlName": "org",
        "UniqueName": "org",
        "State": "Enabled",
        "Endpoints": {"Count": 1, "IsReadOnly": False, "Keys": ["WebApplication"], "Values": [f"{base}/"]},
    }
    return _response(context, "RetrieveCurrentOrganization", {"Detail": detail})


def version(context: Context, path: ResourcePath) -> Response:
    """Answer the version of the service."""
    del path
    return _response(context, "RetrieveVersion", {"Version": "9.2.25112.00000"})


def total_record_count(context: Context, path: ResourcePath) -> Response:
    """Answer `RetrieveTotalRecordCount(EntityNames=['contact'])`: how many rows tables hold, beyond 5,000 too."""
    from simulators.dataverse.odata.functions import read_array

    argument = (path.first.arguments or {}).get("EntityNames", "")
    if argument.startswith("@"):
        argument = context.request.first(argument)
    names = read_array(argument) if argument else []
    counts = []
    for name in names:
        if context.schema.get(name) is None:
            raise error("InvalidArgument", message=f"The entity with a name = '{name[:100]}' was not found.")
        counts.append(len(context.store[name]))
    collection = {"Count": len(names), "IsReadOnly": False, "Keys": names, "Values": counts}
    return _response(context, "RetrieveTotalRecordCount", {"EntityRecordCountCollection": collection})
