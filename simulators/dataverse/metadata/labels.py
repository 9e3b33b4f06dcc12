"""Ids, labels and managed properties: what all metadata is made of. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

type Json = dict[str, Any]
CRM = "Microsoft.Dynamics.CRM."
LANGUAGE = 1033
_NAMESPACE = UUID("8f7c5a50-5f1c-4a3e-9a43-0d2e0f6a7b11")


@lru_cache(maxsize=20_000)
def metadata_id(*names: str) -> str:
    """The id of the thing with these names, for example `metadata_id("entity", "contact")`."""
    return str(uuid5(_NAMESPACE, "/".join(names)))


def label(text: str, *names: str, managed: bool = True) -> Json:
    """A Label; an empty text gives one without labels."""
    if not text:
        return {"LocalizedLabels": [], "UserLocalizedLabel": None}
    localized = {
        "Label": text,
        "LanguageCode": LANGUAGE,
        "IsManaged": managed,
        "MetadataId": metadata_id("label", *names),
        "HasChanged": None,
    }
    return {"LocalizedLabels": [localized], "UserLocalizedLabel": dict(localized)}


def managed(name: str, *, value: bool, changeable: bool = True) -> Json:
    """A BooleanManagedProperty."""
    return {"Value": value, "CanBeChanged": changeable, "ManagedPropertyLogicalName": name}
