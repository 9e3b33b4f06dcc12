"""What columns take, and states."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.dataverse.core.vendor import Vendor


def refuse(vendor: Vendor, code: str, column: str, value: Any) -> str:
    return vendor.refused(400, code, "POST", "contacts", {"lastname": "A", column: value})


@pytest.mark.rule("DV-VA-01")
def test_lengths(vendor: Vendor) -> None:
    assert vendor.refused(400, "0x80044331", "POST", "tasks", {"subject": "x" * 201}) == (
        "A validation error occurred.  The length of the 'subject' attribute of the 'task' entity exceeded the maximum "
        "allowed length of '200'."
    )
    vendor.create("contacts", {"lastname": "L" * 50, "description": "d" * 2000})
    refuse(vendor, "0x80044331", "description", "d" * 2001)


@pytest.mark.rule("DV-VA-02")
def test_choices(vendor: Vendor) -> None:
    text = refuse(vendor, "0x8004431a", "preferredcontactmethodcode", 6)
    assert "The value 6 of 'preferredcontactmethodcode' on record of type 'contact' is outside the valid range" in text
    assert "Accepted Values: 1,2,3,4,5" in text
    options = [[100_000_000, "A"], [100_000_001, "B"]]
    vendor.seed(columns={"contact": {"new_topics": {"type": "MultiSelectPicklist", "options": options}}})
    refuse(vendor, "0x8004431a", "new_topics", "100000000,5")
    refuse(vendor, "0x80048d19", "new_topics", "a,b")
    row = vendor.create("contacts", {"lastname": "A", "new_topics": "100000001,100000000"})
    assert vendor.get(f"contacts({row})")["new_topics"] == "100000000,100000001"


@pytest.mark.rule("DV-VA-03")
def test_ranges(vendor: Vendor) -> None:
    for value in (-1, 1_000_000_001):
        refuse(vendor, "0x8004432f", "numberofchildren", value)
    for value in (-0.01, 100_000_000_000_001):
        refuse(vendor, "0x80044330", "annualincome", value)
    refuse(vendor, "0x80044330", "address1_latitude", 91)
    row = vendor.create("contacts", {"lastname": "A", "annualincome": 10.006, "address1_latitude": 40.1234567})
    shown = vendor.get(f"contacts({row})")
    assert (shown["annualincome"], shown["address1_latitude"]) == (10.01, 40.12346)


@pytest.mark.rule("DV-VA-04")
def test_types(vendor: Vendor) -> None:
    for column, value, edm in (
        ("numberofchildren", "5", "Edm.Int32"),
        ("numberofchildren", 1.5, "Edm.Int32"),
        ("numberofchildren", 2**40, "Edm.Int32"),
        ("numberofchildren", True, "Edm.Int32"),
        ("firstname", 5, "Edm.String"),
        ("donotemail", "true", "Edm.Boolean"),
        ("donotemail", 1, "Edm.Boolean"),
        ("annualincome", "12", "Edm.Decimal"),
        ("preferredcontactmethodcode", "1", "Edm.Int32"),
        ("birthdate", "1990-13-01", "Edm.Date"),
        ("birthdate", "1990-01-01T00:00:00Z", "Edm.Date"),
        ("lastonholdtime", "yesterday", "Edm.DateTimeOffset"),
        ("address1_addressid", "x", "Edm.Guid"),
    ):
        text = refuse(vendor, "0x80048d19", column, value)
        shown = str(value).lower() if isinstance(value, bool) else value
        assert f"Cannot convert the literal '{shown}' to the expected type '{edm}'." in text
    assert "An unexpected 'StartObject' node was found" in refuse(vendor, "0x80048d19", "firstname", {"a": 1})
    assert "An unexpected 'StartArray' node was found" in refuse(vendor, "0x80048d19", "firstname", [])
    for body in (b"", b"   ", b"{", b"[]", b'"text"', b"null", b"\xff\xfe{}", b'{"lastname": NaN}'):
        vendor.refused(400, "0x80048d19", "POST", "contacts", body)
    text = vendor.refused(400, "0x80048d19", "POST", "contacts", b"")
    assert text.startswith("Error identified in Payload provided by the user for Entity :'contacts'")
    assert text.endswith("InnerException : System.ArgumentException: Stream was not readable.")


@pytest.mark.rule("DV-VA-05")
def test_dates_too_early(vendor: Vendor) -> None:
    refuse(vendor, "0x80040239", "birthdate", "1752-12-31")
    refuse(vendor, "0x80040239", "lastonholdtime", "0001-01-01T00:00:00Z")


@pytest.mark.rule("DV-VA-06")
def test_required_columns(vendor: Vendor) -> None:
    assert vendor.call("POST", "contacts", {}).status == 204
    vendor.refused(400, "0x80040200", "POST", "campaigns", {})
    row = vendor.create("campaigns", {"name": "C"})
    vendor.refused(400, "0x80040200", "PATCH", f"campaigns({row})", {"name": None})
    vendor.refused(400, "0x80040200", "PATCH", f"campaigns({row})", {"statecode": None})
    vendor.refused(400, "0x80040200", "DELETE", f"campaigns({row})/name")
    assert vendor.call("PATCH", f"campaigns({row})", {"message": None}).status == 204


@pytest.mark.rule("DV-VA-07")
def test_how_values_are_kept(vendor: Vendor) -> None:
    body = {
        "lastname": "",
        "birthdate": "1990-05-04",
        "lastonholdtime": "2026-01-02T03:04:05.678+02:00",
        "middlename": " x ",
    }
    shown = vendor.get(f"contacts({vendor.create('contacts', body)})")
    assert shown["lastname"] is None
    assert shown["birthdate"] == "1990-05-04"
    assert shown["lastonholdtime"] == "2026-01-02T01:04:05Z"
    assert shown["middlename"] == " x "
    task = vendor.get(f"tasks({vendor.create('tasks', {'subject': 'T', 'scheduledend': '2026-01-02T10:00'})})")
    assert task["scheduledend"] == "2026-01-02T10:00:00Z"


@pytest.mark.rule("DV-ST-02")
def test_states_and_statuses(vendor: Vendor) -> None:
    row = vendor.create("contacts", {"lastname": "A"})
    path = f"contacts({row})"

    def state() -> tuple[int, int]:
        shown = vendor.get(path)
        return shown["statecode"], shown["statuscode"]

    assert state() == (0, 1)
    vendor.patch(path, {"statecode": 1})
    assert state() == (1, 2)
    vendor.patch(path, {"statecode": 0, "statuscode": 1})
    assert state() == (0, 1)
    text = vendor.refused(400, "0x80048408", "PATCH", path, {"statuscode": 2})
    assert text == f"2 is not a valid status code for state code ContactState.Active on contact with Id {row}."
    vendor.refused(400, "0x80048408", "PATCH", path, {"statecode": 1, "statuscode": 1})
    vendor.refused(400, "0x80048408", "POST", "contacts", {"lastname": "B", "statuscode": 2})
    vendor.refused(400, "0x8004431a", "PATCH", path, {"statecode": 7})
    lead = vendor.create("leads", {"subject": "S", "lastname": "L", "statuscode": 2})
    vendor.patch(f"leads({lead})", {"statecode": 2})
    assert vendor.get(f"leads({lead})")["statuscode"] == 4
    vendor.patch(f"leads({lead})", {"statuscode": 7})
    assert vendor.get(f"leads({lead})")["statuscode"] == 7
    task = vendor.create("tasks", {"subject": "T"})
    vendor.patch(f"tasks({task})", {"statecode": 1, "statuscode": 5})
    assert vendor.get(f"tasks({task})")["statecode"] == 1


@pytest.mark.rule("DV-ST-03")
@pytest.mark.parametrize("refuses", [False, True])
def test_inactive_rows(vendor: Vendor, refuses: bool) -> None:
    vendor.switch(inactive_rows_refuse_updates=refuses)
    row = vendor.create("contacts", {"lastname": "A"})
    vendor.patch(f"contacts({row})", {"statecode": 1})
    answer = vendor.call("PATCH", f"contacts({row})", {"lastname": "B"})
    assert answer.status == (400 if refuses else 204)
    if refuses:
        assert answer.json()["error"]["code"] == "0x80040230"
    vendor.patch(f"contacts({row})", {"statecode": 0, "lastname": "C"})
    assert vendor.get(f"contacts({row})")["lastname"] == "C"
