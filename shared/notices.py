"""Wires notifications: what is wrong now, where episodes are kept, whom to tell. Stands beside `shared.bootstrap`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from shared.domain.connection import ConnectionConfig, Switch

if TYPE_CHECKING:
    from shared.azure.episodes import TableEpisodes
    from shared.bootstrap import Application
    from shared.manage.notifying import Condition
    from shared.ports.journal import FailureStore

NAME: Final = "notifications-webhook"
_TWO: Final = 2
_COUNTED: Final = 10_000


def episodes(app: Application) -> TableEpisodes:
    from shared.azure.episodes import TableEpisodes

    return TableEpisodes(app.store("notifications"))


def look(app: Application) -> int:
    """One look at every connection; tells what began and what is over. Answers how many messages were delivered."""
    from shared.azure.webhook import deliver
    from shared.manage.notifying import Notifying

    store = episodes(app)
    trusted = app.settings.trusted_hosts
    notifying = Notifying(
        store=store,
        wanted=store.wanted(),
        send=lambda message: deliver(app.secret(NAME), message, trusted),
        now=app.clock.now(),
        digest=lambda: _digest(app),
    )
    return notifying.look([condition for stored in app.connections.all() for condition in _wrong(app, stored.config)])


def check_address(app: Application, address: str) -> None:
    """Raises ConfigError for one that may not be told; "" is none."""
    from shared.azure.webhook import checked

    if address:
        checked(address, app.settings.trusted_hosts)


def set_address(app: Application, address: str) -> None:
    """Stores a checked address apart, as a secret; "" forgets it."""
    if address:
        app.secrets.put(NAME, address.strip())
    else:
        app.secrets.remove(NAME)


def _wrong(app: Application, config: ConnectionConfig) -> Iterator[Condition]:
    from shared.domain.schedule import intervals_late, parse_rhythm
    from shared.manage.notifying import Condition
    from shared.ports.requests import RequestState

    lane, name = app.lane(config.id).peek(), config.name
    if app.desk.requests(config.id).list(RequestState.POISON, limit=1).items:
        reason, step = "requests were given up after five tries", f"dynasync poison list {config.id}"
        yield Condition("poison", config.id, name, reason, step)
    if config.switch is not Switch.ON:
        return
    facts = lane.facts
    if facts.get("broken"):
        step = str(facts.get("broken_next", "")) or f"dynasync status {config.id}"
        yield Condition("broken", config.id, name, f"the connection stopped ({facts['broken']!s})", step)
    last = app.journal(config.id).runs(_TWO)
    if len(last) == _TWO and all(run.state in {"failed", "stopped"} for run in last):
        step = f"dynasync runs list {config.id}"
        yield Condition("failing_runs", config.id, name, f"its last two runs failed ({last[0].code})", step)
    ended = facts.get("last_end")
    overdue = intervals_late(
        parse_rhythm(config.rhythm),
        last_slot=str(facts.get("last_slot", "")),
        last_end=datetime.fromisoformat(ended) if isinstance(ended, str) else None,
        now=app.clock.now(),
    )
    if overdue > _TWO:
        step = f"dynasync status {config.id}"
        yield Condition("backlog", config.id, name, "it is more than two of its intervals late", step)


def _codes(store: FailureStore) -> Counter[str]:
    from shared.ports.journal import FailureFilter, each

    found = each(lambda after: store.list(FailureFilter(), limit=500, after=after))
    return Counter(item.code for item in islice(found, _COUNTED))


def _digest(app: Application) -> Iterator[tuple[str, str, Mapping[str, int]]]:
    """Failing records of each connection by code, as many as are counted."""
    for stored in app.connections.all():
        counts = _codes(app.desk.failing(stored.config).store)
        if counts:
            yield stored.config.name, stored.config.id, counts
