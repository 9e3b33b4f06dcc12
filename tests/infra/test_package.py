"""The deployment package: what is in it, what is not, and that nothing in it has to be compiled at a start."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts import audit, package

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's own part of the package, unpacked."""
    folder = tmp_path_factory.mktemp("package")
    package.copy_app(folder)
    package.compile_all(folder)
    return folder


def test_the_package_holds_the_app_and_nothing_else(packed: Path) -> None:
    top = {path.name for path in packed.iterdir() if path.name != "__pycache__"}
    assert {"function_app.py", "host.json", "requirements.txt", "functions", "shared"} <= top
    assert top <= {"function_app.py", "host.json", "requirements.txt", "functions", "shared", "page"}
    assert package.out_of_place(packed) == []
    assert not (packed / "shared" / "connectors" / "memory").exists()


def test_every_module_has_bytecode_that_is_not_compared_with_its_source(packed: Path) -> None:
    assert package.without_bytecode(packed) == []
    (compiled,) = (packed / "__pycache__").glob("function_app.*.pyc")
    flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
    assert flags == 0b01  # by hash, unchecked (PEP 552)


def test_a_module_without_bytecode_and_things_out_of_place_are_named(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text("")
    (tmp_path / "local.settings.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n")
    assert package.without_bytecode(tmp_path) == ["tests/test_x.py"]
    assert sorted(package.out_of_place(tmp_path)) == [
        "local.settings.json",
        "notes.txt holds a key",
        "tests/test_x.py",
    ]


def test_the_app_starts_from_the_package_alone(packed: Path) -> None:
    """Nothing it imports was left out: indexed from the unpacked folder, without the repository in reach."""
    code = (
        "import sys, pathlib; sys.path[0] = ''\n"
        "import function_app, shared\n"
        "assert pathlib.Path(shared.__file__).resolve().is_relative_to(pathlib.Path.cwd()), shared.__file__\n"
        "import importlib, pkgutil\n"
        "for found in pkgutil.walk_packages(shared.__path__, 'shared.'): importlib.import_module(found.name)\n"
        "print(len(function_app.app.get_functions()))"
    )
    settings = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "DYNASYNC_STATE_KEY": "a2tr" * 10 + "a2s="}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=packed, env=settings, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 10


def test_the_same_files_give_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    package.pack(packed, tmp_path / "a.zip")
    for path in packed.rglob("*.py"):
        path.touch()
    package.pack(packed, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None


def test_an_audit_fails_for_a_vulnerability_and_says_what_was_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    clean = '{"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "none"}]}'
    assert audit.judge(clean, components=2) == 0
    assert "1 libraries audited, 1 not" in capsys.readouterr().out
    bad = '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1"}]}]}'
    assert audit.judge(bad, components=1) == 1
    assert "a: CVE-1" in capsys.readouterr().err
    assert audit.judge("", components=1) == 1
