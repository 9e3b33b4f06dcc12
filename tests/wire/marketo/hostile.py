"""What the storm of `test_fuzz.py` is made of."""

from __future__ import annotations

import json
import random
import re
from typing import Any
from urllib.parse import quote

from simulators.marketo.resources import routes

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "MERGE", "get", "")
IDS = (
    "1",
    "2",
    "3",
    "1001",
    "car",
    "rejected",
    "0",
    "-1",
    "9" * 40,
    "%00",
    "..",
    "é",
    "\u0661",
    "1.0",
    " 1",
    "null",
    "x.json",
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
        30,
        10**30,
        -(10**18),
        1.5,
        1e308,
        "",
        " ",
        "0",
        "1",
        "x" * 3000,
        "\x00",
        "\ud83d\ude00",
    ),
    *(
        "a@b.example",
        "not mail",
        "é@ü.example",
        "2026-01-01",
        "2026-13-45",
        "2026-01-01T00:00:00+99:99",
        "V",
        "C1",
        "O1",
    ),
    *(
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        [],
        {},
        [[]],
        [None],
        ["a"],
        {"id": 1},
        "id",
        "email",
        "NaN",
    ),
    *("createOrUpdate", "updateOnly", "idField", "dedupeFields", "staticListId", "CSV", "text", "integer"),
)
KEYS = (
    *("email", "id", "firstName", "leadScore", "company", "externalCompanyId", "externalSalesPersonId", "createdAt"),
    *(
        "dateOfBirth",
        "own",
        "nope",
        "leadId",
        "role",
        "externalOpportunityId",
        "name",
        "amount",
        "vin",
        "owner",
        "year",
    ),
    *("activityDate", "activityTypeId", "primaryAttributeValue", "attributes", "apiName", "displayName", "dataType"),
    *(
        "triggerName",
        "filterName",
        "primaryAttribute",
        "partitionName",
        "isDedupeField",
        "relatedTo",
        "value",
        "\u00fc",
    ),
)
TOP = (
    *("input", "action", "lookupField", "partitionName", "dedupeBy", "deleteBy", "filterType", "fields", "filter"),
    *("format", "columnHeaderNames", "programName", "source", "nextPageToken", "batchSize", "attributes", *KEYS[-8:]),
)
QUERY = (
    *(
        "fields",
        "filterType",
        "filterValues",
        "batchSize",
        "nextPageToken",
        "sinceDatetime",
        "activityTypeIds",
        "leadIds",
    ),
    *(
        "listId",
        "assetIds",
        "id",
        "name",
        "leadId",
        "cookie",
        "draft",
        "status",
        "format",
        "lookupField",
        "_method",
        "",
    ),
)
WORDS = (
    "id",
    "email",
    "firstName",
    "idField",
    "dedupeFields",
    "leadId",
    "GET",
    "csv",
    "12,13",
    "a,b",
    "2026-01-01T00:00:00Z",
)

SOUND: dict[str, list[dict[str, Any]]] = {
    "leads": [{"email": "n@example.com", "firstName": "N"}, {"id": 3}],
    "companies": [{"externalCompanyId": "C1", "company": "N"}],
    "salespersons": [{"externalSalesPersonId": "S1", "email": "s@example.com"}],
    "opportunities": [{"externalOpportunityId": "O1", "name": "N"}],
    "roles": [{"externalOpportunityId": "O1", "leadId": 2, "role": "N"}],
    "car": [{"vin": "V", "owner": 2, "year": 5}],
    "external": [
        {
            "leadId": 2,
            "activityDate": "2026-01-01T00:00:00Z",
            "activityTypeId": 100_001,
            "primaryAttributeValue": "x",
            "attributes": [{"name": "Code", "value": 1}],
        }
    ],
    "schema": [{"name": "n", "displayName": "N", "dataType": "string"}],
}


def templates() -> list[tuple[str, tuple[str, ...]]]:
    """Every path the simulator knows, with `{}` for what varies, and the methods it takes."""

    return [(re.sub(r"\{[^}]*\}", "{}", path), methods) for path, methods in routes.paths.known()]


class Attacker:
    """Makes up requests."""

    def __init__(self, seed: int, tokens: list[str]) -> None:
        self.chance = random.Random(seed)
        self.paths = templates()
        self.tokens = tokens

    def path(self) -> tuple[str, tuple[str, ...]]:
        """A path and its methods."""
        chance = self.chance
        path, methods = chance.choice(self.paths)
        while "{}" in path:
            path = path.replace("{}", chance.choice(IDS[:6]) if chance.random() < 0.7 else chance.choice(IDS), 1)
        if chance.random() < 0.04:
            path += chance.choice(("/", "//", "/x/y.json", "%2f", "/%ff", "/" + "a" * 9000))
        return path, methods

    def query(self) -> str:
        """A query string."""
        chance = self.chance
        values = (*IDS, *WORDS, *self.tokens, "%zz", "%ff%fe", "=", "x" * 1500, "")
        parts = [f"{chance.choice(QUERY)}={self.raw(chance.choice(values))}" for _ in range(chance.randrange(6))]
        if chance.random() < 0.5:
            parts += [f"nextPageToken={quote(chance.choice(self.tokens))}", "fields=email", "activityTypeIds=12,13"]
        if chance.random() < 0.3:
            parts += ["filterType=id", "filterValues=1,2,3"]
        return "?" + "&".join(parts) if parts else ""

    def raw(self, value: str) -> str:
        """Sometimes as it is, else quoted."""
        return value if self.chance.random() < 0.3 else quote(value)

    def value(self, depth: int = 0) -> Any:
        """Anything."""
        chance = self.chance
        if depth < 3 and chance.random() < 0.3:
            return {chance.choice(KEYS): self.value(depth + 1) for _ in range(chance.randrange(5))}
        if depth < 3 and chance.random() < 0.2:
            return [self.value(depth + 1) for _ in range(chance.randrange(4))]
        return chance.choice(NASTY)

    def body(self, path: str) -> bytes:
        """A body: broken, wild, or nearly right."""
        chance = self.chance
        if chance.random() < 0.1:
            broken = (
                b"{",
                b"[",
                b"null",
                b"\xff\xfe{",
                b"[" * 100_000,
                b'{"a":1}' * 3,
                b"\x00",
                b"NaN",
                b"1e999",
                b"a=1&_method=GET",
            )
            return chance.choice(broken)
        whole = {chance.choice(TOP): self.value(1) for _ in range(chance.randrange(4))}
        if chance.random() < 0.8:
            last = next((part for part in reversed(path.replace(".json", "").split("/")) if part in SOUND), "leads")
            rows = [dict(row) for row in SOUND[last]]
            for _ in range(chance.randrange(3)):
                chance.choice(rows)[chance.choice(KEYS)] = self.value(1)
            whole["input"] = rows
        return json.dumps(whole).encode()

    def multipart(self) -> tuple[bytes, str]:
        """An import, whole or torn."""
        chance = self.chance
        cells = [",".join(str(chance.choice(NASTY))[:30] for _ in range(chance.randrange(1, 4))) for _ in range(5)]
        text = "\n".join([chance.choice(("email,firstName", "email", "id,own", "x,y", "")), *cells])
        body = f'--e\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n{text}\r\n--e--\r\n'
        return body.encode("utf-8", "replace")[: chance.choice((10_000, 90))], "multipart/form-data; boundary=e"

    def request(self) -> tuple[str, str, bytes, str]:
        """Method, target, body and content type."""
        chance = self.chance
        path, allowed = self.path()
        method = chance.choice(allowed if chance.random() < 0.92 else METHODS)
        if path == "/bulk/v1/leads.json" and chance.random() < 0.8:
            body, kind = self.multipart()
            return method, f"{path}?format=csv", body, kind
        if method == "GET":
            return method, path + self.query(), b"", ""
        kind = chance.choice(("application/json",) * 8 + ("application/x-www-form-urlencoded", ""))
        return method, path + (self.query() if chance.random() < 0.4 else ""), self.body(path), kind
