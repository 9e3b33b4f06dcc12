"""Secrets of connections in Azure Key Vault, through Microsoft's SDK.

Replacing a secret makes a new version; the old one stays in the vault and can be restored. What was read is kept for
`KEEP_SECONDS`, so that a lane does not ask the vault before every call, and a replaced secret is used everywhere
within that time. Nothing here is ever listed, logged or put into an error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from shared.errors import AuthError, ConfigError, Transient

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.keyvault.secrets import SecretClient

KEEP_SECONDS: Final = 60.0
_CONNECT_SECONDS: Final = 3
_READ_SECONDS: Final = 10
_MARK: Final = {"by": "dynasync"}


class VaultSecrets:
    """Secrets by name in one vault, one secret each; the newest version counts."""

    def __init__(self, client: SecretClient, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, str]] = {}

    @staticmethod
    def by_credential(
        url: str, credential: TokenCredential, monotonic: Callable[[], float], **options: Any
    ) -> VaultSecrets:
        """`url` is `https://NAME.vault.azure.net/`; `options` go to the SDK's client."""
        from azure.keyvault.secrets import SecretClient

        given = {"connection_timeout": _CONNECT_SECONDS, "read_timeout": _READ_SECONDS, "retry_total": 2, **options}
        return VaultSecrets(SecretClient(vault_url=url, credential=credential, **given), monotonic)

    def close(self) -> None:
        self._client.close()

    def put(self, name: str, value: str) -> None:
        """Stores or replaces a secret. One that was deleted and lies in the vault's bin is brought back first."""
        from azure.core.exceptions import ResourceExistsError

        try:
            self._asking(name, lambda: self._client.set_secret(name, value, tags=dict(_MARK)))
        except ResourceExistsError:
            self._asking(name, lambda: self._client.begin_recover_deleted_secret(name).wait(30))
            self._asking(name, lambda: self._client.set_secret(name, value, tags=dict(_MARK)))
        with self._lock:
            self._kept[name] = (self._monotonic(), value)

    def remove(self, name: str) -> None:
        """Puts the secret into the vault's bin; succeeds when there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        with self._lock:
            self._kept.pop(name, None)
        try:
            self._asking(name, lambda: self._client.begin_delete_secret(name))
        except ResourceNotFoundError:
            return

    def secret(self, name: str) -> str:
        """Raises ConfigError when there is none, AuthError when the vault refuses the app, Transient when it does not
        answer."""
        from azure.core.exceptions import ResourceNotFoundError

        with self._lock:
            read, value = self._kept.get(name, (0.0, ""))
        if value and self._monotonic() - read < KEEP_SECONDS:
            return value
        try:
            found = self._asking(name, lambda: self._client.get_secret(name)).value
        except ResourceNotFoundError:
            found = None
        if not found:
            raise ConfigError(
                f"the secret {name} was never stored",
                setting=name,
                next_step="Enter the secret again on the connection.",
            )
        with self._lock:
            self._kept[name] = (self._monotonic(), str(found))
        return str(found)

    def _asking(self, name: str, call: Callable[[], Any]) -> Any:
        from azure.core.exceptions import (
            AzureError,
            ClientAuthenticationError,
            HttpResponseError,
            ResourceExistsError,
            ResourceNotFoundError,
        )

        try:
            return call()
        except (ResourceExistsError, ResourceNotFoundError):
            raise
        except ClientAuthenticationError:
            error: Exception = _refused(name)
        except HttpResponseError as problem:
            refused = problem.status_code in {401, 403}
            error = _refused(name) if refused else Transient(f"the vault answered {problem.status_code}", code="vault")
        except AzureError:
            error = Transient("the vault could not be reached", code="vault")
        raise error


def _refused(name: str) -> AuthError:
    return AuthError(
        f"the vault refuses the app the secret {name}",
        code="vault_refused",
        next_step="Give the app's identity the role Key Vault Secrets Officer on the vault, and look at its firewall.",
    )
