"""What ActiveCampaign can do, kind by kind, parents first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from shared.connectors import activities
from shared.connectors.activecampaign.activities import LOOK_BACK
from shared.connectors.activecampaign.custom_records import OPPORTUNITY
from shared.connectors.activecampaign.fields import ACCOUNT, CONTACT, EMAIL
from shared.connectors.activecampaign.importer import MOST
from shared.connectors.activecampaign.objects import DEAL
from shared.connectors.activecampaign.settings import ActiveCampaignSettings
from shared.connectors.activities import ACTIVITY
from shared.domain.records import FieldName, Kind
from shared.ports.connector import ClearBy, CreateKey, Deletes, FeedKind, KindCapabilities, Op

FIND_SIZE = 50
SINGLES = 50
"""Records a `write` of kinds that take one call each: a minute's work at the usual rate would be 240."""


def kinds(settings: ActiveCampaignSettings) -> Mapping[Kind, KindCapabilities]:
    """Contacts come by a changed-since list and go by import; accounts by walk; deals and opportunities only go,
    activities only come."""
    return {
        ACCOUNT: KindCapabilities(
            feed=FeedKind.WALK,
            deletes=Deletes.ABSENCE,
            writes=frozenset(Op),
            create_key=CreateKey.UNIQUE_MATCH,
            match_field=FieldName("name"),
            bulk_size=SINGLES,
            find_size=FIND_SIZE,
            clear=ClearBy.EMPTY,
        ),
        CONTACT: KindCapabilities(
            feed=FeedKind.SINCE,
            deletes=Deletes.ABSENCE,
            writes=frozenset(Op),
            create_key=CreateKey.UNIQUE_MATCH,
            match_field=EMAIL,
            asynchronous_create=settings.import_from > 0,
            labels=True,
            bulk_size=MOST,
            find_size=FIND_SIZE,
            clear=ClearBy.EMPTY,
            look_back=timedelta(seconds=settings.overlap_seconds),
        ),
        DEAL: KindCapabilities(
            feed=FeedKind.WALK,
            deletes=Deletes.ABSENCE,
            writes=frozenset(Op),
            bulk_size=SINGLES,
            find_size=FIND_SIZE,
            clear=ClearBy.EMPTY,
        ),
        OPPORTUNITY: KindCapabilities(
            feed=FeedKind.NONE,
            deletes=Deletes.NEVER,
            writes=frozenset(Op),
            create_key=CreateKey.CALLER_ID,
            bulk_size=SINGLES,
            find_size=FIND_SIZE,
        ),
        ACTIVITY: activities.capabilities(FeedKind.SINCE, LOOK_BACK),
    }
