"""A feed that tells a record in parts: a row first, then values that its rows do not hold."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.domain.records import FieldName, Gone, Kind, Record, Ref, RemoteId
from shared.sync.intake import _latest

REF = Ref(Kind("contact"), RemoteId("7"))
NAME, SCORE = FieldName("name"), FieldName("score")
WHEN = datetime(2026, 6, 10, tzinfo=UTC)


def test_parts_of_one_record_in_one_page_are_one_record() -> None:
    row = Record(REF, {NAME: "Ann"}, modified_at=WHEN, labels=frozenset({"vip"}))
    assert _latest([row, Record(REF, {SCORE: "9"})]) == {
        REF: Record(REF, {NAME: "Ann", SCORE: "9"}, modified_at=WHEN, labels=frozenset({"vip"}))
    }


def test_what_is_told_later_counts_and_a_clear_is_told() -> None:
    later = Record(REF, {NAME: None}, labels=frozenset())
    assert _latest([Record(REF, {NAME: "Ann", SCORE: "9"}, labels=frozenset({"vip"})), later]) == {
        REF: Record(REF, {NAME: None, SCORE: "9"}, labels=frozenset())
    }


def test_a_record_that_is_gone_has_no_parts_and_one_that_is_back_has_only_its_new_ones() -> None:
    row, gone = Record(REF, {NAME: "Ann"}), Gone(REF)
    assert _latest([row, gone]) == {REF: gone}
    assert _latest([row, gone, Record(REF, {SCORE: "9"})]) == {REF: Record(REF, {SCORE: "9"})}
