"""Activities of every partner keep what a kind promises that is told once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.connectors.activities import ACTIVITY, OCCURRED, PERSON
from shared.connectors.memory import KindDesign, MemoryConnector, MemorySystem, MemoryUsers
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Ref
from shared.ports.connector import Connector, Deletes, FeedKind, KindCapabilities
from simulators.frame import Authority
from tests.contract.activities_contract import Account, ActivitiesContract
from tests.fakes.clock import FakeClock
from tests.wire.connectors import activecampaign, marketo
from tests.wire.connectors.support import authority


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("ca")) as made:
        yield made


class InMemory:
    """The reference: a memory system with a log of events."""

    activities, moment, person = Kind("event"), FieldName("met"), FieldName("who")

    def __init__(self, feed: FeedKind) -> None:
        self.clock = FakeClock()
        people = KindCapabilities(feed=FeedKind.DELTA, deletes=Deletes.TOLD)
        told = KindCapabilities(feed=feed, deletes=Deletes.NEVER, writes=frozenset(), create_only=True)
        specs = (
            FieldSpec(name=self.moment, type=FieldType.DATETIME),
            FieldSpec(name=self.person, type=FieldType.REFERENCE, targets=(Kind("person"),)),
        )
        name = FieldSpec(name=FieldName("name"), type=FieldType.TEXT)
        system = MemorySystem(
            "fake",
            [
                KindDesign(kind=Kind("person"), fields=(name,), capabilities=people),
                KindDesign(kind=self.activities, fields=specs, capabilities=told, page_size=4),
            ],
            now=self.clock.now,
        )
        self.users = MemoryUsers(system)
        self.connector: Connector = MemoryConnector(system)

    def somebody(self) -> Ref:
        return self.users.create(Kind("person"), {FieldName("name"): "x"})

    def happen(self, who: Ref, *, ago: int = 0) -> None:
        del ago  # its log has no order but that of writing down
        self.users.create(self.activities, {self.moment: self.clock.now(), self.person: who})

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)


class OfActiveCampaign:
    activities, moment, person = ACTIVITY, OCCURRED, PERSON

    def __init__(self, hands: activecampaign.Account) -> None:
        self.hands, self.connector = hands, hands.connector
        self.count = 0
        seeded = hands.system.seed({"campaigns": [{"name": "Sale", "subject": "Today only"}]})
        self.campaign = seeded["campaigns"][0]["id"]

    def somebody(self) -> Ref:
        self.count += 1
        return Ref(Kind("contact"), self.hands.create({FieldName("email"): f"p{self.count}@example.com"}))

    def happen(self, who: Ref, *, ago: int = 0) -> None:
        self.hands.system.act("open", {"contact": who.id, "campaign": self.campaign, "late_seconds": ago})

    def advance(self, seconds: float) -> None:
        self.hands.advance(seconds)


class OfMarketo:
    activities, moment, person = ACTIVITY, OCCURRED, PERSON

    def __init__(self, hands: marketo.Subscription) -> None:
        self.hands, self.connector = hands, hands.connector
        self.count = 0

    def somebody(self) -> Ref:
        self.count += 1
        return Ref(Kind("lead"), self.hands.create({FieldName("email"): f"p{self.count}@example.com"}))

    def happen(self, who: Ref, *, ago: int = 0) -> None:
        spec = {"lead": int(who.id), "type": 10, "primary": "Sale", "ago_seconds": ago}
        self.hands.system.act("log_activity", spec)

    def advance(self, seconds: float) -> None:
        self.hands.advance(seconds)


class TestLog(ActivitiesContract):
    @pytest.fixture
    def account(self) -> Account:
        return InMemory(FeedKind.LOG)


class TestSince(ActivitiesContract):
    @pytest.fixture
    def account(self) -> Account:
        return InMemory(FeedKind.SINCE)


class TestActiveCampaign(ActivitiesContract):
    @pytest.fixture
    def account(self, ca: Authority) -> Iterator[Account]:
        with activecampaign.account(ca) as hands:
            yield OfActiveCampaign(hands)


class TestActiveCampaignWithoutReferences(ActivitiesContract):
    @pytest.fixture
    def account(self, ca: Authority) -> Iterator[Account]:
        with activecampaign.account(ca, switches={"activity_references": False}) as hands:
            yield OfActiveCampaign(hands)


class TestMarketo(ActivitiesContract):
    late = 0
    """Its log shows what was written down late at its end, or, by a switch, later (`feed_lag_seconds`)."""

    @pytest.fixture
    def account(self, ca: Authority) -> Iterator[Account]:
        with marketo.subscription(ca) as hands:
            yield OfMarketo(hands)


class TestMarketoSameSecond(ActivitiesContract):
    late = 0

    @pytest.fixture
    def account(self, ca: Authority) -> Iterator[Account]:
        switches = {"feed_resume": "same_second", "feed_scan": 3, "activity_offset": "+0000"}
        with marketo.subscription(ca, switches=switches) as hands:
            yield OfMarketo(hands)
