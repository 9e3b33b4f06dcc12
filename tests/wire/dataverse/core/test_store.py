"""The rows of the organisation: transactions, order, indexes, logs."""

from __future__ import annotations

import contextlib
import random
import threading
from typing import Any

import pytest

from simulators.dataverse.store import Ref, Store


def store_with(*names: str) -> Store:
    store = Store()
    table = store.add_table("t", "id")
    del table
    with store.transaction():
        for name in names:
            store.put("t", {"id": name, "name": name, "group": Ref("g", name[0])})
    return store


class _Boom(Exception):
    pass


def test_a_failed_transaction_leaves_nothing() -> None:
    store = store_with("a1", "b1")
    before = {name: store["t"].get(name) for name in ("a1", "b1")}
    seen: list[str] = []

    def fail() -> None:
        with store.transaction() as outer:
            outer.on_commit(lambda: seen.append("outer"))
            store.put("t", {**(store["t"].get("a1") or {}), "name": "changed"})
            store.put("t", {"id": "c1", "name": "c1"})
            store.delete("t", "b1")
            with store.transaction() as inner:
                inner.on_commit(lambda: seen.append("inner"))
                store.put("t", {"id": "d1", "name": "d1"})
            raise _Boom

    store["t"].find("name", "a1")
    with pytest.raises(_Boom):
        fail()
    assert seen == []
    assert list(store["t"].ids()) == ["a1", "b1"]
    assert {name: store["t"].get(name) for name in ("a1", "b1")} == before
    assert store["t"].find("name", "changed") == []
    assert [row["id"] for row in store["t"].find("name", "A1")] == ["a1"]
    assert store["t"].deletions == []
    assert [row_id for _, row_id in store["t"].changed(0, store.version)] == ["a1", "b1"]


def test_an_inner_failure_keeps_the_outer_work() -> None:
    store = store_with("a1")
    seen: list[str] = []

    def fail() -> None:
        with store.transaction():
            store.put("t", {"id": "c1"})
            store.on_commit(lambda: seen.append("lost"))
            raise _Boom

    with store.transaction():
        store.put("t", {"id": "b1"})
        store.on_commit(lambda: seen.append("kept"))
        with pytest.raises(_Boom):
            fail()
        assert seen == []
    assert list(store["t"].ids()) == ["a1", "b1"]
    assert seen == ["kept"]
    store.on_commit(lambda: seen.append("at once"))
    assert seen[-1] == "at once"


def test_versions_go_up_and_are_never_given_twice() -> None:
    store = store_with("a1", "a2")

    def fail() -> None:
        with store.transaction():
            store.put("t", {"id": "x"})
            raise _Boom

    with pytest.raises(_Boom):
        fail()
    taken = store.version
    store.put("t", {"id": "y"})
    assert store.version > taken
    versions = [row["versionnumber"] for row in store["t"].rows()]
    assert len(set(versions)) == len(versions)


def test_find_follows_writes() -> None:
    store = store_with("a1", "a2", "b1")
    assert [row["id"] for row in store["t"].find("group", Ref("g", "a"))] == ["a1", "a2"]
    store.put("t", {**(store["t"].get("a1") or {}), "group": Ref("g", "b")})
    store.delete("t", "b1")
    assert [row["id"] for row in store["t"].find("group", Ref("", "b"))] == ["a1"]
    store.put("t", {"id": "n1", "group": None})
    assert [row["id"] for row in store["t"].find("group", None)] == ["n1"]
    with pytest.raises(KeyError):
        store.delete("t", "nothing")


def test_held_rows_keep_their_version() -> None:
    store = store_with("a1")
    version = store.hold("t", {"id": "late"})
    store.put("t", {"id": "b1"})
    assert store["t"].get("late") is None
    assert store.oldest_open_version() == version - 1
    row = store.release(version)
    assert row["versionnumber"] == version
    assert store.oldest_open_version() == store.version
    assert [row_id for _, row_id in store["t"].changed(0, store.version)] == ["a1", "late", "b1"]
    with pytest.raises(KeyError):
        store.release(version)


def test_the_log_is_compacted_without_losing_changes() -> None:
    store = store_with("a1", "a2")
    start = store.version
    for number in range(6_000):
        with store.transaction():
            store.put("t", {"id": "a1", "name": str(number)})
    assert [row_id for _, row_id in store["t"].changed(start, store.version)] == ["a1"]
    assert [row_id for _, row_id in store["t"].changed(0, store.version)] == ["a2", "a1"]
    assert len(store["t"]) == 2


def _write(store: Store, name: str, value: str | None, *, fails: bool) -> None:
    with store.transaction():
        if value is not None:
            store.put("t", {"id": name, "name": value})
        elif store["t"].get(name) is not None:
            store.delete("t", name)
        if fails:
            raise _Boom


@pytest.mark.parametrize("seed", range(5))
def test_random_histories_agree_with_a_plain_dictionary(seed: int) -> None:
    chance, store, plain = random.Random(seed), store_with(), dict[str, Any]()
    marks = [(store.version, dict(plain))]
    for _ in range(400):
        name, op = f"r{chance.randrange(40)}", chance.random()
        fails = chance.random() < 0.2
        value = str(chance.randrange(100)) if op < 0.7 else None
        with contextlib.suppress(_Boom):
            _write(store, name, value, fails=fails)
            if value is None:
                plain.pop(name, None)
            else:
                plain[name] = value
        if chance.random() < 0.05:
            marks.append((store.version, dict(plain)))
    assert {str(row["id"]): row["name"] for row in store["t"].rows()} == plain
    assert list(store["t"].ids()) == sorted(plain)
    for version, old in marks:
        changed = {row_id for _, row_id in store["t"].changed(version, store.version)}
        removed = {row_id for _, row_id in store["t"].deleted(version, store.version)}
        assert {name for name in plain if name not in old} <= changed
        assert {name for name in old if name not in plain} <= removed
        untouched = {name for name in plain if name not in changed}
        assert all(old[name] == plain[name] for name in untouched)


def test_many_threads_write_without_losing_anything() -> None:
    store = store_with()

    def work(number: int) -> None:
        for each in range(200):
            with store.transaction():
                store.put("t", {"id": f"{number}-{each}"})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store["t"]) == 800
    assert len(store["t"].changed(0, store.version)) == 800
