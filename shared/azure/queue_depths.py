"""How many messages lie in a queue, asked of the service itself.

The app reads and writes queues through the host's bindings only; this one question does not pay for another SDK.
Source: https://learn.microsoft.com/rest/api/storageservices/get-queue-metadata and .../authorize-with-shared-key
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from shared.config import Settings
from shared.errors import AuthError, ConfigError, Transient

if TYPE_CHECKING:
    from shared.azure.credential import ManagedIdentity

_VERSION: Final = "2021-12-02"
_SCOPE: Final = "https://storage.azure.com/.default"
_TIMEOUT: Final = (3, 10)
_EMPTY_HEADERS: Final = 11
"""Headers of the string to sign that a GET without a body leaves empty."""

_EMULATED: Final = {
    "AccountName": "devstoreaccount1",
    "AccountKey": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    "QueueEndpoint": "http://127.0.0.1:10001/devstoreaccount1",
}
"""The emulator's published account: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite"""


def depth(settings: Settings, identity: Callable[[], ManagedIdentity], queue: str) -> int | None:
    """About how many messages the queue holds; None when there is no such queue.

    Raises AuthError when the service refuses the app, Transient when it does not answer, ConfigError when the settings
    name no queue service.
    """
    import requests

    from shared.http.session import shared_session

    endpoint, headers = _signed(settings, identity, queue)
    try:
        answer = shared_session().get(
            f"{endpoint}/{queue}?comp=metadata", headers=headers, timeout=_TIMEOUT, allow_redirects=False
        )
    except requests.exceptions.RequestException:
        raise Transient(
            "the queue service does not answer",
            next_step="Check the account's network rules, and AzureWebJobsStorage__queueServiceUri.",
        ) from None
    if answer.status_code == 404:  # noqa: PLR2004
        return None
    if answer.status_code in {401, 403}:
        raise AuthError(
            "the queue service refuses the app",
            next_step="Give the app's identity the role Storage Queue Data Contributor on the account.",
        )
    if answer.status_code != 200:  # noqa: PLR2004
        raise Transient(f"the queue service answers with status {answer.status_code}", next_step="Look again later.")
    return int(answer.headers.get("x-ms-approximate-messages-count", "0"))


def _signed(settings: Settings, identity: Callable[[], ManagedIdentity], queue: str) -> tuple[str, dict[str, str]]:
    """The endpoint, and headers that say who asks."""
    headers = {"x-ms-date": formatdate(time.time(), usegmt=True), "x-ms-version": _VERSION}
    if not settings.storage:
        if not settings.queue_endpoint:
            raise ConfigError(
                "the app settings name no queue service",
                setting="AzureWebJobsStorage__queueServiceUri",
                next_step="Set AzureWebJobsStorage__queueServiceUri and restart the app.",
            )
        return settings.queue_endpoint.rstrip("/"), {
            **headers,
            "Authorization": f"Bearer {identity().get_token(_SCOPE).token}",
        }
    parts = _parts(settings.storage)
    endpoint, account = parts["QueueEndpoint"].rstrip("/"), parts["AccountName"]
    named = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    path = f"{urlsplit(endpoint).path}/{queue}"
    text = "GET\n" + "\n" * _EMPTY_HEADERS + f"{named}/{account}{path}\ncomp:metadata"
    digest = hmac.digest(base64.b64decode(parts["AccountKey"]), text.encode(), hashlib.sha256)
    return endpoint, {**headers, "Authorization": f"SharedKey {account}:{base64.b64encode(digest).decode()}"}


def _parts(connection: str) -> Mapping[str, str]:
    """A connection string's parts, with the address of its queue service."""
    given = dict(part.split("=", 1) for part in connection.split(";") if "=" in part)
    if given.get("UseDevelopmentStorage", "").lower() == "true":
        return _EMULATED
    if "QueueEndpoint" not in given and given.get("AccountName"):
        scheme, suffix = given.get("DefaultEndpointsProtocol", "https"), given.get("EndpointSuffix", "core.windows.net")
        given["QueueEndpoint"] = f"{scheme}://{given['AccountName']}.queue.{suffix}"
    missing = [name for name in ("AccountName", "AccountKey", "QueueEndpoint") if not given.get(name)]
    if missing:
        raise ConfigError(
            f"the connection string has no {missing[0]}",
            setting="AzureWebJobsStorage",
            next_step="Copy the account's connection string anew, or use the identity form.",
        )
    return given
