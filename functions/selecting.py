"""Bulk acts say which rows are meant: by name, or by a filter."""

from __future__ import annotations

from collections.abc import Mapping

from functions.api.call import Call
from functions.api.problems import Refusal


def selected(call: Call, names: str, meant: str, example: str) -> list[str] | Mapping[str, str]:
    """The list under `names` in the body, or its `filter`. Raises Refusal when there are both or neither; `meant` and
    `example` say for people what is selected, and how."""
    listed, where = call.body.get(names), call.body.get("filter")
    if (listed is None) == (where is None):
        raise Refusal(
            "invalid_value",
            f"either {names} or a filter says which {meant} are meant",
            target=names,
            next_step=f'Send {{"{names}": ["..."]}}, or {{"filter": {example}}}; {{"filter": {{}}}} means all.',
        )
    return list(listed) if listed is not None else dict(where or {})
