"""Consent of more than two levels, where one side alone was told."""

from __future__ import annotations

import pytest

from shared.domain.records import ABSENT, FieldType, Side
from tests.unit.domain.kit import base, decide, one_field, spec


@pytest.mark.feature("HUB-10.1")
def test_a_level_that_is_not_the_strictest_is_written_only_once_the_other_side_was_looked_at() -> None:
    """Something stricter may stand there by now, unseen. The strictest one loosens nothing, whatever stands there."""
    options = {"options": ("1", "2", "3")}
    crm, partner = spec("a", FieldType.CHOICE, **options), spec("b", FieldType.CHOICE, **options)
    item = one_field(crm, partner, policy={"rule": "restrictive", "strict": ["3", "2"]})
    agreed = base(item, "1", "1")
    unseen = decide(item, agreed, "2", ABSENT)
    assert (unseen.need, any(unseen.writes.values())) == ({Side.PARTNER}, False)
    assert decide(item, agreed, "2", "3").writes == {Side.CRM: {"a": "3"}, Side.PARTNER: {}}
    assert decide(item, agreed, "2", "1").writes == {Side.CRM: {}, Side.PARTNER: {"b": "2"}}
    strictest = decide(item, agreed, "3", ABSENT)
    assert (strictest.need, strictest.writes[Side.PARTNER]) == (frozenset(), {"b": "3"})
