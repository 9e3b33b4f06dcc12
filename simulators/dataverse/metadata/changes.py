"""``RetrieveMetadataChanges``: chosen parts of the metadata, and what changed since a stamp (dataverse.md 3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.metadata import shapes
from simulators.dataverse.metadata.options import Query
from simulators.dataverse.metadata.parameters import read_parameter
from simulators.dataverse.metadata.read import HEADERS
from simulators.dataverse.metadata.views import Metadata
from simulators.dataverse.odata.path import ResourcePath
from simulators.dataverse.schema import Table
from simulators.frame import Response, json_response

type Json = dict[str, Any]
STAMP_DAYS = 90
_STAMP_TIME = "%m/%d/%Y %H:%M:%S"
_MAX_DEPTH = 20
_PARTS = (
    ("AttributeQuery", "Attributes"),
    ("KeyQuery", "Keys"),
    ("RelationshipQuery", "ManyToOneRelationships"),
    ("RelationshipQuery", "OneToManyRelationships"),
)
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda value, wanted: value == wanted,
    "NotEquals": lambda value, wanted: value != wanted,
    "In": lambda value, wanted: value in wanted,
    "NotIn": lambda value, wanted: value not in wanted,
}


def retrieve_changes(context: Context, path: ResourcePath) -> Response:
    """Answer ``RetrieveMetadataChanges(Query=...[,ClientVersionStamp=...])``."""
    arguments = {name: read_parameter(context, literal) for name, literal in (path.first.arguments or {}).items()}
    query = _object(arguments.get("Query"), "Query")
    since = _read_stamp(context, arguments.get("ClientVersionStamp"))
    metadata = Metadata(context.service)
    chosen = _test(query.get("Criteria"), 0)
    entities = [
        _entity(metadata, table, query)
        for table in context.schema.tables.values()
        if table.changed_at > since and chosen(shapes.entity(table))
    ]
    deleted = [entry["id"] for entry in context.service.extra.get("deleted_metadata", ()) if entry["version"] > since]
    body: Json = {
        "@odata.context": context.url("$metadata#Microsoft.Dynamics.CRM.RetrieveMetadataChangesResponse"),
        "ServerVersionStamp": f"{context.store.version}!{context.service.clock.now().strftime(_STAMP_TIME)}",
        "EntityMetadata": entities,
    }
    if since >= 0:
        body["DeletedMetadata"] = {"Count": int(bool(deleted)), "Keys": ["Attribute"] if deleted else []}
        body["DeletedMetadata"]["Values"] = [{"Items": deleted}] if deleted else []
    return json_response(200, body, HEADERS)


def _object(value: object, name: str) -> Json:
    if isinstance(value, dict):
        return value
    raise error("SyntaxError", message=f"The parameter '{name}' of RetrieveMetadataChanges must be an object.")


def _read_stamp(context: Context, stamp: object) -> int:
    """The version a stamp stands for, -1 without one. Raises ExpiredVersionStamp after 90 days."""
    if stamp is None:
        return -1
    version, _, moment = str(stamp).partition("!")
    try:
        taken = datetime.strptime(moment, _STAMP_TIME).replace(tzinfo=UTC)
        number = int(version)
    except ValueError:
        raise _bad_stamp(stamp) from None
    if context.service.clock.now() - taken > timedelta(days=STAMP_DAYS):
        raise error("ExpiredVersionStamp")
    return number


def _bad_stamp(stamp: object) -> DataverseError:
    return error("InvalidArgument", message=f"The ClientVersionStamp '{str(stamp)[:100]}' is invalid.")


def _entity(metadata: Metadata, table: Table, query: Json) -> Json:
    wanted = _properties(query)
    shape = shapes.entity(table)
    entity = {name: value for name, value in shape.items() if wanted is None or name in wanted}
    entity |= {"MetadataId": shape["MetadataId"], "LogicalName": shape["LogicalName"]}
    for part, collection in _PARTS:
        if (wanted is None or collection in wanted) and isinstance(query.get(part), dict):
            below: Json = query[part]
            test, names = _test(below.get("Criteria"), 0), _properties(below)
            items = (item for item in metadata.collection(table, collection, Query()) if test(item))
            entity[collection] = [_narrow(item, names) for item in items]
    return entity


def _narrow(item: Json, names: frozenset[str] | None) -> Json:
    if names is None:
        return item
    return {name: value for name, value in item.items() if name in names or name in {"@odata.type", "MetadataId"}}


def _properties(query: Json) -> frozenset[str] | None:
    """The names asked for; None for all."""
    properties = query.get("Properties")
    if not isinstance(properties, dict) or properties.get("AllProperties"):
        return None
    names = properties.get("PropertyNames")
    return frozenset(str(name) for name in names) if isinstance(names, list) else frozenset()


def _test(criteria: object, depth: int) -> Callable[[Json], bool]:
    """The test of a MetadataFilterExpression; none given lets all pass."""
    if criteria is None:
        return lambda _: True
    if depth > _MAX_DEPTH or not isinstance(criteria, dict):
        raise error("SyntaxError", message="The Criteria of a metadata query must be a MetadataFilterExpression.")
    conditions, filters = criteria.get("Conditions") or [], criteria.get("Filters") or []
    if not isinstance(conditions, list) or not isinstance(filters, list):
        raise error("SyntaxError", message="Conditions and Filters of a metadata query must be collections.")
    tests = [_condition(each) for each in conditions]
    tests += [_test(each, depth + 1) for each in filters]
    if str(criteria.get("FilterOperator", "And")).lower() == "or" and tests:
        return lambda item: any(test(item) for test in tests)
    return lambda item: all(test(item) for test in tests)


def _condition(condition: object) -> Callable[[Json], bool]:
    if not isinstance(condition, dict):
        raise error("SyntaxError", message="A condition of a metadata query must be an object.")
    name, compare = str(condition.get("PropertyName", "")), _TESTS.get(str(condition.get("ConditionOperator", "")))
    if compare is None:
        raise error("SyntaxError", message=f"The ConditionOperator of '{name[:100]}' is not supported.")
    value = condition.get("Value")
    wanted = value.get("Value") if isinstance(value, dict) else value
    if str(condition.get("ConditionOperator")).endswith("In") and not isinstance(wanted, list):
        raise error("SyntaxError", message=f"The condition on '{name[:100]}' needs a collection.")
    return lambda item: compare(_plain(item.get(name)), wanted)


def _plain(value: object) -> object:
    """Managed properties compare by their value."""
    return value["Value"] if isinstance(value, dict) and "Value" in value else value
