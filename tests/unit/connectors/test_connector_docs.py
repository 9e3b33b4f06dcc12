"""The connectors' pages name every setting with its default, every kind and every step of the check."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.connectors import registry
from shared.connectors.activecampaign.capabilities import kinds
from shared.connectors.activecampaign.settings import parse_settings
from shared.connectors.dynamics.tables import TABLES
from shared.connectors.marketo.capabilities import kinds as marketo_kinds
from shared.connectors.marketo.settings import parse_settings as marketo_settings

DOCS = Path(__file__).parents[3] / "docs" / "reference"
SYSTEMS = ("dynamics", "activecampaign", "marketo")


def rows(system: str, heading: str) -> dict[str, list[str]]:
    """A table of a page by its first column."""
    text = (DOCS / f"connector-{system}.md").read_text("utf-8").split(f"## {heading}", 1)[1].split("\n## ", 1)[0]
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in cells}


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_setting_stands_in_its_page_with_its_default(system: str) -> None:
    specs = registry.settings_of(system)
    told = rows(system, "Settings")
    assert list(told) == [spec.name for spec in specs]
    for spec in specs:
        default = re.sub(r"[`]", "", told[spec.name][0])
        if isinstance(spec.default, tuple):
            assert default == ", ".join(spec.default)
        elif isinstance(spec.default, bool):
            assert default == str(spec.default).lower()
        else:
            assert default == str(spec.default or "" if spec.default != 0 else 0)


def test_every_kind_stands_in_its_page() -> None:
    settings = parse_settings({"url": "https://a.api-us1.com", "key": "k"})
    assert list(rows("activecampaign", "What it can do")) == list(kinds(settings))
    marketo = marketo_settings({"url": "https://123-abc-456.mktorest.com", "client_id": "c", "client_secret": "s"})
    assert list(rows("marketo", "What it can do")) == list(marketo_kinds(marketo))
    assert list(rows("dynamics", "What it can do")) == list(TABLES)
