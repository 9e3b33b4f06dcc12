"""What can be set at all, as the page's forms ask it."""

from __future__ import annotations

import pytest

from shared.connectors import registry
from shared.domain.criteria_ops import OPERATORS
from tests.app.conftest import World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]


def test_every_system_declares_its_settings_defaults_and_what_only_it_has(world: World) -> None:
    found = world.call("GET", "declarations")
    systems = {item["name"]: item for item in found["systems"]}
    assert set(systems) == set(registry.systems())
    assert [item["name"] for item in found["crm"]["settings"] if item["secret"]] == ["secret"]
    campaign = systems["activecampaign"]
    types = {item["name"]: item["type"] for item in campaign["settings"]}
    assert (types["url"], types["import_from"], types["run_automations"]) == ("text", "number", "flag")
    assert types["second_account"] == "choice"
    assert (campaign["rhythms"], campaign["onRequest"]) == (["grid", "daily"], False)
    assert campaign["options"] == {"initial_one_way": True}
    for name, system in systems.items():
        settings = {item["name"] for item in system["settings"]}
        entities = {item["name"] for item in system["entities"]}
        for extension in system["extensions"]:
            assert set(extension["settings"]) <= settings, (name, extension)
            assert set(extension["entities"]) <= entities, (name, extension)


def test_the_words_of_criteria_and_mappings_are_those_the_domain_judges_by(world: World) -> None:
    found = world.call("GET", "declarations")
    takes = {item["name"]: item["takes"] for item in found["operators"]}
    assert set(takes) == set(OPERATORS)
    assert {takes[name] for name in ("empty", "today", "last_year")} == {"none"}
    assert [takes[name] for name in ("eq", "between", "in", "on", "last_x_days")] == [
        "one",
        "two",
        "many",
        "days",
        "count",
    ]
    pairs = {(item["crm"], item["partner"]): item["directions"] for item in found["pairs"]}
    assert pairs["email", "text"] == ["both", "to_partner", "to_crm"]
    assert pairs["datetime", "date"] == ["to_partner"]
    assert ("reference", "date") not in pairs
    assert {item["kind"] for item in found["transforms"]} >= {"trim", "concat", "invert"}
    assert next(item for item in found["options"] if item["name"] == "delete_guard")["default"] == 25
