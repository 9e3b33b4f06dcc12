"""What one request carries through the simulator: caller, preferences, references, clock, store."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Self

from simulators.frame import Request, Switches

if TYPE_CHECKING:
    from simulators.dataverse.schema import Schema
    from simulators.dataverse.service import DataverseSystem
    from simulators.dataverse.store import Store

_PREFERENCE = re.compile(r'([^=,;\s]+)\s*(?:=\s*("(?:[^"])*"|[^,;]*))?')


@dataclass(frozen=True, slots=True)
class Prefer:
    """The `Prefer` header (dataverse.md 1.2). Preferences may share one header, parted by commas."""

    representation: bool = False
    max_page_size: int | None = None
    track_changes: bool = False
    continue_on_error: bool = False
    annotations: tuple[str, ...] = ()

    @classmethod
    def parse(cls, header: str) -> Self:
        """Read the header; unknown preferences and unreadable values are ignored, as HTTP asks."""
        found: dict[str, str] = {}
        for match in _PREFERENCE.finditer(header):
            found.setdefault(match[1].lower(), (match[2] or "").strip().strip('"'))
        size = found.get("odata.maxpagesize", "")
        return cls(
            representation=found.get("return") == "representation",
            max_page_size=int(size) if size.isascii() and size.isdigit() and int(size) > 0 else None,
            track_changes="odata.track-changes" in found,
            continue_on_error="odata.continue-on-error" in found,
            annotations=tuple(
                part.strip() for part in found.get("odata.include-annotations", "").split(",") if part.strip()
            ),
        )

    def wants(self, annotation: str) -> bool:
        """Say whether an annotation (full name, no `@`) was asked for; `*` works anywhere, `-` in front excludes."""
        asked = False
        for pattern in self.annotations:
            exclude, plain = pattern.startswith("-"), pattern.lstrip("-@")
            if fnmatchcase(annotation, plain):
                asked = not exclude
        return asked


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts. Under impersonation `user_id` is the impersonated user and `real_user_id` the application user."""

    user_id: str
    application_id: str = ""
    real_user_id: str = ""
    name: str = ""

    @property
    def impersonated(self) -> bool:
        return bool(self.real_user_id) and self.real_user_id != self.user_id

    @property
    def charged_user_id(self) -> str:
        """The user whom service-protection limits count."""
        return self.real_user_id or self.user_id


@dataclass(slots=True)
class Cost:
    """What the request cost so far, in simulated milliseconds; charged to the caller at its end."""

    ms: float = 0.0
    rows_written: int = 0


@dataclass(slots=True)
class Context:
    """Everything a handler may use besides its path.

    Attributes:
        references: inside a batch, `Content-ID` to the relative URL of what that part made (`contacts(guid)`).
        in_batch: the request is a part of a batch.
        made: the relative URL of the row that the request made or changed, for `Content-ID` references.
        silent: writes are neither logged nor told to listeners (seeding).
        cost: shared by all parts of a batch; add to `cost.rows_written` for each row written.
    """

    service: DataverseSystem
    request: Request
    caller: Caller
    base_url: str
    prefer: Prefer = field(default_factory=Prefer)
    references: dict[str, str] = field(default_factory=dict)
    in_batch: bool = False
    made: str = ""
    silent: bool = False
    cost: Cost = field(default_factory=Cost)

    @property
    def store(self) -> Store:
        return self.service.store

    @property
    def schema(self) -> Schema:
        return self.service.schema

    @property
    def switches(self) -> Switches:
        return self.service.switches

    @property
    def now(self) -> str:
        """The present time as Dataverse stores it, for example `2026-11-22T10:00:00Z`."""
        return iso(self.service.clock.now())

    def header(self, name: str, default: str = "") -> str:
        return self.request.headers.get(name, default)

    def flag(self, name: str) -> bool:
        """Return whether a header says `true`."""
        return self.header(name).strip().lower() == "true"

    def annotate(self, annotation: str) -> bool:
        return self.prefer.wants(annotation)

    def part(self, request: Request) -> Context:
        """Return the context of one request inside a batch; caller, references and cost are shared."""
        return replace(
            self, request=request, prefer=Prefer.parse(request.headers.get("prefer", "")), in_batch=True, made=""
        )

    def acting_as(self, caller: Caller) -> Context:
        """Return the same context for another caller."""
        return replace(self, caller=caller)

    def url(self, relative: str) -> str:
        """Return the absolute URL of something below the service root."""
        return f"{self.base_url}/{relative}"


def iso(moment: datetime) -> str:
    """Write a moment as Dataverse does: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def preference_applied(preferences: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the `Preference-Applied` header, or nothing."""
    text = ",".join(preferences)
    return (("Preference-Applied", text),) if text else ()
