"""The app itself."""

from __future__ import annotations

from typing import Any, Literal

from functions.models.common import Shown


class Health(Shown):
    status: str


class Document(Shown):
    """An OpenAPI 3.1 document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


class SetupStep(Shown):
    name: str
    state: Literal["passed", "failed", "skipped"]
    reason: str
    nextStep: str


class SetupCheck(Shown):
    passed: bool
    steps: list[SetupStep]


class Me(Shown):
    id: str
    roles: list[str]
