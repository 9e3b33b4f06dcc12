"""Who calls: the bearer token, the application user behind it."""

from __future__ import annotations

from urllib.parse import urlsplit

from simulators.dataverse.context import Caller, Context
from simulators.dataverse.errors import DataverseError, error
from simulators.dataverse.tokens import TENANT, Claims

_INVALID = "error=invalid_token, error_description=Error during token validation!, "


def authenticate(context: Context) -> Caller:
    """Return the user whom the bearer token stands for.

    Raises:
        DataverseError: 401 with `WWW-Authenticate` for no, a foreign or an expired token; 403 for an application that
            is no user of the organisation or a disabled one.
    """
    scheme, _, token = context.header("authorization").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise challenge(context, "")
    claims = context.service.authority.read(token.strip())
    if claims is None or claims.expires <= context.service.clock.time() or not _meant_for_us(context, claims):
        raise challenge(context, _INVALID)
    users = context.store["systemuser"].find("applicationid", claims.application_id)
    if not users:
        raise error("UserNotMember", status=int(context.switches.number("unknown_user_status")))
    user = users[0]
    if user.get("isdisabled") is True:
        raise error("UserDisabled", user=user["systemuserid"])
    name = str(user.get("fullname") or claims.application_id)
    return Caller(str(user["systemuserid"]), claims.application_id, name=name)


def _meant_for_us(context: Context, claims: Claims) -> bool:
    """A token is good for the address it was asked for, and for the organisation's cloud name."""
    audience, here = urlsplit(claims.audience), urlsplit(context.base_url)
    if (audience.hostname or "").endswith(".dynamics.com"):
        return True
    local = {"127.0.0.1", "localhost", "::1"}
    same_host = audience.hostname == here.hostname or {audience.hostname, here.hostname} <= local
    return same_host and audience.port == here.port


def challenge(context: Context, reason: str) -> DataverseError:
    """Return the 401 that tells a client where to get a token."""
    entra = context.service.urls.get("entra", "https://login.microsoftonline.com")
    here = urlsplit(context.base_url)
    value = f"Bearer {reason}authorization_uri={entra}/{TENANT}/oauth2/authorize, "
    value += f"resource_id={here.scheme}://{here.netloc}/"
    return DataverseError(
        401, "", "HTTP Error 401 - Unauthorized: Access is denied", headers=(("WWW-Authenticate", value),), name="401"
    )
