"""Compares both systems with what should be there, by reading the simulators and nothing of the app."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.demo.world import Simulators

_TAGS = frozenset({"D365: Contact", "D365: Pushed from Dynamics"})
_FIELDS = {"firstname": "firstName", "lastname": "lastName", "telephone1": "phone"}


@dataclass(frozen=True, slots=True)
class Difference:
    what: str
    expected: object
    found: object


def compare(
    sims: Simulators,
    wanted: Mapping[str, Sequence[Mapping[str, str]]],
    doubled: int,
    counts: Mapping[str, int],
    runs: Sequence[Mapping[str, Any]],
) -> list[Difference]:
    """Every difference between what should be and what is; records are named by number, never by their values."""
    return [*_people(sims, wanted), *_writes(sims, len(wanted)), *_told(counts, runs, len(wanted), doubled)]


def _people(sims: Simulators, wanted: Mapping[str, Sequence[Mapping[str, str]]]) -> Iterator[Difference]:
    found = {str(contact["email"]).lower(): contact for contact in contacts(sims)}
    if len(found) != len(wanted):
        yield Difference("people in ActiveCampaign", len(wanted), len(found))
    for number, (email, rows) in enumerate(wanted.items()):
        contact = found.get(email)
        if contact is None:
            yield Difference(f"person {number}", "there", "missing")
            continue
        shown = {name: contact.get(theirs) or "" for name, theirs in _FIELDS.items()}
        if shown not in [{name: row.get(name, "") for name in _FIELDS} for row in rows]:
            yield Difference(f"person {number}", "as one row of Dynamics", "different")
        tags = frozenset(str(tag) for tag in contact["tags"])
        if tags != _TAGS:
            yield Difference(f"person {number}, tags", sorted(_TAGS), sorted(tags))


def contacts(sims: Simulators) -> Iterator[Mapping[str, Any]]:
    """All contacts of the account, with the names of their tags."""
    after = 0
    while True:
        page: Any = sims.control("activecampaign", "GET", f"state?kind=contacts&limit=1000&after={after}")["contacts"]
        yield from page
        if len(page) < 1000:
            return
        after = int(page[-1]["id"])


def _writes(sims: Simulators, people: int) -> Iterator[Difference]:
    """By the vendors' own write logs: each person made once, nothing written to Dynamics."""
    made = [row for row in write_log(sims, "activecampaign") if row["op"] == "create" and row["kind"] == "contact"]
    if len(made) != people:
        yield Difference("contacts created in ActiveCampaign, by its write log", people, len(made))
    crm = [row for row in write_log(sims, "dataverse") if row.get("op") in {"create", "update", "delete"}]
    if crm:
        yield Difference("writes to Dynamics, by its write log", 0, len(crm))


def write_log(sims: Simulators, system: str, since: int = 0) -> list[Mapping[str, Any]]:
    """Every change of the system since its reset (or after the one numbered `since`), oldest first."""
    rows: list[Mapping[str, Any]] = []
    while True:
        after = rows[-1]["seq"] if rows else since
        page: Any = sims.control(system, "GET", f"writes?after={after}&limit=10000")
        if not page:
            return rows
        rows.extend(page)


def _told(
    counts: Mapping[str, int], runs: Sequence[Mapping[str, Any]], people: int, doubled: int
) -> Iterator[Difference]:
    """What the app says of itself."""
    if counts.get("contact.linked") != people:
        yield Difference("linked people, as the app counts them", people, counts.get("contact.linked"))
    if counts.get("contact.parked", 0) != doubled:
        yield Difference("rows that share an address, as the app counts them", doubled, counts.get("contact.parked", 0))
    if runs:
        last = runs[0]
        if last["counts"].get("writes:partner", 0) or last["counts"].get("writes:crm", 0):
            yield Difference("writes of the second run", 0, last["counts"])
