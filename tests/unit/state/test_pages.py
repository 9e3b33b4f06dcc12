"""Pages: how they split, how readers find them, and how many calls that takes."""

from __future__ import annotations

import pytest

from shared.domain.identity import LinkKey
from shared.ports.state import MAX_OPERATIONS
from shared.state import LaneChanges, LaneId, LaneStore
from shared.state.page import Page
from shared.state.pages import WINDOW, Pages, Tree, row_key
from tests.fakes.partition_store import Call, Fault
from tests.unit.state.world import LANE, World, key, link, match, partner


def _leaves(world: World, tree: str = "l") -> list[str]:
    rows = world.store.rows(LANE.partition)
    return sorted(name[2:] for name, row in rows.items() if name.startswith(f"{tree}.") and "split" not in row.cells)


@pytest.fixture(scope="module")
def thousand() -> World:
    """A thousand links in pages of their real size. Tests may read it only."""
    world = World()
    held = world.acquire()
    for start in range(0, 1000, 250):
        held.fold(LaneChanges(links=[link(number, fields=15) for number in range(start, start + 250)]))
    held.release()
    return world


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("shared.state.page.SPLIT_BYTES", 1000)
    return World()


def test_pages_hold_about_a_hundred_links_and_stay_below_a_property(thousand: World) -> None:
    leaves = _leaves(thousand)
    assert 8 <= len(leaves) <= 16
    for name in leaves:
        body = thousand.store.rows(LANE.partition)[f"l.{name}"].cells["d0"]
        assert isinstance(body, bytes)
        assert len(body) <= 50 * 1024
        assert "d1" not in thousand.store.rows(LANE.partition)[f"l.{name}"].cells


def test_a_split_leaves_a_marker_and_two_children_in_one_transaction(small: World) -> None:
    written: list[tuple[str, ...]] = []
    small.store.fault = lambda call: written.append(call.keys) if call.method == "transact" else None  # type: ignore[func-returns-value]
    held = small.acquire()
    written.clear()
    number = 0
    while len(_leaves(small)) < 2:
        held.fold(LaneChanges(links=[link(number)]))
        number += 1
    assert {"l.", "l.0", "l.1", "tree", "lane"} <= set(written[-1])
    assert small.store.rows(LANE.partition)["l."].cells["split"] is True
    assert _leaves(small) == ["0", "1"]


def test_an_overgrown_page_splits_as_deep_as_it_must(small: World) -> None:
    held = small.acquire()
    held.fold(LaneChanges(links=[link(number) for number in range(200)]))
    leaves = _leaves(small)
    assert len(leaves) > 30
    assert {found.key for found in held.scan_links()} == {key(number) for number in range(200)}
    rows = small.store.rows(LANE.partition)
    inner = {name for name, row in rows.items() if name.startswith("l.") and "split" in row.cells}
    assert all(name + bit in rows for name in inner for bit in "01")


def test_a_link_larger_than_a_page_stands_alone(small: World) -> None:
    held = small.acquire()
    held.fold(LaneChanges(links=[link(number, fields=80) for number in range(3)]))
    assert len(list(held.scan_links())) == 3
    held.fold(LaneChanges(links=[link(number, fields=5000) for number in range(2)]))
    assert small.take_over().links([key(1)]) == {key(1): link(1, fields=5000)}


def test_one_link_is_two_reads_and_the_next_ones_of_its_page_none(thousand: World) -> None:
    held = thousand.acquire()
    before = thousand.store.usage.copy()

    held.links([key(1)])
    assert thousand.store.usage.since(before).requests == 2, "the directory and the page"
    held.links([key(1)])
    assert thousand.store.usage.since(before).requests == 2
    held.release()


def test_many_neighbours_are_one_range_and_strangers_are_point_reads(thousand: World) -> None:
    held = thousand.acquire()
    before = thousand.store.usage.copy()
    assert len(held.links(key(number) for number in range(1000))) == 1000
    used = thousand.store.usage.since(before)
    assert (used.gets, used.scans) == (0, 2)
    held.release()

    leaves = _leaves(thousand)
    first = {name: next(n for n in range(1000) if _bits(key(n)).startswith(name)) for name in leaves}
    held = thousand.acquire()
    before = thousand.store.usage.copy()
    held.links([key(first[leaves[0]]), key(first[leaves[-1]])])
    used = thousand.store.usage.since(before)
    assert (used.gets, used.scans) == (2, 1)
    held.release()


def _bits(name: LinkKey) -> str:
    return f"{int.from_bytes(name, 'big'):096b}"


def test_a_scan_can_be_left_and_taken_up_anywhere(thousand: World) -> None:
    reader = thousand.lane.reader()
    whole = list(reader.scan_links())
    assert len(whole) == 1000
    assert [found.key for found in whole] == sorted(found.key for found in whole)
    for at in (0, 1, 500, 998, 999):
        rest = list(reader.scan_links(after=whole[at].key))
        assert rest == whole[at + 1 :]
        assert list(reader.scan_links(after=whole[at].key, limit=3)) == whole[at + 1 : at + 4]
    assert list(reader.scan_links(limit=0)) == []
    assert list(reader.scan_links(after=LinkKey(b"\xff" * 12))) == []


def test_folding_behind_a_scan_does_not_disturb_it(small: World) -> None:
    held = small.acquire()
    held.fold(LaneChanges(links=[link(number) for number in range(150)]))
    seen = []
    for count, found in enumerate(held.scan_links()):
        seen.append(found.key)
        if count % 10 == 0:
            held.fold(LaneChanges(links=[link(1000 + count + more) for more in range(8)]))
    assert seen == sorted(seen)
    assert {key(number) for number in range(150)} <= set(seen)
    assert len(set(seen)) == len(seen)


def test_a_reader_without_the_lease_follows_pages_that_were_split_since(small: World) -> None:
    held = small.acquire()
    held.fold(LaneChanges(links=[link(number) for number in range(10)]))
    readers = [small.lane.reader() for _ in range(3)]
    for reader in readers:
        for tree in Tree:
            reader.pages.directory(tree)
    held.fold(LaneChanges(links=[link(number) for number in range(10, 300)]))
    assert len(_leaves(small)) > 30

    assert len(readers[0].links(key(number) for number in range(300))) == 300
    assert [found.key for found in readers[1].scan_links()] == sorted(key(number) for number in range(300))
    assert readers[2].by_partner([partner(200)]) == {partner(200): key(200)}
    assert readers[2].by_match([match(200)])[match(200)].links == (key(200),)


def test_memory_stays_flat_however_many_links_there_are(monkeypatch: pytest.MonkeyPatch, small: World) -> None:
    monkeypatch.setattr("shared.state.pages.CACHE_BYTES", 20_000)
    held = small.acquire()
    held.fold(LaneChanges(links=[link(number) for number in range(400)]))
    assert len(list(held.scan_links())) == 400
    kept = held._reader.pages._cache
    assert 0 < len(kept) < WINDOW
    assert sum(map(len, kept.values())) == held._reader.pages._cached <= 20_000


def test_every_transaction_of_a_large_fold_is_within_the_service_s_limits() -> None:
    """The store refuses what the real service would; here large links meet large pages."""
    world = World()
    held = world.acquire()
    sizes: list[int] = []

    def measure(call: Call) -> Fault:
        if call.method == "transact":
            sizes.append(len(call.operations))
        return Fault.NONE

    world.store.fault = measure
    held.fold(LaneChanges(links=[link(number, fields=60) for number in range(1500)]))
    assert len(list(held.scan_links())) == 1500
    assert len(sizes) > 1
    assert max(sizes) <= MAX_OPERATIONS


def test_lanes_share_a_table_and_nothing_else() -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(links=[link(1)]))
    other = LaneStore(world.store, LaneId("c0ffee", "shard2"), clock=world.clock, ids=world.ids)
    theirs = other.acquire("w")
    assert theirs is not None
    theirs.fold(LaneChanges(links=[link(1, version=7), link(2)]))

    assert other.erase() > 3
    assert world.store.rows("c0ffee.shard2") == {}
    assert held.links([key(1), key(2)]) == {key(1): link(1)}


@pytest.mark.parametrize("name", ["", "ada@example.com", "a/b", "a#b", "a?b", "a b", "é", "x" * 121, "a.b"])
def test_a_lane_is_named_by_opaque_ids_only(name: str) -> None:
    with pytest.raises(ValueError, match="must be 1 to 120"):
        LaneId(name, "main")
    with pytest.raises(ValueError, match="must be 1 to 120"):
        LaneId("conn", name)


def test_no_key_and_no_cell_tells_an_address(thousand: World) -> None:
    """I14. What state holds of a match value is its keyed digest."""
    for name, row in thousand.store.rows(LANE.partition).items():
        assert set(name) <= set("0123456789abcdefghijklmnopqrstuvwxyz.")
        assert not any(isinstance(cell, bytes) and b"example.com" in cell for cell in row.cells.values())
    assert thousand.lane.reader().by_match([match(3)])[match(3)].links == (key(3),)


def test_a_page_that_a_fold_left_without_entries_is_walked_as_it_is_and_not_read_again() -> None:
    world = World()
    held = world.acquire()
    held.fold(LaneChanges(links=[link(1)]))
    pages, emptied = Pages(world.store, LANE.partition), Page("")
    walked = list(pages.walk(Tree.LINKS, [key(1)], {row_key(Tree.LINKS, ""): emptied}.get))
    assert walked == [(emptied, [key(1)])]
    assert [len(page) for page, _ in pages.walk(Tree.LINKS, [key(1)])] == [1]
