"""Parameters of functions: `(Name=@p1)?@p1=...`, texts, JSON values."""

from __future__ import annotations

import json

from simulators.dataverse.context import Context
from simulators.dataverse.errors import error
from simulators.dataverse.odata.path import unquote


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
        return json.loads(literal)
    except (ValueError, RecursionError):
        raise error("SyntaxError", message=f"The parameter value '{literal[:200]}' is invalid.") from None
