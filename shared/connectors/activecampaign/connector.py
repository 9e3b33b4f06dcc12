"""One ActiveCampaign account as a connector."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from urllib.parse import urlsplit

from shared.connectors import activities
from shared.connectors.activecampaign.activities import TYPES, ActivityFeed
from shared.connectors.activecampaign.automations import enter, entries_of, list_automations
from shared.connectors.activecampaign.capabilities import FIND_SIZE, kinds
from shared.connectors.activecampaign.checks import check
from shared.connectors.activecampaign.client import ApiKey, Client
from shared.connectors.activecampaign.contacts import ContactMapper
from shared.connectors.activecampaign.custom_records import (
    OPPORTUNITY,
    CustomRecords,
    describe_object,
    find_object,
    install,
)
from shared.connectors.activecampaign.defaults import ENROLS
from shared.connectors.activecampaign.feed import ContactFeed
from shared.connectors.activecampaign.fields import CONTACT, OPTED_OUT, describe_contacts
from shared.connectors.activecampaign.hooks import Hook
from shared.connectors.activecampaign.import_items import importable
from shared.connectors.activecampaign.importer import Importer, minute_window, portion
from shared.connectors.activecampaign.object_store import ObjectStore
from shared.connectors.activecampaign.objects import DEAL, FAMILIES, ObjectMapper, describe_objects
from shared.connectors.activecampaign.reader import ContactReader
from shared.connectors.activecampaign.relations import Relations
from shared.connectors.activecampaign.results import not_tried
from shared.connectors.activecampaign.settings import ActiveCampaignSettings, CustomValues
from shared.connectors.activecampaign.standing import Standing, carriers, standing_of
from shared.connectors.activecampaign.tags import TagBook
from shared.connectors.activecampaign.writer import ContactWriter
from shared.connectors.activities import ACTIVITY
from shared.connectors.surroundings import Surroundings
from shared.domain.records import FieldName, Gone, Kind, Option, Record, Ref, RemoteId, Schema, Value
from shared.errors import ConfigError, Rejected, SyncError
from shared.http.client import HttpClient, Manners
from shared.ports.connector import Capabilities, ChangePage, CheckStep, Cursor, Settled, Ticket, Write, WriteResult
from shared.ports.enrolling import Automation, Entries

TITLE = "ActiveCampaign"
_SCHEMA_SECONDS = 3600.0
_AUTOMATION_SECONDS = 60.0
_MANNERS = Manners(
    title=TITLE, throttling=frozenset({HTTPStatus.TOO_MANY_REQUESTS.value, HTTPStatus.SERVICE_UNAVAILABLE.value})
)


class ActiveCampaignConnector:
    """See `shared.ports.connector.Connector`. Nothing is called before the first method is."""

    def __init__(self, settings: ActiveCampaignSettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._surroundings = surroundings
        self._capabilities = Capabilities(
            system="activecampaign",
            title=TITLE,
            kinds=kinds(settings),
            concurrency=settings.concurrency,
        )

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @cached_property
    def client(self) -> Client:
        """The account's API."""
        around, settings = self._surroundings, self._settings
        http = HttpClient(
            system="activecampaign",
            origin=settings.origin,
            runtime=around.runtime,
            budget=around.budget,
            authorizer=ApiKey(lambda: around.secrets.secret(settings.key)),
            manners=_MANNERS,
            scope=settings.origin.url,
        )
        return Client(http)

    def check(self) -> Iterable[CheckStep]:
        return check(self.client, self._surroundings.runtime.clock, self._surroundings.kinds)

    def identity(self) -> str:
        """The account's own host name, as its answers tell it; the configured one where they do not."""
        links = self.client.get("users/me", "check").one("user").get("links")
        for link in links.values() if isinstance(links, Mapping) else ():
            host = urlsplit(link).hostname if isinstance(link, str) else None
            if host:
                return host.lower()
        return self._settings.origin.host

    def describe(self, kind: Kind) -> Schema:
        return self._schema(kind, fresh=True)

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Sequence[FieldName]) -> ChangePage:
        """ConfigError for opportunities, which are written only."""
        if kind in FAMILIES:
            return self._objects(kind, fields).page(cursor)
        if kind == OPPORTUNITY:
            raise ConfigError(f"{TITLE}: opportunities have no feed", code="no_feed")
        if kind == ACTIVITY:
            return self._activities(fields).page(cursor)
        mapper = ContactMapper(self._schema(kind), tuple(fields))
        feed = ContactFeed(
            self.client,
            mapper,
            reader=self._reader(mapper),
            tags=self._tags,
            settings=self._settings,
            clock=self._surroundings.runtime.clock,
        )
        return feed.page(cursor)

    def read(
        self, kind: Kind, ids: Sequence[RemoteId], fields: Sequence[FieldName]
    ) -> Mapping[RemoteId, Record | Gone]:
        if not ids:
            return {}
        if kind in FAMILIES:
            return self._objects(kind, fields).by_ids(ids)
        if kind == OPPORTUNITY:
            return self._custom_records().by_ids(ids, fields)
        if kind == ACTIVITY:
            return activities.not_readable(ids)
        return self._reader(ContactMapper(self._schema(kind), tuple(fields))).by_ids(ids)

    def find(self, kind: Kind, values: Sequence[str], fields: Sequence[FieldName]) -> Mapping[str, Sequence[Record]]:
        if len(values) > FIND_SIZE:
            raise ValueError(f"{kind}: more values than one call takes")
        if not values:
            return {}
        if kind in FAMILIES:
            return self._objects(kind, fields).by_name(values)
        if kind in {OPPORTUNITY, ACTIVITY}:
            return {value: [] for value in values}
        return self._reader(ContactMapper(self._schema(kind), tuple(fields))).by_email(values)

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        """ValueError for more writes than `bulk_size`, of several kinds or operations, or with a key twice."""
        if not writes:
            return []
        kind, op = writes[0].ref.kind, writes[0].op
        if kind == ACTIVITY:
            return activities.not_written(writes)
        self._schema(kind)
        if len(writes) > self._capabilities.kinds[kind].bulk_size or len({write.key for write in writes}) < len(writes):
            raise ValueError(f"{kind}: too many writes, or one key twice, in one call")
        if any(write.ref.kind != kind or write.op is not op for write in writes):
            raise ValueError(f"{kind}: writes of several kinds or operations in one call")
        if kind in FAMILIES:
            return self._objects(kind, list(writes[0].fields)).write(writes)
        if kind == OPPORTUNITY:
            return self._custom_records().write(writes)
        return self._write_contacts(writes)

    def portion(self, writes: Sequence[Write]) -> int:
        """See `Portioned.portion`: imports are bounded in bytes."""
        kind = writes[0].ref.kind
        most = self._capabilities.kinds[kind].bulk_size
        return min(most, portion(writes)) if kind == CONTACT and self._settings.import_from else most

    def pause(self, kind: Kind, writes: int) -> float:
        """See `Paced.pause`: imports a minute."""
        if kind != CONTACT or not 0 < self._settings.import_from <= writes:
            return 0.0
        around = self._surroundings
        return minute_window(self._settings.origin, around.memo, around.runtime.clock).pause(writes)

    def settle(self, tickets: Sequence[Ticket]) -> Sequence[Settled]:
        return self._importer(self._schema(CONTACT)).settle(tickets) if tickets else []

    def prepare(self, kinds: Collection[str]) -> None:
        """Makes what a connection with these kinds needs in the account: the custom object of opportunities."""
        if OPPORTUNITY in kinds:
            self.install_opportunities()

    def install_opportunities(self) -> str:
        """Makes the custom object for opportunities unless it is there; answers its id. For a set-up page."""
        made = install(self.client, self._settings.opportunity_object)
        self._surroundings.memo.drop(self._object_key)
        return made

    def standing(self, contact: RemoteId) -> Standing:
        """The subscription state of one contact, for a `subscribe` event."""
        return standing_of(self.client, contact)

    def witnessed(self, kind: Kind, row: RemoteId, event: str, source: str) -> Mapping[FieldName, Value]:
        """A subscription is the person's own act when its event says so, and the lists bear it out: then, and only
        then, an earlier opt-out is over."""
        if kind != CONTACT or not Hook(Ref(kind, row), event, source).tells:
            return {}
        standing = self.standing(row)
        if standing.opted_out or standing.subscribed_at is None:
            return {}
        left = standing.opted_out_at
        return {OPTED_OUT: False} if left is None or standing.subscribed_at > left else {}

    def labelled(self, kind: Kind, labels: Collection[str], after: RemoteId | None) -> Sequence[RemoteId]:
        """See `Labelled.labelled`: contacts by their tags. A tag that was made since the last look counts."""
        if kind != CONTACT:
            return []
        names = frozenset(labels)
        if after is None:
            self._tags.watch_anew(names)
        return carriers(self.client, list(self._tags.watched(names)), after)

    # Automations --------------------------------------------------------------------------------------------------

    @property
    def enrolled_kinds(self) -> frozenset[Kind]:
        return frozenset(map(Kind, ENROLS))

    @property
    def consent_fields(self) -> frozenset[FieldName]:
        return frozenset({OPTED_OUT})

    def automations(self) -> Sequence[Automation]:
        """See `shared.ports.enrolling.Enrols`, for this and the next two."""
        key = ("activecampaign", "automations", self._settings.origin)
        return self._surroundings.memo.get(key, _AUTOMATION_SECONDS, lambda: list_automations(self.client))

    def entries(self, automation: str, record: RemoteId) -> Entries:
        return entries_of(self.client, automation, record)

    def enrol(self, automation: str, record: RemoteId) -> None:
        enter(self.client, automation, record)

    # Kinds beside contacts ----------------------------------------------------------------------------------------

    def _objects(self, kind: Kind, fields: Sequence[FieldName]) -> ObjectStore:
        mapper = ObjectMapper(FAMILIES[kind], self._schema(kind), tuple(fields))
        settings = self._settings
        stage = settings.deal_stage or next((option.value for option in self._stages(kind)), "")
        defaults = {"stage": stage, "owner": settings.deal_owner, "currency": settings.currency} if kind == DEAL else {}
        return ObjectStore(self.client, mapper, concurrency=settings.concurrency, defaults=defaults)

    def _activities(self, fields: Sequence[FieldName]) -> ActivityFeed:
        clock, settings = self._surroundings.runtime.clock, self._settings
        return ActivityFeed(self.client, settings.activities, fields, clock=clock, at_once=settings.concurrency)

    def _stages(self, kind: Kind) -> Sequence[Option]:
        spec = self._schema(kind).fields.get(FieldName("stage"))
        return spec.options if spec is not None else ()

    def _custom_records(self) -> CustomRecords:
        schema = self._schema(OPPORTUNITY)
        found = self._object()
        object_id = str(found["id"]) if found is not None else ""
        return CustomRecords(self.client, schema, object_id, concurrency=self._settings.concurrency)

    def _object(self) -> Mapping[str, object] | None:
        slug = self._settings.opportunity_object
        return self._surroundings.memo.get(self._object_key, _SCHEMA_SECONDS, lambda: find_object(self.client, slug))

    @property
    def _object_key(self) -> tuple[object, ...]:
        return ("activecampaign", "object", self._settings.origin, self._settings.opportunity_object)

    # ------------------------------------------------------------------------------------------------------------------

    def _write_contacts(self, writes: Sequence[Write]) -> list[WriteResult]:
        """By import from `import_from` contacts up, the others each by itself."""
        schema = self._schema(CONTACT)
        bulk = [write for write in writes if importable(write)] if self._settings.import_from else []
        if len(bulk) < self._settings.import_from:
            bulk = []
        chosen = {write.key for write in bulk}
        singly = [write for write in writes if write.key not in chosen]
        results: dict[str, WriteResult] = {}
        if bulk:
            results.update(self._importer(schema).write(bulk))
        if singly:
            try:
                results.update(self._writer(schema).write(singly))
            except SyncError as error:
                if not results:
                    raise
                results.update({write.key: not_tried(write, error) for write in singly})
        return [results[write.key] for write in writes]

    @property
    def _tags(self) -> TagBook:
        return TagBook(self.client, self._surroundings.memo)

    def _importer(self, schema: Schema) -> Importer:
        return Importer(
            self.client,
            schema,
            self._surroundings.memo,
            self._surroundings.runtime.clock,
            automations=self._settings.run_automations,
            concurrency=self._settings.concurrency,
        )

    def _writer(self, schema: Schema) -> ContactWriter:
        relations = Relations(self.client, replace=self._settings.second_account == "replace")
        return ContactWriter(self.client, schema, self._tags, relations, concurrency=self._settings.concurrency)

    def _reader(self, mapper: ContactMapper) -> ContactReader:
        return ContactReader(
            self.client,
            mapper,
            self._tags,
            side_load=self._settings.custom_values is CustomValues.INCLUDE,
            concurrency=self._settings.concurrency,
            watched=self._surroundings.labels,
        )

    def _schema(self, kind: Kind, *, fresh: bool = False) -> Schema:
        if kind not in self._capabilities.kinds:
            raise Rejected(f"{TITLE} has no {kind}", code="unknown_kind")
        key = ("activecampaign", "schema", self._settings.origin, kind)
        if fresh:
            self._surroundings.memo.drop(key)
        return self._surroundings.memo.get(key, _SCHEMA_SECONDS, lambda: self._describe(kind))

    def _describe(self, kind: Kind) -> Schema:
        if kind in FAMILIES:
            return describe_objects(self.client, FAMILIES[kind])
        if kind == ACTIVITY:
            return activities.schema(CONTACT, TYPES)
        if kind == OPPORTUNITY:
            self._surroundings.memo.drop(self._object_key)
            return describe_object(self._object(), self._settings.opportunity_object)
        return describe_contacts(self.client, accounts=True, opt_outs=self._settings.opt_outs)
