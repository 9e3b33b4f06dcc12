"""`fetchXml=` with joined tables and with aggregates."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.wire.dataverse.core.vendor import ALL, Vendor

LINK = '<link-entity name="account" from="accountid" to="parentcustomerid"'
PAGING = 'odata.include-annotations="Microsoft.Dynamics.CRM.morerecords"'
POOR = "aaaaaaaa-1111-4111-8111-111111111111"


@pytest.fixture
def firms(vendor: Vendor) -> Vendor:
    """Two companies with people, one company and one person alone."""
    for name, city, staff, people in (
        ("Acme", "Redmond", 10, ("Ada", "Bob")),
        ("Best", "Redmond", 30, ("Cyd",)),
        ("Cold", None, None, ()),
    ):
        account = vendor.create("accounts", {"name": name, "address1_city": city, "numberofemployees": staff})
        for first in people:
            bound = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
            vendor.create("contacts", {"firstname": first, "lastname": "X", "numberofchildren": len(first)} | bound)
    vendor.create("contacts", {"firstname": "Dan", "lastname": "X"})
    return vendor


def fetch(vendor: Vendor, entity: str, inner: str, attributes: str = "", prefer: str = "") -> Any:
    xml = f'<fetch {attributes}><entity name="{entity}">{inner}</entity></fetch>'
    return vendor.get(f"{entity}s?fetchXml={quote(xml)}", prefer=prefer)


def pairs(body: Any, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row.get(name) for name in names) for row in body["value"]]


@pytest.mark.rule("DV-QU-29")
def test_inner_and_outer_joins(firms: Vendor) -> None:
    first = '<attribute name="firstname"/><order attribute="firstname"/>'
    name = '<attribute name="name"/></link-entity>'
    inner = fetch(firms, "contact", f'{first}{LINK} alias="firm">{name}')
    assert pairs(inner, "firstname", "firm.name") == [("Ada", "Acme"), ("Bob", "Acme"), ("Cyd", "Best")]
    outer = fetch(firms, "contact", f'{first}{LINK} link-type="outer">{name}')
    assert pairs(outer, "firstname", "account1.name")[2:] == [("Cyd", "Best"), ("Dan", None)]
    assert "account1.name" not in outer["value"][3]
    back = '<link-entity name="contact" from="parentcustomerid" to="accountid" alias="c">'
    many = fetch(
        firms, "account", f'<attribute name="name"/>{back}<attribute name="firstname" alias="who"/></link-entity>'
    )
    assert sorted(pairs(many, "name", "who")) == [("Acme", "Ada"), ("Acme", "Bob"), ("Best", "Cyd")]


@pytest.mark.rule("DV-QU-29")
def test_filters_and_orders_of_joins(firms: Vendor) -> None:
    first = '<attribute name="firstname"/>'
    big = '<filter><condition attribute="numberofemployees" operator="gt" value="20"/></filter></link-entity>'
    assert pairs(fetch(firms, "contact", f"{first}{LINK}>{big}"), "firstname") == [("Cyd",)]
    kept = fetch(firms, "contact", f'{first}<order attribute="firstname"/>{LINK} alias="a" link-type="outer">{big}')
    assert pairs(kept, "firstname") == [("Ada",), ("Bob",), ("Cyd",), ("Dan",)]  # filtered before the join
    alone = '<filter><condition entityname="a" attribute="accountid" operator="null"/></filter>'
    none = fetch(firms, "contact", f'{first}{alone}{LINK} alias="a" link-type="outer"/>')
    assert pairs(none, "firstname") == [("Dan",)]
    order = f'{first}{LINK} alias="a"><order attribute="name" descending="true"/></link-entity>'
    assert pairs(fetch(firms, "contact", order), "firstname")[0] == ("Cyd",)
    assert pairs(
        fetch(firms, "contact", f'{first}<order entityname="a" attribute="name" descending="true"/>{LINK} alias="a"/>'),
        "firstname",
    )[0] == ("Cyd",)


@pytest.mark.rule("DV-QU-29")
def test_exists_nested_and_distinct(firms: Vendor) -> None:
    back = 'name="contact" from="parentcustomerid" to="accountid"'
    name = '<attribute name="name"/><order attribute="name"/>'
    for kind in ("exists", "in"):
        found = fetch(firms, "account", f'{name}<link-entity {back} link-type="{kind}" alias="c"/>')
        assert pairs(found, "name") == [("Acme",), ("Best",)]
    twice = fetch(firms, "account", f"{name}<link-entity {back}/>")
    assert pairs(twice, "name") == [("Acme",), ("Acme",), ("Best",)]
    assert pairs(fetch(firms, "account", f"{name}<link-entity {back}/>", 'distinct="true"'), "name") == [
        ("Acme",),
        ("Best",),
    ]
    user = 'name="systemuser" from="systemuserid" to="owninguser"'
    owner = f'<link-entity {user} alias="u"><attribute name="fullname"/></link-entity>'
    nested = fetch(firms, "contact", f'<attribute name="firstname"/>{LINK} alias="a">{owner}</link-entity>')
    assert len(nested["value"]) == 3
    assert all(row["u.fullname"] for row in nested["value"])


@pytest.mark.rule("DV-QU-29")
def test_annotations_and_pages_of_joins(firms: Vendor) -> None:
    inner = '<attribute name="firstname"/><order attribute="firstname"/>'
    inner += f'{LINK} alias="a"><attribute name="ownerid"/></link-entity>'
    row = fetch(firms, "contact", inner, prefer=ALL)["value"][0]
    assert row["a.ownerid"] == firms.get("WhoAmI")["UserId"]
    assert row["a.ownerid@Microsoft.Dynamics.CRM.lookuplogicalname"] == "systemuser"
    assert row["a.ownerid@OData.Community.Display.V1.FormattedValue"]
    pages = [fetch(firms, "contact", inner, f'count="2" page="{number}"', PAGING) for number in (1, 2)]
    assert [pairs(page, "firstname") for page in pages] == [[("Ada",), ("Bob",)], [("Cyd",)]]
    assert [page["@Microsoft.Dynamics.CRM.morerecords"] for page in pages] == [True, False]


@pytest.mark.rule("DV-QU-29")
def test_joins_respect_rights(firms: Vendor) -> None:
    firms.seed(
        users=[{"name": "Poor", "application_id": POOR, "roles": ["P"]}],
        roles=[{"name": "P", "tables": {"contact": "Global", "account": {"Read": "Basic"}}}],
    )
    token = firms.token_of(POOR)
    xml = f'<fetch><entity name="contact"><attribute name="firstname"/>{LINK}/></entity></fetch>'
    assert firms.get(f"contacts?fetchXml={quote(xml)}", token=token)["value"] == []  # no account of his own
    no_right = xml.replace(
        'name="account" from="accountid" to="parentcustomerid"', 'name="lead" from="leadid" to="originatingleadid"'
    )
    firms.refused(403, "0x80040220", "GET", f"contacts?fetchXml={quote(no_right)}", token=token)


@pytest.mark.rule("DV-QU-30")
def test_aggregates(firms: Vendor) -> None:
    made = "".join(
        f'<attribute name="numberofemployees" alias="{alias}" aggregate="{method}"{more}/>'
        for alias, method, more in (
            ("all", "count", ""),
            ("some", "countcolumn", ""),
            ("kinds", "countcolumn", ' distinct="true"'),
            ("sum", "sum", ""),
            ("avg", "avg", ""),
            ("min", "min", ""),
            ("max", "max", ""),
        )
    )
    (row,) = fetch(firms, "account", made, 'aggregate="true"')["value"]
    assert row == {"all": 3, "some": 2, "kinds": 2, "sum": 40, "avg": 20, "min": 10, "max": 30}
    groups = (
        '<attribute name="address1_city" alias="city" groupby="true"/>'
        '<attribute name="numberofemployees" alias="staff" aggregate="sum"/><order alias="city"/>'
    )
    found = fetch(firms, "account", groups, 'aggregate="true"')
    assert pairs(found, "city", "staff") == [(None, 0), ("Redmond", 40)]  # a sum over nulls is 0
    firm = '<attribute name="name" alias="firm" groupby="true"/><order alias="firm" descending="true"/>'
    joined = f'<attribute name="contactid" alias="n" aggregate="count"/>{LINK}>{firm}</link-entity>'
    assert pairs(fetch(firms, "contact", joined, 'aggregate="true"'), "firm", "n") == [("Best", 1), ("Acme", 2)]


@pytest.mark.rule("DV-QU-30")
def test_date_parts_and_limit_of_aggregates(vendor: Vendor) -> None:
    for name, made in (("a", "2023-03-25"), ("b", "2023-08-27")):
        vendor.create("accounts", {"name": name, "overriddencreatedon": f"{made}T10:00:00Z"})
    parts = "".join(
        f'<attribute name="createdon" alias="{part}" groupby="true" dategrouping="{part}"/>'
        for part in ("day", "week", "month", "quarter", "year")
    )
    found = fetch(
        vendor,
        "account",
        f'{parts}<attribute name="name" alias="n" aggregate="count"/><order alias="month"/>',
        'aggregate="true"',
    )
    assert pairs(found, "day", "week", "month", "quarter", "year") == [(25, 12, 3, 1, 2023), (27, 35, 8, 3, 2023)]
    count = '<attribute name="name" alias="n" aggregate="count"/>'
    xml = f'<fetch aggregate="true" aggregatelimit="1"><entity name="account">{count}</entity></fetch>'
    vendor.refused(400, "0x8004e023", "GET", f"accounts?fetchXml={quote(xml)}")
    vendor.seed(generate={"table": "account", "count": 50_001})
    vendor.refused(400, "0x8004e023", "GET", f"accounts?fetchXml={quote(xml.replace('1', '50001', 1))}")


@pytest.mark.rule("DV-QU-29", "DV-QU-30")
@pytest.mark.parametrize(
    ("status", "attributes", "inner"),
    [
        (404, "", '<link-entity name="nothing" from="a" to="b"/>'),
        (400, "", '<link-entity name="account" from="nothing" to="parentcustomerid"/>'),
        (400, "", '<link-entity name="account" from="accountid"/>'),
        (400, "", f'{LINK} alias="a"/>{LINK} alias="A"/>'),
        (400, "", "".join(f'{LINK} alias="a{n}"/>' for n in range(16))),
        (400, "", '<filter><condition entityname="x" attribute="name" operator="null"/></filter>'),
        (501, "", f'{LINK} link-type="matchfirstrowusingcrossapply"/>'),
        (501, "", f"<filter>{LINK} link-type='any'/></filter>"),
        (400, 'aggregate="true"', '<attribute name="lastname" aggregate="count"/>'),
        (400, 'aggregate="true"', '<attribute name="lastname" alias="a"/>'),
        (400, 'aggregate="true"', '<attribute name="lastname" alias="a" aggregate="sum"/>'),
        (400, 'aggregate="true"', '<attribute name="createdon" alias="a" groupby="true"/>'),
        (400, 'aggregate="true"', '<attribute name="lastname" alias="a" groupby="true"/><order attribute="lastname"/>'),
        (501, 'aggregate="true"', '<attribute name="createdon" alias="a" groupby="true" dategrouping="fiscal-year"/>'),
    ],
)
def test_what_is_refused(firms: Vendor, status: int, attributes: str, inner: str) -> None:
    xml = f'<fetch {attributes}><entity name="contact">{inner}</entity></fetch>'
    assert firms.call("GET", f"contacts?fetchXml={quote(xml)}").status == status
