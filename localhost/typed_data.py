"""Between what triggers and bindings hold and the ``TypedData`` the worker library takes and gives."""

import json
from collections.abc import Mapping
from typing import Any

from localhost.rpc import load_protos


def text(value: str) -> Any:
    """A string."""
    return load_protos().TypedData(string=value)


def as_json(value: object) -> Any:
    """Anything JSON can say."""
    return load_protos().TypedData(json=json.dumps(value))


def message_body(body: bytes) -> Any:
    """A queue message's body: a string when it is UTF-8, bytes otherwise."""
    protos = load_protos()
    try:
        return protos.TypedData(string=body.decode("utf-8"))
    except UnicodeDecodeError:
        return protos.TypedData(bytes=body)


def http_request(
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    route: Mapping[str, str],
    body: bytes,
) -> Any:
    """An HTTP request. ``headers`` have lower-case names; the body is sent as it came."""
    protos = load_protos()
    request = protos.RpcHttp(method=method, url=url, headers=headers, query=query, params=route)
    if body:
        request.body.CopyFrom(protos.TypedData(bytes=body))
    return protos.TypedData(http=request)


def queue_messages(data: Any) -> list[bytes]:
    """The messages that a queue output's value stands for, as the real host reads it (``ReadAsEnumerable``).

    A list is one message for each item. So is a *string* that happens to be a JSON array, and a string that is a JSON
    object is written anew with indentation: both are the real host's ways (azure-functions-python-worker #1492).
    """
    kind = data.WhichOneof("data")
    if kind is None:
        return []
    if kind in {"bytes", "stream"}:
        return [bytes(getattr(data, kind))]
    value: Any = getattr(data, kind)
    if kind == "json" or (kind == "string" and _looks_like_json(value)):
        try:
            value = json.loads(value)
        except ValueError:
            return [value.encode()]
    items = value if isinstance(value, list) else [value]
    return [_as_text(item).encode() for item in items]


def _looks_like_json(value: str) -> bool:
    trimmed = value.strip()
    return (trimmed[:1], trimmed[-1:]) in {("{", "}"), ("[", "]")}


def _as_text(item: object) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, bool) or item is None:
        return {True: "True", False: "False", None: ""}[item]  # as .NET prints them
    return json.dumps(item, indent=2, ensure_ascii=False)
