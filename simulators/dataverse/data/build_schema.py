"""Make `schema.json` from the column facts of the Common Data Model (a folder given on the command line).

    python simulators/dataverse/data/build_schema.py FOLDER

`FOLDER` holds `dataverse_schema.json`: tables with columns, semantic types, lengths, ranges, options and requirement
levels. What CDM does not say (attribute types, validity, lookup targets, navigation names, date-only columns) is in
`supplement.json` beside this script. The result is committed; this script is needed only to make it anew.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TYPES = {
    "guid": "Uniqueidentifier",
    "boolean": "Boolean",
    "integer": "Integer",
    "minutes": "Integer",
    "timezone": "Integer",
    "bigInteger": "BigInt",
    "cdsVersionNumber": "BigInt",
    "decimal": "Decimal",
    "double": "Double",
    "latitude": "Double",
    "longitude": "Double",
    "currency": "Money",
    "baseCurrency": "Money",
    "dateTime": "DateTime",
    "entityName": "EntityName",
    "partylist": "PartyList",
    "listLookup": "Picklist",
    "listLookupCorrelated": "Status",
    "userId": "Lookup",
    "entityId": "Lookup",
}
REQUIRED = {"systemrequired": "SystemRequired", "required": "ApplicationRequired", "recommended": "Recommended"}
PRECISION = {"Money": 2, "Decimal": 10, "Double": 5}


def build(source: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Join the CDM facts and the supplement into the compact form that `schema.py` reads."""
    tables = {name: table(name, body, extra) for name, body in source["tables"].items()}
    return {
        "source": "microsoft/CDM (schemaDocuments/core/applicationCommon; CC BY 4.0); validity, navigation names and "
        "schema names: Microsoft powerapps-docs table reference (CC BY 4.0)",
        "licence": "facts only, in a format of our own",
        "tables": tables,
    }


def table(name: str, body: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Build one table."""
    more = extra["tables"].get(name, {})
    columns = {
        column: convert(name, column, facts, extra)
        for column, facts in body["columns"].items()
        if column not in more.get("drop", ())
    }
    if body["primaryId"] not in columns:
        columns[body["primaryId"]] = {}
    columns[body["primaryId"]] = {
        "type": "Uniqueidentifier",
        "schema": schema_name(name, body["primaryId"], extra),
        "valid": "cr",
        "required": "SystemRequired",
    }
    for column, facts in {**extra["every_table"], **more.get("columns", {})}.items():
        columns[column] = {**columns.get(column, {}), **facts}
    result = {
        "set": body["entitySet"],
        "id": body["primaryId"],
        "name": more.get("name", body["primaryName"]),
        "schema": more["schema"],
        "code": more["code"],
        "label": more.get("label", more["schema"]),
    }
    result |= {key: more[key] for key in ("ownership", "tracking", "bulk", "activity", "duplicates") if key in more}
    return result | {"columns": dict(sorted(columns.items()))}


def convert(owner: str, name: str, facts: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Build one column."""
    column: dict[str, Any] = {"type": attribute_type(owner, name, facts, extra)}
    schema = schema_name(owner, name, extra)
    if schema != name:
        column["schema"] = schema
    limits(column, facts)
    if facts.get("options"):
        column["options"] = [
            [int(option[1]), option[0], *(int(state) for state in option[2:3])] for option in facts["options"]
        ]
    level = "SystemRequired" if name in extra["system_required"] else REQUIRED.get(facts.get("required") or "")
    if level and column["type"] != "Uniqueidentifier" and f"{owner}.{name}" not in extra["not_required"]:
        column["required"] = level
    valid = validity(owner, name, facts, extra)
    if valid != "cru":
        column["valid"] = valid
    if name in extra["date_only"]:
        column["date_only"] = True
    default = default_of(owner, name, column, extra)
    if default is not None:
        column["default"] = default
    if column["type"] in ("Lookup", "Owner", "Customer"):
        column |= lookup(owner, name, extra)
    return column


def default_of(owner: str, name: str, column: dict[str, Any], extra: dict[str, Any]) -> int | bool | None:
    """Return what a row has that says nothing: no for yes or no, the only value for choices with one."""
    if f"{owner}.{name}" in extra["no_default"]:
        return None
    if column["type"] == "Boolean":
        return name in extra["default_true"]
    if column["type"] != "Picklist":
        return None
    named = extra["defaults"].get(f"{owner}.{name}", extra["defaults"].get(name))
    if named is not None:
        return int(named)
    return 1 if column.get("options") == [[1, "Default Value"]] else None


def limits(column: dict[str, Any], facts: dict[str, Any]) -> None:
    """Add length, range and precision."""
    if "maximumLength" in facts:
        column["max"] = facts["maximumLength"]
    for ours, theirs in (("min", "minimumValue"), ("maxvalue", "maximumValue")):
        if theirs in facts:
            column[ours] = float(facts[theirs])
    if column["type"] in PRECISION:
        column["precision"] = PRECISION[column["type"]]


def attribute_type(owner: str, name: str, facts: dict[str, Any], extra: dict[str, Any]) -> str:
    """Return the `AttributeType` of a CDM column."""
    if name == "statecode":
        return "State"
    if name == "ownerid":
        return "Owner"
    kind = TYPES.get(facts["type"], "String")
    if kind == "Lookup":
        if f"{owner}.{name}" in extra["customer"]:
            return "Customer"
        if f"{owner}.{name}" not in extra["lookups"] and name not in extra["lookups"]:
            return "Uniqueidentifier"
    if kind == "String" and (name in extra["memo"] or facts.get("maximumLength", 0) > 4000):
        return "Memo"
    return kind


def lookup(owner: str, name: str, extra: dict[str, Any]) -> dict[str, Any]:
    """Return targets and navigation names of a lookup."""
    facts = extra["lookups"].get(f"{owner}.{name}") or extra["lookups"].get(name)
    if facts is None:
        facts = extra["customer"][f"{owner}.{name}"]
    if isinstance(facts, list):
        facts = {target: f"{name}_{target}_{owner}" for target in facts}
    reverse = extra["reverse"].get(f"{owner}.{name}")
    found = {"to": facts} | ({"reverse": reverse} if reverse else {})
    on_delete = extra["on_delete"].get(f"{owner}.{name}") or extra["on_delete"].get(name)
    return found | ({"on_delete": on_delete} if on_delete else {})


def validity(owner: str, name: str, facts: dict[str, Any], extra: dict[str, Any]) -> str:
    """Return the letters of c(reate), u(pdate), r(ead) that hold."""
    for key in (f"{owner}.{name}", name):
        if key in extra["valid"]:
            return str(extra["valid"][key])
    if facts.get("isReadOnly") or facts["type"] in ("baseCurrency", "cdsVersionNumber") or name.endswith("_composite"):
        return "r"
    return "cru"


def schema_name(owner: str, name: str, extra: dict[str, Any]) -> str:
    """Return the name in schema case."""
    return str(extra["schema_names"].get(f"{owner}.{name}") or extra["schema_names"].get(name, name))


def dump(schema: dict[str, Any]) -> str:
    """Write the schema with one column a line."""
    lines = ["{", f' "source": {json.dumps(schema["source"])},', f' "licence": {json.dumps(schema["licence"])},']
    lines.append(' "tables": {')
    tables = []
    for name, body in schema["tables"].items():
        head = ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in body.items() if key != "columns")
        columns = ",\n".join(f"   {json.dumps(key)}: {json.dumps(value)}" for key, value in body["columns"].items())
        tables.append(f'  {json.dumps(name)}: {{{head}, "columns": {{\n{columns}\n  }}}}')
    return "\n".join([*lines, ",\n".join(tables), " }", "}"]) + "\n"


if __name__ == "__main__":
    facts = json.loads((Path(sys.argv[1]) / "dataverse_schema.json").read_text("utf-8"))
    supplement = json.loads((HERE / "supplement.json").read_text("utf-8"))
    (HERE / "schema.json").write_text(dump(build(facts, supplement)), "utf-8")
