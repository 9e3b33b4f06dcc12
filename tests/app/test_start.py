"""Starting the app: what it imports, what it costs, and what it says when a setting is missing."""

from __future__ import annotations

import base64
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "DYNASYNC_STATE_KEY": base64.b64encode(b"k" * 32).decode(),
}


def python(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DYNASYNC", "AzureWeb"))}
    return subprocess.run(  # noqa: PLW1510 - the callers look at the exit status
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**environment, **settings},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.feature("APP-01.2")
@pytest.mark.parametrize("missing", sorted(SETTINGS))
def test_a_missing_app_setting_stops_the_start_and_is_named(missing: str) -> None:
    ran = python("import function_app", **{name: value for name, value in SETTINGS.items() if name != missing})
    assert ran.returncode != 0
    last = ran.stderr.strip().splitlines()[-1]
    assert missing in last
    assert "is missing" in last


@pytest.mark.feature("APP-01.2")
@pytest.mark.parametrize(
    ("name", "value"),
    [("DYNASYNC_STATE_KEY", "short"), ("DYNASYNC_SLICE_SECONDS", "soon"), ("DYNASYNC_TABLES", "not-allowed")],
)
def test_a_wrong_app_setting_is_named_and_its_value_is_not_repeated(name: str, value: str) -> None:
    ran = python("import function_app", **{**SETTINGS, name: value})
    assert ran.returncode != 0
    last = ran.stderr.strip().splitlines()[-1]
    assert name in last
    assert name != "DYNASYNC_STATE_KEY" or value not in last


@pytest.mark.feature("APP-01.2")
def test_every_app_setting_stands_in_the_reference() -> None:
    from shared.config import SETTINGS as ALL

    page = (ROOT / "docs/reference/app-settings.md").read_text()
    assert [item.name for item in ALL if f"`{item.name}`" not in page] == []


@pytest.mark.feature("APP-01.1")
def test_nothing_is_called_while_the_app_is_imported() -> None:
    code = (
        "import socket\n"
        "def refuse(*a, **k): raise AssertionError('a socket was opened at import')\n"
        "socket.socket.connect = refuse; socket.create_connection = refuse; socket.getaddrinfo = refuse\n"
        "import function_app, sys\n"
        "heavy = ('azure.data', 'azure.storage', 'azure.identity', 'msal', 'rich', 'opentelemetry.sdk', 'pandas',\n"
        "         'shared.sync', 'shared.manage', 'shared.connectors', 'shared.state', 'shared.http')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    ran = python(code, **SETTINGS)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "[]"


@pytest.mark.slow
def test_importing_the_app_costs_at_most_two_and_three_quarter_times_the_functions_library() -> None:
    """Cold start: the ratio counts, because this machine's speed is not Azure's; and processor time, taken in turns,
    because other tests run beside it."""

    def cost(code: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert python(code, **SETTINGS).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    codes = ("pass", "import azure.functions", "import function_app")
    rounds = [[cost(code) for code in codes] for _ in range(5)]
    bare, library, whole = (min(times) for times in zip(*rounds, strict=True))
    assert whole - bare <= 2.75 * (library - bare)


@pytest.mark.feature("APP-09")
def test_the_top_level_holds_what_azure_and_a_reader_look_for_and_the_named_libraries_are_used() -> None:
    for name in ("functions", "shared", "infra", "tests", "host.json", "requirements.txt"):
        assert (ROOT / name).exists(), name
    pinned = (ROOT / "requirements.txt").read_text() + (ROOT / "requirements-dev.txt").read_text()
    imports = {
        "azure-functions": r"^\s*import azure\.functions",
        "azure-data-tables": r"^\s*from azure\.data\.tables import",
        "msal": r"^\s*import msal",
        "requests": r"^\s*import requests",
        "pytest": r"^\s*import pytest",
    }
    sources = [
        path.read_text() for folder in ("functions", "shared", "tests") for path in (ROOT / folder).rglob("*.py")
    ]
    for name, pattern in imports.items():
        assert re.search(rf"^{name}==", pinned, re.MULTILINE), name
        assert any(re.search(pattern, source, re.MULTILINE) for source in sources), name
