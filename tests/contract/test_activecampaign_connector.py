"""The ActiveCampaign connector keeps every promise of the port, against its simulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulators.frame import Authority
from tests.contract.connector_contract import ConnectorContract, Harness
from tests.wire.connectors.activecampaign import account
from tests.wire.connectors.support import authority


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("ca")) as made:
        yield made


class TestOneByOne(ConnectorContract):
    """Every contact by calls of its own."""

    @pytest.fixture
    def harness(self, ca: Authority) -> Iterator[Harness]:
        with account(ca, import_from=0, opt_outs=False) as made:
            yield made


class TestByImport(ConnectorContract):
    """Every contact that can be goes by bulk import."""

    @pytest.fixture
    def harness(self, ca: Authority) -> Iterator[Harness]:
        with account(ca, import_from=1, opt_outs=False) as made:
            yield made


class TestSideLoaded(ConnectorContract):
    """Lists bring values and tags along."""

    @pytest.fixture
    def harness(self, ca: Authority) -> Iterator[Harness]:
        with account(
            ca, switches={"include_side_loads": True}, import_from=0, opt_outs=False, custom_values="include"
        ) as made:
            yield made
