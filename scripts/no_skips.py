"""Fails when a test run skipped tests that must run: those of storage, and those of the page."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

MUST_RUN = ("tests.runtime", "tests.runtime_state", "tests.app", "tests.page")


def main() -> int:
    root = ET.fromstring(Path(sys.argv[1]).read_text())  # noqa: S314 - our own test runner wrote the file
    skipped = [
        f"{case.get('classname')}.{case.get('name')}: {skip.get('message')}"
        for case in root.iter("testcase")
        for skip in case.iter("skipped")
        if (case.get("classname") or "").startswith(MUST_RUN)
    ]
    page = sum(1 for case in root.iter("testcase") if (case.get("classname") or "").startswith("tests.page"))
    ran = sum(1 for case in root.iter("testcase") if (case.get("classname") or "").startswith(MUST_RUN))
    for line in skipped:
        print(f"skipped, but must run: {line}", file=sys.stderr)
    if not ran:
        print("no storage test was collected", file=sys.stderr)
    if not page:
        print("no test of the page was collected", file=sys.stderr)
    return 1 if skipped or not ran or not page else 0


if __name__ == "__main__":
    raise SystemExit(main())
