"""What a process remembers of its systems, and for whom it is too old."""

from __future__ import annotations

from shared.connectors.surroundings import Memo


def test_a_caller_who_takes_nothing_old_refreshes_what_all_remember() -> None:
    now = [0.0]
    memo = Memo(lambda: now[0])
    fetched = iter(["first", "second", "third"])
    assert memo.get(("schema",), 3600.0, lambda: next(fetched)) == "first"
    now[0] = 100.0
    assert memo.get(("schema",), 3600.0, lambda: next(fetched)) == "first"
    assert memo.capped(200.0).get(("schema",), 3600.0, lambda: next(fetched)) == "first"
    assert memo.capped(60.0).get(("schema",), 3600.0, lambda: next(fetched)) == "second"
    assert memo.get(("schema",), 3600.0, lambda: next(fetched)) == "second"
    assert memo.capped(0.0).get(("schema",), 3600.0, lambda: next(fetched)) == "third"
