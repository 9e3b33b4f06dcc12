"""Access keys: made when the host starts, or kept in the folder of ``--keep``; never in the repository."""

import hmac
import json
import os
import secrets
from pathlib import Path

from localhost.errors import HostError
from localhost.functions import AuthLevel

_HOST = "_host"
_MASTER = "_master"


class Keys:
    """The master key, the host key (good for every function), and one key for each function."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._keys = _read(file) if file is not None else {}
        self._key(_MASTER)
        self._key(_HOST)

    @property
    def master(self) -> str:
        """Opens everything, the admin addresses too."""
        return self._key(_MASTER)

    @property
    def host(self) -> str:
        """Opens every function of level ``function``."""
        return self._key(_HOST)

    def function(self, name: str) -> str:
        """Opens this one function."""
        return self._key(f"function:{name}")

    def level_of(self, given: str | None, function: str) -> AuthLevel:
        """What a key that came with a request opens, for this function."""
        if not given:
            return AuthLevel.ANONYMOUS
        if _same(given, self.master):
            return AuthLevel.ADMIN
        if _same(given, self.host) or _same(given, self.function(function)):
            return AuthLevel.FUNCTION
        return AuthLevel.ANONYMOUS

    def save(self) -> None:
        """Write the keys to the file, readable for its owner only."""
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(self._keys, stream, indent=2)

    def _key(self, name: str) -> str:
        return self._keys.setdefault(name, secrets.token_urlsafe(36))


def _same(given: str, key: str) -> bool:
    return hmac.compare_digest(given.encode(), key.encode())


def _read(file: Path) -> dict[str, str]:
    try:
        keys = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise HostError(f"{file} does not hold keys.", "Delete it; new keys are made at the next start.") from None
    if not isinstance(keys, dict) or not all(isinstance(key, str) and key for key in keys.values()):
        raise HostError(f"{file} does not hold keys.", "Delete it; new keys are made at the next start.")
    return keys
