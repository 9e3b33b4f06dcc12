"""`fetchXml=` and `sql=`."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import pytest

from tests.wire.dataverse.core.vendor import Vendor

PAGING = 'odata.include-annotations="Microsoft.Dynamics.CRM.fetchxmlpagingcookie,Microsoft.Dynamics.CRM.morerecords"'


def fetch(vendor: Vendor, inner: str, attributes: str = "", prefer: str = "") -> dict[str, object]:
    xml = f'<fetch {attributes}><entity name="contact"><attribute name="lastname"/>{inner}</entity></fetch>'
    body: dict[str, object] = vendor.get(f"contacts?fetchXml={quote(xml)}", prefer=prefer)
    return body


def names(body: dict[str, object]) -> list[str]:
    rows = body["value"]
    assert isinstance(rows, list)
    return [row["lastname"] for row in rows]


@pytest.mark.rule("DV-QU-27")
def test_fetch_filters(people: Vendor) -> None:
    def where(conditions: str, kind: str = "and") -> list[str]:
        return sorted(names(fetch(people, f'<filter type="{kind}">{conditions}</filter>')))

    def one(attribute: str, operator: str, value: str | None = None) -> str:
        given = "" if value is None else f' value="{value}"'
        return f'<condition attribute="{attribute}" operator="{operator}"{given}/>'

    assert where(one("lastname", "eq", "ROSSI")) == ["Rossi"]
    assert where(one("lastname", "like", "%arc%")) == ["GARCÍA", "García"]
    assert where(one("lastname", "not-like", "%r%")) == ["Smith"]
    assert where(one("lastname", "begins-with", "R") + one("lastname", "ends-with", "z")) == ["Ruiz"]
    assert where(one("numberofchildren", "gt", "0") + one("lastname", "eq", "Smith"), "or") == ["Rossi", "Smith"]
    assert where(one("jobtitle", "null") + one("emailaddress1", "null")) == ["Ruiz", "Smith"]
    assert where(one("jobtitle", "not-null") + one("jobtitle", "ne", "Jefa")) == ["GARCÍA", "Rossi"]
    values = '<condition attribute="lastname" operator="in"><value>Rossi</value><value>ruiz</value></condition>'
    assert where(values) == ["Rossi", "Ruiz"]
    between = '<condition attribute="numberofchildren" operator="between"><value>0</value><value>1</value></condition>'
    assert where(between) == ["Ruiz"]
    assert where(one("ownerid", "eq-userid")) == sorted(["Rossi", "Ruiz", "Smith", "García", "GARCÍA", "O'Brien"])
    assert where(one("ownerid", "ne-userid")) == []
    assert len(where(one("createdon", "today"))) == len(where(one("createdon", "last-x-days", "2"))) == 6
    assert len(where(one("createdon", "on", "2026-11-18"))) == 6
    assert (
        where(one("createdon", "older-than-x-days", "1")) == where(one("createdon", "on-or-after", "2026-11-19")) == []
    )
    assert where(one("statecode", "eq", "0") + one("donotbulkemail", "eq", "1")) == ["O'Brien"]
    assert where(f'<filter type="or">{one("lastname", "eq", "Smith")}</filter>') == ["Smith"]


@pytest.mark.rule("DV-QU-27")
def test_fetch_orders_and_pages(people: Vendor) -> None:
    order = '<order attribute="lastname" descending="true"/>'
    assert names(fetch(people, order, 'top="2"')) == ["Smith", "Ruiz"]
    found, cookie, page = [], "", 1
    while True:
        attributes = f'count="4" page="{page}"' + (f' paging-cookie="{cookie}"' if cookie else "")
        body = fetch(people, order, attributes, PAGING)
        found += names(body)
        if not body["@Microsoft.Dynamics.CRM.morerecords"]:
            break
        outer = str(body["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"])
        inner = re.search(r'pagingcookie="([^"]*)"', outer)
        assert inner is not None
        decoded = unquote(unquote(inner[1]))
        assert decoded.startswith('<cookie page="')
        cookie = decoded.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
        page += 1
    assert [name.casefold() for name in found] == ["smith", "ruiz", "rossi", "o'brien", "garcía", "garcía"]
    assert names(fetch(people, order, 'count="4" page="2"'))[0].casefold() == "garcía"
    counted = fetch(people, order, 'count="1" returntotalrecordcount="true"')
    assert counted["@Microsoft.Dynamics.CRM.totalrecordcount"] == 6


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "<fetch",
        "<fetch/>",
        "<query><entity name='contact'/></query>",
        "<fetch><entity name='account'/></fetch>",
        "<fetch><entity name='contact'><attribute name='nothing'/></entity></fetch>",
        "<fetch count='0'><entity name='contact'/></fetch>",
        "<fetch><entity name='contact'><filter><condition attribute='lastname' operator='odd' value='a'/></filter>"
        "</entity></fetch>",
        "<fetch><entity name='contact'><filter><condition attribute='lastname' operator='eq'/></filter></entity>"
        "</fetch>",
        "<fetch><entity name='contact'><filter><other/></filter></entity></fetch>",
        "<!DOCTYPE x [<!ENTITY a 'b'>]><fetch><entity name='contact'/></fetch>",
    ],
)
def test_fetch_that_cannot_be_read(people: Vendor, xml: str) -> None:
    assert people.call("GET", f"contacts?fetchXml={quote(xml)}").status == 400


@pytest.mark.rule("DV-QU-27")
@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT lastname FROM contact WHERE lastname = 'rossi'", ["Rossi"]),
        ("select TOP 2 lastname from contact order by lastname desc", ["Smith", "Ruiz"]),
        (
            "SELECT c.lastname, c.contactid FROM contact AS c WHERE c.lastname LIKE 'R%' ORDER BY c.lastname",
            ["Rossi", "Ruiz"],
        ),
        ("SELECT lastname FROM contact c WHERE lastname IN ('Ruiz', N'Smith') ORDER BY lastname", ["Ruiz", "Smith"]),
        ("SELECT lastname FROM contact WHERE NOT (lastname LIKE '%r%' OR lastname LIKE '%g%')", ["Smith"]),
        (
            "SELECT lastname FROM contact WHERE jobtitle IS NOT NULL AND jobtitle <> 'Jefa' ORDER BY lastname ASC",
            ["GARCÍA", "Rossi"],
        ),
        ("SELECT lastname FROM contact WHERE numberofchildren BETWEEN 0 AND 1", ["Ruiz"]),
        ("SELECT lastname FROM contact WHERE numberofchildren >= 1", ["Rossi"]),
        (
            "SELECT [lastname] FROM contact WHERE emailaddress1 IS NULL AND lastname NOT LIKE 'R%' "
            "AND lastname NOT IN ('smith')",
            ["GARCÍA"],
        ),
        ("SELECT lastname FROM contact WHERE lastname = 'O''Brien'", ["O'Brien"]),
    ],
)
def test_sql(people: Vendor, sql: str, found: list[str]) -> None:
    assert names(people.get(f"contacts?sql={quote(sql)}")) == found


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "DELETE FROM contact",
        "SELECT * FROM contact",
        "SELECT lastname FROM account",
        "SELECT lastname FROM contact JOIN account ON 1=1",
        "SELECT nothing FROM contact",
        "SELECT lastname FROM contact WHERE lastname ~ 'a'",
        "SELECT lastname FROM contact WHERE",
        "SELECT TOP x lastname FROM contact",
        "SELECT lastname AS n FROM contact",
        "SELECT lastname FROM contact WHERE " + "(" * 60 + "lastname = 'a'" + ")" * 60,
    ],
)
def test_sql_outside_the_subset(people: Vendor, sql: str) -> None:
    assert people.call("GET", f"contacts?sql={quote(sql)}").status == 400
