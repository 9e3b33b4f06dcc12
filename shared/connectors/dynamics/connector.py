"""One Dataverse environment as a connector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from shared.connectors.dynamics.campaigns import CampaignLists, people_list
from shared.connectors.dynamics.checks import check
from shared.connectors.dynamics.client import DataverseClient, quoted
from shared.connectors.dynamics.counting import COUNTED, count_keys
from shared.connectors.dynamics.errors import is_expired_token
from shared.connectors.dynamics.feed import Feed
from shared.connectors.dynamics.metadata import TableMeta, fetch_table
from shared.connectors.dynamics.reader import Reading
from shared.connectors.dynamics.rows import RowMapper
from shared.connectors.dynamics.settings import DynamicsSettings
from shared.connectors.dynamics.tables import CHOSEN, Table, capabilities, tables_of
from shared.connectors.dynamics.writer import Sizes, Writing
from shared.connectors.surroundings import Surroundings
from shared.domain.records import FieldName, Gone, Kind, Record, Ref, RemoteId, Schema
from shared.errors import ConfigError, Rejected, Transient
from shared.http.client import HttpClient, Manners
from shared.ports.connector import Capabilities, ChangePage, CheckStep, Cursor, Settled, Ticket, Write, WriteResult

TITLE = "Dynamics 365"
FIND_SIZE = 200
_SCHEMA_SECONDS = 3600.0


class DynamicsConnector:
    """See `shared.ports.connector.Connector`. Nothing is called before the first method is."""

    def __init__(self, settings: DynamicsSettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._surroundings = surroundings
        kinds = tables_of(settings.tables, settings.timeline_tables)
        self._tables: Mapping[Kind, Table] = kinds
        self._capabilities = Capabilities(
            system="dynamics",
            title=TITLE,
            kinds={kind: capabilities(table, settings.create_size, FIND_SIZE) for kind, table in kinds.items()},
            concurrency=settings.concurrency,
        )

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @cached_property
    def client(self) -> DataverseClient:
        """The environment's Web API."""
        around, settings = self._surroundings, self._settings
        tokens = around.tokens.of(
            settings.app, around.runtime, secret_name=settings.secret_name, read=around.secrets.secret
        )
        http = HttpClient(
            system="dynamics",
            origin=settings.origin,
            runtime=around.runtime,
            budget=around.budget,
            authorizer=tokens,
            manners=Manners(title=TITLE, definite=is_expired_token),
            scope=settings.origin.url,
        )
        return DataverseClient(
            http,
            version=settings.version,
            boundary=lambda: f"{int(around.runtime.jitter() * 2**53):014x}{int(around.runtime.jitter() * 2**53):014x}",
            bypass=settings.bypass_plugins,
        )

    def check(self) -> Iterable[CheckStep]:
        return check(self.client, list(self._tables.values()), self._surroundings.runtime.clock)

    def identity(self) -> str:
        """The organisation's id, asked for each time: a copy or a restored backup of an environment has another one."""
        told = self._surroundings.memo.put(self._who_key, self._fetch_who_am_i())
        return str(told["OrganizationId"]).lower()

    def installed(self, words: Sequence[str]) -> Sequence[str]:
        """Names and versions of the solutions whose names hold one of these words, case aside. Raises AuthError
        without prvReadSolution."""
        names = ("uniquename", "friendlyname")
        chosen = " or ".join(f"contains({name},{quoted(word)})" for word in words for name in names)
        target = self.client.target("solutions", select="uniquename,friendlyname,version", filter=chosen)
        rows = self.client.get(target, "check", interactive=True).data.get("value")
        found = rows if isinstance(rows, list) else []
        return [f"{row.get('friendlyname') or row.get('uniquename')} {row.get('version', '')}".strip() for row in found]

    def choices(self, kind: Kind, most: int) -> Sequence[tuple[Ref, str]]:
        """Rows a person may choose one of, with their names, in the order of names: users and teams who may own
        records, campaigns in use. Raises Rejected for another kind."""
        name, where = CHOSEN.get(kind, ("", ""))
        table = self._table(kind)
        if not name:
            raise Rejected(f"{TITLE}: nobody chooses one of {kind}", code="unknown_kind")
        target = self.client.target(
            table.set_name, select=f"{table.key},{name}", filter=where, orderby=name, top=str(most)
        )
        rows = self.client.get(target, "choices").data.get("value")
        found = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
        return [(Ref(kind, RemoteId(str(row[table.key]).lower())), str(row.get(name) or "")) for row in found]

    def join_campaign(self, campaign: RemoteId, people: Sequence[Ref], owner: str) -> Mapping[Ref, str | None]:
        """See `shared.ports.flow.CampaignMembers`: people go on a static marketing list of the campaign's."""
        told: dict[Ref, str | None] = {}
        for kind in dict.fromkeys(ref.kind for ref in people):
            rows = [ref.id for ref in people if ref.kind == kind]
            found = CampaignLists(self.client).join(people_list(owner, campaign, kind), rows)
            told |= {Ref(kind, row): refusal for row, refusal in found.items()}
        return told

    def leave_campaign(self, campaign: RemoteId, people: Sequence[Ref], owner: str) -> Mapping[Ref, bool]:
        told: dict[Ref, bool] = {}
        for kind in dict.fromkeys(ref.kind for ref in people):
            rows = [ref.id for ref in people if ref.kind == kind]
            found = CampaignLists(self.client).leave(people_list(owner, campaign, kind), rows)
            told |= {Ref(kind, row): was for row, was in found.items()}
        return told

    def describe(self, kind: Kind) -> Schema:
        return self._meta(kind, fresh=True).schema

    def changes(self, kind: Kind, cursor: Cursor | None, fields: Sequence[FieldName]) -> ChangePage:
        """ConfigError for activities, which are made only."""
        if self._table(kind).timeline:
            raise ConfigError(f"{TITLE}: {kind} has no feed here", code="no_feed")
        try:
            return self._feed(kind, fields).page(cursor)
        except ConfigError as error:
            before = RowMapper(self._meta(kind), fields).select
            if error.code == "change_tracking_off" or RowMapper(self._meta(kind, fresh=True), fields).select == before:
                raise
        # A column was removed since the schema was read: it is left out, which says "not told".
        return self._feed(kind, fields).page(cursor)

    def read(
        self, kind: Kind, ids: Sequence[RemoteId], fields: Sequence[FieldName]
    ) -> Mapping[RemoteId, Record | Gone]:
        return Reading(self.client, self._meta(kind)).by_ids(ids, fields) if ids else {}

    def find(self, kind: Kind, values: Sequence[str], fields: Sequence[FieldName]) -> Mapping[str, Sequence[Record]]:
        if len(values) > FIND_SIZE:
            raise ValueError(f"{kind}: more values than one call takes")
        return Reading(self.client, self._meta(kind)).by_match(values, fields) if values else {}

    def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        """ValueError for more writes than `bulk_size`, of several kinds or operations, or with a key twice."""
        if not writes:
            return []
        kind, op = writes[0].ref.kind, writes[0].op
        self._table(kind)
        if len(writes) > self._capabilities.kinds[kind].bulk_size or len({write.key for write in writes}) < len(writes):
            raise ValueError(f"{kind}: too many writes, or one key twice, in one call")
        if any(write.ref.kind != kind or write.op is not op for write in writes):
            raise ValueError(f"{kind}: writes of several kinds or operations in one call")
        sizes = Sizes(
            create=self._settings.create_size,
            update=self._settings.update_size,
            concurrency=self._settings.concurrency,
        )
        return Writing(self.client, self._meta(kind), sizes, self._surroundings.memo).write(writes)

    def count(self, kind: Kind, where: str, *, exact: bool) -> tuple[int, bool]:
        """Rows that meet `where`, an OData filter ("" for all). Counted by the service up to 5,000, else key by key."""
        table = self._meta(kind).table
        if not exact:
            found = self.client.count(table.set_name, where)
            return found, found >= COUNTED
        return count_keys(self.client, table.set_name, str(table.key), where)

    def settle(self, tickets: Sequence[Ticket]) -> Sequence[Settled]:
        """Dataverse answers every write at once, so it knows no tickets."""
        return [Settled(ticket=ticket, running=False, lost=True) for ticket in tickets]

    # ------------------------------------------------------------------------------------------------------------------

    def _feed(self, kind: Kind, fields: Sequence[FieldName]) -> Feed:
        settings = self._settings
        return Feed(
            self.client,
            RowMapper(self._meta(kind), tuple(fields)),
            page_size=settings.page_size,
            lookup_names=settings.lookup_names,
        )

    def _table(self, kind: Kind) -> Table:
        table = self._tables.get(kind)
        if table is None:
            raise Rejected(f"{TITLE}: this connection does not work with {kind}", code="unknown_kind")
        return table

    def _meta(self, kind: Kind, *, fresh: bool = False) -> TableMeta:
        table = self._table(kind)
        user = str(self._who_am_i()["UserId"])
        key = ("dynamics", "table", self._settings.app, kind)
        if fresh:
            self._surroundings.memo.drop(key)
        return self._surroundings.memo.get(key, _SCHEMA_SECONDS, lambda: fetch_table(self.client, table, user))

    def _who_am_i(self) -> Mapping[str, object]:
        return self._surroundings.memo.get(self._who_key, _SCHEMA_SECONDS, self._fetch_who_am_i)

    @property
    def _who_key(self) -> tuple[object, ...]:
        return ("dynamics", "whoami", self._settings.app)

    def _fetch_who_am_i(self) -> Mapping[str, object]:
        data = self.client.get(self.client.target("WhoAmI"), "check").data
        if "OrganizationId" not in data or "UserId" not in data:
            raise Transient(f"{TITLE} did not say who we are", code="unreadable_answer")
        return data
