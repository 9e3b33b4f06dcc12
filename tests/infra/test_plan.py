"""Terraform's own plan of the template, where Terraform and .venv-infra are; and the stand-in for the provider."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.infra import planned, stand_in
from scripts.infra.__main__ import INFRA, Skipped, terraform_plan
from scripts.infra.breaks import BREAKS, apply


def test_the_wire_format_is_that_of_protocol_buffers() -> None:
    assert stand_in.varint(300) == b"\xac\x02"
    assert stand_in.part(1, "azurerm_x") == b"\x0a\x09azurerm_x"
    assert stand_in.flag(4) == b"\x20\x01"
    message = stand_in.part(1, "type") + stand_in.flag(2, 7) + stand_in.part(3, b"x" * 200)
    assert stand_in.parts(message) == {1: b"type", 3: b"x" * 200}


def test_a_schema_tells_required_optional_and_filled_in_attributes_apart() -> None:
    facts = {"name": {"required": True}, "size": {"type": "number"}, "id": {"computed": True},
             "rule": {"required": True, "one": True, "block": {}}}  # fmt: skip
    made = stand_in.block(facts)
    assert b"\x0a\x04name\x12\x08" + b'"string"' + b"\x20\x01" in made
    assert b'"number"\x28\x01\x30\x01' in made
    assert made.count(b"\x30\x01") == 2
    assert made.endswith(b"\x0a\x04rule\x12\x00\x18\x02\x20\x01\x28\x01")


def test_the_schema_that_is_kept_can_be_answered() -> None:
    answer = stand_in.parts(stand_in.schema(INFRA / "terraform" / "schema.json"))
    assert set(answer) == {1, 2, 3}
    assert b"resource_providers_to_register" in answer[1]
    assert b"azurerm_client_config" in answer[3]


@pytest.mark.feature("APP-06")
def test_terraform_plans_the_template_or_it_is_said_that_it_was_not_asked() -> None:
    if planned.lacking():
        assert [type(line) for line in terraform_plan()] == [Skipped]
        return
    made = planned.plan(INFRA, **planned.CASES["all"])
    assert made.told == ()
    system = json.loads((INFRA / "system.json").read_text())
    resources = made.resources
    for kind in ("queues", "tables"):
        named = {address for address in resources if address.startswith(f"azurerm_storage_{kind[:-1]}.{kind}[")}
        assert named == {f'azurerm_storage_{kind[:-1]}.{kind}["{name}"]' for name in system[kind]}
    assert resources['azurerm_storage_table.tables["lanes"]']["name"] == "otherlanes"
    assert resources["azurerm_storage_account.account"]["account_replication_type"] == "GZRS"
    assert resources["azurerm_storage_account.account"]["public_network_access_enabled"] is False
    assert resources["azurerm_key_vault.vault"]["public_network_access_enabled"] is False
    settings = resources["azurerm_function_app_flex_consumption.app"]["app_settings"]
    assert settings["AzureWebJobsStorage"] == ""
    assert settings["DYNASYNC_TRACE_SHARE"] == "0.5"
    assert sum(address.startswith("azurerm_role_assignment.") for address in resources) == 9
    assert sum(address.startswith("azurerm_private_endpoint.") for address in resources) == 4


def test_a_circle_is_seen_where_terraform_is(tmp_path: Path) -> None:
    circle = next(item for item in BREAKS if item.told == "Cycle")
    told = list(terraform_plan(apply(circle, INFRA, tmp_path)))
    assert any(circle.told in line or isinstance(line, Skipped) for line in told)
