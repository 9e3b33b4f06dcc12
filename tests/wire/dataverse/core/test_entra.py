"""Tokens: the endpoint, its refusals, and who may call with what."""

from __future__ import annotations

import base64
import datetime
import hashlib
import uuid
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from simulators.dataverse.entra import IDENTITY_HEADER
from simulators.dataverse.tokens import APPLICATION, SECRET, TENANT
from simulators.frame import ControlError, Request, Response
from tests.wire.dataverse.core.vendor import HOST, NOW, Vendor

SCOPE = f"https://{HOST}/.default"
OTHER = "0f0e0d0c-1111-4222-8333-444455556666"


def ask(vendor: Vendor, tenant: str = TENANT, **form: str) -> Response:
    fields = {"grant_type": "client_credentials", "client_id": APPLICATION, "client_secret": SECRET, "scope": SCOPE}
    fields = {name: value for name, value in {**fields, **form}.items() if value}
    target = f"/{tenant}/oauth2/v2.0/token"
    headers = {"Host": "login.example"}
    return vendor.entra.handle(Request.build("POST", target, headers=headers, body=urlencode(fields).encode()))


def refused(response: Response, status: int, word: str, number: int) -> str:
    body = response.json()
    assert (response.status, body["error"], body["error_codes"]) == (status, word, [number]), body
    assert body["error_description"].startswith(f"AADSTS{number}: ")
    return str(body["error_description"])


@pytest.mark.rule("DV-AU-01")
def test_a_secret_gives_a_token_that_the_organisation_takes(vendor: Vendor) -> None:
    answer = ask(vendor)
    assert answer.status == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3599)
    assert vendor.get("WhoAmI", token=body["access_token"])["UserId"] == vendor.get("WhoAmI")["UserId"]


def test_discovery_names_the_token_endpoint(vendor: Vendor) -> None:
    for path in (f"/{TENANT}/v2.0/.well-known/openid-configuration", f"/{TENANT}/.well-known/openid-configuration"):
        answer = vendor.entra.handle(Request.build("GET", path, headers={"Host": "login.example"}))
        assert answer.json()["token_endpoint"] == f"https://login.example/{TENANT}/oauth2/v2.0/token"
    unknown = vendor.entra.handle(Request.build("GET", f"/{OTHER}/v2.0/.well-known/openid-configuration"))
    refused(unknown, 400, "invalid_request", 90002)


@pytest.mark.rule("DV-AU-03")
def test_wrong_and_expired_secrets_are_told_apart(vendor: Vendor) -> None:
    assert "Invalid client secret provided" in refused(ask(vendor, client_secret="no"), 401, "invalid_client", 7000215)
    vendor.entra.seed({"apps": [{"client_id": OTHER, "secrets": [{"value": "s", "expires": "2026-11-18T12:00:00Z"}]}]})
    assert ask(vendor, client_id=OTHER, client_secret="s").status == 200
    vendor.later(3600)
    assert "expired" in refused(ask(vendor, client_id=OTHER, client_secret="s"), 401, "invalid_client", 7000222)
    refused(ask(vendor, client_secret=""), 401, "invalid_client", 7000218)


@pytest.mark.rule("DV-AU-04")
def test_unknown_tenants_and_applications(vendor: Vendor) -> None:
    refused(ask(vendor, tenant=OTHER), 400, "invalid_request", 90002)
    refused(ask(vendor, client_id=OTHER), 400, "unauthorized_client", 700016)
    refused(ask(vendor, grant_type="password"), 400, "unsupported_grant_type", 70003)


@pytest.mark.rule("DV-AU-05")
def test_scopes(vendor: Vendor) -> None:
    refused(ask(vendor, scope=""), 400, "invalid_request", 900144)
    refused(ask(vendor, scope=f"https://{HOST}/user_impersonation"), 400, "invalid_scope", 1002012)
    vendor.entra.started({"dataverse": "https://127.0.0.1:8800", "entra": "https://127.0.0.1:8801"}, "")
    refused(ask(vendor, scope="https://graph.microsoft.com/.default"), 400, "invalid_resource", 500011)
    assert ask(vendor, scope="https://localhost:8800/.default").status == 200
    assert ask(vendor, scope="https://127.0.0.1:8800//.default").status == 200


def certificate() -> tuple[str, str, bytes]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=3650))
    signed = made.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = signed.public_bytes(serialization.Encoding.PEM).decode()
    return pem, private.decode(), signed.public_bytes(serialization.Encoding.DER)


def assertion(private: str, der: bytes, **changes: Any) -> str:
    claims = {
        "aud": f"https://login.example/{TENANT}/oauth2/v2.0/token",
        "iss": OTHER,
        "sub": OTHER,
        "jti": str(uuid.UUID(int=1)),
        "nbf": int(NOW),
        "exp": int(NOW) + 600,
    } | changes
    thumbprint = base64.urlsafe_b64encode(hashlib.sha1(der).digest()).rstrip(b"=").decode()
    return jwt.encode(claims, private, algorithm="RS256", headers={"x5t": thumbprint})


@pytest.mark.rule("DV-AU-02")
def test_a_registered_certificate_signs_in(vendor: Vendor) -> None:
    pem, private, der = certificate()
    _, strange, strange_der = certificate()
    vendor.entra.seed({"apps": [{"client_id": OTHER, "certificates": [pem]}]})

    def by(token: str) -> Response:
        return ask(vendor, client_id=OTHER, client_secret="", client_assertion=token)

    assert by(assertion(private, der)).status == 200
    refused(by(assertion(strange, strange_der)), 401, "invalid_client", 700027)
    refused(by(assertion(strange, der)), 401, "invalid_client", 700027)
    refused(by(assertion(private, der, iss=APPLICATION)), 401, "invalid_client", 700027)
    refused(by(assertion(private, der, aud="https://elsewhere/")), 401, "invalid_client", 700023)
    refused(by(assertion(private, der, exp=int(NOW) - 301)), 401, "invalid_client", 700024)
    refused(by("no token at all"), 401, "invalid_client", 700027)


@pytest.mark.rule("DV-AU-06")
def test_a_managed_identity_asks_its_endpoint(vendor: Vendor) -> None:
    def identity(target: str, **headers: str) -> Response:
        return vendor.entra.handle(Request.build("GET", target, headers={"Host": "x", **headers}))

    path = f"/msi/token?api-version=2019-08-01&resource=https://{HOST}"
    good = identity(path, **{"X-IDENTITY-HEADER": IDENTITY_HEADER})
    assert good.status == 200
    assert int(good.json()["expires_on"]) == int(NOW) + 3599
    assert vendor.call("GET", "WhoAmI", token=good.json()["access_token"]).status == 200
    assert identity(path).status == 401
    assert identity(path, **{"X-IDENTITY-HEADER": "no"}).status == 401
    assert identity(f"{path}&client_id={OTHER}", **{"X-IDENTITY-HEADER": IDENTITY_HEADER}).status == 400
    vendor.entra.switches.set({"managed_identity_header": False})
    assert identity(path, **{"X-IDENTITY-HEADER": "any"}).status == 200
    assert identity(path.replace("/msi/", "/metadata/identity/oauth2/"), Metadata="true").status == 200


@pytest.mark.rule("DV-AU-07")
def test_calls_without_a_good_token_are_told_where_to_get_one(vendor: Vendor) -> None:
    for token in ("", "not.a.token", f"{vendor.token}x"):
        answer = vendor.call("GET", "contacts", token=token)
        assert answer.status == 401
        challenge = answer.header("WWW-Authenticate")
        assert "authorization_uri=https://login.microsoftonline.com/" in challenge
        assert f"resource_id=https://{HOST}/" in challenge
        assert ("invalid_token" in challenge) is bool(token)
    elsewhere = vendor.call("GET", "WhoAmI", headers={"Authorization": f"Basic {vendor.token}"}, token="")
    assert elsewhere.status == 401
    vendor.system.started({"dataverse": "https://127.0.0.1:1", "entra": "https://127.0.0.1:2"}, "")
    foreign = vendor.token_of()
    assert vendor.call("GET", "WhoAmI", token=foreign).status == 401


@pytest.mark.rule("DV-AU-08")
def test_a_tokens_life_follows_the_clock(vendor: Vendor) -> None:
    vendor.entra.switches.set({"token_seconds": 60})
    token = ask(vendor).json()["access_token"]
    vendor.later(59)
    assert vendor.call("GET", "WhoAmI", token=token).status == 200
    vendor.later(2)
    assert vendor.call("GET", "WhoAmI", token=token).status == 401


@pytest.mark.rule("DV-AU-09")
def test_applications_that_are_no_enabled_user(vendor: Vendor) -> None:
    token = vendor.token_of(OTHER)
    vendor.refused(403, "0x80072560", "GET", "WhoAmI", token=token)
    vendor.switch(unknown_user_status=401)
    vendor.refused(401, "0x80072560", "GET", "WhoAmI", token=token)
    made = vendor.seed(users=[{"name": "Second App", "application_id": OTHER, "secret": "s2"}])["users"][0]
    assert vendor.get("WhoAmI", token=token)["UserId"] == made["systemuserid"]
    assert ask(vendor, client_id=OTHER, client_secret="s2").status == 200
    vendor.patch(f"systemusers({made['systemuserid']})", {"isdisabled": True})
    vendor.refused(403, "0x80040225", "GET", "WhoAmI", token=token)


def test_seeds_and_state_of_entra(vendor: Vendor) -> None:
    with pytest.raises(ControlError):
        vendor.entra.seed({"tenants": []})
    with pytest.raises(ControlError):
        vendor.entra.seed({"apps": [{"secret": "x"}]})
    state = vendor.entra.state({})
    assert state["apps"] == [{"client_id": APPLICATION, "tenant": TENANT, "secrets": 1}]
    assert SECRET not in str(state)
    vendor.entra.seed({"apps": [{"client_id": OTHER, "secret": "s"}]})
    vendor.entra.reset(1)
    assert [app["client_id"] for app in vendor.entra.state({})["apps"]] == [APPLICATION]
    assert vendor.entra.handle(Request.build("GET", "/x/y/z/w")).status == 404
