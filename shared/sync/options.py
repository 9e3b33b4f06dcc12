"""Limits and guards of one connection, with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from shared.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Seconds, counts and shares; each may be set in the connection's `options`.

    `delete_guard` and `delete_share`: a run that would delete more than the larger of the two (count, share of all
    links) stops and asks. `empty_guard`: a complete walk that finds nothing although links exist stops and asks.
    `retries`: pauses before the tries of a parked record, the last one repeats. `rounds`: how often one record is
    merged again within a page when somebody keeps writing at the same time. `journal`: a side is read before it is
    written where it was not, so that a run can be taken back as a whole (more calls). `initial_one_way`: the one
    initial sync writes to the partner only. `echo_pause_from`: accepted creates from which the pass that brings
    their ids waits until the next one will not tell them all again. `order` is the connection's place among those
    that write the same Dynamics columns, the smallest number the strongest; 0: it shares none. `vendor_app`: what
    to do when the vendor's own integration is installed on the same data: refuse to run, or run because somebody
    said that its sync is off. `plan_first`: the first switch-on names the plan that somebody looked at, and is refused
    when it would do something else by now.
    """

    slice_seconds: float = 240.0
    lease_seconds: float = 60.0
    inbox_every: float = 30.0
    inbox_page: int = 100
    delete_guard: int = 25
    delete_share: float = 0.02
    empty_guard: int = 10
    retries: tuple[int, ...] = (60, 300, 1800, 7200, 86400)
    rounds: int = 4
    sweep_hours: int = 24
    settle_seconds: float = 5.0
    echo_pause_from: int = 1000
    initial_one_way: bool = False
    journal: bool = False
    order: int = 0
    vendor_app: str = "refuse"
    plan_first: bool = False


CHOICES: Mapping[str, tuple[str, ...]] = {"vendor_app": ("refuse", "switched_off")}
"""The options that have a closed list of values."""


def parse_options(data: Mapping[str, object]) -> Options:
    """Raises ConfigError naming an option that does not exist or has the wrong type."""
    known = {item.name: item for item in fields(Options)}
    changes: dict[str, object] = {}
    for name, value in data.items():
        if name not in known:
            raise ConfigError(
                f"options.{name} is not an option of a connection",
                setting=f"options.{name}",
                next_step="Remove it, or use one of: " + ", ".join(sorted(known)),
            )
        default = getattr(Options(), name)
        wanted = tuple if isinstance(default, tuple) else (int, float) if isinstance(default, float) else type(default)
        given = tuple(value) if isinstance(value, list) else value
        if not isinstance(given, wanted) or (isinstance(given, bool) and not isinstance(default, bool)):
            raise ConfigError(f"options.{name} has the wrong type", setting=f"options.{name}")
        if given not in CHOICES.get(name, (given,)):
            raise ConfigError(
                f"options.{name} is not one of the known values",
                setting=f"options.{name}",
                next_step="Use one of: " + ", ".join(CHOICES[name]),
            )
        changes[name] = given
    return replace(Options(), **changes)  # type: ignore[arg-type]
