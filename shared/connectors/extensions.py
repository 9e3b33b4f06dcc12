"""What only one system has, declared beside its defaults, so that the page can show it without knowing the system."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One thing that other systems lack.

    `name` is its key in the page's catalogues, `help` what is shown where they have none. `settings` of the partner
    side and `entities` of a new connection belong to it; `hooks`: addresses that the vendor's own tools call.
    """

    name: str
    help: str
    settings: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    hooks: bool = False
