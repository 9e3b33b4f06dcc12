"""When secrets of connections end, and from when it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from shared.connectors.dynamics.settings import parse_settings
from shared.domain.connection import ConnectionConfig
from shared.errors import ConfigError
from shared.http.certificates import certificate_end
from shared.manage.expiry import Ending, endings

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def config(**crm: object) -> ConnectionConfig:
    return ConnectionConfig(
        id="c1", name="n", system="activecampaign", crm=crm, partner={"key": "c1-partner-key"}, entities=(),
        rhythm={}, options={},
    )  # fmt: skip


def certificate(ends: datetime) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dynasync")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(ends - timedelta(days=365))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (private + made.public_bytes(serialization.Encoding.PEM)).decode()


def found(made: ConnectionConfig, secrets: dict[str, str] | None = None) -> list[Ending]:
    def read(name: str) -> str:
        if name not in (secrets or {}):
            raise ConfigError(f"the secret {name} was never stored")
        return (secrets or {})[name]

    names = {"": ["secret"], "activecampaign": ["key"]}
    return list(endings(made, lambda system: names[system], read, certificate_end))


@pytest.mark.feature("HUB-25.4")
@pytest.mark.parametrize(("day", "near"), [("2027-03-30", True), ("2027-04-01", False), ("2027-02-20", True)])
def test_a_client_secret_is_told_from_thirty_days_before_the_day_entered(day: str, near: bool) -> None:
    ending = found(config(credential="secret", secret="c1-crm-secret", secret_ends=day))
    assert [item.setting for item in ending] == ["crm.secret"]
    assert ending[0].near(NOW) is near


@pytest.mark.feature("HUB-25.4")
def test_a_certificate_tells_its_end_itself() -> None:
    ends = NOW + timedelta(days=29, hours=1)
    made = config(credential="certificate", secret="c1-crm-secret", secret_ends="2099-01-01")
    (ending,) = found(made, {"c1-crm-secret": certificate(ends)})
    assert ending.ends == ends.replace(microsecond=0)
    assert 29 < ending.days_left(NOW) < 29.1


def test_what_is_not_known_is_left_out() -> None:
    assert found(config(credential="secret", secret="c1-crm-secret")) == []
    assert found(config(credential="managed_identity")) == []
    assert found(config(credential="certificate", secret="gone")) == []


def test_a_day_that_is_none_is_refused_with_its_form() -> None:
    good = {"url": "https://contoso.crm4.dynamics.com", "tenant": "t", "client_id": "c", "secret": "s"}
    parse_settings({**good, "secret_ends": "2027-06-30"})
    with pytest.raises(ConfigError, match="secret_ends") as refused:
        parse_settings({**good, "secret_ends": "30/06/2027"})
    assert "2027-06-30" in refused.value.next_step
