"""Delivers a notification to the address an administrator entered. The address is itself a secret: it is in no log, and
in no error."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from shared.errors import ConfigError, Transient
from shared.http.origin import Origin, is_ip
from shared.http.session import shared_session

_TIMEOUT: Final = (3, 7)
_SETTING: Final = "webhook"


def checked(address: str, trusted: Collection[str]) -> str:
    """The address, when it is https and no machine of a private network by number. Raises ConfigError."""
    origin = Origin.parse(address, setting=_SETTING)
    named = f"{origin.host}:{origin.port}" in trusted
    if not named and (is_ip(origin.host) or "." not in origin.host or origin.host.endswith((".local", ".internal"))):
        raise ConfigError(
            "webhook: the address names no public host",
            setting=_SETTING,
            next_step="Enter the address as your chat or alerting service shows it.",
        )
    return address.strip()


def deliver(address: str, message: Mapping[str, object], trusted: Collection[str]) -> None:
    """Raises Transient when it did not arrive; no redirect is followed."""
    import requests

    try:
        answer = shared_session().post(
            checked(address, trusted), json={"source": "dynasync", **message}, timeout=_TIMEOUT, allow_redirects=False
        )
    except requests.exceptions.RequestException:
        raise Transient("the webhook's address does not answer", code="webhook_away") from None
    if not 200 <= answer.status_code < 300:  # noqa: PLR2004
        raise Transient(f"the webhook's address answers with status {answer.status_code}", code="webhook_refused")
