"""Encryption of what must be kept but not read by whoever reads the tables (AES-256-GCM, NIST SP 800-38D)."""

from __future__ import annotations

import os

_NONCE = 12


class Sealer:
    """Seals bytes under a key derived from the state key for one purpose. `bound` ties a sealed text to its place."""

    def __init__(self, state_key: bytes, purpose: str) -> None:
        self._state_key = state_key
        self._purpose = purpose.encode()

    def seal(self, plain: bytes, *, bound: str) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._key()).encrypt(nonce, plain, bound.encode())

    def open(self, sealed: bytes, *, bound: str) -> bytes:
        """Raises ValueError for a text that was changed, moved, or sealed under another key."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self._key()).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound.encode())
        except InvalidTag:
            raise ValueError("the sealed value does not open with this key") from None

    def _key(self) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(algorithm=SHA256(), length=32, salt=None, info=self._purpose).derive(self._state_key)


def digest_key(state_key: bytes) -> bytes:
    """The key of the field digests, so that the state key itself keys nothing."""
    from hashlib import blake2b

    return blake2b(b"digests", key=state_key, digest_size=32).digest()
