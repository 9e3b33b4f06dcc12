"""Activities of both partners against their simulators: what is told, what is not, and what it costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from shared.connectors import registry
from shared.connectors.activities import ACTIVITY, ASSET, DESCRIPTION, LINK, OCCURRED, PERSON, SUBJECT, TYPE
from shared.domain.records import FieldName, Kind, Record, Ref, RemoteId, Value
from shared.errors import AuthError, ConfigError, CursorExpired, Rejected
from shared.ports.connector import ChangePage, CheckState, Connector, Cursor, Op, Outcome, Write
from simulators.frame import Authority
from tests.wire.connectors import activecampaign, marketo
from tests.wire.connectors.dynamics import Organisation, organisation
from tests.wire.connectors.support import Hands

FIELDS = (TYPE, SUBJECT, DESCRIPTION, OCCURRED, PERSON, ASSET, LINK)
AC = pytest.mark.feature("AC-12.1", system="activecampaign")
MK = pytest.mark.feature("AC-12.1", system="marketo")


@pytest.fixture
def account(ca: Authority) -> Iterator[activecampaign.Account]:
    with activecampaign.account(ca) as made:
        yield made


@pytest.fixture
def subscription(ca: Authority) -> Iterator[marketo.Subscription]:
    with marketo.subscription(ca) as made:
        yield made


def drain(connector: Connector, cursor: Cursor | None = None) -> tuple[list[Record], Cursor]:
    told: list[Record] = []
    while True:
        page: ChangePage = connector.changes(ACTIVITY, cursor, FIELDS)
        told += [item for item in page.items if isinstance(item, Record)]
        cursor = page.cursor
        if not page.more:
            return told, cursor


def rebuilt(hands: Hands, name: str, **settings: object) -> Connector:
    return registry.build(name, {**hands.settings, **settings}, hands.around.surroundings)


def campaign_of(account: activecampaign.Account) -> int:
    seeded = account.system.seed({"campaigns": [{"name": "Spring", "subject": "It is spring"}]})
    number: int = seeded["campaigns"][0]["id"]
    return number


# -- ActiveCampaign ----------------------------------------------------------------------------------------------------


@AC
def test_a_campaigns_life_is_told_with_its_name_its_person_and_the_moment(account: activecampaign.Account) -> None:
    who, campaign = account.create({FieldName("email"): "ada@example.com"}), campaign_of(account)
    act = account.system.act
    act("send", {"campaign": campaign, "contacts": [who]})
    for event, more in (("open", {}), ("click", {"url": "https://shop.example.com/a"}), ("reply", {}), ("bounce", {})):
        account.advance(1)
        act(event, {"contact": who, "campaign": campaign, **more})
    act("visit", {"contact": who, "url": "https://shop.example.com/b"})
    act("forward", {"contact": who, "campaign": campaign})
    told, _ = drain(account.connector)
    assert [record.value(TYPE) for record in told] == ["sent", "opened", "clicked", "replied", "bounced"]
    assert [record.value(SUBJECT) for record in told] == [
        "E-mail sent: Spring",
        "E-mail opened: Spring",
        "Link in an e-mail clicked: Spring",
        "E-mail answered: Spring",
        "E-mail bounced: Spring",
    ]
    assert {record.value(PERSON) for record in told} == {Ref(Kind("contact"), who)}
    assert told[2].value(LINK) == "https://shop.example.com/a"
    assert told[0].value(OCCURRED) == datetime(2026, 6, 10, 12, tzinfo=UTC)
    assert "It is spring" in str(told[1].value(DESCRIPTION))
    assert "5.1.1" in str(told[4].value(DESCRIPTION))


@AC
def test_each_type_has_a_switch_and_switching_one_on_brings_what_was(account: activecampaign.Account) -> None:
    who, campaign = account.create({FieldName("email"): "ada@example.com"}), campaign_of(account)
    account.system.act("open", {"contact": who, "campaign": campaign})
    account.system.act("click", {"contact": who, "campaign": campaign})
    few = rebuilt(account, "activecampaign", activities_opened=False)
    told, cursor = drain(few)
    assert [record.value(TYPE) for record in told] == ["clicked"]
    with pytest.raises(CursorExpired):
        account.connector.changes(ACTIVITY, cursor, FIELDS)
    assert [record.value(TYPE) for record in drain(account.connector)[0]] == ["opened", "clicked"]


@AC
def test_nothing_before_the_earliest_day_is_told(account: activecampaign.Account) -> None:
    who = account.create({FieldName("email"): "ada@example.com"})
    for days in (200, 60, 3):
        account.system.act("open", {"contact": who, "late_seconds": days * 86_400})
    assert len(drain(account.connector)[0]) == 2, "ninety days"
    assert len(drain(rebuilt(account, "activecampaign", activities_days=10))[0]) == 1
    assert len(drain(rebuilt(account, "activecampaign", activities_days=365))[0]) == 3
    assert len(drain(rebuilt(account, "activecampaign", activities_days=365, activities_since="2026-06-01"))[0]) == 1
    with pytest.raises(ConfigError, match="activities_since"):
        rebuilt(account, "activecampaign", activities_since="soon")


@AC
def test_a_walk_over_many_pages_misses_none_and_an_idle_run_is_one_call(account: activecampaign.Account) -> None:
    people = [account.create({FieldName("email"): f"p{number}@example.com"}) for number in range(20)]
    campaign = campaign_of(account)
    count = 0
    for _ in range(12):
        spec = {"contacts": people, "campaign": campaign, "spread_seconds": 86_400}
        count += account.system.act("engage", spec)["activities"]
    account.advance(86_400)
    told, cursor = drain(account.connector)
    assert len({record.ref for record in told}) == count > 400
    before = account.around.calls("activecampaign")["activities"]
    assert before <= count // 99 + 2
    again, _ = drain(account.connector, cursor)
    assert account.around.calls("activecampaign")["activities"] == before + 1
    assert {record.ref for record in again} <= {record.ref for record in told}


@AC
def test_a_row_that_goes_while_the_list_is_walked_hides_no_other(account: activecampaign.Account) -> None:
    people = [account.create({FieldName("email"): f"p{number}@example.com"}) for number in range(10)]
    for number in range(350):
        account.system.act("open", {"contact": people[number % 10]})
        account.advance(1)
    tenant = account.system.tenant
    page = account.connector.changes(ACTIVITY, None, FIELDS)
    told = {item.ref.id for item in page.items}
    gone = list(tenant.activities.ids())[5:9]
    for number in gone:
        tenant.activities.delete(number)
    rest, _ = drain(account.connector, page.cursor)
    told |= {record.ref.id for record in rest}
    assert {str(number) for number in tenant.activities.ids()} <= told


@AC
def test_malformed_entries_and_moments_to_come_are_told_without_what_cannot_be_read(
    account: activecampaign.Account,
) -> None:
    who = account.create({FieldName("email"): "ada@example.com"})
    account.system.act("open", {"contact": who})
    account.system.act("open", {"contact": who, "late_seconds": -10 * 86_400})
    good, cursor = drain(account.connector)
    assert [record.value(OCCURRED) is None for record in good] == [False, True]
    row = {
        "id": "", "contact": None, "reference_type": "Log", "reference_action": "open", "reference_id": "9",
        "tstamp": "yesterday",
    }  # fmt: skip
    body = {"activities": [row, {"reference_action": ["x"]}, {}], "meta": {"total": "3"}}
    account.server.host.faults.add([
        {"match": {"path": "/api/3/activities"}, "do": {"status": 200, "body": json.dumps(body)}}
    ])  # fmt: skip
    (bad,), _ = drain(account.connector, cursor)
    assert bad.ref.id.startswith("d-")
    assert bad.value(PERSON) is None
    assert bad.value(OCCURRED) is None


@AC
def test_a_key_that_may_not_read_activities_is_refused_with_what_to_do(account: activecampaign.Account) -> None:
    account.system.switches.set({"activities_readable": False})
    with pytest.raises((AuthError, Rejected)) as caught:
        account.connector.changes(ACTIVITY, None, FIELDS)
    assert caught.value.next_step


# -- Marketo -----------------------------------------------------------------------------------------------------------


def log(made: marketo.Subscription, who: str, kind: int, **spec: object) -> None:
    made.system.act("log_activity", {"lead": int(who), "type": kind, **spec})


@MK
def test_an_emails_life_and_an_interesting_moment_are_told(subscription: marketo.Subscription) -> None:
    who = subscription.create({FieldName("email"): "ada@example.com"})
    log(subscription, who, 6, primary="Spring")
    log(subscription, who, 7, primary="Spring")
    log(subscription, who, 10, primary="Spring", attributes={"Device": "phone"})
    log(subscription, who, 11, primary="Spring", attributes={"Link": "https://shop.example.com/"})
    log(subscription, who, 8, primary="Spring", attributes={"Category": "2", "Email": "ada@example.com"})
    log(subscription, who, 27, primary="Spring")
    log(subscription, who, 46, primary="Web", attributes={"Description": "Asked for a price"})
    log(subscription, who, 1, primary="Page")
    told, _ = drain(subscription.connector)
    types = ["sent", "opened", "clicked", "bounced", "bounced", "moment"]
    assert [record.value(TYPE) for record in told] == types, "deliveries are off unless they are switched on"
    assert told[1].value(SUBJECT) == "E-mail opened: Spring"
    assert told[2].value(LINK) == "https://shop.example.com/"
    assert "Asked for a price" in str(told[5].value(DESCRIPTION))
    assert "ada@" not in str(told[3].value(DESCRIPTION))
    assert {record.value(PERSON) for record in told} == {Ref(Kind("lead"), who)}
    with_delivered = rebuilt(subscription, "marketo", activities_delivered=True)
    assert "delivered" in [record.value(TYPE) for record in drain(with_delivered)[0]]


@MK
def test_ids_are_the_marketo_guids_and_an_idle_run_is_one_call(subscription: marketo.Subscription) -> None:
    who = subscription.create({FieldName("email"): "ada@example.com"})
    for _ in range(700):
        log(subscription, who, 10)
        subscription.advance(1)
    told, cursor = drain(subscription.connector)
    guids = {row.guid for row in subscription.system.tenant.activities.slice(0, 10_000) if row.type == 10}
    assert {record.ref.id for record in told} == guids
    assert len(told) == 700
    before = subscription.around.calls("marketo")["activities"]
    assert drain(subscription.connector, cursor)[0] == []
    assert subscription.around.calls("marketo")["activities"] == before + 1


@MK
def test_what_marketo_shows_late_is_told_late_and_once(ca: Authority) -> None:
    with marketo.subscription(ca, switches={"feed_lag_seconds": 30}) as made:
        who = made.create({FieldName("email"): "ada@example.com"})
        cursor: Cursor | None = None
        seen: list[str] = []
        for _ in range(6):
            log(made, who, 10)
            told, cursor = drain(made.connector, cursor)
            seen += [record.ref.id for record in told]
            made.advance(20)
        made.advance(60)
        seen += [record.ref.id for record in drain(made.connector, cursor)[0]]
        assert len(seen) == len(set(seen)) == 6


@MK
def test_a_first_walk_cannot_see_beyond_what_marketo_keeps(subscription: marketo.Subscription) -> None:
    who = subscription.create({FieldName("email"): "ada@example.com"})
    for days in (400, 100, 10):
        log(subscription, who, 6, ago_seconds=days * 86_400)
        log(subscription, who, 10, ago_seconds=days * 86_400)
    long = rebuilt(subscription, "marketo", activities_days=700)
    types = [record.value(TYPE) for record in drain(long)[0]]
    assert types.count("sent") == 1, "sends are kept for ninety days"
    assert types.count("opened") == 3


@MK
def test_a_token_marketo_no_longer_takes_starts_the_log_anew(subscription: marketo.Subscription) -> None:
    _, cursor = drain(subscription.connector)
    broken = Cursor(cursor.replace('"token":"', '"token":"X'))
    with pytest.raises(CursorExpired):
        subscription.connector.changes(ACTIVITY, broken, FIELDS)


@MK
def test_an_api_user_without_the_permission_is_refused_with_what_to_do(subscription: marketo.Subscription) -> None:
    subscription.system.act("fail", {"code": "603", "path": "activities", "times": 9})
    with pytest.raises(AuthError) as caught:
        subscription.connector.changes(ACTIVITY, None, FIELDS)
    assert caught.value.code == "access_denied"
    assert "permission" in caught.value.next_step


@MK
def test_the_check_names_the_types_the_subscription_lacks(ca: Authority) -> None:
    with marketo.subscription(ca) as made:
        assert "activity_types" not in [step.name for step in made.connector.check()], "the entity is off"


# -- Dynamics ----------------------------------------------------------------------------------------------------------


TASK = Kind("task")


@pytest.fixture
def org(ca: Authority) -> Iterator[Organisation]:
    with organisation(ca, tables=["contact", "lead", "task"]) as made:
        made.connector.describe(TASK)
        made.around.counts.clear()
        yield made


def made(org: Organisation, number: int, **values: Value | None) -> Write:
    person = Ref(Kind("contact"), org.people[0])  # type: ignore[attr-defined]
    ended = datetime(2026, 6, 1, 8, tzinfo=UTC)
    fields: dict[str, Value | None] = {
        "subject": f"E-mail opened: {number}",
        "regardingobjectid": person,
        "actualend": ended,
        **values,
    }
    row = RemoteId(str(UUID(int=number + (4 << 76) + (8 << 60))))
    return Write(
        key=f"k{number}", op=Op.CREATE, ref=Ref(TASK, row), fields={FieldName(k): v for k, v in fields.items()}
    )


def tasks(org: Organisation) -> list[dict[str, Any]]:
    return list(org.system.store["task"].rows())  # type: ignore[attr-defined]


@AC
def test_rows_are_made_completed_regarding_their_person_in_two_calls_a_thousand(org: Organisation) -> None:
    org.people = [org.create(org.values(1))]  # type: ignore[attr-defined]
    results = org.connector.write([made(org, number) for number in range(300)])
    assert {result.outcome for result in results} == {Outcome.APPLIED}
    rows = tasks(org)
    assert len(rows) == 300
    assert {(row["statecode"], row["statuscode"]) for row in rows} == {(1, 5)}
    assert {row["regardingobjectid"].id for row in rows} == {org.people[0]}  # type: ignore[attr-defined]
    calls = org.around.calls("dynamics")
    assert (calls["create"], calls["update"]) == (1, 1)


@AC
def test_a_row_its_maker_died_over_is_found_and_completed_unless_somebody_touched_it(org: Organisation) -> None:
    org.people = [org.create(org.values(1))]  # type: ignore[attr-defined]
    org.server.host.faults.add([{"match": {"method": "POST", "path": "batch", "times": 1}, "do": "drop_before"}])
    writes = [made(org, number) for number in range(2)]
    first = org.connector.write(writes)
    assert {result.outcome for result in first} == {Outcome.UNKNOWN}
    assert {row["statecode"] for row in tasks(org)} == {0}
    org.system.act("edit", {"table": "task", "id": writes[1].ref.id, "values": {"subject": "Mine"}})
    again = org.connector.write(writes)
    assert {result.outcome for result in again} == {Outcome.EXISTS}
    assert {row["activityid"]: row["statecode"] for row in tasks(org)} == {writes[0].ref.id: 1, writes[1].ref.id: 0}


@AC
def test_the_table_is_never_read_as_a_feed_nor_changed(org: Organisation) -> None:
    org.people = [org.create(org.values(1))]  # type: ignore[attr-defined]
    with pytest.raises(ConfigError):
        org.connector.changes(TASK, None, [FieldName("subject")])
    kind = org.connector.capabilities.kinds[TASK]
    assert kind.create_only
    assert kind.writes == {Op.CREATE, Op.DELETE}
    write = made(org, 1)
    org.connector.write([write])
    (result,) = org.connector.write([replace(write, op=Op.UPDATE)])
    assert result.outcome is Outcome.REJECTED
    (result,) = org.connector.write([replace(write, op=Op.DELETE)])
    assert result.outcome is Outcome.APPLIED
    assert tasks(org) == []


@AC
def test_one_that_has_not_ended_is_somebodys_to_do_and_stays_open(org: Organisation) -> None:
    org.people = [org.create(org.values(1))]  # type: ignore[attr-defined]
    org.connector.write([made(org, 1, actualend=None)])
    assert [row["statecode"] for row in tasks(org)] == [0]


@AC
def test_one_bad_row_leaves_the_others_made(org: Organisation) -> None:
    org.people = [org.create(org.values(1))]  # type: ignore[attr-defined]
    writes = [made(org, 1), made(org, 2, subject="x" * 201), made(org, 3)]
    results = org.connector.write(writes)
    assert [result.outcome for result in results] == [Outcome.APPLIED, Outcome.REJECTED, Outcome.APPLIED]
    assert {row["statecode"] for row in tasks(org)} == {1}


@AC
def test_a_custom_activity_table_is_made_in_the_same_way(ca: Authority) -> None:
    settings = {"tables": ["contact", "new_touch"], "timeline_tables": ["new_touch"]}
    with organisation(ca, **settings) as org:
        org.system.seed({"tables": [{"name": "new_touch", "activity": True}]})
        org.people = [org.create(org.values(1))]  # type: ignore[attr-defined]
        write = made(org, 1)
        kind = Kind("new_touch")
        (result,) = org.connector.write([replace(write, ref=Ref(kind, write.ref.id))])
        assert result.outcome is Outcome.APPLIED, result
        (row,) = org.system.store["new_touch"].rows()  # type: ignore[attr-defined]
        assert row["statecode"] == 1
        assert org.connector.capabilities.kinds[kind].create_only


@AC
def test_the_check_asks_no_change_tracking_of_it(org: Organisation) -> None:
    steps = {step.name: step for step in org.connector.check()}
    assert steps["tracking:task"].state is CheckState.PASSED
    assert steps["privileges:task"].state is CheckState.PASSED
