"""Contacts by the hundred thousand, made up from small lists of syllables: no person stands behind any of them."""

from __future__ import annotations

import gc
from typing import Any

from simulators.activecampaign.contacts.model import ACTIVE, Contact, ContactList, ContactTag, FieldValue
from simulators.activecampaign.seeding_parts import list_named, tag_named
from simulators.activecampaign.tables import Row
from simulators.activecampaign.tenant import Tenant

_STARTS = ("Al", "Be", "Ca", "Do", "El", "Fa", "Go", "Ha", "Il", "Ju", "Ka", "Lo", "Mi", "No", "Or", "Pe", "Ro", "Su")
_MIDDLES = ("bra", "da", "fi", "la", "mo", "na", "ri", "sa", "ti", "va", "xo", "ze")
_ENDS = ("", "l", "n", "r", "s", "th")
_SPREAD_SECONDS = 90 * 86_400
_PER_SECOND = 50


def _names() -> list[str]:
    return [start + middle + end for start in _STARTS for middle in _MIDDLES for end in _ENDS]


def generate(tenant: Tenant, spec: dict[str, Any]) -> dict[str, Any]:
    """`{"contacts": N, "domain"?, "tag"?, "list"?, "field"?: title, "age_seconds"?}`.

    E-mails are `person<id>@<domain>`. Creation times are spread over the time before now, `_PER_SECOND` a second at
    most, ids ascending with time. Returns the first and the last id.
    """
    count = int(spec.get("contacts", 0))
    domain = str(spec.get("domain", "example.com"))
    first_id = tenant.contacts.next_id()
    oldest = tenant.now() - int(spec.get("age_seconds", _SPREAD_SECONDS))
    names = _names()
    last_names = [f"{name}sen" for name in names]
    gc.disable()
    try:
        made: list[Contact] = []
        per_second = max(1, min(_PER_SECOND, count * 2 // max(1, tenant.now() - oldest)) or 1)
        moment = oldest
        for index in range(count):
            if index % per_second == 0:
                moment = oldest + index // per_second * max(1, _step(tenant, oldest, count, per_second))
            contact_id = first_id + index
            made.append(
                Contact(
                    contact_id,
                    f"person{contact_id}@{domain}",
                    names[index * 7 % len(names)],
                    last_names[index * 11 % len(last_names)],
                    "",
                    min(moment, tenant.now()),
                )
            )
        tenant.contacts.extend(made)
        _decorate(tenant, made, spec)
    finally:
        gc.enable()
        # A million rows would be looked at again by every full collection.
        gc.freeze()
    return {"first_id": first_id, "last_id": first_id + count - 1, "count": count}


def _step(tenant: Tenant, oldest: int, count: int, per_second: int) -> int:
    return (tenant.now() - oldest) // max(1, count // per_second)


def _decorate(tenant: Tenant, made: list[Contact], spec: dict[str, Any]) -> None:
    if "tag" in spec:
        tag = tag_named(tenant, str(spec["tag"]))
        for contact in made:
            row = ContactTag(tenant.contact_tags.next_id(), contact.id, tag["id"], contact.created, "0")
            contact.tags = {tag["id"]: tenant.contact_tags.put(row.id, row)}
        tag["count"] += len(made)
    if "list" in spec:
        target = list_named(tenant, str(spec["list"]))
        for contact in made:
            standing = ContactList(tenant.contact_lists.next_id(), contact.id, target["id"], ACTIVE, contact.created)
            contact.lists = {target["id"]: tenant.contact_lists.put(standing.id, standing)}
    if "field" in spec:
        _fill_field(tenant, made, tenant.fields.find("title", spec["field"]))


def _fill_field(tenant: Tenant, made: list[Contact], field: Row | None) -> None:
    if field is None:
        raise ValueError("generate: the field must be seeded first, by its title")
    tenant.values_version += 1
    for contact in made:
        value = FieldValue(tenant.values.next_id(), contact.id, field["id"], f"value {contact.id}", contact.created)
        contact.values = {field["id"]: tenant.values.put(value.id, value)}
