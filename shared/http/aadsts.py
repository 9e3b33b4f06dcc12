"""What Entra ID's refusals mean for an administrator.

Codes: Microsoft's list of AADSTS errors. The text of a refusal may hold ids and addresses, so only the code is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import AuthError, SyncError, Transient


@dataclass(frozen=True, slots=True)
class _Reason:
    code: str
    what: str
    next_step: str


_WRONG_SECRET = _Reason(
    "wrong_secret",
    "the client secret is wrong",
    "Copy the secret's value (not its id) from the app registration, save it again, and run the check.",
)
_EXPIRED_SECRET = _Reason(
    "expired_secret",
    "the client secret has expired",
    "Create a new client secret in the app registration and save it here; the links are kept.",
)
_UNKNOWN_APP = _Reason(
    "unknown_app",
    "the application is not known in this tenant",
    "Check the application (client) id and the tenant id: both stand on the app registration's overview.",
)
_UNKNOWN_TENANT = _Reason(
    "unknown_tenant",
    "the tenant is not known",
    "Check the directory (tenant) id on the app registration's overview.",
)
_CERTIFICATE = _Reason(
    "wrong_certificate",
    "the certificate does not belong to the application",
    "Upload the certificate's public part to the app registration, or save the one that is registered there.",
)
_DISABLED = _Reason(
    "app_disabled",
    "the application is disabled in this tenant",
    "Enable the enterprise application in Entra ID (Properties, 'Enabled for users to sign in').",
)
_RESOURCE = _Reason(
    "unknown_environment",
    "the environment is not known in this tenant",
    "Check the environment's address and that the app registration is in the same tenant as the environment.",
)
_CONDITIONAL = _Reason(
    "conditional_access",
    "a conditional access policy keeps the application out",
    "Ask the tenant's administrator to let this application sign in from where it runs.",
)
_CLOCK = _Reason(
    "clock_skew",
    "the sign-in was refused because of the clock",
    "The time of the machine this runs on is wrong; correct it.",
)

_REASONS: Mapping[int, _Reason] = {
    7000215: _WRONG_SECRET,
    7000216: _WRONG_SECRET,
    7000218: _WRONG_SECRET,
    7000222: _EXPIRED_SECRET,
    700016: _UNKNOWN_APP,
    700038: _UNKNOWN_APP,
    90013: _UNKNOWN_APP,
    900384: _UNKNOWN_APP,
    90002: _UNKNOWN_TENANT,
    90023: _UNKNOWN_TENANT,
    900021: _UNKNOWN_TENANT,
    900023: _UNKNOWN_TENANT,
    50034: _UNKNOWN_TENANT,
    700027: _CERTIFICATE,
    7000114: _CERTIFICATE,
    7000214: _CERTIFICATE,
    7000112: _DISABLED,
    500014: _DISABLED,
    500011: _RESOURCE,
    650057: _RESOURCE,
    1002012: _RESOURCE,
    53003: _CONDITIONAL,
    530003: _CONDITIONAL,
    700024: _CLOCK,
}
_PASSING = frozenset({90033, 90099, 50196, 500112})  # temporary errors of the service itself
_CODE = re.compile(r"AADSTS(\d{4,8})")
_OTHER = _Reason(
    "sign_in_refused",
    "the sign-in was refused",
    "Look the code up in Microsoft's list of AADSTS errors, correct the app registration, and run the check.",
)
_MANAGED = _Reason(
    "no_managed_identity",
    "no token could be had as managed identity",
    "Check that the function app has the identity switched on and that its client id is the one entered here.",
)


def refusal(result: Mapping[str, Any], kind: str, *, resource: str) -> SyncError:
    """The error for an answer without a token. `kind` is the credential's; `resource` names what the token was for."""
    told = result.get("error_codes")
    codes = [code for code in told if isinstance(code, int)] if isinstance(told, list) else []
    codes += [int(code) for code in _CODE.findall(str(result.get("error_description", "")))]
    if any(code in _PASSING for code in codes) or result.get("error") == "temporarily_unavailable":
        return Transient("the sign-in service is unavailable for the moment", code="sign_in_unavailable")
    reason = next((_REASONS[code] for code in codes if code in _REASONS), None)
    if reason is None:
        reason = _MANAGED if kind == "managed_identity" else _OTHER
    shown = f" (AADSTS{codes[0]})" if codes else ""
    where = f" for {resource}" if resource else ""
    return AuthError(f"Entra ID{where}: {reason.what}{shown}", code=reason.code, next_step=reason.next_step)
