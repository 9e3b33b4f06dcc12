"""Values of Dataverse there and back, JSON with exact decimals, and multipart bodies however they come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.connectors.dynamics.batch import Part, content_type, read_batch, write_batch
from shared.connectors.dynamics.errors import VendorError, outcome_of, parse_error
from shared.connectors.dynamics.reader import _json_text, database_key
from shared.connectors.dynamics.values import FIRST_DAY, BadValueError, Column, body_of, reader_of, to_json
from shared.domain.records import FieldName, FieldSpec, FieldType, Kind, Ref, RemoteId, Value
from shared.ports.connector import Op, Outcome

NAME = FieldName("new_field")
VALUES: Mapping[FieldType, st.SearchStrategy[Value]] = {
    FieldType.TEXT: st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), min_size=1),
    FieldType.INTEGER: st.integers(-(2**31), 2**31),
    FieldType.DECIMAL: st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**14), max_value=10**14
    ),
    FieldType.MONEY: st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=0, max_value=10**14),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.DATE: st.dates(min_value=FIRST_DAY),
    FieldType.DATETIME: st.datetimes(datetime(1753, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - hypothesis adds the zone
        lambda moment: moment.replace(microsecond=0)
    ),
    FieldType.CHOICE: st.integers(-(2**31), 2**31).map(str),
    FieldType.MULTI_CHOICE: st.frozensets(st.integers(1, 10**9).map(str), min_size=1, max_size=5),
}


def column(kind: FieldType) -> Column:
    return Column(spec=FieldSpec(name=NAME, type=kind), wire=NAME)


@pytest.mark.parametrize("kind", VALUES)
def test_every_value_comes_back_as_it_was_sent(kind: FieldType) -> None:
    held = column(kind)

    @given(VALUES[kind])
    def there_and_back(value: Value) -> None:
        row = json.loads(to_json(body_of({NAME: value}, {NAME: held})), parse_float=Decimal)
        assert reader_of(held)(row) == value

    there_and_back()


@pytest.mark.parametrize("kind", VALUES)
def test_a_cleared_field_is_null_both_ways(kind: FieldType) -> None:
    held = column(kind)
    row = json.loads(to_json(body_of({NAME: None}, {NAME: held})))
    assert row == {NAME: None}
    assert reader_of(held)(row) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FieldType.TEXT, 7),
        (FieldType.TEXT, "a\x00"),
        (FieldType.TEXT, "a\ud800"),
        (FieldType.INTEGER, True),
        (FieldType.INTEGER, Decimal("1.5")),
        (FieldType.DECIMAL, Decimal("NaN")),
        (FieldType.DECIMAL, "1"),
        (FieldType.BOOLEAN, 1),
        (FieldType.DATE, datetime(2026, 1, 1, tzinfo=UTC)),
        (FieldType.DATE, date(1, 1, 1)),
        (FieldType.DATE, date(1752, 12, 31)),
        (FieldType.DATETIME, datetime(2026, 1, 1)),  # noqa: DTZ001 - that is what is refused
        (FieldType.DATETIME, datetime(1700, 1, 1, tzinfo=UTC)),
        (FieldType.CHOICE, "Ms"),
        (FieldType.CHOICE, 3),
        (FieldType.MULTI_CHOICE, frozenset({"a"})),
        (FieldType.REFERENCE, "account/1"),
    ],
)
def test_a_value_of_another_kind_is_refused_without_being_told(kind: FieldType, value: Value) -> None:
    with pytest.raises(BadValueError) as raised:
        body_of({NAME: value}, {NAME: column(kind)})
    assert raised.value.args[1] == NAME
    assert str(value) not in raised.value.args[0]


def test_a_lookup_is_bound_by_the_navigation_of_its_target() -> None:
    account, contact = Kind("account"), Kind("contact")
    spec = FieldSpec(name=FieldName("parentcustomerid"), type=FieldType.REFERENCE, targets=(account, contact))
    held = Column(
        spec=spec,
        wire="_parentcustomerid_value",
        navigation={account: "parentcustomerid_account", contact: "parentcustomerid_contact"},
    )
    body = body_of({spec.name: Ref(contact, RemoteId("1"))}, {spec.name: held})
    assert body == {"parentcustomerid_contact@odata.bind": "/contacts(1)"}
    with pytest.raises(BadValueError):
        body_of({spec.name: Ref(Kind("lead"), RemoteId("1"))}, {spec.name: held})


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_keep_every_digit(number: Decimal) -> None:
    assert json.loads(to_json({"a": [number]}), parse_float=Decimal, parse_int=Decimal)["a"][0] == number


@given(st.text())
def test_a_literal_inside_a_collection_can_be_read_by_any_reader_of_json(text: str) -> None:
    told = _json_text(text)
    assert json.loads(told) == text
    assert told.isascii()
    assert not set(told[1:-1]) & set("\"'[](){}")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ann@X.example", "ann@x.example", True),
        ("jose@x.example", "José@x.example", True),
        ("ann@x.example ", "ann@x.example", True),
        (" ann@x.example", "ann@x.example", False),
        ("ann@x.example", "anne@x.example", False),
    ],
)
def test_values_are_compared_as_the_database_does(one: str, other: str, *, same: bool) -> None:
    assert (database_key(one) == database_key(other)) is same


# -- multipart ---------------------------------------------------------------------------------------------------------


def test_a_batch_is_written_with_the_lines_a_server_wants() -> None:
    body = write_batch([Part("PATCH", "/a(1)", {"If-Match": "*"}, b'{"x":1}'), Part("DELETE", "/a(2)")], "b1")
    assert body == (
        b"--b1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        b'PATCH /a(1) HTTP/1.1\r\nIf-Match: *\r\n\r\n{"x":1}\r\n'
        b"--b1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        b"DELETE /a(2) HTTP/1.1\r\n\r\n\r\n--b1--\r\n"
    )
    assert content_type("b1") == 'multipart/mixed; boundary="b1"'


ANSWER = (
    "--r\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    "HTTP/1.1 204 No Content\r\nOData-EntityId: x(1)\r\n\r\n\r\n"
    "--r\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n"
    '{"error":{"code":"0x1","message":"--r is\\r\\nno boundary"}}\r\n--r--\r\n'
)


@pytest.mark.parametrize("text", [ANSWER, ANSWER.replace("\r\n", "\n"), "preamble\r\n" + ANSWER, ANSWER.rstrip()])
def test_answers_are_read_with_either_line_end_and_around_a_preamble(text: str) -> None:
    found = read_batch(text.encode(), "multipart/mixed; boundary=r")
    assert found is not None
    assert found.whole
    assert [part.status for part in found.parts] == [204, 400]
    assert found.parts[0].headers["odata-entityid"] == "x(1)"
    assert json.loads(found.parts[1].body)["error"]["code"] == "0x1"


@given(st.integers(0, len(ANSWER) - 6))
def test_answers_that_were_cut_off_are_never_taken_for_whole(length: int) -> None:
    found = read_batch(ANSWER[:length].encode(), 'multipart/mixed; boundary="r"')
    assert found is not None
    assert not found.whole
    assert len(found.parts) <= 1


@given(st.binary(max_size=300), st.text(max_size=40))
def test_no_bytes_make_the_reader_fail(body: bytes, header: str) -> None:
    read_batch(body, header)
    read_batch(b"--r\r\n" + body, "multipart/mixed; boundary=r")


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["0x80040217", "0X80040217", -2147220969, "-2147220969", 2147746327])
def test_codes_are_compared_as_numbers(code: object) -> None:
    assert parse_error(404, json.dumps({"error": {"code": code, "message": "m"}}).encode()).number == 0x80040217


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "text"}', b'{"error": {"code": {}}}', b"\xff"])
def test_an_error_that_is_none_is_read_as_its_status(body: bytes) -> None:
    assert parse_error(502, body) == VendorError(502, 0, "")


@pytest.mark.parametrize(
    ("status", "number", "op", "outcome"),
    [
        (412, 0x80060882, Op.UPDATE, Outcome.STALE),
        (412, 0, Op.UPDATE, Outcome.STALE),
        (412, 0x80040237, Op.CREATE, Outcome.EXISTS),
        (412, 0, Op.CREATE, Outcome.EXISTS),
        (412, 0x80060892, Op.CREATE, Outcome.REJECTED),
        (412, 0x80040333, Op.CREATE, Outcome.REJECTED),
        (500, 0x80040333, Op.CREATE, Outcome.REJECTED),
        (404, 0x80040217, Op.UPDATE, Outcome.GONE),
        (404, 0, Op.DELETE, Outcome.GONE),
        (404, 0x80060891, Op.CREATE, Outcome.REJECTED),
        (429, 0, Op.UPDATE, Outcome.NOT_TRIED),
        (500, 0x80044150, Op.UPDATE, Outcome.NOT_TRIED),
        (500, 0x80040216, Op.UPDATE, Outcome.REJECTED),
        (500, 0, Op.UPDATE, Outcome.UNKNOWN),
        (504, 0, Op.CREATE, Outcome.UNKNOWN),
        (400, 0x80040265, Op.UPDATE, Outcome.REJECTED),
        (403, 0x8004F507, Op.UPDATE, Outcome.REJECTED),
        (405, 0x80040227, Op.DELETE, Outcome.REJECTED),
    ],
)
def test_what_an_answer_means_for_its_row(status: int, number: int, op: Op, outcome: Outcome) -> None:
    assert outcome_of(VendorError(status, number, ""), op) is outcome


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("The length of the 'lastname' attribute of the 'contact' entity exceeded the maximum", "lastname"),
        (
            "Caller user with Id = x does not have update permissions to a lastname secured field on entity contact",
            "lastname",
        ),
        (
            "An undeclared property 'parentcustomerid_account' which only has property annotations",
            "parentcustomerid_account",
        ),
        ("Could not find a property named 'LastName' on type", "lastname"),
        ("The entity 'contact' is locked", None),
        ("", None),
    ],
)
def test_the_column_a_message_blames(message: str, field: str | None) -> None:
    names = ["firstname", "lastname", "parentcustomerid_account"]
    assert VendorError(400, 1, message).field_of(names) == field
