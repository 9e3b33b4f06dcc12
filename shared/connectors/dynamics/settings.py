"""The settings of the Dynamics side, and which addresses they may name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from shared.connectors.dynamics.defaults import LIMIT
from shared.connectors.dynamics.tables import TABLES, is_table
from shared.connectors.surroundings import SettingSpec, SettingsReader, limit_settings
from shared.errors import ConfigError
from shared.http.entra import PUBLIC_AUTHORITIES, CredentialKind, EntraApp
from shared.http.origin import Origin, is_ip

SETTINGS: tuple[SettingSpec, ...] = (
    SettingSpec(name="url", required=True, help="The environment's address, such as https://contoso.crm4.dynamics.com"),
    SettingSpec(
        name="credential",
        help="How the application signs in.",
        choices=tuple(CredentialKind),
        default=CredentialKind.SECRET.value,
    ),
    SettingSpec(name="tenant", help="Directory (tenant) id of the app registration; not for a managed identity."),
    SettingSpec(name="client_id", help="Application (client) id; empty for a system-assigned managed identity."),
    SettingSpec(name="secret", help="Name of the secret that holds the client secret or certificate.", secret=True),
    SettingSpec(
        name="secret_ends",
        help="The day the client secret ends, such as 2027-06-30; a notice comes 30 days before. Certificates tell it "
        "themselves.",
    ),
    SettingSpec(name="authority", help="Sign-in host of the cloud.", default="login.microsoftonline.com"),
    SettingSpec(
        name="tables",
        help="The tables this connection works with; only these are checked. Custom ones by their logical names.",
        default=("account", "contact", "lead"),
    ),
    SettingSpec(
        name="timeline_tables",
        help="Custom activity tables among them, by their logical names: rows are made in these, and never read.",
        default=(),
    ),
    SettingSpec(name="page_size", help="Rows a page, at most 5,000.", default=5000),
    SettingSpec(name="create_size", help="Rows a CreateMultiple call.", default=1000),
    SettingSpec(name="update_size", help="Updates and deletes a $batch call.", default=100),
    SettingSpec(name="concurrency", help="Calls in flight at once.", default=4),
    SettingSpec(
        name="lookup_names",
        help="Ask for the table names of lookups that may point to several tables while reading changes. Where that "
        "keeps the server from handing out a delta link, it is left out by itself.",
        default=True,
    ),
    SettingSpec(
        name="bypass_plugins",
        help="Leave custom synchronous plug-ins out of our writes (needs prvBypassCustomBusinessLogic).",
        default=False,
    ),
    *limit_settings(LIMIT),
)

_CLOUD = re.compile(
    r"(?P<org>[a-z0-9][a-z0-9-]*)(\.api)?\."
    r"(crm[0-9]{0,2}\.dynamics\.com|crm[0-9]{0,2}\.microsoftdynamics\.us|crm[0-9]{0,2}\.appsplatform\.us"
    r"|crm[0-9]{0,2}\.dynamics\.cn)"
)
_NEXT = "Enter the address the environment shows in the Power Platform admin centre, https://<name>.crm<N>.dynamics.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicsSettings:
    """One environment and the application that may use it."""

    origin: Origin
    app: EntraApp
    secret_name: str
    tables: tuple[str, ...]
    timeline_tables: tuple[str, ...] = ()
    page_size: int = 5000
    create_size: int = 1000
    update_size: int = 100
    concurrency: int = 4
    lookup_names: bool = True
    bypass_plugins: bool = False
    version: str = "v9.2"


def parse_settings(data: Mapping[str, object], trusted_hosts: frozenset[str] = frozenset()) -> DynamicsSettings:
    """Raises ConfigError naming the first setting that is wrong, and what to enter instead."""
    read = SettingsReader(data, SETTINGS, "crm")
    read.check_limit()
    origin = _environment(read.text("url"), trusted_hosts)
    return DynamicsSettings(
        origin=origin,
        app=_application(read, origin, trusted_hosts),
        secret_name=read.text("secret"),
        tables=_tables(read.texts("tables"), "tables"),
        timeline_tables=_tables(read.texts("timeline_tables"), "timeline_tables"),
        page_size=read.number("page_size", low=1, high=5000),
        create_size=read.number("create_size", low=1, high=1000),
        update_size=read.number("update_size", low=1, high=1000),
        concurrency=read.number("concurrency", low=1, high=26),
        lookup_names=read.flag("lookup_names"),
        bypass_plugins=read.flag("bypass_plugins"),
    )


def _tables(names: tuple[str, ...], setting: str) -> tuple[str, ...]:
    for name in names:
        if not is_table(name):
            raise ConfigError(
                f"crm.{setting} names {name!r}, which is no table that can be synced",
                setting=f"crm.{setting}",
                code="unknown_table",
                next_step=f"Use some of: {', '.join(TABLES)}; or the logical name of a custom table, such as new_car.",
            )
    return names


def _environment(url: str, trusted_hosts: frozenset[str]) -> Origin:
    origin = Origin.parse(url, setting="crm.url")
    if origin.is_known(_CLOUD, trusted_hosts):
        return origin
    if is_ip(origin.host) or "." not in origin.host or origin.host.endswith((".local", ".internal", ".lan", ".corp")):
        raise _refused(
            "on_premises",
            "this looks like an on-premises server. On-premises Dynamics is not supported: it has no change tracking "
            "over the Web API for applications, and no application users of Entra ID",
        )
    raise _refused(
        "unknown_host",
        "this is no address of Microsoft's cloud. On-premises and partner-hosted Dynamics are not supported: they have "
        "no application users of Entra ID",
    )


def _refused(code: str, what: str) -> ConfigError:
    return ConfigError(f"crm.url: {what}", setting="crm.url", code=code, next_step=_NEXT)


def _application(read: SettingsReader, origin: Origin, trusted_hosts: frozenset[str]) -> EntraApp:
    kind = CredentialKind(read.text("credential"))
    authority = read.text("authority").removeprefix("https://").rstrip("/").lower()
    if authority not in PUBLIC_AUTHORITIES and authority not in trusted_hosts:
        raise ConfigError(
            "crm.authority is not a sign-in host of Microsoft",
            setting="crm.authority",
            code="unknown_authority",
            next_step="Use one of: " + ", ".join(sorted(PUBLIC_AUTHORITIES)),
        )
    tenant, client_id, secret = read.text("tenant"), read.text("client_id"), read.text("secret")
    if kind is not CredentialKind.MANAGED_IDENTITY:
        for name, value in (("tenant", tenant), ("client_id", client_id), ("secret", secret)):
            if not value:
                raise ConfigError(
                    f"crm.{name} is missing",
                    setting=f"crm.{name}",
                    code="missing",
                    next_step="It stands on the app registration's overview."
                    if name != "secret"
                    else "Name the secret that holds the client secret or certificate.",
                )
    _day(read.text("secret_ends"))
    if tenant and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,254}", tenant):
        raise ConfigError(
            "crm.tenant is neither an id nor a domain",
            setting="crm.tenant",
            code="unknown_tenant",
            next_step="Enter the directory (tenant) id of the app registration.",
        )
    return EntraApp(kind=kind, resource=origin.url, client_id=client_id, tenant=tenant, authority_host=authority)


def _day(text: str) -> None:
    try:
        date.fromisoformat(text or "2000-01-01")
    except ValueError:
        raise ConfigError(
            "crm.secret_ends is not a day",
            setting="crm.secret_ends",
            code="unknown_day",
            next_step="Enter it as year, month and day: 2027-06-30. It stands beside the secret on the registration.",
        ) from None
