"""The service's limits in our own code: at each bound, just inside and just outside."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.azure.limits import check_key, check_row, check_table, check_transaction, row_bytes
from shared.ports.state import Cell, Insert, Put, Remove, Replace


@pytest.mark.parametrize("key", ["", "a", "A-Z_0.9~!$%&'()*+,;=:@|", "é" * 512, "\x20", "\xa0"])
def test_keys_the_service_takes(key: str) -> None:
    check_key(key)


@pytest.mark.parametrize(
    "key", ["/", "\\", "#", "?", "\x00", "\x1f", "\x7f", "\x9f", "\t", "\n", "é" * 513, "😀" * 257]
)
def test_keys_the_service_refuses(key: str) -> None:
    with pytest.raises(ValueError, match=r"forbids|longer"):
        check_key(key)


def test_a_hundred_operations_and_not_one_more() -> None:
    operations = [Insert(f"k{number}", {}) for number in range(100)]
    check_transaction("p", operations)
    with pytest.raises(ValueError, match="at most 100 operations, not 101"):
        check_transaction("p", [*operations, Remove("k100")])
    with pytest.raises(ValueError, match="at least one"):
        check_transaction("p", [])


@pytest.mark.parametrize("twice", [Remove("a"), Put("a", {}), Insert("a", {}), Replace("a", {}, "e")])
def test_a_row_once_a_transaction(twice: Remove | Put | Insert | Replace) -> None:
    with pytest.raises(ValueError, match="the row a only once"):
        check_transaction("p", [Put("a", {}), Put("b", {}), twice])


def test_four_mebibytes_as_they_travel() -> None:
    """Bytes travel as base64: 48 pages of 64 KiB fit, though 60 of them would by their plain size."""
    rows = [Put(f"k{number}", {"d": b"x" * 65536}) for number in range(60)]
    check_transaction("p", rows[:47])
    with pytest.raises(ValueError, match="at most 4194304 bytes"):
        check_transaction("p", rows[:48])


@given(
    st.dictionaries(
        st.text("abcdefgh", min_size=1, max_size=8),
        st.binary(max_size=300)
        | st.text(max_size=300)
        | st.integers(-(2**63), 2**63 - 1)
        | st.booleans()
        | st.floats(),
        max_size=10,
    )
)
def test_the_estimate_of_what_travels_is_never_too_small(cells: dict[str, Cell]) -> None:
    """Measured against the JSON that the SDK sends, by the refusal of a transaction filled with such rows."""
    import base64

    sent: dict[str, object] = {"PartitionKey": "p", "RowKey": "k00"}
    for name, cell in cells.items():
        if isinstance(cell, bytes):
            sent |= {name: base64.b64encode(cell).decode(), f"{name}@odata.type": "Edm.Binary"}
        elif isinstance(cell, bool | str):
            sent |= {name: cell, f"{name}@odata.type": "Edm.String"} if isinstance(cell, str) else {name: cell}
        else:
            sent |= {name: str(cell), f"{name}@odata.type": "Edm.Double"}
    from shared.azure.limits import _OPERATION_HEAD, _sent

    estimate = _OPERATION_HEAD + 8 + sum(len(name) + _sent(cell) for name, cell in cells.items())
    assert len(json.dumps(sent, ensure_ascii=False).encode("utf-8", "surrogatepass")) <= estimate


def test_cells_of_64_kib() -> None:
    check_row("p", "k", {"b": b"x" * 65536, "s": "é" * 32768})
    with pytest.raises(ValueError, match="the cell b of row k is over 65536 bytes"):
        check_row("p", "k", {"b": b"x" * 65537})
    with pytest.raises(ValueError, match="the cell s of row k"):
        check_row("p", "k", {"s": "é" * 32769})
    with pytest.raises(ValueError, match="the cell s of row k"):
        check_row("p", "k", {"s": "😀" * 16385})


def test_a_row_of_one_mebibyte_and_252_cells() -> None:
    check_row("p", "k", {f"n{number}": b"x" * 65000 for number in range(16)})
    with pytest.raises(ValueError, match="at most 1048576"):
        check_row("p", "k", {f"n{number}": b"x" * 65536 for number in range(16)})
    check_row("p", "k", {f"n{number}": 1 for number in range(252)})
    with pytest.raises(ValueError, match="253 cells"):
        check_row("p", "k", {f"n{number}": 1 for number in range(253)})


@pytest.mark.parametrize(
    "cell",
    [2**63, -(2**63) - 1, None, [1], {"a": 1}, datetime(2030, 1, 1), datetime(1600, 12, 31, tzinfo=UTC)],  # noqa: DTZ001
)
def test_cells_the_service_cannot_hold(cell: Cell) -> None:
    with pytest.raises(ValueError, match="the cell n of row k"):
        check_row("p", "k", {"n": cell})


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "PartitionKey", "RowKey", "Timestamp", "x" * 256, "a.b"])
def test_names_the_service_refuses(name: str) -> None:
    with pytest.raises(ValueError, match="forbidden name"):
        check_row("p", "k", {name: 1})


@pytest.mark.parametrize("name", ["", "ab", "1abc", "a-bc", "a_bc", "x" * 64, "été"])
def test_table_names_the_service_refuses(name: str) -> None:
    check_table("dynasynclanes")
    with pytest.raises(ValueError, match="3 to 63 letters"):
        check_table(name)


def test_a_row_is_sized_as_the_service_bills_it() -> None:
    """4 + 2 bytes a character of the keys + for each property 8 + 2 a character of its name + its value."""
    assert row_bytes("pp", "kkk", {"n": 1, "ab": "xyz", "b": b"1234", "t": True}) == (
        4 + 2 * 5 + (8 + 2 + 8) + (8 + 4 + 6 + 4) + (8 + 2 + 4 + 4) + (8 + 2 + 1)
    )
