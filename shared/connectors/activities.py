"""Activities as every partner tells them: one kind, the same fields, so that maps and the page speak of them alike.

What people did is told once and never changes; rows are made of it and nothing else. A moment that lies in the future
is no moment: it is left empty, so that the map's required field names the entry.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from typing import Final

from shared.connectors.surroundings import SettingSpec, SettingsReader
from shared.domain.records import (
    FieldName,
    FieldSpec,
    FieldType,
    Gone,
    GoneReason,
    Kind,
    Option,
    Record,
    Ref,
    RemoteId,
    Schema,
)
from shared.errors import ConfigError
from shared.ports.connector import Deletes, FeedKind, KindCapabilities, Outcome, Write, WriteResult

ACTIVITY: Final = Kind("activity")
TYPE, SUBJECT, DESCRIPTION, OCCURRED, PERSON, ASSET, LINK = (
    FieldName(name) for name in ("type", "subject", "description", "occurred", "person", "asset", "link")
)
WORDS: Final[Mapping[str, str]] = {
    "sent": "E-mail sent",
    "delivered": "E-mail delivered",
    "opened": "E-mail opened",
    "clicked": "Link in an e-mail clicked",
    "bounced": "E-mail bounced",
    "replied": "E-mail answered",
    "moment": "Interesting moment",
}
"""The types there are, and how a subject begins."""

DAYS: Final = 90
_SOON: Final = timedelta(days=1)
"""Clocks of two systems may differ by hours where a time zone is wrong; a day is another matter."""


def settings(types: Sequence[str]) -> tuple[SettingSpec, ...]:
    """The settings of a partner that tells these types."""
    switches = (
        SettingSpec(
            name=f"activities_{name}",
            help=f'Tell activities of the type "{WORDS[name]}".',
            default=name != "delivered",
        )
        for name in types
    )
    return (
        *switches,
        SettingSpec(
            name="activities_since",
            help="The earliest day of activities to tell, such as 2026-01-31; empty: as many days back as are told.",
            default="",
        ),
        SettingSpec(name="activities_days", help="How many days back activities are told, at most.", default=DAYS),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which activities are wanted. `since` is a day, None where only the number of days bounds them."""

    types: tuple[str, ...]
    since: date | None = None
    days: int = DAYS

    def earliest(self, now: datetime) -> datetime:
        """The moment from which on they are."""
        rolling = now - timedelta(days=self.days)
        day = datetime.combine(self.since, time.min, UTC) if self.since is not None else rolling
        return max(day, rolling).replace(microsecond=0)

    def digest(self, fields: Collection[str]) -> str:
        """Of what a cursor is made for. Another choice is another walk: a type that is switched on brings what was."""
        words = [ACTIVITY, *sorted(fields), *sorted(self.types), str(self.since or "")]
        return blake2b("\n".join(words).encode(), digest_size=8).hexdigest()


def read_choice(read: SettingsReader, types: Sequence[str]) -> Chosen:
    """Raises ConfigError for a day that is none."""
    text = read.text("activities_since")
    try:
        since = date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(
            "partner.activities_since is not a day",
            setting="partner.activities_since",
            code="unknown_day",
            next_step="Enter it as year, month and day: 2026-01-31; or leave it empty.",
        ) from None
    return Chosen(
        types=tuple(name for name in types if read.flag(f"activities_{name}")),
        since=since,
        days=read.number("activities_days", low=1, high=750),
    )


def capabilities(feed: FeedKind, look_back: timedelta = timedelta(0)) -> KindCapabilities:
    """What a partner can do with them: tell them."""
    return KindCapabilities(feed=feed, deletes=Deletes.NEVER, writes=frozenset(), create_only=True, look_back=look_back)


def schema(people: Kind, types: Sequence[str]) -> Schema:
    """The fields of an activity of `people`."""
    options = tuple(Option(name, WORDS[name]) for name in types)
    specs = (
        (TYPE, FieldType.CHOICE, "Type"),
        (SUBJECT, FieldType.TEXT, "Subject"),
        (DESCRIPTION, FieldType.MEMO, "Description"),
        (OCCURRED, FieldType.DATETIME, "When"),
        (PERSON, FieldType.REFERENCE, "Person"),
        (ASSET, FieldType.TEXT, "E-mail, campaign or asset"),
        (LINK, FieldType.TEXT, "Link"),
    )
    return Schema.of(
        ACTIVITY,
        (
            FieldSpec(
                name=name,
                type=kind,
                label=label,
                options=options if name == TYPE else (),
                targets=(people,) if name == PERSON else (),
                creatable=False,
                updatable=False,
                blank=False,
            )
            for name, kind, label in specs
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One entry as a partner told it. `person` and `at` are None where the entry does not say, or not so that it can
    be read."""

    id: str
    type: str
    person: Ref | None
    at: datetime | None
    asset: str = ""
    link: str = ""
    details: Sequence[tuple[str, str]] = ()


def record_of(told: Told, fields: Sequence[FieldName], now: datetime) -> Record:
    """The entry as a record with some of its fields."""
    at = told.at if told.at is not None and told.at <= now + _SOON else None
    values = {
        TYPE: told.type,
        SUBJECT: ": ".join(filter(None, (WORDS[told.type], told.asset))),
        DESCRIPTION: "\n".join(f"{name}: {value}" for name, value in _lines(told) if value) or None,
        OCCURRED: at,
        PERSON: told.person,
        ASSET: told.asset or None,
        LINK: told.link or None,
    }
    return Record(
        Ref(ACTIVITY, RemoteId(told.id)), {name: values[name] for name in fields if name in values}, modified_at=at
    )


def _lines(told: Told) -> Sequence[tuple[str, str]]:
    return (("About", told.asset), ("Link", told.link), *told.details)


def id_of_parts(*parts: object) -> str:
    """An id for an entry that has none: of all that makes it this one."""
    return "d-" + blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def not_readable(ids: Sequence[RemoteId]) -> dict[RemoteId, Record | Gone]:
    """The answer to a read: no partner tells one entry by its id, which says nothing about it."""
    return {row: Gone(Ref(ACTIVITY, row), GoneReason.HIDDEN) for row in ids}


def not_written(writes: Sequence[Write]) -> list[WriteResult]:
    return [
        WriteResult(
            key=write.key,
            outcome=Outcome.REJECTED,
            code="operation_not_allowed",
            message="Activities are only read.",
        )
        for write in writes
    ]


def default_entity(parents: Sequence[str]) -> Mapping[str, object]:
    """The map a new connection starts with, switched off: a completed task on the timeline of the person."""
    return {
        "name": "activity",
        "crm_kind": "task",
        "partner_kind": ACTIVITY,
        "direction": "to_crm",
        "creates": ["crm"],
        "on": False,
        "policy": "owner_partner",
        "parents": list(parents),
        "fields": [
            {"id": "subject", "crm": "subject", "partner": SUBJECT, "required": True},
            {"id": "person", "crm": "regardingobjectid", "partner": PERSON, "required": True},
            {"id": "occurred", "crm": "actualend", "partner": OCCURRED, "required": True},
            {"id": "description", "crm": "description", "partner": DESCRIPTION},
        ],
    }
