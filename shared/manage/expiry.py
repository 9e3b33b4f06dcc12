"""When the secrets and certificates of a connection end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from shared.domain.connection import ConnectionConfig
from shared.errors import SyncError

NOTICE_DAYS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A secret and its end. `setting` is "crm.secret" and the like; the value itself is nowhere in here."""

    connection: str
    setting: str
    ends: datetime

    def days_left(self, now: datetime) -> float:
        return (self.ends - now).total_seconds() / 86400

    def near(self, now: datetime) -> bool:
        """Whether it is time for a notice."""
        return self.days_left(now) <= NOTICE_DAYS


def endings(
    config: ConnectionConfig,
    secret_settings: Callable[[str], Sequence[str]],
    read: Callable[[str], str],
    certificate_end: Callable[[str], datetime],
) -> Iterator[Ending]:
    """Those that are known: a certificate tells its end itself, of a client secret somebody has entered the day.

    `secret_settings` names a system's settings that hold a secret ("" for Dynamics). A secret that cannot be read now
    is left out; the connection's own runs say so.
    """
    for side, system, settings in (("crm", "", config.crm), ("partner", config.system, config.partner)):
        for setting in secret_settings(system):
            ends = _end(settings, setting, read, certificate_end)
            if ends is not None:
                yield Ending(connection=config.id, setting=f"{side}.{setting}", ends=ends)


def _end(
    settings: Mapping[str, object],
    setting: str,
    read: Callable[[str], str],
    certificate_end: Callable[[str], datetime],
) -> datetime | None:
    name, told = settings.get(setting), settings.get(f"{setting}_ends")
    if not isinstance(name, str) or not name:
        return None
    if settings.get("credential") == "certificate":
        try:
            return certificate_end(read(name))
        except SyncError:
            return None
    if isinstance(told, str) and told:
        return datetime.combine(date.fromisoformat(told), time(), UTC)
    return None
