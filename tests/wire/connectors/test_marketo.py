"""The Marketo connector on the wire: tokens, limits, logs, refusals, and how many calls it makes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any

import pytest

from shared.connectors.marketo.errors import until_midnight
from shared.domain.records import FieldName, Gone, Kind, Record, Ref, RemoteId, Value
from shared.errors import AuthError, ConfigError, Rejected, Throttled
from shared.ports.connector import CheckState, Cursor, Op, Outcome, Write, WriteResult
from simulators.frame import Authority
from tests.wire.connectors.marketo import Subscription, subscription

LEAD, COMPANY, OPPORTUNITY, SALES = Kind("lead"), Kind("company"), Kind("opportunity"), Kind("salesperson")
ROLE = FieldName("primaryContact")
EMAIL, FIRST, LAST, MOTTO, SCORE = (FieldName(n) for n in ("email", "firstName", "lastName", "motto", "leadScore"))
LINK = FieldName("externalCompanyId")
N = 2000


@pytest.fixture
def marketo(ca: Authority) -> Iterator[Subscription]:
    with subscription(ca) as made:
        yield made


def unpack_top(cursor: Cursor) -> int:
    """The newest id that a walk which began knows of."""
    return int(json.loads(cursor)["top"])


class Reader:
    """Reads the feed of people run by run."""

    def __init__(self, made: Subscription, *fields: FieldName) -> None:
        self.made, self.fields = made, fields or (EMAIL, FIRST)
        made.connector.describe(LEAD)
        self.cursor: Cursor | None = None

    def run(self) -> dict[RemoteId, Record | Gone]:
        """One run to its end; the counts of calls begin anew."""
        self.made.around.counts.clear()
        told: dict[RemoteId, Record | Gone] = {}
        while True:
            page = self.made.connector.changes(LEAD, self.cursor, self.fields)
            self.cursor = page.cursor
            told |= {item.ref.id: item for item in page.items}
            if not page.more:
                return told

    def calls(self) -> dict[str, int]:
        return self.made.around.calls("marketo")


def creates(values: list[Mapping[FieldName, Value | None]]) -> list[Write]:
    return [
        Write(key=f"k{n}", op=Op.CREATE, ref=Ref(LEAD, RemoteId("")), fields=row, match=str(row[EMAIL]))
        for n, row in enumerate(values)
    ]


def update(row: RemoteId, fields: Mapping[FieldName, Value | None], key: str = "k") -> Write:
    return Write(key=key, op=Op.UPDATE, ref=Ref(LEAD, row), fields=fields)


def outcomes(results: Any) -> list[Outcome]:
    return [result.outcome for result in results]


def seeded(made: Subscription, count: int) -> None:
    made.system.seed({"generate": {"leads": count}})
    made.around.clock.advance(3600)


# -- tokens --------------------------------------------------------------------------------------------------------
@pytest.mark.feature("MK-11.2", system="marketo")
@pytest.mark.parametrize("how", ["expired", "invalid"])
def test_a_token_that_dies_in_mid_run_is_renewed_once_and_nothing_is_lost(marketo: Subscription, how: str) -> None:
    seeded(marketo, 700)
    reader = Reader(marketo)
    marketo.connector.changes(LEAD, None, reader.fields)
    marketo.system.act("end_tokens", {"how": how})
    assert len(reader.run()) == 700
    assert reader.calls()["token"] == 1
    marketo.system.act("end_tokens", {"how": how})
    (result,) = marketo.connector.write([update(RemoteId("1"), {FIRST: "New"})])
    assert result.outcome is Outcome.APPLIED


@pytest.mark.feature("MK-11.2", system="marketo")
def test_a_token_that_is_refused_again_is_an_error_of_credentials(marketo: Subscription) -> None:
    marketo.connector.describe(LEAD)
    error = {"requestId": "x", "success": False, "errors": [{"code": "601", "message": "Access token invalid"}]}
    marketo.server.host.faults.add([{"match": {"path": "^/rest/"}, "do": {"status": 200, "body": error}}])
    marketo.around.counts.clear()
    with pytest.raises(AuthError):
        marketo.connector.read(LEAD, [RemoteId("1")], [FIRST])
    assert marketo.around.calls("marketo") == {"read": 2, "token": 1}


def test_one_token_serves_its_hour_and_is_asked_for_in_a_body(marketo: Subscription) -> None:
    seeded(marketo, 10)
    marketo.server.host.calls.clear()
    for _ in range(5):
        marketo.connector.read(LEAD, [RemoteId("1")], [FIRST])
    (first, *_) = marketo.server.host.calls.page()
    assert (first["path"], first["method"], first["query_keys"]) == ("/identity/oauth/token", "POST", ())
    assert marketo.around.calls("marketo")["token"] == 1


def denied(made: Subscription, path: str) -> None:
    """The role of the API user lacks one permission; the token is good."""
    body = {"requestId": "x", "success": False, "errors": [{"code": "603", "message": "Access denied"}]}
    made.server.host.faults.add([{"match": {"path": path}, "do": {"status": 200, "body": body}}])


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("companies/describe", "to read companies/describe.json"),
        ("opportunities/roles", "whether its own CRM sync is on"),
        ("leads/describe2", "to read leads/describe2.json"),
    ],
)
def test_a_permission_that_is_lacking_is_named_and_no_fault_of_the_token(
    marketo: Subscription, path: str, named: str
) -> None:
    denied(marketo, path)
    with pytest.raises(AuthError) as raised:
        marketo.connector.describe(LEAD)
    assert named in str(raised.value)
    assert "token" not in str(raised.value)
    assert raised.value.code == "access_denied"
    assert "Access API permission" in raised.value.next_step


def test_who_may_not_write_people_or_import_them_is_told_so(ca: Authority) -> None:
    with subscription(ca, import_from=2) as made:
        made.connector.describe(LEAD)
        denied(made, r"leads\.json")
        with pytest.raises(AuthError) as raised:
            made.connector.write(creates([{EMAIL: "a@example.com"}, {EMAIL: "b@example.com"}]))
        assert "to create people" in str(raised.value)


@pytest.mark.parametrize("word", ["invalid_client", "unauthorized"])
def test_a_wrong_secret_is_told_by_the_check_with_what_to_do(ca: Authority, word: str) -> None:
    with subscription(ca, switches={"bad_client": word}, client_id="nobody") as made:
        steps = {step.name: step for step in made.connector.check()}
        assert steps["token"].state is CheckState.FAILED
        assert steps["token"].code == "bad_client"
        assert "LaunchPoint" in steps["token"].next_step
        assert steps["people"].state is CheckState.SKIPPED


# -- limits --------------------------------------------------------------------------------------------------------
@pytest.mark.feature("MK-11.4", system="marketo")
def test_the_days_quota_pauses_until_midnight_of_us_central_and_the_time_is_shown(marketo: Subscription) -> None:
    seeded(marketo, 10)
    reader = Reader(marketo)
    reader.run()
    marketo.system.act("spend", {"calls": 50_000, "quota_only": True})
    with pytest.raises(Throttled) as raised:
        reader.run()
    assert "607" in str(raised.value)
    assert "2026-10-15 05:00 UTC" in str(raised.value)
    until = (until_midnight(marketo.around.clock.now()))[0]
    assert raised.value.retry_after == pytest.approx(until, abs=1)
    assert marketo.around.budget.closings == [10], "nobody storms; each lane waits for itself"
    marketo.around.clock.advance(raised.value.retry_after + 1)
    marketo.system.act("edit_lead", {"lead": 3, "values": {"firstName": "New"}})
    assert set(reader.run()) == {"3"}


@pytest.mark.feature("MK-11.3", system="marketo")
def test_the_rate_limit_closes_the_account_for_a_while(marketo: Subscription) -> None:
    seeded(marketo, 10)
    marketo.connector.describe(LEAD)
    marketo.system.switches.set({"calls_per_window": 100})
    marketo.system.act("spend", {"calls": 100})
    with pytest.raises(Throttled) as raised:
        marketo.connector.read(LEAD, [RemoteId("1")], [FIRST])
    assert raised.value.retry_after == 10
    assert marketo.around.budget.closings == [10]
    marketo.around.budget.open()
    marketo.around.clock.advance(21)
    assert isinstance(marketo.connector.read(LEAD, [RemoteId("1")], [FIRST])[RemoteId("1")], Record)


@pytest.mark.feature("MK-11.3", system="marketo")
def test_a_busy_subscription_is_asked_again_after_short_pauses(marketo: Subscription) -> None:
    seeded(marketo, 10)
    marketo.connector.describe(LEAD)
    busy = {"requestId": "x", "success": False, "errors": [{"code": "615", "message": "busy"}]}
    marketo.server.host.faults.add([{"match": {"path": "^/rest/", "times": 3}, "do": {"status": 200, "body": busy}}])
    assert isinstance(marketo.connector.read(LEAD, [RemoteId("1")], [FIRST])[RemoteId("1")], Record)
    assert marketo.around.clock.slept == [0.7, 1.5, 3.0]
    marketo.server.host.faults.add([{"match": {"path": "^/rest/"}, "do": {"status": 200, "body": busy}}])
    with pytest.raises(Throttled):
        marketo.connector.write([update(RemoteId("1"), {FIRST: "x"})])


@pytest.mark.parametrize(
    ("code", "outcome"), [("608", Outcome.NOT_TRIED), ("611", Outcome.UNKNOWN), ("604", Outcome.UNKNOWN)]
)
def test_a_write_that_fails_as_a_whole(marketo: Subscription, code: str, outcome: Outcome) -> None:
    seeded(marketo, 3)
    marketo.connector.describe(LEAD)
    marketo.system.act("fail", {"code": code, "after": outcome is Outcome.UNKNOWN})
    (result,) = marketo.connector.write([update(RemoteId("1"), {FIRST: "New"})])
    assert result.outcome is outcome


def test_a_read_that_fails_for_the_moment_is_asked_again(marketo: Subscription) -> None:
    seeded(marketo, 3)
    marketo.connector.describe(LEAD)
    marketo.system.act("fail", {"code": "611", "times": 2})
    assert isinstance(marketo.connector.read(LEAD, [RemoteId("1")], [FIRST])[RemoteId("1")], Record)


# -- logs ----------------------------------------------------------------------------------------------------------
@pytest.mark.feature("MK-09.1", system="marketo")
@pytest.mark.parametrize("rule", ["exact", "same_second", "next_second"])
def test_no_change_of_the_last_second_is_missed_and_none_is_told_twice(ca: Authority, rule: str) -> None:
    with subscription(ca, switches={"feed_resume": rule}) as made:
        seeded(made, 5)
        reader = Reader(made)
        reader.run()
        assert reader.run() == {}
        made.system.act("edit_lead", {"lead": 1, "values": {"firstName": "One"}})
        assert set(reader.run()) == {"1"}
        made.system.act("edit_lead", {"lead": 2, "values": {"firstName": "Two"}})
        assert set(reader.run()) == {"2"}, "logged in the same second, after the log was read"
        assert reader.run() == {}
        assert reader.calls() == {"changes": 1, "events": 1, "deleted": 1}


@pytest.mark.feature("MK-09.2", system="marketo")
def test_short_and_empty_pages_are_gone_through_to_the_end(ca: Authority) -> None:
    with subscription(ca, switches={"feed_scan": 7}) as made:
        seeded(made, 20)
        reader = Reader(made)
        reader.run()
        made.system.act("log_activity", {"lead": 1, "type": 10, "times": 100})
        made.system.act("edit_lead", {"lead": 7, "values": {"firstName": "New"}})
        made.system.act("log_activity", {"lead": 2, "type": 10, "times": 30})
        made.system.act("edit_lead", {"lead": 9, "values": {"firstName": "New"}})
        assert set(reader.run()) == {"7", "9"}
        assert reader.calls()["changes"] > 15
        assert reader.run() == {}


@pytest.mark.feature("MK-09.3", system="marketo")
@pytest.mark.feature("MK-08.3", system="marketo")
@pytest.mark.parametrize("shape", ["brackets", "plain"])
def test_deletions_and_merges_are_told(ca: Authority, shape: str) -> None:
    with subscription(ca, switches={"merged_ids": shape}) as made:
        seeded(made, 9)
        reader = Reader(made)
        reader.run()
        made.delete(RemoteId("3"))
        made.system.act("merge_leads", {"winner": 5, "losers": [6, 7]})
        told = reader.run()
        gone = {row: item for row, item in told.items() if isinstance(item, Gone)}
        assert {row: item.merged_into and item.merged_into.id for row, item in gone.items()} == {
            "3": None,
            "6": "5",
            "7": "5",
        }
        assert isinstance(told[RemoteId("5")], Record)


def test_a_score_that_a_flow_step_changed_is_told_where_it_is_mapped(marketo: Subscription) -> None:
    seeded(marketo, 3)
    reader = Reader(marketo, EMAIL, SCORE)
    reader.run()
    marketo.system.act("change_score", {"lead": 2, "by": 5})
    record = reader.run()[RemoteId("2")]
    assert isinstance(record, Record)
    assert record.fields[SCORE] == 5


def test_the_first_load_meets_everybody_and_asks_by_three_hundred(marketo: Subscription) -> None:
    seeded(marketo, N)
    reader = Reader(marketo)
    assert len(reader.run()) == N
    calls = reader.calls()
    assert calls["walk"] == ceil(N / 300) + 1
    assert reader.run() == {}
    assert reader.calls() == {"changes": 1, "events": 1, "deleted": 1}


def test_the_newest_of_many_new_people_is_found_in_few_calls(marketo: Subscription) -> None:
    """A first look that has to wait for the account's rate begins anew: asked page by page, it might never end."""
    marketo.connector.describe(LEAD)
    rows: list[Mapping[FieldName, Value | None]] = [{EMAIL: f"p{n}@example.com"} for n in range(6000)]
    writes = creates(rows)
    for start in range(0, len(writes), 300):
        marketo.connector.write(writes[start : start + 300])
        marketo.around.clock.advance(30)
    marketo.around.clock.advance(7200)
    late = marketo.create({EMAIL: "late@example.com"})
    marketo.around.clock.advance(7200)
    marketo.around.counts.clear()
    cursor = marketo.connector.changes(LEAD, None, [EMAIL, FIRST]).cursor
    assert str(unpack_top(cursor)) == late
    calls = marketo.around.calls("marketo")
    assert calls["newest"] + calls["paging"] < 6000 / 300, calls
    assert len(Reader(marketo).run()) == 6001


def test_an_old_subscription_without_a_log_of_its_people_is_gone_through_all_the_same(marketo: Subscription) -> None:
    seeded(marketo, 900)
    marketo.system.tenant.activities.clear()
    assert len(Reader(marketo).run()) == 900


# -- counts --------------------------------------------------------------------------------------------------------
def test_writes_and_reads_make_no_more_calls_than_the_table_allows(marketo: Subscription) -> None:
    reader = Reader(marketo)
    reader.run()
    marketo.around.counts.clear()
    rows: list[Mapping[FieldName, Value | None]] = [{EMAIL: f"p{n}@example.com", FIRST: f"A {n}"} for n in range(N)]
    writes = creates(rows)
    for start in range(0, N, 300):
        assert set(outcomes(marketo.connector.write(writes[start : start + 300]))) == {Outcome.APPLIED}
    assert marketo.around.calls("marketo") == {"create": ceil(N / 300)}
    assert len(reader.run()) == N
    calls = reader.calls()
    ideal = ceil(N / 300) + ceil(N / 300) + 1 + 2
    print(f"echo of {N} people: {sum(calls.values())} calls, ideal {ideal} (two more logs included); idle: 3")
    assert sum(calls.values()) <= 1.03 * ideal


def test_calls_of_a_day_without_changes() -> None:
    cycles = 24 * 60 / 5
    calls = 3 * cycles + 24
    print(
        f"a day of five-minute cycles without changes: {calls:.0f} calls, tokens included; the vendor's mark is 7,500"
    )
    assert calls < 7500


# -- refusals ------------------------------------------------------------------------------------------------------
@pytest.mark.feature("MK-11.5", system="marketo")
def test_a_bad_record_is_named_and_the_rest_of_the_page_is_taken(marketo: Subscription) -> None:
    marketo.connector.describe(LEAD)
    marketo.create({EMAIL: "taken@example.com"})
    results: list[WriteResult] = list(
        marketo.connector.write(
            creates(
                [
                    {EMAIL: "a@example.com"},
                    {EMAIL: "jörg@example.com"},
                    {EMAIL: "b@example.com", FIRST: "x" * 300},
                    {EMAIL: "c@example.com", FieldName("gone"): "x"},
                    {EMAIL: "a@example.com"},
                    {EMAIL: "taken@example.com"},
                    {EMAIL: "d@example.com"},
                ]
            )
        )
    )
    told = [(result.outcome, result.code, result.field) for result in results]
    assert told == [
        (Outcome.APPLIED, "", None),
        (Outcome.REJECTED, "non_ascii_email", EMAIL),
        (Outcome.REJECTED, "invalid_data", FIRST),
        (Outcome.REJECTED, "unknown_field", "gone"),
        (Outcome.NOT_TRIED, "duplicate_input", None),
        (Outcome.EXISTS, "email_taken", None),
        (Outcome.APPLIED, "", None),
    ]
    assert results[5].ref == Ref(LEAD, RemoteId("1"))
    assert "jörg" not in str(results)


def test_two_people_with_one_address_are_a_question(marketo: Subscription) -> None:
    for _ in range(2):
        marketo.system.act("create_lead", {"values": {"email": "two@example.com"}})
    found = marketo.connector.find(LEAD, ["TWO@example.com"], [FIRST])
    assert [record.ref.id for record in found["TWO@example.com"]] == ["1", "2"]
    (result,) = marketo.connector.write(creates([{EMAIL: "two@example.com"}]))
    assert (result.outcome, result.code, result.field) == (Outcome.REJECTED, "several_match", EMAIL)


def test_a_field_that_an_administrator_removed_is_named(marketo: Subscription) -> None:
    marketo.connector.describe(LEAD)
    row = marketo.create({EMAIL: "a@example.com", MOTTO: "m"})
    marketo.system.act("remove_field", {"name": "motto"})
    (result,) = marketo.connector.write([update(row, {MOTTO: "n", FIRST: "New"})])
    assert (result.outcome, result.code, result.field) == (Outcome.REJECTED, "unknown_field", MOTTO)


def test_company_fields_cannot_be_mapped_into_people(marketo: Subscription) -> None:
    schema = marketo.connector.describe(LEAD)
    assert not schema.fields[FieldName("industry")].updatable
    assert schema.fields[LINK].targets == (COMPANY,)
    assert not schema.fields[LINK].clearable


# -- companies and opportunities -------------------------------------------------------------------------------------
def company(key: str, op: Op = Op.CREATE, **fields: Value | None) -> Write:
    named = {FieldName(name): value for name, value in fields.items()}
    return Write(key=key, op=op, ref=Ref(COMPANY, RemoteId(key)), fields=named)


def test_companies_are_written_under_our_ids(marketo: Subscription) -> None:
    marketo.connector.describe(COMPANY)
    made = marketo.connector.write([company("c-1", company="Acme"), company("c-2", company="Other")])
    assert outcomes(made) == [Outcome.APPLIED] * 2
    assert outcomes(marketo.connector.write([company("c-1", company="Again")])) == [Outcome.EXISTS]
    changed = [company("c-1", Op.UPDATE, industry="Steel"), company("c-9", Op.UPDATE, industry="Steel")]
    assert outcomes(marketo.connector.write(changed)) == [Outcome.APPLIED, Outcome.GONE]
    found = marketo.connector.read(
        COMPANY, [RemoteId("c-1"), RemoteId("c-9")], [FieldName("company"), FieldName("industry")]
    )
    record = found[RemoteId("c-1")]
    assert isinstance(record, Record)
    assert dict(record.fields) == {"company": "Acme", "industry": "Steel"}
    assert isinstance(found[RemoteId("c-9")], Gone)
    (person,) = marketo.connector.write(creates([{EMAIL: "a@example.com", LINK: Ref(COMPANY, RemoteId("c-1"))}]))
    assert person.ref is not None
    (read,) = marketo.connector.read(LEAD, [person.ref.id], [LINK]).values()
    assert isinstance(read, Record)
    assert read.fields[LINK] == Ref(COMPANY, RemoteId("c-1"))
    assert (
        outcomes(marketo.connector.write([company("c-2", Op.DELETE), company("c-9", Op.DELETE)]))
        == [Outcome.APPLIED] * 2
    )


def test_one_opportunity_that_fails_its_whole_call_is_found(marketo: Subscription) -> None:
    marketo.connector.describe(OPPORTUNITY)
    name, owner = FieldName("name"), FieldName("externalSalesPersonId")
    writes = [
        Write(
            key=f"o{n}",
            op=Op.CREATE,
            ref=Ref(OPPORTUNITY, RemoteId(f"o{n}")),
            fields={name: f"O {n}", owner: Ref(Kind("salesperson"), RemoteId("nobody")) if n == 5 else None},
        )
        for n in range(9)
    ]
    results = marketo.connector.write(writes)
    assert [result.key for result in results if result.outcome is Outcome.REJECTED] == ["o5"]
    assert len(marketo.system.state({"kind": "opportunities"})["opportunities"]) == 8


def test_what_was_sent_before_the_rate_ended_is_told_when_halves_are_tried(marketo: Subscription) -> None:
    marketo.connector.describe(OPPORTUNITY)
    name, owner = FieldName("name"), FieldName("externalSalesPersonId")
    nobody = Ref(SALES, RemoteId("nobody"))
    writes = [
        Write(
            key=f"o{n}",
            op=Op.CREATE,
            ref=Ref(OPPORTUNITY, RemoteId(f"o{n}")),
            fields={name: f"O {n}", owner: nobody if n == 5 else None},
        )
        for n in range(8)
    ]
    marketo.around.clock.advance(60)
    marketo.system.switches.set({"calls_per_window": 2})
    results = marketo.connector.write(writes)
    assert outcomes(results) == [Outcome.EXISTS] * 4 + [Outcome.UNKNOWN] * 4, "the call that failed made five of them"
    marketo.around.budget.open()
    marketo.around.clock.advance(60)
    marketo.system.switches.set({"calls_per_window": 1})
    assert set(outcomes(marketo.connector.write(writes))) == {Outcome.UNKNOWN}, "nothing is raised once a call was made"


@pytest.mark.feature("MK-02.1", system="marketo")
def test_the_contact_of_an_opportunity_is_its_role_written_after_it_and_deleted_before_it(
    marketo: Subscription,
) -> None:
    schema = marketo.connector.describe(OPPORTUNITY)
    assert schema.fields[ROLE].targets == (LEAD,)
    ana, ben = (marketo.create({EMAIL: f"{name}@example.com"}) for name in ("ana", "ben"))

    def written(op: Op, lead: RemoteId | None, key: str = "o1") -> WriteResult:
        fields = {FieldName("name"): "Chairs"} if op is Op.CREATE else {}
        contact = {} if op is Op.DELETE else {ROLE: Ref(LEAD, lead) if lead else None}
        ref = Ref(OPPORTUNITY, RemoteId(key))
        (result,) = marketo.connector.write([Write(key="k", op=op, ref=ref, fields={**fields, **contact})])
        return result

    def roles() -> list[tuple[int, str]]:
        return [(each["leadId"], each["role"]) for each in marketo.system.state({"kind": "roles"})["roles"]]

    def read() -> Any:
        (found,) = marketo.connector.read(OPPORTUNITY, [RemoteId("o1")], [FieldName("name"), ROLE]).values()
        return found.fields[ROLE] if isinstance(found, Record) else found

    assert written(Op.CREATE, ana).outcome is Outcome.APPLIED
    assert roles() == [(int(ana), "Primary Contact")]
    assert read() == Ref(LEAD, ana)
    assert written(Op.UPDATE, ben).outcome is Outcome.APPLIED
    assert roles() == [(int(ben), "Primary Contact")]
    other = {"externalOpportunityId": "o1", "leadId": int(ana), "role": "Buyer"}
    marketo.system.seed({"roles": [other]})
    assert written(Op.UPDATE, None).outcome is Outcome.APPLIED
    assert (roles(), read()) == ([(int(ana), "Buyer")], None), "another role is somebody else's"
    refused = written(Op.UPDATE, RemoteId("4711"))
    assert (refused.outcome, refused.field) == (Outcome.REJECTED, ROLE)
    assert written(Op.UPDATE, ben).outcome is Outcome.APPLIED
    marketo.server.host.calls.clear()
    assert written(Op.DELETE, None).outcome is Outcome.APPLIED
    paths = [each["path"] for each in marketo.server.host.calls.page() if each["method"] == "POST"]
    assert paths == ["/rest/v1/opportunities/roles/delete.json", "/rest/v1/opportunities/delete.json"]
    assert marketo.system.state({"kind": "opportunities"})["opportunities"] == []


@pytest.mark.feature("MK-02.1", system="marketo")
def test_sales_persons_are_named_by_their_own_ids_and_one_in_use_is_kept(marketo: Subscription) -> None:
    marketo.connector.describe(SALES)
    made = [
        Write(key=key, op=Op.CREATE, ref=Ref(SALES, RemoteId(key)), fields={EMAIL: f"{key}@example.com"})
        for key in ("s1", "s2")
    ]
    assert outcomes(marketo.connector.write(made)) == [Outcome.APPLIED] * 2
    marketo.connector.describe(LEAD)
    owned = {EMAIL: "a@example.com", FieldName("externalSalesPersonId"): Ref(SALES, RemoteId("s1"))}
    assert outcomes(marketo.connector.write(creates([owned]))) == [Outcome.APPLIED]
    gone = [Write(key=key, op=Op.DELETE, ref=Ref(SALES, RemoteId(key))) for key in ("s1", "s2")]
    kept, deleted = marketo.connector.write(gone)
    assert (kept.outcome, kept.code) == (Outcome.REJECTED, "in_use")
    assert deleted.outcome is Outcome.APPLIED


@pytest.mark.feature("MK-10", system="marketo")
def test_where_the_native_sync_is_on_nothing_is_begun_and_the_check_says_what_works(ca: Authority) -> None:
    with subscription(ca, switches={"native_sync": True}) as made:
        step = next(each for each in made.connector.check() if each.name == "native_sync")
        assert (step.state, step.code) == (CheckState.FAILED, "native_sync")
        assert "people, lists, custom objects and custom activities can be written" in step.reason
        assert "companies, opportunities, their roles and sales persons are read only" in step.reason
        assert "people_only" in step.next_step
        with pytest.raises(ConfigError, match="own CRM sync is on"):
            made.connector.describe(LEAD)
        assert made.system.state({})["counts"]["leads"] == 0


@pytest.mark.feature("MK-10", system="marketo")
def test_people_alone_go_beside_the_native_sync_where_an_administrator_says_so(ca: Authority) -> None:
    switches = {"native_sync": True}
    with subscription(ca, switches=switches, native_sync="people_only") as made:
        made.system.seed({"crmFields": ["leadSource"]})
        step = next(each for each in made.connector.check() if each.name == "native_sync")
        assert step.state is CheckState.PASSED
        assert "only people go from here" in step.reason
        schema = made.connector.describe(LEAD)
        assert not schema.fields[FieldName("leadSource")].updatable, "what the native sync owns is read only"
        assert outcomes(made.connector.write(creates([{EMAIL: "a@example.com"}]))) == [Outcome.APPLIED]
        for kind in (COMPANY, OPPORTUNITY, SALES):
            with pytest.raises(Rejected) as raised:
                made.connector.describe(kind)
            assert raised.value.code == "native_sync"
            assert "Switch this entity off here" in raised.value.next_step


@pytest.mark.feature("MK-10", system="marketo")
def test_a_native_sync_that_is_switched_on_later_stops_the_next_write_and_the_next_cycle(marketo: Subscription) -> None:
    marketo.connector.describe(COMPANY)
    marketo.system.switches.set({"native_sync": True})
    with pytest.raises(Rejected) as raised:
        marketo.connector.write([company("c-1", company="Acme"), company("c-2", company="Other")])
    assert raised.value.code == "native_sync"
    with pytest.raises(ConfigError) as stopped:
        marketo.connector.describe(LEAD)  # what each cycle begins with
    assert stopped.value.code == "native_sync"


def test_a_foreign_address_is_refused_before_anything_is_called(marketo: Subscription) -> None:
    from shared.connectors import registry

    for url in (
        "https://evil.example",
        "https://123-abc-456.mktorest.com.evil.example",
        "http://123-abc-456.mktorest.com",
    ):
        with pytest.raises(ConfigError):
            registry.build("marketo", {**marketo.settings, "url": url}, marketo.around.surroundings)
    registry.build(
        "marketo", {**marketo.settings, "url": "https://123-abc-456.mktorest.com"}, marketo.around.surroundings
    )
