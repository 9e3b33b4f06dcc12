"""Records as both sides speak of them, before and after mapping.

Three things are kept apart everywhere: a field that is *absent* (the other side did not tell it, or may not), a field
that is *cleared* (`None`), and a field with a *value*. An absent field is a key that is missing from `Record.fields`;
`Record.value` answers `ABSENT` for it. `""`, `0` and `False` are values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Final, NamedTuple, NewType

Kind = NewType("Kind", str)
"""A system's own name of a kind of record: `contact`, `lead`, `account`."""

RemoteId = NewType("RemoteId", str)
"""The id a system gave a record, as text, compared exactly. Numeric ids keep no leading zeros (`12`, not `012`)."""

FieldName = NewType("FieldName", str)
"""A system's own name of a field. Custom fields carry a prefix their connector chooses (`field:7`)."""


LINK_KIND: Final = Kind("link")
"""The kind of a reference that names the link of a parent instead of a record: while a pair is merged, both sides
speak of a parent by the same words."""


class Side(StrEnum):
    """The two sides of a connection: Dynamics 365, and the system it is paired with."""

    CRM = "crm"
    PARTNER = "partner"

    @property
    def other(self) -> Side:
        return Side.PARTNER if self is Side.CRM else Side.CRM


class Absent(Enum):
    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT


class Ref(NamedTuple):
    """Names one record of one system. A tuple, because refs are what everything is looked up by."""

    kind: Kind
    id: RemoteId

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"


type Value = str | int | Decimal | bool | date | datetime | frozenset[str] | Ref
"""`datetime` is aware and in UTC; a date-only field is a `date`; several choices are a frozenset of their stable
option values as text; one choice is its option value as text; a reference to a parent record is a `Ref` of the same
system."""

type FieldState = Value | Absent | None


@dataclass(frozen=True, slots=True)
class Record:
    """What one side told us about one record at one moment.

    `revision` is opaque and only good for a conditional write. `labels` are tags, `None` when not told (an empty set
    means: told, and there are none). `active` is false for a deactivated row. `modified_at` is the side's own time, and
    so is `created_at`, when the record came to be (None: not told).
    """

    ref: Ref
    fields: Mapping[FieldName, Value | None]
    revision: str | None = None
    modified_at: datetime | None = None
    labels: frozenset[str] | None = None
    active: bool = True
    created_at: datetime | None = None

    def value(self, name: FieldName) -> FieldState:
        return self.fields.get(name, ABSENT)


class GoneReason(StrEnum):
    """How we learnt that a record is no longer there (`TOLD` and `CONFIRMED` are deletes, `HIDDEN` is not)."""

    TOLD = "told"
    CONFIRMED = "confirmed"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Gone:
    """A record that was deleted, or merged into `merged_into`."""

    ref: Ref
    reason: GoneReason = GoneReason.TOLD
    merged_into: Ref | None = None


def is_deleted(seen: object) -> bool:
    """Whether this tells of a record that was deleted: neither hidden from us, nor merged into another."""
    return isinstance(seen, Gone) and seen.reason is not GoneReason.HIDDEN and seen.merged_into is None


class FieldType(StrEnum):
    TEXT = "text"
    MEMO = "memo"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Option:
    """One choice: its stable value (an option number or API value, as text) and its label, which is only for people."""

    value: str
    label: str


class Untold(StrEnum):
    """What it means that a whole walk said nothing of a field of a record it told: nothing is known of it; it is empty;
    or no read would tell it either."""

    UNKNOWN = "unknown"
    EMPTY = "empty"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """What a system says of one field.

    `max_length` counts UTF-16 units (that is what SQL Server and PHP front ends count); `scale` is the number of
    decimals kept. `readable` false means its value is unknown to us, never empty. `required` means the system refuses
    a record without it. `blank` false means that the system does not tell "" from cleared (it stores one as the
    other), so that both compare as cleared. `clearable` false means that the field can be changed but never emptied.
    `earliest` is the first day the system can store. `untold` is for fields that feeds tell only of some records.
    `made` is the system's own id of the field where it gives one: a field that is deleted and made again under its name
    has another.
    """

    name: FieldName
    type: FieldType
    label: str = ""
    max_length: int | None = None
    scale: int | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    options: tuple[Option, ...] = ()
    targets: tuple[Kind, ...] = ()
    required: bool = False
    readable: bool = True
    creatable: bool = True
    updatable: bool = True
    custom: bool = False
    blank: bool = True
    clearable: bool = True
    earliest: date | None = None
    untold: Untold = Untold.UNKNOWN
    made: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """The fields of one kind, as described by its system. `digest` changes whenever any of it changes."""

    kind: Kind
    fields: Mapping[FieldName, FieldSpec] = field(default_factory=dict)

    @staticmethod
    def of(kind: Kind, specs: Iterable[FieldSpec]) -> Schema:
        return Schema(kind, {spec.name: spec for spec in specs})

    def digest(self) -> str:
        from hashlib import blake2b

        text = "\n".join(repr(self.fields[name]) for name in sorted(self.fields))
        return blake2b(text.encode(), digest_size=8).hexdigest()
