"""Values and cursors of ActiveCampaign there and back, and every shape its errors take."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.connectors.activecampaign.client import encode
from shared.connectors.activecampaign.errors import outcome_of, parse_error, raise_for
from shared.connectors.activecampaign.fields import BadValueError, from_text, to_text
from shared.connectors.activecampaign.importer import MAX_BYTES, MinuteWindow, _chunks, portion
from shared.connectors.activecampaign.place import Phase, Place, pack, unpack
from shared.connectors.activecampaign.tags import same_tag
from shared.domain.records import ABSENT, FieldName, FieldSpec, FieldType, Kind, Option, Ref, RemoteId, Value
from shared.errors import AuthError, ConfigError, CursorExpired, Rejected, Transient
from shared.ports.connector import Cursor, Op, Outcome, Write

OPTIONS = tuple(Option(text, text) for text in ("a", "b c", "ñ", "7"))
VALUES: dict[FieldType, st.SearchStrategy[Value]] = {
    FieldType.TEXT: st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), min_size=1),
    FieldType.CHOICE: st.sampled_from([option.value for option in OPTIONS]),
    FieldType.MULTI_CHOICE: st.frozensets(st.sampled_from([option.value for option in OPTIONS]), min_size=1),
    FieldType.DATE: st.dates(),
    FieldType.DATETIME: st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0)),
    FieldType.DECIMAL: st.decimals(
        allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12
    ),
}


def spec(kind: FieldType) -> FieldSpec:
    return FieldSpec(name=FieldName("field:1"), type=kind, options=OPTIONS)


@pytest.mark.parametrize("kind", VALUES)
def test_every_value_comes_back_as_it_was_sent(kind: FieldType) -> None:
    @given(VALUES[kind])
    def there_and_back(value: Value) -> None:
        assert from_text(spec(kind), to_text(spec(kind), value)) == value

    there_and_back()


@pytest.mark.parametrize("kind", VALUES)
def test_empty_is_none_both_ways(kind: FieldType) -> None:
    assert to_text(spec(kind), None) == ""
    assert from_text(spec(kind), "") is None
    assert from_text(spec(kind), None) is None


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (FieldType.DATE, "0000-00-00", None),
        (FieldType.DATETIME, "0000-00-00 00:00:00", None),
        (FieldType.DATETIME, "2026-05-28T03:05:54-05:00", datetime(2026, 5, 28, 8, 5, 54, tzinfo=UTC)),
        (FieldType.DATE, "2026-05-28 00:00:00", date(2026, 5, 28)),
        (FieldType.MULTI_CHOICE, "||b c||a||", frozenset({"a", "b c"})),
        (FieldType.MULTI_CHOICE, "a||b c", frozenset({"a", "b c"})),
        (FieldType.MULTI_CHOICE, "||", None),
        (FieldType.CHOICE, "an option that was removed", "an option that was removed"),
        (FieldType.TEXT, 0, "0"),
        (FieldType.DECIMAL, "12,5", ABSENT),
        (FieldType.DECIMAL, "NaN", ABSENT),
        (FieldType.DATE, "soon", ABSENT),
    ],
)
def test_what_the_vendor_stores_is_read_or_left_untold(kind: FieldType, raw: object, value: object) -> None:
    assert from_text(spec(kind), raw) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FieldType.TEXT, 1),
        (FieldType.TEXT, True),
        (FieldType.TEXT, "a\x00b"),
        (FieldType.CHOICE, "z"),
        (FieldType.MULTI_CHOICE, frozenset({"a", "z"})),
        (FieldType.DATE, datetime(2026, 1, 1, tzinfo=UTC)),
        (FieldType.DATETIME, date(2026, 1, 1)),
        (FieldType.DATETIME, datetime(2026, 1, 1)),  # noqa: DTZ001 - that is what is refused
        (FieldType.DECIMAL, "1"),
        (FieldType.DECIMAL, Decimal("Infinity")),
        (FieldType.TEXT, Ref(Kind("account"), RemoteId("1"))),
    ],
)
def test_a_value_of_another_kind_is_refused(kind: FieldType, value: Value) -> None:
    with pytest.raises(BadValueError):
        to_text(spec(kind), value)


# -- cursors -----------------------------------------------------------------------------------------------------------


@given(
    st.builds(
        Place,
        phase=st.sampled_from([Phase.LIST, Phase.VALUES]),
        select=st.just("s"),
        first=st.booleans(),
        last=st.integers(0, 10**9),
        anchor=st.sampled_from(["", "17"]),
        mark=st.just("2026-01-01T00:00:00+00:00"),
        todo=st.lists(st.sampled_from(["1", "22"]), min_size=1).map(tuple),
        singly=st.booleans(),
    )
)
def test_a_place_survives_its_cursor(place: Place) -> None:
    assert unpack(pack(place), "s") == place


@given(
    st.one_of(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps))
)
def test_what_is_no_cursor_is_expired_and_never_an_accident(text: str) -> None:
    with pytest.raises(CursorExpired):
        unpack(Cursor(text), "s")


@pytest.mark.parametrize(
    "change",
    [
        {"phase": "x"},
        {"last": "1"},
        {"mark": 5},
        {"mark": "soon"},
        {"evil": 1},
        {"todo": 7},
        {"phase": "values"},
        {"select": "t"},
    ],
)
def test_a_cursor_that_was_tampered_with_is_expired(change: dict[str, object]) -> None:
    members = json.loads(pack(Place(Phase.LIST, "s", mark="2026-01-01T00:00:00+00:00")))
    with pytest.raises(CursorExpired):
        unpack(Cursor(json.dumps(members | change)), "s")


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "outcome", "name"),
    [
        (404, {"message": "No Result found for Subscriber with id 7"}, Outcome.GONE, "http_404"),
        (403, {"message": "No Result found for FieldValue with id 7"}, Outcome.GONE, "http_403"),
        (422, {"errors": [{"title": "Email", "code": "duplicate"}]}, Outcome.REJECTED, "duplicate"),
        (422, {"errors": "Options may not be empty"}, Outcome.REJECTED, "http_422"),
        (403, {"message": "You have reached the contact limit of your account."}, Outcome.REJECTED, "contact_limit"),
        (400, {}, Outcome.REJECTED, "http_400"),
        (400, [], Outcome.REJECTED, "http_400"),
        (500, "oops", Outcome.UNKNOWN, "http_500"),
        (503, None, Outcome.UNKNOWN, "http_503"),
        (429, None, Outcome.NOT_TRIED, "http_429"),
    ],
)  # fmt: skip
def test_every_shape_of_error_is_read(status: int, body: object, outcome: Outcome, name: str) -> None:
    error = parse_error(status, json.dumps(body).encode() if body is not None else b"")
    assert (outcome_of(error), error.name) == (outcome, name)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, b'{"message": "Forbidden"}', AuthError),
        (200, b"<html>", AuthError),
        (401, b"", AuthError),
        (403, b'{"message": "You do not have permission to access this feature."}', Rejected),
        (404, b"{}", ConfigError),
        (500, b"", Transient),
        (422, b'{"errors": "x"}', ConfigError),
    ],
)
def test_a_refused_read_is_the_error_the_runtime_acts_on(status: int, body: bytes, kind: type[Exception]) -> None:
    error = raise_for(parse_error(status, body), "to read contacts")
    assert isinstance(error, kind)


# -- imports -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 30_000), max_size=600))
def test_imports_are_cut_by_number_and_by_bytes_and_lose_nobody(lengths: list[int]) -> None:
    write = Write(key="k", op=Op.CREATE, ref=Ref(Kind("contact"), RemoteId("")))
    contacts = [{"email": f"{n}@x.example", "phone": "ñ" * (length // 2)} for n, length in enumerate(lengths)]
    items = [(write, encode({**contact, "exclude_automations": True})) for contact in contacts]
    chunks = _chunks(items)
    assert [item for chunk in chunks for item in chunk] == items
    for chunk in chunks:
        body = encode({"contacts": [json.loads(item) for _, item in chunk], "exclude_automations": True})
        assert len(chunk) <= 250
        assert len(body) <= MAX_BYTES or len(chunk) == 1


@pytest.mark.parametrize("length", [0, 20, 60, 700, 12_000])
def test_as_many_contacts_are_handed_over_as_one_import_takes(length: int) -> None:
    """Cut by number alone, an import that is a little too long would go as two halves."""
    values = {FieldName(f"field:{place}"): "v" * length for place in range(10, 50 if length else 10)}
    writes = [
        Write(key=str(n), op=Op.CREATE, ref=Ref(Kind("contact"), RemoteId("")), match=f"p{n}@x.example", fields=values)
        for n in range(300)
    ]
    item = {"email": "p100@x.example", "fields": [{"id": 10 + n, "value": v} for n, v in enumerate(values.values())]}
    (fitting, *_) = _chunks([(write, encode(item | {"exclude_automations": True})) for write in writes])
    assert 0.95 * len(fitting) <= portion(writes) <= len(fitting)


class Time:
    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        raise AssertionError

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        raise AssertionError


@given(st.lists(st.floats(0, 30), min_size=1, max_size=300))
def test_no_minute_holds_more_than_the_limit(pauses: list[float]) -> None:
    time = Time()
    window = MinuteWindow(time, 10)
    taken: list[float] = []
    for pause in pauses:
        time.passed += pause
        if window.take() == 0.0:
            taken.append(time.passed)
    for place, moment in enumerate(taken):
        assert sum(1 for other in taken[place:] if other < moment + 60.0) <= 10


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 250)), max_size=60), st.integers(1, 3000))
def test_after_its_pause_the_minute_has_room_for_calls_as_full_as_the_last(
    calls: list[tuple[float, int]], writes: int
) -> None:
    time = Time()
    window = MinuteWindow(time, 10)
    sent: list[tuple[float, int]] = []
    for pause, contacts in calls:
        time.passed += pause
        if window.take(contacts) == 0.0:
            sent.append((time.passed, contacts))
    last = [contacts for at, contacts in sent if at > time.passed - 60.0]
    wait = window.pause(writes)
    assert 0.0 <= wait <= 60.001
    time.passed += wait + 0.001
    needed = min(10, math.ceil(writes * len(last) / sum(last))) if last else 0
    assert [window.take() for _ in range(needed)] == [0.0] * needed


def test_the_pause_is_no_longer_than_needed() -> None:
    time = Time()
    window = MinuteWindow(time, 10)
    for _ in range(6):
        assert window.take(250) == 0.0
        time.passed += 1.0
    assert window.pause(750) == 0.0
    assert window.pause(1000) == 60.0 - 6.0
    assert window.pause(2000) == 60.0 - 6.0 + 4.0
    assert window.pause(10**6) == 60.0 - 1.0


@pytest.mark.parametrize(
    ("one", "other", "same"), [("VIP", " vip ", True), ("D365: Lead", "d365: lead", True), ("VIP", "VIP 2", False)]
)
def test_tags_are_the_same_without_case(one: str, other: str, *, same: bool) -> None:
    assert same_tag(one, other) is same
