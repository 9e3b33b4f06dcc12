"""The memory connector keeps the contract it defines, as every kind of system it can be."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shared.connectors.memory import Overlong
from shared.connectors.registry import PACKAGES, build
from simulators.frame import Clock
from tests.contract.connector_contract import ConnectorContract, contract_tests
from tests.contract.memory import (
    ACTIVECAMPAIGN_LIKE,
    DATAVERSE_LIKE,
    EXCHANGE_LIKE,
    MARKETO_LIKE,
    POOR,
    WRITE_ONCE,
    MemoryHarness,
)
from tests.wire.connectors.support import Around


class TestAsDataverse(ConnectorContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(DATAVERSE_LIKE, refuses_unknown_fields=True)


class TestAsActiveCampaign(ConnectorContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(ACTIVECAMPAIGN_LIKE, overlong=Overlong.TRUNCATE, partial_labels=True)


class TestAsMarketo(ConnectorContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(MARKETO_LIKE, keeps_log=True, representation=True)


class TestAsExchange(ConnectorContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(EXCHANGE_LIKE, shard="mailbox-1")


class TestAsPoorSystem(ConnectorContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(POOR)


class TestAsWriteOnceLog(ConnectorContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(WRITE_ONCE)


ALL = (DATAVERSE_LIKE, ACTIVECAMPAIGN_LIKE, MARKETO_LIKE, EXCHANGE_LIKE, POOR, WRITE_ONCE)


def test_every_sentence_of_the_contract_is_tried_on_some_memory_system() -> None:
    idle = [name for name, need in contract_tests().items() if need and not any(need.met(kind) for kind in ALL)]
    assert idle == []


ID = "3c6e0b8a-9c15-4fd2-8e5b-7d0f4c1a2b39"
SETTINGS: Mapping[str, Mapping[str, object]] = {
    "dynamics": {"url": "https://org.crm.dynamics.com", "tenant": ID, "client_id": ID, "secret": "s"},
    "activecampaign": {"url": "https://demo.api-us1.com", "key": "k"},
    "marketo": {"url": "https://123-abc-456.mktorest.com", "client_id": "c", "client_secret": "s"},
}
SILENT = {
    "test_a_stamp_is_stored_in_the_same_write",  # none needs one: ids are ours, or e-mails are unique
    "test_what_a_row_of_a_list_does_not_hold_is_absent_and_a_read_tells_it",  # each can be asked for whole rows
}


def test_no_other_sentence_is_switched_off_for_the_whole_product() -> None:
    """A capability declared wrongly everywhere would silence a test everywhere; what may be silent is listed."""
    around = Around(Clock(), trusted=frozenset(), secrets={}).surroundings
    built = [build(system, settings, around).capabilities for system, settings in SETTINGS.items()]
    assert set(SETTINGS) == set(PACKAGES)
    kinds = [kind for capabilities in built for kind in capabilities.kinds.values()]
    silent = {name for name, need in contract_tests().items() if need and not any(need.met(kind) for kind in kinds)}
    assert silent == SILENT
