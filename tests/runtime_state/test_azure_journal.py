"""The logs beside the lane, on the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from shared.azure.ambient import SystemClock
from shared.azure.tables import AzurePartitionStore, Tables
from tests.contract.flow_contract import FlowStoreContract
from tests.contract.journal_contract import RunLogContract
from tests.contract.lists_contract import (
    AuditContract,
    ConflictStoreContract,
    ConnectionStoreContract,
    FailureStoreContract,
)

pytestmark = pytest.mark.storage


@pytest.fixture(scope="module")
def tables(azurite: str) -> Iterator[Tables]:
    opened = Tables.by_connection_string(azurite, SystemClock(), prefix="log")
    yield opened
    opened.close()


@pytest.fixture
def store(tables: Tables) -> AzurePartitionStore:
    return tables.store(uuid4().hex)


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
