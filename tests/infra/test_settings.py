"""What the templates set, as the app reads it; and what is for tests only, refused in Azure."""

from __future__ import annotations

import pytest

from scripts.infra import parity
from scripts.infra.needs import ROOT
from shared.config import load

KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="


def deployed() -> dict[str, str]:
    """The settings of the Terraform template, references resolved, and the two that it sets to nothing."""
    templates = parity.Templates.load(ROOT / "infra")
    emptied = {name: str(value).strip('"') for name, value in templates.terraform.locals["emptied"].items()}
    vault = "https://kv-ds-x.vault.azure.net/"
    return {**templates.terraform_settings(), **emptied, "DYNASYNC_STATE_KEY": KEY, "DYNASYNC_VAULT": vault,
            "DYNASYNC_TABLES": "dynasync"}  # fmt: skip


@pytest.mark.feature("APP-06")
def test_the_app_reads_the_identity_form_when_the_connection_string_is_empty() -> None:
    """Terraform's provider would set one with an empty key; the template sets it to nothing."""
    given = deployed()
    assert given["AzureWebJobsStorage"] == ""
    settings = load(given)
    assert settings.storage == ""
    assert settings.table_endpoint.endswith(".table.${suffix}")
    assert settings.insights
    assert settings.insights_identity


@pytest.mark.parametrize("name", ["WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID", "WEBSITE_POD_NAME", "CONTAINER_NAME"])
def test_a_clock_for_tests_is_ignored_in_azure(name: str) -> None:
    """Flex Consumption does not set WEBSITE_INSTANCE_ID; any sign of the platform is enough."""
    given = {**deployed(), "DYNASYNC_CLOCK_FILE": "clock.json"}
    assert load(given).clock_file == "clock.json"
    assert load({**given, name: "x"}).clock_file == ""


def test_a_worker_is_told_from_the_others_on_every_plan() -> None:
    assert load({**deployed(), "WEBSITE_INSTANCE_ID": "a", "CONTAINER_NAME": "b"}).instance == "a"
    assert load({**deployed(), "WEBSITE_POD_NAME": "p"}).instance == "p"
    assert load({**deployed(), "CONTAINER_NAME": "b"}).instance == "b"
