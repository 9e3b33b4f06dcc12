"""Both systems against each other, field by field, at the end of the day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.demo.hub import name_of
from cli.demo.stories.activecampaign.sides import FIELDS, TABLES, Sides
from cli.demo.story import Apart
from cli.demo.verify import Difference

ONLY_CRM, ONLY_PARTNER, DIFFERENT = "only in Dynamics 365", "only in ActiveCampaign", "different"

EXPLAINS = {
    ONLY_CRM: ("skipped:outside_criteria", "conflicted:duplicate_match", "failed:no_match_value"),
    ONLY_PARTNER: ("skipped:delete_ignored", "skipped:not_linked", "skipped:deleted"),
    DIFFERENT: (
        "conflicted:duplicate_match",
        "skipped:tags_missing",
        "skipped:outside_criteria",
        "failed:rejected",
        "failed:field_rejected",
    ),
}
"""What the app must have said of a record for a difference of this kind to count as explained."""


type Found = tuple[str, frozenset[str]]


def compare(sides: Sides, codes: Mapping[str, set[str]]) -> list[Apart]:
    """Every record that is not the same on both sides, with the code that explains it, or "" where none does."""
    found = [*_people(sides), *_companies(sides), *_opportunities(sides)]
    return [Apart(what, names, _explained(what, names, codes)) for what, names in found]


def unexplained(apart: Sequence[Apart], expected: Mapping[str, str]) -> list[Difference]:
    """What is apart for no reason, for another reason than the day's events gave, or not apart though it should be.

    `expected` are the codes by the records' names; rows of one address may be alike, so those need not be apart.
    Records are named by their ids, never by their values.
    """
    found: list[Difference] = []
    seen: set[str] = set()
    for item in apart:
        reasons = {expected[each] for each in item.names if each in expected}
        seen.update(item.names)
        if not item.code or item.code not in reasons:
            names = " / ".join(sorted(item.names))
            said = f"the app says {item.code or 'nothing'}"
            found.append(Difference(f"{item.what}: {names}", " or ".join(sorted(reasons)) or "the same", said))
    for each, code in expected.items():
        if code != "conflicted:duplicate_match" and each not in seen:
            found.append(Difference(f"record {each}", f"apart ({code})", "the same on both sides"))
    return found


def _explained(what: str, names: frozenset[str], codes: Mapping[str, set[str]]) -> str:
    told = {code for each in names for code in codes.get(each, ())}
    return next((code for code in EXPLAINS[what.partition(":")[0]] if code in told), "")


def _people(sides: Sides) -> Iterator[Found]:
    found = {str(contact["email"]).lower(): contact for contact in sides.contacts()}
    companies = {row["accountid"]: row["name"] for row in sides.rows("account")}
    met: set[str] = set()
    for table in TABLES:
        for row in sides.rows(table):
            address = str(row.get("emailaddress1", "")).lower()
            contact, name = found.get(address), name_of("crm", table, row[f"{table}id"])
            met.add(address)
            if contact is None:
                yield ONLY_CRM, frozenset({name})
                continue
            wrong = [crm for crm, partner in FIELDS.items() if not _same(crm, row.get(crm), contact.get(partner))]
            wrong += [*_opt_out(row, contact), *_company(row, contact, companies)]
            if wrong:
                yield (
                    f"{DIFFERENT}: {', '.join(wrong)}",
                    frozenset({name, name_of("partner", "contact", contact["id"])}),
                )
    for address, contact in found.items():
        if address not in met:
            yield ONLY_PARTNER, frozenset({name_of("partner", "contact", contact["id"])})


def _same(column: str, crm: object, partner: object) -> bool:
    left, right = str(crm or ""), str(partner or "")
    return left.lower() == right.lower() if column == "emailaddress1" else left == right


def _opt_out(row: Mapping[str, Any], contact: Mapping[str, Any]) -> list[str]:
    """Whoever is off every list, or bounced, must not be mailed from Dynamics either."""
    standing = set(contact["lists"].values())
    out = contact["bounced"] or (2 in standing and 1 not in standing)
    return ["donotbulkemail"] if out and not row.get("donotbulkemail") else []


def _company(row: Mapping[str, Any], contact: Mapping[str, Any], companies: Mapping[str, str]) -> list[str]:
    parent = row.get("parentcustomerid") or row.get("parentaccountid")
    name = companies.get(parent["id"], "") if parent is not None else ""
    return ["company"] if name != (contact["account"] or "") else []


def _companies(sides: Sides) -> Iterator[Found]:
    crm = {row["name"]: row for row in sides.rows("account")}
    partner = {record["name"]: record for record in sides.records("accounts")}
    for name in crm.keys() | partner.keys():
        row, record = crm.get(name), partner.get(name)
        both = {name_of("crm", "account", row["accountid"])} if row else set()
        both |= {name_of("partner", "account", record["id"])} if record else set()
        if row is None or record is None:
            yield ONLY_PARTNER if row is None else ONLY_CRM, frozenset(both)
        elif (row.get("websiteurl") or "") != (record["url"] or ""):
            yield f"{DIFFERENT}: websiteurl", frozenset(both)


def _opportunities(sides: Sides) -> Iterator[Found]:
    """They go one way: a deal that nobody made in Dynamics is nobody's business."""
    deals = {record["title"]: record for record in sides.records("deals")}
    for row in sides.rows("opportunity"):
        record, name = deals.get(row["name"]), name_of("crm", "opportunity", row["opportunityid"])
        if record is None:
            yield ONLY_CRM, frozenset({name})
        elif round(100 * float(row.get("estimatedvalue") or 0)) != int(record["value"]):
            yield f"{DIFFERENT}: estimatedvalue", frozenset({name, name_of("partner", "deal", record["id"])})
