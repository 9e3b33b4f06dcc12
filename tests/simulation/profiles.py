"""The systems a simulated world may be made of, and how their fields are mapped.

Each profile is one connection: what both systems can do, and the entity map between them. The oracle reads the same
table of fields, but nothing of the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from shared.connectors.memory import KindDesign, Overlong
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Option, Side
from shared.ports.connector import ClearBy, CreateKey, Deletes, FeedKind, KindCapabilities

PERSON = Kind("person")
COMPANY = Kind("company")
CRM_PERSON = Kind("contact")
CRM_COMPANY = Kind("account")

LEVELS = tuple(Option(str(number), f"Level {number}") for number in range(1, 5))
PARTNER_LEVELS = tuple(Option(f"l{number}", f"Level {number}") for number in range(1, 4))
TOPICS = tuple(Option(name, name.title()) for name in ("art", "books", "cars", "dance"))
LEVEL_WORDS = {"1": "l1", "2": "l2", "3": "l3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimField:
    """One mapped field, as both the entity map and the oracle need it.

    `rule` is the policy's name; `into` the sides values flow into; `edits`: whether users touch it in a simulation.
    `words` maps Dynamics' stored choices to the partner's.
    """

    id: str
    type: FieldType
    rule: str = "owner_crm"
    into: frozenset[Side] = frozenset(Side)
    edits: bool = True
    custom: bool = False
    limits: Mapping[Side, int] = field(default_factory=dict)
    secret: Mapping[Side, int] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    companies: bool = False

    @property
    def name(self) -> FieldName:
        return FieldName(self.id)

    def spec(self, side: Side) -> FieldSpec:
        options: tuple[Option, ...] = ()
        if self.type is FieldType.CHOICE:
            options = LEVELS if side is Side.CRM else PARTNER_LEVELS
        elif self.type is FieldType.MULTI_CHOICE:
            options = TOPICS
        return FieldSpec(
            name=self.name,
            type=self.type,
            label=self.id.title(),
            max_length=self.limits.get(side),
            options=options,
            targets=(CRM_COMPANY if side is Side.CRM else COMPANY,) if self.type is FieldType.REFERENCE else (),
            custom=self.custom and side is Side.PARTNER,
        )

    def map(self) -> dict[str, Any]:
        into = self.into
        direction = "both" if len(into) == 2 else "to_crm" if Side.CRM in into else "to_partner"
        found: dict[str, Any] = {"id": self.id, "crm": self.id, "partner": self.id, "direction": direction}
        found["policy"] = self.rule
        if self.words:
            found["values"] = dict(self.words)
        return found


_TO_PARTNER, _TO_CRM = frozenset({Side.PARTNER}), frozenset({Side.CRM})

MAIL = SimField(id="mail", type=FieldType.EMAIL, limits={Side.CRM: 100, Side.PARTNER: 100}, edits=False)
TAG = SimField(id="tag", type=FieldType.TEXT, edits=False)
NAME = SimField(id="name", type=FieldType.TEXT, limits={Side.CRM: 100, Side.PARTNER: 24})
PHONE = SimField(id="phone", type=FieldType.PHONE, rule="owner_partner", limits={Side.CRM: 100, Side.PARTNER: 100})
NOTE = SimField(id="note", type=FieldType.MEMO, rule="ask", custom=True, limits={Side.CRM: 400, Side.PARTNER: 400})
TITLE = SimField(id="title", type=FieldType.TEXT, rule="newest", limits={Side.CRM: 100, Side.PARTNER: 100})
OPTOUT = SimField(id="optout", type=FieldType.BOOLEAN, rule="restrictive")
TOPIC = SimField(id="topics", type=FieldType.MULTI_CHOICE, rule="union", custom=True)
LEVEL = SimField(id="level", type=FieldType.CHOICE, words=LEVEL_WORDS)
SOURCE = SimField(id="source", type=FieldType.TEXT, rule="only_on_create")
NICK = SimField(id="nick", type=FieldType.TEXT, rule="fill_if_empty")
CODE = SimField(id="code", type=FieldType.TEXT, into=_TO_PARTNER, custom=True)
CITY = SimField(id="city", type=FieldType.TEXT, into=_TO_CRM, rule="owner_partner")
WORKS = SimField(id="works", type=FieldType.REFERENCE, companies=True, edits=False)

SCOPE = FieldName("scope")
"""A column of Dynamics only, by which a profile's criteria may decide who takes part."""

PEOPLE_FIELDS = (MAIL, TAG, NAME, PHONE, NOTE, TITLE, OPTOUT, TOPIC, LEVEL, SOURCE, NICK, CODE, CITY)
COMPANY_FIELDS = (MAIL, TAG, NAME, PHONE)

DATAVERSE = KindCapabilities(
    feed=FeedKind.DELTA,
    deletes=Deletes.TOLD,
    conditional_write=True,
    create_key=CreateKey.CALLER_ID,
    match_field=MAIL.name,
    bulk_size=100,
    find_size=20,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One connection's two systems. `deletes` is the policy by the side on which something would be deleted,
    `creates` the sides on which new records may be made. `nested`: deletes of companies are carried too, and neither
    system deletes a company that somebody still works at. `keeps_log`: the partner keeps a log of each record."""

    name: str
    partner: KindCapabilities
    fields: tuple[SimField, ...] = PEOPLE_FIELDS
    partner_design: Mapping[str, Any] = field(default_factory=dict)
    crm_design: Mapping[str, Any] = field(default_factory=dict)
    crm: KindCapabilities = DATAVERSE
    deletes: Mapping[Side, str] = field(default_factory=dict)
    overlap: timedelta = timedelta(0)
    lateness: timedelta = timedelta(0)
    companies: bool = False
    shard: str = ""
    labels: Mapping[str, Any] | None = None
    criteria: bool = False
    creates: frozenset[Side] = frozenset(Side)
    nested: bool = False
    keeps_log: bool = False

    def kinds(self, side: Side) -> tuple[Kind, ...]:
        crm = side is Side.CRM
        people, companies = (CRM_PERSON, CRM_COMPANY) if crm else (PERSON, COMPANY)
        return (companies, people) if self.companies else (people,)

    def person(self, side: Side) -> Kind:
        return CRM_PERSON if side is Side.CRM else PERSON

    def capabilities(self, side: Side) -> KindCapabilities:
        return self.crm if side is Side.CRM else self.partner

    def fields_of(self, kind: Kind) -> tuple[SimField, ...]:
        if kind in {COMPANY, CRM_COMPANY}:
            return COMPANY_FIELDS
        return (*self.fields, WORKS) if self.companies else self.fields

    def designs(self, side: Side) -> list[KindDesign]:
        extra: Mapping[str, Any] = self.crm_design if side is Side.CRM else self.partner_design
        found = []
        for kind in self.kinds(side):
            fields = self.fields_of(kind)
            specs = [item.spec(side) for item in fields] + [FieldSpec(name=FieldName("other"), type=FieldType.TEXT)]
            if kind == CRM_PERSON and self.criteria:
                specs.append(FieldSpec(name=SCOPE, type=FieldType.TEXT))
            stamp = self.capabilities(side).stamp
            if stamp is not None:
                specs.append(FieldSpec(name=stamp, type=FieldType.TEXT))
            secret = {item.name: item.secret[side] for item in fields if side in item.secret}
            found.append(
                KindDesign(
                    kind=kind,
                    fields=tuple(specs),
                    capabilities=self.capabilities(side),
                    secret_limits=secret,
                    keeps_used=self.nested and kind in {COMPANY, CRM_COMPANY},
                    **extra,
                )
            )
        return found

    def entities(self) -> tuple[Mapping[str, Any], ...]:
        people = {
            "name": "people",
            "crm_kind": CRM_PERSON,
            "partner_kind": PERSON,
            "match": MAIL.id,
            "deletes": {side.value: self.deletes.get(side, "ignore") for side in Side},
            "creates": sorted(side.value for side in self.creates),
            "fields": [item.map() for item in self.fields_of(PERSON)],
        }
        if self.labels is not None:
            people["labels"] = dict(self.labels)
        if self.criteria:
            people["criteria"] = {"none": [{"column": SCOPE, "op": "eq", "value": "out"}]}
        if not self.companies:
            return (people,)
        companies: dict[str, Any] = {
            "name": "companies",
            "crm_kind": CRM_COMPANY,
            "partner_kind": COMPANY,
            "match": MAIL.id,
            "fields": [item.map() for item in COMPANY_FIELDS],
        }
        if self.nested:
            companies["deletes"] = people["deletes"]
        return (companies, {**people, "parents": ["companies"]})


_MATCH = MAIL.name
_TRIMS = {NAME.name: str.rstrip}

IMPORT = Profile(
    name="import",  # as ActiveCampaign: bulk import, filter by date, no deletes told, one empty, texts cut
    partner=KindCapabilities(
        feed=FeedKind.SINCE,
        deletes=Deletes.ABSENCE,
        create_key=CreateKey.UNIQUE_MATCH,
        match_field=_MATCH,
        asynchronous_create=True,
        partial_rows=True,
        labels=True,
        bulk_size=10,
        clear=ClearBy.EMPTY,
        coarse=timedelta(seconds=1),
    ),
    partner_design={"overlong": Overlong.TRUNCATE, "page_size": 3, "habits": _TRIMS},
    crm_design={"page_size": 3, "refuses_unknown_fields": True, "representation": True},
    overlap=timedelta(seconds=120),
    lateness=timedelta(seconds=40),
    deletes={Side.CRM: "ignore", Side.PARTNER: "ignore"},
)
TAGS = Profile(
    name="tags",  # the same with the tag pairs of ActiveCampaign
    partner=IMPORT.partner,
    partner_design={**IMPORT.partner_design, "partial_labels": True},
    crm_design=IMPORT.crm_design,
    overlap=IMPORT.overlap,
    labels={"kind": "D: Contact", "pushed": "D: Pushed", "pulled": "D: Pulled"},
)
LOG = Profile(
    name="log",  # as Marketo: an activity log that tells deletes and merges, unique e-mail, no conditions
    partner=KindCapabilities(
        feed=FeedKind.LOG,
        deletes=Deletes.TOLD,
        create_key=CreateKey.UNIQUE_MATCH,
        match_field=_MATCH,
        bulk_size=4,
        find_size=5,
        tells_merges=True,
        coarse=timedelta(seconds=2),
    ),
    partner_design={"page_size": 3},
    crm_design={"page_size": 4},
    deletes={Side.CRM: "delete", Side.PARTNER: "delete"},
)
MAILBOX = Profile(
    name="mailbox",  # as Exchange: delta with conditions, a stamp, no key for creates, one shard of several
    partner=KindCapabilities(
        feed=FeedKind.DELTA,
        deletes=Deletes.TOLD,
        conditional_write=True,
        match_field=_MATCH,
        stamp=FieldName("stamp"),
        bulk_size=2,
    ),
    partner_design={"page_size": 2, "representation": True},
    crm_design={"page_size": 2, "tells_revision": False},
    deletes={Side.CRM: "ignore", Side.PARTNER: "delete"},
    shard="box-1",
    companies=True,
)
POOR = Profile(
    name="poor",  # nothing but whole walks and single writes, nothing can be emptied
    partner=KindCapabilities(
        feed=FeedKind.WALK,
        deletes=Deletes.ABSENCE,
        match_field=_MATCH,
        stamp=FieldName("stamp"),
        bulk_size=1,
        clear=ClearBy.IMPOSSIBLE,
        coarse=timedelta(seconds=5),
    ),
    partner_design={"page_size": 3},
    crm_design={"page_size": 5},
)
PLAIN = Profile(
    name="plain",  # as Adobe Campaign: changed-since without overlap, no late commits, unique keys
    partner=KindCapabilities(
        feed=FeedKind.SINCE,
        deletes=Deletes.ABSENCE,
        create_key=CreateKey.UNIQUE_MATCH,
        match_field=_MATCH,
        bulk_size=3,
        find_size=3,
        coarse=timedelta(seconds=3),
    ),
    partner_design={"page_size": 4},
    crm_design={"page_size": 3},
    deletes={Side.CRM: "ignore", Side.PARTNER: "delete"},
    companies=True,
)
LATE = Profile(
    name="late",  # changed-since where commits show late, and no delete is ever told: what the overlap misses is lost
    partner=KindCapabilities(
        feed=FeedKind.SINCE,
        deletes=Deletes.NEVER,
        create_key=CreateKey.UNIQUE_MATCH,
        match_field=_MATCH,
        bulk_size=2,
        coarse=timedelta(seconds=1),
    ),
    partner_design={"page_size": 3, "overlong": Overlong.TRUNCATE},
    crm=replace(DATAVERSE, tells_merges=True),
    crm_design={"page_size": 3, "representation": True},
    overlap=timedelta(seconds=60),
    lateness=timedelta(seconds=40),
    deletes={Side.CRM: "ignore", Side.PARTNER: "delete"},
)
COARSE = Profile(
    name="coarse",  # changed-since on a coarse clock, no overlap, deletes never told; criteria decide who takes part
    partner=KindCapabilities(
        feed=FeedKind.SINCE,
        deletes=Deletes.NEVER,
        create_key=CreateKey.UNIQUE_MATCH,
        match_field=_MATCH,
        bulk_size=5,
        coarse=timedelta(seconds=10),
    ),
    partner_design={"page_size": 2},
    crm_design={"page_size": 4},
    criteria=True,
)

SENT = Profile(
    name="sent",  # as Marketo's own rules: new people only there, who is deleted there is made again at the next edit
    partner=LOG.partner,
    partner_design=LOG.partner_design,
    crm_design=LOG.crm_design,
    deletes={Side.CRM: "make_again", Side.PARTNER: "ignore"},
    creates=frozenset({Side.PARTNER}),
)

NESTED = Profile(
    name="nested",  # as Marketo's objects: what is still referred to cannot be deleted
    partner=LOG.partner,
    partner_design=LOG.partner_design,
    crm_design=LOG.crm_design,
    deletes={Side.CRM: "delete", Side.PARTNER: "delete"},
    companies=True,
    nested=True,
)
LOGBOOK = Profile(
    name="logbook",  # as Marketo's log of activities: what Dynamics refuses is told in the person's own log
    partner=LOG.partner,
    partner_design=LOG.partner_design,
    crm_design=LOG.crm_design,
    fields=tuple(replace(item, secret={Side.CRM: 12}) if item is PHONE else item for item in PEOPLE_FIELDS),
    keeps_log=True,
)

DRAWN = (IMPORT, TAGS, LOG, MAILBOX, POOR, PLAIN, LATE, COARSE)
"""What a history is drawn from that names no profile: the stored histories count on these."""

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {profile.name: profile for profile in (*DRAWN, SENT, NESTED, LOGBOOK)}
)
