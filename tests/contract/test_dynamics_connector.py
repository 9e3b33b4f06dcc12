"""The Dynamics connector keeps every promise of the port, against its simulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulators.frame import Authority
from tests.contract.connector_contract import ConnectorContract, Harness
from tests.wire.connectors.dynamics import organisation
from tests.wire.connectors.support import authority


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("ca")) as made:
        yield made


class TestDynamics(ConnectorContract):
    """Pages as large as they come."""

    @pytest.fixture
    def harness(self, ca: Authority) -> Iterator[Harness]:
        with organisation(ca) as made:
            yield made


class TestAsPlainUser(ConnectorContract):
    """Without the rights of an administrator, and with a column that is closed to us."""

    @pytest.fixture
    def harness(self, ca: Authority) -> Iterator[Harness]:
        tables = dict.fromkeys(("contact", "account", "lead"), "Global")
        role = {"name": "Sync", "tables": tables, "privileges": {"prvMerge": "Global"}}
        with organisation(ca, seeds={"roles": [role]}) as made:
            made.be_a_plain_user()
            yield made


class TestSmallPages(ConnectorContract):
    """Pages so small that every walk is one of several pages."""

    @pytest.fixture
    def harness(self, ca: Authority) -> Iterator[Harness]:
        with organisation(ca, page_size=3, update_size=2, create_size=3) as made:
            yield made
