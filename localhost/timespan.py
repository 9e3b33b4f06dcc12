"""Spans of time as host.json writes them, and as our command line takes them. All results are seconds."""

import re

_TIMESPAN = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}(?:\.\d{1,7})?))?"
)
_DURATION = re.compile(r"(?P<amount>\d+(?:\.\d+)?)(?P<unit>ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_timespan(text: str) -> float:
    """``[-][d.]hh:mm[:ss[.fffffff]]``, the constant format of .NET's TimeSpan; raises ValueError."""
    found = _TIMESPAN.fullmatch(text.strip())
    if not found or int(found["hours"]) > 23 or int(found["minutes"]) > 59 or float(found["seconds"] or 0) >= 60:
        problem = f"{text!r} is not a time span such as 00:00:30 or 1.12:00:00"
        raise ValueError(problem)
    seconds = (int(found["days"] or 0) * 24 + int(found["hours"])) * 3600.0
    seconds += int(found["minutes"]) * 60 + float(found["seconds"] or 0)
    return -seconds if found["sign"] else seconds


def parse_duration(text: str) -> float:
    """``10m``, ``5s``, ``500ms``, ``1h``, or plain seconds; raises ValueError."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        problem = f"{text!r} is not a duration such as 10m, 5s or 500ms"
        raise ValueError(problem)
    return float(found["amount"]) * _UNITS[found["unit"] or "s"]
