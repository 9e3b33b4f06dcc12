"""What every PartitionStore must do. A test class inherits it and gives the fixture `store` (an empty table)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from shared.ports.state import (
    MAX_CELL_BYTES,
    MAX_CELLS,
    MAX_OPERATIONS,
    Cell,
    Conflict,
    Insert,
    Operation,
    PartitionStore,
    Put,
    Remove,
    Replace,
)
from shared.state.envelope import MAX_BODY_BYTES, to_cells

EVERY_TYPE: dict[str, Cell] = {
    "text": 'ünïcödé 😀 it\'s "quoted"\n',
    "empty": "",
    "small": 7,
    "negative": -1,
    "large": 2**63 - 1,
    "fraction": 0.1,
    "whole": 3.0,
    "yes": True,
    "no": False,
    "bytes": bytes(range(256)),
    "nothing": b"",
    "time": datetime(2031, 2, 3, 4, 5, 6, 789012, tzinfo=UTC),
}


class PartitionStoreContract:
    """The behaviour `shared.state` builds on."""

    def test_a_row_comes_back_as_it_was_written(self, store: PartitionStore) -> None:
        etags = store.transact("p", [Insert("k", EVERY_TYPE)])

        row = store.get("p", "k")

        assert row is not None
        assert row.key == "k"
        assert dict(row.cells) == EVERY_TYPE
        assert {name: type(cell) for name, cell in row.cells.items()} == {n: type(c) for n, c in EVERY_TYPE.items()}
        assert row.etag == etags["k"]
        assert row.stamped.tzinfo is not None
        assert abs(row.stamped - store.now()) < timedelta(seconds=10)

    def test_a_time_of_another_zone_comes_back_in_utc(self, store: PartitionStore) -> None:
        from zoneinfo import ZoneInfo

        at = datetime(2031, 7, 1, 12, tzinfo=ZoneInfo("Europe/Rome"))
        store.transact("p", [Insert("k", {"at": at})])

        row = store.get("p", "k")

        assert row is not None
        assert row.cells["at"] == at
        assert isinstance(row.cells["at"], datetime)
        assert row.cells["at"].utcoffset() == timedelta(0)

    def test_nothing_is_found_where_nothing_is(self, store: PartitionStore) -> None:
        assert store.get("p", "k") is None
        assert store.get_many("p", ["a", "b"]) == {}
        assert list(store.scan("p", "a", "z")) == []

        store.transact("p", [Insert("k", {"n": 1})])

        assert store.get("p", "other") is None
        assert store.get("q", "k") is None

    def test_many_rows_are_read_by_key(self, store: PartitionStore) -> None:
        store.transact("p", [Insert(f"k{number:02d}", {"n": number}) for number in range(40)])

        rows = store.get_many("p", [f"k{number:02d}" for number in (3, 39, 3, 17, 99)])

        assert {key: row.cells["n"] for key, row in rows.items()} == {"k03": 3, "k17": 17, "k39": 39}

    def test_a_range_is_half_open_ordered_and_bounded(self, store: PartitionStore) -> None:
        keys = ["a.1", "a.0", "a.10", "a.!", "b", "a", "a.~", "A.1", "a.01", "i.", "a/"]
        keys = [key for key in keys if "/" not in key]
        store.transact("p", [Insert(key, {"n": 1}) for key in keys])
        store.transact("q", [Insert("a.5", {"n": 1})])

        assert [row.key for row in store.scan("p", "a.", "a/")] == ["a.!", "a.0", "a.01", "a.1", "a.10", "a.~"]
        assert [row.key for row in store.scan("p", "a.0", "a.1")] == ["a.0", "a.01"]
        assert [row.key for row in store.scan("p", "a.", "a/", limit=2)] == ["a.!", "a.0"]
        assert [row.key for row in store.scan("p", "!", "~")] == sorted(keys)

    def test_a_range_longer_than_a_page_of_the_service_is_read_whole(self, store: PartitionStore) -> None:
        for start in range(0, 1100, 100):
            store.transact("p", [Insert(f"r{number:04d}", {"n": number}) for number in range(start, start + 100)])

        assert [row.cells["n"] for row in store.scan("p", "r", "s")] == list(range(1100))
        assert len(store.scan("p", "r", "s", limit=1050)) == 1050

    def test_an_insert_needs_a_free_key(self, store: PartitionStore) -> None:
        store.transact("p", [Insert("k", {"n": 1})])

        with pytest.raises(Conflict) as refused:
            store.transact("p", [Insert("a", {"n": 2}), Insert("k", {"n": 2})])

        assert refused.value.key in {"k", ""}
        assert store.get("p", "a") is None

    def test_a_replace_needs_the_etag_it_was_read_with(self, store: PartitionStore) -> None:
        first = store.transact("p", [Insert("k", {"n": 1, "gone": True})])["k"]
        second = store.transact("p", [Replace("k", {"n": 2}, first)])["k"]

        with pytest.raises(Conflict):
            store.transact("p", [Replace("k", {"n": 3}, first)])

        row = store.get("p", "k")
        assert row is not None
        assert (dict(row.cells), row.etag) == ({"n": 2}, second)
        assert first != second

    @pytest.mark.parametrize(
        "operation",
        [lambda etag: Replace("k", {"n": 9}, etag), lambda etag: Remove("k", etag)],
        ids=["replace", "remove"],
    )
    def test_a_condition_on_a_row_that_is_gone_is_a_conflict(
        self, store: PartitionStore, operation: Callable[[str], Operation]
    ) -> None:
        etag = store.transact("p", [Insert("k", {"n": 1})])["k"]
        store.transact("p", [Remove("k")])

        with pytest.raises(Conflict):
            store.transact("p", [Insert("other", {"n": 1}), operation(etag)])

        assert store.get("p", "other") is None
        with pytest.raises(Conflict) as alone:
            store.transact("p", [operation(etag)])
        assert alone.value.key in {"k", ""}

    def test_a_row_in_a_table_that_nobody_wrote_to_cannot_be_replaced(self, store: PartitionStore) -> None:
        with pytest.raises(Conflict):
            store.transact("p", [Replace("k", {"n": 1}, "W/\"datetime'2026-01-01T00%3A00%3A00.0000000Z'\"")])

        assert store.get("p", "k") is None

    def test_a_put_replaces_whatever_is_there(self, store: PartitionStore) -> None:
        store.transact("p", [Put("k", {"a": 1})])
        store.transact("p", [Put("k", {"b": 2})])

        row = store.get("p", "k")
        assert row is not None
        assert dict(row.cells) == {"b": 2}

    def test_removing_what_is_not_there_hinders_nothing(self, store: PartitionStore) -> None:
        store.transact("p", [Insert("k", {"n": 1})])

        etags = store.transact("p", [Remove("x"), Put("new", {"n": 2}), Remove("k"), Remove("y")])

        assert store.get("p", "k") is None
        row = store.get("p", "new")
        assert row is not None
        assert etags == {"new": row.etag}
        assert store.transact("p", [Remove("x"), Remove("y")]) == {}

    def test_a_transaction_is_all_or_nothing(self, store: PartitionStore) -> None:
        stale = store.transact("p", [Insert("a", {"n": 0})])["a"]
        store.transact("p", [Put("a", {"n": 1}), Insert("b", {"n": 1})])

        with pytest.raises(Conflict):
            store.transact("p", [Put("c", {"n": 2}), Remove("b"), Replace("a", {"n": 2}, stale)])

        rows = {row.key: row.cells["n"] for row in store.scan("p", "!", "~")}
        assert rows == {"a": 1, "b": 1}

    def test_a_whole_transaction_of_a_hundred_is_taken(self, store: PartitionStore) -> None:
        etags = store.transact("p", [Insert(f"k{number}", {"n": number}) for number in range(MAX_OPERATIONS)])

        assert len(etags) == MAX_OPERATIONS
        assert len(set(etags.values())) >= 1
        assert len(store.scan("p", "k", "l")) == MAX_OPERATIONS

    @pytest.mark.parametrize(
        "operations",
        [
            [],
            [Put(f"k{number}", {"n": 1}) for number in range(MAX_OPERATIONS + 1)],
            [Put("k", {"n": 1}), Remove("k")],
            [Put("a/b", {"n": 1})],
            [Put("a\\b", {"n": 1})],
            [Put("a#b", {"n": 1})],
            [Put("a?b", {"n": 1})],
            [Put("a\tb", {"n": 1})],
            [Put("k" * 513, {"n": 1})],
            [Put("k", {"n": b"x" * (MAX_CELL_BYTES + 1)})],
            [Put("k", {"n": "x" * (MAX_CELL_BYTES // 2 + 1)})],
            [Put("k", {f"n{number}": 1 for number in range(MAX_CELLS + 1)})],
            [Put("k", {f"n{number}": b"x" * MAX_CELL_BYTES for number in range(17)})],
            [Put(f"k{number}", {"n": b"x" * MAX_CELL_BYTES}) for number in range(60)],
            [Put("k", {"n": 2**63})],
            [Put("k", {"n": datetime(2030, 1, 1)})],  # noqa: DTZ001 - the very thing that is refused
            [Put("k", {"RowKey": "x"})],
            [Put("k", {"not a name": "x"})],
        ],
        ids=[
            "none",
            "101 operations",
            "one row twice",
            "slash",
            "backslash",
            "hash",
            "question mark",
            "control character",
            "key over 1 KiB",
            "bytes over 64 KiB",
            "text over 64 KiB",
            "253 cells",
            "row over 1 MiB",
            "over 4 MiB",
            "over 64 bits",
            "time without zone",
            "system property",
            "cell name",
        ],
    )
    def test_what_the_service_would_refuse_is_refused_here(
        self, store: PartitionStore, operations: list[Operation]
    ) -> None:
        before = store.usage.requests

        with pytest.raises(ValueError):  # noqa: PT011 - each limit words its own refusal, see test_limits
            store.transact("p", operations)

        assert store.usage.requests == before

    @pytest.mark.parametrize("key", ["a/b", "a\\b", "a#b", "a?b", "\x7f"])
    def test_a_forbidden_key_is_refused_in_reading_too(self, store: PartitionStore, key: str) -> None:
        with pytest.raises(ValueError, match="forbids"):
            store.get("p", key)

    def test_the_largest_row_lane_state_makes_is_taken(self, store: PartitionStore) -> None:
        cells = to_cells(b"\xff" * MAX_BODY_BYTES, order=1, parts=1)
        store.transact("p", [Put("k", cells)])

        row = store.get("p", "k")
        assert row is not None
        assert dict(row.cells) == cells

    def test_of_many_who_swap_at_once_each_counts(self, store: PartitionStore) -> None:
        store.transact("p", [Insert("k", {"n": 0})])

        def count() -> None:
            for _ in range(5):
                while True:
                    row = store.get("p", "k")
                    assert row is not None
                    assert isinstance(row.cells["n"], int)
                    try:
                        store.transact("p", [Replace("k", {"n": row.cells["n"] + 1}, row.etag)])
                        break
                    except Conflict:
                        continue

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        row = store.get("p", "k")
        assert row is not None
        assert row.cells["n"] == 20

    def test_its_use_is_counted(self, store: PartitionStore) -> None:
        store.transact("p", [Put(f"k{number}", {"n": b"x" * 100}) for number in range(3)])
        before = store.usage.copy()

        store.get("p", "k0")
        store.get_many("p", ["k0", "k1", "k7"])
        store.scan("p", "k", "l")
        store.transact("p", [Put("k0", {"n": b"y" * 100}), Remove("k1")])

        used = store.usage.since(before)
        assert (used.gets, used.scans, used.commits, used.requests) == (4, 1, 1, 6)
        assert (used.rows_read, used.rows_written) == (6, 2)
        assert 600 < used.bytes_read < 1200
        assert 100 < used.bytes_written < 250

    def test_its_clock_goes_forward(self, store: PartitionStore) -> None:
        first = store.now()
        assert first.tzinfo is not None
        assert store.now() >= first
