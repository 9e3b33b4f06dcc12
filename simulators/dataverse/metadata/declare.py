"""From the JSON of a metadata change to what the schema understands. Pure."""

from __future__ import annotations

from typing import Any

from simulators.dataverse.metadata.columns import TYPE_NAMES
from simulators.dataverse.metadata.labels import CRM
from simulators.dataverse.metadata.refusals import refused
from simulators.dataverse.schema import Kind, Publisher

type Json = dict[str, Any]
_KINDS = {name: kind for kind, name in TYPE_NAMES.items() if kind not in {Kind.CUSTOMER, Kind.OWNER, Kind.PARTYLIST}}
_MAX = {Kind.STRING: 4_000, Kind.MEMO: 1_048_576}


def kind_of(body: Json) -> Kind:
    """The type of column a body describes, by its `@odata.type`."""
    name = str(body.get("@odata.type", "")).lstrip("#").removeprefix(CRM)
    kind = _KINDS.get(name)
    if kind is None or kind in {Kind.STATE, Kind.STATUS, Kind.UNIQUEIDENTIFIER}:
        raise refused("0x80048d19", f"An attribute of the type '{name[:100]}' cannot be created.", "PayloadError")
    return kind


def schema_name_of(body: Json) -> str:
    """The schema name a body gives. Raises when it has none."""
    name = body.get("SchemaName")
    if not isinstance(name, str) or not name.strip() or not name.replace("_", "a").isalnum() or not name.isascii():
        raise refused("0x8004700b", f"The schema name '{str(name)[:100]}' is invalid.", "InvalidSchemaName")
    return name.strip()


def text_of(label: object) -> str:
    """The first text of a Label."""
    if isinstance(label, dict):
        labels = label.get("LocalizedLabels")
        for each in [label.get("UserLocalizedLabel"), *(labels if isinstance(labels, list) else ())]:
            if isinstance(each, dict) and isinstance(each.get("Label"), str):
                return str(each["Label"])
    return ""


def value_of(managed: object) -> object:
    """The value of a managed property, or of a bare one."""
    return managed.get("Value") if isinstance(managed, dict) else managed


def column_body(body: Json, kind: Kind) -> Json:
    """A column in the form `Schema.add_column` takes, without its options."""
    declared: Json = {"type": kind.value, "schema": body["SchemaName"], "label": text_of(body.get("DisplayName"))}
    declared |= limits_of(body, kind)
    required = value_of(body.get("RequiredLevel"))
    if isinstance(required, str):
        declared["required"] = required
    if kind is Kind.DATETIME:
        behaviour = value_of(body.get("DateTimeBehavior")) or body.get("Format")
        declared["date_only"] = "DateOnly" in {behaviour, body.get("Format")}
    if isinstance(body.get("IsSecured"), bool):
        declared["secured"] = body["IsSecured"]
    default = body.get("DefaultFormValue", body.get("DefaultValue"))
    if isinstance(default, bool | int) and default != -1:
        declared["default"] = default
    return declared


def limits_of(body: Json, kind: Kind) -> Json:
    """Length, range and precision, checked. Raises for values that a column of that type cannot have."""
    limits: Json = {}
    for name, key in (("MaxLength", "max"), ("MinValue", "min"), ("MaxValue", "maxvalue"), ("Precision", "precision")):
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refused("0x80048d19", f"Cannot convert the value of '{name}' to a number.", "PayloadError")
        limits[key] = value
    most = _MAX.get(kind)
    if most is not None and "max" in limits and not 1 <= limits["max"] <= most:
        raise refused("0x80040203", f"MaxLength must be between 1 and {most}.", "InvalidArgument")
    return limits


def options_of(body: Json, kind: Kind, publisher: Publisher) -> list[list[Any]]:
    """The options of a choice, `[[value, label], ...]`; a missing value is the next of the publisher's range."""
    option_set = body.get("OptionSet")
    if not isinstance(option_set, dict):
        return []
    if kind is Kind.BOOLEAN:
        return _two_options(option_set)
    options = option_set.get("Options")
    found: list[list[Any]] = []
    following = publisher.first_option
    for each in options if isinstance(options, list) else ():
        if not isinstance(each, dict):
            raise refused("0x80048d19", "An option must be an OptionMetadata.", "PayloadError")
        value = each.get("Value")
        if isinstance(value, bool) or not isinstance(value, int | None):
            raise refused("0x80048d19", "The Value of an option must be a whole number.", "PayloadError")
        if value is None:
            value = following
        following = max(following, value + 1)
        if any(value == known for known, _ in found):
            raise refused("0x80044310", f"The option value {value} is used twice.", "PicklistValueNotUnique")
        found.append([value, text_of(each.get("Label"))])
    return found


def _two_options(option_set: Json) -> list[list[Any]]:
    found: list[list[Any]] = []
    for name, value in (("FalseOption", 0), ("TrueOption", 1)):
        each = option_set.get(name)
        found.append([value, text_of(each.get("Label")) if isinstance(each, dict) else name.removesuffix("Option")])
    return found
