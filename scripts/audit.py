"""The bill of materials of the package, and its libraries against known vulnerabilities (see `make audit`).

`python scripts/audit.py LIST`: LIST is what `make package` wrote beside the zip. Writes LIST's name with `.cdx.json`
(CycloneDX). Fails for a known vulnerability. Where the registry gives no advisories, it says how many libraries were
not judged: that is not a pass.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BIN = Path(__file__).resolve().parent.parent / ".venv-audit" / "bin"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__)
        return 2
    listed = Path(arguments[0])
    materials = listed.with_suffix(".cdx.json")
    subprocess.run(  # noqa: S603
        [str(BIN / "cyclonedx-py"), "requirements", str(listed), "--output-file", str(materials),
         "--output-reproducible"],
        check=True,
    )  # fmt: skip
    ran = subprocess.run(  # noqa: S603
        [str(BIN / "pip-audit"), "-r", str(listed), "--no-deps", "--disable-pip", "--format", "json"],
        check=False,
        capture_output=True,
        text=True,
    )
    return judge(ran.stdout, components=len(json.loads(materials.read_text())["components"]))


def judge(report: str, *, components: int) -> int:
    """Prints what the report comes to; 1 for a vulnerability, and for a report that is none."""
    try:
        found = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        print("the audit gave no report", file=sys.stderr)
        return 1
    bad = [(one["name"], flaw["id"]) for one in found for flaw in one.get("vulns", [])]
    skipped = [one["name"] for one in found if "skip_reason" in one]
    print(f"{components} components in the bill of materials; {len(found) - len(skipped)} libraries audited, "
          f"{len(skipped)} not (no advisories to be had), {len(bad)} known vulnerabilities")  # fmt: skip
    for name, flaw in bad:
        print(f"{name}: {flaw}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
