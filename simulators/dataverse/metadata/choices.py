"""Option sets and custom relationships, created and changed over the API (dataverse.md 3)."""

from __future__ import annotations

from typing import Any

from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.metadata import declare
from simulators.dataverse.metadata.edits import body_of, created, done
from simulators.dataverse.metadata.labels import metadata_id
from simulators.dataverse.metadata.read import HEADERS, wanted_key
from simulators.dataverse.metadata.refusals import no_attribute, no_entity, not_found, refused
from simulators.dataverse.metadata.views import Metadata
from simulators.dataverse.odata.path import ResourcePath
from simulators.dataverse.schema import CHOICES, Kind, Option, Publisher
from simulators.dataverse.security.guard import require_privilege
from simulators.frame import Response, json_response

type Json = dict[str, Any]


def create_option_set(context: Context, path: ResourcePath) -> Response:
    """Answer ``POST GlobalOptionSetDefinitions``."""
    del path
    require_privilege(context, "prvCreateOptionSet")
    body = body_of(context)
    name = body.get("Name")
    if not isinstance(name, str) or not name.isascii() or not name.replace("_", "a").isalnum():
        raise refused(
            "0x80044345", f"The option set name '{str(name)[:100]}' is invalid.", "InvalidOptionSetSchemaName"
        )
    publisher = _publisher(context, name)
    metadata = Metadata(context.service)
    if name in metadata.global_sets:
        raise refused("0x80044345", f"An option set named {name} already exists.", "InvalidOptionSetSchemaName")
    options = declare.options_of({"OptionSet": body}, Kind.PICKLIST, publisher)
    metadata.global_sets[name] = {
        "options": tuple(Option(value, label) for value, label in options),
        "label": declare.text_of(body.get("DisplayName")) or name,
    }
    context.schema.version += 1
    return created(context, f"GlobalOptionSetDefinitions({metadata_id('globaloptionset', name)})")


def delete_option_set(context: Context, path: ResourcePath) -> Response:
    """Answer ``DELETE GlobalOptionSetDefinitions(...)``; one in use stays."""
    require_privilege(context, "prvDeleteOptionSet")
    metadata = Metadata(context.service)
    key, wanted = wanted_key(path.first)
    for name in metadata.global_sets:
        if str(metadata.global_set(name).get(key)).lower() == wanted.lower():
            if name in metadata.bound_sets.values():
                raise refused(
                    "0x80048417", "The option set cannot be deleted: a column uses it.", "CannotDeleteInUseOptionSet"
                )
            del metadata.global_sets[name]
            context.schema.version += 1
            return done()
    raise not_found(f"option set '{wanted}'")


def insert_option(context: Context, path: ResourcePath) -> Response:
    """Answer the action ``InsertOptionValue`` for a local choice or a global option set."""
    del path
    require_privilege(context, "prvWriteOptionSet")
    body = body_of(context)
    value, label = body.get("Value"), declare.text_of(body.get("Label"))
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise error("PayloadError", set="", inner="The Value of an option must be a whole number.")
    options, publisher = _current(context, body)
    if value is None:
        value = max([publisher.first_option - 1, *(option.value for option in options)]) + 1
    if any(option.value == value for option in options):
        raise refused("0x80044310", f"The option value {value} is already used.", "PicklistValueNotUnique")
    _replace(context, body, (*options, Option(value, label)))
    shape = {
        "@odata.context": context.url("$metadata#Microsoft.Dynamics.CRM.InsertOptionValueResponse"),
        "NewOptionValue": value,
    }
    return json_response(200, shape, HEADERS)


def delete_option(context: Context, path: ResourcePath) -> Response:
    """Answer the action ``DeleteOptionValue``."""
    del path
    require_privilege(context, "prvWriteOptionSet")
    body = body_of(context)
    options, _ = _current(context, body)
    kept = tuple(option for option in options if option.value != body.get("Value"))
    if len(kept) == len(options):
        raise refused("0x80048403", f"There is no option {body.get('Value')!r}.", "InvalidOptionSetOperation")
    _replace(context, body, kept)
    return done()


def _current(context: Context, body: Json) -> tuple[tuple[Option, ...], Publisher]:
    """The options that the body names, and the publisher whose values come next."""
    set_name = body.get("OptionSetName")
    if isinstance(set_name, str):
        declared = Metadata(context.service).global_sets.get(set_name)
        if declared is None:
            raise not_found(f"option set '{set_name}'")
        return declared["options"], _publisher(context, set_name)
    table_name, column_name = str(body.get("EntityLogicalName")), str(body.get("AttributeLogicalName"))
    table = context.schema.get(table_name)
    if table is None:
        raise no_entity(table_name)
    column = table.columns.get(column_name)
    if column is None:
        raise no_attribute(table_name, column_name)
    if column.kind not in CHOICES and column.kind is not Kind.MULTISELECT:
        raise refused("0x8004033c", f"The attribute {column_name} is no picklist.", "AttributeNotOfTypePicklist")
    prefix = column_name.partition("_")[0]
    return column.options, context.schema.publishers.get(prefix, Publisher())


def _replace(context: Context, body: Json, options: tuple[Option, ...]) -> None:
    metadata = Metadata(context.service)
    version = context.store.next_version()
    set_name = body.get("OptionSetName")
    if not isinstance(set_name, str):
        context.schema.change_column(
            str(body["EntityLogicalName"]), str(body["AttributeLogicalName"]), version, options=options
        )
        return
    metadata.global_sets[set_name]["options"] = options
    context.schema.version += 1
    for (table, column), bound in metadata.bound_sets.items():
        if bound == set_name:
            context.schema.change_column(table, column, version, options=options)


def _publisher(context: Context, name: str) -> Publisher:
    publisher = context.schema.publishers.get(name.partition("_")[0].lower())
    if publisher is None:
        raise refused(
            "0x80044345", f"The name '{name[:100]}' must begin with a publisher's prefix.", "InvalidOptionSetSchemaName"
        )
    return publisher


def create_relationship(context: Context, path: ResourcePath) -> Response:
    """Answer ``POST RelationshipDefinitions``: a one-to-many relationship with its lookup column."""
    del path
    require_privilege(context, "prvCreateRelationship")
    body = body_of(context)
    if not str(body.get("@odata.type", "")).endswith("OneToManyRelationshipMetadata"):
        raise error("NotImplemented", what="creating a relationship that is not one-to-many")
    lookup = body.get("Lookup")
    if not isinstance(lookup, dict):
        raise error("PayloadError", set="", inner="Lookup is required for a one-to-many relationship.")
    target, owner = str(body.get("ReferencedEntity")), str(body.get("ReferencingEntity"))
    for name in (target, owner):
        if context.schema.get(name) is None:
            raise no_entity(name)
    schema_name = declare.schema_name_of(lookup)
    declared = {
        "type": "Lookup",
        "schema": schema_name,
        "label": declare.text_of(lookup.get("DisplayName")),
        "to": {target: schema_name},
        "reverse": {target: declare.schema_name_of(body)},
    }
    column = context.schema.add_column(owner, schema_name.lower(), declared, context.store.next_version())
    return created(context, f"RelationshipDefinitions({metadata_id('relationship', owner, column.name, target)})")


def publish(context: Context, path: ResourcePath) -> Response:
    """Answer ``PublishXml`` and ``PublishAllXml``: all is published at once here."""
    del path
    require_privilege(context, "prvPublishCustomization")
    return done()
