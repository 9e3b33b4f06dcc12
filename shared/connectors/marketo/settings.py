"""The settings of the Marketo side, and which addresses they may name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.connectors import activities
from shared.connectors.activities import Chosen
from shared.connectors.marketo.defaults import ACTIVITY_TYPES, LIMIT, TITLE
from shared.connectors.surroundings import SettingSpec, SettingsReader, limit_settings
from shared.errors import ConfigError
from shared.http.origin import Origin

REJECTION_ACTIVITY = "dynamicsRejection"
OPPORTUNITY_ROLE = "Primary Contact"
REFUSE, PEOPLE_ONLY = "refuse", "people_only"

SETTINGS: tuple[SettingSpec, ...] = (
    SettingSpec(
        name="url",
        required=True,
        help="The REST endpoint's address without /rest, such as https://123-abc-456.mktorest.com",
    ),
    SettingSpec(name="client_id", required=True, help="Client id of the custom service under Admin, LaunchPoint."),
    SettingSpec(
        name="client_secret", required=True, secret=True, help="Name of the secret that holds the client secret."
    ),
    SettingSpec(
        name="deleted_field",
        help="Checkbox field that tells that a person was deleted in Dynamics; empty: none.",
        default="",
    ),
    SettingSpec(
        name="rejection_activity",
        help="API name of the custom activity that tells a person's log what Dynamics refused; empty: none.",
        default=REJECTION_ACTIVITY,
    ),
    SettingSpec(
        name="opportunity_role",
        help="Name of the role that an opportunity's contact has in Marketo.",
        default=OPPORTUNITY_ROLE,
    ),
    SettingSpec(
        name="native_sync",
        help="Where Marketo's own CRM sync is on: refuse to run, or sync people alone.",
        choices=(REFUSE, PEOPLE_ONLY),
        default=REFUSE,
    ),
    SettingSpec(
        name="flow_campaigns",
        help="How people handed over by a flow step are taken: by_context (at once where the call tells what triggered "
        "the campaign, else by the next run), trigger (all at once), batch (all by the next run).",
        choices=("by_context", "trigger", "batch"),
        default="by_context",
    ),
    SettingSpec(
        name="callback_hosts",
        help="Domains, separated by commas, that a flow step's callback may be sent to.",
        default="mktorest.com, marketo.com, adobe.io",
    ),
    SettingSpec(
        name="munchkin_id",
        help="Munchkin id that calls of flow steps must name, where the address does not begin with it; empty: the "
        "address tells it.",
        default="",
    ),
    SettingSpec(name="partition", help="Lead partition for new people; empty: the default one.", default=""),
    SettingSpec(
        name="import_from",
        help="New people in one write from which they go by bulk import; 0: never.",
        default=600,
    ),
    SettingSpec(name="concurrency", help="Calls in flight; the vendor allows 10 for all its clients.", default=4),
    *activities.settings(ACTIVITY_TYPES),
    *limit_settings(LIMIT),
)

_API_NAME = re.compile(r"[A-Za-z0-9]{0,100}")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_HOST = re.compile(r"\d{3}-[a-z]{3}-\d{3}\.mktorest\.com")
_MUNCHKIN = re.compile(r"[A-Za-z0-9-]{0,64}")
_NEXT = "In Marketo open Admin, Web Services, and copy the REST API endpoint shown there, without /rest."


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketoSettings:
    """One subscription and the custom service that opens it. `client_secret` is the name of the secret."""

    origin: Origin
    client_id: str
    client_secret: str
    deleted_field: str = ""
    rejection_activity: str = ""
    opportunity_role: str = OPPORTUNITY_ROLE
    native_sync: str = REFUSE
    flow_campaigns: str = "by_context"
    callback_hosts: tuple[str, ...] = ()
    munchkin_id: str = ""
    partition: str = ""
    import_from: int = 0
    concurrency: int = 4
    activities: Chosen = field(default_factory=lambda: Chosen(types=ACTIVITY_TYPES))

    @property
    def subscription(self) -> str:
        """The Munchkin id, in capitals: Marketo's own addresses begin with it. "" where it is not known."""
        own = self.origin.host.partition(".")[0] if _HOST.fullmatch(self.origin.host) else ""
        return (own or self.munchkin_id).upper()


def parse_settings(data: Mapping[str, object], trusted_hosts: frozenset[str] = frozenset()) -> MarketoSettings:
    """Raises ConfigError naming the first setting that is wrong, and what to enter instead."""
    read = SettingsReader(data, SETTINGS, "partner")
    read.check_limit()
    return MarketoSettings(
        origin=read.vendor(TITLE, _HOST, trusted_hosts, next_step=_NEXT),
        client_id=read.text("client_id"),
        client_secret=read.text("client_secret"),
        deleted_field=read.text("deleted_field"),
        rejection_activity=_api_name(read.text("rejection_activity")),
        opportunity_role=read.text("opportunity_role") or OPPORTUNITY_ROLE,
        native_sync=read.text("native_sync") or REFUSE,
        flow_campaigns=read.text("flow_campaigns") or "by_context",
        callback_hosts=_domains(read.text("callback_hosts")),
        munchkin_id=_munchkin(read.text("munchkin_id")),
        partition=read.text("partition"),
        import_from=read.number("import_from", low=0, high=100_000),
        concurrency=read.number("concurrency", low=1, high=10),
        activities=activities.read_choice(read, ACTIVITY_TYPES),
    )


def _domains(text: str) -> tuple[str, ...]:
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    if not all(_DOMAIN.fullmatch(name) for name in found):
        raise ConfigError(
            "partner.callback_hosts holds something that is no domain",
            setting="partner.callback_hosts",
            code="bad_domain",
            next_step="Enter domains such as mktorest.com, separated by commas, without https://.",
        )
    return found


def _munchkin(text: str) -> str:
    if not _MUNCHKIN.fullmatch(text):
        raise ConfigError(
            "partner.munchkin_id is no Munchkin id",
            setting="partner.munchkin_id",
            code="bad_munchkin_id",
            next_step="Copy it from Marketo, Admin, Munchkin, such as 123-ABC-456, or leave it empty.",
        )
    return text


def _api_name(text: str) -> str:
    if not _API_NAME.fullmatch(text):
        raise ConfigError(
            "partner.rejection_activity is no API name of a custom activity",
            setting="partner.rejection_activity",
            code="bad_api_name",
            next_step="Use letters and digits only, or leave it empty.",
        )
    return text
