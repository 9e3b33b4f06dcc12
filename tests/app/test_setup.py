"""What a newcomer meets first: set-up on a machine that lacks something, and commands that the documents name."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: PLW1510 - the callers look at the exit status
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )


def tools(folder: Path, *names: str) -> str:
    """A PATH that holds these tools only."""
    for name in names:
        found = run("bash", "-c", f"command -v {name}").stdout.strip()
        (folder / name).symlink_to(found)
    return str(folder)


@pytest.mark.feature("APP-08.1")
def test_without_python_3_13_set_up_says_what_it_looked_for_and_what_to_do(tmp_path: Path) -> None:
    path = tools(tmp_path, "bash", "env")
    ran = run("scripts/find-python", PATH=path, HOME=str(tmp_path), PYENV_ROOT=str(tmp_path), PYTHON="")
    assert ran.returncode == 3
    assert "no Python 3.13 was found" in ran.stderr
    assert "make with PYTHON=" in ran.stderr


@pytest.mark.feature("APP-08.1")
def test_a_python_that_is_named_but_is_none_is_refused_by_name() -> None:
    ran = run("scripts/find-python", PYTHON="/no/such/python")
    assert ran.returncode == 3
    assert "PYTHON=/no/such/python is not a Python 3.13" in ran.stderr


@pytest.mark.feature("APP-08.1")
def test_without_npm_set_up_says_what_to_install(tmp_path: Path) -> None:
    path = tools(tmp_path, "bash", "make", "env")
    ran = run("make", "-B", "--no-print-directory", "node_modules/.ready", PATH=path)
    assert ran.returncode != 0
    assert "npm was not found" in ran.stderr
    assert "apt-get install nodejs npm" in ran.stderr


def test_a_port_in_use_is_named_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = run(sys.executable, "-m", "localhost", "--port", str(port))
    assert ran.returncode == 3
    assert str(port) in ran.stderr
    assert "--port" in ran.stderr


@pytest.mark.feature("APP-08.2")
def test_every_make_recipe_that_a_document_names_exists() -> None:
    recipes = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        (page.name, recipe)
        for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
        for recipe in re.findall(r"(?:\$ |`)make ([a-z-]+)", page.read_text())
    }
    assert len(named) > 10
    assert [(page, recipe) for page, recipe in named if recipe not in recipes] == []


@pytest.mark.feature("APP-08.2")
def test_every_link_of_the_documents_leads_somewhere() -> None:
    links = [
        (page, target)
        for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    ]
    assert len(links) > 30
    assert [(page.name, target) for page, target in links if not (page.parent / target).exists()] == []


@pytest.mark.feature("APP-08.2")
def test_the_continuous_run_calls_the_same_recipes_and_requires_storage() -> None:
    script = (ROOT / ".ci/run").read_text()
    for line in ("make check", "make test", "make demo", "make features", "make conformance", "no_skips.py"):
        assert line in script, line
    assert "DYNASYNC_REQUIRE_STORAGE=1" in script


def test_the_no_skips_guard_fails_for_what_was_skipped_or_never_collected(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    storage = '<testcase classname="tests.app.test_first_sync" name="t">{}</testcase>'
    page = '<testcase classname="tests.page.test_page" name="t">{}</testcase>'
    skipped = '<skipped message="no emulator, or no browser"/>'

    def judged(*cases: str) -> int:
        report.write_text(f"<testsuite>{''.join(cases)}</testsuite>")
        return run(sys.executable, "scripts/no_skips.py", str(report)).returncode

    assert judged(storage.format(""), page.format("")) == 0
    assert judged(storage.format(skipped), page.format("")) == 1
    assert judged(storage.format(""), page.format(skipped)) == 1
    assert judged(storage.format("")) == 1
    assert judged() == 1
