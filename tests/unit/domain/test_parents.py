"""Entities that come first: their order, and parents that can be nobody's."""

import pytest

from shared.domain.entity_map import EntityMap, parents_first
from shared.domain.map_rules import check_parents
from shared.domain.records import Kind


def entity(name: str, *parents: str) -> EntityMap:
    return EntityMap(name=name, crm_kind=Kind(name), partner_kind=Kind(name), parents=parents)


@pytest.mark.feature("HUB-28")
@pytest.mark.parametrize(
    ("entities", "expected"),
    [
        ([entity("contact", "account"), entity("account")], ["account", "contact"]),
        ([entity("a"), entity("b"), entity("c")], ["a", "b", "c"]),
        ([entity("d", "b", "c"), entity("c", "a"), entity("b", "a"), entity("a")], ["a", "b", "c", "d"]),
        ([entity("a", "gone"), entity("b")], ["a", "b"]),
        ([entity("a", "b"), entity("b", "a"), entity("c", "a")], ["b", "a", "c"]),
    ],
)
def test_parents_come_first(entities: list[EntityMap], expected: list[str]) -> None:
    assert [item.name for item in parents_first(entities)] == expected


@pytest.mark.parametrize(
    ("entities", "mistakes"),
    [
        ([entity("a", "b"), entity("b", "a"), entity("c", "a")], [("a.parents", "circle"), ("b.parents", "circle")]),
        ([entity("a", "a")], [("a.parents", "circle")]),
        ([entity("a", "b"), entity("b", "c"), entity("c", "a")], [(f"{name}.parents", "circle") for name in "abc"]),
        ([entity("a", "zzz", "b"), entity("b")], [("a.parents", "unknown_entity")]),
        (
            [entity("a", "b", "zzz"), entity("b", "a")],
            [("a.parents", "unknown_entity"), ("a.parents", "circle"), ("b.parents", "circle")],
        ),
    ],
)
def test_circles_and_unknown_parents_are_told_all_at_once(
    entities: list[EntityMap], mistakes: list[tuple[str, str]]
) -> None:
    assert [(item.place, item.code) for item in check_parents(entities)] == mistakes


def test_a_ladder_of_many_parents_is_no_long_work() -> None:
    """Two parents on each of forty steps: walked by path instead of by entity this would never end."""
    ladder = [entity(f"{step}{side}", f"{step + 1}a", f"{step + 1}b") for step in range(40) for side in "ab"]
    ends = [entity("40a"), entity("40b")]
    assert [item.name for item in parents_first([*ladder, *ends])][:2] == ["40a", "40b"]
    assert check_parents([*ladder, *ends]) == []
