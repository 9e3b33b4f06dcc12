"""A request while a back-fill is under way, on the real clock and the emulated storage; small enough for every run.

`python -m bench.engine --inbox` is the same with 50,000 rows and the options a connection has by default.
"""

from __future__ import annotations

from uuid import uuid4

import pytest

from bench.engine import inbox
from shared.azure.ambient import SystemClock
from shared.azure.tables import Tables
from shared.sync.options import Options

pytestmark = [pytest.mark.storage, pytest.mark.slow]

ROWS = 6000


@pytest.mark.feature("HUB-35")
def test_a_request_does_not_wait_for_the_back_fill(azurite: str) -> None:
    store = Tables.by_connection_string(azurite, SystemClock()).store(f"wait{uuid4().hex}")
    waited = inbox(ROWS, store, latency=0.4, requests=1, options=Options(inbox_every=0.5))
    assert waited.pending > ROWS / 2, "without a back-fill the request has nothing to wait for"
    assert waited.loaded < ROWS, "the back-fill ended first"
    assert waited.kept
