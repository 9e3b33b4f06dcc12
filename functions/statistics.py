"""How connections are doing, in numbers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from functions.api.call import Answer, Call
from functions.api.route import Role, route
from shared import trust

if TYPE_CHECKING:
    from shared.domain.connection import ConnectionConfig
    from shared.manage.statistics import Behind, Count
    from shared.state.model import LaneView


@route("GET", "connections/{connection}/statistics", Role.READER, answer="statistics.Statistics")
def get_statistics(call: Call) -> Answer:
    """State with reason and next step, last sync, counts with the lists they open, backlog and throughput."""
    from shared.manage import statistics

    app, config = call.app, call.config()
    lane, journal = app.lane(config.id).peek(), app.journal(config.id)
    late = app.desk.lateness(config, lane)
    stands = statistics.standing(config, lane, late)
    last = journal.run(str(lane.facts.get("last_run", ""))) if lane.facts.get("last_run") else None
    speed = statistics.throughput(journal.runs(statistics.RECENT), app.clock.now())
    at = f"connections/{config.id}"
    records = f"{at}/runs/{last.id}/records?outcome=skipped" if last is not None else ""
    body = {
        "connection": config.id,
        "state": {"code": stands.code, "reason": stands.reason, "nextStep": stands.next_step},
        "late": late,
        "lastSync": {
            "run": last.id if last is not None else "",
            "state": last.state if last is not None else "",
            "ended": last.ended.isoformat() if last is not None and last.ended is not None else "",
        },
        "counts": {
            "linked": _count(statistics.Count(statistics.linked(lane)), ""),
            "failing": _count(_failing(call, config), f"{at}/failures?outcome=failed"),
            "excluded": _count(statistics.Count(statistics.excluded(last)), records),
            "conflicts": _count(_conflicts(call, config), f"{at}/conflicts?state=waiting"),
        },
        "backlog": _backlog(call, config, lane),
        "throughput": {
            "runs": speed.runs,
            "records": speed.records,
            "written": speed.written,
            "seconds": round(speed.seconds, 1),
            "recordsPerMinute": speed.per_minute,
        },
    }
    return Answer(body=body)


def _count(count: Count, listed: str) -> dict[str, object]:
    return {"count": count.count, "more": count.more, "shown": count.shown, "list": listed}


def _behind(each: Behind) -> dict[str, object]:
    return {
        "entity": each.entity,
        "waiting": _count(each.waiting, ""),
        "awaiting": each.awaiting,
        "parked": each.parked,
        "oldest": each.oldest.isoformat() if each.oldest is not None else "",
    }


def _failing(call: Call, config: ConnectionConfig) -> Count:
    from shared.manage.statistics import Count
    from shared.ports.journal import FailureFilter

    return Count(*call.app.desk.failing(config).count(FailureFilter(code="failed")))


def _conflicts(call: Call, config: ConnectionConfig) -> Count:
    from shared.manage.deciding import ConflictFilter
    from shared.manage.statistics import COUNTED, Count

    deciding, found, after = trust.deciding(call.app, config), 0, ""
    while found <= COUNTED:
        page = deciding.list(ConflictFilter(), waiting=True, limit=COUNTED, after=after)
        found, after = found + len(page.items), page.next
        if not after:
            return Count(min(found, COUNTED), more=found > COUNTED)
    return Count(COUNTED, more=True)


def _backlog(call: Call, config: ConnectionConfig, lane: LaneView) -> dict[str, object]:
    """What waits for the connection's worker: words left in the lane's inbox, requests on their way, time overdue."""
    from shared.domain.schedule import intervals_late, parse_rhythm
    from shared.manage.statistics import COUNTED, Count, behind
    from shared.ports.requests import RequestState

    commands = call.app.lane(config.id).commands(COUNTED + 1)
    waiting = len(commands)
    store = call.app.desk.requests(config.id)
    states = (RequestState.QUEUED, RequestState.HELD)
    pages = [store.list(state, limit=COUNTED) for state in states]
    requests = sum(len(page.items) for page in pages)
    ended = lane.facts.get("last_end")
    overdue = intervals_late(
        parse_rhythm(config.rhythm),
        last_slot=str(lane.facts.get("last_slot", "")),
        last_end=datetime.fromisoformat(ended) if isinstance(ended, str) else None,
        now=call.app.clock.now(),
    )
    changes = Count(min(waiting, COUNTED), more=waiting > COUNTED)
    asked = Count(min(requests, COUNTED), more=requests > COUNTED or any(page.next for page in pages))
    return {
        "waiting": _count(changes, ""),
        "requests": _count(asked, f"connections/{config.id}/requests?state=queued"),
        "intervalsLate": round(overdue, 2) if config.switch.value == "on" else 0.0,
        "entities": [_behind(each) for each in behind(config, lane, commands)],
    }
