"""The settings of the ActiveCampaign side, and which addresses they may name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.connectors import activities
from shared.connectors.activecampaign.defaults import ACTIVITY_TYPES, LIMIT, TITLE
from shared.connectors.activities import Chosen
from shared.connectors.surroundings import SettingSpec, SettingsReader, limit_settings
from shared.http.origin import Origin


class CustomValues(StrEnum):
    """How changes of custom fields are read; lists of contacts do not hold them.

    FEED: for a handful of changed contacts one call each, for more a walk over all values of each mapped field,
    whichever is fewer calls. INCLUDE: side-loaded with the list (the vendor documents this for other lists only).
    """

    FEED = "feed"
    INCLUDE = "include"


SETTINGS: tuple[SettingSpec, ...] = (
    SettingSpec(
        name="url",
        required=True,
        help="The API URL as shown under Settings, Developer, such as https://youraccount.api-us1.com",
    ),
    SettingSpec(name="key", required=True, secret=True, help="Name of the secret that holds the API key."),
    SettingSpec(
        name="custom_values",
        help="How changes of custom fields are read.",
        choices=tuple(CustomValues),
        default=CustomValues.FEED.value,
    ),
    SettingSpec(name="import_from", help="Contacts from which a bulk import is used; 0: never.", default=10),
    SettingSpec(name="run_automations", help="Let imports start automations.", default=False),
    SettingSpec(
        name="second_account",
        help="What to do when a contact belongs to another account already.",
        choices=("replace", "report"),
        default="replace",
    ),
    SettingSpec(
        name="opt_outs",
        help="Tell people who unsubscribed or bounced as `optedOut`; off leaves the field unknown.",
        default=True,
    ),
    SettingSpec(name="opt_out_limit", help="Unsubscribed people up to which every run walks them all.", default=5000),
    SettingSpec(name="walk_hours", help="Hours between walks over what has no changed-since filter.", default=24),
    SettingSpec(name="overlap_seconds", help="How far behind its mark a run asks for changes.", default=30),
    SettingSpec(name="concurrency", help="Calls in flight at once.", default=4),
    SettingSpec(
        name="opportunity_object",
        help="Slug of the custom object that opportunities go to.",
        default="dynamics-opportunity",
    ),
    SettingSpec(name="deal_stage", help="Id of the stage that new deals start in.", default=""),
    SettingSpec(name="deal_owner", help="Id of the user who owns new deals.", default=""),
    SettingSpec(name="currency", help="Currency of deals whose mapping has none.", default="usd"),
    *activities.settings(ACTIVITY_TYPES),
    *limit_settings(LIMIT),
)

_HOST = re.compile(r"(?P<account>[a-z0-9][a-z0-9-]*)\.(api-[a-z]{2}[0-9]{1,2}\.com|activehosted\.com)")
_NEXT = "In ActiveCampaign open Settings, Developer, and copy the URL shown there."


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveCampaignSettings:
    """One account and the key that opens it. `key` is the name of the secret."""

    origin: Origin
    key: str
    custom_values: CustomValues = CustomValues.FEED
    import_from: int = 10
    run_automations: bool = False
    second_account: str = "replace"
    opt_outs: bool = True
    opt_out_limit: int = 5000
    walk_hours: int = 24
    overlap_seconds: int = 30
    concurrency: int = 4
    opportunity_object: str = "dynamics-opportunity"
    deal_stage: str = ""
    deal_owner: str = ""
    currency: str = "usd"
    activities: Chosen = field(default_factory=lambda: Chosen(types=ACTIVITY_TYPES))


def parse_settings(data: Mapping[str, object], trusted_hosts: frozenset[str] = frozenset()) -> ActiveCampaignSettings:
    """Raises ConfigError naming the first setting that is wrong, and what to enter instead."""
    read = SettingsReader(data, SETTINGS, "partner")
    read.check_limit()
    return ActiveCampaignSettings(
        origin=read.vendor(TITLE, _HOST, trusted_hosts, next_step=_NEXT),
        key=read.text("key"),
        custom_values=CustomValues(read.text("custom_values")),
        import_from=read.number("import_from", low=0, high=250),
        run_automations=read.flag("run_automations"),
        second_account=read.text("second_account"),
        opt_outs=read.flag("opt_outs"),
        opt_out_limit=read.number("opt_out_limit", low=0, high=1_000_000),
        walk_hours=read.number("walk_hours", low=1, high=24 * 31),
        overlap_seconds=read.number("overlap_seconds", low=0, high=3600),
        concurrency=read.number("concurrency", low=1, high=16),
        opportunity_object=read.text("opportunity_object"),
        deal_stage=read.text("deal_stage"),
        deal_owner=read.text("deal_owner"),
        currency=read.text("currency").lower(),
        activities=activities.read_choice(read, ACTIVITY_TYPES),
    )
