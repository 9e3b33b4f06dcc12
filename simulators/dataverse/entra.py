"""The companion `entra`: OAuth token endpoint, OpenID discovery, managed-identity endpoint (dataverse.md 1.1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from simulators.dataverse.tokens import TENANT, Application, Claims, Secret, TokenAuthority
from simulators.frame import (
    Clock,
    ControlError,
    Request,
    Response,
    Switch,
    SystemBase,
    flag,
    json_response,
    text_response,
)

_DEFAULT = "/.default"
IDENTITY_HEADER = "simulated-identity-header"


class EntraError(Exception):
    """A refused token request: OAuth error word, AADSTS number and text."""

    def __init__(self, status: int, word: str, number: int, text: str) -> None:
        super().__init__(text)
        self.status, self.word, self.number, self.text = status, word, number, text


class EntraSystem(SystemBase):
    """Tenants, applications, and the tokens they get."""

    name = "entra"
    switch_list = (
        Switch("token_seconds", 3_599, "life of an access token in seconds", "dataverse.md 1.1"),
        flag(
            "managed_identity_header",
            default=True,
            text="the identity endpoint asks for the X-IDENTITY-HEADER it was set up with",
            source="dataverse.md 1.1",
        ),
    )

    def __init__(self, authority: TokenAuthority, clock: Clock | None = None, *, seed: int = 1) -> None:
        super().__init__(clock, seed=seed)
        self.authority = authority

    def reset(self, seed: int) -> None:
        """See `System.reset`."""
        super().reset(seed)
        self.authority.reset()

    def handle(self, request: Request) -> Response:
        """See `System.handle`."""
        try:
            return self._route(request)
        except EntraError as refusal:
            return self._refuse(refusal)

    def seed(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Register applications: `{"apps": [{"client_id", "tenant", "secret", "secrets", "certificates"}]}`."""
        if set(spec) - {"apps"}:
            raise ControlError(f"entra takes the seed key 'apps', not {sorted(set(spec) - {'apps'})}")
        for declared in spec.get("apps", ()):
            self.authority.add(application_from(declared))
        return {"apps": len(spec.get("apps", ()))}

    def state(self, query: dict[str, str]) -> dict[str, Any]:
        """See `System.state`: tenants and applications, without secrets."""
        del query
        apps = sorted(self.authority.applications.values(), key=lambda app: app.client_id)
        return {
            "tenants": sorted(self.authority.tenants),
            "identity_header": IDENTITY_HEADER,
            "apps": [{"client_id": app.client_id, "tenant": app.tenant, "secrets": len(app.secrets)} for app in apps],
        }

    def _route(self, request: Request) -> Response:
        parts = request.path.strip("/").split("/")
        if request.path.endswith("/.well-known/openid-configuration"):
            return self._discovery(request, parts[0])
        if parts[1:] == ["oauth2", "v2.0", "token"]:
            if request.method != "POST":
                return text_response(405, "")
            return self._token(request, parts[0])
        if parts == ["common", "discovery", "instance"]:
            tenant = TENANT
            return json_response(200, {"tenant_discovery_endpoint": f"{_base(request)}/{tenant}/v2.0/.well-known/"})
        if parts in (["msi", "token"], ["metadata", "identity", "oauth2", "token"]):
            return self._identity(request)
        return text_response(404, "")

    def _discovery(self, request: Request, tenant: str) -> Response:
        self._check_tenant(tenant)
        base = f"{_base(request)}/{tenant}"
        return json_response(
            200,
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "tenant_region_scope": "EU",
            },
        )

    def _token(self, request: Request, tenant: str) -> Response:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        self._check_tenant(tenant)
        if form.get("grant_type") != "client_credentials":
            text = f"The app requested an unsupported grant type '{form.get('grant_type', '')[:100]}'."
            raise EntraError(400, "unsupported_grant_type", 70003, text)
        application = self._application(form.get("client_id", ""), tenant)
        self._authenticate(application, form, request)
        audience = self._audience(form.get("scope", ""), tenant)
        seconds = int(self.switches.number("token_seconds"))
        return json_response(
            200,
            {
                "token_type": "Bearer",
                "expires_in": seconds,
                "ext_expires_in": seconds,
                "access_token": self._sign(application, audience, seconds),
            },
            [("Cache-Control", "no-store, no-cache")],
        )

    def _sign(self, application: Application, audience: str, seconds: int) -> str:
        now = self.clock.time()
        claims = Claims(application.client_id, audience, now + seconds, application.tenant)
        return self.authority.sign(claims, now)

    def _check_tenant(self, tenant: str) -> None:
        if tenant.lower() not in self.authority.tenants:
            text = (
                f"Tenant '{tenant[:100]}' not found. Check to make sure you have the correct tenant ID and are signing "
                "into the correct cloud. Check with your subscription administrator, this may happen if there are no "
                "active subscriptions for the tenant."
            )
            raise EntraError(400, "invalid_request", 90002, text)

    def _application(self, client_id: str, tenant: str) -> Application:
        if not client_id:
            raise EntraError(400, "invalid_request", 900144, _missing("client_id"))
        application = self.authority.applications.get(client_id)
        if application is None or application.tenant != tenant.lower():
            text = (
                f"Application with identifier '{client_id[:100]}' was not found in the directory '{tenant}'. This can "
                "happen if the application has not been installed by the administrator of the tenant or consented to "
                "by any user in the tenant. You may have sent your authentication request to the wrong tenant."
            )
            raise EntraError(400, "unauthorized_client", 700016, text)
        return application

    def _authenticate(self, application: Application, form: dict[str, str], request: Request) -> None:
        if "client_assertion" in form:
            self._check_assertion(application, form["client_assertion"], request)
        elif "client_secret" in form:
            self._check_secret(application, form["client_secret"])
        else:
            text = _missing("client_assertion' or 'client_secret")
            raise EntraError(401, "invalid_client", 7000218, text)

    def _check_secret(self, application: Application, value: str) -> None:
        known = next((secret for secret in application.secrets if secret.value == value), None)
        if known is None:
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{application.client_id}'."
            )
            raise EntraError(401, "invalid_client", 7000215, text)
        if known.expires is not None and known.expires <= self.clock.time():
            text = (
                f"The provided client secret keys for app '{application.client_id}' are expired. Visit the Azure "
                "portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using "
                "certificate credentials for added security: https://aka.ms/certCreds."
            )
            raise EntraError(401, "invalid_client", 7000222, text)

    def _check_assertion(self, application: Application, assertion: str, request: Request) -> None:
        """Verify a JWT signed with the key of a registered certificate, named by its thumbprint."""
        import jwt

        key = _registered_key(application, assertion)
        try:
            claims = jwt.decode(
                assertion,
                key,
                algorithms=["RS256", "PS256"],
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
            )
        except jwt.PyJWTError as problem:
            raise _unknown_certificate("Client assertion failed signature validation.") from problem
        if claims.get("iss") != application.client_id or claims.get("sub") != application.client_id:
            raise _unknown_certificate("The issuer is not the application.")
        if not str(claims.get("aud", "")).lower().startswith(f"{_base(request)}/{application.tenant}".lower()):
            text = "Client assertion audience claim does not match Realm issuer."
            raise EntraError(401, "invalid_client", 700023, text)
        now = self.clock.time()
        if not float(claims.get("nbf", now)) - 300 <= now <= float(claims.get("exp", 0)) + 300:
            text = "Client assertion is not within its valid time range."
            raise EntraError(401, "invalid_client", 700024, text)

    def _audience(self, scope: str, tenant: str) -> str:
        if not scope:
            raise EntraError(400, "invalid_request", 900144, _missing("scope"))
        if not scope.endswith(_DEFAULT) or " " in scope:
            text = (
                f"The provided value for scope {scope[:200]} is not valid. Client credential flows must have a scope "
                "value with /.default suffixed to the resource identifier (application ID URI)."
            )
            raise EntraError(400, "invalid_scope", 1002012, text)
        return self._resource(scope.removesuffix(_DEFAULT), tenant)

    def _resource(self, resource: str, tenant: str) -> str:
        """Return the audience for a resource that the tenant has: the organisation, by any of its addresses."""
        resource = resource.rstrip("/")
        parts, served = urlsplit(resource), urlsplit(self.urls.get("dataverse", ""))
        own = parts.port == served.port and parts.hostname in ("127.0.0.1", "localhost", "::1", served.hostname)
        cloud = (parts.hostname or "").endswith(".dynamics.com") and not parts.path.strip("/")
        if parts.scheme not in ("https", "http") or not (cloud or not served.port or (own and not parts.path)):
            text = (
                f"The resource principal named {resource[:200]} was not found in the tenant named {tenant}. This can "
                "happen if the application has not been installed by the administrator of the tenant or consented to "
                "by any user in the tenant."
            )
            raise EntraError(400, "invalid_resource", 500011, text)
        return resource

    def _identity(self, request: Request) -> Response:
        """Answer a managed identity: `resource` is the organisation's URL, `client_id` picks one identity."""
        given = request.headers.get("x-identity-header") or ("x" if request.headers.get("metadata") else "")
        if not given or (
            self.switches.on("managed_identity_header")
            and "x-identity-header" in request.headers
            and given != IDENTITY_HEADER
        ):
            return json_response(401, {"statusCode": 401, "message": "The identity header is missing or wrong."})
        wanted = request.first("client_id")
        found = [
            app
            for app in self.authority.applications.values()
            if app.managed_identity and wanted in ("", app.client_id)
        ]
        if not found or not request.first("resource"):
            return json_response(400, {"statusCode": 400, "message": "No managed identity was found for the request."})
        seconds = int(self.switches.number("token_seconds"))
        resource = request.first("resource").removesuffix(_DEFAULT).rstrip("/")
        return json_response(
            200,
            {
                "access_token": self._sign(found[0], resource, seconds),
                "expires_on": str(int(self.clock.time()) + seconds),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": found[0].client_id,
            },
        )

    def _refuse(self, refusal: EntraError) -> Response:
        stamp = datetime.fromtimestamp(self.clock.time(), tz=UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        trace, correlation = (str(uuid.UUID(int=self.chance.getrandbits(128), version=4)) for _ in range(2))
        number = refusal.number
        text = f"AADSTS{number}: {refusal.text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
        body = {
            "error": refusal.word,
            "error_description": text,
            "error_codes": [number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={number}",
        }
        return json_response(refusal.status, body)


def application_from(declared: dict[str, Any]) -> Application:
    """Read an application from a seed. A secret is a text or `{"value": ..., "expires": iso}`.

    Raises:
        ControlError: the client id is missing.
    """
    if not declared.get("client_id"):
        raise ControlError("an app needs a client_id")
    secrets = list(declared.get("secrets", ()))
    if declared.get("secret"):
        secrets.append(declared["secret"])
    return Application(
        client_id=str(declared["client_id"]),
        tenant=str(declared.get("tenant") or TENANT).lower(),
        secrets=[_secret(each) for each in secrets],
        certificates=[str(each) for each in declared.get("certificates", ())],
        managed_identity=bool(declared.get("managed_identity")),
    )


def _secret(declared: Any) -> Secret:
    if isinstance(declared, str):
        return Secret(declared)
    expires = declared.get("expires")
    return Secret(str(declared["value"]), datetime.fromisoformat(expires).timestamp() if expires else None)


def _registered_key(application: Application, assertion: str) -> Any:
    import jwt
    from cryptography import x509

    try:
        header = jwt.get_unverified_header(assertion)
        named = [_thumbprint(str(header[name])) for name in ("x5t", "x5t#S256") if name in header]
    except (jwt.PyJWTError, ValueError, binascii.Error) as problem:
        raise _unknown_certificate("The client assertion is malformed.") from problem
    for pem in application.certificates:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        der = base64.b64decode("".join(pem.strip().splitlines()[1:-1]))
        prints = (hashlib.sha1(der).digest(), hashlib.sha256(der).digest())  # noqa: S324 - a name, not a safeguard
        if any(each in prints for each in named):
            return certificate.public_key()
    raise _unknown_certificate("The key was not found.")


def _thumbprint(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _unknown_certificate(reason: str) -> EntraError:
    text = (
        "The certificate with identifier used to sign the client assertion is not registered on application. "
        f"[Reason - {reason}]"
    )
    return EntraError(401, "invalid_client", 700027, text)


def _missing(name: str) -> str:
    return f"The request body must contain the following parameter: '{name}'."


def _base(request: Request) -> str:
    return f"https://{request.headers.get('host') or 'login.microsoftonline.com'}"
