"""Writing to Dataverse: how many calls, what becomes of each row, and what is told of refusals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from uuid import UUID

import pytest

from shared.connectors.dynamics.settings import parse_settings
from shared.domain.records import FieldName, Kind, Record, Ref, RemoteId, Value
from shared.errors import AuthError, Throttled
from shared.ports.connector import Op, Outcome, Write, WriteResult
from simulators.frame import Authority
from tests.wire.connectors.dynamics import Organisation, organisation

CONTACT = Kind("contact")
LAST, FIRST = FieldName("lastname"), FieldName("firstname")
PARENT = FieldName("parentcustomerid")
STATE, STATUS = FieldName("statecode"), FieldName("statuscode")
CANARY = "Zanzibar Quux"


@pytest.fixture
def org(ca: Authority) -> Iterator[Organisation]:
    with organisation(ca) as made:
        made.connector.describe(CONTACT)
        made.around.counts.clear()
        yield made


def row_id(number: int) -> RemoteId:
    return RemoteId(str(UUID(int=number + (4 << 76) + (8 << 60))))


def create(number: int, **values: Value | None) -> Write:
    fields = {FieldName(name): value for name, value in {"lastname": f"Row {number}", **values}.items()}
    return Write(key=f"k{number}", op=Op.CREATE, ref=Ref(CONTACT, row_id(number)), fields=fields)


def update(row: str, expect: str | None = None, **values: Value | None) -> Write:
    fields = {FieldName(name): value for name, value in values.items()}
    return Write(key=row, op=Op.UPDATE, ref=Ref(CONTACT, RemoteId(row)), fields=fields, expect=expect)


def delete(row: str, expect: str | None = None) -> Write:
    return Write(key=row, op=Op.DELETE, ref=Ref(CONTACT, RemoteId(row)), expect=expect)


def outcomes(results: object) -> list[str]:
    return [result.outcome.value for result in results]  # type: ignore[attr-defined]


def only(results: object) -> WriteResult:
    (result,) = results  # type: ignore[misc]
    assert isinstance(result, WriteResult)
    return result


# -- creates -----------------------------------------------------------------------------------------------------------


def test_a_thousand_creates_are_one_call(org: Organisation) -> None:
    results = org.connector.write([create(n) for n in range(1000)])
    assert set(outcomes(results)) == {"applied"}
    assert org.around.calls("dynamics") == {"create": 1}
    assert len(org.rows()) == 1000


def test_one_bad_row_of_a_thousand_costs_two_calls_more(org: Organisation) -> None:
    writes = [create(n) for n in range(1000)]
    writes[700] = create(700, firstname="x" * 51)
    results = org.connector.write(writes)
    assert outcomes(results).count("applied") == 999
    bad = results[700]
    assert (bad.outcome, bad.code, bad.field) == (Outcome.REJECTED, "0x80044331", FIRST)
    assert org.around.calls("dynamics") == {"create": 3}
    assert len(org.rows()) == 999


def test_a_row_that_is_there_already_is_met_and_left_alone(org: Organisation) -> None:
    org.connector.write([create(1)])
    org.edit(row_id(1), {LAST: "theirs"})
    results = org.connector.write([create(0), create(1, lastname="ours"), create(2)])
    assert outcomes(results) == ["applied", "exists", "applied"]
    assert results[1].ref == Ref(CONTACT, row_id(1))
    assert results[1].revision
    stored = org.stored(row_id(1))
    assert stored is not None
    assert stored[LAST] == "theirs"


def test_a_clash_with_another_rows_key_is_no_row_of_ours(ca: Authority) -> None:
    keys = {
        "columns": {"contact": {"new_code": {"type": "String", "schema": "new_Code", "max": 20}}},
        "keys": {"contact": {"new_code": ["new_code"]}},
    }
    for status in (412, 400):
        with organisation(ca, seeds=keys) as org:
            org.system.switches.set({"duplicate_key_status": status})
            org.system.seed({"rows": {"contact": [{"new_code": "A"}]}})
            results = org.connector.write([create(1, new_code="A"), create(2, new_code="B")])
            assert outcomes(results) == ["rejected", "applied"]
            assert results[0].code in {"0x80060892", "duplicate_key"}


def test_a_table_without_bulk_messages_is_asked_once(ca: Authority) -> None:
    with organisation(ca, seeds={"table_options": {"contact": {"bulk": False}}}) as org:
        org.connector.describe(CONTACT)
        org.around.counts.clear()
        assert set(outcomes(org.connector.write([create(n) for n in range(3)]))) == {"applied"}
        assert org.around.calls("dynamics") == {"create": 2}
        assert set(outcomes(org.connector.write([create(n) for n in range(3, 6)]))) == {"applied"}
        assert org.around.calls("dynamics") == {"create": 3}


def test_a_row_born_inactive_is_made_and_then_put_out_of_use(org: Organisation) -> None:
    results = org.connector.write([create(1, statecode="1", statuscode="2"), create(2)])
    assert outcomes(results) == ["applied", "applied"]
    first, second = org.stored(row_id(1)), org.stored(row_id(2))
    assert first is not None
    assert second is not None
    assert (first[STATE], first[STATUS], second[STATE]) == ("1", "2", "0")


def test_a_lost_answer_to_creates_is_unknown_for_all_and_nothing_is_sent_again(org: Organisation) -> None:
    org.lose_next_answer()
    results = org.connector.write([create(n) for n in range(5)])
    assert set(outcomes(results)) == {"unknown"}
    assert org.around.calls("dynamics") == {"create": 1}
    assert len(org.rows()) == 5


def test_an_answer_with_other_ids_proves_nothing(org: Organisation) -> None:
    fault = {"match": {"path": "CreateMultiple", "times": 1}, "do": {"status_after": 200, "body": '{"Ids": ["x"]}'}}
    org.server.host.faults.add([fault])
    assert set(outcomes(org.connector.write([create(1), create(2)]))) == {"unknown"}


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_gateways_error_leaves_creates_unknown(org: Organisation, status: int) -> None:
    fault = {"match": {"path": "CreateMultiple", "times": 1}, "do": {"status_after": status, "body": "<html>"}}
    org.server.host.faults.add([fault])
    assert set(outcomes(org.connector.write([create(1), create(2)]))) == {"unknown"}


# -- updates and deletes -----------------------------------------------------------------------------------------------


def test_updates_go_a_hundred_a_call(org: Organisation) -> None:
    rows = org.system.seed({"rows": {"contact": [{"lastname": "x"} for _ in range(250)]}})["rows"]["contact"]
    results = org.connector.write([update(row, lastname="y") for row in rows])
    assert set(outcomes(results)) == {"applied"}
    assert org.around.calls("dynamics") == {"update": 3}
    assert {row["lastname"] for row in org.system.store["contact"].rows()} == {"y"}


def test_only_what_is_named_is_sent(org: Organisation) -> None:
    row = org.create(org.values(1))
    org.system.writes.clear()
    org.connector.write([update(row, lastname="new")])
    (entry,) = org.system.writes.page()
    assert set(entry["changed"]) - {"modifiedon", "modifiedby", "versionnumber", "fullname", "yomifullname"} == {LAST}


def test_a_state_takes_its_status_along(org: Organisation) -> None:
    row = org.create(org.values(1))
    assert only(org.connector.write([update(row, statecode="1")])).outcome is Outcome.APPLIED
    stored = org.stored(row)
    assert stored is not None
    assert (stored[STATE], stored[STATUS]) == ("1", "2")


def test_a_lookup_is_bound_moved_and_cleared(org: Organisation) -> None:
    seeds = org.system.seed({"rows": {"account": [{"name": "A"}, {"name": "B"}]}})["rows"]["account"]
    row = org.create(org.values(1))
    for target in (Ref(Kind("account"), seeds[0]), Ref(Kind("account"), seeds[1]), None):
        assert only(org.connector.write([update(row, parentcustomerid=target)])).outcome is Outcome.APPLIED
        found = org.connector.read(CONTACT, [row], [PARENT])[row]
        assert isinstance(found, Record)
        assert found.fields[PARENT] == target


def test_a_lookup_to_a_row_that_is_gone_blames_the_lookup_and_not_the_row(org: Organisation) -> None:
    row = org.create(org.values(1))
    lost = Ref(Kind("account"), row_id(99))
    result = only(org.connector.write([update(row, parentcustomerid=lost)]))
    assert (result.outcome, result.field) == (Outcome.REJECTED, PARENT)
    made = org.connector.write([create(1, parentcustomerid=lost), create(2)])
    assert outcomes(made) == ["rejected", "applied"]
    assert made[0].field == PARENT


def test_deletes_are_conditional_and_succeed_when_nothing_is_left(org: Organisation) -> None:
    rows = [org.create(org.values(n)) for n in range(3)]
    revisions = {
        row: record.revision
        for row, record in org.connector.read(CONTACT, rows, [LAST]).items()
        if isinstance(record, Record)
    }
    org.edit(rows[1], {LAST: "theirs"})
    org.delete(rows[2])
    results = org.connector.write([delete(row, revisions[row]) for row in rows])
    assert outcomes(results) == ["applied", "stale", "applied"]
    assert org.rows() == [rows[1]]


def test_an_answer_that_breaks_off_leaves_the_rest_unknown(org: Organisation) -> None:
    rows = [org.create(org.values(n)) for n in range(40)]
    org.server.host.faults.add([{"match": {"path": "batch", "times": 1}, "do": "truncate"}])
    results = org.connector.write([update(row, lastname="y") for row in rows])
    assert set(outcomes(results)) == {"unknown"}


def test_a_batch_that_answers_for_fewer_rows_is_not_trusted(org: Organisation) -> None:
    rows = [org.create(org.values(n)) for n in range(2)]
    part = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n"
    for body, expected in ((part + "--b--", "unknown"), (part * 3 + "--b--", "unknown"), ("nonsense", "unknown")):
        answer = {"status": 200, "body": body, "headers": {"Content-Type": "multipart/mixed; boundary=b"}}
        org.server.host.faults.add([{"match": {"path": "batch", "times": 1}, "do": answer}])
        assert set(outcomes(org.connector.write([update(row, lastname="y") for row in rows]))) == {expected}


def test_answers_are_matched_by_row_and_not_only_by_place(org: Organisation) -> None:
    rows = [org.create(org.values(n)) for n in range(2)]
    part = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\nOData-EntityId: x({})\r\n\r\n\r\n"
    body = part.format(rows[1]) + part.format(rows[0]) + "--b--"
    answer = {"status": 200, "body": body, "headers": {"Content-Type": "multipart/mixed; boundary=b"}}
    org.server.host.faults.add([{"match": {"path": "batch", "times": 1}, "do": answer}])
    assert set(outcomes(org.connector.write([update(row, lastname="y") for row in rows]))) == {"unknown"}


# -- limits and refusals -----------------------------------------------------------------------------------------------


def test_a_limit_inside_a_batch_leaves_its_row_for_later_and_closes_the_budget(org: Organisation) -> None:
    rows = [org.create(org.values(n)) for n in range(2)]
    ok = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n"
    busy = (
        "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 429 Too Many\r\nRetry-After: 17\r\n"
        'Content-Type: application/json\r\n\r\n{"error":{"code":"0x80072322","message":"Number of requests"}}\r\n'
    )
    answer = {"status": 200, "body": ok + busy + "--b--", "headers": {"Content-Type": "multipart/mixed; boundary=b"}}
    org.server.host.faults.add([{"match": {"path": "batch", "times": 1}, "do": answer}])
    results = org.connector.write([update(row, lastname="y") for row in rows])
    assert outcomes(results) == ["applied", "not_tried"]
    assert results[1].retry_after == 17
    assert org.around.budget.closings == [17]


def test_what_was_not_sent_for_want_of_leave_is_for_later(ca: Authority) -> None:
    with organisation(ca, update_size=1, concurrency=1) as org:
        rows = [org.create(org.values(n)) for n in range(3)]
        fault = {"status": 429, "headers": {"Retry-After": "60"}}
        org.connector.describe(CONTACT)
        org.server.host.faults.add([{"match": {"path": "batch", "nth": 2}, "do": fault}])
        results = org.connector.write([update(row, lastname="y") for row in rows])
        assert outcomes(results)[0] == "applied"
        assert set(outcomes(results)[1:]) == {"not_tried"}
        assert results[1].retry_after is not None
        with pytest.raises(Throttled):
            org.connector.write([update(row, lastname="z") for row in rows])


@pytest.mark.feature("HUB-19", system="activecampaign")
def test_a_rule_of_the_environment_tells_its_own_words_without_the_values(org: Organisation) -> None:
    rule = {"table": "contact", "column": "lastname", "when": "contains", "value": "Zanzibar"}
    org.system.seed({"rejections": [{**rule, "message": f"The name {CANARY} of ann@x.example breaks rule 12."}]})
    row = org.create(org.values(1))
    result = only(org.connector.write([update(row, lastname=CANARY)]))
    assert (result.outcome, result.code) == (Outcome.REJECTED, "0x80040265")
    assert result.message == "The name ••• of ••• breaks rule 12."


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"gendercode": "99"}, "gendercode"),
        ({"gendercode": "Ms"}, "gendercode"),
        ({"annualincome": "much"}, "annualincome"),
        ({"lastname": 7}, "lastname"),
        ({"nosuchcolumn": "x"}, "nosuchcolumn"),
        ({"createdon": None}, "createdon"),
        ({"lastname": "a\x00b"}, "lastname"),
        ({"parentcustomerid": Ref(Kind("lead"), RemoteId("1"))}, "parentcustomerid"),
    ],
)
def test_a_bad_value_is_refused_for_its_record_and_names_its_field(
    org: Organisation, values: Mapping[str, Value | None], field: str
) -> None:
    row = org.create(org.values(1))
    good, bad = update(row, firstname="fine"), create(7, **values)
    assert only(org.connector.write([good])).outcome is Outcome.APPLIED
    result = org.connector.write([create(8), bad])[1]
    assert result.outcome is Outcome.REJECTED
    assert result.field == field
    assert len(org.rows()) == 2


def test_a_role_without_create_stops_everything_and_parks_nobody(ca: Authority) -> None:
    with organisation(ca, seeds=limited(Create="None")) as org:
        use_limited(org)
        with pytest.raises(AuthError) as raised:
            org.connector.write([create(1), create(2)])
        assert raised.value.code == "missing_privilege"


# -- columns that are closed to us -------------------------------------------------------------------------------------


@pytest.mark.feature("HUB-18.1", system="activecampaign")
@pytest.mark.feature("HUB-18.2", system="activecampaign")
def test_a_secured_column_without_a_grant_is_unknown_and_never_sent(ca: Authority) -> None:
    secured = {"new_secret": {"type": "String", "schema": "new_Secret", "max": 50, "secured": True}}
    name = FieldName("new_secret")
    with organisation(ca, seeds={"columns": {"contact": secured}, **limited()}) as org:
        use_limited(org)
        spec = org.connector.describe(CONTACT).fields[name]
        assert (spec.readable, spec.creatable, spec.updatable) == (False, False, False)
        row = org.create({LAST: "x"})
        found = org.connector.read(CONTACT, [row], [LAST, name])[row]
        assert isinstance(found, Record)
        assert dict(found.fields) == {LAST: "x"}
        result = only(org.connector.write([update(row, new_secret="y")]))
        assert (result.outcome, result.code, result.field) == (Outcome.REJECTED, "not_writable", name)


def limited(**contact: str) -> Mapping[str, object]:
    """A role of the application that is no administrator's: everything on contacts but what is named."""
    rights = dict.fromkeys(("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share"), "Global")
    return {"roles": [{"name": "Sync", "tables": {"contact": {**rights, **contact}}, "privileges": {}}]}


def use_limited(org: Organisation) -> None:
    user = org.call("GET", "WhoAmI")["UserId"]
    org.system.seed({"user_roles": [{"user": user, "roles": ["Sync"], "only": True}]})


@pytest.mark.feature("HUB-02.3")
def test_settings_refuse_what_is_no_cloud_environment() -> None:
    from shared.errors import ConfigError

    good = {"tenant": "t", "client_id": "c", "secret": "s"}
    for url, code in (
        ("https://crm.contoso.local", "on_premises"),
        ("https://10.0.0.5/contoso", "on_premises"),
        ("https://crmserver", "on_premises"),
        ("https://crm.contoso.com/contoso", "unknown_host"),
        ("https://contoso.crm4.dynamics.com.evil.example", "unknown_host"),
        ("https://contoso.crm4.dynamics.com:8443", "unknown_host"),
        ("http://contoso.crm4.dynamics.com", "not_https"),
        ("contoso", "bad_url"),
    ):
        with pytest.raises(ConfigError) as raised:
            parse_settings({**good, "url": url})
        assert (raised.value.code, raised.value.setting) == (code, "crm.url")
        assert raised.value.next_step
    for url in (
        "https://contoso.crm.dynamics.com",
        "https://contoso.api.crm4.dynamics.com/",
        "https://a.crm9.dynamics.com",
    ):
        assert parse_settings({**good, "url": url}).origin.host
