"""Fetches the page's libraries anew: `python scripts/vendor_page.py` (needs npm). A test holds them to the lock.

Nothing is built: the published modules are taken as they are, but for the names they import each other by (a browser
without an import map knows only addresses) and for the pointer to a source map that is not served.
"""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import tempfile
from hashlib import sha256
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "page" / "vendor"
SOURCES = {
    "preact.js": ("preact", "11.2.0", "dist/preact.mjs"),
    "hooks.js": ("preact", "11.2.0", "hooks/dist/hooks.mjs"),
    "signals-core.js": ("@preact/signals-core", "1.14.5", "dist/signals-core.mjs"),
    "signals.js": ("@preact/signals", "2.11.4", "dist/signals.mjs"),
    "htm.js": ("htm", "3.1.1", "dist/htm.mjs"),
}
"""Our file, and the package, version and member it comes from."""

_PLACES = {"preact": "preact.js", "preact/hooks": "hooks.js", "@preact/signals-core": "signals-core.js"}
_IMPORT = re.compile(r"""from\s*(["'])([^"'.][^"']*)\1""")
_MAP = re.compile(r"\n?//# sourceMappingURL=.*\s*$")


def adapted(text: str) -> str:
    """A published module with its imports as addresses beside it. Raises KeyError for a library that is not here."""
    return _MAP.sub("\n", _IMPORT.sub(lambda found: f'from"./{_PLACES[found[2]]}"', text))


def main() -> None:
    lock: dict[str, dict[str, str]] = {}
    licences: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (package, version, member) in SOURCES.items():
            packed = subprocess.run(  # noqa: S603
                ["npm", "pack", "--silent", f"{package}@{version}"],  # noqa: S607
                cwd=folder, capture_output=True, text=True, check=True,
            ).stdout.strip()  # fmt: skip
            with tarfile.open(Path(folder) / packed) as archive:
                text = adapted(_member(archive, member))
                licences[f"{package} {version}"] = _member(archive, "LICENSE")
            (VENDOR / name).write_text(text)
            lock[name] = {"package": package, "version": version, "file": member, "sha256": digest(text)}
    (VENDOR / "vendor.lock.json").write_text(json.dumps(lock, indent=2) + "\n")
    parts = [f"{name}\n{'=' * len(name)}\n{text.strip()}\n" for name, text in sorted(licences.items())]
    (VENDOR / "LICENSES.txt").write_text("\n".join(parts))


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _member(archive: tarfile.TarFile, name: str) -> str:
    found = archive.extractfile(f"package/{name}")
    if found is None:
        raise FileNotFoundError(name)
    return found.read().decode()


if __name__ == "__main__":
    main()
