"""How slow the machine is at this moment, so that a promise in seconds is judged as on a usual one.

The yardstick is work in the page's own browser, of the kinds that a page does: arithmetic, making objects, looking them
up. What else the machine does takes its time from both alike.
"""

from __future__ import annotations

from tests.page.conftest import Tab

USUAL = 250.0
"""Milliseconds of this work on a machine for which the promises are made (one core of a shared server, 2.5 GHz)."""

_WORK = """() => {
  const begun = performance.now();
  let sum = 1;
  for (let i = 0; i < 30000000; i += 1) sum = (sum * 31 + i) | 0;
  const many = Array.from({ length: 300000 }, (_, i) => ({ key: `k${i % 977}`, value: i + sum }));
  const found = new Map();
  for (const { key, value } of many) found.set(key, (found.get(key) ?? 0) + value);
  return performance.now() - begun;
}"""


def slowness(tab: Tab) -> float:
    """How many times longer than usual the work takes; 1 at least."""
    took: float = tab.page.evaluate(_WORK)
    return max(1.0, took / USUAL)
