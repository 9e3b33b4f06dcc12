"""Builds the deployment package: `python scripts/package.py [--output dist/dynasync.zip]` (see `make package`).

What it holds: the tracked files that `.funcignore` leaves in, the pinned libraries of requirements.txt for Linux, and
bytecode for every module of both. Bytecode is of the kind that is never compared with its source, since unpacking a zip
changes the times; without it, the first start of each instance would compile hundreds of modules. Times in the zip are
fixed, so the same commit gives the same bytes. The file beside it, `.sbom.txt`, lists every library with its version.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = Path(".python_packages/lib/site-packages")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
_UNUSED = ("tests", "test", "testing_data")  # folders of libraries that only their own tests import
_EPOCH = (2026, 1, 1, 0, 0, 0)
_SECRETS = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{20}|AccountKey=[A-Za-z0-9+/]{40}")


def app_files(root: Path = ROOT) -> Iterator[Path]:
    """The tracked files that are deployed, relative to `root`."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True)  # noqa: S607
    patterns = [line for line in (root / ".funcignore").read_text().splitlines() if line and not line.startswith("#")]
    for name in listed.stdout.split("\0"):
        if name and not any(_ignored(name, pattern) for pattern in patterns):
            yield Path(name)


def _ignored(name: str, pattern: str) -> bool:
    if pattern.endswith("/"):
        return name.startswith(pattern) or f"/{pattern}" in f"/{name}"
    return fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name.rpartition("/")[2], pattern)


def copy_app(folder: Path, root: Path = ROOT) -> None:
    for path in app_files(root):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, target)


def install_libraries(folder: Path) -> None:
    """The pinned libraries as wheels for Azure's Linux and Python, whatever this machine is."""
    platforms = [part for name in PLATFORMS for part in ("--platform", name)]
    version = (ROOT / ".python-version").read_text().strip()
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
         "--only-binary=:all:", "--implementation", "cp", "--python-version", version, *platforms,
         "--target", str(folder / LIBRARIES), "--requirement", str(ROOT / "requirements.txt")],
        check=True,
    )  # fmt: skip
    trim(folder / LIBRARIES)


def trim(libraries: Path) -> None:
    """Takes out what is never imported in Azure: the libraries' own tests, type stubs, launchers."""
    shutil.rmtree(libraries / "bin", ignore_errors=True)
    for path in sorted(libraries.rglob("*"), reverse=True):
        if path.is_dir() and path.name in _UNUSED and path.parent != libraries:
            shutil.rmtree(path)
        elif path.suffix in {".pyi", ".pxd", ".pyx", ".c", ".h"}:
            path.unlink()


def compile_all(folder: Path) -> None:
    """Bytecode for every module. Raises CalledProcessError naming one that does not compile."""
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "compileall", "-q", "-j", "2", "--invalidation-mode", "unchecked-hash",
         "-s", str(folder), "-p", "/home/site/wwwroot", str(folder)],
        check=True,
    )  # fmt: skip


def without_bytecode(folder: Path) -> list[str]:
    """Modules whose bytecode is missing."""
    tag = sys.implementation.cache_tag
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if not (path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc").exists()
    ]


def out_of_place(folder: Path) -> list[str]:
    """Files that must not be deployed: tests, settings of this machine, keys."""
    wrong = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        ours = not name.startswith(LIBRARIES.as_posix())
        if ours and re.match(r"(tests|simulators|localhost|cli|docs|infra|bench|scripts)/", name):
            wrong.append(name)
        elif path.name in {"local.settings.json", ".env"} or path.suffix in {".pem", ".pfx", ".key"}:
            wrong.append(name) if path.name != "cacert.pem" else None
        elif path.is_file() and ours and _SECRETS.search(path.read_bytes()):
            wrong.append(f"{name} holds a key")
    return wrong


def pack(folder: Path, output: Path) -> None:
    """One zip with fixed times and order."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, path.read_bytes())


def libraries_in(folder: Path) -> list[str]:
    """`name==version` of every library in the package, those that others brought along too."""
    found = distributions(path=[str(folder / LIBRARIES)])
    return sorted({f"{one.metadata['Name']}=={one.version}" for one in found}, key=str.lower)


def cold_ratio(folder: Path, times: int = 5) -> float:
    """How much longer the app takes to import than the functions library alone, with the package's own bytecode."""
    settings = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "DYNASYNC_STATE_KEY": "a2tr" * 10 + "a2s="}
    paths = f"{folder}{os.pathsep}{folder / LIBRARIES}"
    environment = {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ.get("PATH", ""), **settings}

    def cost(code: str) -> float:
        spent = []
        for _ in range(times):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-S", "-c", code], cwd=folder, env=environment, check=True)  # noqa: S603
            spent.append(time.perf_counter() - began)
        return min(spent)

    bare = cost("pass")
    return (cost("import function_app") - bare) / (cost("import azure.functions") - bare)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "dynasync.zip")
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory(prefix="dynasync-package-") as name:
        folder = Path(name)
        copy_app(folder)
        install_libraries(folder)
        compile_all(folder)
        wrong = [f"no bytecode: {path}" for path in without_bytecode(folder)]
        wrong += [f"must not be deployed: {path}" for path in out_of_place(folder)]
        pack(folder, output)
        output.with_suffix(".sbom.txt").write_text("\n".join(libraries_in(folder)) + "\n")
        told = {
            "package": output.name,
            "bytes": output.stat().st_size,
            "unpacked_bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
            "libraries": len(libraries_in(folder)),
            "modules": sum(1 for _ in folder.rglob("*.py")),
            "without_bytecode": len(without_bytecode(folder)),
            "cold_import_ratio": round(cold_ratio(folder), 2),
        }
    print(json.dumps(told))
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
