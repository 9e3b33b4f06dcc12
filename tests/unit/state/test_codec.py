"""What is packed comes back exactly; what was not packed by us is refused."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.identity import Agreed, Digest, Link, LinkKey, LinkState, MatchKey
from shared.domain.records import Kind, Ref, RemoteId
from shared.errors import ConfigError
from shared.ports.state import Row
from shared.state import MatchEntry, StateDamaged, envelope
from shared.state.directory import Directory
from shared.state.links import in_words, pack_link, tally, unpack_link
from shared.state.page import KEY_BITS, Page, read_page
from shared.state.reverse import PartnerEntry, pack_match, unpack_match
from shared.state.words import Words, compact, expand
from tests.unit.state.world import link

names = st.text(min_size=1, max_size=12)
digests = st.binary(min_size=16, max_size=16).map(Digest)
agreed = st.one_of(digests.map(lambda one: Agreed(one, one)), st.builds(Agreed, digests, digests))
ids = st.one_of(
    st.uuids().map(str),
    st.integers(0, 10**20).map(str),
    st.sampled_from(["", "0", "00", "012", "-5", "7" * 30, "{A-b}", 'W/"12"', "AAMkAGI=", "é", "18446744073709551616"]),
    names,
).map(RemoteId)
refs = st.builds(Ref, st.sampled_from(["contact", "lead", "new_projet_é"]).map(Kind), ids)
revisions = st.one_of(st.just(""), st.integers(1, 10**12).map(lambda n: f'W/"{n}"'), st.text(max_size=30))
links = st.builds(
    Link,
    crm=refs,
    partner=st.none() | refs,
    entity=names,
    state=st.sampled_from(LinkState),
    agreed=st.dictionaries(names, agreed, max_size=70),
    crm_revision=revisions,
    partner_revision=revisions,
    match=st.none() | st.binary(min_size=12, max_size=12).map(MatchKey),
    incarnation=st.integers(0, 2**40),
    made=st.sampled_from(["", "crm", "partner"]),
    parked=st.dictionaries(st.just("") | names, names, max_size=3),
    labels=st.frozensets(names, max_size=4),
    flags=st.frozensets(names, max_size=3),
    ticket=st.text(max_size=20),
    alternations=st.dictionaries(names, st.binary(max_size=40), max_size=3),
    retry_at=st.integers(0, 2**40),
    tries=st.integers(0, 1000),
    seen_crm=st.integers(0, 2**40),
    seen_partner=st.integers(0, 2**40),
    sent_at=st.integers(0, 2**40),
    columns=st.integers(0, 2**32 - 1),
)


@settings(max_examples=80)
@given(st.lists(links, max_size=4))
def test_links_come_back_exactly(some: list[Link]) -> None:
    words = Words()
    blobs = [pack_link(one, words) for one in some]
    copied = Words(words.texts, words.shapes)
    assert [unpack_link(blob, copied) for blob in blobs] == some
    assert [pack_link(one, words) for one in some] == blobs, "packing is a function of the link and the page's words"


@given(st.lists(links, max_size=4), st.lists(names, max_size=3))
def test_links_in_other_words_are_as_if_packed_in_them(some: list[Link], known: list[str]) -> None:
    words = Words()
    blobs = [pack_link(one, words) for one in some]
    copied, packed = Words(dict.fromkeys(known)), Words(dict.fromkeys(known))
    assert [in_words(blob, words, copied) for blob in blobs] == [pack_link(one, packed) for one in some]
    assert (copied.texts, copied.shapes, copied.size) == (packed.texts, packed.shapes, packed.size)


@given(st.binary(max_size=60))
def test_links_of_another_form_have_no_other_words(blob: bytes) -> None:
    with pytest.raises(ValueError, match="does not decode"):
        in_words(blob, Words(["a"], [(0, 0, 0, 0, 0)]), Words())


def test_every_field_of_a_link_is_packed() -> None:
    """A field added to `Link` and not to its packing would be lost in silence: this fails first."""
    full: dict[str, Any] = {
        "crm": Ref(Kind("lead"), RemoteId("x")),
        "partner": Ref(Kind("person"), RemoteId("y")),
        "entity": "lead",
        "state": LinkState.AWAITING,
        "agreed": {"f": Agreed(Digest(b"1" * 16), Digest(b"2" * 16))},
        "crm_revision": "r1",
        "partner_revision": "r2",
        "match": MatchKey(b"m" * 12),
        "incarnation": 2,
        "made": "crm",
        "parked": {"f": "too_long"},
        "labels": frozenset({"pushed"}),
        "flags": frozenset({"outside"}),
        "ticket": "t",
        "alternations": {"f": b"abc"},
        "bases": {"f": b"12345678"},
        "retry_at": 3,
        "tries": 4,
        "seen_crm": 5,
        "seen_partner": 6,
        "sent_at": 7,
        "columns": 8,
    }
    assert set(full) == {field.name for field in fields(Link)}
    one, words = Link(**full), Words()
    assert unpack_link(pack_link(one, words), words) == one


@given(st.text(max_size=50) | ids)
def test_compact_texts_come_back_exactly(text: str) -> None:
    assert expand(compact(text)) == text


def test_common_ids_are_small() -> None:
    assert isinstance(compact("6f0b1c1e-5a52-4a0c-9a55-2f7d6c1f6d10"), bytes)
    assert compact("6F0B1C1E-5A52-4A0C-9A55-2F7D6C1F6D10") == "6F0B1C1E-5A52-4A0C-9A55-2F7D6C1F6D10"
    assert (compact("17"), compact("0"), compact("017"), compact('W/"9"'), compact("-9")) == (17, 0, "017", -9, "-9")


def test_a_link_of_fifteen_fields_takes_about_three_hundred_bytes() -> None:
    words = Words()
    assert len(pack_link(link(1, fields=15), words)) < 330
    assert len(pack_link(link(2, fields=15), words)) < 330


@given(
    st.lists(st.binary(min_size=12, max_size=12).map(LinkKey), unique=True, max_size=5),
    st.lists(refs, unique=True, max_size=5),
    st.booleans(),
)
def test_reverse_entries_come_back_exactly(keys: list[LinkKey], candidates: list[Ref], more: bool) -> None:
    words = Words()
    entry = MatchEntry(tuple(sorted(keys)), tuple(sorted(candidates)), more)
    assert unpack_match(pack_match(entry, words), words) == entry
    for match in (None, MatchKey(b"\x01" * 12), MatchKey(b"\x02" * 12)):
        known = PartnerEntry(tuple(sorted(keys)), match)
        assert PartnerEntry.unpack(known.pack()) == known


@pytest.mark.parametrize("blob", [b"", b"\x07", b"\x01abc", b"\x02abc", b"\x02" + b"x" * 13, b"\xff" * 13])
def test_reverse_entries_of_another_form_are_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match=r"entries|cut off"):
        PartnerEntry.unpack(blob)
    with pytest.raises(ValueError, match=r"entries|decode"):
        unpack_match(blob, Words())


@given(st.binary(max_size=60))
def test_links_of_another_form_are_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="does not decode"):
        unpack_link(blob, Words(["a"], [(0, 0, 0, 0, 0)]))


def test_a_tally_names_state_parked_fields_and_flags() -> None:
    one = link(1, parked={"f": "too_long"}, flags=frozenset({"outside"}))
    assert sorted(tally(one)) == ["contact.is:outside", "contact.linked", "contact.parked_fields"]
    assert list(tally(link(1, state=LinkState.PARKED, parked={"": "rejected"}))) == ["contact.parked"]


# -- envelopes --------------------------------------------------------------------------------------------------------


def _row(body: bytes, **cells: Any) -> Row:
    return Row("l.01", envelope.to_cells(body) | cells, "e", datetime(2030, 1, 1, tzinfo=UTC))


@given(st.binary(max_size=5000) | st.text(max_size=5000))
def test_an_envelope_gives_back_what_was_put_in(value: object) -> None:
    assert envelope.read("p", _row(envelope.pack(value))) == value


def test_text_is_compressed_and_digests_are_not() -> None:
    text = ["the same words again and again"] * 500
    noise = b"".join(link(number).agreed["field1"].crm for number in range(400))
    assert len(envelope.pack(text)) < 600
    assert len(noise) < len(envelope.pack(noise)) < len(noise) + 20
    assert envelope.read("p", _row(envelope.pack(text))) == text


def test_a_body_over_one_property_is_cut_into_chunks() -> None:
    noise = b"".join(link(number).agreed["field1"].crm for number in range(10000))
    row = _row(envelope.pack(noise))
    assert [name for name in row.cells if name.startswith("d")] == ["d0", "d1", "d2"]
    assert all(len(chunk) <= 65536 for chunk in row.cells.values() if isinstance(chunk, bytes))
    assert envelope.read("p", row) == noise
    with pytest.raises(ValueError, match="does not fit"):
        envelope.to_cells(b"x" * (envelope.MAX_BODY_BYTES + 1))


@given(st.data())
def test_any_flipped_bit_is_refused_with_the_place_and_the_reason(data: st.DataObject) -> None:
    body = envelope.pack({"some": "value" * data.draw(st.integers(1, 600))})
    at = data.draw(st.integers(0, len(body) - 1))
    broken = body[:at] + bytes([body[at] ^ (1 << data.draw(st.integers(0, 7)))]) + body[at + 1 :]
    with pytest.raises(StateDamaged) as refused:
        envelope.read("conn.main", _row(broken))
    assert (refused.value.partition, refused.value.key) == ("conn.main", "l.01")
    assert refused.value.reason
    assert "l.01" in str(refused.value)
    assert "resync" in refused.value.next_step


@pytest.mark.parametrize("cut", [0, 1, 4, 5, 20])
def test_a_body_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(StateDamaged):
        envelope.read("p", _row(envelope.pack(["value"] * 50)[:cut]))


def test_a_row_of_a_newer_release_is_refused_naming_the_release() -> None:
    with pytest.raises(ConfigError) as refused:
        envelope.read("p", _row(envelope.pack(1), f=2, n="0.7"))
    assert refused.value.code == "state_too_new"
    assert "0.7" in refused.value.next_step


@pytest.mark.parametrize("cells", [{"f": "1"}, {"f": True}, {"f": 0}, {"f": -1}])
def test_a_row_without_a_format_is_damaged(cells: dict[str, Any]) -> None:
    with pytest.raises(StateDamaged, match="format"):
        envelope.read("p", _row(envelope.pack(1), **cells))


def test_a_row_without_a_body_is_damaged() -> None:
    row = Row("l.", {"f": 1, "n": "0.1"}, "e", datetime(2030, 1, 1, tzinfo=UTC))
    with pytest.raises(StateDamaged, match="missing"):
        envelope.read("p", row)


# -- pages and directories --------------------------------------------------------------------------------------------

page_keys = st.binary(min_size=12, max_size=12)


@given(st.dictionaries(page_keys, st.binary(max_size=40), max_size=60))
def test_a_page_splits_into_two_that_hold_the_same(entries: dict[bytes, bytes]) -> None:
    page = Page("", dict(entries), Words(["a", "b"], [(0, 1)]))
    zero, one = page.split()
    assert dict(zero.items()) | dict(one.items()) == entries
    assert all(not key[0] & 0x80 for key, _ in zero.items())
    assert all(key[0] & 0x80 for key, _ in one.items())
    assert zero.size + one.size == page.size
    for child in (zero, one, *zero.split()):
        again = read_page("p", Row("l.", child.cells(), "e", datetime(2030, 1, 1, tzinfo=UTC)), child.prefix)
        assert (dict(again.items()), again.size) == (dict(child.items()), child.size)
        assert (again.words.texts, again.words.shapes) == (["a", "b"], [(0, 1)])
        body = sum(len(cell) for name, cell in child.cells().items() if name[0] == "d" and isinstance(cell, bytes))
        assert body * 4 // 3 <= child.weight()


@pytest.mark.parametrize(
    "value", [None, 1, [], [[], []], [[], [], 3], [["a"], [], {"text": b"x"}], [[], [], {1: b"x"}]]
)
def test_what_is_no_page_is_damaged(value: object) -> None:
    with pytest.raises(StateDamaged):
        read_page("p", _row(envelope.pack(value)), "01")


def test_a_page_under_another_key_is_damaged() -> None:
    page = Page("1", {b"\xff" * 12: b"x"})
    with pytest.raises(StateDamaged, match="another page"):
        read_page("p", _row(envelope.pack([[], [], dict(page.items())])), "0")


@given(st.lists(page_keys, max_size=60), st.lists(page_keys, min_size=1, max_size=20))
def test_a_directory_knows_the_leaf_of_each_key(splits: list[bytes], probes: list[bytes]) -> None:
    directory = Directory()
    leaves = {""}
    for key in splits:
        prefix = directory.leaf(key)
        if len(prefix) < KEY_BITS:
            directory.split(prefix)
            leaves = (leaves - {prefix}) | {prefix + "0", prefix + "1"}
    again = Directory.unpack(directory.pack())
    assert again.prefixes == directory.prefixes == sorted(leaves)
    for key in probes:
        bits = f"{int.from_bytes(key, 'big'):096b}"
        (expected,) = [prefix for prefix in leaves if bits.startswith(prefix)]
        assert again.leaf(key) == expected
        first, last = Directory.bounds(expected)
        assert first <= int.from_bytes(key, "big") < last
        assert again.prefixes[again.place_of(expected)] == expected
    with pytest.raises(ValueError, match="no leaf"):
        directory.split("0" * 96)


@pytest.mark.parametrize("depths", [b"", b"\x01", b"\x01\x01\x01", b"\x00\x00", b"\x61", b"\x02\x01\x02", b"\xff"])
def test_a_directory_that_makes_no_tree_is_refused(depths: bytes) -> None:
    import zlib

    with pytest.raises(ValueError, match="tree"):
        Directory.unpack(zlib.compress(depths))
    with pytest.raises(ValueError, match="decode"):
        Directory.unpack(depths)
