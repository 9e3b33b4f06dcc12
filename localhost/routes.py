"""ASP.NET route templates: what they match, and which of several goes first.

``{id}``, ``{id:int}``, ``{id?}``, ``{id=7}``, ``{*rest}``, and segments that mix text and parameters
(``{name}.{format}``). Literals match without regard to case, a trailing slash is ignored, and an encoded slash stays
encoded inside its segment.
"""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

_PARAMETER = re.compile(
    r"\{(?P<stars>\*{0,2})(?P<name>[A-Za-z_]\w*)(?P<rules>(?::[^{}?=]+(?:\{[^{}]*\}[^{}?=]*)?)*)"
    r"(?:=(?P<default>[^{}?]*))?(?P<optional>\?)?\}"
)
_RULE = re.compile(r":(?P<name>\w+)(?:\((?P<arguments>.*?)\))?(?=:|$)")
_FLOAT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
# How strongly each kind of segment draws: smaller goes first (RoutePrecedence.ComputeInbound).
_LITERAL, _CONSTRAINED, _FREE, _CONSTRAINED_REST, _REST = 1, 2, 3, 4, 5

Test = Callable[[str], bool]


def _is_guid(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True


def _is_integer(value: str, bits: int) -> bool:
    return bool(re.fullmatch(r"[+-]?\d+", value)) and -(2 ** (bits - 1)) <= int(value) < 2 ** (bits - 1)


def _is_date(value: str) -> bool:
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


_PLAIN: Mapping[str, Test] = {
    "int": lambda value: _is_integer(value, 32),
    "long": lambda value: _is_integer(value, 64),
    "bool": lambda value: value.lower() in {"true", "false"},
    "guid": _is_guid,
    "alpha": lambda value: bool(re.fullmatch(r"[A-Za-z]*", value)),
    "datetime": _is_date,
    "decimal": lambda value: bool(re.fullmatch(r"[+-]?\d+(\.\d+)?", value)),
    "double": lambda value: bool(_FLOAT.fullmatch(value)),
    "float": lambda value: bool(_FLOAT.fullmatch(value)),
    "required": bool,
}
_WITH_ARGUMENTS: Mapping[str, Callable[[Sequence[str]], Test]] = {
    "min": lambda arguments: lambda value: _is_integer(value, 64) and int(value) >= int(arguments[0]),
    "max": lambda arguments: lambda value: _is_integer(value, 64) and int(value) <= int(arguments[0]),
    "range": lambda arguments: (
        lambda value: _is_integer(value, 64) and int(arguments[0]) <= int(value) <= int(arguments[1])
    ),
    "length": lambda arguments: lambda value: int(arguments[0]) <= len(value) <= int(arguments[-1]),
    "minlength": lambda arguments: lambda value: len(value) >= int(arguments[0]),
    "maxlength": lambda arguments: lambda value: len(value) <= int(arguments[0]),
    "regex": lambda arguments: lambda value: bool(re.search(",".join(arguments), value, re.IGNORECASE)),
}


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    tests: tuple[Test, ...] = ()
    optional: bool = False
    default: str | None = None
    rest: bool = False

    def accepts(self, value: str) -> bool:
        return all(test(value) for test in self.tests)


@dataclass(frozen=True, slots=True)
class _Segment:
    pattern: re.Pattern[str]
    parameters: tuple[_Parameter, ...]
    weight: int

    @property
    def may_be_missing(self) -> bool:
        """Whether a path may end before this segment."""
        only = self.parameters[0] if len(self.parameters) == 1 else None
        return only is not None and (only.optional or only.rest or only.default is not None)


@dataclass(frozen=True, slots=True)
class Route:
    """A parsed template. ``order`` sorts routes: the more specific one first."""

    template: str
    segments: tuple[_Segment, ...]
    order: tuple[int, ...] = field(default=())

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """The parameters when the path's segments (as sent, percent-encoded) match, else None. A parameter that the
        path leaves out is absent.
        """
        values: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            parameter = segment.parameters[0] if segment.parameters else None
            if parameter is not None and parameter.rest:
                return self._match_rest(parameter, path[index:], values)
            if index >= len(path):
                if not segment.may_be_missing or parameter is None:
                    return None
                if parameter.default is not None:
                    values[parameter.name] = parameter.default
                continue
            found = segment.pattern.fullmatch(_decode(path[index]))
            if found is None or not all(one.accepts(found[one.name]) for one in segment.parameters):
                return None
            values.update(found.groupdict())
        return values if len(path) <= len(self.segments) else None

    def _match_rest(self, parameter: _Parameter, path: Sequence[str], values: dict[str, str]) -> dict[str, str] | None:
        rest = "/".join(_decode(part) for part in path) or parameter.default or ""
        if not rest:
            return values
        return {**values, parameter.name: rest} if parameter.accepts(rest) else None


def parse_route(template: str) -> Route:
    """Read a template; raises ValueError that says what is wrong with it."""
    segments = tuple(_parse_segment(part, template) for part in _split(template))
    for segment in segments[:-1]:
        if any(parameter.rest for parameter in segment.parameters):
            raise ValueError(f"in route {template!r} only the last segment may be a catch-all")
    return Route(template, segments, tuple(segment.weight for segment in segments))


def split_path(path: str) -> list[str]:
    """A request path's segments, still percent-encoded; slashes at either end do not count."""
    return [part for part in path.strip("/").split("/") if part]


def _split(template: str) -> list[str]:
    """Split at slashes outside braces: a regex constraint may hold one."""
    return [part for part in re.split(r"/(?![^{}]*\})", template.strip("/")) if part]


def _parse_segment(text: str, template: str) -> _Segment:
    pattern, position, parameters = "", 0, []
    for found in _PARAMETER.finditer(text):
        literal = text[position : found.start()]
        parameter = _parse_parameter(found, template)
        pattern += re.escape(literal) + f"(?P<{parameter.name}>.+?)"
        parameters.append(parameter)
        position = found.end()
    tail = text[position:]
    if "{" in tail or "}" in tail:
        raise ValueError(f"in route {template!r} the segment {text!r} is not understood")
    compiled = re.compile(pattern + re.escape(tail), re.IGNORECASE)
    return _Segment(compiled, tuple(parameters), _weight(text, parameters))


def _parse_parameter(found: re.Match[str], template: str) -> _Parameter:
    tests = []
    for rule in _RULE.finditer(found["rules"] or ""):
        name, arguments = rule["name"].lower(), rule["arguments"]
        if name in _PLAIN:
            tests.append(_PLAIN[name])
        elif name in _WITH_ARGUMENTS and arguments:
            tests.append(_WITH_ARGUMENTS[name]([argument.strip() for argument in arguments.split(",")]))
        else:
            raise ValueError(f"in route {template!r} the constraint {rule[0]!r} is not known")
    return _Parameter(found["name"], tuple(tests), bool(found["optional"]), found["default"], bool(found["stars"]))


def _weight(text: str, parameters: Iterable[_Parameter]) -> int:
    several = list(parameters)
    if not several:
        return _LITERAL
    only = several[0]
    if only.rest:
        return _CONSTRAINED_REST if only.tests else _REST
    mixed = len(several) > 1 or not (text.startswith("{") and text.endswith("}"))
    return _CONSTRAINED if only.tests or mixed else _FREE


def _decode(part: str) -> str:
    """Percent-decode all but an encoded slash, which would otherwise look like a separator."""
    return "%2F".join(unquote(piece) for piece in re.split("%2f", part, flags=re.IGNORECASE))
