"""The OpenAPI 3.1 document of the route table and the models. Made by `scripts/api_docs.py`, committed, served as a
file: nothing of this runs in the app."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from functions.api.codes import CODES
from functions.api.judging import model
from functions.api.route import PLACES, ROUTES, VERSIONS, Query, Role, Route
from functions.api.serve import describe
from functions.api.signin import CSRF_HEADER
from functions.exports import NDJSON

_REF = "#/components/schemas/{model}"
_ALWAYS = ("internal",)
_GUARDED = ("not_signed_in", "role_missing", "api_version_missing", "api_version_unknown")


def document() -> dict[str, Any]:
    """The whole document. The modules with the routes must have been imported."""
    schemas, names = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(ROUTES.values(), key=lambda item: (item.path, item.method)):
        paths.setdefault(f"/{route.path}", {})[route.method.lower()] = _operation(route, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dynasync",
            "version": VERSIONS[-1],
            "description": "Connections between Microsoft Dynamics 365 and other systems: settings, runs, failures, "
            "conflicts. Errors are `{error: {code, message, target, details}}` with codes of a closed list; lists are "
            "`{value, nextLink}`; a change to settings wants `If-Match`; accepted work is polled at "
            "`Operation-Location`.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [
            {"url": "/api", "description": "With a function key."},
            {"url": "/api/signed-in", "description": "For people who signed in, and apps with an Entra token."},
        ],
        "tags": [{"name": tag} for tag in sorted({route.tag for route in ROUTES.values()})],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An Entra token of the app registration, or its sign-in session with the header "
                    f"{CSRF_HEADER} on every change.",
                },
            },
        },
    }


def _schemas() -> tuple[dict[str, Any], dict[str, str]]:
    """The schemas of all models, and the reference of each model that a route names."""
    named = {"common.Error", *(name for route in ROUTES.values() for name in (route.body, route.answer) if name)}
    kinds: dict[str, type[BaseModel]] = {name: model(name) for name in sorted(named)}
    found, definitions = models_json_schema(
        [(kind, "validation") for kind in kinds.values()], ref_template=_REF, schema_generator=GenerateJsonSchema
    )
    schemas = {name: _tidy(schema) for name, schema in definitions["$defs"].items()}
    return schemas, {name: str(found[kind, "validation"]["$ref"]) for name, kind in kinds.items()}


def _tidy(schema: Any) -> Any:
    """Without the titles pydantic makes of names."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    named = {"properties", "$defs"}
    return {
        name: ({key: _tidy(item) for key, item in value.items()} if name in named else _tidy(value))
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str))
    }


def _operation(route: Route, names: dict[str, str]) -> dict[str, Any]:
    words = describe(route.handler)
    summary = re.split(r"(?<=[.!])\s", words, maxsplit=1)[0]
    shown: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": summary,
        "description": f"{words}\n\nRole: {_ROLES[route.role]}.",
        "parameters": [*_places(route), *_parameters(route)],
        "responses": _responses(route, names),
    }
    if route.body:
        shown["requestBody"] = {
            "required": not route.empty,
            "content": {"application/json": {"schema": {"$ref": names[route.body]}}},
        }
    shown["security"] = [] if route.role is Role.OPEN else [{"key": []}, {"token": []}]
    return shown


_ROLES = {
    Role.OPEN: "none, it is open",
    Role.SIGNED_IN: "any",
    Role.READER: "reader or admin",
    Role.ADMIN: "admin",
}


def _places(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PLACES[name].help,
            "schema": {"type": "string", "pattern": f"^{PLACES[name].pattern}$"},
        }
        for name in route.places
    ]


def _parameters(route: Route) -> list[dict[str, Any]]:
    found = [_parameter(item) for item in route.parameters]
    if route.role is not Role.OPEN:
        found.insert(
            0,
            {
                "name": "api-version",
                "in": "query",
                "required": True,
                "description": "The dated version of the API.",
                "schema": {"type": "string", "enum": list(VERSIONS)},
            },
        )
    if route.current is not None:
        found.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": not route.lenient,
                "description": "The ETag that was read, or * for whatever stands there.",
                "schema": {"type": "string", "minLength": 1},
            }
        )
    return found


def _parameter(item: Query) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "maxLength": item.most}
    if item.values:
        schema = {"type": "string", "enum": list(item.values)}
    elif item.pattern:
        schema["pattern"] = f"^({item.pattern})$"
    return {"name": item.name, "in": "query", "required": item.required, "description": item.help, "schema": schema}


def _responses(route: Route, names: dict[str, str]) -> dict[str, Any]:
    done: dict[str, Any] = {"description": "Done." if route.status != 202 else "Accepted; poll Operation-Location."}  # noqa: PLR2004
    if route.answer:
        done["content"] = {route.media: {"schema": {"$ref": names[route.answer]}}}
    elif route.media != "application/json":
        done["content"] = {media: {"schema": {"type": "string"}} for media in (route.media, NDJSON)}
        done["headers"] = {"Link": {"description": "The next part.", "schema": {"type": "string"}}}
    error = {"application/json": {"schema": {"$ref": names["common.Error"]}}}
    by_status: dict[int, list[str]] = {}
    for code in codes_of(route):
        by_status.setdefault(CODES[code].status, []).append(code)
    return {
        str(route.status): done,
        **{
            str(status): {"description": ", ".join(f"`{code}`" for code in codes), "content": error}
            for status, codes in sorted(by_status.items())
        },
        "default": {"description": "Another error of the list.", "content": error},
    }


def codes_of(route: Route) -> list[str]:
    """The codes a route may answer by its form, and those it names."""
    found = [*_ALWAYS, "transient"] if route.role is Role.OPEN else [*_ALWAYS, *_GUARDED, "transient"]
    found += [PLACES[name].code for name in route.places]
    found += ["parameter_unknown", "parameter_invalid"]
    if route.paged:
        found.append("continuation_invalid")
    if route.body:
        found += ["body_not_json", "body_too_large", "unknown_field", "missing_field", "invalid_value", "text_unusable"]
    if route.method != "GET":
        found.append("cross_site")
    if route.current is not None:
        found += ["changed_meanwhile"] if route.lenient else ["if_match_missing", "changed_meanwhile"]
    return sorted({*found, *route.codes})
