"""Custom objects: kinds that an administrator made in Marketo, each known by one field, which holds an id of ours.

Source: the vendor's page on custom objects. Its two answers name the other end of a link differently (`object`,
`relatedTo`), and `type` does not tell which end is which; so a link is judged by what it points at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.connectors.marketo.client import Client, Reply
from shared.connectors.marketo.errors import NOT_THERE, TITLE, raise_for
from shared.connectors.marketo.fields import COMPANY, LEAD, SYSTEM, spec_of
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Schema
from shared.errors import Rejected
from shared.http.shape import shaped

_NAME = re.compile(r"[A-Za-z0-9_]{1,255}")
_TEXTS = frozenset({FieldType.TEXT, FieldType.MEMO})
_LONG_ENOUGH: Final = 36
_STANDARD: Mapping[tuple[str, str], Kind] = {("lead", "id"): LEAD, ("company", "externalcompanyid"): COMPANY}
"""Links to what has an id of ours there, by the object's and its field's name, case aside."""


@dataclass(frozen=True, slots=True)
class CustomObject:
    """One kind: its address, the field that holds our id, and the others."""

    path: str
    key: str
    schema: Schema


def describe_custom(client: Client, kind: Kind) -> CustomObject:
    """Raises Rejected where there is no such object, or none that holds one record for each row of Dynamics."""
    row = _ask(client, kind)
    key = _key(kind, row)
    targets = {
        name: target for name, related in _links(row) if (target := _target(client, related, own_key=name == key))
    }
    specs = [_field(field, targets) for field in _fields(row) if field.get("name") not in {key, *SYSTEM}]
    return CustomObject(_path(kind), key, Schema.of(kind, [spec for spec in specs if spec is not None]))


def _path(kind: Kind) -> str:
    return f"customobjects/{kind}"


def _ask(client: Client, kind: Kind) -> Mapping[str, Any]:
    found = client.try_get(f"{_path(kind)}/describe.json", "schema") if _NAME.fullmatch(kind) else None
    if isinstance(found, Reply) and found.rows:
        return found.rows[0]
    if found is None or isinstance(found, Reply) or found.code == NOT_THERE:
        raise Rejected(
            f"{TITLE} has no approved custom object {kind}",
            code="unknown_kind",
            next_step="Use the API name that stands under Admin, Marketo Custom Objects, and approve the object there.",
        )
    raise raise_for(found, f"to read the custom object {kind}")


@shaped(TITLE)
def _fields(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [field for field in row.get("fields") or () if str(field["name"])]


@shaped(TITLE)
def _links(row: Mapping[str, Any]) -> list[tuple[str, tuple[str, str]]]:
    """Each field that is a link, and the object and field that it names."""
    found = []
    for relation in row.get("relationships") or ():
        related = relation.get("object") or relation.get("relatedTo") or {}
        found.append((str(relation.get("field")), (str(related.get("name")), str(related.get("field")))))
    return found


def _key(kind: Kind, row: Mapping[str, Any]) -> str:
    names = row.get("dedupeFields")
    spec = None
    if isinstance(names, list) and len(names) == 1:
        spec = next((spec_of(field) for field in _fields(row) if field["name"] == names[0]), None)
    if spec is None or spec.type not in _TEXTS or (spec.max_length or _LONG_ENOUGH) < _LONG_ENOUGH:
        raise Rejected(
            f"the custom object {kind} is not known by one text field of {_LONG_ENOUGH} characters or more",
            code="no_key",
            next_step="Make a custom object with one dedupe field, of type string, that is free for the sync's ids.",
        )
    return str(spec.name)


def _target(client: Client, related: tuple[str, str], *, own_key: bool) -> Kind | None:
    """The kind whose ids a link field holds; None where it holds something else."""
    name, field = related
    known = _STANDARD.get((name.lower(), field.lower()))
    if known is not None or own_key or name.lower() in {"lead", "company"}:
        return known  # an object that others hang off may list them by its own key
    try:
        parent = _key(Kind(name), _ask(client, Kind(name)))
    except Rejected:
        return None
    return Kind(name) if parent == field else None


def _field(row: Mapping[str, Any], targets: Mapping[str, Kind]) -> FieldSpec | None:
    spec = spec_of(row)
    target = targets.get(str(row.get("name")))
    if spec is None or target is None:
        return spec
    return FieldSpec(
        name=FieldName(spec.name),
        type=FieldType.REFERENCE,
        label=spec.label,
        targets=(target,),
        creatable=spec.creatable,
        updatable=spec.updatable,
    )
