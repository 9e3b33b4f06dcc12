"""The app itself."""

from __future__ import annotations

from typing import Any

from functions.models.common import Shown


class Health(Shown):
    status: str


class Document(Shown):
    """An OpenAPI 3.1 document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


class Me(Shown):
    id: str
    roles: list[str]
