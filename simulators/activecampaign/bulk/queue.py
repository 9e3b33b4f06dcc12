"""Imports wait in line and run one after the other, contact by contact, in the clock's time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlencode

from simulators.activecampaign.actors import Actor
from simulators.activecampaign.bulk.apply import RowFailedError, import_contact
from simulators.activecampaign.tenant import Tenant
from simulators.activecampaign.times import wall_clock
from simulators.activecampaign.webhooks.courier import Courier, Parcel, form_headers
from simulators.activecampaign.webhooks.events import deliverable

_CHUNK = 25
_WAITING, _ACTIVE, _COMPLETED = "waiting", "active", "completed"


@dataclass(slots=True)
class Batch:
    """One accepted request. Its `size` contacts are let go of once all are done."""

    id: str
    contacts: list[dict[str, Any]]
    exclude_automations: bool
    callback: dict[str, Any]
    queued: int
    size: int
    status: str = _WAITING
    done: int = 0
    success: list[int] = field(default_factory=list)
    failure: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class ImportQueue:
    """All imports of an account."""

    def __init__(self, tenant: Tenant, courier: Courier) -> None:
        self._tenant = tenant
        self._courier = courier
        self.batches: dict[str, Batch] = {}
        self._free_at = 0.0

    def add(self, contacts: list[dict[str, Any]], *, exclude_automations: bool, callback: dict[str, Any]) -> Batch:
        """Queue an import behind those that wait."""
        tenant = self._tenant
        batch = Batch(tenant.uuid(), contacts, exclude_automations, callback, tenant.now(), len(contacts))
        self.batches[batch.id] = batch
        now = tenant.clock.time()
        start = max(now + tenant.switches.number("bulk_start_seconds"), self._free_at)
        pace = tenant.switches.number("bulk_seconds_per_contact")
        self._free_at = start + pace * len(contacts)
        tenant.agenda.after(start - now, self._locked(partial(self._start, batch)))
        for first in range(0, len(contacts), _CHUNK):
            last = min(first + _CHUNK, len(contacts))
            tenant.agenda.after(start - now + pace * last, self._locked(partial(self._run, batch, last)))
        return batch

    def _locked(self, action: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            with self._tenant.lock:
                action()

        return run

    def _start(self, batch: Batch) -> None:
        if batch.status == _WAITING:
            batch.status = _ACTIVE

    def _run(self, batch: Batch, upto: int) -> None:
        actor = Actor.batch(batch.id)
        while batch.done < upto:
            item = batch.contacts[batch.done]
            batch.done += 1
            quiet = batch.exclude_automations or self._quiet(item)
            try:
                contact = import_contact(self._tenant, actor, item, automations=not quiet)
            except RowFailedError as error:
                batch.failure.append(item["email"])
                batch.errors.append(f"{item['email']}: {error}")
            else:
                batch.success.append(contact.id)
        if batch.done == batch.size and batch.status != _COMPLETED:
            self._finish(batch)

    def _quiet(self, item: dict[str, Any]) -> bool:
        where = self._tenant.switches.word("bulk_exclude_automations")
        return where != "top_level" and _true(item.get("exclude_automations"))

    def _finish(self, batch: Batch) -> None:
        if self._tenant.switches.on("bulk_shuffled_ids"):
            self._tenant.chance.shuffle(batch.success)
        batch.status = _COMPLETED
        batch.contacts = []
        if batch.callback:
            self._call_back(batch)

    def _call_back(self, batch: Batch) -> None:
        """Tell the endpoint, with the parameters and headers it asked for."""
        callback = batch.callback
        url = callback["url"] if "://" in callback["url"] else f"http://{callback['url']}"
        if not deliverable(self._tenant, url):
            return
        pairs = _pairs(callback.get("params"))
        body = b""
        if callback["requestType"] == "GET":
            url += ("&" if "?" in url else "?") + urlencode(pairs) if pairs else ""
        else:
            if _true(callback.get("detailed_results")):
                pairs += [("success", str(len(batch.success))), ("failure", str(len(batch.failure)))]
                pairs += [("errors[]", error) for error in batch.errors]
            body = urlencode(pairs).encode()
        self._courier.send(
            Parcel(
                method=callback["requestType"],
                url=url,
                body=body,
                headers=form_headers(_pairs(callback.get("headers"))),
                about=f"callback of import {batch.id}",
                timeout=self._tenant.switches.number("webhook_timeout_seconds"),
            )
        )

    def word(self, batch: Batch) -> str:
        """The status as the vendor words it."""
        words = {_WAITING: "bulk_waiting_word", _ACTIVE: "bulk_active_word"}
        return self._tenant.switches.word(words[batch.status]) if batch.status in words else batch.status

    def summary(self, *, completed: bool) -> list[dict[str, str]]:
        """Batches and contacts a day, outstanding or recently completed."""
        chosen = [batch for batch in self.batches.values() if (batch.status == _COMPLETED) == completed]
        days = Counter(wall_clock(batch.queued)[:10] for batch in chosen)
        contacts: Counter[str] = Counter()
        for batch in chosen:
            contacts[wall_clock(batch.queued)[:10]] += batch.size
        return [{"forDate": day, "batches": str(days[day]), "contacts": str(contacts[day])} for day in sorted(days)]


def _true(value: Any) -> bool:
    return value is True or value == 1 or (isinstance(value, str) and value.lower() in {"true", "1"})


def _pairs(items: Any) -> list[tuple[str, str]]:
    found = [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []
    return [(str(each["key"]), str(each.get("value", ""))) for each in found if _plain(each.get("key"))]


def _plain(key: Any) -> bool:
    return isinstance(key, str) and key.isascii() and key.isprintable() and bool(key)


def wants_no_automations(tenant: Tenant, body: dict[str, Any]) -> bool:
    """`exclude_automations` at the top of the body; where it counts is a switch."""
    where = tenant.switches.word("bulk_exclude_automations")
    return where != "per_contact" and _true(body.get("exclude_automations"))
