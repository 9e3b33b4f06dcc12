"""Everything one ActiveCampaign account holds, and the few acts all its parts share."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.contacts.model import Contact, ContactList, ContactTag, FieldValue
from simulators.activecampaign.contacts.store import ContactStore
from simulators.activecampaign.limits import Window
from simulators.activecampaign.tables import Records, Row, Table
from simulators.frame.clock import Agenda, Clock
from simulators.frame.logs import WriteLog
from simulators.frame.switches import Switches

if TYPE_CHECKING:
    from simulators.activecampaign.bulk.queue import ImportQueue

DEFAULT_KEY = "simulated-activecampaign-key"
DEFAULT_BASE = "https://account.api-us1.com"

Emit = Callable[[str, Actor, list[tuple[str, str]], "Contact | None", int], None]

TABLES = (
    "users",
    "groups",
    "fields",
    "field_options",
    "field_rels",
    "tags",
    "lists",
    "list_groups",
    "accounts",
    "account_contacts",
    "account_meta",
    "account_data",
    "deals",
    "pipelines",
    "stages",
    "deal_meta",
    "deal_data",
    "contact_deals",
    "notes",
    "automations",
    "contact_automations",
    "campaigns",
    "activities",
    "contact_logs",
    "bounce_logs",
    "email_activities",
    "tracking_logs",
    "webhooks",
    "segments",
)


class Tenant:
    """State of the account. Guarded by `lock`: whoever changes or reads it holds it."""

    users: Records
    groups: Records
    fields: Records
    field_options: Records
    field_rels: Records
    tags: Records
    lists: Records
    list_groups: Records
    accounts: Records
    account_contacts: Records
    account_meta: Records
    account_data: Records
    deals: Records
    pipelines: Records
    stages: Records
    deal_meta: Records
    deal_data: Records
    contact_deals: Records
    notes: Records
    automations: Records
    contact_automations: Records
    campaigns: Records
    activities: Records
    contact_logs: Records
    bounce_logs: Records
    email_activities: Records
    tracking_logs: Records
    webhooks: Records
    segments: Records
    timeline: tuple[int, list[Row]]
    """All activities in order of time, and how many there were when they were sorted."""
    imports: ImportQueue
    """Set by whoever builds the account, since imports need the courier too."""

    def __init__(
        self, *, clock: Clock, agenda: Agenda, switches: Switches, writes: WriteLog, chance: random.Random
    ) -> None:
        self.clock = clock
        self.agenda = agenda
        self.switches = switches
        self.writes = writes
        self.chance = chance
        self.lock = threading.RLock()
        self.base = DEFAULT_BASE
        self.emit: Emit = lambda *_: None
        self.post_form: Callable[[str, list[tuple[str, str]], Row | None], None] = lambda *_: None
        self.contacts = ContactStore()
        self.values: Table[FieldValue] = Table()
        self.contact_tags: Table[ContactTag] = Table()
        self.contact_lists: Table[ContactList] = Table()
        for name in TABLES:
            setattr(self, name, Records())
        self.schemas: dict[str, Row] = {}
        self.records: dict[str, dict[str, Row]] = {}
        self.exclusions: list[str] = []
        self.account_names: dict[str, list[int]] = {}
        """Ids of accounts by their name in lower case."""
        self.data_rows: dict[tuple[str, int], dict[int, Row]] = {}
        """Custom-field values by (account or deal, its id) and field."""
        self.timeline = (-1, [])
        self.segment_jobs: dict[int, float] = {}
        self.values_version = 0
        self.automation_depth = 0
        self.value_listing: tuple[int, tuple[str | None, ...], list[FieldValue]] | None = None
        self.calls = Window(clock.time, 1.0)
        self.imports_many = Window(clock.time, 60.0)
        self.imports_single = Window(clock.time, 60.0)
        self._add_owner()

    def _add_owner(self) -> None:
        self.groups.add({"title": "Admin", "descript": "Main administrators"})
        self.users.add(
            {
                "username": "admin",
                "firstName": "Account",
                "lastName": "Owner",
                "email": "owner@example.com",
                "phone": "",
                "signature": "",
                "key": DEFAULT_KEY,
                "group": 1,
                "pipelines": None,
            }
        )

    def now(self) -> int:
        """The clock in whole seconds: all times of this vendor have second resolution."""
        return int(self.clock.time())

    def uuid(self) -> str:
        """A version 4 UUID from the seeded chance."""
        digits = f"{self.chance.getrandbits(128):032x}"
        variant = "89ab"[int(digits[16], 16) % 4]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def log(
        self, actor: Actor, op: str, kind: str, record_id: object, changed: dict[str, list[Any]] | None = None
    ) -> None:
        """Write one line of the write log."""
        self.writes.add(
            at=self.clock.time(), who=actor.who, op=op, kind=kind, record_id=str(record_id), changed=changed
        )

    def bump(self, contact: Contact, actor: Actor) -> None:
        """Move a contact's udate to now."""
        if not actor.seeding:
            contact.updated = self.now()
            contact.updated_by = actor.user
        self.contacts.touch(contact)

    def user_of_key(self, key: str) -> Row | None:
        """The user behind an API key."""
        return next((user for user in self.users if key and user["key"] == key), None)
