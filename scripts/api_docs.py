"""Makes what is generated from the API's route table: `python scripts/api_docs.py [--check]`.

functions/openapi.json, docs/reference/api-errors.md, docs/reference/api-roles.md. `--check` says which is stale, and
changes nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = "`.venv/bin/python scripts/api_docs.py`"


def files() -> Mapping[Path, str]:
    """The generated files with what they must hold."""
    from functions.api.document import document

    load_routes()
    return {
        ROOT / "functions/openapi.json": json.dumps(document(), indent=1, sort_keys=True) + "\n",
        ROOT / "docs/reference/api-errors.md": errors(),
        ROOT / "docs/reference/api-roles.md": roles(),
    }


def load_routes() -> None:
    """Imports every module that declares routes."""
    import functions.routes  # noqa: F401


def errors() -> str:
    from functions.api.codes import CODES

    lines = [
        "# Error codes of the API",
        "",
        f"Made by {COMMAND}; a test compares it, and another reaches every code.",
        "",
        'An error is `{"error": {code, message, target, details, nextStep, innererror}}`; the same code stands in the '
        "header `x-ms-error-code`. `target` and `details` name places in what was sent, `nextStep` says what to do, "
        "`innererror.code` is the code of the system or part that refused. The list is closed: no answer bears another "
        "code.",
        "",
        "| status | code | meaning | worth repeating unchanged |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {code.status} | `{name}` | {code.meaning} | {'yes' if code.retry else 'no'} |"
        for name, code in CODES.items()
    ]
    return "\n".join(lines) + "\n"


def roles() -> str:
    from functions.api.route import ROUTES
    from functions.api.signin import KEY, NOBODY, Caller

    callers = {
        "nobody": NOBODY,
        "user": Caller("u", frozenset({"user"})),
        "reader": Caller("r", frozenset({"reader"})),
        "admin": Caller("a", frozenset({"admin"})),
        "function key": KEY,
    }
    lines = [
        "# Who may call what",
        "",
        f"Made by {COMMAND} of the routes themselves; a test calls every route as everyone.",
        "",
        "People sign in with Entra ID and have the app roles `reader`, `admin` or `user`; apps get the roles `reader` "
        "or `admin` and send a token. Both use `/api/signed-in/...`. `/api/...` is for function keys, and whoever has "
        "one is an administrator. Webhooks (`/api/hooks/...`) are opened by the key in their address.",
        "",
        "| method | path | " + " | ".join(callers) + " |",
        "|---|---|" + "---|" * len(callers),
    ]
    for route in sorted(ROUTES.values(), key=lambda item: (item.path, item.method)):
        cells = " | ".join("yes" if caller.may(route.role) else "" for caller in callers.values())
        lines.append(f"| {route.method} | `{route.path}` | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    sys.path.insert(0, str(ROOT))
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"stale: {path.relative_to(ROOT)}", file=sys.stderr)
    if "--check" in sys.argv:
        return 1 if stale else 0
    for path, text in files().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
