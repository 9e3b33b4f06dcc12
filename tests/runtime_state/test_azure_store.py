"""The Azure store obeys the contract, on the emulator; and what the emulator never does, by a transport of ours."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from shared.azure.ambient import SystemClock
from shared.azure.tables import AzurePartitionStore, Tables
from tests.contract.partition_store_contract import PartitionStoreContract

pytestmark = pytest.mark.storage


@pytest.fixture(scope="module")
def tables(azurite: str) -> Iterator[Tables]:
    opened = Tables.by_connection_string(azurite, SystemClock(), prefix="contract")
    yield opened
    opened.close()


class TestAzurePartitionStore(PartitionStoreContract):
    @pytest.fixture
    def store(self, tables: Tables) -> AzurePartitionStore:
        return tables.store(uuid4().hex)
