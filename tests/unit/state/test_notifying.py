"""Notifications without storage or network: one word for an episode, one for its end, whatever fails in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.azure.webhook import checked
from shared.errors import ConfigError, Transient
from shared.manage.notifying import CLAIM, Condition, Episode, Notifying, Wanted

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
BROKEN = Condition("broken", "c1", "CRM-AC", "the connection stopped (auth)", "Enter the secret again.")
LATE = Condition("backlog", "c1", "CRM-AC", "it is late", "")


@dataclass
class Episodes:
    """An `EpisodeStore` with versions, as the service keeps them."""

    rows: dict[tuple[str, str], tuple[Episode, int]] = field(default_factory=dict)
    days: set[str] = field(default_factory=set)
    count: int = 0

    def all(self) -> list[tuple[Episode, str]]:
        return [(episode, str(version)) for episode, version in self.rows.values()]

    def put(self, episode: Episode, version: str = "") -> str | None:
        key = (episode.condition.event, episode.condition.connection)
        there = self.rows.get(key)
        if (str(there[1]) if there else "") != version:
            return None
        self.count += 1
        self.rows[key] = (episode, self.count)
        return str(self.count)

    def remove(self, episode: Episode, version: str) -> bool:
        key = (episode.condition.event, episode.condition.connection)
        return key in self.rows and str(self.rows[key][1]) == version and bool(self.rows.pop(key))

    def claim_day(self, day: str) -> bool:
        fresh = day not in self.days
        self.days.add(day)
        return fresh

    def free_day(self, day: str) -> None:
        self.days.discard(day)


@dataclass
class Stage:
    store: Episodes = field(default_factory=Episodes)
    wanted: Wanted = field(default_factory=lambda: Wanted(address=True))
    now: datetime = START
    away: bool = False
    sent: list[Mapping[str, Any]] = field(default_factory=list)

    def send(self, message: Mapping[str, object]) -> None:
        if self.away:
            raise Transient("away")
        self.sent.append(message)

    def look(self, *conditions: Condition, seconds: float = 60) -> int:
        self.now += timedelta(seconds=seconds)
        notifying = Notifying(
            store=self.store,
            wanted=self.wanted,
            send=self.send,
            now=self.now,
            digest=lambda: [("CRM-AC", "c1", {"failed:rejected": 2})],
        )
        return notifying.look(conditions)

    def told(self) -> list[tuple[str, str]]:
        found = [(str(message["event"]), str(message["state"])) for message in self.sent]
        self.sent.clear()
        return found


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.feature("HUB-25.2")
def test_an_episode_is_told_once_and_its_end_once(stage: Stage) -> None:
    for _ in range(5):
        stage.look(BROKEN)
    assert stage.told() == [("broken", "begun")]
    stage.look(BROKEN, LATE)
    assert stage.told() == [("backlog", "begun")]
    for _ in range(3):
        stage.look(LATE)
    assert stage.told() == [("broken", "over")]
    stage.look(BROKEN, LATE)  # once more is another episode
    assert stage.told() == [("broken", "begun")]


@pytest.mark.feature("HUB-25.2")
def test_what_could_not_be_delivered_is_tried_again_and_an_end_nobody_heard_of_is_no_news(stage: Stage) -> None:
    stage.away = True
    assert stage.look(BROKEN) == 0
    stage.away = False
    assert stage.look(BROKEN) == 1
    assert stage.told() == [("broken", "begun")]
    stage.away = True
    stage.look()
    stage.away = False
    stage.look()
    assert stage.told() == [("broken", "over")]
    stage.away = True
    stage.look(LATE)
    stage.away = False
    stage.look()
    assert stage.told() == []
    assert stage.store.all() == []


@pytest.mark.feature("HUB-25.2")
def test_an_end_that_was_not_told_yet_and_is_none_is_not_told(stage: Stage) -> None:
    stage.look(BROKEN)
    stage.told()
    stage.away = True
    stage.look()
    stage.away = False
    stage.look(BROKEN)
    assert stage.told() == []


@pytest.mark.feature("HUB-25.2")
def test_two_looks_at_once_tell_once_and_the_claim_of_a_dead_worker_ends(stage: Stage) -> None:
    other: list[int] = []

    def at_once(message: Mapping[str, object]) -> None:
        stage.sent.append(message)
        twin = Stage(store=stage.store, now=stage.now, sent=stage.sent)
        other.append(twin.look(BROKEN, seconds=1))

    stage.send = at_once  # type: ignore[method-assign]
    assert stage.look(BROKEN) == 1
    assert (other, stage.told()) == ([0], [("broken", "begun")])
    fresh = Stage()
    fresh.store.put(Episode(condition=BROKEN, since=START, claimed=START))
    assert fresh.look(BROKEN, seconds=CLAIM.total_seconds() - 1) == 0
    assert fresh.look(BROKEN, seconds=2) == 1


@pytest.mark.feature("HUB-25.3")
def test_the_digest_comes_once_a_day_from_its_hour_on_and_again_when_it_did_not_arrive(stage: Stage) -> None:
    stage.wanted = Wanted(address=True, digest_hour=10)
    assert stage.look() == 0
    stage.away = True
    assert stage.look(seconds=3600) == 0
    stage.away = False
    assert stage.look() == 1
    assert stage.sent[0]["connections"] == [
        {"connection": "c1", "name": "CRM-AC", "failing": 2, "byCode": {"failed:rejected": 2}}
    ]
    assert stage.look(seconds=3600) == 0
    assert stage.look(seconds=24 * 3600) == 1


def test_nothing_is_told_without_an_address_or_of_an_event_nobody_wants(stage: Stage) -> None:
    stage.wanted = Wanted(digest_hour=0)
    assert stage.look(BROKEN) == 0
    assert [episode.told for episode, _ in stage.store.all()] == [False]
    stage.wanted = replace(stage.wanted, address=True, digest_hour=None, events=("poison",))
    assert stage.look(BROKEN) == 0
    assert stage.store.all() == []


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example.com/x",
        "https://10.0.0.4/x",
        "https://[::1]/x",
        "https://localhost/x",
        "https://db.internal/x",
    ],
)
def test_an_address_inside_is_refused(address: str) -> None:
    with pytest.raises(ConfigError) as told:
        checked(address, frozenset())
    assert told.value.next_step
    assert checked("https://hooks.example.com/x?key=1 ", frozenset()) == "https://hooks.example.com/x?key=1"
    assert checked("https://127.0.0.1:8443/x", {"127.0.0.1:8443"})
