"""Reading by id and by match value: how many calls, and what is said of what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

import pytest

from shared.domain.records import FieldName, Gone, GoneReason, Kind, Record, Ref, RemoteId
from shared.errors import Transient
from simulators.frame import Authority
from tests.wire.connectors.activecampaign import Account, account
from tests.wire.connectors.dynamics import Organisation, organisation

CONTACT = Kind("contact")
LAST, MAIL = FieldName("lastname"), FieldName("emailaddress1")
EMAIL, ROW, MOTTO, TOPICS = FieldName("email"), FieldName("lastName"), FieldName("field:1"), FieldName("field:4")


@pytest.fixture
def org(ca: Authority) -> Iterator[Organisation]:
    with organisation(ca) as made:
        made.connector.describe(CONTACT)
        made.around.counts.clear()
        yield made


def seeded(org: Organisation, count: int, **more: Any) -> list[RemoteId]:
    rows = [{"lastname": f"Row {n}", "emailaddress1": f"p{n}@x.example", **more} for n in range(count)]
    return [RemoteId(row) for row in org.system.seed({"rows": {"contact": rows}})["rows"]["contact"]]


# -- Dataverse ---------------------------------------------------------------------------------------------------------


def test_rows_are_read_five_hundred_a_call(org: Organisation) -> None:
    rows = seeded(org, 1200)
    found = org.connector.read(CONTACT, rows, [LAST])
    assert list(found) == rows
    assert org.around.calls("dynamics") == {"read": 3}


def test_what_is_missing_is_confirmed_in_one_call_and_told_from_what_is_hidden(ca: Authority) -> None:
    role = {"name": "Sync", "tables": {"contact": {"Read": "Basic"}}, "privileges": {}}
    with organisation(ca, seeds={"roles": [role]}) as org:
        org.connector.describe(CONTACT)
        rows = seeded(org, 3)
        org.delete(rows[0])
        org.be_a_plain_user()
        org.around.counts.clear()
        found = org.connector.read(CONTACT, [*rows, RemoteId("no guid at all")], [LAST])
        assert found[rows[0]] == Gone(Ref(CONTACT, rows[0]), GoneReason.CONFIRMED)
        assert found[rows[1]] == Gone(Ref(CONTACT, rows[1]), GoneReason.HIDDEN)
        assert isinstance(found[RemoteId("no guid at all")], Gone)
        assert org.around.calls("dynamics") == {"read": 1, "confirm": 1}


def test_a_confirmation_that_fails_in_passing_says_nothing_about_the_row(org: Organisation) -> None:
    (row,) = seeded(org, 1)
    org.delete(row)
    part = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 503 Busy\r\n\r\n\r\n--b--"
    answer = {"status": 200, "body": part, "headers": {"Content-Type": "multipart/mixed; boundary=b"}}
    org.server.host.faults.add([{"match": {"path": "batch"}, "do": answer}])
    with pytest.raises(Transient):
        org.connector.read(CONTACT, [row], [LAST])


def test_ids_are_compared_without_case(org: Organisation) -> None:
    (row,) = seeded(org, 1)
    loud = RemoteId(row.upper())
    assert isinstance(org.connector.read(CONTACT, [loud], [LAST])[loud], Record)


def test_many_values_are_found_in_few_calls_however_long_they_are(org: Organisation) -> None:
    seeded(org, 200)
    values = [f"P{n}@X.example" for n in range(150)] + [f"{'ñ' * 90}{n}@x.example" for n in range(50)]
    found = org.connector.find(CONTACT, values, [LAST])
    assert all(len(found[value]) == 1 for value in values[:150])
    assert not any(found[value] for value in values[150:])
    assert all(MAIL not in record.fields for value in values[:150] for record in found[value])
    assert org.around.calls("dynamics")["find"] == 2


def test_values_that_the_database_takes_for_one_share_their_rows(org: Organisation) -> None:
    org.system.seed({"rows": {"contact": [{"emailaddress1": "jose@x.example"}]}})
    found = org.connector.find(CONTACT, ["jose@x.example", "JOSE@x.example", ""], [LAST])
    assert [len(found[value]) for value in ("jose@x.example", "JOSE@x.example", "")] == [1, 1, 0]


# -- ActiveCampaign ----------------------------------------------------------------------------------------------------


def people(ac: Account, count: int) -> list[RemoteId]:
    spec = [
        {"email": f"p{n}@example.com", "lastName": f"Row {n}", "fields": {"Company motto": f"m{n}"}, "tags": ["vip"]}
        for n in range(count)
    ]
    ac.system.seed({"contacts": spec})
    ac.connector.describe(CONTACT)
    ac.around.counts.clear()
    return [RemoteId(str(n + 1)) for n in range(count)]


def complete(found: Any, rows: list[RemoteId]) -> None:
    assert set(found) == set(rows)
    for number, row in enumerate(rows):
        record = found[row]
        assert isinstance(record, Record), row
        assert dict(record.fields) == {ROW: f"Row {number}", MOTTO: f"m{number}", TOPICS: None}
        assert record.labels == {"vip"}


def test_a_few_contacts_are_read_whole_with_two_calls_each(ca: Authority) -> None:
    with account(ca) as ac:
        rows = people(ac, 5)
        complete(ac.connector.read(CONTACT, rows, [ROW, MOTTO, TOPICS]), rows)
        calls = ac.around.calls("activecampaign")
        assert calls["read"] == 5
        assert calls["tags"] <= 5 + 4  # threads that meet one tag at once may ask for it at once


def test_many_contacts_are_read_by_lists(ca: Authority) -> None:
    with account(ca) as ac:
        rows = people(ac, 150)
        complete(ac.connector.read(CONTACT, rows, [ROW, MOTTO, TOPICS]), rows)
        calls = ac.around.calls("activecampaign")
        assert calls["read"] == ceil(150 / 100)
        assert calls["values"] == 2 + 1  # two pages of one field, and one empty page of the other


def test_many_contacts_are_read_singly_where_walks_would_be_more_calls(ca: Authority) -> None:
    with account(ca) as ac:
        rows = people(ac, 2600)[:22]
        complete(ac.connector.read(CONTACT, rows, [ROW, MOTTO, TOPICS]), rows)
        assert ac.around.calls("activecampaign")["values"] == 2
        assert ac.around.calls("activecampaign")["read"] == 1 + 22


def test_side_loading_reads_a_hundred_contacts_whole_with_one_call(ca: Authority) -> None:
    with account(ca, switches={"include_side_loads": True}, custom_values="include") as ac:
        rows = people(ac, 100)
        complete(ac.connector.read(CONTACT, rows, [ROW, MOTTO, TOPICS]), rows)
        assert ac.around.calls("activecampaign")["read"] == 1


def test_contacts_that_are_gone_or_merged_say_so(ca: Authority) -> None:
    for word in ("not_found", "destination"):
        with account(ca, switches={"merged_source": word}) as ac:
            rows = people(ac, 30)
            ac.delete(rows[0])
            ac.merge(rows[1], rows[2])
            found = ac.connector.read(CONTACT, [*rows, RemoteId("999"), RemoteId("abc")], [ROW])
            assert found[rows[0]] == Gone(Ref(CONTACT, rows[0]), GoneReason.CONFIRMED)
            into = Ref(CONTACT, rows[2]) if word == "destination" else None
            assert found[rows[1]] == Gone(Ref(CONTACT, rows[1]), GoneReason.CONFIRMED, into)
            for row in (RemoteId("999"), RemoteId("abc")):
                assert found[row] == Gone(Ref(CONTACT, row), GoneReason.CONFIRMED)
            assert isinstance(found[rows[3]], Record)


def test_a_contact_is_found_by_its_whole_address_only(ca: Authority) -> None:
    with account(ca) as ac:
        people(ac, 3)
        found = ac.connector.find(CONTACT, ["P1@EXAMPLE.com", "1@example.com", "", "p2@example.com&limit=1"], [ROW])
        assert [len(records) for records in found.values()] == [1, 0, 0, 0]
        assert EMAIL not in found["P1@EXAMPLE.com"][0].fields
