"""The Azure store obeys the contract on the emulator; and, by a transport of ours, what the emulator never does."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.headerregistry import BaseHeader
from http.client import BadStatusLine
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import pytest
from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.paging import PageIterator
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableEntity

from shared.azure.ambient import RandomIds, SystemClock
from shared.azure.tables import AzurePartitionStore, Tables
from shared.errors import ConfigError, LeaseLost, Transient
from shared.ports.state import Insert, Put, Remove
from shared.state import CursorState, LaneChanges, LaneId, LaneStore
from tests.contract.partition_store_contract import PartitionStoreContract
from tests.pace import slowness
from tests.unit.state.world import FakeClock, key, link

pytestmark = pytest.mark.storage

type Send = Callable[[], Any]


class FaultyTransport(RequestsTransport):
    """Sends for real, unless `fault` is set: it gets the request and a function that sends it."""

    def __init__(self) -> None:
        super().__init__(connection_timeout=3, read_timeout=7)
        self.fault: Callable[[Any, Send], Any] | None = None
        self.sent: list[str] = []

    def send(self, request: Any, **options: Any) -> Any:
        self.sent.append(f"{request.method} {request.url}")
        if self.fault is None:
            return super().send(request, **options)
        return self.fault(request, lambda: super(FaultyTransport, self).send(request, **options))


class Bench:
    """A table reached through a faulty transport, on a clock whose sleeps are only counted."""

    def __init__(self, connection_string: str) -> None:
        self.clock = FakeClock()
        self.liar: Liar
        self.transport = FaultyTransport()
        self.tables = Tables.by_connection_string(
            connection_string, self.clock, prefix="fault", transport=self.transport
        )
        self.store = self.tables.store(uuid4().hex)
        self.store.transact("p", [Insert("k", {"n": 1})])
        self.transport.sent.clear()

    def answer(self, status: int, code: str = "ServerBusy", **headers: str) -> Callable[[Any, Send], Any]:
        """A fault that answers in the service's stead."""

        def fault(request: Any, send: Send) -> Any:
            request.url = f"{self.liar.address}/{status}/{code}/{urlencode(headers)}"
            return send()

        return fault


class Liar:
    """A server that answers what its path says: /STATUS/CODE/HEADERS."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                _, status, code, headers = self.path.split("/", 3)
                body = json.dumps({"odata.error": {"code": code, "message": {"lang": "en-US", "value": "no"}}}).encode()
                self.send_response(int(status))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in parse_qsl(headers):
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PUT = do_GET  # noqa: N815 - the names http.server looks for

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def tables(azurite: str) -> Iterator[Tables]:
    opened = Tables.by_connection_string(azurite, SystemClock(), prefix="contract")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def liar() -> Iterator[Liar]:
    server = Liar()
    yield server
    server.close()


@pytest.fixture
def bench(azurite: str, liar: Liar) -> Iterator[Bench]:
    made = Bench(azurite)
    made.liar = liar
    yield made
    made.tables.close()


class TestAzurePartitionStore(PartitionStoreContract):
    @pytest.fixture
    def store(self, tables: Tables) -> AzurePartitionStore:
        return tables.store(uuid4().hex)


def _read_into() -> set[int]:
    """What answers of the Tables SDK are read into, and is still there; other tests read queues meanwhile."""
    found = (item for item in gc.get_objects() if isinstance(item, TableEntity | PageIterator))
    return {id(item) for item in found if type(item).__module__.startswith(TableEntity.__module__.rpartition(".")[0])}


def test_what_a_range_was_read_into_goes_at_once_and_not_when_cycles_are_looked_for(bench: Bench) -> None:
    bench.store.transact("p", [Insert(f"row{number}", {"body": b"x" * 1000}) for number in range(20)])
    gc.collect()
    before = _read_into()
    gc.disable()
    try:
        assert len(bench.store.scan("p", "row", "rox")) == 20
        assert not bench.store.scan("p", "s", "t")
        left = _read_into() - before
    finally:
        gc.enable()
    assert not left


def _made_classes() -> int:
    """Classes of headers of answers, which live until somebody looks for cycles."""
    return sum(isinstance(found, type) and issubclass(found, BaseHeader) for found in gc.get_objects())


def test_what_the_sdk_makes_of_answers_to_writes_does_not_pile_up(bench: Bench) -> None:
    gc.collect()
    before = _made_classes()
    counts = []
    gc.disable()
    try:
        for start in range(0, 1000, 50):
            bench.store.transact("p", [Insert(f"many{number}", {}) for number in range(start, start + 50)])
            counts.append(_made_classes() - before)
    finally:
        gc.enable()
    assert counts[8] > 1000  # it does make some: else there is nothing to look for any more
    assert max(counts) <= 1.2 * counts[8]


def times(count: int, fault: Callable[[Any, Send], Any]) -> Callable[[Any, Send], Any]:
    """The fault for the first `count` requests, the service after that."""
    left = [count]

    def counted(request: Any, send: Send) -> Any:
        left[0] -= 1
        return fault(request, send) if left[0] >= 0 else send()

    return counted


def refuse(error: Exception) -> Callable[[Any, Send], Any]:
    def fault(_: Any, __: Send) -> Any:
        raise error

    return fault


def lose(error: Exception) -> Callable[[Any, Send], Any]:
    """The request arrives, its answer does not."""

    def fault(_: Any, send: Send) -> Any:
        send()
        raise error

    return fault


PASSING = [
    ServiceRequestError("no route"),
    ServiceResponseError("cut"),
    ConnectionResetError("reset"),
    BadStatusLine("x"),
    TimeoutError("slow"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_a_read_is_tried_again_through_passing_trouble(bench: Bench, error: Exception) -> None:
    bench.transport.fault = times(2, refuse(error))
    row = bench.store.get("p", "k")
    assert row is not None
    assert row.cells == {"n": 1}
    assert len(bench.transport.sent) == 3
    assert 0 < bench.clock.seconds < 1


def test_a_busy_service_is_asked_again_and_then_given_up(bench: Bench) -> None:
    bench.transport.fault = times(2, bench.answer(503))
    assert bench.store.get("p", "k") is not None
    bench.transport.fault = bench.answer(503)
    bench.transport.sent.clear()

    with pytest.raises(Transient) as given_up:
        bench.store.get("p", "k")

    assert given_up.value.code == "storage_unavailable"
    assert len(bench.transport.sent) == 4
    assert bench.clock.seconds < 5


@pytest.mark.parametrize("read", ["get", "get_many", "scan", "now"])
def test_every_read_gives_up_in_time(bench: Bench, read: str) -> None:
    """The SDK's own retries would take minutes (ten tries, two minutes of back-off)."""
    bench.clock.pass_(100)
    bench.transport.fault = refuse(ServiceRequestError("no route"))
    began = bench.clock.seconds
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: bench.store.get("p", "k"),
        "get_many": lambda: bench.store.get_many("p", ["a", "b", "c"]),
        "scan": lambda: bench.store.scan("p", "a", "z"),
        "now": bench.store.now,
    }
    with pytest.raises(Transient):
        calls[read]()
    assert bench.clock.seconds - began <= 10


def test_a_long_retry_after_is_told_and_not_slept(bench: Bench) -> None:
    bench.transport.fault = bench.answer(503, Retry_After="120")
    with pytest.raises(Transient) as told:
        bench.store.get("p", "k")
    assert told.value.retry_after == 120
    assert bench.clock.seconds == 0
    assert len(bench.transport.sent) == 1


def test_a_short_retry_after_is_kept_to(bench: Bench) -> None:
    bench.transport.fault = times(1, bench.answer(429, Retry_After="2"))
    assert bench.store.get("p", "k") is not None
    assert bench.clock.seconds == 2


def changes(rows: int) -> list[Put]:
    """A write of so many rows; one row is sent in another way than several."""
    return [Put(key, {"n": 2}) for key in ("k", "l")[:rows]]


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("status", [500, 503, 504, 408, 429])
def test_a_transaction_is_sent_once_whatever_the_answer(bench: Bench, status: int, rows: int) -> None:
    bench.transport.fault = bench.answer(status, Retry_After="1")
    with pytest.raises(Transient):
        bench.store.transact("p", changes(rows))
    assert len(bench.transport.sent) == 1
    bench.transport.fault = None
    row = bench.store.get("p", "k")
    assert row is not None
    assert row.cells["n"] == 1


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_a_transaction_whose_answer_is_lost_is_transient_and_may_have_been_applied(
    bench: Bench, error: Exception, rows: int
) -> None:
    bench.transport.fault = lose(error)
    with pytest.raises(Transient):
        bench.store.transact("p", changes(rows))
    bench.transport.fault = None
    row = bench.store.get("p", "k")
    assert row is not None
    assert row.cells["n"] == 2


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AuthorizationPermissionMismatch"), (401, "InvalidAuthenticationInfo")]
)
def test_a_refused_identity_is_a_setting_to_mend(bench: Bench, status: int, code: str) -> None:
    bench.transport.fault = bench.answer(status, code)
    for call in (
        lambda: bench.store.get("p", "k"),
        lambda: bench.store.transact("p", changes(1)),
        lambda: bench.store.transact("p", changes(2)),
    ):
        with pytest.raises(ConfigError) as refused:
            call()
        assert "Storage Table Data Contributor" in refused.value.next_step
        assert len(bench.transport.sent) == 1
        bench.transport.sent.clear()


def test_an_account_that_does_not_exist_is_no_bug_of_ours() -> None:
    nowhere = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;TableEndpoint=http://127.0.0.1:9/a;"
    clock = FakeClock()
    tables = Tables.by_connection_string(nowhere, clock)
    began = time.monotonic()
    with pytest.raises(Transient):
        tables.store("state").get("p", "k")
    assert (took := time.monotonic() - began + clock.seconds) < 20 * slowness(), took
    tables.close()


@pytest.mark.parametrize("rows", [1, 2])
def test_a_table_is_made_when_it_is_first_written(bench: Bench, rows: int) -> None:
    fresh = bench.tables.store(uuid4().hex)
    assert fresh.get("p", "k") is None
    assert list(fresh.scan("p", "a", "z")) == []
    fresh.transact("p", changes(rows))
    assert len(fresh.scan("p", "a", "z")) == rows


@pytest.mark.parametrize("rows", [1, 2])
def test_a_table_that_is_being_deleted_passes(bench: Bench, rows: int) -> None:
    bench.transport.fault = bench.answer(409, "TableBeingDeleted")
    with pytest.raises(Transient):
        bench.store.transact("p", changes(rows))


def test_reads_of_many_rows_never_ask_for_one_or_another(bench: Bench) -> None:
    """An `or` of row keys scans the whole partition in the real service."""
    bench.store.transact("p", [Put(f"k{number}", {"n": number}) for number in range(20)])
    bench.transport.sent.clear()

    assert len(bench.store.get_many("p", [f"k{number}" for number in range(20)])) == 20
    assert len(bench.store.scan("p", "k3", "k9")) == 6

    assert len([line for line in bench.transport.sent if line.startswith("GET") and "RowKey='" in line]) == 20
    (query,) = [line for line in bench.transport.sent if "%24filter" in line or "$filter" in line]
    assert "%20or%20" not in query
    assert "+or+" not in query


def test_its_clock_is_the_service_s(bench: Bench) -> None:
    """Leases are judged by storage time, however wrong this machine's clock is."""
    real = SystemClock().now()
    assert abs((bench.store.now() - real).total_seconds()) < 3
    assert abs((bench.clock.now() - real).total_seconds()) > 86400, "this machine believes in another year"
    bench.clock.pass_(30)
    assert 28 < (bench.store.now() - real).total_seconds() < 33


def test_a_lane_on_the_real_store_decides_lost_answers_exactly(bench: Bench) -> None:
    lane = LaneStore(bench.store, LaneId("c1"), clock=bench.clock, ids=RandomIds())
    held = lane.acquire("w")
    assert held is not None
    for number, error in enumerate(PASSING):
        for fault in (times(1, lose(error)), times(1, refuse(error))):
            bench.transport.fault = fault
            held.fold(LaneChanges(links=[link(number)], cursors={"crm": CursorState(token=str(number))}))
            bench.transport.fault = None
            assert held.links([key(number)]) == {key(number): link(number)}
    assert dict(held.counts) == {"contact.linked": len(PASSING)}
    other = lane.acquire("other")
    assert other is None
    assert held.release() is True
    with pytest.raises(LeaseLost):
        held.renew()


def test_removing_rows_that_are_gone_takes_no_more_than_one_more_try_each(bench: Bench) -> None:
    bench.store.transact("p", [Remove("x"), Put("k", {"n": 5}), Remove("y")])
    assert len(bench.transport.sent) == 3
    row = bench.store.get("p", "k")
    assert row is not None
    assert row.cells["n"] == 5


def test_nothing_heavy_is_imported_before_a_store_is_opened() -> None:
    """Import cost is cold-start cost."""
    code = (
        "import sys, shared.azure.tables, shared.state\n"
        "sys.exit(bool({'azure', 'requests'} & {name.split('.')[0] for name in sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
