"""All that one subscription holds."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

from simulators.frame.clock import Agenda, Clock
from simulators.frame.logs import WriteLog
from simulators.frame.switches import Switches
from simulators.marketo.activity_log import ActivityLog
from simulators.marketo.activity_types import TypeBook
from simulators.marketo.fields import Field, custom_field
from simulators.marketo.identity import DEFAULT_CLIENT, DEFAULT_SECRET, DEFAULT_USER, Service
from simulators.marketo.lead_fields import FIRST_CUSTOM_ID, lead_fields
from simulators.marketo.leads.store import LeadStore
from simulators.marketo.limits import Limits
from simulators.marketo.objects.kinds import ObjectKind, standard_kinds

if TYPE_CHECKING:
    from simulators.marketo.bulk.jobs import Jobs

DEFAULT_PARTITION = "Default"


class Tenant:
    """One subscription. Everything but the limits is read and changed under `lock`."""

    def __init__(
        self, *, clock: Clock, agenda: Agenda, switches: Switches, writes: WriteLog, chance: random.Random
    ) -> None:
        self.clock, self.agenda, self.switches, self.writes, self.chance = clock, agenda, switches, writes, chance
        self.lock = threading.RLock()
        self.limits = Limits(clock, switches)
        self.services = {DEFAULT_CLIENT: Service(DEFAULT_CLIENT, DEFAULT_SECRET, DEFAULT_USER)}
        self.issued: dict[str, str] = {}
        self.tokens = 0
        self.fields: dict[str, Field] = lead_fields()
        self.made_by_api: set[str] = set()
        self.partitions: dict[str, int] = {DEFAULT_PARTITION: 1}
        self.leads = LeadStore()
        self.activities = ActivityLog()
        self.types = TypeBook()
        self.lists: dict[int, dict[str, Any]] = {}
        self.members: dict[int, dict[int, None]] = {}
        self.kinds: dict[str, ObjectKind] = standard_kinds()
        self.custom: dict[str, ObjectKind] = {}
        self.troubles: list[dict[str, Any]] = []
        self.jobs: Jobs
        self._requests = 0

    # -- small things all parts share ----------------------------------------------------------------------------
    def now(self) -> int:
        """The clock in whole seconds: what everything is dated with."""
        return int(self.clock.time())

    def uuid(self) -> str:
        """A version 4 UUID of the seeded chance."""
        text = f"{self.chance.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def request_id(self) -> str:
        """As `e42b#14272d07d78`."""
        self._requests += 1
        return f"{self._requests % 0xFFFFF:x}#{int(self.clock.time() * 1000):x}"

    def log(self, who: str, op: str, kind: str, record_id: object, changed: dict[str, list[Any]] | None = None) -> None:
        """One line of the write log."""
        self.writes.add(
            at=self.clock.time(), who=who, op=op, kind=kind, record_id=str(record_id), changed=changed or {}
        )

    def add_field(self, name: str, display: str, kind: str, *, length: int | None = None) -> Field:
        """A custom lead field."""
        made = custom_field(FIRST_CUSTOM_ID + len(self.fields), name, display, kind, length)
        self.fields[name] = made
        self.leads.index_by(name)
        return made

    def kind(self, name: str) -> ObjectKind | None:
        """A standard object or a custom one, by API name."""
        return self.kinds.get(name) or self.custom.get(name)

    @property
    def native(self) -> bool:
        """Whether Adobe's own Dynamics sync is on."""
        return self.switches.on("native_sync")
