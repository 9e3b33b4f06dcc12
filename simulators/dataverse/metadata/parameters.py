"""Parameters of functions: `(Name=@p1)?@p1=...`, texts, JSON values."""

from __future__ import annotations

import json
import re

from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.odata.path import unquote

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'((?:[^\'\\]|\\.)*)\'')


def read_parameter(context: Context, literal: str) -> object:
    """The value a literal stands for: an alias is looked up in the query (unassigned: None), texts lose their quotes.

    Raises:
        DataverseError: 400 for what is neither a text nor JSON.
    """
    if literal.startswith("@"):
        literal = context.request.first(literal, "null")
    text = unquote(literal)
    if text is not None:
        return text
    try:
        return json.loads(_QUOTED.sub(_double_quoted, literal))
    except (ValueError, RecursionError):
        raise error("SyntaxError", message=f"The parameter value '{literal[:200]}' is invalid.") from None


def _double_quoted(found: re.Match[str]) -> str:
    """The same text in double quotes: the documents write `{'@odata.id':'contacts(...)'}`."""
    inside = found[1]
    if inside is None:
        return found[0]
    return '"' + inside.replace("\\'", "'").replace('"', '\\"') + '"'
