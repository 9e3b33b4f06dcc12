"""Keys of the addresses that other systems call. Some vendors can neither sign a call nor send a header: the address
itself is the secret.

A key follows from the app's state key, the connection and the number of times it was renewed; nothing is stored but
that number. After a renewal the key before it still opens until the next one, because automations are edited by hand,
one after the other.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest

from shared.domain.connection import ConnectionConfig


def hook_key(state_key: bytes, connection: str, generation: int) -> str:
    """40 hexadecimal digits, 160 bits."""
    digest = blake2b(f"{connection}|{generation}".encode(), key=state_key, digest_size=20, person=b"dynasync hooks")
    return digest.hexdigest()


def opens(state_key: bytes, config: ConnectionConfig, given: str) -> bool:
    """Whether `given` is the connection's key or the one before; compared in constant time, both always."""
    generation = config.hook_generation
    known = [hook_key(state_key, config.id, number) for number in (generation, generation - 1) if number >= 0]
    return sum(compare_digest(key.encode(), given.encode("utf-8", "replace")) for key in known) > 0
