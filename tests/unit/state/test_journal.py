"""The logs beside the lane, in memory; and how values and keys are written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.azure.log_rows import newest_first, run_time
from shared.azure.values import pack_value, unpack_value
from shared.domain.records import ABSENT, Kind, Ref, RemoteId
from tests.contract.flow_contract import FlowStoreContract
from tests.contract.journal_contract import RunLogContract
from tests.contract.lists_contract import (
    AuditContract,
    ConflictStoreContract,
    ConnectionStoreContract,
    FailureStoreContract,
)
from tests.fakes.partition_store import MemoryPartitionStore
from tests.unit.state.world import START


@pytest.fixture
def store() -> MemoryPartitionStore:
    return MemoryPartitionStore()


class TestRuns(RunLogContract):
    """Runs and outcomes."""


class TestFlow(FlowStoreContract):
    """Calls of flow steps."""


class TestFailures(FailureStoreContract):
    """Failing records."""


class TestConflicts(ConflictStoreContract):
    """Questions and decisions."""


class TestAudit(AuditContract):
    """The timeline."""


class TestConnections(ConnectionStoreContract):
    """Connections and their settings."""


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.frozensets(st.text()),
    st.builds(Ref, st.text().map(Kind), st.text().map(RemoteId)),
    st.just(ABSENT),
)


@given(values)
def test_values_come_back_exactly(value: object) -> None:
    again = unpack_value(pack_value(value))
    assert again == value
    assert type(again) is type(value)


def test_a_decimal_keeps_its_scale_and_a_time_its_moment() -> None:
    assert str(unpack_value(pack_value(Decimal("1.50")))) == "1.50"
    assert unpack_value(pack_value(datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC))) == datetime(
        2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC
    )
    assert unpack_value(pack_value(date(2030, 1, 2))) == date(2030, 1, 2)


@pytest.mark.parametrize("value", [1.5, b"x", ["a"], {"a": 1}, object()])
def test_what_is_no_field_value_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="never"):
        pack_value(value)


@pytest.mark.parametrize(
    "packed", [b"", b"x", b"[]", b'["plain",[1]]', b'["magic",1]', b'["date","x"]', b'["ref",["a"]]', b"\xff"]
)
def test_bytes_that_hold_no_value_are_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match=r"decode|unknown sort"):
        unpack_value(packed)


moments = st.integers(0, 10**13).map(lambda milliseconds: START + timedelta(milliseconds=milliseconds))


@given(moments, moments)
def test_later_keys_sort_first(one: datetime, two: datetime) -> None:
    assert (newest_first(two) < newest_first(one)) == (two > one)


def test_the_key_of_a_run_is_its_time() -> None:
    milliseconds = int(START.timestamp() * 1000)
    assert run_time(f"{milliseconds:012x}" + "0" * 20) == newest_first(START)
