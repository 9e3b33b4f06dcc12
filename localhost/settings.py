"""App settings: where they come from, which win, and how bindings refer to them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from localhost.errors import HostError

STORAGE = "AzureWebJobsStorage"
# Azure's platform sets these; worker code and apps take them as the sign that they run there.
_CLOUD_ONLY = ("CONTAINER_NAME", "WEBSITE_INSTANCE_ID", "WEBSITE_POD_NAME")
_PLACEHOLDER = re.compile(r"%([^%\s]+)%")
_FILE = "local.settings.json"


class AppSettings:
    """Names and values. The given overrides win over the environment, that over ``local.settings.json``."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def get(self, name: str) -> str | None:
        """The setting's value; None when it is missing or empty."""
        return self._values.get(name) or None

    def with_values(self, values: Mapping[str, str]) -> "AppSettings":
        """A copy in which ``values`` win."""
        return AppSettings({**self._values, **values})

    def for_worker(self) -> dict[str, str]:
        """The environment of a worker process."""
        return {name: value for name, value in self._values.items() if name not in _CLOUD_ONLY}

    def resolve(self, text: str, *, function: str, what: str) -> str:
        """Replace each ``%NAME%`` of a binding's property; raises :class:`HostError` naming a missing setting."""

        def value(found: re.Match[str]) -> str:
            setting = self.get(found[1])
            if setting is None:
                problem = f"Function {function!r}: its {what} is {text!r}, but there is no app setting {found[1]!r}."
                raise HostError(problem, f'Set it in the environment or under "Values" in {_FILE}.')
            return setting

        return _PLACEHOLDER.sub(value, text)

    def connection_string(self, name: str, *, function: str) -> str:
        """The storage connection string a binding's ``connection`` names, looked up as the real host does:
        with the prefix ``AzureWebJobs`` first, then as it stands.
        """
        for candidate in (f"AzureWebJobs{name}", name):
            if found := self.get(candidate):
                return found
        identity = sorted(key for key in self._values if key.startswith(f"{name}__"))
        if identity:
            problem = (
                f"Function {function!r} uses connection {name!r}, which is an identity connection ({identity[0]})."
            )
            raise HostError(
                problem, f"Those are not offered locally: set {name!r} to a connection string, or leave it out."
            )
        problem = f"Function {function!r} uses connection {name!r}, but there is no app setting of that name."
        raise HostError(problem, f'Set it to a connection string under "Values" in {_FILE}, or use {STORAGE!r}.')

    def is_disabled(self, function: str) -> bool:
        """Whether ``AzureWebJobs.NAME.Disabled`` (or ``AzureWebJobs__NAME__Disabled``) is true."""
        names = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs__{function}__Disabled")
        return any((self.get(name) or "").lower() in {"true", "1"} for name in names)


def load_settings(app_dir: Path, environment: Mapping[str, str], overrides: Mapping[str, str]) -> AppSettings:
    """Merge the three sources; raises :class:`HostError` when ``local.settings.json`` cannot be used."""
    return AppSettings({**_read_file(app_dir / _FILE), **environment, **overrides})


def _read_file(path: Path) -> dict[str, str]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        problem = f"{path} is not valid JSON (line {error.lineno}, column {error.colno}: {error.msg})."
        raise HostError(problem, "Correct that place and start again.") from None
    values = document.get("Values", {}) if isinstance(document, dict) else None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        problem = f'{path}: "Values" must be an object of strings.'
        raise HostError(problem, "Put quotes around numbers and booleans.")
    if document.get("IsEncrypted"):
        problem = f"{path} is encrypted (IsEncrypted is true)."
        raise HostError(problem, "Decrypt it with `func settings decrypt`; this host cannot.")
    return dict(values)
