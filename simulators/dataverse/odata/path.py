"""Resource paths: `contacts(guid)/Microsoft.Dynamics.CRM.X(Target=@p1)` taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.odata.text import UnbalancedError, split_outside

NAMESPACE = "Microsoft.Dynamics.CRM."
GUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_NAME = re.compile(r"[$A-Za-z_][\w.$-]*")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment.

    Attributes:
        name: without parentheses.
        arguments: what stands in parentheses as written, by name; a lone value (a guid) under `""`. None when there are
            no parentheses; values keep their quotes, so that `'1'` and `1` differ.
    """

    name: str
    arguments: dict[str, str] | None = None

    @property
    def guid(self) -> str | None:
        """The row id when the parentheses hold a lone guid."""
        lone = (self.arguments or {}).get("")
        return lone.lower() if lone is not None and GUID.fullmatch(lone) else None


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """The segments below `/api/data/v9.x/`, without the empty ones."""

    text: str
    segments: tuple[Segment, ...] = field(default_factory=tuple)

    @property
    def first(self) -> Segment:
        return self.segments[0]

    @property
    def last(self) -> Segment:
        return self.segments[-1]


def parse_path(text: str) -> ResourcePath:
    """Take a percent-decoded path apart.

    Raises:
        DataverseError: 400 for unbalanced parentheses or quotes, 404 for what is no name.
    """
    text = text.strip("/")
    parts = [part for part in _split(text, "/") if part]
    return ResourcePath(text, tuple(parse_segment(part) for part in parts))


def parse_segment(text: str) -> Segment:
    """Take one segment apart; see `parse_path` for errors."""
    name, parenthesis, rest = text.partition("(")
    if not _NAME.fullmatch(name):
        raise error("SegmentNotFound", segment=name[:200])
    if not parenthesis:
        return Segment(name)
    if not rest.endswith(")"):
        raise _bad_key(text)
    return Segment(name, _arguments(rest[:-1]))


def unquote(literal: str) -> str | None:
    """Return the text of a quoted literal, or None when it is not one."""
    if len(literal) >= 2 and literal[0] == literal[-1] == "'":
        return literal[1:-1].replace("''", "'")
    return None


def _arguments(text: str) -> dict[str, str]:
    if not text.strip():
        return {}
    found: dict[str, str] = {}
    for part in _split(text, ","):
        name, equals, value = part.partition("=")
        if equals and _NAME.fullmatch(name.strip()):
            found[name.strip()] = value.strip()
        else:
            found[""] = part.strip()
    return found


def _split(text: str, separator: str) -> list[str]:
    try:
        return split_outside(text, separator)
    except UnbalancedError:
        raise _bad_key(text) from None


def _bad_key(text: str) -> DataverseError:
    return error("SyntaxError", message=f"Bad Request - Error in query syntax: {text[:200]}")
