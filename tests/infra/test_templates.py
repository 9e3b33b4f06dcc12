"""The deployment templates: equal to each other, enough for the app and no more, and their checks notice mistakes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.infra import needs, parity
from scripts.infra.breaks import BREAKS, SLOW, Break, apply, quick_checks

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
QUICK = [item for item in BREAKS if item.check not in SLOW or item.name == "column of no table"]


@pytest.fixture(scope="module")
def asked() -> needs.Needs:
    return needs.read_needs()


@pytest.mark.feature("APP-06")
@pytest.mark.parametrize("name", ["types", "schema", "parity", "needs", "kql"])
def test_the_templates_pass_every_quick_check(asked: needs.Needs, name: str) -> None:
    assert list(quick_checks(asked)[name](INFRA)) == []


@pytest.mark.feature("APP-06")
@pytest.mark.parametrize("item", QUICK, ids=lambda item: item.name)
def test_a_deliberate_break_is_caught(asked: needs.Needs, item: Break, tmp_path: Path) -> None:
    told = list(quick_checks(asked)[item.check](apply(item, INFRA, tmp_path)))
    assert any(item.told in line for line in told), told


def test_there_are_enough_breaks_and_each_check_has_some() -> None:
    assert len(BREAKS) >= 15
    assert len({item.name for item in BREAKS}) == len(BREAKS)
    assert f"puts {len(BREAKS)} mistakes" in " ".join((INFRA / "README.md").read_text().split())
    assert {item.check for item in BREAKS} == {"types", "schema", "parity", "needs", *SLOW}


@pytest.mark.feature("APP-06")
def test_what_the_app_needs_is_read_from_the_app(asked: needs.Needs) -> None:
    assert {"sync-work", "sync-work-poison"} <= asked.queues
    assert {"lanes", "connections", "runs"} <= asked.tables
    assert {"tick", "sync_work"} <= {function["name"] for function in asked.functions}
    assert "DYNASYNC_STATE_KEY" in asked.settings
    assert asked.roles == {"blob", "queue", "table", "secrets", "stateKey", "metrics"}


@pytest.mark.feature("APP-06")
def test_the_deployed_python_is_the_projects_and_one_that_the_worker_library_serves() -> None:
    system = json.loads((INFRA / "system.json").read_text())
    assert system["runtime"] == {"name": "python", "version": (ROOT / ".python-version").read_text().strip()}
    assert f">={system['runtime']['version']}" in (ROOT / "pyproject.toml").read_text()


@pytest.mark.feature("APP-06")
def test_settings_that_flex_consumption_refuses_are_not_set() -> None:
    refused = {"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE",
               "SCM_DO_BUILD_DURING_DEPLOYMENT", "ENABLE_ORYX_BUILD", "WEBSITE_TIME_ZONE", "TZ"}  # fmt: skip
    templates = parity.Templates.load(INFRA)
    assert not refused & {*templates.bicep_settings(), *templates.terraform_settings()}


@pytest.mark.feature("APP-06")
def test_no_secret_stands_in_a_template_or_a_parameter_file() -> None:
    """Secrets are references to the vault; nothing in the templates takes one as a parameter."""
    leaks = (
        r"AccountKey=|SharedAccessSignature|listKeys\(|primary_access_key|primary_connection_string|client_secret *="
    )
    for path in [*INFRA.rglob("*.bicep"), *INFRA.rglob("*.tf"), *INFRA.glob("*.json")]:
        assert not re.search(leaks, path.read_text()), path
    assert "@Microsoft.KeyVault(" in parity.Templates.load(INFRA).bicep_settings()["DYNASYNC_STATE_KEY"]


def test_every_module_parameter_is_given_and_every_given_one_is_a_parameter() -> None:
    """Modules are not typed by any check at hand, so their calls are compared with their declarations here."""
    from scripts.infra import bicep

    for path in [INFRA / "main.bicep", INFRA / "bicep" / "system.bicep"]:
        for name, module in bicep.load(path).tree["modules"].items():
            called = bicep.load((path.parent / module["detail"]["path"]).resolve())
            _, _, body = bicep.unwrap(module["config"])
            declared = called.tree.get("parameters", {})
            required = {key for key, value in declared.items() if value.get("default") is None}
            given = set(body["params"])
            assert given <= set(declared), f"{path.name}: {name}"
            assert required <= given, f"{path.name}: {name}"


def test_every_output_that_is_used_is_given() -> None:
    from scripts.infra import bicep

    for path in [INFRA / "main.bicep", INFRA / "bicep" / "system.bicep"]:
        file = bicep.load(path)
        for module, output in re.findall(r"\b(\w+)!?\.outputs\.(\w+)", path.read_text()):
            called = bicep.load((path.parent / file.tree["modules"][module]["detail"]["path"]).resolve())
            assert output in called.tree["outputs"], f"{path.name}: {module}.outputs.{output}"


def test_azd_parameters_are_those_of_the_template() -> None:
    from scripts.infra import bicep

    declared = bicep.load(INFRA / "main.bicep").tree["parameters"]
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    assert set(given) <= set(declared)
    assert {name for name, value in declared.items() if value.get("default") is None} <= set(given)


def test_terraform_names_only_what_it_declares() -> None:
    text = "\n".join(path.read_text() for path in (INFRA / "terraform").glob("*.tf"))
    declared = set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))
    assert set(re.findall(r"\bvar\.(\w+)", text)) == declared
    resources = set(re.findall(r'^resource "(\w+)" "(\w+)"', text, re.MULTILINE))
    assert set(re.findall(r"\b(azurerm_\w+)\.(\w+)\b(?=[.\[])", text)) <= {
        *resources,
        ("azurerm_client_config", "current"),
    }
    module = parity.Templates.load(INFRA).terraform
    assert set(re.findall(r"\blocal\.(\w+)", text)) <= set(module.locals)


@pytest.mark.feature("APP-06")
def test_the_parity_table_can_be_printed() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "scripts.infra", "parity"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    rows = ran.stdout.splitlines()[2:]
    assert len(rows) > 100
    assert not [row for row in rows if "DIFFERENT" in row]
    assert any("storage: shared keys | False | False | equal" in row for row in rows)


def test_crooked_arguments_are_seen_without_terraform() -> None:
    from scripts.infra.__main__ import _crooked

    assert list(_crooked('a {\n  name = "x"\n  tags = {\n    k = 1\n  }\n}\n')) == []
    assert list(_crooked('  name    = "x"\n  location = "y"\n')) == [1]
    assert list(_crooked('  name     = "x"\n  location = "y"\n\n  a = 1\n')) == []
    for path in (INFRA / "terraform").glob("*.tf"):
        assert list(_crooked(path.read_text())) == [], path.name


def test_a_check_without_its_tool_says_that_it_was_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from scripts.infra import __main__ as infra

    monkeypatch.setattr(infra, "SHARED", tmp_path)
    monkeypatch.setattr(infra.shutil, "which", lambda _: None)
    both = {"whole types": lambda _: infra.bicep_whole_types(), "formatting": infra.formatting}
    monkeypatch.setattr(infra, "checks", lambda: both)
    assert infra.run() == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("SKIP whole types")
    assert said[1].startswith("     not looked at: the whole resource types are not at hand")
    assert "     not looked at: terraform is not installed" in "\n".join(said)
    assert said[-1].startswith("1 of 2 checks of the templates passed, 1 skipped (whole types);")


def test_a_break_whose_check_has_no_tool_is_not_tried_and_one_that_is_missed_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make infra` passes where Terraform is not installed, and says what it left out."""
    from scripts.infra import __main__ as infra

    plans = tuple(item for item in BREAKS if item.check == "plan")
    monkeypatch.setattr(infra, "BREAKS", plans)
    monkeypatch.setattr(infra.shutil, "which", lambda _: None)
    assert infra.print_breaks() == 0
    said = capsys.readouterr().out.splitlines()
    assert all(line.startswith("untried plan") and "terraform is not installed" in line for line in said[:-1])
    assert said[-1] == f"0 of {len(plans)} deliberate breaks were caught, {len(plans)} not tried"
    monkeypatch.setattr(infra, "checks", lambda: {"plan": lambda _: ["something else"]})
    assert infra.print_breaks() == 1
    assert "MISSED" in capsys.readouterr().out


def test_a_host_without_the_bundle_that_knows_queues_is_told() -> None:
    host = needs.host_settings()
    templates = parity.Templates.load(INFRA)
    assert parity.host_shortfalls(templates, host) == []
    del host["extensionBundle"]
    (told,) = parity.host_shortfalls(templates, host)
    assert "extension bundle" in told
