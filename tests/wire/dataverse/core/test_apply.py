"""`$apply`."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.wire.dataverse.core.vendor import Vendor

FORMATTED = 'odata.include-annotations="OData.Community.Display.V1.FormattedValue"'


@pytest.mark.rule("DV-QU-26")
def test_groups_and_measures(people: Vendor) -> None:
    counted = people.rows("contacts?$apply=groupby((statuscode),aggregate($count as count))", prefer=FORMATTED)
    assert counted == [
        {
            "statuscode@OData.Community.Display.V1.FormattedValue": "Active",
            "statuscode": 1,
            "count@OData.Community.Display.V1.FormattedValue": "6",
            "count": 6,
        }
    ]
    total = people.rows("accounts?$apply=aggregate(revenue with sum as total)", prefer=FORMATTED)
    assert total == [{"total@OData.Community.Display.V1.FormattedValue": "$25,000.00", "total": 25000.0}]
    measures = (
        "revenue with average as mean,revenue with min as low,revenue with max as high,name with countdistinct as n"
    )
    assert people.rows(f"accounts?$apply=aggregate({measures})") == [
        {"mean": 12500.0, "low": 5000.0, "high": 20000.0, "n": 2}
    ]
    by_company = people.rows("contacts?$apply=groupby((parentcustomerid_account/name),aggregate($count as n))")
    assert by_company == [{"n": 1}, {"account_name": "Fabrikam", "n": 2}, {"account_name": "Litware", "n": 3}]
    filtered = "filter(startswith(lastname,'R'))/groupby((parentcustomerid_account/name))"
    assert people.rows(f"contacts?$apply={quote(filtered)}") == [
        {"account_name": "Fabrikam"},
        {"account_name": "Litware"},
    ]
    assert people.rows("contacts?$apply=groupby((jobtitle))&$filter=lastname eq 'Ruiz'") == [{}]
    owners = people.rows("contacts?$apply=groupby((_ownerid_value))", prefer=FORMATTED)
    assert owners[0]["_ownerid_value@OData.Community.Display.V1.FormattedValue"] == "# dynasync"
    latest = people.rows("contacts?$apply=aggregate(createdon with max as latest)", prefer=FORMATTED)[0]
    assert latest["latest"] == "2026-11-18T11:06:40Z"
    assert people.rows("leads?$apply=aggregate(revenue with sum as total)") == [{"total": None}]
    assert len(people.rows("contacts?$apply=groupby((lastname))&$top=2")) == 2


@pytest.mark.rule("DV-QU-26")
def test_what_apply_refuses(people: Vendor) -> None:
    text = people.refused(400, "0x80060888", "GET", "accounts?$apply=aggregate(revenue with sum as t)&$orderby=t")
    assert text == "The query node SingleValueOpenPropertyAccess is not supported"
    for bad in (
        "groupby((createdon))",
        "groupby(statuscode)",
        "groupby((statuscode),nothing(a))",
        "aggregate(revenue sum as t)",
        "aggregate(revenue with median as t)",
        "aggregate(name with sum as t)",
        "compute(revenue as t)",
        "groupby((statuscode)",
        "groupby((nothing))",
        "",
    ):
        assert people.call("GET", f"accounts?$apply={quote(bad)}").status == 400, bad


@pytest.mark.rule("DV-QU-26")
def test_fifty_thousand_rows_at_most(vendor: Vendor) -> None:
    vendor.seed(generate={"table": "lead", "count": 50_001})
    vendor.refused(400, "0x8004e023", "GET", "leads?$apply=groupby((statuscode))")
    narrowed = (
        "filter(leadid le ffffffff-0000-0000-0000-000000000000 and createdon ge 2026-11-10)/aggregate($count as n)"
    )
    assert vendor.rows(f"leads?$apply={narrowed}")[0]["n"] < 50_000
