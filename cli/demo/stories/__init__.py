"""The stories there are, by system. One more system is one more module and one more line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli.demo.story import Story

STORIES: Mapping[str, str] = {
    "activecampaign": "cli.demo.stories.activecampaign",
    "marketo": "cli.demo.stories.marketo",
}
"""Modules with `story() -> Story`; imported only when they are played."""


def story(system: str) -> Story:
    made: Story = import_module(STORIES[system]).story()
    return made
