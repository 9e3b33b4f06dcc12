"""A system of which one mode runs on request and the other does not, in memory: as Exchange is, without Exchange."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from shared.connectors.memory import KindDesign, MemoryConnector, MemorySystem
from shared.connectors.surroundings import SettingSpec, Surroundings
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind
from shared.ports.connector import CreateKey, Deletes, FeedKind, KindCapabilities

PERSON, MAIL, NAME = Kind("person"), FieldName("mail"), FieldName("name")

SETTINGS = (
    SettingSpec(name="url", required=True, help="Any name of a mailbox."),
    SettingSpec(name="mode", help="Who does the work.", choices=("server", "client"), default="server"),
)

_DESIGN = KindDesign(
    kind=PERSON,
    fields=(
        FieldSpec(name=MAIL, type=FieldType.EMAIL, max_length=100),
        FieldSpec(name=NAME, type=FieldType.TEXT, max_length=100),
    ),
    capabilities=KindCapabilities(
        feed=FeedKind.SINCE, deletes=Deletes.ABSENCE, create_key=CreateKey.UNIQUE_MATCH, match_field=MAIL, bulk_size=50
    ),
)


def build(settings: Mapping[str, object], surroundings: Surroundings) -> MemoryConnector:
    del surroundings
    return MemoryConnector(_mailbox(str(settings["url"])))


@cache
def _mailbox(name: str) -> MemorySystem:
    """One a process: what is kept here, only the worker that synchronises sees."""
    return MemorySystem(name, [_DESIGN], now=lambda: datetime.now(UTC))
