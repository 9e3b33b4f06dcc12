"""Signing in to Dataverse: each way, and each refusal with what to do about it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID

from shared.connectors import registry
from shared.errors import AuthError, ConfigError, SyncError, Transient
from shared.ports.connector import CheckState
from simulators.dataverse.entra import IDENTITY_HEADER
from simulators.dataverse.tokens import SECRET
from simulators.frame import Authority
from tests.wire.connectors.dynamics import Organisation, organisation

OTHER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def org(ca: Authority) -> Iterator[Organisation]:
    with organisation(ca) as made:
        yield made


def rebuilt(org: Organisation, **settings: object) -> Organisation:
    org.connector = registry.build("dynamics", org.settings | settings, org.around.surroundings)
    return org


def refused(org: Organisation, error: type[SyncError] = AuthError) -> SyncError:
    with pytest.raises(error) as raised:
        org.connector.identity()
    assert raised.value.next_step or error is not AuthError
    assert SECRET not in str(raised.value)
    return raised.value


@pytest.mark.feature("HUB-02.1")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_id": OTHER}, "unknown_app"),
        ({"tenant": OTHER}, "unknown_tenant"),
        ({"tenant": "nobody.example"}, "unknown_tenant"),
    ],
)
def test_a_refused_registration_says_which_setting_to_correct(
    org: Organisation, changes: dict[str, str], code: str
) -> None:
    assert refused(rebuilt(org, **changes)).code == code
    failed = next(step for step in org.connector.check() if step.state is CheckState.FAILED)
    assert (failed.name, failed.code) == ("token", code)
    assert failed.next_step


@pytest.mark.feature("HUB-02.1")
def test_a_wrong_secret_is_told_from_an_expired_one(org: Organisation) -> None:
    org.around.secrets.known["crm-secret"] = "wrong"
    assert refused(org).code == "wrong_secret"
    day = datetime.fromtimestamp(org.system.clock.time(), tz=UTC) - timedelta(days=1)
    app = {"client_id": OTHER, "secret": {"value": "old", "expires": day.isoformat()}}
    org.systems["entra"].seed({"apps": [app]})
    org.around.secrets.known["crm-secret"] = "old"
    assert refused(rebuilt(org, client_id=OTHER)).code == "expired_secret"


def test_a_missing_secret_is_a_setting(org: Organisation) -> None:
    org.around.secrets.known.clear()
    refused(org, ConfigError)


@pytest.mark.parametrize("status", [403, 401])
def test_an_application_that_is_no_user_of_the_environment(org: Organisation, status: int) -> None:
    org.system.switches.set({"unknown_user_status": status})
    org.systems["entra"].seed({"apps": [{"client_id": OTHER, "secret": "fine"}]})
    org.around.secrets.known["crm-secret"] = "fine"
    error = refused(rebuilt(org, client_id=OTHER))
    assert error.code == "no_app_user"
    assert "application user" in error.next_step


def test_a_token_is_fetched_once_and_renewed_when_refused(org: Organisation) -> None:
    for _ in range(5):
        org.connector.client.get(org.connector.client.target("WhoAmI"), "check")  # type: ignore[attr-defined]
    assert org.around.calls("entra") == {"token": 2}  # where to ask, and the token
    fault = {"match": {"path": "WhoAmI", "times": 1}, "do": {"status": 401}}
    org.server.host.faults.add([fault])
    org.connector.client.get(org.connector.client.target("WhoAmI"), "check")  # type: ignore[attr-defined]
    assert org.around.calls("entra") == {"token": 3}


def test_a_token_is_renewed_before_it_ends(org: Organisation) -> None:
    org.connector.identity()
    org.around.clock.advance(3400)
    org.connector.describe(org.kind)
    assert org.around.calls("entra") == {"token": 3}


def test_a_sign_in_service_that_is_down_is_transient(org: Organisation) -> None:
    org.servers["entra"].host.faults.add([{"match": {}, "do": {"status": 503}}])
    assert refused(org, Transient).code in {"sign_in_unavailable", "sign_in_unreachable"}
    org.servers["entra"].host.faults.clear()
    org.servers["entra"].host.faults.add([{"match": {}, "do": "drop_before"}])
    assert refused(org, Transient).code == "sign_in_unreachable"
    org.servers["entra"].host.faults.clear()
    assert org.connector.identity()


@pytest.mark.parametrize("form", ["pem", "pkcs12"])
def test_a_certificate_signs_in(org: Organisation, form: str) -> None:
    stored, public = certificate(form)
    org.systems["entra"].seed({"apps": [{"client_id": OTHER, "certificates": [public]}]})
    org.system.seed({"users": [{"name": "Sync", "application_id": OTHER}]})
    org.around.secrets.known["crm-secret"] = stored
    assert rebuilt(org, client_id=OTHER, credential="certificate").connector.identity()
    other, _ = certificate(form)
    org.around.secrets.known["other"] = other
    assert refused(rebuilt(org, client_id=OTHER, credential="certificate", secret="other")).code == "wrong_certificate"


def test_what_is_no_certificate_is_a_setting(org: Organisation) -> None:
    for secret in ("just text", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"):
        org.around.secrets.known["crm-secret"] = secret
        assert refused(rebuilt(org, credential="certificate"), ConfigError).code == "bad_certificate"


def test_a_managed_identity_signs_in_without_a_secret(org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{org.servers['entra'].url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
    settings = {"credential": "managed_identity", "client_id": "", "tenant": "", "secret": ""}
    assert rebuilt(org, **settings).connector.identity()
    assert refused(rebuilt(org, **(settings | {"client_id": OTHER}))).code == "no_managed_identity"


def certificate(form: str) -> tuple[str, str]:
    """(as it is stored as a secret, the public part)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sync")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(Encoding.PEM).decode()
    if form == "pkcs12":
        packed = pkcs12.serialize_key_and_certificates(b"sync", key, made, None, NoEncryption())
        return base64.b64encode(packed).decode(), public
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode() + public, public
