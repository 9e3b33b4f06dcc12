"""``$metadata``: the CSDL document, made from the schema (dataverse.md 1.4, 2 "Where real metadata can be had")."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from simulators.dataverse.schema import Column, Kind, Schema, Table
from simulators.dataverse.values import edm_type

_BULK = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")


def csdl(schema: Schema, *, annotations: bool) -> str:
    """The whole document; with ``annotations`` it says which entity sets can be tracked for changes."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">',
        "<edmx:DataServices>",
        '<Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">',
        '<EntityType Name="crmbaseentity" Abstract="true" />',
        '<EntityType Name="expando" BaseType="mscrm.crmbaseentity" OpenType="true" />',
        *(line for table in schema.tables.values() for line in _entity_type(schema, table)),
        *_operations(schema),
        '<EntityContainer Name="System">',
        *(line for table in schema.tables.values() for line in _entity_set(schema, table)),
        '<FunctionImport Name="WhoAmI" Function="mscrm.WhoAmI" />',
        "</EntityContainer>",
    ]
    if annotations:
        lines += [line for table in schema.tables.values() for line in _tracking(table)]
    return "\n".join([*lines, "</Schema>", "</edmx:DataServices>", "</edmx:Edmx>", ""])


def _entity_type(schema: Schema, table: Table) -> Iterator[str]:
    yield f'<EntityType Name="{table.name}" BaseType="mscrm.crmbaseentity">'
    yield f'<Key><PropertyRef Name="{table.primary_id}" /></Key>'
    for column in table.columns.values():
        yield from _property(column)
    for navigation in table.navigation.values():
        if navigation.table not in schema.tables:
            continue
        if navigation.collection:
            kind = f"Collection(mscrm.{navigation.table})"
            yield f'<NavigationProperty Name={quoteattr(navigation.name)} Type="{kind}" />'
            continue
        yield (
            f'<NavigationProperty Name={quoteattr(navigation.name)} Type="mscrm.{navigation.table}" Nullable="true">'
            f'<ReferentialConstraint Property="_{navigation.column}_value" '
            f'ReferencedProperty="{schema[navigation.table].primary_id}" /></NavigationProperty>'
        )
    yield "</EntityType>"


def _property(column: Column) -> Iterator[str]:
    if column.kind is Kind.PARTYLIST:
        return
    kind = edm_type(column)
    extra = ' Unicode="false"' if kind == "Edm.String" else ' Scale="Variable"' if kind == "Edm.Decimal" else ""
    yield f'<Property Name="{column.wire_name}" Type="{kind}"{extra} />'


def _entity_set(schema: Schema, table: Table) -> Iterator[str]:
    yield f'<EntitySet Name="{table.entity_set}" EntityType="Microsoft.Dynamics.CRM.{table.name}">'
    for navigation in table.navigation.values():
        target = schema.get(navigation.table)
        if target is not None:
            yield f'<NavigationPropertyBinding Path={quoteattr(navigation.name)} Target="{target.entity_set}" />'
    yield "</EntitySet>"


def _operations(schema: Schema) -> Iterator[str]:
    yield '<ComplexType Name="WhoAmIResponse"><Property Name="BusinessUnitId" Type="Edm.Guid" Nullable="false" />'
    yield '<Property Name="UserId" Type="Edm.Guid" Nullable="false" />'
    yield '<Property Name="OrganizationId" Type="Edm.Guid" Nullable="false" /></ComplexType>'
    yield '<Function Name="WhoAmI"><ReturnType Type="mscrm.WhoAmIResponse" Nullable="false" /></Function>'
    for table in schema.tables.values():
        if not table.bulk:
            continue
        for name in _BULK:
            yield (
                f'<Action Name="{name}" IsBound="true"><Parameter Name="entityset" '
                f'Type="Collection(mscrm.{table.name})" Nullable="false" />'
                f'<Parameter Name="Targets" Type="Collection(mscrm.{table.name})" Nullable="false" /></Action>'
            )


def _tracking(table: Table) -> Iterator[str]:
    supported = "true" if table.tracking else "false"
    yield (
        f'<Annotations Target="mscrm.System/{table.entity_set}">'
        '<Annotation Term="Org.OData.Capabilities.V1.ChangeTracking"><Record>'
        f'<PropertyValue Property="Supported" Bool="{supported}" /></Record></Annotation></Annotations>'
    )
