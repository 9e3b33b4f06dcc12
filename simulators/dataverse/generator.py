"""People and companies by the million: rows computed from their number when they are read.

Names are common Spanish, Italian and English ones put together by chance; addresses end in reserved domains.
"""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from simulators.dataverse.context import iso
from simulators.dataverse.store import Ref, Value

_NAMES = Path(__file__).parent / "data" / "names.json"
_MASK = 0xFFFFFFFF
_ID_SPAN = 0xF0000000
_SPREAD_SECONDS = 2 * 365 * 86_400
_TAIL_NUMBER = re.compile(r".*?(\d+)(@.*)?")
_MAIL_EVERY = 40

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


def scatter(number: int, salt: int) -> int:
    """Return a number that looks random, from 0 to 2**32 - 1."""
    mixed = (number * 0x9E3779B1 + salt * 0x85EBCA77 + 0x27D4EB2F) & _MASK
    mixed ^= mixed >> 15
    return (mixed * 0x2C1B3C6D) & _MASK ^ (mixed >> 12)


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


def _makers(setting: Setting) -> dict[str, Maker]:
    makers = _common(setting)
    if setting.table == "account":
        makers |= _company(setting)
    else:
        makers |= _person(setting)
    return makers


def _common(setting: Setting) -> dict[str, Maker]:
    end = int(setting.now.timestamp())
    start = end - _SPREAD_SECONDS

    def moment(i: int) -> str:
        return iso(datetime.fromtimestamp(min(end - 3600, start + 60 * i), tz=UTC))

    def active(i: int) -> bool:
        return scatter(i, 11) % 50 != 0

    return {
        "createdon": moment,
        "modifiedon": moment,
        "createdby": lambda i: setting.owner,
        "modifiedby": lambda i: setting.owner,
        "ownerid": lambda i: setting.owner,
        "owninguser": lambda i: setting.owner,
        "owningbusinessunit": lambda i: setting.unit,
        "statecode": (lambda i: 0) if setting.table == "lead" else (lambda i: 0 if active(i) else 1),
        "statuscode": (lambda i: 1) if setting.table == "lead" else (lambda i: 1 if active(i) else 2),
        "new_externalid": lambda i: f"G-{i:07}",
    }


def _person(setting: Setting) -> dict[str, Maker]:
    lists = name_lists()
    languages = [lists["languages"][code] for code in setting.languages]
    seed, several = setting.seed, len(languages)
    mails = [[[ascii_word(name) for name in language[part]] for part in ("first", "last")] for language in languages]

    def of(i: int, part: str, salt: int) -> str:
        words = languages[scatter(i, seed) % several][part]
        return str(words[scatter(i, seed + salt) % len(words)])

    def mail(i: int) -> str | None:
        if setting.missing_every and i % setting.missing_every == setting.missing_every - 1:
            return None
        if setting.duplicates_every and i % setting.duplicates_every == setting.duplicates_every - 1:
            i -= 1
        first, last = mails[scatter(i, seed) % several]
        one, two = first[scatter(i, seed + 1) % len(first)], last[scatter(i, seed + 2) % len(last)]
        return f"{one}.{two}.{i}@{lists['domains'][i % len(lists['domains'])]}"

    def birthday(i: int) -> str | None:
        number = scatter(i, seed + 5)
        return f"{1945 + number % 60}-{1 + number % 12:02}-{1 + number % 28:02}" if number % 3 else None

    return {
        "firstname": lambda i: of(i, "first", 1),
        "lastname": lambda i: of(i, "last", 2),
        "fullname": lambda i: f"{of(i, 'first', 1)} {of(i, 'last', 2)}",
        "emailaddress1": mail,
        "jobtitle": lambda i: of(i, "jobs", 3) if i % 4 else None,
        "companyname": lambda i: f"{of(i, 'last', 4)} {lists['companies'][i % len(lists['companies'])]}",
        "subject": lambda i: f"{of(i, 'first', 1)} {of(i, 'last', 2)}",
        "telephone1": lambda i: f"{of(i, 'dial', 0)} {600000000 + scatter(i, 6) % 99999999}",
        "mobilephone": lambda i: f"{of(i, 'dial', 0)} {700000000 + scatter(i, 7) % 99999999}" if i % 3 else None,
        "address1_city": lambda i: of(i, "towns", 8),
        "address1_country": lambda i: of(i, "country", 0),
        "address1_postalcode": lambda i: f"{scatter(i, 9) % 90000 + 10000}",
        "birthdate": birthday,
        "gendercode": lambda i: 1 + scatter(i, 10) % 2,
        "donotbulkemail": lambda i: scatter(i, 12) % 10 == 0,
        "donotemail": lambda i: scatter(i, 13) % 50 == 0,
    }


def _company(setting: Setting) -> dict[str, Maker]:
    lists = name_lists()
    languages = [lists["languages"][code] for code in setting.languages]

    def of(i: int, part: str, salt: int) -> str:
        words = languages[scatter(i, setting.seed) % len(languages)][part]
        return str(words[scatter(i, setting.seed + salt) % len(words)])

    return {
        "name": lambda i: f"{of(i, 'last', 2)} {lists['companies'][i % len(lists['companies'])]} {i}",
        "accountnumber": lambda i: f"A{i:08}",
        "emailaddress1": lambda i: f"info.{i}@{lists['domains'][i % len(lists['domains'])]}",
        "telephone1": lambda i: f"{of(i, 'dial', 0)} {900000000 + scatter(i, 6) % 99999999}",
        "address1_city": lambda i: of(i, "towns", 8),
        "address1_country": lambda i: of(i, "country", 0),
        "numberofemployees": lambda i: 1 + scatter(i, 7) % 5000,
    }
