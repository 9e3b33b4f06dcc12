"""What an error of the table service, or of the way to it, means for the caller."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from http.client import HTTPException
from typing import Any, Final

from shared.errors import ConfigError, Transient


class Trouble(Enum):
    """PASSING: worth another try. REFUSED: a precondition failed. MISSING: no such row. NO_TABLE: no such table.
    DENIED: this identity may not. WRONG: a mistake of ours."""

    PASSING = "passing"
    REFUSED = "refused"
    MISSING = "missing"
    NO_TABLE = "no_table"
    DENIED = "denied"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Judgement:
    """`index` is the place in a transaction of the operation at fault; `retry_after` in seconds, when told."""

    trouble: Trouble
    code: str = ""
    index: int | None = None
    retry_after: float | None = None

    def error(self) -> Exception:
        """The error to raise where this trouble is not handled."""
        if self.trouble is Trouble.PASSING:
            return Transient(
                f"the table service did not answer ({self.code or 'no connection'})",
                retry_after=self.retry_after,
                code="storage_unavailable",
            )
        if self.trouble is Trouble.DENIED:
            return ConfigError(
                f"the table service refuses this app ({self.code})",
                setting="AzureWebJobsStorage",
                code="storage_denied",
                next_step="Give the app's identity the role Storage Table Data Contributor on the storage account, or "
                "correct the connection string.",
            )
        return ValueError(f"the table service refuses the request ({self.code})")


_PASSING_STATUS: Final = frozenset({408, 429, 500, 502, 503, 504})
_DENIED_STATUS: Final = frozenset({401, 403})
_REFUSED_STATUS: Final = frozenset({409, 412})
_NOT_FOUND: Final = 404


def judge(error: Exception) -> Judgement:
    """Raises the error again when it is none of the service's."""
    from azure.core.exceptions import AzureError, HttpResponseError
    from requests.exceptions import RequestException

    if isinstance(error, HttpResponseError) and error.status_code:
        return _judge_answer(error)
    # a cut connection can reach us unwrapped (Azure/azure-sdk-for-python issue 28427)
    if isinstance(error, AzureError | RequestException | HTTPException | ConnectionError | TimeoutError):
        return Judgement(Trouble.PASSING, type(error).__name__)
    raise error


def _judge_answer(error: Any) -> Judgement:
    status = int(error.status_code)
    code = str(getattr(error.error_code, "value", error.error_code) or status)
    index = getattr(error, "index", None)
    if status in _PASSING_STATUS or code == "TableBeingDeleted":
        return Judgement(Trouble.PASSING, code, retry_after=_retry_after(error))
    if status in _DENIED_STATUS:
        return Judgement(Trouble.DENIED, code)
    if status in _REFUSED_STATUS:
        return Judgement(Trouble.REFUSED, code, index)
    if status == _NOT_FOUND:
        return Judgement(Trouble.NO_TABLE if code == "TableNotFound" else Trouble.MISSING, code, index)
    return Judgement(Trouble.WRONG, code, index)


def _retry_after(error: Any) -> float | None:
    headers = getattr(error.response, "headers", None) or {}
    value = headers.get("Retry-After") or ""
    if value.isdigit():
        return float(value)
    try:
        sent = parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (parsedate_to_datetime(value) - sent).total_seconds())
    except (TypeError, ValueError):
        return None
