"""The app's managed identity as the storage SDK wants it, by msal; no other identity library is needed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from shared.errors import AuthError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken


class ManagedIdentity:
    """`TokenCredential` over msal; tokens are cached there and renewed before they end."""

    def __init__(self, client_id: str = "") -> None:
        self._client_id = client_id
        self._client: Any = None

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """A token for the resource of the one scope given. Raises AuthError when the identity has none."""
        from azure.core.credentials import AccessToken

        found = self._msal().acquire_token_for_client(resource=scopes[0].removesuffix("/.default"))
        if "access_token" not in found:
            raise AuthError(
                f"the managed identity got no token: {found.get('error', 'unknown')}",
                next_step="Check that the identity is assigned to the app and has its role on the storage account.",
            )
        return AccessToken(found["access_token"], int(time.time()) + int(found["expires_in"]))

    def _msal(self) -> Any:
        if self._client is None:
            import msal

            from shared.http.session import shared_session

            identity = (
                msal.UserAssignedManagedIdentity(client_id=self._client_id)
                if self._client_id
                else msal.SystemAssignedManagedIdentity()
            )
            self._client = msal.ManagedIdentityClient(identity, http_client=shared_session())
        return self._client
