"""When the last run ended, and that a connection is late. The minute timer is off here: no run comes in between."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from cli.demo.world import app, simulators
from tests.app.conftest import FAST, USERS
from tests.app.test_statistics import rested
from tests.page.conftest import Opening, Tab, World

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page-two")]

ZONE = ZoneInfo("Europe/Madrid")
"""Of the browser."""

TIMER_OFF = {"AzureWebJobs__tick__Disabled": "true"}
"""A lane whose time has come is woken by this timer only; a test may still fire it."""

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Systems and an app of its own: other tests need the timer."""
    clock_file = tmp_path_factory.mktemp("clock") / "clock.json"
    with simulators() as sims, app(sims, port=0, clock_file=clock_file, users=USERS, **FAST, **TIMER_OFF) as host:
        yield World(sims, host, clock_file, {})


def hourly(world: World) -> str:
    """A connection that runs each hour, whose initial sync is over."""
    connection = world.begun(people=2)
    rhythm = {"rhythm": {"kind": "grid", "hours": 1}}
    headers = {"x-functions-key": world.host.host_key, "If-Match": "*"}
    assert world.answer("PUT", f"connections/{connection}/schedule", rhythm, headers).status_code == 200
    return connection


def until(world: World, moment: datetime) -> None:
    world.advance((moment - world.now()).total_seconds())


def shown(moment: str) -> re.Pattern[str]:
    """A moment of the API as a British reader in Madrid sees it. Some months have four letters there."""
    there = datetime.fromisoformat(moment).astimezone(ZONE)
    return re.compile(rf"^{there.day} {there:%b}\w? {there:%Y, %H:%M}$")


def fact(page: Page, name: str) -> Any:
    return page.locator("dl.facts > div").filter(has=page.get_by_text(name, exact=True)).locator("dd")


def stands(tab: Tab, connection: str, word: str, tone: str) -> None:
    """The overview tells the state with this word, and an icon of this tone."""
    tab.open(f"?connection={connection}")
    status = tab.page.locator(".standing .status")
    expect(status).to_have_text(word)
    expect(status).to_have_class(re.compile(rf"\b{tone}\b"))
    expect(status.locator("svg")).to_be_visible()


@pytest.mark.feature("HUB-05.2", system="activecampaign")
@pytest.mark.feature("HUB-22.2", system="activecampaign")
@pytest.mark.feature("HUB-22.3", system="activecampaign")
def test_lateness_and_the_last_run_are_told(tabs: Opening, world: World) -> None:
    connection = hourly(world)
    rested(world, connection)
    status = world.status(connection)
    first, due = status["lastEnd"], datetime.fromisoformat(status["nextRun"])
    with tabs() as tab:
        stands(tab, connection, "Healthy", "good")
        expect(fact(tab.page, "Last run ended")).to_have_text(shown(first))
        until(world, due + HOUR * 0.5)
        stands(tab, connection, "Healthy", "good")  # a run may take its time
        until(world, due + HOUR * 1.5)
        stands(tab, connection, "Late", "warn")
        tab.shot("late-overview")
        expect(fact(tab.page, "Last run ended")).to_have_text(shown(first))
        tab.open(f"?view=settings&connection={connection}")
        expect(fact(tab.page, "Punctuality")).to_have_text("Late by more than one interval")
        expect(fact(tab.page, "Last run ended")).to_have_text(shown(first))
        until(world, due + HOUR * 2.5)
        stands(tab, connection, "Failing", "bad")
        tab.open(f"?view=settings&connection={connection}")
        expect(fact(tab.page, "Punctuality")).to_have_text("Late by more than two intervals")
        world.tick()
        last = world.wait_for(connection, 2)["lastEnd"]
        rested(world, connection)
        assert shown(last).pattern != shown(first).pattern
        tab.open(f"?view=settings&connection={connection}")
        expect(fact(tab.page, "Last run ended")).to_have_text(shown(last))
        stands(tab, connection, "Healthy", "good")
        expect(fact(tab.page, "Last run ended")).to_have_text(shown(last))
