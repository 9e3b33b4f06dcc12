"""What the storm of `test_fuzz.py` is made of."""

from __future__ import annotations

import json
import random
import re
from typing import Any

from simulators.activecampaign.resources import routes

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "MERGE", "get", "")
IDS = (
    "1",
    "2",
    "3",
    "0",
    "-1",
    "99",
    "abc",
    "1e3",
    "9" * 40,
    "%00",
    "..",
    "é",
    "\u0661",
    "1;drop",
    "1.0",
    " 1",
    "null",
    "true",
)
NASTY: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2,
        3,
        99,
        10**30,
        -(10**18),
        1.5,
        1e308,
        "",
        " ",
        "0",
        "1",
        "2",
        "x" * 3000,
        "\x00",
        "||",
        "||a||",
    ),
    *(
        "a||b",
        "a@b.example",
        "A@B.EXAMPLE",
        "not mail",
        "é@ü.example",
        "2026-01-01",
        "2026-13-45",
        "0000-00-00",
        "12:00",
        "\ud83d\ude00",
    ),
    *(
        "2026-01-01T00:00:00+99:99",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        [],
        {},
        [[]],
        [None],
        ["a"],
        [1, "b"],
        {"id": 1},
    ),
    *(
        [{"field": 1, "value": "a"}],
        [{"field": {}, "value": []}],
        [{"customFieldId": 1, "fieldValue": ["a"]}],
        [{"id": "name", "value": 1}],
    ),
    *(
        {"primary-contact": [1]},
        {"value": float("1e10")},
        "subscribe",
        "contact",
        "Subscriber",
        "dropdown",
        "https://h.example/x",
        "http://[::1",
    ),
)
KEYS = (
    *(
        "contact",
        "contacts",
        "field",
        "fields",
        "value",
        "tag",
        "tags",
        "list",
        "listid",
        "status",
        "email",
        "firstName",
        "first_name",
        "phone",
    ),
    *(
        "fieldValues",
        "name",
        "account",
        "jobTitle",
        "title",
        "type",
        "options",
        "relid",
        "reltype",
        "note",
        "group",
        "stage",
        "owner",
        "percent",
    ),
    *(
        "currency",
        "customFieldId",
        "fieldValue",
        "fieldCurrency",
        "customerAccountId",
        "dealId",
        "externalId",
        "id",
        "relationships",
        "slug",
    ),
    *(
        "labels",
        "url",
        "events",
        "sources",
        "automation",
        "subscribe",
        "unsubscribe",
        "callback",
        "requestType",
        "params",
        "headers",
        "record",
    ),
    *(
        "schema",
        "exclude_automations",
        "allowNullEmail",
        "useDefaults",
        "tagType",
        "fieldOptions",
        "fieldRel",
        "accountContact",
        "deal",
        "webhook",
    ),
    *(
        "accountCustomFieldMetum",
        "accountCustomFieldDatum",
        "fieldLabel",
        "fieldType",
        "contactTag",
        "contactList",
        "fieldValue",
        "description",
    ),
)
QUERY = (
    *(
        "limit",
        "offset",
        "search",
        "email",
        "email_like",
        "ids[]",
        "ids",
        "exclude",
        "tagid",
        "listid",
        "status",
        "segmentid",
        "forceQuery",
    ),
    *(
        "id_greater",
        "id_less",
        "seriesid",
        "waitid",
        "formid",
        "phone",
        "in_group_lists",
        "include",
        "after",
        "contact",
        "batchId",
        "count_deals",
    ),
    *(
        "orders[id]",
        "orders[email]",
        "orders[search]",
        "orders[tstamp]",
        "orders[",
        "filters[updated_after]",
        "filters[created_before]",
    ),
    *(
        "filters[search][eq]",
        "filters[search][nope]",
        "filters[name][gt]",
        "filters[fieldid]",
        "filters[val]",
        "filters[contact]",
        "filters[]",
    ),
    *(
        "filters[relationships.primary-contact][eq]",
        "filters[a][b][c]",
        "filters[d_groupid]",
        "filters",
        "orders",
        "%",
        "",
        "filters[status]",
    ),
)

SOUND: dict[str, dict[str, Any]] = {
    "contacts": {"email": "n@example.com", "firstName": "N", "phone": "1"},
    "contact": {"email": "n@example.com", "fieldValues": [{"field": 3, "value": "x"}]},
    "fields": {"title": "N", "type": "text"},
    "fieldRels": {"field": 1, "relid": 0},
    "fieldValues": {"contact": 5, "field": 3, "value": "x"},
    "tags": {"tag": "n", "tagType": "contact"},
    "contactTags": {"contact": 5, "tag": 1},
    "lists": {"name": "N"},
    "contactLists": {"contact": 5, "list": 1, "status": 2},
    "accounts": {"name": "N", "accountUrl": "https://n.example"},
    "accountContacts": {"contact": 60, "account": 1, "jobTitle": "t"},
    "accountCustomFieldMeta": {"fieldLabel": "N", "fieldType": "text"},
    "deals": {"title": "N", "value": 1, "currency": "usd", "contact": 5, "stage": 1, "owner": 1},
    "dealGroups": {"title": "N"},
    "dealStages": {"title": "N", "group": 1},
    "contactDeals": {"contact": 5, "deal": 1},
    "notes": {"note": "n", "relid": 5, "reltype": "Subscriber"},
    "contactAutomations": {"contact": 5, "automation": 1},
    "webhooks": {"name": "n", "url": "https://n.example", "events": ["update"], "sources": ["api"]},
    "customObjects": {"externalId": "n", "fields": [{"id": "name", "value": "x"}]},
}


def templates() -> list[tuple[str, tuple[str, ...]]]:
    """Every path the simulator knows, with `{}` for ids, and the methods it takes."""

    return [(re.sub(r"\{[^}]*\}", "{}", path), methods) for path, methods in routes.paths.known()]


class Attacker:
    """Makes up requests."""

    def __init__(self, seed: int, record_paths: list[str]) -> None:
        self.chance = random.Random(seed)
        verbs = ("GET", "POST", "PUT", "DELETE")
        self.paths = templates() + [(path, verbs) for path in record_paths]

    def path(self) -> tuple[str, tuple[str, ...]]:
        chance = self.chance
        path, methods = chance.choice(self.paths)
        while "{}" in path:
            path = path.replace("{}", chance.choice(IDS[:3]) if chance.random() < 0.6 else chance.choice(IDS), 1)
        if chance.random() < 0.05:
            path = path + chance.choice(("/", "//", "/x/y/z", "%2f", "/%ff", "/" + "a" * 5000))
        return path, methods

    def query(self) -> str:
        chance = self.chance
        if chance.random() < 0.4:
            return ""
        values = (
            *IDS,
            "ASC",
            "DESC",
            "desc",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00+02:00",
            "%zz",
            "%ff%fe",
            "=",
            "x" * 2000,
            "",
        )
        parts = [f"{chance.choice(QUERY)}={chance.choice(values)}" for _ in range(chance.randrange(1, 6))]
        return "?" + "&".join(parts)

    def value(self, depth: int = 0) -> Any:
        chance = self.chance
        if depth < 3 and chance.random() < 0.35:
            return {chance.choice(KEYS): self.value(depth + 1) for _ in range(chance.randrange(5))}
        if depth < 3 and chance.random() < 0.2:
            return [self.value(depth + 1) for _ in range(chance.randrange(4))]
        return chance.choice(NASTY)

    def body(self) -> bytes:
        chance = self.chance
        roll = chance.random()
        if roll < 0.1:
            return chance.choice(
                (
                    b"{",
                    b"[",
                    b"null",
                    b'"x"',
                    b"[1]",
                    b"\xff\xfe{",
                    b"{" * 3000,
                    b"[" * 100_000,
                    b'{"a":1}' * 3,
                    b"\x00",
                    b"NaN",
                    b"1e999",
                )
            )
        if roll < 0.16:
            key = chance.choice(KEYS)
            return f'{{"{key}":{{"email":"d@e.example"}},"{key}":{{"email":5}},"{"k" * 9000}":1}}'.encode()
        if roll < 0.2:
            return json.dumps({"contact": {"email": "ü@ü.example"}}, ensure_ascii=False).encode(
                chance.choice(("utf-16", "latin-1"))
            )
        envelope = chance.choice(KEYS)
        inner = {chance.choice(KEYS): self.value(1) for _ in range(chance.randrange(8))}
        whole = {envelope: inner} if chance.random() < 0.85 else {envelope: self.value(1)}
        return json.dumps(whole).encode()

    def envelope_for(self, path: str) -> str:
        """The right singular for a path, more often than chance would find it."""
        first = path.strip("/").split("/")[0]
        known = {"contact": "contact", "customObjects": "record", "fieldOption": "fieldOptions"}
        known["accountCustomFieldMeta"] = "accountCustomFieldMetum"
        return known.get(first, first[:-1] if first.endswith("s") else first)

    def aimed(self, path: str) -> bytes:
        chance = self.chance
        inner = dict(SOUND.get(path.strip("/").split("/")[0], {}))
        for _ in range(chance.randrange(3)):
            inner[chance.choice(list(inner) + list(KEYS[:8]))] = self.value(1)
        if chance.random() < 0.5:
            inner = {
                key: f"{value}{chance.randrange(10**6)}" if value in ("N", "n") else value
                for key, value in inner.items()
            }
        return json.dumps({self.envelope_for(path): inner}).encode()

    def request(self) -> tuple[str, str, bytes]:
        path, allowed = self.path()
        method = self.chance.choice(allowed if self.chance.random() < 0.9 else METHODS)
        body = b"" if method == "GET" else self.aimed(path) if self.chance.random() < 0.6 else self.body()
        return method, path + self.query(), body
