"""The table of criteria cases, asked of a Dataverse that answers: its rows must be those the judge in Python finds."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from shared.domain.criteria import parse_criteria, to_odata
from shared.domain.records import Ref
from tests.unit.domain.criteria_cases import ACCOUNT_A, ACCOUNT_B, CASES, ROWS, SCHEMA, TIERS, Case, within_group
from tests.wire.dataverse.core.vendor import Vendor

OPTIONS = [[int(value), f"Option {value}"] for value in TIERS]
CUSTOM = {
    "new_group": {"type": "String", "max": 20},
    "new_name": {"type": "String", "max": 20},
    "new_count": {"type": "Integer"},
    "new_score": {"type": "Decimal", "precision": 2},
    "new_vip": {"type": "Boolean"},
    "new_tier": {"type": "Picklist", "options": OPTIONS},
    "new_interests": {"type": "MultiSelectPicklist", "options": OPTIONS},
    "new_day": {"type": "DateTime", "date_only": True},
    "new_seen": {"type": "DateTime"},
}


def body(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """A row of the table as a request body."""
    for column, value in values.items():
        if isinstance(value, Ref):
            yield f"{column}_account@odata.bind", f"/accounts({value.id})"
        elif isinstance(value, frozenset):
            yield column, ",".join(sorted(value))
        elif isinstance(value, datetime):
            yield column, value.strftime("%Y-%m-%dT%H:%M:%SZ")
        elif isinstance(value, date):
            yield column, value.isoformat()
        elif isinstance(value, Decimal):
            yield column, float(value)
        elif column == "new_tier" and value is not None:
            yield column, int(value)
        elif value is not None:
            yield column, value


@pytest.fixture(scope="module")
def organisation() -> Vendor:
    vendor = Vendor()
    vendor.seed(columns={"contact": CUSTOM})
    for identity in (ACCOUNT_A, ACCOUNT_B):
        vendor.create("accounts", {"accountid": identity, "name": identity[:8]})
    for group, rows in ROWS.items():
        for name, values in rows.items():
            vendor.create("contacts", {"new_group": group, "new_name": name, **dict(body(values))})
    return vendor


@pytest.mark.feature("HUB-07.2", system="dataverse")
@pytest.mark.parametrize("nulls", [False, True], ids=["ne_leaves_out_null", "ne_includes_null"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_dataverse_finds_the_rows_that_the_judge_finds(organisation: Vendor, case: Case, nulls: bool) -> None:
    """Whatever Dataverse does with empty fields in `ne` and `not contains`: the text does not depend on it."""
    organisation.switch(ne_includes_null=nulls)
    text = to_odata(parse_criteria(within_group(case), SCHEMA), now=case.now)
    rows = organisation.rows(f"contacts?$select=new_name&$filter={quote(text, safe='')}")
    assert frozenset(row["new_name"] for row in rows) == case.expected, text


@pytest.mark.feature("HUB-07.2", system="dataverse")
def test_leading_wildcards_are_never_sent(organisation: Vendor) -> None:
    """An organisation that refuses leading wildcards still takes every case, because `%` is always escaped."""
    organisation.switch(leading_wildcards="refuse")
    try:
        for case in CASES:
            if case.group == "text":
                text = to_odata(parse_criteria(within_group(case), SCHEMA), now=case.now)
                rows = organisation.rows(f"contacts?$select=new_name&$filter={quote(text, safe='')}")
                assert frozenset(row["new_name"] for row in rows) == case.expected
    finally:
        organisation.switch(leading_wildcards="allow")
