"""The OpenAPI 3 document of one flow step: the address of it is what an administrator pastes into Marketo."""

from __future__ import annotations

from typing import Any, Final

from shared.connectors.marketo.flow.definition import KEY_HEADER, PROVIDER, SCHEMA_VERSION, Service, support_page

CALLBACK: Final = "{$request.body#/flowComplete}"
_STATUSES: Final = {
    "201": "Taken in; one callback follows.",
    "400": "The body is malformed; what is wrong is named.",
    "401": "The key is not, or no longer, the connection's.",
    "403": "The key may not do this.",
    "413": "Too many people, or too large a body, in one call.",
    "429": "Too many calls; send it again later.",
    "500": "It could not be taken in; send it again.",
}


def openapi_document(service: Service, root: str) -> dict[str, Any]:
    """`root` is the address of this service's endpoints."""
    return {
        "openapi": "3.0.1",
        "info": {
            "title": f"{PROVIDER}: {service.title}",
            "description": service.help,
            "version": SCHEMA_VERSION,
            "x-providerName": PROVIDER,
            "x-schemaVersion": SCHEMA_VERSION,
            "x-supportContact": {"x-supportPage": support_page(root)},
        },
        "servers": [{"url": root}],
        "security": [{"apiKey": []}],
        "paths": {
            "/submitAsyncAction": {"post": _submit()},
            "/getServiceDefinition": {"get": _get("What the step is and takes.", "serviceDefinition")},
            "/status": {"get": _get("How the service stands.", "serviceStatus")},
            "/getPicklist": {"post": _picklist()},
            "/providerInstructions": {"get": _page()},
            "/serviceIcon": {"get": _icon()},
            "/brandIcon": {"get": _icon()},
        },
        "components": {
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": KEY_HEADER}},
            "schemas": _SCHEMAS,
        },
    }


def _submit() -> dict[str, Any]:
    header = {"in": "header", "required": True, "schema": {"type": "string"}}
    answer = {
        "post": {
            "parameters": [{**header, "name": "x-api-key"}, {**header, "name": "x-callback-token"}],
            "requestBody": {"description": "What became of each person.", **_json("flowCallBack")},
            "responses": {"404": {"description": "Not found"}, "405": {"description": "Invalid input"}},
        }
    }
    return {
        "operationId": "submitAsyncAction",
        "summary": "Takes people in; one callback tells what became of them.",
        "requestBody": {"required": True, **_json("async")},
        "callbacks": {"selfServiceFlowComplete": {CALLBACK: answer}},
        "responses": {status: {"description": text} for status, text in _STATUSES.items()},
    }


def _get(summary: str, schema: str) -> dict[str, Any]:
    return {
        "operationId": f"get{schema[0].upper()}{schema[1:]}",
        "summary": summary,
        "responses": {"200": {"description": summary, **_json(schema)}},
    }


def _picklist() -> dict[str, Any]:
    return {
        "operationId": "getPicklist",
        "summary": "The choices of one attribute.",
        "requestBody": {"required": True, **_json("getPicklistRequest")},
        "responses": {"200": {"description": "At most 1,000 choices.", **_json("picklistObject")}},
    }


def _page() -> dict[str, Any]:
    content = {"text/html": {"schema": {"type": "string"}}}
    return {"responses": {"200": {"description": "What to do at installation.", "content": content}}, "security": []}


def _icon() -> dict[str, Any]:
    content = {"image/*": {"schema": {"type": "string", "format": "binary"}}}
    return {"responses": {"200": {"description": "An icon.", "content": content}}, "security": []}


def _json(schema: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": True}
    return {**shown, "required": list(required)} if required else shown


_TEXT: Final = {"type": "string"}
_ANY: Final = {"type": "object", "additionalProperties": True}
_LEAD: Final = _object("id", id={"type": "integer", "format": "int64"})
_SCHEMAS: Final[dict[str, Any]] = {
    "async": _object(
        "campaignId",
        "callbackUrl",
        token=_TEXT,
        batchid=_TEXT,
        apiCallBackKey=_TEXT,
        campaignId={"type": "integer", "format": "int32"},
        callbackUrl={"type": "string", "format": "uri"},
        context=_object("subscription", subscription=_object("munchkinId", munchkinId=_TEXT)),
        objectData={
            "type": "array",
            "items": _object(
                "objectType",
                "objectContext",
                objectType={"type": "string", "enum": ["lead"]},
                objectContext=_LEAD,
                flowStepContext=_ANY,
                triggeringContext=_ANY,
                programMemberContext=_ANY,
            ),
        },
    ),
    "flowCallBack": _object(
        "munchkinId",
        munchkinId=_TEXT,
        token=_TEXT,
        time={"type": "string", "format": "date-time"},
        errorCode=_TEXT,
        errorMessage=_TEXT,
        objectData={
            "type": "array",
            "items": _object(
                "leadData",
                leadData=_LEAD,
                activityData=_object(success={"type": "boolean"}, reason=_TEXT, errorCode=_TEXT),
            ),
        },
    ),
    "serviceDefinition": _object(
        "apiName",
        "provider",
        "i18n",
        "invocationEndpoint",
        "statusEndpoint",
        "authSetting",
        "primaryAttribute",
        "invocationPayloadDef",
        "callbackPayloadDef",
        apiName=_TEXT,
        provider=_TEXT,
        i18n=_ANY,
        invocationEndpoint=_TEXT,
        statusEndpoint=_TEXT,
        authSetting=_ANY,
        primaryAttribute=_TEXT,
        invocationPayloadDef=_ANY,
        callbackPayloadDef=_ANY,
    ),
    "serviceStatus": _object(
        info={"type": "array", "items": _TEXT},
        warnings={"type": "array", "items": _TEXT},
        errors={"type": "array", "items": _TEXT},
        deprecationMessage=_TEXT,
        deprecationDate=_TEXT,
    ),
    "getPicklistRequest": _object("name", "type", name=_TEXT, type={"type": "string", "enum": ["flow", "global"]}),
    "picklistObject": _object(
        "choices",
        choices={
            "type": "array",
            "items": _object(
                "displayValue",
                "submittedValue",
                displayValue=_object("en_US", en_US=_TEXT),
                submittedValue={
                    "anyOf": [{"type": "boolean"}, {"type": "integer"}, {"type": "number"}, {"type": "string"}]
                },
            ),
        },
    ),
}
