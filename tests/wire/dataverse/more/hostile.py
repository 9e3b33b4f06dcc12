"""Requests that no honest client sends: bad OData, broken multipart, huge and double keys, wrong encodings."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.wire.dataverse.more.honest import READS, WRITES
from tests.wire.dataverse.more.hostile_fetch import fetch_query

ROOT = "/api/data/v9.2"
IDS = ("00000000-0000-0000-0000-000000000001", "11111111-2222-3333-4444-555555555555", "not-a-guid", "", "'", "%00")
SETS = ("contacts", "accounts", "leads", "opportunities", "emails", "tasks", "activityparties", "activitypointers")
SETS += ("systemusers", "roles", "annotations", "EntityDefinitions", "GlobalOptionSetDefinitions", "nosuchthings", "$x")
COLUMNS = (
    "lastname",
    "emailaddress1",
    "statecode",
    "createdon",
    "_ownerid_value",
    "annualincome",
    "donotemail",
    "nope",
)
OPTIONS = (
    "$filter",
    "$select",
    "$expand",
    "$orderby",
    "$top",
    "$count",
    "$apply",
    "$skip",
    "$skiptoken",
    "$deltatoken",
)
OPTIONS += ("$search", "$format", "$compute", "@p1", "sql", "fetchXml", "tag", "", "%24filter", "$FILTER")
LITERALS = ("'a'", "''", "'it''s'", "'open", "1", "-1", "9" * 400, "1e999", "null", "true", "2026-01-01T00:00:00Z")
LITERALS += (
    "2026-13-45",
    IDS[0],
    "'%25%5B_'",
    "guid'x'",
    "@p1",
    "(1",
    "\u202e",
    "\udcff",
    "'\x00'",
    "'" + "x" * 5000 + "'",
)
OPERATORS = ("eq", "ne", "gt", "lt", "ge", "le", "in", "has", "add", "EQ", "=", "")
FUNCTIONS = ("contains", "startswith", "endswith", "any", "all", "tolower", "substring", "cast", "length")
CRM = ("In", "Between", "LastXHours", "OnOrAfter", "ContainValues", "EqualUserId", "Nope", "NotBetween", "Above")
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "MERGE", "get", "\x00")
ACTIONS = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple", "DeleteMultiple", "QualifyLead", "SendEmail")
ACTIONS += ("RetrieveUserPrivileges()", "RetrievePrincipalAccess(Target=@p1)", "RetrieveUserSetOfPrivilegesByNames(x)")
ROOTS = (
    "Merge",
    "BulkDelete",
    "WinOpportunity",
    "LoseOpportunity",
    "InsertOptionValue",
    "DeleteOptionValue",
    "WhoAmI()",
)
ROOTS += ("RetrieveMetadataChanges(Query=@p1)", "$metadata", "PublishXml", "RelationshipDefinitions", "$batch", "")
JUNK = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'{"a":1,"a":2}',
    b"[" * 30_000,
    b"\x1f\x8b\x08junk",
)
JUNK += (b'{"lastname":' + b"9" * 2000 + b"}", b'{"lastname":NaN}', b'{"lastname":"\\ud800"}', b'{"lastname":"\xe9"}')
JUNK += (
    b'{"' + b"k" * 70_000 + b'":1}',
    b'{"x@odata.bind":"/contacts(1)"}',
    b'{"@odata.type":7}',
    b'"' * 3,
    b"\x00" * 100,
)


@dataclass(frozen=True, slots=True)
class Hostile:
    """One request to send."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def hostile_requests(seed: int, count: int) -> Iterator[Hostile]:
    """Yield `count` requests; the same seed gives the same ones."""
    chance = random.Random(seed)
    makers: tuple[tuple[Callable[[random.Random], Hostile], int], ...] = (
        (_query, 10),
        (_fetch, 3),
        (_path, 6),
        (_write, 8),
        (_action, 6),
        (_batch, 7),
        (_metadata, 6),
        (_headers, 3),
        (_nearly_honest, 14),
    )
    choices = [maker for maker, weight in makers for _ in range(weight)]
    for _ in range(count):
        yield chance.choice(choices)(chance)


def _nearly_honest(chance: random.Random) -> Hostile:
    """What a good client sends, as it is or with a few letters changed, doubled or lost."""
    if chance.random() < 0.6:
        method, target, body = "GET", chance.choice(READS), b""
    else:
        method, target, body = chance.choice(WRITES)
    if chance.random() < 0.6:
        target = _scribble(chance, target.encode()).decode("utf-8", "replace")
    if body and chance.random() < 0.5:
        body = _scribble(chance, body)
    return Hostile(method, f"{ROOT}/{target}", _some_headers(chance), body)


def _scribble(chance: random.Random, text: bytes) -> bytes:
    letters = bytearray(text)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(letters))
        change = chance.random()
        if change < 0.4:
            letters[at] = chance.choice(b"'\"(){}[],:;&=$@%/ 0Aa\x00\xff")
        elif change < 0.7:
            del letters[at]
        else:
            letters[at:at] = letters[at : at + chance.choice((1, 5, 40))]
        if not letters:
            break
    return bytes(letters)


def _query(chance: random.Random) -> Hostile:
    pairs = [f"{chance.choice(OPTIONS)}={_expression(chance, 0)}" for _ in range(chance.randint(1, 4))]
    if chance.random() < 0.05:
        pairs.append("$filter=" + "(" * chance.choice((60, 900, 5000)) + "1 eq 1")
    if chance.random() < 0.05:
        pairs.append("$expand=" + "ownerid($expand=" * chance.choice((5, 40, 400)))
    if chance.random() < 0.1:
        pairs.append("$filter=" + " and ".join(["lastname eq 'a'"] * chance.choice((10, 300, 2500))))
    joint = chance.choice(("&", "&", "&&", ";"))
    return _request(chance, "GET", f"/{chance.choice(SETS)}?{joint.join(pairs)}")


def _fetch(chance: random.Random) -> Hostile:
    return _request(chance, "GET", f"/contacts?{fetch_query(chance)}")


def _expression(chance: random.Random, depth: int) -> str:
    column, literal = chance.choice(COLUMNS), chance.choice(LITERALS)
    if depth > 3:
        return column
    forms: tuple[Callable[[], str], ...] = (
        lambda: f"{column} {chance.choice(OPERATORS)} {literal}",
        lambda: f"({_expression(chance, depth + 1)}) {chance.choice(('and', 'or', 'not', ','))} {column} eq {literal}",
        lambda: f"not {_expression(chance, depth + 1)}",
        lambda: f"{chance.choice(FUNCTIONS)}({column},{literal}{chance.choice((')', '', '))'))}",
        lambda: f"Microsoft.Dynamics.CRM.{chance.choice(CRM)}(PropertyName='{column}',PropertyValues=['{literal}'])",
        lambda: f"Contact_Emails/any(e:e/{column} {chance.choice(OPERATORS)} {literal})",
        lambda: f"aggregate({column} with {chance.choice(('sum', 'max', 'nope'))} as x)",
        lambda: f"groupby(({column}),aggregate($count as n))/filter({_expression(chance, depth + 1)})",
        lambda: f"{column}($select={column};$filter={_expression(chance, depth + 1)})",
        lambda: f"<cookie pagenumber='{literal}' pagingcookie='{literal}' istracking='False' />",
        lambda: "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><cookie pagenumber='&b;'/>",
        lambda: f"{chance.randint(-9, 10**30)}!{chance.choice(('01/01/2026 00:00:00', 'x', '99/99/9999', ''))}",
        lambda: "".join(chr(chance.choice((0, 9, 34, 39, 40, 41, 44, 0x2028, 0xFFFD, 0x1F600))) for _ in range(8)),
        lambda: literal,
        lambda: ",".join(chance.choices(COLUMNS, k=chance.choice((1, 3, 400)))),
    )
    return chance.choice(forms)()


def _path(chance: random.Random) -> Hostile:
    pieces = [
        *SETS,
        *(f"{name}({key})" for name in SETS[:4] for key in (*IDS, "lastname='x'", "a=1,b='2'", "=", "((", "'a'b'")),
        "$count",
        "$ref",
        "$value",
        "..",
        "%2e%2e",
        "%",
        "%zz",
        "%C0%AF",
        "lastname",
        "ownerid",
        "Contact_Emails",
        "Microsoft.Dynamics.CRM.contact",
        "x" * chance.choice((1, 300, 40_000)),
        "$1",
        "",
        "\u00e9\u4e2d",
    ]
    path = "/".join(chance.choice(pieces) for _ in range(chance.randint(1, 5)))
    root = chance.choice((ROOT, ROOT, ROOT, "/api/data/v8.0", "/api/data", "", "/api/data/v9.2/", "//"))
    return Hostile(chance.choice(METHODS), f"{root}/{path}", _some_headers(chance), _body(chance))


def _write(chance: random.Random) -> Hostile:
    target = chance.choice((f"/{chance.choice(SETS)}", f"/{chance.choice(SETS)}({chance.choice(IDS)})"))
    if chance.random() < 0.2:
        target += "/" + chance.choice((*COLUMNS, "parentcustomerid/$ref", "nosuch/$ref", "Contact_Emails/$ref"))
    return _request(chance, chance.choice(("POST", "PATCH", "PUT", "DELETE")), target, _body(chance))


def _body(chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return chance.choice(JUNK)
    values = ("1", '"x"', "null", "true", "[]", "{}", "[{}]", '[{"partyid@odata.bind":1}]', "1.5", "-99999999999999")
    values += (
        '"2026-99-99"',
        '"/contacts(00000000-0000-0000-0000-000000000001)"',
        '"$1"',
        '"' + "y" * 3000 + '"',
        "1e400",
    )
    keys = (*COLUMNS, "contactid", "leadid", "ownerid@odata.bind", "ownerid", "parentcustomerid_account@odata.bind")
    keys += (
        "Contact_Emails",
        "email_activity_parties",
        "@odata.type",
        "@odata.id",
        "statuscode",
        "documentbody",
        "value",
    )
    keys += ("regardingobjectid_contact_email@odata.bind", "birthdate", "numberofchildren", "gendercode", "Targets", "")
    fields = [f'"{chance.choice(keys)}":{chance.choice(values)}' for _ in range(chance.randint(0, 6))]
    return ("{" + ",".join(fields) + chance.choice(("}", "}", "}", "", ",}", "}}"))).encode()


def _action(chance: random.Random) -> Hostile:
    if chance.random() < 0.5:
        target = f"/{chance.choice(ROOTS)}"
    else:
        row = chance.choice(("", f"({chance.choice(IDS)})"))
        target = f"/{chance.choice(SETS)}{row}/{chance.choice(('Microsoft.Dynamics.CRM.', ''))}{chance.choice(ACTIONS)}"
    if chance.random() < 0.3:
        target += "?@p1=" + chance.choice(('{"@odata.id":"contacts(1)"}', "[1,2]", "'x'", "{", "null", "[" * 3000))
    bodies = (
        b'{"Targets":[{"@odata.type":"Microsoft.Dynamics.CRM.contact"}]}',
        b'{"Targets":[{"@odata.type":"Microsoft.Dynamics.CRM.contact","@odata.id":"contacts(x)"}]}',
        b'{"Targets":[1,2]}',
        b'{"Targets":{}}',
        b'{"Targets":[{"@odata.type":"x","lastname":{}}]}',
        b'{"Target":{"contactid":"x"},"Subordinate":{},"PerformParentingChecks":false}',
        b'{"Target":[],"Subordinate":1,"PerformParentingChecks":"no"}',
        b'{"OpportunityClose":{"opportunityid@odata.bind":"/x(1)"},"Status":true}',
        b'{"QuerySet":[{"EntityName":"contact","Criteria":{"Conditions":[{"AttributeName":"x"}]}}],"JobName":"x",'
        b'"SendEmailNotification":false,"ToRecipients":[],"CCRecipients":[],"RecurrencePattern":"","StartDateTime":"x"}',
        b'{"CreateAccount":1,"CreateContact":null,"CreateOpportunity":[],"Status":"x"}',
        b'{"EntityLogicalName":"contact","AttributeLogicalName":"lastname","Value":1.5}',
    )
    return _request(chance, chance.choice(("POST", "POST", "GET")), target, chance.choice((*bodies, *JUNK)))


def _metadata(chance: random.Random) -> Hostile:
    key = chance.choice(
        ("(LogicalName='contact')", "(LogicalName='x')", f"({IDS[0]})", "", "(a=b)", "('contact')", "(1,2)")
    )
    tail = chance.choice(
        ("", "/Attributes", "/Keys", "/Attributes(LogicalName='lastname')", "/Nope", "/DisplayName", "/Attributes(1)")
    )
    cast = chance.choice(
        ("", "", "/Microsoft.Dynamics.CRM.PicklistAttributeMetadata", "/Microsoft.Dynamics.CRM.Nope", "/OptionSet")
    )
    query = chance.choice(
        (
            "",
            "$select=LogicalName",
            "$select=Nope",
            "$filter=OwnershipType eq 'UserOwned'",
            "$filter=OwnershipType eq Microsoft.Dynamics.CRM.OwnershipTypes'",
            "$filter=DisplayName eq 1",
            "$filter=IsActivity eq true and (",
            "$filter=" + "not " * 3000 + "IsActivity eq true",
            "$filter=ObjectTypeCode gt 'x'",
            "$filter=contains(LogicalName,1)",
            "$expand=Attributes($select=LogicalName;$filter=AttributeType eq 1),Keys(",
            "$expand=Attributes($expand=OptionSet)",
            "$expand=" + "Attributes($expand=" * 50,
            "$top=1",
            "$orderby=LogicalName",
            "$count=maybe",
        )
    )
    bodies = (
        b'{"@odata.type":"Microsoft.Dynamics.CRM.StringAttributeMetadata","SchemaName":"new_X","MaxLength":-1}',
        b'{"@odata.type":"Microsoft.Dynamics.CRM.PicklistAttributeMetadata","SchemaName":"new_P","OptionSet":{"Options":[1]}}',
        b'{"@odata.type":"Nope","SchemaName":"new_Y"}',
        b'{"SchemaName":"","KeyAttributes":["x"]}',
        b'{"SchemaName":"new_k","KeyAttributes":[{}]}',
        b'{"Name":"new_set","Options":[{"Value":"x"}]}',
    )
    method = chance.choice(("GET", "GET", "GET", "POST", "PUT", "DELETE", "PATCH"))
    joint = "?" if query else ""
    return _request(
        chance, method, f"/EntityDefinitions{key}{tail}{cast}{joint}{query}", chance.choice((*bodies, *JUNK))
    )


def _batch(chance: random.Random) -> Hostile:
    end = chance.choice((b"\r\n", b"\n", b"\r"))
    part = [b"Content-Type: application/http", b"Content-Transfer-Encoding: binary", b""]
    parts = []
    for number in range(chance.randint(0, 5)):
        inner = _write(chance)
        line = f"{inner.method} {inner.target} HTTP/1.1".encode("utf-8", "surrogateescape")
        head = [
            b"--b",
            *part[: chance.choice((3, 3, 3, 2, 0))],
            line,
            b"Content-ID: %d" % chance.choice((number, 1)),
            b"",
        ]
        parts.append(end.join([*head, inner.body]))
    if chance.random() < 0.4:
        member = [b"--c", *part, b"PATCH $%d HTTP/1.1" % chance.randint(0, 3), b"", b'{"x@odata.bind":"$9"}']
        parts.append(end.join([b"--b", b"Content-Type: multipart/mixed; boundary=c", b"", *member * 2, b"--c--"]))
    body = bytearray(end.join([*parts, chance.choice((b"--b--", b"--b", b"", b"--bb--"))]))
    for _ in range(chance.choice((0, 0, 1, 5))):
        if body:
            body[chance.randrange(len(body))] = chance.randrange(256)
    if chance.random() < 0.15:
        del body[chance.randrange(len(body) + 1) :]
    kind = chance.choice(
        ("multipart/mixed; boundary=b",) * 6 + ("multipart/mixed", "text/plain", 'multipart/mixed; boundary="')
    )
    prefer = (("Prefer", "odata.continue-on-error"),) if chance.random() < 0.5 else ()
    return Hostile("POST", f"{ROOT}/$batch", (("Content-Type", kind), *prefer), bytes(body))


def _headers(chance: random.Random) -> Hostile:
    headers = (
        (
            "Prefer",
            chance.choice(("odata.maxpagesize=0", "odata.maxpagesize=99999999999999", '"', "return=;=,,", "x" * 9000)),
        ),
        ("If-Match", chance.choice(("*", "W/", '"1"', 'W/"99999999999999999999"', "null", "\x7f"))),
        ("If-None-Match", chance.choice(("*", "null", 'W/"1"', ""))),
        (chance.choice(("CallerObjectId", "MSCRMCallerID")), chance.choice((*IDS[:3], "x" * 500))),
        ("MSCRM.BypassBusinessLogicExecutionStepIds", chance.choice(("a,b,c,d", ",", IDS[0]))),
        ("Content-Type", chance.choice(("text/xml", "application/json;charset=utf-16", "", "multipart/mixed"))),
        ("OData-Version", chance.choice(("9.0", "x", "4.0"))),
        ("Authorization", chance.choice(("", "Bearer", "Bearer x.y.z", "Basic eA==", "bearer \x00"))),
        ("Content-Encoding", chance.choice(("gzip", "br", "identity"))),
        ("Host", chance.choice(("", "a b", "x" * 3000, "[::1"))),
    )
    chosen = tuple(chance.sample(headers, chance.randint(1, 5)))
    target = f"{ROOT}/{chance.choice(SETS)}({chance.choice(IDS)})"
    return Hostile(chance.choice(METHODS), target, chosen, _body(chance))


def _some_headers(chance: random.Random) -> tuple[tuple[str, str], ...]:
    all_headers = (
        ("Content-Type", "application/json"),
        ("Prefer", "return=representation"),
        ("Prefer", "odata.track-changes,odata.maxpagesize=2"),
        ("If-Match", "*"),
        ("If-None-Match", "*"),
        ("Prefer", 'odata.include-annotations="*"'),
    )
    return tuple(chance.sample(all_headers, chance.randint(0, 3)))


def _request(chance: random.Random, method: str, path: str, body: bytes = b"") -> Hostile:
    return Hostile(method, ROOT + path, _some_headers(chance), body)
