"""A record that one run wrote several times is taken back as if it had been written once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest

from shared.domain.records import ABSENT, FieldName, FieldState, Kind, Ref, RemoteId, Side
from shared.manage.once import joined, once
from shared.ports.connector import Op
from shared.ports.report import Image

NAME, PHONE = FieldName("name"), FieldName("phone")


def image(before: object, after: object, *, link: str = "a1", op: Op = Op.UPDATE, name: FieldName = NAME) -> Image:
    ref = Ref(Kind("contact"), RemoteId(link))
    values = ({name: before}, {name: after}) if op is Op.UPDATE else ({}, {})
    return Image(link=link, entity="contact", side=Side.PARTNER, op=op, ref=ref, before=values[0], after=values[1])  # type: ignore[arg-type]


def form(_: Image, __: FieldName, value: FieldState) -> object:
    return value.strip() if isinstance(value, str) else value


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_origin_and_the_end_of_a_chain_are_found_in_any_order(order: Sequence[int]) -> None:
    chain = [image("first", "second"), image("second ", "third"), image("third", "last")]
    whole = joined([chain[number] for number in order], form)
    assert (dict(whole.before), dict(whole.after)) == ({NAME: "first"}, {NAME: "last"})


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_what_came_back_to_what_it_was_is_left_alone(order: Sequence[int]) -> None:
    chain = [image("first", "second"), image("second", "first")]
    assert dict(joined([chain[number] for number in order], form).after) == {}


@pytest.mark.parametrize(
    "other",
    [image("typed by somebody", "last"), image(ABSENT, "last"), image("second", None), image(ABSENT, None)],
    ids=["edited in between", "not read", "cleared", "found again"],
)
def test_a_former_value_is_only_told_when_it_is_certain(other: Image) -> None:
    known = other.before[NAME] == "second"
    for some in ([image("first", "second"), other], [other, image("first", "second")]):
        assert joined(some, form).before[NAME] == ("first" if known else ABSENT)


def test_fields_of_a_record_are_told_apart_and_other_records_stay_as_they_are() -> None:
    rows = {
        "r1": [image("first", "second"), image("x", "y", link="b2")],
        "r2": [image("1", "2", name=PHONE), image("", "", link="c3", op=Op.CREATE), image(None, "z", link="c3")],
    }

    def pages(run: str, after: str) -> tuple[str, list[Image]]:
        assert run == "run"
        place = {"": "r1", "r1": "r2", "r2": ""}[after]
        return place, rows.get(place, [])

    found = once(pages, "run", form)
    told = {place: found.of(place, images, removing=False) for place, images in rows.items()}
    assert [one.link for one in told["r1"]] == ["a1", "b2"]
    assert dict(told["r1"][0].before) == {NAME: "first", PHONE: "1"}
    assert [(one.link, one.op) for one in told["r2"]] == [("c3", Op.CREATE), ("c3", Op.UPDATE)]
    assert [(one.link, one.op) for one in found.of("r2", rows["r2"], removing=True)] == [("c3", Op.CREATE)]
