"""Terraform's own plan of the template, with a stand-in for the provider (stand_in.py): nothing is asked of Azure.

A plan resolves every reference and expression, finds circles, and says what would be made; what only Azure knows stays
unknown. It needs `terraform` and .venv-infra.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
PYTHON = _HERE.parents[1] / ".venv-infra" / "bin" / "python"
GIVEN = {
    "environment_name": "test",
    "location": "westeurope",
    "auth_client_id": "client",
    "alert_email": "a@example.com",
}
CASES: dict[str, dict[str, str]] = {
    "least": {},
    "all": {"private_networking": "true", "operator_id": "operator", "storage_sku": "Standard_GZRS",
            "extra_settings": '{DYNASYNC_TRACE_SHARE = "0.5"}', "table_prefix": "other"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """`resources` by address, with the values that are known; `told` what Terraform complained of."""

    resources: Mapping[str, Mapping[str, Any]]
    told: tuple[str, ...] = ()


def lacking() -> str:
    """What a plan needs and is not there; "" when all is."""
    if shutil.which("terraform") is None:
        return "terraform is not installed"
    ran = subprocess.run([PYTHON, "-c", "import grpc"], capture_output=True, check=False) if PYTHON.exists() else None  # noqa: S603
    return "" if ran is not None and ran.returncode == 0 else ".venv-infra is not there: make .venv-infra/.ready"


def plan(infra: Path, **variables: str) -> Plan:
    """The plan of a copy of the templates with these variables. Raises OSError when `lacking` says something."""
    with tempfile.TemporaryDirectory(prefix="dynasync-plan-") as name:
        folder = Path(name)
        shutil.copytree(infra, folder / "infra")
        environment = _surroundings(folder)
        given = [f"-var={key}={value}" for key, value in {**GIVEN, **variables}.items()]
        command = ["plan", "-input=false", "-lock=false", "-no-color", "-json", f"-out={folder / 'plan'}", *given]
        ran = _terraform(folder, environment, *command)
        lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
        if ran.returncode:
            said = [
                _words(line["diagnostic"]) for line in lines if line.get("@level") == "error" and "diagnostic" in line
            ]
            return Plan({}, tuple(said or [ran.stderr.strip()[-500:] or "terraform plan failed"]))
        shown = _terraform(folder, environment, "show", "-json", str(folder / "plan"))
        root = json.loads(shown.stdout)["planned_values"]["root_module"]
        return Plan({item["address"]: item["values"] for item in root["resources"]})


def findings(infra: Path) -> Iterator[str]:
    """What Terraform complains of, with the least that has to be given and with everything."""
    for case, variables in CASES.items():
        told = plan(infra, **variables).told
        yield from (f"{case}: {line}" for line in told)
        if told:
            return


def _words(found: Mapping[str, Any]) -> str:
    place = found.get("range", {})
    where = f"{Path(place['filename']).name}:{place['start']['line']}: " if place else ""
    return f"{where}{found['summary']}: {' '.join(found.get('detail', '').split())}"


def _terraform(folder: Path, environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        ["terraform", f"-chdir={folder / 'infra' / 'terraform'}", *words],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        env=dict(environment),
        timeout=120,
    )


def _surroundings(folder: Path) -> dict[str, str]:
    """Terraform is told to take the stand-in for the provider, and to speak to it without certificates."""
    start = folder / "terraform-provider-azurerm"
    start.write_text(f'#!/bin/sh\nexec "{PYTHON}" -P "{_HERE / "stand_in.py"}"\n')
    start.chmod(start.stat().st_mode | stat.S_IXUSR)
    settings = folder / "terraformrc"
    settings.write_text(
        f'provider_installation {{\n  dev_overrides {{\n    "hashicorp/azurerm" = "{folder}"\n  }}\n  direct {{}}\n}}\n'
    )
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "TF_CLI_CONFIG_FILE": str(settings),
        "TF_DISABLE_PLUGIN_TLS": "1",
        "CHECKPOINT_DISABLE": "1",
        "STAND_IN_SCHEMA": str(folder / "infra" / "terraform" / "schema.json"),
    }
