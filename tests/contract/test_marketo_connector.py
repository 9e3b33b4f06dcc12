"""The Marketo connector keeps every promise of the port, against its simulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulators.frame import Authority
from tests.contract.connector_contract import ConnectorContract, Harness
from tests.wire.connectors.marketo import subscription
from tests.wire.connectors.support import authority


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("ca")) as made:
        yield made


class TestPeople(ConnectorContract):
    """As documented."""

    @pytest.fixture
    def harness(self, ca: Authority) -> Iterator[Harness]:
        with subscription(ca, import_from=0) as made:
            yield made


class TestByImport(ConnectorContract):
    """New people go by file, even one."""

    @pytest.fixture
    def harness(self, ca: Authority) -> Iterator[Harness]:
        with subscription(ca, import_from=1) as made:
            made.line_break = " "
            yield made


class TestAnotherSubscription(ConnectorContract):
    """Every open question of the documents answered the other way; pages short and often empty."""

    @pytest.fixture
    def harness(self, ca: Authority) -> Iterator[Harness]:
        switches = {
            "feed_scan": 3,
            "feed_resume": "next_second",
            "null_fields": "absent",
            "activity_offset": "+0000",
            "merged_ids": "plain",
            "missing_token": "601",
            "duplicate_input": "in_turn",
            "refused_calls_count": False,
        }
        with subscription(ca, switches=switches, import_from=0, concurrency=1) as made:
            yield made


class TestSameSecond(ConnectorContract):
    """A token tells its last second once more."""

    @pytest.fixture
    def harness(self, ca: Authority) -> Iterator[Harness]:
        with subscription(ca, switches={"feed_resume": "same_second"}, import_from=0) as made:
            yield made
