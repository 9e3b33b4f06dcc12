"""People and companies by the million: rows computed from their number when they are read.

Names are common Spanish, Italian and English ones put together by chance; addresses end in reserved domains.
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from simulators.dataverse.store import Ref, Value

_NAMES = Path(__file__).parent / "data" / "names.json"
_MASK = 0xFFFFFFFF
_ID_SPAN = 0xF0000000
_SPREAD_SECONDS = 2 * 365 * 86_400
_TAIL_NUMBER = re.compile(r".*?(\d+)(@.*)?")
_MAIL_EVERY = 40
PATTERNS = 8_192
_TURN = PATTERNS - 1

type Maker = Callable[[int], Value]


@cache
def name_lists() -> dict[str, Any]:
    """Return the lists of names, towns and words."""
    lists: dict[str, Any] = json.loads(_NAMES.read_text("utf-8"))
    return lists


def ascii_word(text: str) -> str:
    """Return a name as it stands in an e-mail address."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]", "", plain.lower())


@dataclass(frozen=True, slots=True)
class Setting:
    """What rows of a block share.

    Attributes:
        columns: the columns that the table really has; others are not made.
        duplicates_every: every n-th person has the e-mail address of the one before; 0 for none.
        missing_every: every n-th person has no e-mail address; 0 for none.
    """

    table: str
    primary_id: str
    columns: frozenset[str]
    seed: int
    now: datetime
    owner: Ref
    unit: Ref
    languages: tuple[str, ...] = ("es", "it", "en")
    duplicates_every: int = 0
    missing_every: int = _MAIL_EVERY


@dataclass
class GeneratedBlock:
    """A `store.Block` of `count` rows whose versions follow `base_version`."""

    setting: Setting
    count: int
    base_version: int
    number: int
    _makers: dict[str, Maker] = field(default_factory=dict)
    _plans: dict[frozenset[str], list[tuple[str, Maker]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._start = (0x0100_0000 + 977 * self.number) & _MASK
        self._step = max(1, _ID_SPAN // max(1, self.count))
        self._tail = f"-4c1d-f011-9989-{0x6045BD000000 + (self.setting.seed & 0xFFF) * 4096 + self.number:012x}"
        makers = _makers(self.setting)
        known = self.setting.columns
        self._makers = {name: maker for name, maker in makers.items() if name in known}

    def __len__(self) -> int:
        return self.count

    def id_at(self, position: int) -> str:
        return f"{self._start + position * self._step:08x}{self._tail}"

    def position(self, row_id: str) -> int | None:
        if not row_id.endswith(self._tail):
            return None
        try:
            position, rest = divmod(int(row_id[:8], 16) - self._start, self._step)
        except ValueError:
            return None
        return position if not rest and 0 <= position < self.count else None

    def first_after(self, row_id: str) -> int:
        return _bisect(self.count, lambda position: self.id_at(position) > row_id)

    def first_from(self, column: str, value: str) -> int:
        if column not in ("createdon", "modifiedon"):
            return 0
        maker = self._makers[column]
        return bisect_left(range(self.count), value, key=lambda position: str(maker(position)))

    def version(self, position: int) -> int:
        return self.base_version + position + 1

    def first_above(self, version: int) -> int:
        return min(max(0, version - self.base_version), self.count)

    def row(self, position: int, columns: frozenset[str] | None = None) -> dict[str, Value]:
        plan = self._plans.get(columns) if columns is not None else None
        if plan is None:
            plan = [(name, maker) for name, maker in self._makers.items() if columns is None or name in columns]
            if columns is not None:
                self._plans[columns] = plan
        row: dict[str, Value] = {
            self.setting.primary_id: self.id_at(position),
            "versionnumber": self.base_version + position + 1,
        }
        for name, maker in plan:
            value = maker(position)
            if value is not None:
                row[name] = value
        return row

    def rows(self, start: int, stop: int, columns: frozenset[str] | None = None) -> list[dict[str, Value]]:
        wanted = [(name, maker) for name, maker in self._makers.items() if columns is None or name in columns]
        names = (self.setting.primary_id, "versionnumber", *(name for name, _ in wanted))
        span, base, step, tail = range(start, stop), self._start, self._step, self._tail
        values: list[Iterable[Value]] = [
            [f"{base + i * step:08x}{tail}" for i in span],
            range(self.base_version + start + 1, self.base_version + stop + 1),
            *(map(maker, span) for _, maker in wanted),
        ]
        return [dict(zip(names, each, strict=True)) for each in zip(*values, strict=True)]

    def candidates(self, column: str, value: Value) -> Iterable[int] | None:
        if column not in self._makers:
            return ()
        if column not in ("emailaddress1", "new_externalid", "accountnumber"):
            return None
        match = _TAIL_NUMBER.fullmatch(str(value))
        if match is None or len(match[1]) > 10:
            return ()
        found = int(match[1])
        return [position for position in (found, found + 1) if position < self.count]


def _bisect(count: int, passed: Callable[[int], bool]) -> int:
    return bisect_left(range(count), True, key=passed)  # noqa: FBT003 - the first position that passes


@dataclass(frozen=True, slots=True)
class Patterns:
    """Values that rows share by turns: row `i` takes the entry `i & (PATTERNS - 1)` of each list."""

    first: list[str]
    last: list[str]
    mail: list[str]
    job: list[str | None]
    company: list[str]
    town: list[str]
    country: list[str]
    dial: list[str]
    postal: list[str]
    birthday: list[str | None]
    number: list[int]


@cache
def patterns(seed: int, languages: tuple[str, ...]) -> Patterns:
    """Return the shared values for a seed."""
    lists, chance = name_lists(), random.Random(seed)
    made = Patterns([], [], [], [], [], [], [], [], [], [], [])
    for _ in range(PATTERNS):
        words = lists["languages"][chance.choice(languages)]
        first, last = chance.choice(words["first"]), chance.choice(words["last"])
        made.first.append(first)
        made.last.append(last)
        made.mail.append(f"{ascii_word(first)}.{ascii_word(last)}.")
        made.job.append(chance.choice(words["jobs"]) if chance.random() < 0.75 else None)
        made.company.append(f"{chance.choice(words['last'])} {chance.choice(lists['companies'])}")
        made.town.append(chance.choice(words["towns"]))
        made.country.append(words["country"][0])
        made.dial.append(words["dial"][0])
        made.postal.append(f"{chance.randrange(10_000, 100_000)}")
        born = f"{chance.randrange(1945, 2005)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
        made.birthday.append(born if chance.random() < 0.67 else None)
        made.number.append(chance.getrandbits(30))
    return made


def _makers(setting: Setting) -> dict[str, Maker]:
    shared = patterns(setting.seed, setting.languages)
    special = _company(shared) if setting.table == "account" else _person(setting, shared)
    return _common(setting, shared) | special


def _common(setting: Setting, shared: Patterns) -> dict[str, Maker]:
    numbers, lead = shared.number, setting.table == "lead"
    moment = _moments(int(setting.now.timestamp()))
    return {
        "createdon": moment,
        "modifiedon": moment,
        "createdby": lambda i: setting.owner,
        "modifiedby": lambda i: setting.owner,
        "ownerid": lambda i: setting.owner,
        "owninguser": lambda i: setting.owner,
        "owningbusinessunit": lambda i: setting.unit,
        "statecode": lambda i: 0 if lead or numbers[i & _TURN] % 50 else 1,
        "statuscode": lambda i: 1 if lead or numbers[i & _TURN] % 50 else 2,
        "new_externalid": lambda i: f"G-{i:07}",
        "address1_city": lambda i: shared.town[i & _TURN],
        "address1_country": lambda i: shared.country[i & _TURN],
        "telephone1": lambda i: f"{shared.dial[i & _TURN]} {600_000_000 + i * 7_919 % 99_999_999}",
    }


def _moments(end: int) -> Maker:
    """Return when row `i` was made: a minute apart over two years, an hour ago at the latest."""
    start, last = end - _SPREAD_SECONDS, end - 3_600
    days: dict[int, str] = {}

    def moment(i: int) -> str:
        at = min(last, start + 60 * i)
        number, rest = divmod(at, 86_400)
        day = days.get(number)
        if day is None:
            day = days[number] = datetime.fromtimestamp(number * 86_400, tz=UTC).strftime("%Y-%m-%d")
        return f"{day}T{rest // 3_600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"

    return moment


def _person(setting: Setting, shared: Patterns) -> dict[str, Maker]:
    first, last, numbers = shared.first, shared.last, shared.number
    domains = name_lists()["domains"]
    several, missing, doubled = len(domains), setting.missing_every, setting.duplicates_every

    def mail(i: int) -> str | None:
        if missing and i % missing == missing - 1:
            return None
        if doubled and i % doubled == doubled - 1:
            i -= 1
        return f"{shared.mail[i & _TURN]}{i}@{domains[i % several]}"

    return {
        "firstname": lambda i: first[i & _TURN],
        "lastname": lambda i: last[i & _TURN],
        "fullname": lambda i: f"{first[i & _TURN]} {last[i & _TURN]}",
        "emailaddress1": mail,
        "jobtitle": lambda i: shared.job[i & _TURN],
        "companyname": lambda i: shared.company[i & _TURN],
        "subject": lambda i: f"{first[i & _TURN]} {last[i & _TURN]}",
        "mobilephone": lambda i: f"{shared.dial[i & _TURN]} {700_000_000 + i * 6_151 % 99_999_999}" if i % 3 else None,
        "address1_postalcode": lambda i: shared.postal[i & _TURN],
        "birthdate": lambda i: shared.birthday[i & _TURN],
        "gendercode": lambda i: 1 + numbers[i & _TURN] % 2,
        "donotbulkemail": lambda i: numbers[i & _TURN] % 10 == 0,
        "donotemail": lambda i: numbers[i & _TURN] % 49 == 0,
    }


def _company(shared: Patterns) -> dict[str, Maker]:
    domains = name_lists()["domains"]
    return {
        "name": lambda i: f"{shared.company[i & _TURN]} {i}",
        "accountnumber": lambda i: f"A{i:08}",
        "emailaddress1": lambda i: f"info.{i}@{domains[i % len(domains)]}",
        "numberofemployees": lambda i: 1 + shared.number[i & _TURN] % 5_000,
    }
