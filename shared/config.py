"""The app settings, read once. Every name the app knows stands in `SETTINGS`; the docs list is checked against it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Setting:
    """One app setting. A secret one is a Key Vault reference in Azure; `azure` ones are set by the templates there."""

    name: str
    help: str
    required: bool = False
    secret: bool = False
    default: str = ""
    azure: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "AzureWebJobsStorage",
        "Storage account of the host, the queues and the tables: a connection string, or empty when the identity form "
        "(AzureWebJobsStorage__tableServiceUri and its siblings) is used.",
    ),
    Setting("AzureWebJobsStorage__tableServiceUri", "Table endpoint, when an identity is used.", azure=True),
    Setting("AzureWebJobsStorage__queueServiceUri", "Queue endpoint, when an identity is used.", azure=True),
    Setting("AzureWebJobsStorage__clientId", "Client id of a user-assigned managed identity.", azure=True),
    Setting(
        "DYNASYNC_STATE_KEY",
        "32 random bytes in base64. Keys the digests in the state tables and encrypts what is kept for 30 days. Losing "
        "it means a resync. Make one with: openssl rand -base64 32",
        required=True,
        secret=True,
    ),
    Setting("DYNASYNC_TABLES", "Prefix of the state tables' names (letters and digits).", default="dynasync"),
    Setting(
        "DYNASYNC_VAULT",
        "Address of the Key Vault that holds the connections' secrets, such as https://NAME.vault.azure.net/. Empty: "
        "they lie in a table, sealed under the state key (local host).",
        azure=True,
    ),
    Setting(
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "Where traces, metrics and logs go; empty: nowhere.",
        azure=True,
    ),
    Setting(
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "Authorization=AAD;ClientId=... when the component takes no keys; the host reads it too.",
        azure=True,
    ),
    Setting(
        "DYNASYNC_TRACE_SHARE",
        "Share of the traces that are kept, from 0 to 1. Metrics and logs are always whole.",
        default="1",
    ),
    Setting(
        "DYNASYNC_TRUSTED_HOSTS",
        "Hosts with port, separated by commas, that connections may name beyond the vendors' own (simulators).",
    ),
    Setting(
        "DYNASYNC_EASY_AUTH",
        "Set to 1 where App Service Authentication stands in front of the app: the sign-in headers it puts on are "
        "believed. Anywhere else they are not, since anybody could send them.",
        azure=True,
    ),
    Setting("DYNASYNC_SLICE_SECONDS", "How long one queue message may work, at most, in seconds.", default="240"),
    Setting("DYNASYNC_ACTIVITY_DAYS", "How long the activity log is kept, in days, at least 30.", default="730"),
    Setting("DYNASYNC_CLOCK_FILE", "File with a clock offset, for tests and the demo; ignored in Azure."),
    Setting("DYNASYNC_ALLOW_SYNC_NOW", "Set to 1 to allow runs outside the schedule, which the vendors do not."),
)

_KEY_BYTES = 32
_INSTANCE = ("WEBSITE_INSTANCE_ID", "WEBSITE_POD_NAME", "CONTAINER_NAME")
"""What tells one worker from the others in Azure, by plan: Flex Consumption sets the last two and not the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The app settings, checked. `storage` is a connection string, or "" with `table_endpoint` for an identity."""

    storage: str
    table_endpoint: str
    queue_endpoint: str = ""
    identity_client: str
    state_key: bytes
    tables: str
    vault: str = ""
    insights: str = ""
    insights_identity: bool = False
    trace_share: float = 1.0
    site: str = "dynasync"
    instance: str = ""
    easy_auth: bool = False
    trusted_hosts: frozenset[str]
    slice_seconds: float
    activity_days: int = 730
    clock_file: str
    allow_sync_now: bool

    def __repr__(self) -> str:
        return f"Settings(tables={self.tables!r}, slice_seconds={self.slice_seconds})"


def load(environment: Mapping[str, str]) -> Settings:
    """Raises ConfigError naming the first setting that is missing or wrong, and how to make it right."""
    values = {item.name: environment.get(item.name, "").strip() or item.default for item in SETTINGS}
    for item in SETTINGS:
        if item.required and not values[item.name]:
            raise _wrong(item.name, "is missing")
    storage, endpoint = values["AzureWebJobsStorage"], values["AzureWebJobsStorage__tableServiceUri"]
    if not storage and not endpoint:
        raise _wrong("AzureWebJobsStorage", "is missing, and so is AzureWebJobsStorage__tableServiceUri")
    if not values["DYNASYNC_TABLES"].isalnum():
        raise _wrong("DYNASYNC_TABLES", "may hold letters and digits only")
    instance = next((environment[name] for name in _INSTANCE if environment.get(name)), "")
    in_azure = bool(instance or environment.get("WEBSITE_SITE_NAME"))
    return Settings(
        storage=storage,
        table_endpoint=endpoint,
        queue_endpoint=values["AzureWebJobsStorage__queueServiceUri"],
        identity_client=values["AzureWebJobsStorage__clientId"],
        state_key=_key(values["DYNASYNC_STATE_KEY"]),
        tables=values["DYNASYNC_TABLES"],
        vault=_vault(values["DYNASYNC_VAULT"]),
        insights=values["APPLICATIONINSIGHTS_CONNECTION_STRING"],
        insights_identity="Authorization=AAD" in values["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"],
        trace_share=_share(values["DYNASYNC_TRACE_SHARE"]),
        site=environment.get("WEBSITE_SITE_NAME") or "dynasync",
        instance=instance,
        trusted_hosts=frozenset(host.strip() for host in values["DYNASYNC_TRUSTED_HOSTS"].split(",") if host.strip()),
        easy_auth=values["DYNASYNC_EASY_AUTH"] == "1",
        slice_seconds=_seconds(values["DYNASYNC_SLICE_SECONDS"]),
        activity_days=_days(values["DYNASYNC_ACTIVITY_DAYS"]),
        clock_file="" if in_azure else values["DYNASYNC_CLOCK_FILE"],
        allow_sync_now=values["DYNASYNC_ALLOW_SYNC_NOW"] == "1",
    )


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise _wrong("DYNASYNC_STATE_KEY", f"is not {_KEY_BYTES} bytes in base64")
    return key


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 1500:  # noqa: PLR2004 - the plans' shortest time-outs stand in docs/reference/settings.md
        raise _wrong("DYNASYNC_SLICE_SECONDS", "must be a number of seconds from 1 to 1500")
    return seconds


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 30 <= int(text) <= 36_500):  # noqa: PLR2004 - a month to a century
        raise _wrong("DYNASYNC_ACTIVITY_DAYS", "must be a number of days from 30 to 36500")
    return int(text)


def _vault(text: str) -> str:
    if text and not text.startswith("https://"):
        raise _wrong("DYNASYNC_VAULT", "must begin with https://")
    return text


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise _wrong("DYNASYNC_TRACE_SHARE", "must be a number from 0 to 1")
    return share


def _wrong(name: str, what: str) -> ConfigError:
    item = next(setting for setting in SETTINGS if setting.name == name)
    return ConfigError(
        f"The app setting {name} {what}. {item.help}",
        setting=name,
        next_step=f"Set {name} in the app's configuration and restart it.",
    )
