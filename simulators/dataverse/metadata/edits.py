"""Change the metadata over the API: columns, keys, tables' settings (dataverse.md 1.4, 1.5, 3).

Every change moves the metadata version; a change of a table's columns ends its change-tracking tokens.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.metadata import declare, shapes
from simulators.dataverse.metadata.columns import column_id
from simulators.dataverse.metadata.labels import metadata_id
from simulators.dataverse.metadata.read import wanted_key
from simulators.dataverse.metadata.refusals import not_found, refused
from simulators.dataverse.metadata.views import Metadata
from simulators.dataverse.odata.path import ResourcePath, Segment
from simulators.dataverse.schema import Column, Kind, Table
from simulators.dataverse.security.guard import require_privilege
from simulators.frame import Response

type Json = dict[str, Any]


def body_of(context: Context) -> Json:
    """The JSON object of the request. Raises 400 for anything else."""
    try:
        body = context.request.json()
    except ValueError as problem:
        raise error("PayloadError", set="", inner=f"Invalid JSON. {problem}") from problem
    if not isinstance(body, dict):
        raise error("PayloadError", set="", inner="A JSON object was expected.")
    return body


def created(context: Context, url: str) -> Response:
    return Response(204, [("OData-Version", "4.0"), ("OData-EntityId", context.url(url))])


def done() -> Response:
    return Response(204, [("OData-Version", "4.0")])


def create_below(context: Context, path: ResourcePath) -> Response:
    """Answer ``POST EntityDefinitions(...)/Attributes`` and ``.../Keys``."""
    if len(path.segments) != 2 or path.last.arguments is not None:
        raise error("MethodNotAllowed", method="POST")
    table = Metadata(context.service).table(path.first)
    if path.last.name == "Attributes":
        return _create_attribute(context, table)
    if path.last.name == "Keys":
        return _create_key(context, table)
    raise error("MethodNotAllowed", method="POST")


def _create_attribute(context: Context, table: Table) -> Response:
    require_privilege(context, "prvCreateAttribute")
    body = body_of(context)
    kind = declare.kind_of(body)
    if kind is Kind.LOOKUP:
        raise refused(
            "0x80048403", "A lookup is created with its relationship: POST RelationshipDefinitions.", "InvalidOperation"
        )
    column = add_column(context, table, body, kind)
    entity_id = metadata_id("entity", table.name)
    attribute_id = column_id(table, column)
    return created(context, f"EntityDefinitions({entity_id})/Attributes({attribute_id})")


def add_column(context: Context, table: Table, body: Json, kind: Kind) -> Column:
    """Declare the column a body describes, with its options."""
    body["SchemaName"] = declare.schema_name_of(body)
    name = body["SchemaName"].lower()
    declared = declare.column_body(body, kind)
    publisher = context.schema.publishers.get(name.partition("_")[0])
    metadata = Metadata(context.service)
    bound = body.get("GlobalOptionSet@odata.bind")
    if isinstance(bound, str):
        set_name = _bound_set(metadata, bound)
        declared["options"] = [[o.value, o.label] for o in metadata.global_sets[set_name]["options"]]
        metadata.bound_sets[table.name, name] = set_name
    elif publisher is not None:
        options = declare.options_of(body, kind, publisher)
        if options and kind is not Kind.BOOLEAN:
            declared["options"] = options
    return context.schema.add_column(table.name, name, declared, context.store.next_version())


def _bound_set(metadata: Metadata, bound: str) -> str:
    key = bound.partition("(")[2].rstrip(")").strip("'")
    for name in metadata.global_sets:
        if key in {metadata_id("globaloptionset", name), f"Name='{name}", name}:
            return name
    raise not_found(f"option set '{key}'")


def change_below(context: Context, path: ResourcePath) -> Response:
    """Answer ``PUT EntityDefinitions(...)`` and ``PUT EntityDefinitions(...)/Attributes(...)``."""
    require_privilege(context, "prvWriteAttribute" if len(path.segments) > 1 else "prvWriteEntity")
    metadata = Metadata(context.service)
    table = metadata.table(path.first)
    body = body_of(context)
    if len(path.segments) == 1:
        return _change_table(context, table, body)
    if len(path.segments) != 2 or path.last.name != "Attributes" or path.last.arguments is None:
        raise error("MethodNotAllowed", method="PUT")
    column = metadata.column(table, path.last)
    _change_column(context, table, column, body)
    return done()


def _change_table(context: Context, table: Table, body: Json) -> Response:
    tracking = body.get("ChangeTrackingEnabled")
    if tracking is False and table.tracking:
        raise refused(
            "0x8004023b", f"Change tracking cannot be disabled once enabled (entity {table.name}).", "InvalidOperation"
        )
    if tracking is True and not table.tracking:
        if not table.can_track:
            raise refused("0x80072491", f"Entity {table.name} cannot be tracked for changes.", "ChangeTracking")
        table.tracking = True
    title = declare.text_of(body.get("DisplayName"))
    if title:
        table.label = title
    context.schema.touch(table.name, context.store.next_version())
    return done()


def _change_column(context: Context, table: Table, column: Column, body: Json) -> None:
    changes: Json = {}
    limits = declare.limits_of(body, column.kind)
    for key, field in (("max", "max_length"), ("min", "minimum"), ("maxvalue", "maximum"), ("precision", "precision")):
        if key in limits:
            changes[field] = limits[key]
    required = declare.value_of(body.get("RequiredLevel"))
    if isinstance(required, str) and column.required != "SystemRequired":
        changes["required"] = required
    title = declare.text_of(body.get("DisplayName"))
    if title:
        changes["label"] = title
    secured = body.get("IsSecured")
    if isinstance(secured, bool):
        if secured and any(column.name in key.columns for key in table.keys.values()):
            raise refused(
                "0x80060896",
                f"The attribute {column.name} cannot be secured because it is part of an entity key.",
                "CannotSecureEntityKeyAttribute",
            )
        changes["secured"] = secured
    context.schema.change_column(table.name, column.name, context.store.next_version(), **changes)


def delete_below(context: Context, path: ResourcePath) -> Response:
    """Answer ``DELETE EntityDefinitions(...)/Attributes(...)`` and ``.../Keys(...)``."""
    require_privilege(context, "prvDeleteAttribute")
    if len(path.segments) != 2 or path.last.arguments is None:
        raise error("MethodNotAllowed", method="DELETE")
    metadata = Metadata(context.service)
    table = metadata.table(path.first)
    if path.last.name == "Keys":
        return _delete_key(context, table, path.last)
    if path.last.name != "Attributes":
        raise error("MethodNotAllowed", method="DELETE")
    column = metadata.column(table, path.last)
    _check_removable(table, column)
    del table.columns[column.name]
    table.deleted[column.name] = column.made + 1
    context.store[table.name].forget(column.name)
    metadata.bound_sets.pop((table.name, column.name), None)
    version = context.store.next_version()
    context.service.extra.setdefault("deleted_metadata", []).append(
        {"version": version, "id": column_id(table, column)}
    )
    context.schema.touch(table.name, version)
    context.schema.link()
    return done()


def _check_removable(table: Table, column: Column) -> None:
    if column.name == table.primary_name:
        raise refused("0x80047002", "A primary attribute cannot be deleted.", "CannotDeletePrimaryUIAttribute")
    if not column.custom:
        raise refused(
            "0x8004f026",
            f"The evaluation of the current component(name=Attribute, id={column.name}) in the current operation "
            "(Delete) failed during managed property evaluation of condition: IsCustomizable",
            "GenericManagedPropertyFailure",
        )
    if any(column.name in key.columns for key in table.keys.values()):
        raise refused(
            "0x80048418",
            f"The attribute {column.name} cannot be deleted because it is referenced by an entity key.",
            "CannotDeleteInUseAttribute",
        )


def _create_key(context: Context, table: Table) -> Response:
    require_privilege(context, "prvCreateEntity")
    body = body_of(context)
    name = declare.schema_name_of(body)
    columns = body.get("KeyAttributes")
    if not isinstance(columns, list) or not columns or not all(isinstance(each, str) for each in columns):
        raise error("PayloadError", set="", inner="KeyAttributes must be a collection of attribute names.")
    if any(key.name.lower() == name.lower() for key in table.keys.values()):
        raise refused("0x80060893", f"An entity key with the name {name} already exists.", "EntityKeyNameExists")
    if table.key_on(frozenset(columns)) is not None:
        raise refused(
            "0x80060894",
            "An entity key with the selected attributes already exists.",
            "EntityKeyWithSelectedAttributesExists",
        )
    context.schema.add_key(table.name, name, tuple(columns), "Pending")
    table.keys[name] = replace(table.keys[name], label=declare.text_of(body.get("DisplayName")))
    _build_index(context, table.name, name)
    entity_id = metadata_id("entity", table.name)
    return created(context, f"EntityDefinitions({entity_id})/Keys({metadata_id('key', table.name, name)})")


def _build_index(context: Context, table: str, name: str) -> None:
    """The index is built later, by the clock: Pending, InProgress, then Active or, over double values, Failed."""
    service, seconds = context.service, context.switches.number("metadata_key_index_seconds")

    def move(status: str) -> None:
        key = service.schema[table].keys.get(name)
        if key is not None:
            service.schema[table].keys[name] = replace(key, status=status)

    def finish() -> None:
        with service.store.lock:
            columns = service.schema[table].keys[name].columns if name in service.schema[table].keys else ()
            seen: set[tuple[object, ...]] = set()
            for row in service.store[table].rows() if columns else ():
                values = tuple(_fold(row.get(column)) for column in columns)
                if None not in values and values in seen:
                    return move("Failed")
                seen.add(values)
            return move("Active")

    service.agenda.after(seconds / 2, lambda: move("InProgress"))
    service.agenda.after(seconds, finish)


def _fold(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


def _delete_key(context: Context, table: Table, segment: Segment) -> Response:
    name, wanted = wanted_key(segment)
    for key in table.keys.values():
        if str(shapes.key(table, key).get(name)).lower() == wanted.lower():
            del table.keys[key.name]
            context.schema.version += 1
            return done()
    raise not_found(f"Keys '{wanted}' of entity '{table.name}'")
