"""Schemas of both sides, data configuration, mappings, criteria with count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from functions.api.call import Answer, Call, etag_of
from functions.api.route import Role, route
from functions.shapes import plain_value
from shared import trust
from shared.domain.records import ABSENT, Side

if TYPE_CHECKING:
    from shared.domain.records import FieldSpec
    from shared.domain.suggest import FieldPreview
    from shared.manage.describing import Describing
    from shared.ports.journal import StoredConnection

_SYSTEMS = ("auth", "throttled", "transient")


@route("GET", "connections/{connection}/schemas/{side}", Role.READER, answer="mapping.Kinds")
def list_kinds(call: Call) -> Answer:
    """The kinds of records that one side has for this connection."""
    return call.listed(list(_asking(call).kinds(Side(call.places["side"]))))


@route(
    "GET",
    "connections/{connection}/schemas/{side}/{kind}",
    Role.READER,
    answer="mapping.Schema",
    codes=_SYSTEMS,
)
def get_schema(call: Call) -> Answer:
    """The fields of a kind as its system describes them now, with what the connection may do with each."""
    side = Side(call.places["side"])
    schema = trust.describing(call.app, call.config(), oldest=0.0).schema(side, call.places["kind"])
    fields = [_spec(spec) for spec in schema.fields.values()]
    return Answer(body={"side": side.value, "kind": schema.kind, "fields": fields, "digest": schema.digest()})


# -- data configuration and mappings -----------------------------------------------------------------------------------


@route("GET", "connections/{connection}/entities", Role.READER, answer="mapping.EntityList")
def list_entities(call: Call) -> Answer:
    """What flows, which way, and in which scope."""
    return call.listed([_entity(data) for data in call.config().entities])


@route("GET", "connections/{connection}/entities/{entity}", Role.READER, answer="mapping.Entity")
def get_entity(call: Call) -> Answer:
    """One entity with its map, and its ETag."""
    body, _ = current_entity(call)
    return Answer(body=body, etag=etag_of(body))


def current_entity(call: Call) -> tuple[Mapping[str, object], StoredConnection]:
    """An entity as it is shown, and the connection as it is stored."""
    stored = call.app.connections.get(call.connection)
    return _entity(trust.describing(call.app, stored.config).entity(call.places["entity"])), stored


@route(
    "PATCH",
    "connections/{connection}/entities/{entity}",
    Role.ADMIN,
    body="mapping.EntityEdit",
    answer="mapping.Entity",
    codes=("map", "config"),
    current=current_entity,
    audit="entity.edited",
)
def edit_entity(call: Call) -> Answer:
    """Switches an entity on or off, turns its direction, sets its scope; widening it fills in just the new rows."""
    changes = {name: value for name, value in call.body.items() if value is not None}
    scope = changes.pop("scope", None)
    data = dict(trust.describing(call.app, call.found.config).entity(call.places["entity"]))
    if scope == "all":
        data.pop("criteria", None)
    return _saved(call, {**data, **changes})


@route(
    "PUT",
    "connections/{connection}/entities/{entity}",
    Role.ADMIN,
    body="mapping.Mapped",
    answer="mapping.Entity",
    codes=("map", "config"),
    current=current_entity,
    audit="entity.mapped",
)
def put_entity(call: Call) -> Answer:
    """Puts a whole entity map in the place of the one there is, after everything in it was judged."""
    return _saved(call, {**call.body["map"], "name": call.places["entity"]})


def _saved(call: Call, data: Mapping[str, object]) -> Answer:
    stored: StoredConnection = call.found
    name = call.places["entity"]
    entities = [data if item.get("name") == name else item for item in stored.config.entities]
    call.found = call.app.connections.edit(stored, {"entities": entities})
    body = _entity(trust.describing(call.app, call.found.config).entity(name))
    return Answer(body=body, etag=etag_of(body))


@route(
    "GET",
    "connections/{connection}/entities/{entity}/suggestions",
    Role.READER,
    answer="mapping.Suggestions",
    codes=_SYSTEMS,
)
def suggest_fields(call: Call) -> Answer:
    """Pairs of fields that seem to belong together and are not mapped yet, the likeliest first."""
    found = _asking(call).suggested(call.places["entity"])
    return call.listed(
        [
            {"crm": item.crm, "partner": item.partner, "direction": item.direction.value, "score": round(item.score, 3)}
            for item in found
        ]
    )


@route(
    "POST",
    "connections/{connection}/entities/{entity}/validate",
    Role.READER,
    body="mapping.Validate",
    empty=True,
    answer="mapping.Validated",
    codes=_SYSTEMS,
)
def validate_map(call: Call) -> Answer:
    """Everything that is wrong with a map against both schemas as they are now, each with its place."""
    found = _asking(call).mistakes(_map(call))
    mistakes = [{"code": item.code, "message": item.message, "target": item.place} for item in found]
    return Answer(body={"valid": not mistakes, "mistakes": mistakes})


@route(
    "POST",
    "connections/{connection}/entities/{entity}/preview",
    Role.ADMIN,
    body="mapping.Preview",
    answer="mapping.Previewed",
    codes=("record_not_found", "map", *_SYSTEMS),
    audit="record.previewed",
)
def preview_record(call: Call) -> Answer:
    """A real record as a map would carry it to the other side, field by field. Nothing is written."""
    side = Side(str(call.body["side"]))
    record, fields, broken = _asking(call).previewed(_map(call), side, str(call.body["record"]))
    shown = [_previewed(item) for item in fields]
    return Answer(body={"kind": record.ref.kind, "id": record.ref.id, "fields": shown, "broken": dict(broken)})


@route(
    "POST",
    "connections/{connection}/entities/{entity}/count",
    Role.READER,
    body="mapping.Count",
    empty=True,
    answer="mapping.Counts",
    codes=("map", *_SYSTEMS),
)
def count_rows(call: Call) -> Answer:
    """How many Dynamics rows meet the criteria, now. Dynamics stops counting at 5,000: `exact` goes on."""
    asking = _asking(call)
    found = asking.counted(call.places["entity"], call.body.get("criteria"), exact=call.body.get("exact") is True)
    return Answer(
        body={
            "count": found.count,
            "more": found.more,
            "shown": f"more than {found.count}" if found.more else str(found.count),
            "allCount": found.all_count,
            "allMore": found.all_more,
        }
    )


def _asking(call: Call) -> Describing:
    return trust.describing(call.app, call.config())


def _map(call: Call) -> Mapping[str, object]:
    """The map that was sent, else the one that is stored."""
    stored = _asking(call).entity(call.places["entity"])
    sent = call.body.get("map")
    return stored if sent is None else {**sent, "name": call.places["entity"]}


def _entity(data: Mapping[str, object]) -> dict[str, object]:
    return {
        "name": data.get("name"),
        "on": data.get("on", True),
        "direction": data.get("direction", "both"),
        "scope": "criteria" if data.get("criteria") else "all",
        "crmKind": data.get("crm_kind"),
        "partnerKind": data.get("partner_kind"),
        "map": dict(data),
    }


def _spec(spec: FieldSpec) -> dict[str, object]:
    return {
        "name": spec.name,
        "label": spec.label,
        "type": spec.type.value,
        "maxLength": spec.max_length,
        "required": spec.required,
        "readable": spec.readable,
        "creatable": spec.creatable,
        "updatable": spec.updatable,
        "custom": spec.custom,
        "options": [{"value": item.value, "label": item.label} for item in spec.options],
        "targets": list(spec.targets),
    }


def _previewed(item: FieldPreview) -> dict[str, object]:
    return {
        "id": item.field_id,
        "known": item.source is not ABSENT,
        "source": plain_value(item.source)["value"],
        "carried": item.target is not ABSENT,
        "target": plain_value(item.target)["value"],
        "code": item.reason,
        "clipped": item.clipped,
    }
