"""A list of 100,000 rows: quick to open, quick to go through, and never more than some hundred rows in the document."""

from __future__ import annotations

import base64
import secrets
import time

import pytest

from shared import config
from shared.azure.runs import TableJournal
from shared.bootstrap import Application
from shared.domain.records import Kind, Ref, RemoteId
from shared.ports.report import RecordOutcome
from tests.page.conftest import Opening, Tab, World
from tests.page.pace import slowness

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page-two")]

ROWS = 100_000
PART = 20_000
DRAWN = 600
"""Rows in the document at once, at most."""

GOES = 10_000
"""Rows that are gone through; each step takes as long as the one before."""

STEP = 4.0
"""Seconds until a thousand further rows stand there, on a usual machine."""

OPENS = 3.0
"""Seconds until the first rows stand there."""

TRIES = 4
"""Times that the list is opened at most, since other work of the machine may come in between."""


def journal(world: World, connection: str) -> TableJournal:
    """The log of runs where the app keeps it."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    settings = {"AzureWebJobsStorage": world.host.storage_connection, "DYNASYNC_STATE_KEY": key}
    return Application(config.load(settings)).journal(connection)


def outcome(number: int) -> RecordOutcome:
    return RecordOutcome(
        link=f"{number:032x}",
        entity="contact",
        code="updated" if number % 100 else "skipped:outside_criteria",
        crm=Ref(Kind("contact"), RemoteId(f"{number:08x}-0000-4000-8000-000000000000")),
        partner=Ref(Kind("contact"), RemoteId(str(number))),
    )


@pytest.mark.feature("APP-02.6")
def test_a_list_of_a_hundred_thousand_rows_stays_fast(tabs: Opening, world: World, connection: str) -> None:
    log, run = journal(world, connection), secrets.token_hex(16)
    log.begin_run(run, slot="", reason="scheduled")
    for part in range(0, ROWS, PART):
        log.tell(run, f"p{part}", [outcome(part + n) for n in range(PART)], {"updated": PART})
    log.end_run(run, state="succeeded")
    with tabs() as tab:
        page = tab.page
        opens = list[float]()
        while not opens or (opens[-1] >= OPENS and len(opens) < TRIES):
            opens.append(opened(tab, f"?view=runs&connection={connection}&run={run}"))
        assert opens[-1] < OPENS, opens
        first = page.locator("tbody td code", has_text="-4000-").first.inner_text()
        assert page.locator("tbody tr").count() <= 200  # the first page is short
        steps = list[float]()
        while last(tab) < GOES:
            steps.append(further(tab))
        usual = sorted(steps)[len(steps) // 2] / slowness(tab)
        assert usual < STEP, steps
        page.keyboard.press("Control+Home")
        page.get_by_text(first).wait_for()  # what was left out is drawn again
        assert page.locator("tbody [aria-rowindex]").count() < DRAWN


def opened(tab: Tab, query: str) -> float:
    """Opens a list; answers after how many seconds its first rows stood there, on a usual machine."""
    begun = time.monotonic()
    tab.open(query)
    tab.page.locator("tbody td code").first.wait_for()
    return (time.monotonic() - begun) / slowness(tab)


def last(tab: Tab) -> int:
    """The number of the last row that is drawn."""
    number: int = tab.page.evaluate(
        "Math.max(...[...document.querySelectorAll('.stack tbody [aria-rowindex]')].map(r => +r.ariaRowIndex))"
    )
    return number


def further(tab: Tab) -> float:
    """Goes to the end of what is loaded, and waits until more stands there; answers how long that took."""
    before, begun = last(tab), time.monotonic()
    tab.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    tab.page.wait_for_function(
        "n => [...document.querySelectorAll('.stack tbody [aria-rowindex]')].some(r => +r.ariaRowIndex > n)", arg=before
    )
    took = time.monotonic() - begun
    assert tab.page.locator("tbody [aria-rowindex]").count() < DRAWN
    return took
