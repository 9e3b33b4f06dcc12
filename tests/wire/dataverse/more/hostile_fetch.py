"""FetchXML put together at random: joins, filters, orders and aggregates that seldom fit."""

from __future__ import annotations

import random
from urllib.parse import quote

TABLES = ("contact", "account", "lead", "email", "systemuser", "nothing", "", "annotation")
COLUMNS = ("lastname", "contactid", "accountid", "parentcustomerid", "ownerid", "createdon", "statecode", "jobtitle")
COLUMNS += ("numberofemployees", "nothing", "", "'", "new_\u00e9")
OPERATORS = (
    "eq",
    "ne",
    "null",
    "not-null",
    "like",
    "in",
    "between",
    "last-x-days",
    "eq-userid",
    "above",
    "",
    "not-not-eq",
)
VALUES = ("a", "1", "-1", "9" * 60, "", "00000000-0000-0000-0000-000000000001", "2026-01-01", "%25", "x" * 900)
KINDS = ("inner", "outer", "exists", "in", "any", "", "cross")


def fetch_query(chance: random.Random) -> str:
    """Return the query string of a `fetchXml` request."""
    attributes = "".join(
        f' {name}="{value}"'
        for name, values in (
            ("aggregate", ("true", "false", "x")),
            ("distinct", ("true", "1")),
            ("top", ("1", "0", "x", "99999999")),
            ("count", ("2", "-1")),
            ("page", ("1", "2", "1000000")),
            ("paging-cookie", ("&lt;cookie", "%253ccookie", "x")),
            ("aggregatelimit", ("1", "-5", "9" * 30)),
        )
        if chance.random() < 0.25
        for value in (chance.choice(values),)
    )
    entity = chance.choices(TABLES, (12, 1, 1, 1, 1, 1, 1, 1))[0]
    return "fetchXml=" + quote(f'<fetch{attributes}><entity name="{entity}">{_inside(chance, 0)}</entity></fetch>')


def _inside(chance: random.Random, depth: int) -> str:
    made = [
        chance.choice((_attribute, _order, _filter, _filter, _link))(chance, depth) for _ in range(chance.randrange(5))
    ]
    return "".join(made)


def _attribute(chance: random.Random, depth: int) -> str:
    more = "".join(
        f' {name}="{chance.choice(values)}"'
        for name, values in (
            ("alias", ("a", "a", "b", "", "lastname", "@odata.etag")),
            ("aggregate", ("count", "sum", "avg", "min", "countcolumn", "x")),
            ("groupby", ("true", "false")),
            ("dategrouping", ("day", "week", "fiscal-period", "x")),
            ("distinct", ("true",)),
        )
        if chance.random() < 0.4
    )
    return f'<attribute name="{chance.choice(COLUMNS)}"{more}/>'


def _order(chance: random.Random, depth: int) -> str:
    named = chance.choice((f'attribute="{chance.choice(COLUMNS)}"', 'alias="a"', 'entityname="l" attribute="name"', ""))
    return f'<order {named} descending="{chance.choice(("true", "false", "x"))}"/>'


def _filter(chance: random.Random, depth: int) -> str:
    if depth > 3:
        return ""
    inner = "".join(
        _filter(chance, depth + 1)
        if chance.random() < 0.2
        else f"<condition {chance.choice(('', '', 'entityname=' + chr(34) + 'l' + chr(34)))} "
        f'attribute="{chance.choice(COLUMNS)}" operator="{chance.choice(OPERATORS)}" value="{chance.choice(VALUES)}"/>'
        for _ in range(chance.randrange(4))
    )
    return f'<filter type="{chance.choice(("and", "or", "xor"))}">{inner}</filter>'


def _link(chance: random.Random, depth: int) -> str:
    if depth > 2:
        return ""
    alias = f' alias="{chance.choice(("l", "m", "l", "", chr(233)))}"' if chance.random() < 0.5 else ""
    ends = f'from="{chance.choice(COLUMNS)}" to="{chance.choice(COLUMNS)}" link-type="{chance.choice(KINDS)}"'
    one = f'<link-entity name="{chance.choice(TABLES)}" {ends}{alias}>{_inside(chance, depth + 1)}</link-entity>'
    return one * chance.choice((1, 1, 1, 1, 20))
