"""Suggestions for a new field mapping, and a look at what a mapping makes of a real record. Nothing is decided here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from shared.domain.compiled import CompiledMap, Resolve, Unmappable
from shared.domain.convert import compatible
from shared.domain.entity_map import Direction
from shared.domain.records import ABSENT, FieldName, FieldSpec, FieldState, Record, Schema, Side

_WORDS: Final[Mapping[str, str]] = {
    "emailaddress1": "email",
    "emailaddress": "email",
    "mail": "email",
    "e mail": "email",
    "firstname": "first name",
    "givenname": "first name",
    "vorname": "first name",
    "nombre": "first name",
    "nome": "first name",
    "lastname": "last name",
    "surname": "last name",
    "nachname": "last name",
    "apellidos": "last name",
    "cognome": "last name",
    "telephone1": "phone",
    "telephone": "phone",
    "telefon": "phone",
    "telefono": "phone",
    "mobilephone": "mobile",
    "mobile phone": "mobile",
    "jobtitle": "job title",
    "websiteurl": "website",
    "url": "website",
    "address1 city": "city",
    "address1 country": "country",
    "address1 postalcode": "zip",
    "postal code": "zip",
    "postcode": "zip",
    "birthdate": "birthday",
    "date of birth": "birthday",
}
"""Names of the usual columns in systems and languages that meet here, and what they stand for."""

_LEAST: Final = 0.75


@dataclass(frozen=True, slots=True, order=True)
class Suggestion:
    """One pair that seems to belong together. `score` runs up to 1; `direction` is the widest that the pair allows."""

    score: float
    crm: FieldName
    partner: FieldName
    direction: Direction


def suggest(crm: Schema, partner: Schema, taken: Collection[FieldName] = ()) -> list[Suggestion]:
    """Pairs of fields that are named alike and whose types go together, the likeliest first; each field once.

    `taken` are fields of either side that are mapped already.
    """
    lefts = [(spec, _names(spec)) for spec in crm.fields.values() if spec.name not in taken]
    rights = [(spec, _names(spec)) for spec in partner.fields.values() if spec.name not in taken]
    found = [
        Suggestion(score, ours.name, theirs.name, direction)
        for ours, our_names in lefts
        for theirs, their_names in rights
        if (score := _likeness(our_names, their_names)) >= _LEAST
        if (direction := _direction(ours, theirs)) is not None
    ]
    used: set[tuple[Side, FieldName]] = set()
    best: list[Suggestion] = []
    for item in sorted(found, key=lambda item: (-item.score, item.crm, item.partner)):
        ends = {(Side.CRM, item.crm), (Side.PARTNER, item.partner)}
        if not ends & used:
            used |= ends
            best.append(item)
    return best


def _direction(ours: FieldSpec, theirs: FieldSpec) -> Direction | None:
    """The widest direction that types and rights allow."""
    if not ours.readable or not theirs.readable:
        return None
    for direction in Direction:
        if not compatible(ours.type, theirs.type, direction):
            continue
        if direction.into(Side.CRM) <= ours.updatable and direction.into(Side.PARTNER) <= theirs.updatable:
            return direction
    return None


type Words = frozenset[str]


def _likeness(ours: set[Words], theirs: set[Words]) -> float:
    """The share of words that two fields have in common, by the names that are most alike."""
    pairs = ((left, right) for left in ours for right in theirs)
    return max((len(left & right) / len(left | right) for left, right in pairs), default=0)


def _names(spec: FieldSpec) -> set[Words]:
    """What a field is known by, as sets of words: its label and its name, without prefix, case and accents."""
    plain = {_plain(spec.name.rpartition(":")[2]), _plain(spec.label)}
    plain |= {_plain(re.sub(r"^[a-z]{2,8}_", "", spec.name))}
    return {frozenset(_WORDS.get(name, name).split()) for name in plain if name and not name.isdecimal()}


def _plain(text: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    folded = unicodedata.normalize("NFD", spaced.casefold())
    letters = "".join(char for char in folded if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w]|_", " ", letters).split())


@dataclass(frozen=True, slots=True)
class FieldPreview:
    """What becomes of one field of a record: its value there, and on the other side the value or why there is none."""

    field_id: str
    source: FieldState
    target: FieldState
    reason: str = ""
    clipped: bool = False


def preview(compiled: CompiledMap, record: Record, side: Side, resolve: Resolve | None = None) -> list[FieldPreview]:
    """A record of `side` as the mapping would carry it to the other side, field by field, whatever stands there."""
    found = []
    for item in compiled.fields:
        value = item.take(record, side)
        if value is ABSENT or not item.flows(side.other):
            found.append(FieldPreview(item.id, value, ABSENT, "" if value is ABSENT else "direction"))
            continue
        carried = item.carry(value, side, resolve)
        if isinstance(carried, Unmappable):
            found.append(FieldPreview(item.id, value, ABSENT, carried.reason))
        else:
            found.append(FieldPreview(item.id, value, carried.value, "", carried.clipped))
    return found
