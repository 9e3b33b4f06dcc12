"""What is looked at when a provider is installed. Source: marketo.md 4.1, Adobe's Service Provider Interface.

`document_mistakes` wants what the published validator wants, its quirks included; the others what the interface says of
definitions, status answers and picklists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

CALLBACK = "{$request.body#/flowComplete}"
STATUSES = ("201", "400", "401", "403", "429", "500")
TYPES = ("boolean", "integer", "date", "datetime", "email", "float", "score", "string", "url", "text")
RESERVED = frozenset({"success", "reason", "errorCode"})
MOST_CHOICES = 1000
_REFERENCES = {
    ("/getServiceDefinition", "get"): "serviceDefinition",
    ("/status", "get"): "serviceStatus",
    ("/getPicklist", "post"): "picklistObject",
}
_MUST = ("/submitAsyncAction", "/getServiceDefinition", "/status")
_DEFINITION = (
    "apiName",
    "provider",
    "i18n",
    "invocationEndpoint",
    "statusEndpoint",
    "authSetting",
    "primaryAttribute",
    "invocationPayloadDef",
    "callbackPayloadDef",
)


def at(data: Any, *path: str) -> Any:
    """A member deep inside; None where there is none. Keys may be numbers, as YAML makes of statuses."""
    for name in path:
        if not isinstance(data, Mapping):
            return None
        data = data.get(name, data.get(int(name)) if name.isdigit() else None)
    return data


def document_mistakes(document: Any) -> list[str]:
    """Why an OpenAPI document cannot be installed; empty when it can."""
    return [*_frame(document), *_submit(at(document, "paths", "/submitAsyncAction", "post")), *_answers(document)]


def _frame(document: Any) -> Iterator[str]:
    if not str(at(document, "openapi") or "").startswith("3."):
        yield "openapi is not 3.x"
    for name in ("x-providerName", "x-schemaVersion"):
        if not isinstance(at(document, "info", name), str):
            yield f"info.{name} is missing"
    if not at(document, "info", "x-supportContact"):
        yield "info.x-supportContact is missing"
    if not at(document, "components", "schemas"):
        yield "components.schemas is missing"
    if auth_of(document) is None:
        yield "security names no scheme of type apiKey, http basic or oauth2"
    for path in _MUST:
        if at(document, "paths", path) is None:
            yield f"paths.{path} is missing"


def auth_of(document: Any) -> Mapping[str, Any] | None:
    """The scheme of the first entry of `security`, which is the one that is used."""
    security = at(document, "security")
    first = security[0] if isinstance(security, list) and security else None
    name = next(iter(first), "") if isinstance(first, Mapping) else ""
    scheme = at(document, "components", "securitySchemes", name)
    kind = at(scheme, "type")
    if kind == "apiKey" and at(scheme, "name") and at(scheme, "in") in {"header", "query", "cookie"}:
        return dict(scheme)
    return dict(scheme) if kind == "oauth2" or (kind == "http" and at(scheme, "scheme") == "basic") else None


def _submit(post: Any) -> Iterator[str]:
    for status in STATUSES:
        if at(post, "responses", status) is None:
            yield f"submitAsyncAction does not declare the answer {status}"
    callbacks = at(post, "callbacks")
    callback = next((at(each, CALLBACK) for each in callbacks.values()), None) if isinstance(callbacks, dict) else None
    if at(callback, "post") is None:
        yield f"submitAsyncAction has no callback keyed {CALLBACK}"
        return
    if at(callback, "post", "requestBody", "content", "application/json") is None:
        yield "the callback has no JSON body"
    if not at(callback, "post", "parameters"):
        yield "the callback declares no parameters"
    for status in ("404", "405"):
        if at(callback, "post", "responses", status) is None:
            yield f"the callback does not declare the answer {status}"


def _answers(document: Any) -> Iterator[str]:
    for (path, method), schema in _REFERENCES.items():
        operation = at(document, "paths", path, method)
        if operation is None and path not in _MUST:
            continue
        told = at(operation, "responses", "200", "content", "application/json", "schema", "$ref")
        if told != f"#/components/schemas/{schema}":
            yield f"the 200 of {path} is not a $ref to #/components/schemas/{schema}"


def definition_mistakes(definition: Any) -> list[str]:
    """Why a service definition cannot be used; empty when it can."""
    return list(_definition(definition)) if isinstance(definition, Mapping) else ["the definition is no object"]


def _definition(definition: Mapping[str, Any]) -> Iterator[str]:
    for name in _DEFINITION:
        if not definition.get(name):
            yield f"{name} is missing"
    if not definition.get("supportPage") and not definition.get("supportEmail"):
        yield "neither supportPage nor supportEmail is there"
    if not at(definition, "i18n", "en_US", "name"):
        yield "i18n.en_US.name is missing"
    inputs = at(definition, "invocationPayloadDef", "flowAttributes") or []
    outputs = at(definition, "callbackPayloadDef", "attributes") or []
    names = [each.get("apiName") for each in inputs]
    told = [each.get("apiName") for each in outputs]
    yield from _attributes(inputs, outputs)
    if definition.get("primaryAttribute") not in names:
        yield "primaryAttribute is no flow attribute"
    for name in sorted({*names} & {*told}, key=str):
        yield f"{name} is a flow attribute and a callback attribute"
    for name in sorted(RESERVED & {*names, *told}):
        yield f"{name} is a reserved name"


def _attributes(inputs: list[Any], outputs: list[Any]) -> Iterator[str]:
    for each in (*inputs, *outputs):
        if each.get("dataType") not in TYPES:
            yield f"{each.get('apiName')}: {each.get('dataType')} is no data type"
        if not at(each, "i18n", "en_US", "name"):
            yield f"{each.get('apiName')} has no name"
    for each in inputs:
        if each.get("enforcePicklistSelect") and not each.get("picklistUrl"):
            yield f"{each.get('apiName')} enforces a picklist it does not have"


def status_mistakes(status: Any) -> list[str]:
    if not isinstance(status, Mapping):
        return ["the status is no object"]
    lists = (status.get(name, []) for name in ("info", "warnings", "errors"))
    fine = all(isinstance(each, list) and all(isinstance(text, str) for text in each) for each in lists)
    return [] if fine else ["info, warnings and errors are lists of texts"]


def picklist_mistakes(answer: Any) -> list[str]:
    choices = at(answer, "choices")
    if not isinstance(choices, list):
        return ["choices is no list"]
    if len(choices) > MOST_CHOICES:
        return [f"{len(choices)} choices; at most {MOST_CHOICES}"]
    fine = all(at(each, "displayValue", "en_US") is not None and "submittedValue" in each for each in choices)
    return [] if fine else ["every choice has displayValue.en_US and submittedValue"]
