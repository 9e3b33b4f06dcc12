"""How much of an account's limit is ours, by the settings of a side."""

from __future__ import annotations

import pytest

from shared.connectors.registry import defaults_of
from shared.connectors.surroundings import SettingsReader, limit_settings
from shared.errors import ConfigError


@pytest.mark.feature("HUB-17.3")
@pytest.mark.parametrize(
    ("system", "settings", "ours"),
    [
        ("activecampaign", {}, (4, 1.0)),
        ("activecampaign", {"limit_calls": 50}, (40, 1.0)),
        ("activecampaign", {"limit_percent": 10}, (1, 1.0)),
        ("dynamics", {}, (4800, 300.0)),
        ("dynamics", {"limit_percent": 50}, (3000, 300.0)),
        ("marketo", {}, (50, 20.0)),
        ("marketo", {"limit_calls": 200, "limit_percent": 80}, (160, 20.0)),
    ],
)
def test_a_side_may_name_its_limit_and_our_part_of_it(
    system: str, settings: dict[str, object], ours: tuple[int, float]
) -> None:
    assert defaults_of(system).LIMIT.share(settings) == ours


@pytest.mark.parametrize("settings", [{"limit_calls": 0}, {"limit_percent": 101}, {"limit_percent": "80"}])
def test_a_limit_that_cannot_be_is_refused_by_name(settings: dict[str, object]) -> None:
    read = SettingsReader(settings, limit_settings(defaults_of("activecampaign").LIMIT), "partner")
    with pytest.raises(ConfigError) as refused:
        read.check_limit()
    assert refused.value.setting == f"partner.{next(iter(settings))}"
