"""What `dynasync doctor` looks at on this machine: Python, libraries, Node, certificates, an app's settings."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCAL = "local.settings.json"
_PYTHON = (3, 13)
_OURS = ("DYNASYNC_STATE_KEY", "AzureWebJobsStorage", "AzureWebJobsStorage__tableServiceUri")
_PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)

type Step = dict[str, Any]


def step(name: str, state: str, reason: str, next_step: str = "") -> Step:
    return {"part": "machine", "name": name, "state": state, "reason": reason, "nextStep": next_step}


def steps(folder: Path, environment: Mapping[str, str] = os.environ) -> Iterator[Step]:
    """`folder` is where local.settings.json would be. A step that fails says what to do."""
    yield _python()
    yield _libraries()
    yield _node()
    yield _certificates(environment)
    yield from _app_settings(folder, environment)


def _python() -> Step:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= _PYTHON:
        return step("Python", "passed", found)
    return step("Python", "failed", found, "Install Python 3.13, as the deployed app runs on it.")


def _libraries() -> Step:
    """The pins of a checkout; an installed command line has its own."""
    wanted = ROOT / "requirements.txt"
    if not wanted.is_file():
        return step("libraries", "skipped", "this is no checkout")
    wrong = [f"{name} {pin}" for name, pin in _PIN.findall(wanted.read_text()) if _installed(name) != pin]
    if not wrong:
        return step("libraries", "passed", "as requirements.txt pins them")
    return step("libraries", "failed", f"missing or of another version: {', '.join(wrong)}", "Run make setup.")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _node() -> Step:
    if not (ROOT / "package.json").is_file():
        return step("storage emulator", "skipped", "this is no checkout; the local host is not here")
    if shutil.which("node") is None:
        return step("storage emulator", "failed", "node was not found", "Install Node.js 20 or newer with npm.")
    if not (ROOT / "node_modules/.bin/azurite").exists():
        return step("storage emulator", "failed", "Azurite is not installed", "Run make setup.")
    return step("storage emulator", "passed", "Azurite is there, for demo and tests")


def _certificates(environment: Mapping[str, str]) -> Step:
    bundle = environment.get("REQUESTS_CA_BUNDLE", "")
    if not bundle:
        return step("certificates", "passed", "those of the system")
    if Path(bundle).exists():
        return step("certificates", "passed", "those that REQUESTS_CA_BUNDLE names")
    return step("certificates", "failed", "REQUESTS_CA_BUNDLE names no file", "Correct or unset REQUESTS_CA_BUNDLE.")


def _app_settings(folder: Path, environment: Mapping[str, str]) -> Iterator[Step]:
    """The settings an app on this machine would start with, and what they point to."""
    from shared import config
    from shared.errors import ConfigError

    try:
        local = _local(folder / LOCAL)
    except ValueError as error:
        yield step("app settings", "failed", f"{LOCAL} cannot be read: {error}", f"Correct {LOCAL}.")
        return
    given = {**local, **environment}
    if not any(given.get(name) for name in _OURS):
        yield step("app settings", "skipped", f"no app is set up here (neither {LOCAL} nor the environment)")
        return
    try:
        settings = config.load(given)
    except ConfigError as error:
        yield step("app settings", "failed", str(error), error.next_step)
        return
    yield step("app settings", "passed", "complete")
    yield from _pointed_to(settings)


def _pointed_to(settings: Any) -> Iterator[Step]:
    from shared import setup
    from shared.bootstrap import Application

    try:
        for found in setup.steps(Application(settings)):
            if found.name != "settings":
                yield step(found.name, found.state.value, found.reason, found.next_step)
    except ImportError as error:
        yield step("storage", "failed", f"{error.name} is not installed", "Run the doctor of a checkout: make setup.")


def _local(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    values = found.get("Values") if isinstance(found, dict) else None
    if not isinstance(values, dict):
        raise ValueError("it has no Values")  # noqa: TRY004 - as an unreadable file
    return {name: value for name, value in values.items() if isinstance(value, str)}
