"""The JSON of columns and their options (dataverse.md 3). Pure; `$expand` adds the option sets."""

from __future__ import annotations

from collections.abc import Callable

from simulators.dataverse.metadata.labels import CRM, Json, label, managed, metadata_id
from simulators.dataverse.schema import Column, Kind, Option, Table

TYPE_NAMES: dict[Kind, str] = {
    Kind.BIGINT: "BigIntAttributeMetadata",
    Kind.BOOLEAN: "BooleanAttributeMetadata",
    Kind.DATETIME: "DateTimeAttributeMetadata",
    Kind.DECIMAL: "DecimalAttributeMetadata",
    Kind.DOUBLE: "DoubleAttributeMetadata",
    Kind.ENTITYNAME: "EntityNameAttributeMetadata",
    Kind.INTEGER: "IntegerAttributeMetadata",
    Kind.LOOKUP: "LookupAttributeMetadata",
    Kind.CUSTOMER: "LookupAttributeMetadata",
    Kind.OWNER: "LookupAttributeMetadata",
    Kind.PARTYLIST: "LookupAttributeMetadata",
    Kind.MEMO: "MemoAttributeMetadata",
    Kind.MONEY: "MoneyAttributeMetadata",
    Kind.MULTISELECT: "MultiSelectPicklistAttributeMetadata",
    Kind.PICKLIST: "PicklistAttributeMetadata",
    Kind.STATE: "StateAttributeMetadata",
    Kind.STATUS: "StatusAttributeMetadata",
    Kind.STRING: "StringAttributeMetadata",
    # A recorded organisation shows these without a type of their own: they are plain AttributeMetadata.
    Kind.UNIQUEIDENTIFIER: "AttributeMetadata",
}
ENUM_KINDS = frozenset((Kind.PICKLIST, Kind.STATE, Kind.STATUS, Kind.MULTISELECT, Kind.BOOLEAN))


def column_id(table: Table, column: Column) -> str:
    """The `MetadataId` of a column; one that is deleted and made again has another."""
    return metadata_id("attribute", table.name, column.name, *([str(column.made)] if column.made else []))


def attribute(table: Table, column: Column, number: int = 0) -> Json:
    """AttributeMetadata of a column, with the properties of its own type; `number` is its place in the table, counted
    from 1, where the caller knows it."""
    key = column_id(table, column)
    secured = column.custom or column.secured
    shape: Json = {
        "@odata.type": f"#{CRM}{TYPE_NAMES[column.kind]}",
        "AttributeOf": None,
        "AttributeType": _attribute_type(column),
        "AttributeTypeName": {"Value": f"{column.kind.value}Type"},
        "ColumnNumber": number or list(table.columns).index(column.name) + 1,
        "DeprecatedVersion": None,
        "EntityLogicalName": table.name,
        "LogicalName": column.name,
        "SchemaName": column.schema_name,
        "ExternalName": None,
        "InheritsFrom": None,
        "IntroducedVersion": "1.0" if column.custom else "5.0.0.0",
        "IsCustomAttribute": column.custom,
        "IsFilterable": True,
        "IsLogical": False,
        "IsManaged": not column.custom,
        "IsPrimaryId": column.name == table.primary_id,
        "IsPrimaryName": column.name == table.primary_name,
        "IsRetrievable": column.read,
        "IsSearchable": column.kind is Kind.STRING,
        "IsSecured": column.secured,
        "CanBeSecuredForCreate": secured,
        "CanBeSecuredForRead": secured,
        "CanBeSecuredForUpdate": secured,
        "IsValidForCreate": column.create,
        "IsValidForRead": column.read,
        "IsValidForUpdate": column.update,
        "IsValidForForm": True,
        "IsValidForGrid": True,
        "IsValidODataAttribute": column.kind is not Kind.PARTYLIST,
        "IsRequiredForForm": column.required in {"ApplicationRequired", "SystemRequired"},
        "LinkedAttributeId": None,
        "SourceType": None if column.kind in {Kind.UNIQUEIDENTIFIER, Kind.ENTITYNAME} else 0,
        "Description": label("", table.name, column.name),
        "DisplayName": label(column.label or column.schema_name, table.name, column.name, managed=not column.custom),
        "RequiredLevel": {
            "Value": column.required,
            "CanBeChanged": column.required != "SystemRequired",
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        },
        "IsAuditEnabled": managed("canmodifyauditsettings", value=True),
        "IsCustomizable": managed("iscustomizable", value=True),
        "IsGlobalFilterEnabled": managed("canmodifyglobalfiltersettings", value=False),
        "IsRenameable": managed("isrenameable", value=True),
        "IsSortableEnabled": managed("canmodifyissortablesettings", value=False),
        "IsValidForAdvancedFind": managed("canmodifysearchsettings", value=True),
        "MetadataId": key,
        "HasChanged": None,
    }
    if shape["@odata.type"] == f"#{CRM}AttributeMetadata":
        del shape["@odata.type"]
    return shape | _typed(column)


def _attribute_type(column: Column) -> str:
    return "Virtual" if column.kind is Kind.MULTISELECT else column.kind.value


def _typed(column: Column) -> Json:
    """The properties that only this type of column has."""
    if column.kind in ENUM_KINDS and column.kind is not Kind.BOOLEAN:
        return {"DefaultFormValue": -1 if column.default is None else column.default}
    if column.kind in {Kind.LOOKUP, Kind.CUSTOMER, Kind.OWNER, Kind.PARTYLIST}:
        return {"Targets": list(column.targets), "Format": "None"}
    make = _OWN_PROPERTIES.get(column.kind)
    return make(column) if make else {}


def _text(column: Column) -> Json:
    length = column.max_length or 100
    return {
        "MaxLength": length,
        "DatabaseLength": length * 2,
        "Format": "Text",
        "FormatName": {"Value": "Text"},
        "ImeMode": "Auto",
        "IsLocalizable": False,
        "YomiOf": None,
    }


def _memo(column: Column) -> Json:
    return {"MaxLength": column.max_length or 2000, "Format": "TextArea", "FormatName": {"Value": "TextArea"}}


def _moment(column: Column) -> Json:
    return {
        "Format": "DateOnly" if column.date_only else "DateAndTime",
        "ImeMode": "Auto",
        "DateTimeBehavior": {"Value": "DateOnly" if column.date_only else "UserLocal"},
        "CanChangeDateTimeBehavior": managed("canmodifybehavior", value=False, changeable=False),
    }


def _integer(column: Column) -> Json:
    low, high = _whole(column)
    return {"MinValue": low, "MaxValue": high} | ({"Format": "None"} if column.kind is Kind.INTEGER else {})


def _whole(column: Column) -> tuple[int, int]:
    bound = 2**31 if column.kind is Kind.INTEGER else 2**63
    low = -bound if column.minimum is None else int(column.minimum)
    high = bound - 1 if column.maximum is None else int(column.maximum)
    return low, high


def _fraction(column: Column) -> Json:
    bound = {Kind.MONEY: 922337203685477.0}.get(column.kind, 100000000000.0)
    shape: Json = {
        "Precision": 2 if column.precision is None else column.precision,
        "MinValue": -bound if column.minimum is None else column.minimum,
        "MaxValue": bound if column.maximum is None else column.maximum,
        "ImeMode": "Disabled",
    }
    if column.kind is Kind.MONEY:
        shape |= {"PrecisionSource": 2, "IsBaseCurrency": False, "CalculationOf": None}
    return shape


_OWN_PROPERTIES: dict[Kind, Callable[[Column], Json]] = {
    Kind.STRING: _text,
    Kind.MEMO: _memo,
    Kind.DATETIME: _moment,
    Kind.INTEGER: _integer,
    Kind.BIGINT: _integer,
    Kind.DECIMAL: _fraction,
    Kind.DOUBLE: _fraction,
    Kind.MONEY: _fraction,
    Kind.BOOLEAN: lambda column: {"DefaultValue": bool(column.default)},
}


def option(table: Table, column: Column, each: Option) -> Json:
    """OptionMetadata; a status carries its `State`, a state its default status and invariant name."""
    shape: Json = {
        "Value": each.value,
        "Label": label(each.label, table.name, column.name, str(each.value), managed=not column.custom),
        "Description": label(""),
        "Color": None,
        "IsManaged": not column.custom,
        "ExternalValue": None,
        "ParentValues": [],
        "Tag": None,
        "IsHidden": False,
        "MetadataId": None,
        "HasChanged": None,
    }
    if column.kind is Kind.STATUS:
        return {"@odata.type": f"#{CRM}StatusOptionMetadata"} | shape | {"State": each.state, "TransitionData": None}
    if column.kind is Kind.STATE:
        status = table.columns.get("statuscode")
        first = next((o.value for o in status.options if o.state == each.value), None) if status else None
        extra = {"DefaultStatus": first, "InvariantName": each.label}
        return {"@odata.type": f"#{CRM}StateOptionMetadata"} | shape | extra
    return shape


def option_set(table: Table, column: Column) -> Json:
    """The local OptionSet of a choice, or the two options of a yes/no column."""
    shape: Json = {
        "Description": label(""),
        "DisplayName": label(column.label or column.schema_name, table.name, column.name),
        "ExternalTypeName": "",
        "IsCustomOptionSet": column.custom,
        "IsGlobal": False,
        "IsManaged": not column.custom,
        "IsCustomizable": managed("iscustomizable", value=True, changeable=False),
        "Name": f"{table.name}_{column.name}",
        "OptionSetType": {Kind.STATE: "State", Kind.STATUS: "Status", Kind.BOOLEAN: "Boolean"}.get(
            column.kind, "Picklist"
        ),
        "IntroducedVersion": None,
        "MetadataId": metadata_id("optionset", table.name, column.name),
        "HasChanged": None,
    }
    if column.kind is Kind.BOOLEAN:
        on, off = _two_options(column)
        return {"TrueOption": option(table, column, on), "FalseOption": option(table, column, off)} | shape
    return {"Options": [option(table, column, each) for each in column.options]} | shape


def _two_options(column: Column) -> tuple[Option, Option]:
    return column.option(1) or Option(1, "Yes"), column.option(0) or Option(0, "No")
