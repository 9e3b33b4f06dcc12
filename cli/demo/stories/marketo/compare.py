"""Both systems against each other, field by field, at the end of the day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.demo.hub import name_of
from cli.demo.stories.marketo.sides import FIELDS, FLAG, Sides
from cli.demo.story import Apart
from cli.demo.verify import Difference

ONLY_CRM, ONLY_PARTNER, DIFFERENT = "only in Dynamics 365", "only in Marketo", "different"

EXPLAINS = (
    "conflicted:duplicate_match",
    "failed:field_rejected",
    "failed:rejected",
    "deactivated",
    "skipped:delete_ignored",
    "skipped:not_linked",
    "skipped:deleted",
)
"""What the app must have said of a record for a difference to count as explained."""

type Found = tuple[str, frozenset[str]]


def compare(sides: Sides, codes: Mapping[str, set[str]]) -> list[Apart]:
    """Every record that is not the same on both sides, with the code that explains it, or "" where none does."""
    found = [*_people(sides), *_companies(sides)]
    flagged = {name_of("partner", "lead", person["id"]) for person in sides.persons() if person.get(FLAG)}
    return [Apart(what, names, _explained(names, codes) or _flag(names & flagged)) for what, names in found]


def _flag(names: frozenset[str]) -> str:
    """A person who was deleted in Dynamics says so."""
    return "deactivated" if names else ""


def unexplained(apart: Sequence[Apart], expected: Mapping[str, str]) -> list[Difference]:
    """What is apart for no reason, or not apart though it should be. `expected` are the codes by the records' names."""
    found: list[Difference] = []
    seen: set[str] = set()
    for item in apart:
        reasons = {expected[each] for each in item.names if each in expected}
        seen.update(item.names)
        if not reasons:
            names = " / ".join(sorted(item.names))
            found.append(Difference(f"{item.what}: {names}", "the same", f"the app says {item.code or 'nothing'}"))
    for each, code in expected.items():
        if code != "conflicted:duplicate_match" and each not in seen:
            found.append(Difference(f"record {each}", f"apart ({code})", "the same on both sides"))
    return found


def _explained(names: frozenset[str], codes: Mapping[str, set[str]]) -> str:
    told = {code for each in names for code in codes.get(each, ())}
    return next((code for code in EXPLAINS if code in told), "")


def _people(sides: Sides) -> Iterator[Found]:
    found = {str(person.get("email", "")).lower(): person for person in sides.persons()}
    met: set[str] = set()
    for table in ("contact", "lead"):
        for row in sides.rows(table):
            address = str(row.get("emailaddress1", "")).lower()
            person, name = found.get(address), name_of("crm", table, row[f"{table}id"])
            met.add(address)
            if person is None:
                yield ONLY_CRM, frozenset({name})
                continue
            wrong = [crm for crm, partner in FIELDS.items() if (row.get(crm) or "") != (person.get(partner) or "")]
            wrong += [] if bool(row.get("parentcustomerid")) == ("externalCompanyId" in person) else ["company"]
            if wrong:
                yield (
                    f"{DIFFERENT}: {', '.join(wrong)}",
                    frozenset({name, name_of("partner", "lead", person["id"])}),
                )
    for address, person in found.items():
        if address not in met:
            yield ONLY_PARTNER, frozenset({name_of("partner", "lead", person["id"])})


def _companies(sides: Sides) -> Iterator[Found]:
    crm: Mapping[Any, Mapping[str, Any]] = {row["name"]: row for row in sides.rows("account")}
    partner = {record["company"]: record for record in sides.companies()}
    for name in crm.keys() | partner.keys():
        if name not in partner:
            yield ONLY_CRM, frozenset({name_of("crm", "account", crm[name]["accountid"])})
        elif name not in crm:
            yield ONLY_PARTNER, frozenset({name_of("partner", "companies", partner[name]["id"])})
