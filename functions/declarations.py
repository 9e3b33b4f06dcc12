"""What can be set at all: the systems with their settings, and the words of data configuration and mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.api.call import Answer, Call
from functions.api.route import Role, route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.connectors.surroundings import SettingSpec


@route("GET", "declarations", Role.READER, answer="declarations.Declarations")
def declare(call: Call) -> Answer:
    """What this release knows, for forms: every system's settings, defaults and what only it has; the options of a
    connection; the operators of criteria; the pairs of types that go together; transforms and policies."""
    from shared.connectors.registry import CRM, systems

    return Answer(
        body={
            "crm": {"name": CRM, "title": "Dynamics 365", "settings": _settings(CRM)},
            "systems": [_system(call, name) for name in systems()],
            "options": _options(),
            **_words(),
        }
    )


def _system(call: Call, name: str) -> dict[str, object]:
    from shared.connectors.registry import extensions_of, runs_on_request

    app = call.app
    return {
        "name": name,
        "title": app.title(name),
        "settings": _settings(name),
        "rhythms": list(app.rhythm_kinds(name)),
        "rhythm": dict(app.default_rhythm(name)),
        "options": dict(app.default_options(name)),
        "onRequest": runs_on_request(name, {}) or app.settings.allow_sync_now,
        "enrols": list(app.enrolled_kinds(name)),
        "entities": [dict(data) for data in app.default_entities(name)],
        "extensions": [
            {
                "name": item.name,
                "help": item.help,
                "settings": list(item.settings),
                "entities": list(item.entities),
                "hooks": item.hooks,
            }
            for item in extensions_of(name)
        ],
    }


def _settings(system: str) -> list[dict[str, object]]:
    from shared.connectors.registry import settings_of

    return [
        {
            "name": spec.name,
            "help": spec.help,
            "type": _type(spec),
            "required": spec.required,
            "secret": spec.secret,
            "choices": [str(choice) for choice in spec.choices],
            "default": list(spec.default) if isinstance(spec.default, tuple) else spec.default,
        }
        for spec in settings_of(system)
    ]


def _type(spec: SettingSpec) -> str:
    """Settings say their type by their default."""
    if isinstance(spec.default, tuple):
        return "list"
    return _kind(spec.default, spec.choices)


def _kind(default: object, choices: object = ()) -> str:
    if isinstance(default, bool):
        return "flag"
    if isinstance(default, int | float):
        return "number"
    return "choice" if choices else "text"


def _options() -> list[dict[str, object]]:
    from dataclasses import asdict

    from shared.sync.options import CHOICES, Options

    return [
        {
            "name": name,
            "type": "numbers" if isinstance(value, tuple) else _kind(value, CHOICES.get(name)),
            "choices": list(CHOICES.get(name, ())),
            "default": list(value) if isinstance(value, tuple) else value,
        }
        for name, value in asdict(Options()).items()
    ]


def _words() -> Mapping[str, object]:
    from shared.domain.convert import COMPATIBLE, MAPPABLE
    from shared.domain.criteria_ops import OPERATORS, takes
    from shared.domain.entity_file import POLICY_NAMES
    from shared.domain.entity_map import DeletePolicy, Direction, Leaves
    from shared.domain.map_rules import ONE_WAY_TRANSFORMS
    from shared.domain.rhythms import GRID_HOURS
    from shared.domain.transforms import KINDS, OPTIONS

    return {
        "gridHours": list(GRID_HOURS),
        "operators": [
            {"name": name, "types": sorted(op.types), "takes": takes(name)} for name, op in sorted(OPERATORS.items())
        ],
        "pairs": [
            {
                "crm": crm.value,
                "partner": partner.value,
                "directions": [way.value for way in Direction if pair.allows(way)],
            }
            for (crm, partner), pair in sorted(COMPATIBLE.items())
        ],
        "mappable": sorted(MAPPABLE),
        "transforms": [
            {"kind": kind, "options": sorted(OPTIONS.get(kind, ())), "oneWay": kind in ONE_WAY_TRANSFORMS}
            for kind in sorted({*KINDS, "concat"})
        ],
        "policies": list(POLICY_NAMES),
        "deletes": list(DeletePolicy),
        "leaves": list(Leaves),
    }
