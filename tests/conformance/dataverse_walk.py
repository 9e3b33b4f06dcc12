"""What the Dataverse walks share. Standard library only: it runs under each client's own interpreter (3.10 and newer).

Besides the simulator's own address these walks need `SIM_ENTRA`, the address of the tokens.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Callable
from typing import Any

from walking import Walk

CLIENT_ID = os.environ.get("SIM_CLIENT_ID", "9a1e5b70-3c42-4d8e-b6f1-0c7d2a4e5f63")
CLIENT_SECRET = os.environ.get("SIM_CLIENT_SECRET", "simulated~secret-of-the-default-app")
TENANT = os.environ.get("SIM_TENANT", "5d2f1c44-7c1b-4a86-9f0e-2b6a3c9d8e10")


class DataverseWalk(Walk):
    """See `Walk`."""

    def __init__(self) -> None:
        super().__init__("dataverse")
        self.entra = os.environ["SIM_ENTRA"].rstrip("/")

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """What the simulator itself holds of a table, as sorted tuples of these columns."""
        held = self.control("GET", f"state?table={table}&limit=10000")["rows"]
        return sorted((tuple(row.get(column) for column in columns) for row in held), key=str)

    def token(self) -> str:
        """A token of the application user, from the simulated Entra."""
        form = {
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "grant_type": "client_credentials",
            "scope": f"{self.base}/.default",
        }
        answer = self.ask(f"{self.entra}/{TENANT}/oauth2/v2.0/token", urllib.parse.urlencode(form).encode())
        return str(answer["access_token"])


def refuses(call: Callable[[], Any], status: int, code: str = "") -> Any:
    """Return the error a call raises; fail the step unless it tells this HTTP status and service code."""
    try:
        call()
    except Exception as problem:
        text = f"{getattr(problem, 'status_code', '')} {getattr(problem, 'details', '')} {problem!r}"
        response = getattr(problem, "response", None)
        if response is not None:
            text += f" {response.status_code} {response.text}"
        if str(status) not in text or code.lower() not in text.lower():
            raise AssertionError(f"expected {status} {code}, got {text[:300]}") from problem
        return problem
    raise AssertionError(f"expected {status} {code}, but the call succeeded")
