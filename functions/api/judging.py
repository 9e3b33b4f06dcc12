"""Judges what a request brings: version, parameters, body. Everything that is not known is refused with its place."""

from __future__ import annotations

import importlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions.api.problems import Refusal
from functions.api.route import PLACES, VERSIONS, Query, Route

if TYPE_CHECKING:
    from pydantic import BaseModel

_ALWAYS = frozenset({"api-version", "code"})
_DEEP = 40
_LARGEST = 2**53
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


def judge_version(request: func.HttpRequest) -> None:
    """Raises Refusal with the versions that are known."""
    version = request.params.get("api-version", "")
    if version in VERSIONS:
        return
    code, what = (
        ("api_version_unknown", "this api-version is not known") if version else ("api_version_missing", "no version")
    )
    message = what if version else "the query has no api-version"
    refusal = Refusal(code, message, target="api-version", next_step=f"Add ?api-version={VERSIONS[-1]}.")
    raise refusal.with_facts(known=list(VERSIONS))


def judge_places(route: Route, places: Mapping[str, str]) -> None:
    """Raises Refusal (not found) for an id that none can have."""
    for name in route.places:
        place = PLACES[name]
        if not re.fullmatch(place.pattern, places.get(name, "")):
            raise Refusal(place.code, place.text, target=name, next_step="Take ids from the lists of the API.")


def judge_parameters(route: Route, given: Mapping[str, str]) -> None:
    known = {item.name: item for item in route.parameters}
    for name, value in given.items():
        if name.lower() in _ALWAYS:
            continue
        if name not in known:
            raise Refusal(
                "parameter_unknown",
                f"{name[:100]} is not a parameter of this route",
                target=name[:100],
                next_step="Use: " + (", ".join(known) or "none but api-version") + ".",
            )
        _judge_parameter(known[name], value)
    for item in known.values():
        if item.required and not given.get(item.name):
            raise Refusal("parameter_invalid", f"{item.name} is missing", target=item.name, next_step=item.help)


def _judge_parameter(item: Query, value: str) -> None:
    right = len(value) <= item.most and not _UNUSABLE.search(value)
    right = right and (not item.values or value in item.values)
    right = right and (not item.pattern or re.fullmatch(item.pattern, value) is not None)
    if not right:
        hint = "Use one of: " + ", ".join(item.values) + "." if item.values else item.help
        raise Refusal("parameter_invalid", f"{item.name} has no such value", target=item.name, next_step=hint)


# -- the body ----------------------------------------------------------------------------------------------------------


def body_of(request: func.HttpRequest, most: int = 1_000_000) -> Mapping[str, Any]:
    """The JSON object in the body. Raises Refusal for anything else."""
    content = request.get_body()
    if len(content) > most:
        raise Refusal("body_too_large", f"the body is over {most} bytes", next_step="Send less at once.")
    try:
        data = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError):  # nested so deeply that the parser gives up: no setting is
        raise _not_json("the body is not JSON") from None
    if not isinstance(data, dict):
        raise _not_json("the body is not a JSON object")
    for place in _unusable(data, "", 0):
        raise Refusal(
            "text_unusable",
            f"{place or 'the body'} holds what no system stores",
            target=place,
            next_step="Remove control characters, half surrogate pairs, numbers beyond 2^53, and nesting beyond "
            f"{_DEEP} levels.",
        )
    return data


def judged_body(route: Route, request: func.HttpRequest) -> Mapping[str, Any]:
    """The body after its model was asked. Raises Refusal with every place that is wrong."""
    if not route.body:
        if request.get_body().strip() not in {b"", b"{}"}:
            raise Refusal("unknown_field", "this route takes no body", next_step="Send none.")
        return {}
    if route.empty and not request.get_body():
        return {}
    data = body_of(request, route.most_bytes)
    from pydantic import ValidationError

    try:
        model(route.body).model_validate(data, strict=True)
    except ValidationError as wrong:
        raise _invalid(wrong) from None
    return data


def model(name: str) -> type[BaseModel]:
    """A model of `functions.models` by its name, `module.Class`."""
    module, _, member = name.partition(".")
    found: type[BaseModel] = getattr(importlib.import_module(f"functions.models.{module}"), member)
    return found


def _invalid(wrong: Any) -> Refusal:
    """Names every place; never repeats a value, which may be a secret."""
    codes = {"extra_forbidden": "unknown_field", "missing": "missing_field"}
    words = {"extra_forbidden": "is not known here", "missing": "is missing"}
    details = [
        {
            "code": codes.get(item["type"], "invalid_value"),
            "message": words.get(item["type"], item["msg"]),
            "target": _place(item["loc"]),
        }
        for item in wrong.errors(include_input=False, include_url=False, include_context=False)[:50]
    ]
    first = details[0]
    refusal = Refusal(
        first["code"],
        "; ".join(f"{item['target'] or 'the body'}: {item['message']}" for item in details[:5]),
        target=first["target"],
        next_step="Correct every place in details, then send it again. Nothing was changed.",
    )
    refusal.details = details
    return refusal


def _place(parts: Iterable[int | str]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{str(part)[:100]}"
    return text.removeprefix(".")


def _unusable(value: object, place: str, depth: int) -> Iterator[str]:
    """The places that hold what cannot be stored."""
    if depth > _DEEP:
        yield place[:200]
    elif isinstance(value, str):
        if _UNUSABLE.search(value):
            yield place
    elif isinstance(value, dict):
        for name, item in value.items():
            if _UNUSABLE.search(name):
                yield place
            yield from _unusable(item, f"{place}.{name[:100]}".removeprefix("."), depth + 1)
    elif isinstance(value, list):
        yield from _all_unusable(value, place, depth)
    elif isinstance(value, int | float) and not isinstance(value, bool) and not _storable(value):
        yield place


def _all_unusable(items: Sequence[object], place: str, depth: int) -> Iterator[str]:
    for number, item in enumerate(items):
        yield from _unusable(item, f"{place}[{number}]", depth + 1)


def _storable(number: float) -> bool:
    return math.isfinite(number) and abs(number) <= _LARGEST


def _no_number(name: str) -> float:
    raise ValueError(name)


def _not_json(message: str) -> Refusal:
    return Refusal("body_not_json", message, next_step="Send a JSON object with Content-Type application/json.")
