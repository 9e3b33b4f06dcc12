"""What a story is: one system's people, what happens to them in a day, and how both systems are compared at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cli.demo.day import Day
from cli.demo.hub import meaning
from cli.demo.verify import Difference
from cli.demo.world import Simulators

type Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the day's table. `problems` is what the demo did not expect; none of them may be left."""

    event: str
    where: str
    did: str
    why: str
    crm: str
    partner: str
    problems: tuple[str, ...] = ()


class Happening(Protocol):
    """Something that was made to happen before a run, and can be told after it."""

    def during(self, day: Day) -> bool:
        """Called while the run goes on, until it answers True."""
        ...

    def tell(self, day: Day, run: Mapping[str, Any]) -> Line: ...


@dataclass(frozen=True, slots=True)
class Chapter:
    """What happens before one run. Each of `events` acts at once and answers what to look at afterwards."""

    title: str
    events: Sequence[Callable[[Day], Happening]]


@dataclass(frozen=True, slots=True)
class Apart:
    """A difference that stays between both systems at the end, the records' names, and the code that explains it.

    `code` is "" when the app's own records say nothing of it.
    """

    what: str
    names: frozenset[str]
    code: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What a story needs from the command line."""

    people: int | None = None
    companies: int = 40
    whole: bool = False


class Story(Protocol):
    """One system's day."""

    title: str
    simulators: str
    """The simulators to start, as `python -m simulators --systems` takes them."""

    def seed(self, sims: Simulators, setting: Setting) -> str:
        """Fills both systems; answers in a sentence with what."""
        ...

    def connection(self, sims: Simulators) -> Mapping[str, Any]:
        """The body that creates the connection."""
        ...

    def entities(self, given: Iterable[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """The maps to play with, from those that a new connection has."""
        ...

    def total(self) -> int:
        """How many links the initial sync is to make."""
        ...

    def chapters(self) -> Sequence[Chapter]:
        """The first one is the initial sync."""
        ...

    def compare(self, day: Day) -> tuple[Sequence[Apart], Sequence[Difference]]:
        """Both systems against each other, field by field: what is apart and why, and what nothing explains."""
        ...


def texts(values: Mapping[str, object] | None) -> str:
    """Field values as a cell of the table."""
    if values is None:
        return "no record"
    return ", ".join(f"{name} {_shown(value)}" for name, value in values.items()) or "as before"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " + ".join(map(str, value)) or "none"
    if isinstance(value, Mapping):
        return " + ".join(f"{name}: {held}" for name, held in value.items()) or "none"
    return "(empty)" if value is None or value == "" else str(value)


_WINNER = {"crm": "Dynamics 365 wins", "partner": "the partner wins", "": "a person decides"}


@dataclass(slots=True, kw_only=True)
class Watched:
    """One pair of records, what is to be seen of it after the run, and what the app is to say.

    `look` reads both systems now: the names of the pair (`name_of`), and both records (None: there is none). `crm` and
    `partner` are the fields to look at with the values they must have; None: there must be no record. `codes` must all
    be among what the app recorded; `wrote` is, by side, exactly the fields the app wrote by the systems' own logs.
    """

    event: str
    where: str
    look: Callable[[], tuple[Iterable[str], Row | None, Row | None]]
    codes: Sequence[str]
    crm: Mapping[str, object] | None = field(default_factory=dict)
    partner: Mapping[str, object] | None = field(default_factory=dict)
    wrote: Mapping[str, Iterable[str]] = field(default_factory=dict)
    writes: Callable[[Iterable[str]], Mapping[str, Sequence[str]]]
    conflict: tuple[str, str, object, object] | None = None
    before: str = ""

    def during(self, day: Day) -> bool:
        return True

    def tell(self, day: Day, run: Mapping[str, Any]) -> Line:
        found, crm, partner = self.look()
        names = list(found)
        told = day.records.told(day.connection, str(run["id"]), names)
        codes = list(dict.fromkeys(item.code for item in told))
        kept = day.records.conflicts(day.connection, str(run["id"]), names)
        written = self.writes(names)
        problems = [self.before] if self.before else []
        problems += [
            f"the app recorded {', '.join(codes) or 'nothing'}, not {code}" for code in set(self.codes) - {*codes}
        ]
        problems += _unlike("Dynamics 365", self.crm, crm) + _unlike("the partner", self.partner, partner)
        for side in {*self.wrote, *written}:
            wanted, found = sorted(self.wrote.get(side, ())), sorted(written.get(side, ()))
            if wanted != found:
                problems.append(f"{side} was to be written {wanted}, its own log says {found}")
        if self.conflict is not None and self.conflict not in [(k.field, k.winner, k.crm, k.partner) for k in kept]:
            problems.append("the conflict was not kept with both values")
        shown = codes if problems else [code for code in codes if code in self.codes]
        words = [meaning(code) for code in shown if not (kept and code == "updated")]
        words += [f"In its own words: {item.message}" for item in told if item.message]
        words += [
            f"{k.field} differed; policy {k.policy}: {_WINNER[k.winner]}. Both values are kept: Dynamics 365 "
            f"{_shown(k.crm)}, the partner {_shown(k.partner)}."
            for k in kept
        ]
        did = "; ".join(f"wrote {', '.join(what)} to {side}" for side, what in written.items() if what)
        return Line(
            self.event,
            self.where,
            did or "wrote nothing",
            " ".join(dict.fromkeys(words)),
            texts(_part(self.crm, crm)),
            texts(_part(self.partner, partner)),
            tuple(problems),
        )


def _part(wanted: Mapping[str, object] | None, row: Row | None) -> Mapping[str, object] | None:
    return None if row is None else {name: row.get(name) for name in wanted or ()}


def _unlike(side: str, wanted: Mapping[str, object] | None, row: Row | None) -> list[str]:
    if wanted is None:
        return [] if row is None else [f"{side} has a record that should not be there"]
    if row is None:
        return [f"{side} has no such record"]
    return [
        f"{side}: {name} should be {_shown(value)}, is {_shown(row.get(name))}"
        for name, value in wanted.items()
        if (row.get(name) or "") != (value or "")
    ]
