"""The steps of a connection check, each with what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from shared.connectors.activities import ACTIVITY
from shared.connectors.marketo.activities import types_of
from shared.connectors.marketo.client import Client, Reply
from shared.connectors.marketo.fields import describe_people
from shared.connectors.marketo.native import LOCKED, WORKS, is_on, refuse
from shared.connectors.marketo.rejections import RejectionLog
from shared.connectors.marketo.settings import MarketoSettings
from shared.connectors.stepper import NotTold, Stepper, clock_skew
from shared.connectors.surroundings import Surroundings
from shared.domain.records import FieldName, FieldType, Schema
from shared.errors import ConfigError
from shared.ports.connector import CheckStep


def check(client: Client, settings: MarketoSettings, around: Surroundings) -> Iterator[CheckStep]:
    """Steps: `settings`, `token`, `clock`, `fields`, `people`, `logs`, `activity_types`, `quota`, `native_sync`,
    `deleted_field`, `rejection_log`."""
    steps = Stepper()
    yield steps.passed("settings", f"{client.http.origin.url} is a REST address of Marketo")
    seen: list[Reply] = []
    yield steps.run("token", lambda: _token(client, seen))
    yield steps.run("clock", lambda: clock_skew(seen[0].date, around.runtime.clock.now()), needs=("token",))
    schemas: list[Schema] = []
    yield steps.run("fields", lambda: _fields(client, schemas), needs=("token",))
    yield steps.run("people", lambda: _people(client), needs=("token",))
    yield steps.run("logs", lambda: _logs(client), needs=("token",))
    if ACTIVITY in around.kinds:
        yield steps.run("activity_types", lambda: _types(client, settings), needs=("token",), optional=True)
    yield steps.run("quota", lambda: _quota(client), needs=("token",), optional=True)
    yield steps.run("native_sync", lambda: _native(client, settings.native_sync), needs=("token",))
    yield steps.run("deleted_field", lambda: _flag(schemas[0], settings.deleted_field), needs=("fields",))
    yield steps.run("rejection_log", lambda: _log(client, settings.rejection_activity, around), needs=("token",))


def _token(client: Client, seen: list[Reply]) -> str:
    client.http.sign_in()
    seen.append(client.get("leads/partitions.json", "check", interactive=True))
    return f"the custom service has access; {len(seen[0].rows)} lead partitions"


def _fields(client: Client, schemas: list[Schema]) -> str:
    schemas.append(describe_people(client)[0])
    return f"{len(schemas[0].fields)} fields of people"


def _people(client: Client) -> str:
    query = [("filterType", "id"), ("filterValues", "1")]
    client.get("leads.json", "check", query, interactive=True)
    return "readable"


def _logs(client: Client) -> str:
    query = [("sinceDatetime", "2026-01-01T00:00:00Z")]
    client.get("activities/pagingtoken.json", "check", query, interactive=True)
    return "activities are readable"


def _types(client: Client, settings: MarketoSettings) -> str:
    there = set(types_of(client).values())
    missing = [name for name in settings.activities.types if name not in there]
    if missing:
        raise NotTold(
            f"this subscription has no type of activity for: {', '.join(missing)}",
            "Nothing, where nobody works with it; else switch it on in Marketo.",
        )
    return f"{len(there)} types of activities can be told"


def _quota(client: Client) -> str:
    rows = client.get("stats/usage.json", "check", interactive=True).rows
    total = rows[0].get("total") if rows else None
    if not isinstance(total, int):
        raise NotTold("the day's usage is not told", "Look at Admin, Web Services in Marketo.")
    return f"{total} API calls were made today by all clients together"


def _native(client: Client, mode: str) -> str:
    on = is_on(client)
    if on is None:
        raise NotTold("whether Marketo's own CRM sync is on is not told", "Look at Admin, CRM in Marketo.")
    if not on:
        return "Marketo's own CRM sync is off"
    refuse(mode)
    return f"Marketo's own CRM sync is on, and only people go from here: {WORKS}; {LOCKED}"


def _flag(schema: Schema, name: str) -> str:
    if not name:
        raise NotTold("no field is set for it", "Set deleted_field to have people flagged that Dynamics deleted.")
    spec = schema.fields.get(FieldName(name))
    if spec is None or spec.type is not FieldType.BOOLEAN or not spec.updatable:
        raise ConfigError(
            "partner.deleted_field names no checkbox field of people that can be written",
            setting="partner.deleted_field",
            code="unknown_field",
            next_step="Make a Boolean field under Admin, Field Management, and enter its REST name.",
        )
    return "people that were deleted in Dynamics are flagged"


def _log(client: Client, name: str, around: Surroundings) -> str:
    if not name:
        raise NotTold(
            "no custom activity is set for it",
            "Set rejection_activity to have what Dynamics refuses told in the person's log.",
        )
    return RejectionLog(client, around.memo, name).verify()
