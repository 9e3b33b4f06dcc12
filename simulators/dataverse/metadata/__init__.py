"""Metadata: tables, columns, keys, relationships and option sets, read and changed over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.dataverse.context import Context
from simulators.dataverse.metadata import changes, choices, edits, messages, read
from simulators.dataverse.metadata.csdl import csdl
from simulators.dataverse.odata.path import ResourcePath
from simulators.frame import Response, Switch, flag

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

SWITCHES: tuple[Switch, ...] = (
    flag(
        "metadata_plain_enum_literals",
        default=False,
        text="A metadata filter may compare an enum with an untyped text ('Picklist').",
        source="dataverse.md 3 (documented: it may not; the official client's help says it may)",
    ),
    Switch(
        name="metadata_key_index_seconds",
        default=20.0,
        text="Seconds from the creation of an alternate key until its index is Active.",
        source="dataverse.md 1.5",
    ),
)


def install(service: DataverseSystem) -> None:
    """Register the metadata endpoints and write the rows of messages."""
    operations = service.operations
    operations.root("EntityDefinitions", "GET", read.read_entities)
    operations.root("EntityDefinitions", "POST", edits.create_below)
    operations.root("EntityDefinitions", "PUT", edits.change_below)
    operations.root("EntityDefinitions", "DELETE", edits.delete_below)
    operations.root("RelationshipDefinitions", "GET", read.read_relationships)
    operations.root("RelationshipDefinitions", "POST", choices.create_relationship)
    operations.root("GlobalOptionSetDefinitions", "GET", read.read_option_sets)
    operations.root("GlobalOptionSetDefinitions", "POST", choices.create_option_set)
    operations.root("GlobalOptionSetDefinitions", "DELETE", choices.delete_option_set)
    operations.root("InsertOptionValue", "POST", choices.insert_option)
    operations.root("DeleteOptionValue", "POST", choices.delete_option)
    operations.root("PublishXml", "POST", choices.publish)
    operations.root("PublishAllXml", "POST", choices.publish)
    operations.root("RetrieveMetadataChanges", "GET", changes.retrieve_changes)
    operations.root("$metadata", "GET", read_csdl)
    messages.seed_messages(service)
    service.hooks.table_added.append(lambda service, table: messages.add_filters(service, table.name))


def read_csdl(context: Context, path: ResourcePath) -> Response:
    """Answer ``GET $metadata``; ``?annotations=true`` adds what can be tracked for changes."""
    del path
    text = csdl(context.schema, annotations=context.request.first("annotations").lower() == "true")
    return Response(200, [("Content-Type", "application/xml"), ("OData-Version", "4.0")], text.encode())
