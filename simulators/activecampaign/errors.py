"""Every shape an error takes in this API. Source: activecampaign.md 2.14, letters (a) to (h)."""

from __future__ import annotations

from typing import Any

from simulators.frame.http import Header, Response, json_response

UNPROCESSABLE = 422
FORBIDDEN = 403
NOT_FOUND = 404
BAD_REQUEST = 400


class ApiError(Exception):
    """A refusal with its whole answer."""

    def __init__(self, status: int, body: Any, headers: tuple[Header, ...] = ()) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.body = body
        self.headers = headers

    def response(self) -> Response:
        """The answer as it leaves."""
        return json_response(self.status, self.body, self.headers)


def no_result(model: str, record_id: object, *, status: int = NOT_FOUND) -> ApiError:
    """(a): nothing under that id. Some resources say 403 where 404 is meant."""
    return ApiError(status, {"message": f"No Result found for {model} with id {record_id}"})


def invalid(title: str, *, code: str, pointer: str = "", detail: str = "") -> ApiError:
    """(b) 422 with a code: duplicate, field_missing, field_invalid or related_missing."""
    error: dict[str, Any] = {"title": title, "detail": detail, "code": code}
    if pointer:
        error["source"] = {"pointer": f"/data/attributes/{pointer}"}
    return ApiError(UNPROCESSABLE, {"errors": [error]})


def missing(title: str, pointer: str) -> ApiError:
    """(b) for an attribute that was not sent."""
    return invalid(title, code="field_missing", pointer=pointer)


def refused(status: int, title: str, detail: str = "") -> ApiError:
    """(c) `{"errors": [{"status", "title", "detail"}]}`."""
    error: dict[str, Any] = {"status": status, "title": title}
    if detail:
        error["detail"] = detail
    return ApiError(status, {"errors": [error]})


def in_words(text: str) -> ApiError:
    """(d) `{"errors": "text"}`, from fieldOption/bulk."""
    return ApiError(UNPROCESSABLE, {"errors": text})


def forbidden(message: str = "Forbidden") -> ApiError:
    """(e) `{"message": "Forbidden"}`."""
    return ApiError(FORBIDDEN, {"message": message})


def bulk_refused(message: str, reasons: list[Any]) -> ApiError:
    """(f): the import was not queued. Reasons are objects for contacts, sentences for the rest."""
    return ApiError(BAD_REQUEST, {"success": 0, "message": message, "failureReasons": reasons})


def unreadable() -> ApiError:
    """A body that is no JSON. The documents show 400 with an empty object for a bad request."""
    return ApiError(BAD_REQUEST, {})
