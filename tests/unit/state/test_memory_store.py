"""The store that tests run on obeys the contract of the real one."""

import pytest

from tests.contract.partition_store_contract import PartitionStoreContract
from tests.fakes.partition_store import MemoryPartitionStore


class TestMemoryPartitionStore(PartitionStoreContract):
    @pytest.fixture
    def store(self) -> MemoryPartitionStore:
        return MemoryPartitionStore()
