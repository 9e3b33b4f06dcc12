"""Refusals: of a whole call, of one record, and of the transport. Source: marketo.md 2.2 and 2.3."""

from __future__ import annotations

from typing import Any

UNCOUNTED = frozenset({"601", "602", "604", "605", "608", "611"})
"""Codes whose answers count neither against the day's quota nor against the rate."""

MESSAGES = {
    "601": "Access token invalid",
    "602": "Access token expired",
    "603": "Access denied",
    "604": "Request timed out",
    "605": "HTTP Method not supported",
    "608": "API Temporarily Unavailable",
    "609": "Invalid JSON",
    "610": "Requested resource not found",
    "611": "System error",
    "612": "Invalid Content Type",
    "613": "Invalid Multipart Request",
    "614": "Invalid Subscription",
    "615": "Concurrent access limit reached",
    "616": "Invalid subscription type",
    "713": "Transient Error",
    "1016": "Too many imports",
    "1029": "Too many jobs (10) in queue",
}


class CallError(Exception):
    """The whole call failed: HTTP 200 with `success: false`."""

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        self.message = message or MESSAGES.get(code, "Failed")
        super().__init__(f"{self.code} {self.message}")


class RecordError(Exception):
    """One record was skipped."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(f"{code} {message}")

    def reasons(self) -> list[dict[str, str]]:
        """As it stands in a result."""
        return [{"code": self.code, "message": self.message}]


class TransportError(Exception):
    """A plain HTTP status: 413 and 414 are the only ones documented, 401 comes from identity."""

    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text
        super().__init__(text)


def missing(name: str) -> CallError:
    """A required parameter was not sent."""
    return CallError("1002", f"Missing value for the required parameter '{name}'")


def invalid_type(value: Any, wanted: str) -> RecordError:
    """A value that its field cannot hold."""
    return RecordError("1001", f"Invalid value '{str(value)[:200]}'. Required of type '{wanted}'")
