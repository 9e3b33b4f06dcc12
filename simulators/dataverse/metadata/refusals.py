"""Refusals that only metadata knows."""

from __future__ import annotations

from simulators.dataverse.errors import DataverseError


def no_entity(name: str) -> DataverseError:
    """404 for a table that is not there."""
    return DataverseError(
        404,
        "0x80041102",
        f"The entity with a name = '{name[:200]}' with namemapping = 'Logical' was not found in the MetadataCache.",
        name="QueryBuilderNoEntity",
    )


def no_attribute(table: str, name: str) -> DataverseError:
    """404 for a column that is not there."""
    return DataverseError(
        404,
        "0x80041103",
        f"'{table}' entity doesn't contain attribute with Name = '{name[:200]}' and NameMapping = 'Logical'.",
        name="QueryBuilderNoAttribute",
    )


def not_found(what: str) -> DataverseError:
    """404 for any other piece of metadata."""
    return DataverseError(404, "0x8004024a", f"Could not find {what[:200]}.", name="MetadataNotFound")


def refused(code: str, message: str, name: str) -> DataverseError:
    """400 for a change of metadata that the service does not make."""
    return DataverseError(400, code, message, name=name)
