"""Exact numbers of calls, against the table "Limits" of the architecture.

Tokens, metadata, checks, counts of rows, and walks over what knows no changed-since filter are counted on lines of
their own. `DYNASYNC_COUNT` sets the number of contacts (2,000 by default).
"""

from __future__ import annotations

import os
import time
from math import ceil
from uuid import UUID

import pytest

from shared.domain.records import FieldName, Kind, Record, Ref, RemoteId, Value
from shared.ports.connector import Connector, Cursor, Op, Outcome, Write
from simulators.frame import Authority
from tests.wire.connectors.activecampaign import Account, account
from tests.wire.connectors.dynamics import organisation

N = int(os.environ.get("DYNASYNC_COUNT", "2000"))
CONTACT = Kind("contact")
EMAIL, LAST = FieldName("email"), FieldName("lastName")
PAIR = frozenset({"D365: Contact", "D365: Pushed from Dynamics"})


def drained(connector: Connector, cursor: Cursor | None, fields: list[FieldName]) -> tuple[Cursor, set[RemoteId]]:
    """One run of a feed: where it ends, and whom it told."""
    told: set[RemoteId] = set()
    while True:
        page = connector.changes(CONTACT, cursor, fields)
        cursor = page.cursor
        told |= {item.ref.id for item in page.items if isinstance(item, Record)}
        if not page.more:
            return cursor, told


def written(connector: Connector, writes: list[Write]) -> list[str]:
    """All writes by as many as one call takes; answers the tickets."""
    size = connector.capabilities.kinds[CONTACT].bulk_size
    tickets: dict[str, None] = {}
    for start in range(0, len(writes), size):
        for result in connector.write(writes[start : start + size]):
            assert result.outcome in {Outcome.APPLIED, Outcome.ACCEPTED}
            if result.ticket is not None:
                tickets[result.ticket] = None
    return list(tickets)


@pytest.mark.parametrize("page_size", [5000, 500])
def test_dataverse_reads(ca: Authority, page_size: int) -> None:
    with organisation(ca, page_size=page_size) as org:
        org.system.seed({"rows": {"contact": [{"lastname": f"Row {n}"} for n in range(N)]}})
        org.around.clock.advance(3600)
        fields = [FieldName("lastname"), FieldName("emailaddress1")]
        cursor, told = drained(org.connector, None, fields)
        assert len(told) == N
        calls = org.around.calls("dynamics")
        pages = ceil(N / page_size)
        assert calls["walk"] + calls["catchup"] == pages + 1
        assert calls["count"] == 1
        assert calls.get("keys", 0) == (pages if pages > 1 else 0)
        org.around.counts.clear()
        drained(org.connector, cursor, fields)
        assert org.around.calls("dynamics") == {"delta": 1}


def test_dataverse_writes(ca: Authority) -> None:
    with organisation(ca) as org:
        org.connector.describe(CONTACT)
        org.around.counts.clear()
        refs = [Ref(CONTACT, RemoteId(str(UUID(int=n + (4 << 76) + (8 << 60))))) for n in range(N)]
        values: dict[FieldName, Value | None] = {FieldName("lastname"): "x"}
        written(org.connector, [Write(key=ref.id, op=Op.CREATE, ref=ref, fields=values) for ref in refs])
        assert org.around.calls("dynamics") == {"create": ceil(N / 1000)}
        found = org.connector.read(CONTACT, [ref.id for ref in refs], [FieldName("lastname")])
        expect = {row: record.revision for row, record in found.items() if isinstance(record, Record)}
        org.around.counts.clear()
        changed = {FieldName("lastname"): "y"}
        written(
            org.connector,
            [Write(key=ref.id, op=Op.UPDATE, ref=ref, fields=changed, expect=expect[ref.id]) for ref in refs],
        )
        assert org.around.calls("dynamics") == {"update": ceil(N / 100)}


def creates(fields: dict[FieldName, Value | None]) -> list[Write]:
    return [
        Write(
            key=f"k{n}",
            op=Op.CREATE,
            ref=Ref(CONTACT, RemoteId("")),
            fields={EMAIL: f"p{n}@example.com", LAST: f"Row {n}"} | fields,
            match=f"p{n}@example.com",
            add_labels=PAIR,
        )
        for n in range(N)
    ]


def first_sync(ac: Account, fields: list[FieldName], values: dict[FieldName, Value | None]) -> dict[str, int]:
    """Pre-check, imports, outcomes, and the run that brings ids and echo. Answers the calls after the pre-check."""
    ac.connector.describe(CONTACT)
    cursor, told = drained(ac.connector, None, fields)
    assert told == set()
    ac.around.counts.clear()
    tickets = written(ac.connector, creates(values))
    ac.advance(60 + N * 0.03)  # they are all done now: no polls while one runs
    assert not any(settled.running or settled.refused for settled in ac.connector.settle(tickets))  # type: ignore[arg-type]
    _, told = drained(ac.connector, cursor, fields)
    assert len(told) == N
    return ac.around.calls("activecampaign")


@pytest.mark.feature("AC-11.2")
def test_activecampaign_creates_by_import_and_learns_all_ids(ca: Authority) -> None:
    with account(ca) as ac:
        calls = first_sync(ac, [EMAIL, LAST], {})
        assert calls["import"] == calls["outcomes"] == ceil(N / 250)
        assert calls["list"] == ceil(N / 100) + 1
        assert set(calls) == {"import", "outcomes", "list"}


@pytest.mark.parametrize("custom", [2, 6])
@pytest.mark.parametrize("mode", ["feed", "include"])
def test_activecampaign_with_custom_fields_mapped(ca: Authority, mode: str, custom: int) -> None:
    values: dict[FieldName, Value | None] = {
        FieldName("field:1"): "motto",
        FieldName("field:2"): "notes",
        FieldName("field:3"): "en",
        FieldName("field:4"): frozenset({"a"}),
        FieldName("field:5"): None,
        FieldName("field:6"): None,
    }
    names = list(values)[:custom]
    switches = {"include_side_loads": mode == "include"}
    with account(ca, switches=switches, custom_values=mode) as ac:
        held = {name: values[name] for name in names}
        calls = first_sync(ac, [EMAIL, LAST, *names], held)
        filled = sum(1 for value in held.values() if value is not None)
        assert calls["import"] == calls["outcomes"] == ceil(N / 250)
        assert calls["list"] == ceil(N / 100) + 1
        # Each further page repeats one row of the page before, so that removals are noticed.
        walks = filled * ceil((N - 1) / 99) + (custom - filled)
        assert calls.get("values", 0) == (walks if mode == "feed" else 0)
        assert calls.get("values", 0) <= 1.03 * filled * ceil(N / 100) + custom
        assert "changed" not in calls


def test_activecampaign_reads_changes_and_is_idle(ca: Authority) -> None:
    with account(ca) as ac:
        ac.connector.describe(CONTACT)
        ac.system.seed({"contacts": [{"email": f"p{n}@example.com"} for n in range(N)]})
        ac.around.clock.advance(600)
        cursor, told = drained(ac.connector, None, [EMAIL, LAST])
        assert len(told) == N
        assert ac.around.calls("activecampaign")["list"] == ceil(N / 100) + 1
        ac.around.clock.advance(600)
        ac.around.counts.clear()
        cursor, told = drained(ac.connector, cursor, [EMAIL, LAST])
        assert (told, ac.around.calls("activecampaign")) == (set(), {"list": 1})
        for row in range(1, 1 + N // 10):
            ac.edit(RemoteId(str(row)), {LAST: "changed"})
        ac.around.clock.advance(600)
        ac.around.counts.clear()
        _, told = drained(ac.connector, cursor, [EMAIL, LAST])
        assert len(told) == N // 10
        assert ac.around.calls("activecampaign") == {"list": ceil(N / 10 / 100) + 1}


@pytest.mark.feature("AC-11.3")
def test_a_walk_keeps_several_pages_in_flight_so_that_latency_does_not_decide(ca: Authority) -> None:
    with account(ca) as ac:
        ac.connector.describe(CONTACT)
        ac.system.seed({"contacts": [{"email": f"p{n}@example.com"} for n in range(1300)]})
        ac.around.clock.advance(600)
        taken = dict[float, float]()
        for latency in (0.1, 0.5, 2.0):  # beside a longer one, what the machine itself takes counts for less
            ac.server.host.latency_ms = latency * 1000
            ac.around.counts.clear()
            started = time.monotonic()
            drained(ac.connector, None, [EMAIL, LAST])
            taken[latency] = time.monotonic() - started
            calls = ac.around.calls("activecampaign")["list"]
            assert calls == 14
            if taken[latency] < latency * calls * 0.6:  # one after the other each would take that long, and more
                return
        raise AssertionError(taken)
