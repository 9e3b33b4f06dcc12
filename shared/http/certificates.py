"""Application certificates as they are stored, made ready for msal."""

from __future__ import annotations

import base64
import binascii
import contextlib
from datetime import datetime

from shared.errors import ConfigError


def certificate_credential(secret: str) -> dict[str, str]:
    """What msal wants of a certificate: given as PEM with its key, or as PKCS #12 in base64, as Key Vault hands it out.

    Raises ConfigError when it is neither.
    """
    pem = secret if "-----BEGIN" in secret else _pem_of_pkcs12(secret)
    key_starts, certificate_starts = pem.find("-----BEGIN PRIVATE"), pem.find("-----BEGIN CERTIFICATE")
    if key_starts < 0:
        key_starts = pem.find("-----BEGIN RSA PRIVATE")
    if key_starts < 0 or certificate_starts < 0:
        raise _bad_certificate()
    return {"private_key": _block(pem, key_starts), "public_certificate": _block(pem, certificate_starts)}


def certificate_end(secret: str) -> datetime:
    """When the certificate in a stored secret ends. Raises ConfigError when it cannot be read."""
    from cryptography import x509

    pem = certificate_credential(secret)["public_certificate"]
    try:
        return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
    except ValueError:
        raise _bad_certificate() from None


def _block(pem: str, start: int) -> str:
    end = pem.find("-----END", start)
    return pem[start : pem.find("-----", end + 5) + 5] + "\n"


def _pem_of_pkcs12(text: str) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

    key = certificate = None
    with contextlib.suppress(ValueError, TypeError, binascii.Error):
        key, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(text, validate=True), None)
    if key is None or certificate is None:
        raise _bad_certificate()
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        + certificate.public_bytes(Encoding.PEM).decode()
    )


def _bad_certificate() -> ConfigError:
    return ConfigError(
        "the certificate of the application cannot be read",
        setting="certificate",
        code="bad_certificate",
        next_step="Store it in Key Vault as a certificate, or as PEM text holding the private key and the certificate.",
    )
