"""Calls of whole Marketo flows, both ways, against the ideal; and those of a day without changes."""

from __future__ import annotations

import pytest

from bench.marketo import day, flows

pytestmark = [pytest.mark.slow, pytest.mark.feature("MK-11.6", system="marketo")]

PEOPLE, CHANGED = 1500, 600
MARK = 7500
"""Calls a day below which an idle sync should stay, by the vendor's white paper."""


@pytest.mark.parametrize("imports", [True, False])
def test_every_flow_takes_at_most_three_hundredths_more_calls_than_the_ideal_and_one_page(*, imports: bool) -> None:
    *found, idle = flows(PEOPLE, CHANGED, imports=imports)
    assert [each.phase for each in found] == ["into an empty subscription", "changed in Dynamics", "changed in Marketo"]
    for each in found:
        # A page of a log that was read to its end is asked once more, so what follows it may take one page more.
        assert each.measured.total() <= 1.03 * each.ideal.total() + 2, each
    assert idle.measured == idle.ideal
    assert day(idle) < MARK, day(idle)
