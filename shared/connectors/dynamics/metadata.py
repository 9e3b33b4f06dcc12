"""What an environment says of a table: its columns, their limits, who may touch them, how lookups are bound.

One `$batch` asks for all of it. The casts are there because Dataverse tells lengths, options and targets only of the
attribute's own metadata type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from shared.connectors.dynamics.client import DataverseClient, quoted, rows_of
from shared.connectors.dynamics.errors import parse_error, raise_for
from shared.connectors.dynamics.security import Grants, read_grants
from shared.connectors.dynamics.tables import Table
from shared.connectors.dynamics.values import FIRST_DAY, Column
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Option, Schema
from shared.errors import Rejected, Transient
from shared.http.body import decode_json
from shared.http.shape import shaped

_TYPES: Mapping[str, FieldType] = {
    "String": FieldType.TEXT,
    "Memo": FieldType.MEMO,
    "Integer": FieldType.INTEGER,
    "BigInt": FieldType.INTEGER,
    "Decimal": FieldType.DECIMAL,
    "Double": FieldType.DECIMAL,
    "Money": FieldType.MONEY,
    "Boolean": FieldType.BOOLEAN,
    "DateTime": FieldType.DATETIME,
    "Picklist": FieldType.CHOICE,
    "State": FieldType.CHOICE,
    "Status": FieldType.CHOICE,
    "Lookup": FieldType.REFERENCE,
    "Customer": FieldType.REFERENCE,
    "Owner": FieldType.REFERENCE,
    "Uniqueidentifier": FieldType.TEXT,
}
_FORMATS: Mapping[str, FieldType] = {
    "Email": FieldType.EMAIL,
    "Phone": FieldType.PHONE,
    "Url": FieldType.URL,
    "TextArea": FieldType.MEMO,
}
_BASE = (
    "LogicalName,SchemaName,AttributeType,AttributeTypeName,AttributeOf,DisplayName,IsValidForCreate,IsValidForUpdate,"
    "IsValidForRead,IsSecured,RequiredLevel,IsCustomAttribute,IsPrimaryId"
)
_CASTS: Mapping[str, str] = {
    "String": "LogicalName,MaxLength,FormatName",
    "Memo": "LogicalName,MaxLength",
    "Integer": "LogicalName,MinValue,MaxValue",
    "Decimal": "LogicalName,MinValue,MaxValue,Precision",
    "Double": "LogicalName,MinValue,MaxValue,Precision",
    "Money": "LogicalName,MinValue,MaxValue,Precision",
    "DateTime": "LogicalName,DateTimeBehavior",
    "Lookup": "LogicalName,Targets",
}
_CHOICES = ("Picklist", "State", "Status", "MultiSelectPicklist")
type Rows = Sequence[Mapping[str, Any]]
_NAMES = "EntitySetName,PrimaryIdAttribute,Privileges"
_BY_PLATFORM = frozenset({"ownerid", "statecode", "statuscode", "transactioncurrencyid"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMeta:
    """One table as this environment has it and as we may use it. `tracked`: it tells its changes; `guarded`: it takes
    updates on the condition that the row is still the one that was read."""

    table: Table
    columns: Mapping[FieldName, Column]
    tracked: bool
    guarded: bool
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        specs = [column.spec for column in self.columns.values()]
        object.__setattr__(self, "schema", Schema.of(self.table.kind, specs))

    def readable(self, names: Iterable[FieldName]) -> list[Column]:
        """The columns of these names that exist and may be read, in the same order."""
        found = (self.columns.get(name) for name in names)
        return [column for column in found if column is not None and column.spec.readable]


def fetch_table(client: DataverseClient, table: Table, user_id: str) -> TableMeta:
    """Asks for everything about a table. Raises Rejected when the environment has no such table."""
    root = f"EntityDefinitions(LogicalName={quoted(table.kind)})"
    resources = [
        f"{root}?$select=LogicalName,ChangeTrackingEnabled,IsOptimisticConcurrencyEnabled"
        + (f",{_NAMES}" if table.custom else ""),
        f"{root}/Attributes?$select={_BASE}",
        f"{root}/ManyToOneRelationships?$select=ReferencingAttribute,ReferencedEntity,"
        "ReferencingEntityNavigationPropertyName",
        *(f"{root}/Attributes/{_cast(name)}?$select={select}" for name, select in _CASTS.items()),
        *(
            f"{root}/Attributes/{_cast(name)}?$select=LogicalName&$expand=OptionSet($select=Options)"
            for name in _CHOICES
        ),
    ]
    entity, attributes, relations, details = _taken_apart(_ask(client, table, resources))
    if table.custom:
        table = _named(table, entity)
    secured = [item["LogicalName"] for item in attributes if item.get("IsSecured")]
    grants = read_grants(client, table.kind, user_id) if secured else None
    columns = _columns(attributes, details, relations, grants=grants, table=table)
    if not columns:  # every table has some: an empty list would park every mapping as if its column were gone
        raise Transient(f"Dynamics 365 described {table.kind} without its columns", code="unreadable_answer")
    return TableMeta(
        table=table,
        columns=columns,
        tracked=bool(entity.get("ChangeTrackingEnabled")),
        guarded=bool(entity.get("IsOptimisticConcurrencyEnabled", True)),
    )


@shaped("Dynamics 365")
def _taken_apart(
    answers: Sequence[Mapping[str, Any]],
) -> tuple[Mapping[str, Any], Rows, Rows, dict[str, Mapping[str, Any]]]:
    """The entity, its attributes, its relationships, and what the casts tell of each attribute."""
    entity, attributes, relations = answers[0], rows_of(answers[1]), rows_of(answers[2])
    details = {item["LogicalName"]: item for answer in answers[3:] for item in rows_of(answer)}
    if not all(isinstance(item["LogicalName"], str) for item in attributes):
        raise TypeError
    return entity, attributes, relations, details


@shaped("Dynamics 365")
def _named(table: Table, entity: Mapping[str, Any]) -> Table:
    """A custom table with the names its environment gave it. Its privileges are told by the one to read."""
    read = [item["Name"] for item in entity["Privileges"] if item["PrivilegeType"] == "Read"]
    return replace(
        table,
        set_name=str(entity["EntitySetName"]),
        key=FieldName(str(entity["PrimaryIdAttribute"])),
        privilege=str(read[0]).removeprefix("prvRead"),
    )


def _cast(name: str) -> str:
    return f"Microsoft.Dynamics.CRM.{name}AttributeMetadata"


def _ask(client: DataverseClient, table: Table, resources: Sequence[str]) -> list[dict[str, Any]]:
    parts = [client.part("GET", resource) for resource in resources]
    found: list[dict[str, Any]] = []
    for part in client.reads(parts, "metadata").parts:
        if part.status == HTTPStatus.NOT_FOUND:
            raise Rejected(
                f"this Dynamics 365 environment has no table {table.kind}",
                code="unknown_kind",
                next_step="Switch this kind of record off, or install the app that brings the table.",
            )
        if part.status != HTTPStatus.OK:
            raise raise_for(parse_error(part.status, part.body), f"the description of {table.kind}")
        answer = decode_json(part.body)
        if not isinstance(answer, dict):
            raise Transient("Dynamics 365 described a table with something else than objects", code="unreadable_answer")
        found.append(answer)
    return found


@shaped("Dynamics 365")
def _columns(
    attributes: Rows,
    details: Mapping[str, Mapping[str, Any]],
    relations: Rows,
    *,
    grants: Grants | None,
    table: Table,
) -> Mapping[FieldName, Column]:
    navigation: dict[str, dict[Kind, str]] = {}
    for relation in relations:
        bound = navigation.setdefault(relation["ReferencingAttribute"], {})
        bound[Kind(relation["ReferencedEntity"])] = relation["ReferencingEntityNavigationPropertyName"]
    found: dict[FieldName, Column] = {}
    for item in attributes:
        column = _column(item, details.get(item["LogicalName"], {}), navigation.get(item["LogicalName"], {}))
        if column is not None:
            found[column.name] = _permitted(column, grants if item.get("IsSecured") else None, table)
    return found


def _column(item: Mapping[str, Any], detail: Mapping[str, Any], navigation: Mapping[Kind, str]) -> Column | None:
    """One column; None for what is no field of a record (shadows of lookups, images, lists of parties)."""
    kind = _type_of(item, detail)
    if kind is None or item.get("AttributeOf"):
        return None
    name = FieldName(item["LogicalName"])
    options = (
        detail.get("OptionSet", {}).get("Options", ()) if kind in {FieldType.CHOICE, FieldType.MULTI_CHOICE} else ()
    )
    targets = tuple(Kind(target) for target in detail.get("Targets", ()) or navigation)
    spec = FieldSpec(
        name=name,
        type=kind,
        label=_label(item.get("DisplayName")) or name,
        max_length=detail.get("MaxLength"),
        scale=detail.get("Precision") if kind in {FieldType.DECIMAL, FieldType.MONEY} else None,
        minimum=_decimal(detail.get("MinValue")),
        maximum=_decimal(detail.get("MaxValue")),
        options=tuple(Option(str(option["Value"]), _label(option.get("Label"))) for option in options),
        targets=targets if kind is FieldType.REFERENCE else (),
        required=_level(item) == "SystemRequired" and not item.get("IsPrimaryId") and name not in _BY_PLATFORM,
        readable=bool(item.get("IsValidForRead", True)),
        creatable=bool(item.get("IsValidForCreate")),
        updatable=bool(item.get("IsValidForUpdate")),
        custom=bool(item.get("IsCustomAttribute")),
        blank=False,  # an empty text is stored as null
        clearable=name not in _BY_PLATFORM and _level(item) != "SystemRequired",
        earliest=FIRST_DAY if kind in {FieldType.DATE, FieldType.DATETIME} else None,
        made=str(item.get("MetadataId") or ""),
    )
    return Column(
        spec=spec,
        wire=f"_{name}_value" if kind is FieldType.REFERENCE else name,
        navigation=navigation,
        first_status=_first_status(item, options),
    )


def _type_of(item: Mapping[str, Any], detail: Mapping[str, Any]) -> FieldType | None:
    told = str(item.get("AttributeType"))
    if told == "String":
        return _FORMATS.get(str((detail.get("FormatName") or {}).get("Value")), FieldType.TEXT)
    if told == "DateTime":
        behaviour = (detail.get("DateTimeBehavior") or {}).get("Value")
        return FieldType.DATE if behaviour == "DateOnly" else FieldType.DATETIME
    if told == "Virtual":
        name = (item.get("AttributeTypeName") or {}).get("Value")
        return FieldType.MULTI_CHOICE if name == "MultiSelectPicklistType" else None
    return _TYPES.get(told)


def _first_status(item: Mapping[str, Any], options: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """Of `statecode`: the status each state takes by itself."""
    if item.get("AttributeType") != "State":
        return {}
    return {str(option["Value"]): str(option["DefaultStatus"]) for option in options if option.get("DefaultStatus")}


def _permitted(column: Column, grants: Grants | None, table: Table) -> Column:
    """The column as column security, and the way we use its table, leave it to us."""
    spec = column.spec
    if grants is not None and not grants.everything:
        spec = replace(
            spec,
            readable=spec.readable and spec.name in grants.read,
            creatable=spec.creatable and spec.name in grants.create,
            updatable=spec.updatable and spec.name in grants.update,
        )
    if not table.writes:
        spec = replace(spec, creatable=False, updatable=False)
    return replace(column, spec=spec)


def _level(item: Mapping[str, Any]) -> str:
    return str((item.get("RequiredLevel") or {}).get("Value"))


def _label(label: object) -> str:
    told = label.get("UserLocalizedLabel") if isinstance(label, Mapping) else None
    return str(told.get("Label") or "") if isinstance(told, Mapping) else ""


def _decimal(value: object) -> Decimal | None:
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
