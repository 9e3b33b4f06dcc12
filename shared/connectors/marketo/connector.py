"""One Marketo subscription as a connector."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from shared.connectors import activities
from shared.connectors.activities import ACTIVITY
from shared.connectors.marketo.activities import ActivityFeed, types_of
from shared.connectors.marketo.capabilities import kinds
from shared.connectors.marketo.checks import check
from shared.connectors.marketo.client import PAGE, Client
from shared.connectors.marketo.custom import CustomObject, describe_custom
from shared.connectors.marketo.defaults import ACTIVITY_TYPES
from shared.connectors.marketo.errors import TITLE
from shared.connectors.marketo.feed import PeopleFeed
from shared.connectors.marketo.fields import LEAD, OPPORTUNITY, describe_object, describe_people
from shared.connectors.marketo.importer import Importer
from shared.connectors.marketo.native import is_on, locked, refuse
from shared.connectors.marketo.objects import FAMILIES, Family, ObjectStore
from shared.connectors.marketo.people import PeopleReader
from shared.connectors.marketo.rejections import RejectionLog
from shared.connectors.marketo.roles import SPEC, Roles
from shared.connectors.marketo.settings import MarketoSettings
from shared.connectors.marketo.tokens import ServiceToken
from shared.connectors.marketo.writer import PeopleWriter
from shared.connectors.surroundings import Surroundings
from shared.domain.records import FieldName, Gone, Kind, Record, RemoteId, Schema
from shared.errors import ConfigError, Rejected
from shared.http.client import HttpClient, Manners
from shared.ports.connector import Capabilities, ChangePage, CheckStep, Cursor, Settled, Ticket, Write, WriteResult
from shared.ports.logbook import Notice

_SCHEMA_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class People:
    """The fields of people, those that scores are kept in, and whether Marketo's own CRM sync is on."""

    schema: Schema
    scores: frozenset[FieldName]
    native: bool


_MANNERS = Manners(title=TITLE)


class MarketoConnector:
    """See `shared.ports.connector.Connector`. Nothing is called before the first method is."""

    def __init__(self, settings: MarketoSettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._around = surroundings
        self._capabilities = Capabilities(
            system="marketo",
            title=TITLE,
            kinds=kinds(settings, surroundings.kinds),
            concurrency=settings.concurrency,
            keeps_log=bool(settings.rejection_activity),
        )

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @cached_property
    def client(self) -> Client:
        """The subscription's API."""
        around, settings = self._around, self._settings
        token = ServiceToken(settings, around, _MANNERS)
        http = HttpClient(
            system="marketo",
            origin=settings.origin,
            runtime=around.runtime,
            budget=around.budget,
            authorizer=token,
            manners=_MANNERS,
            scope=settings.origin.url,
        )
        return Client(http, token)

    def check(self) -> Iterable[CheckStep]:
        return check(self.client, self._settings, self._around)

    def prepare(self, kinds: Collection[str]) -> None:
        """Makes what a connection with these kinds needs in the subscription: the activity that tells refusals."""
        if LEAD in kinds and self._settings.rejection_activity:
            self._rejections.install()

    def note(self, notices: Sequence[Notice], doubtful: Collection[str] = ()) -> frozenset[str]:
        """See `shared.ports.logbook.Logbook`: refusals as custom activities."""
        return self._rejections.note(notices, doubtful)

    def identity(self) -> str:
        """The host name holds the subscription's Munchkin id."""
        return self._settings.origin.host

    def describe(self, kind: Kind) -> Schema:
        self._around.memo.drop(self._key(kind))
        return self._schema(kind)

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Sequence[FieldName]) -> ChangePage:
        """ConfigError for kinds that are written only."""
        if kind == ACTIVITY:
            return self._activities(fields).page(cursor)
        if kind != LEAD:
            self._schema(kind)
            raise ConfigError(f"{TITLE}: {kind} has no feed", code="no_feed")
        scores = self._described().scores
        feed = PeopleFeed(
            self.client,
            self._people(fields),
            fields,
            scores=scores,
            clock=self._around.runtime.clock,
            concurrency=self._settings.concurrency,
        )
        return feed.page(cursor)

    def read(
        self, kind: Kind, ids: Sequence[RemoteId], fields: Sequence[FieldName]
    ) -> Mapping[RemoteId, Record | Gone]:
        if not ids:
            return {}
        if kind == ACTIVITY:
            return activities.not_readable(ids)
        if kind != LEAD:
            return self._objects(kind).read(ids, fields)
        return self._people(fields).read(ids)

    def find(self, kind: Kind, values: Sequence[str], fields: Sequence[FieldName]) -> Mapping[str, Sequence[Record]]:
        if len(values) > PAGE:
            raise ValueError(f"{kind}: more values than one call takes")
        if kind != LEAD or not values:
            return {value: [] for value in values}
        return self._people(fields).by_email(values)

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        """ValueError for more writes than `bulk_size`, of several kinds or operations, or with a key twice."""
        if not writes:
            return []
        kind, op = writes[0].ref.kind, writes[0].op
        if kind == ACTIVITY:
            return activities.not_written(writes)
        schema = self._schema(kind)
        if len(writes) > self._capabilities.kinds[kind].bulk_size or len({write.key for write in writes}) < len(writes):
            raise ValueError(f"{kind}: too many writes, or one key twice, in one call")
        if any(write.ref.kind != kind or write.op is not op for write in writes):
            raise ValueError(f"{kind}: writes of several kinds or operations in one call")
        if kind != LEAD:
            return self._objects(kind).write(writes)
        settings = self._settings
        writer = PeopleWriter(
            self.client,
            schema,
            importer=self._importer,
            import_from=settings.import_from,
            partition=settings.partition,
            concurrency=settings.concurrency,
        )
        return writer.write(writes)

    def settle(self, tickets: Sequence[Ticket]) -> Sequence[Settled]:
        return self._importer.settle(tickets) if tickets else []

    # ------------------------------------------------------------------------------------------------------------------

    @property
    def _importer(self) -> Importer:
        settings = self._settings
        return Importer(self.client, self._around.memo, partition=settings.partition, concurrency=settings.concurrency)

    @property
    def _rejections(self) -> RejectionLog:
        return RejectionLog(self.client, self._around.memo, self._settings.rejection_activity)

    def _activities(self, fields: Sequence[FieldName]) -> ActivityFeed:
        types = self._around.memo.get(("marketo", "types", self._settings.origin), _SCHEMA_SECONDS, self._types)
        clock = self._around.runtime.clock
        return ActivityFeed(self.client, self._settings.activities, types, fields, clock=clock)

    def _types(self) -> Mapping[int, str]:
        return types_of(self.client)

    def _people(self, fields: Sequence[FieldName]) -> PeopleReader:
        return PeopleReader(self.client, self._schema(LEAD), fields, concurrency=self._settings.concurrency)

    def _objects(self, kind: Kind) -> ObjectStore:
        schema, family = self._schema(kind), FAMILIES.get(kind)
        if family is None:
            custom = self._custom(kind)
            family = Family(kind, custom.path, custom.key)
        return ObjectStore(
            self.client,
            family,
            schema,
            concurrency=self._settings.concurrency,
            roles=Roles(self.client, self._settings.opportunity_role) if kind == OPPORTUNITY else None,
        )

    def _schema(self, kind: Kind) -> Schema:
        if kind == ACTIVITY:
            return activities.schema(LEAD, ACTIVITY_TYPES)
        people = self._described()
        if kind == LEAD:
            return people.schema
        family = FAMILIES.get(kind)
        if family is None:
            return self._custom(kind).schema
        if people.native:
            raise locked(kind)
        more = (SPEC,) if kind == OPPORTUNITY else ()
        return self._around.memo.get(
            self._key(kind), _SCHEMA_SECONDS, lambda: describe_object(self.client, kind, family.path, family.key, more)
        )

    def _custom(self, kind: Kind) -> CustomObject:
        """A kind that the connection's maps name and this connector does not know by itself."""
        if kind not in self._capabilities.kinds:
            raise Rejected(f"{TITLE} has no {kind}", code="unknown_kind")
        return self._around.memo.get(self._key(kind), _SCHEMA_SECONDS, lambda: describe_custom(self.client, kind))

    def _described(self) -> People:
        return self._around.memo.get(self._key(LEAD), _SCHEMA_SECONDS, self._describe)

    def _describe(self) -> People:
        """Raises ConfigError while Marketo's own CRM sync is on, unless people may go beside it."""
        native = is_on(self.client) is True
        if native:
            refuse(self._settings.native_sync)
        schema, scores = describe_people(self.client)
        return People(schema, scores, native=native)

    def _key(self, kind: Kind) -> tuple[object, ...]:
        return ("marketo", "schema", self._settings.origin, kind)
