"""Writing to ActiveCampaign: by import and one by one, how many calls, and what is never sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from shared.connectors.activecampaign.settings import parse_settings
from shared.domain.records import FieldName, Kind, Record, Ref, RemoteId, Value
from shared.errors import AuthError, ConfigError, Rejected, Throttled
from shared.ports.connector import CheckState, Op, Outcome, Write, WriteResult
from simulators.frame import Authority
from tests.wire.connectors.activecampaign import Account, account

CONTACT, COMPANY_KIND = Kind("contact"), Kind("account")
EMAIL, FIRST, LAST, PHONE = (FieldName(name) for name in ("email", "firstName", "lastName", "phone"))
MOTTO, LANGUAGE, TOPICS = FieldName("field:1"), FieldName("field:3"), FieldName("field:4")
COMPANY, OUT = FieldName("account"), FieldName("optedOut")
NOBODY = Ref(CONTACT, RemoteId(""))


@pytest.fixture
def ac(ca: Authority) -> Iterator[Account]:
    with account(ca) as made:
        made.connector.describe(CONTACT)
        made.around.counts.clear()
        made.server.host.calls.clear()
        yield made


def create(number: int, *, labels: tuple[str, ...] = (), **fields: Value | None) -> Write:
    email = str(fields.pop("email", f"p{number}@example.com"))
    values = {EMAIL: email, LAST: f"Row {number}"} | {FieldName(name): value for name, value in fields.items()}
    return Write(key=f"k{number}", op=Op.CREATE, ref=NOBODY, fields=values, match=email, add_labels=frozenset(labels))


def update(row: str, fields: Mapping[FieldName, Value | None], **more: Any) -> Write:
    return Write(key=f"u{row}", op=Op.UPDATE, ref=Ref(CONTACT, RemoteId(row)), fields=fields, **more)


def outcomes(results: Any) -> list[str]:
    return [result.outcome.value for result in results]


def only(results: Any) -> WriteResult:
    (result,) = results
    assert isinstance(result, WriteResult)
    return result


def stored(ac: Account, email: str) -> dict[str, Any]:
    (found,) = ac.system.state({"kind": "contacts", "email": email})["contacts"]
    return dict(found)


def subscriptions(ac: Account) -> list[dict[str, Any]]:
    return [entry for entry in ac.system.writes.page() if entry["op"] == "subscribe"]


# -- imports -----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("AC-11.1")
@pytest.mark.feature("AC-11.2")
def test_imports_carry_250_a_call_and_every_outcome_is_found(ac: Account) -> None:
    writes = [create(n, labels=("D365: Contact", "D365: Pushed from Dynamics")) for n in range(250)]
    results = ac.connector.write(writes)
    assert set(outcomes(results)) == {"accepted"}
    (ticket,) = {result.ticket for result in results}
    assert ticket is not None
    (first,) = ac.connector.settle([ticket])
    assert first.running
    ac.advance(30)
    (settled,) = ac.connector.settle([ticket])
    assert (settled.running, settled.lost, settled.refused) == (False, False, {})
    assert ac.around.calls("activecampaign") == {"import": 1, "outcomes": 2}
    assert stored(ac, "p7@example.com")["tags"] == ["D365: Contact", "D365: Pushed from Dynamics"]


@pytest.mark.feature("AC-11.1")
def test_nine_contacts_go_one_by_one_and_ten_by_import(ac: Account) -> None:
    assert set(outcomes(ac.connector.write([create(n) for n in range(9)]))) == {"applied"}
    assert set(outcomes(ac.connector.write([create(n) for n in range(20, 30)]))) == {"accepted"}
    assert ac.around.calls("activecampaign") == {"create": 9, "import": 1}


@pytest.mark.feature("AC-11.1")
def test_imports_stay_below_their_bytes(ac: Account) -> None:
    results = ac.connector.write([create(n, **{MOTTO: "ñ" * 1500}) for n in range(250)])
    assert set(outcomes(results)) == {"accepted"}
    sizes = [call["request_bytes"] for call in ac.server.host.calls.page() if call["path"].endswith("bulk_import")]
    assert len(sizes) == 2
    assert max(sizes) <= 399_999


@pytest.mark.feature("AC-11.1")
def test_only_a_link_whose_email_is_the_accounts_own_is_changed_by_import(ac: Account) -> None:
    ac.system.seed({"contacts": [{"email": f"p{n}@example.com"} for n in range(30)]})
    by_import = [update(str(n + 1), {LAST: "new"}, match=f"p{n}@example.com") for n in range(10)]
    others = [
        update("11", {EMAIL: "moved@example.com"}, match="moved@example.com"),
        update("12", {PHONE: None}, match="p11@example.com"),
        update("13", {LAST: "x"}),
        update("14", {LAST: "x"}, match="p13@example.com", remove_labels=frozenset({"gone"})),
    ]
    results = ac.connector.write(by_import + others)
    assert outcomes(results) == ["accepted"] * 10 + ["applied"] * 4
    ac.advance(30)
    assert stored(ac, "p3@example.com")["lastName"] == "new"
    assert stored(ac, "moved@example.com")["id"] == 11
    assert len(ac.rows()) == 30


@pytest.mark.feature("AC-10.5")
@pytest.mark.feature("HUB-04.5", system="activecampaign")
def test_an_import_subscribes_nobody_and_starts_no_automation(ac: Account) -> None:
    ac.system.seed(
        {
            "lists": ["News"],
            "automations": [{"name": "Welcome", "trigger": {"type": "tag"}, "steps": []}],
            "contacts": [{"email": "p1@example.com", "lists": [{"list": "News", "status": 2}]}],
        }
    )
    ac.connector.write([create(n, labels=("vip",)) for n in range(10)])
    ac.advance(30)
    assert subscriptions(ac) == []
    assert stored(ac, "p1@example.com")["lists"] == {"News": 2}
    assert ac.system.state({})["counts"]["contact_automations"] == 0


def test_bad_contacts_are_named_and_the_others_sent_again_once(ac: Account) -> None:
    writes = [create(n) for n in range(12)]
    writes[3] = create(3, email="not an address")
    writes[8] = create(8, email="neither@")
    results = ac.connector.write(writes)
    assert outcomes(results).count("accepted") == 10
    assert [result.outcome for result in results if result.key in {"k3", "k8"}] == [Outcome.REJECTED] * 2
    assert "not an address" not in results[3].message
    assert ac.around.calls("activecampaign") == {"import": 2}


def test_refusals_that_an_import_finds_later_stand_in_its_outcome(ac: Account) -> None:
    ac.system.seed({"exclusions": ["p4@example.com"]})
    results = ac.connector.write([create(n) for n in range(10)])
    ac.advance(30)
    assert results[0].ticket is not None
    (settled,) = ac.connector.settle([results[0].ticket])
    assert set(settled.refused) == {"p4@example.com"}


def test_one_address_twice_in_a_call_is_sent_once(ac: Account) -> None:
    writes = [create(n) for n in range(11)]
    writes[5] = create(5, email="P4@example.com")
    results = ac.connector.write(writes)
    assert outcomes(results) == ["accepted"] * 5 + ["not_tried"] + ["accepted"] * 5


def test_the_limit_of_imports_is_a_wait_and_not_a_refusal(ac: Account) -> None:
    body = {
        "success": 0,
        "message": "Rate limit exceeded.",
        "failureReasons": ["Up to 100 imports may be requested per minute."],
    }
    answer = {"status": 400, "body": json.dumps(body)}
    ac.server.host.faults.add([{"match": {"path": "bulk_import", "times": 1}, "do": answer}])
    results = ac.connector.write([create(n) for n in range(10)])
    assert set(outcomes(results)) == {"not_tried"}
    assert all(result.retry_after for result in results)


def test_no_more_imports_are_asked_for_in_a_minute_than_are_allowed(ac: Account) -> None:
    for turn in range(95):
        assert outcomes(ac.connector.write([create(n + turn * 10) for n in range(10)]))[0] == "accepted"
    with pytest.raises(Throttled) as raised:
        ac.connector.write([create(n + 5000) for n in range(10)])
    assert 0 < raised.value.retry_after <= 60
    ac.around.clock.advance(61)
    assert outcomes(ac.connector.write([create(n + 5000) for n in range(10)]))[0] == "accepted"


@pytest.mark.parametrize(
    "do", ["drop_after", {"status_after": 500}, {"status_after": 200, "body": ""}, {"status_after": 503}]
)
def test_an_import_whose_answer_was_lost_is_unknown_and_not_sent_again(ac: Account, do: Any) -> None:
    ac.server.host.faults.add([{"match": {"path": "bulk_import", "times": 1}, "do": do}])
    results = ac.connector.write([create(n) for n in range(10)])
    assert set(outcomes(results)) == {"unknown"}
    assert ac.around.calls("activecampaign") == {"import": 1}


def test_a_sign_in_page_instead_of_an_import_is_a_bad_key(ac: Account) -> None:
    ac.server.host.faults.add([{"match": {"path": "bulk_import"}, "do": {"html": "<html>Log in</html>"}}])
    with pytest.raises(AuthError):
        ac.connector.write([create(n) for n in range(10)])


# -- one by one --------------------------------------------------------------------------------------------------------


def test_what_is_not_named_is_not_sent(ac: Account) -> None:
    ac.system.seed(
        {"contacts": [{"email": "p@example.com", "firstName": "Ann", "phone": "1", "fields": {"Notes": "n"}}]}
    )
    assert only(ac.connector.write([update("1", {LAST: "new"})])).outcome is Outcome.APPLIED
    changed = [set(entry["changed"]) for entry in ac.system.writes.page()]
    assert changed == [{"lastName"}]


def test_a_field_is_cleared_by_an_empty_text(ac: Account) -> None:
    ac.system.seed({"contacts": [{"email": "p@example.com", "phone": "1", "fields": {"Topics": "||a||"}}]})
    assert only(ac.connector.write([update("1", {PHONE: None, TOPICS: None})])).outcome is Outcome.APPLIED
    found = stored(ac, "p@example.com")
    assert (found["phone"], found["fields"]["Topics"]) == ("", "")


def test_an_email_is_changed_by_id_and_a_taken_one_refused(ac: Account) -> None:
    ac.system.seed({"contacts": [{"email": "a@example.com"}, {"email": "b@example.com"}]})
    assert only(ac.connector.write([update("1", {EMAIL: "c@example.com"})])).outcome is Outcome.APPLIED
    result = only(ac.connector.write([update("2", {EMAIL: "C@example.com"})]))
    assert (result.outcome, result.code, result.field) == (Outcome.REJECTED, "duplicate", EMAIL)
    result = only(ac.connector.write([update("2", {EMAIL: None})]))
    assert (result.outcome, result.code) == (Outcome.REJECTED, "required")


def test_tags_are_found_whatever_their_case_and_made_once(ac: Account) -> None:
    ac.system.seed({"tags": ["d365: contact", "D365: Contact archive"], "contacts": [{"email": "a@example.com"}]})
    labels = frozenset({"D365: Contact", "New tag"})
    assert only(ac.connector.write([update("1", {}, add_labels=labels)])).outcome is Outcome.APPLIED
    assert stored(ac, "a@example.com")["tags"] == ["New tag", "d365: contact"]
    before = ac.around.calls("activecampaign")["tags"]
    ac.connector.write([update("1", {}, add_labels=labels)])
    assert ac.around.calls("activecampaign")["tags"] == before + 2


def test_a_tag_that_was_removed_meanwhile_is_made_again(ac: Account) -> None:
    ac.system.seed({"contacts": [{"email": "a@example.com"}, {"email": "b@example.com"}]})
    ac.connector.write([update("1", {}, add_labels=frozenset({"vip"}))])
    ac.system.tenant.tags.delete(1)
    assert only(ac.connector.write([update("2", {}, add_labels=frozenset({"vip"}))])).outcome is Outcome.APPLIED
    assert stored(ac, "b@example.com")["tags"] == ["vip"]


def test_a_create_whose_tags_fail_is_unknown_and_names_the_contact(ac: Account) -> None:
    ac.server.host.faults.add([{"match": {"path": "contactTags"}, "do": {"status": 500}}])
    result = only(ac.connector.write([create(1, labels=("vip",))]))
    assert (result.outcome, result.ref) == (Outcome.UNKNOWN, Ref(CONTACT, RemoteId("1")))


@pytest.mark.parametrize("status", [403, 422])
def test_the_contact_limit_of_the_plan_is_the_records_reason(ca: Authority, status: int) -> None:
    with account(ca, switches={"plan_contact_limit": 1, "contact_limit_status": status}) as ac:
        results = ac.connector.write([create(1)])
        results = [*results, *ac.connector.write([create(2)])]
        assert outcomes(results) == ["applied", "rejected"]
        assert results[1].code == "contact_limit"


def test_a_contact_moves_to_another_account_or_is_reported_as_set(ca: Authority) -> None:
    for rule in ("replace", "report"):
        with account(ca, second_account=rule) as ac:
            ac.system.seed({"accounts": ["A", "B"], "contacts": [{"email": "a@example.com"}]})
            first, second = (Ref(COMPANY_KIND, RemoteId(row)) for row in "12")
            assert only(ac.connector.write([update("1", {COMPANY: first})])).outcome is Outcome.APPLIED
            assert only(ac.connector.write([update("1", {COMPANY: first})])).outcome is Outcome.APPLIED
            result = only(ac.connector.write([update("1", {COMPANY: second})]))
            if rule == "replace":
                assert result.outcome is Outcome.APPLIED
                assert stored(ac, "a@example.com")["account"] == "B"
                assert only(ac.connector.write([update("1", {COMPANY: None})])).outcome is Outcome.APPLIED
                assert stored(ac, "a@example.com")["account"] is None
            else:
                assert (result.outcome, result.code, result.field) == (Outcome.REJECTED, "second_account", COMPANY)


@pytest.mark.feature("AC-10.3")
@pytest.mark.feature("AC-10.5")
def test_an_opt_out_leaves_every_list_and_its_clearing_does_nothing(ac: Account) -> None:
    ac.system.seed({"lists": ["News", "Offers"]})
    standings = [{"list": "News", "status": 1}, {"list": "Offers", "status": 1}]
    ac.system.seed({"contacts": [{"email": "a@example.com", "lists": standings}]})
    assert only(ac.connector.write([update("1", {OUT: True})])).outcome is Outcome.APPLIED
    assert stored(ac, "a@example.com")["lists"] == {"News": 2, "Offers": 2}
    for value in (False, None):
        assert only(ac.connector.write([update("1", {OUT: value})])).outcome is Outcome.APPLIED
    assert stored(ac, "a@example.com")["lists"] == {"News": 2, "Offers": 2}
    assert subscriptions(ac) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (LANGUAGE, "de"),
        (LANGUAGE, 1),
        (TOPICS, frozenset({"z"})),
        (LAST, "a\x00b"),
        (MOTTO, Decimal(1)),
        (FieldName("field:99"), "x"),
    ],
)
def test_a_bad_value_is_refused_for_its_record_and_names_its_field(ac: Account, field: FieldName, value: Value) -> None:
    results = ac.connector.write([create(1), create(2, **{field: value})])
    assert outcomes(results) == ["applied", "rejected"]
    assert results[1].field == field
    many = ac.connector.write([create(n, **({field: value} if n == 15 else {})) for n in range(10, 21)])
    assert outcomes(many).count("rejected") == 1
    assert outcomes(many).count("accepted") == 10


def test_a_limit_leaves_what_was_not_sent_for_later(ca: Authority) -> None:
    with account(ca, concurrency=1) as ac:
        ac.connector.describe(CONTACT)
        fault = {"match": {"method": "POST", "nth": 3}, "do": {"status": 429, "headers": {"Retry-After": "30"}}}
        ac.server.host.faults.add([fault])
        results = ac.connector.write([create(n) for n in range(5)])
        assert outcomes(results) == ["applied", "applied", "not_tried", "not_tried", "not_tried"]
        assert len(ac.rows()) == 2


# -- accounts, deals, opportunities ------------------------------------------------------------------------------------


@pytest.mark.feature("AC-06.1")
@pytest.mark.feature("AC-06.2")
def test_accounts_are_made_changed_found_by_name_and_adopted(ac: Account) -> None:
    ac.system.seed(
        {"account_fields": [{"fieldLabel": "Tiers", "fieldType": "multiselect", "fieldOptions": ["a", "b"]}]}
    )
    name, url, tiers = FieldName("name"), FieldName("accountUrl"), FieldName("field:1")
    nobody = Ref(COMPANY_KIND, RemoteId(""))
    fields = {name: "Acme", url: "https://acme.example", tiers: frozenset({"a", "b"})}
    made = only(ac.connector.write([Write(key="k", op=Op.CREATE, ref=nobody, fields=fields, match="Acme")]))
    assert made.outcome is Outcome.APPLIED
    assert made.ref is not None
    again = only(ac.connector.write([Write(key="k", op=Op.CREATE, ref=nobody, fields={name: "ACME"}, match="ACME")]))
    assert (again.outcome, again.ref) == (Outcome.EXISTS, made.ref)
    change = Write(key="k", op=Op.UPDATE, ref=made.ref, fields={url: None, tiers: frozenset({"b"})})
    assert only(ac.connector.write([change])).outcome is Outcome.APPLIED
    record = ac.connector.read(COMPANY_KIND, [made.ref.id], list(fields))[made.ref.id]
    assert isinstance(record, Record)
    assert dict(record.fields) == {name: "Acme", url: None, tiers: frozenset({"b"})}
    assert [found.ref for found in ac.connector.find(COMPANY_KIND, ["acme"], [name])["acme"]] == [made.ref]
    delete = Write(key="k", op=Op.DELETE, ref=made.ref)
    assert outcomes([*ac.connector.write([delete]), *ac.connector.write([delete])]) == ["applied", "applied"]
    assert only(ac.connector.write([change])).outcome is Outcome.GONE


def test_a_plan_without_accounts_is_told_in_the_check_and_refuses_the_kind(ca: Authority) -> None:
    with account(ca, switches={"plan_crm": False}) as ac:
        steps = {step.name: step for step in ac.connector.check()}
        assert steps["accounts"].state is CheckState.SKIPPED
        assert steps["accounts"].next_step
        assert steps["contacts"].state is CheckState.PASSED
        with pytest.raises(Rejected):
            ac.connector.describe(COMPANY_KIND)


@pytest.mark.feature("AC-08")
def test_opportunities_become_records_of_a_custom_object_under_our_ids(ac: Account) -> None:
    kind, name, value = Kind("opportunity"), FieldName("name"), FieldName("value")
    contact = FieldName("contact")
    with pytest.raises(Rejected) as raised:
        ac.connector.describe(kind)
    assert raised.value.next_step
    ac.connector.install_opportunities()  # type: ignore[attr-defined]
    ac.connector.install_opportunities()  # type: ignore[attr-defined]
    ac.system.seed({"contacts": [{"email": "a@example.com"}]})
    ref = Ref(kind, RemoteId("0f8fad5b-d9cb-469f-a165-70867728950e"))
    fields = {name: "Big deal", value: Decimal("1999.99"), contact: Ref(CONTACT, RemoteId("1"))}
    make = Write(key="k", op=Op.CREATE, ref=ref, fields=fields)
    assert outcomes([*ac.connector.write([make]), *ac.connector.write([make])]) == ["applied", "exists"]
    change = Write(key="k", op=Op.UPDATE, ref=ref, fields={value: None, contact: None})
    assert only(ac.connector.write([change])).outcome is Outcome.APPLIED
    record = ac.connector.read(kind, [ref.id], list(fields))[ref.id]
    assert isinstance(record, Record)
    assert dict(record.fields) == {name: "Big deal", value: None, contact: None}
    bad = Write(key="k", op=Op.UPDATE, ref=ref, fields={FieldName("close-date"): "soon"})
    assert only(ac.connector.write([bad])).outcome is Outcome.REJECTED
    gone = Write(key="k", op=Op.DELETE, ref=ref)
    assert outcomes([*ac.connector.write([gone]), *ac.connector.write([gone])]) == ["applied", "applied"]
    assert only(ac.connector.write([change])).outcome is Outcome.GONE


@pytest.mark.feature("AC-08")
def test_opportunities_may_become_deals_with_amounts_in_minor_units(ac: Account) -> None:
    ac.system.seed({"pipelines": [{"title": "Sales"}], "contacts": [{"email": "a@example.com"}]})
    kind = Kind("deal")
    title, value, currency, status = (FieldName(name) for name in ("title", "value", "currency", "status"))
    fields = {
        title: "Big",
        value: Decimal("1234.5"),
        currency: "eur",
        FieldName("contact"): Ref(CONTACT, RemoteId("1")),
    }
    make = Write(key="k", op=Op.CREATE, ref=Ref(kind, RemoteId("")), fields=fields)
    made = only(ac.connector.write([make]))
    assert made.outcome is Outcome.APPLIED, made
    assert made.ref is not None
    (deal,) = ac.system.state({"kind": "deals"})["deals"]
    assert (deal["value"], deal["currency"], deal["status"]) == (123450, "eur", 0)
    won = Write(key="k", op=Op.UPDATE, ref=made.ref, fields={status: "1"})
    assert only(ac.connector.write([won])).outcome is Outcome.APPLIED
    record = ac.connector.read(kind, [made.ref.id], [title, value, status])[made.ref.id]
    assert isinstance(record, Record)
    assert dict(record.fields) == {title: "Big", value: Decimal("1234.50"), status: "1"}


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://acme.api-us1.com", "not_https"),
        ("https://acme.example", "unknown_host"),
        ("https://acme.api-us1.com.evil.example", "unknown_host"),
        ("https://acme.api-us1.com:8443", "unknown_host"),
        ("https://169.254.169.254", "unknown_host"),
        ("acme", "bad_url"),
        ("", "config"),
    ],
)
def test_an_address_that_is_not_activecampaigns_is_refused(url: str, code: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_settings({"url": url, "key": "k"})
    assert (raised.value.code, raised.value.setting) == (code, "partner.url")
    assert raised.value.next_step


@pytest.mark.parametrize(
    "url", ["https://acme.api-us1.com", "https://acme-2.api-eu1.com/", "https://acme.activehosted.com/api/3"]
)
def test_addresses_as_activecampaign_shows_them_are_taken(url: str) -> None:
    assert parse_settings({"url": url, "key": "k"}).origin.host


@pytest.mark.parametrize(
    ("data", "setting"),
    [
        ({"typo": 1}, "partner.typo"),
        ({"import_from": -1}, "partner.import_from"),
        ({"import_from": True}, "partner.import_from"),
        ({"custom_values": "magic"}, "partner.custom_values"),
        ({"run_automations": "yes"}, "partner.run_automations"),
        ({"key": ""}, "partner.key"),
    ],
)
def test_a_wrong_setting_is_named(data: dict[str, object], setting: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_settings({"url": "https://acme.api-us1.com", "key": "k"} | data)
    assert raised.value.setting == setting
