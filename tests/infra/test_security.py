"""The threat model's own guards, and that each threat it lists has a test that exists."""

from __future__ import annotations

import ast
import json
import logging
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from functions.api.judging import body_of
from functions.api.problems import Refusal
from scripts.infra import needs, parity
from shared.azure.log_export import LogExport
from shared.azure.sealed import Sealer
from shared.connectors.activecampaign.hooks import MOST_BYTES

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
OPEN = {"health", "openapi", "activecampaign_hook", "signed_in", "page", "page_file"} | {
    f"marketo_flow_{name}" for name in ("read", "submit", "enqueue", "picklist")
}
"""Functions without a key: the probe that says nothing, the API's public description, webhooks whose address holds
their own secret, the door that the platform's sign-in opens (`tests/app/test_api_roles.py`), and the page's own files,
which hold nobody's data."""


def test_each_threat_has_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "explanation" / "security.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and "::" in line]
    assert len(rows) >= 25
    for row in rows:
        found = re.search(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert found, row
        tree = ast.parse((ROOT / found[1]).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert found[2] in names, row


def test_every_function_but_the_named_ones_wants_a_key() -> None:
    levels = {
        function["name"]: str(binding["authLevel"]).lower()
        for function in needs.indexed()
        for binding in function["bindings"]
        if str(binding["type"]).lower() == "httptrigger"
    }
    assert len(levels) > 20
    assert {name for name, level in levels.items() if level not in {"function", "admin"}} <= OPEN


def request(body: bytes) -> func.HttpRequest:
    return func.HttpRequest("POST", "/api/x", body=body, headers={"content-type": "application/json"})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"a": "' + b"x" * 1_000_001 + b'"}', "body_too_large"),
        (b'{"a":' * 100_000, "body_not_json"),
        (b"[" * 50_000 + b"]" * 50_000, "body_not_json"),
        (b"[1]", "body_not_json"),
        (b"\xff\xfe", "body_not_json"),
        (b"", "body_not_json"),
    ],
    ids=["large", "deep object", "deep list", "list", "no text", "empty"],
)
def test_a_body_that_is_too_large_too_deep_or_no_object_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        body_of(request(body))
    assert refused.value.code == code
    assert MOST_BYTES <= 1_000_000


def test_what_may_happen_at_once_is_bounded() -> None:
    host = json.loads((ROOT / "host.json").read_text())
    http, queues = host["extensions"]["http"], host["extensions"]["queues"]
    assert 0 < http["maxConcurrentRequests"] <= http["maxOutstandingRequests"] <= 1000
    assert 0 < queues["batchSize"] <= 32
    assert queues["maxDequeueCount"] == 5
    assert json.loads((INFRA / "system.json").read_text())["scale"]["maximumInstances"] <= 100


class Keeping:
    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def emit(self, **told: Any) -> None:
        self.told.append(told)


def test_of_an_unforeseen_error_only_type_and_place_are_told() -> None:
    keeping, log = Keeping(), logging.getLogger("test.unforeseen")
    handler = LogExport(keeping)
    log.addHandler(handler)
    try:
        person = "ana@example.com"
        try:
            int(person)
        except ValueError:
            log.exception("a function failed", extra={"connection": "c1", "rows": [person]})
    finally:
        log.removeHandler(handler)
    (told,) = keeping.told
    assert "ana" not in str(told).replace("Ana", "")
    assert told["attributes"]["exception.type"] == "ValueError"
    assert told["attributes"]["place"].startswith("test_of_an_unforeseen_error")
    assert told["attributes"]["connection"] == "c1"


def test_a_sealed_value_opens_in_its_own_place_only() -> None:
    sealer = Sealer(b"k" * 32, "conflict values")
    sealed = sealer.seal(b"value", bound="c1|link|field")
    assert sealer.open(sealed, bound="c1|link|field") == b"value"
    for other in (Sealer(b"k" * 32, "connection secrets"), Sealer(b"j" * 32, "conflict values")):
        with pytest.raises(ValueError, match="does not open"):
            other.open(sealed, bound="c1|link|field")
    with pytest.raises(ValueError, match="does not open"):
        sealer.open(sealed, bound="c2|link|field")


def test_no_service_takes_a_key() -> None:
    templates = parity.Templates.load(INFRA)
    ours, theirs = templates.bicep_leaves(private=False), templates.terraform_leaves(private=False)
    assert ours["storage.account.properties.allowSharedKeyAccess"] is False
    assert theirs["azurerm_storage_account.account.shared_access_key_enabled"] is False
    assert ours["monitor.insights.properties.DisableLocalAuth"] is True
    assert theirs["azurerm_application_insights.insights.local_authentication_enabled"] is False
    assert ours["monitor.workspace.properties.features.disableLocalAuth"] is True
    assert ours["app.publishing.properties.allow"] is False
    assert ours["vault.vault.properties.enableRbacAuthorization"] is True


def test_the_apps_roles_reach_its_own_resources_only() -> None:
    templates = parity.Templates.load(INFRA)
    names = {role["id"]: role["name"] for role in templates.system["roles"].values()}
    given = {(names[role], scope, who) for role, scope, who in templates.bicep_roles()}
    assert {scope for _, scope, _ in given} == {"${account}", "${vault}", "${insights}"}
    assert not [role for role, _, _ in given if role in {"Owner", "Contributor", "User Access Administrator"}]
    assert {role for role, _, who in given if who == "${referencePrincipalId}"} == {"Key Vault Secrets User"}


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[\w.]+", line)] == []
    found = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    assert len(found) == len(lines)
    return found


def brought(name: str) -> set[str]:
    """What a library brings along, by its metadata. Raises PackageNotFoundError for one that is not there."""
    asked = [Requirement(text) for text in distribution(name).requires or ()]
    return {canonicalize_name(one.name) for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})}


def test_every_library_that_is_deployed_is_pinned() -> None:
    """A remote build takes anything that is newer, where no pin says otherwise: those that others bring along, too."""
    pinned = pins()
    assert len(pinned) >= 30
    assert {name: sorted(brought(name) - pinned.keys()) for name in pinned if brought(name) - pinned.keys()} == {}
    assert {name: distribution(name).version for name in pinned} == pinned  # what is tested is what is deployed


def test_azure_runs_the_worker_library_that_is_tested_and_not_its_default() -> None:
    """Before 1.3.0 it fails each call under this setting (Azure/azure-functions-python-worker#1881)."""
    assert parity.Templates.load(INFRA).bicep_settings()["PYTHON_ENABLE_OPENTELEMETRY"] == "true"
    assert Version(pins()["azure-functions-runtime"]) >= Version("1.3.0")
