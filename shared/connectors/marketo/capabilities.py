"""What Marketo can do, kind by kind, parents first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.connectors import activities
from shared.connectors.activities import ACTIVITY
from shared.connectors.marketo.client import PAGE
from shared.connectors.marketo.fields import COMPANY, EMAIL, LEAD, OPPORTUNITY, SALES_PERSON
from shared.connectors.marketo.importer import MOST
from shared.connectors.marketo.settings import MarketoSettings
from shared.domain.records import FieldName, Kind, Value
from shared.ports.connector import ClearBy, CreateKey, Deletes, FeedKind, KindCapabilities


def kinds(settings: MarketoSettings, named: Iterable[Kind] = ()) -> Mapping[Kind, KindCapabilities]:
    """People come by logs and go by sync; the others only go, under ids of ours, but for activities, which only
    come. What is `named` beside them is a
    custom object."""
    flag: Mapping[FieldName, Value] = {FieldName(settings.deleted_field): True} if settings.deleted_field else {}
    sent = KindCapabilities(
        feed=FeedKind.NONE,
        deletes=Deletes.NEVER,
        create_key=CreateKey.CALLER_ID,
        bulk_size=PAGE,
        find_size=PAGE,
        clear=ClearBy.NULL,
    )
    people = KindCapabilities(
        feed=FeedKind.LOG,
        deletes=Deletes.TOLD,
        create_key=CreateKey.UNIQUE_MATCH,
        match_field=EMAIL,
        asynchronous_create=settings.import_from > 0,
        bulk_size=MOST if settings.import_from else PAGE,
        find_size=PAGE,
        clear=ClearBy.NULL,
        tells_merges=True,
        deactivate=flag,
    )
    standard = {SALES_PERSON: sent, COMPANY: sent, LEAD: people, OPPORTUNITY: sent}
    told = activities.capabilities(FeedKind.LOG)
    customs = {kind: sent for kind in named if kind not in {*standard, ACTIVITY}}
    return {**standard, **customs, ACTIVITY: told}
