"""Service-protection limits."""

from __future__ import annotations

import threading

import pytest

from simulators.frame import Request, serve
from simulators.frame.host import Host
from tests.wire.dataverse.core.vendor import HOST, Vendor

SECOND = "0f0e0d0c-1111-4222-8333-444455556666"


def burn(vendor: Vendor, count: int) -> None:
    request = Request.build(
        "GET", "/api/data/v9.2/WhoAmI", headers={"Host": HOST, "Authorization": f"Bearer {vendor.token}"}
    )
    for _ in range(count):
        assert vendor.system.handle(request).status == 200


@pytest.mark.rule("DV-LI-01", "DV-LI-06")
def test_requests(vendor: Vendor) -> None:
    vendor.seed(users=[{"name": "Second App", "application_id": SECOND}])
    burn(vendor, 6_000)
    answer = vendor.call("GET", "WhoAmI")
    assert answer.status == 429
    assert answer.json()["error"] == {
        "code": "0x80072322",
        "message": "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
    }
    assert 1 <= int(answer.header("Retry-After")) <= 300
    assert vendor.call("GET", "WhoAmI", token=vendor.token_of(SECOND)).status == 200
    vendor.switch(limit_requests=0)
    assert vendor.call("GET", "WhoAmI").status == 200


@pytest.mark.rule("DV-LI-04")
def test_the_window_slides_and_retry_after_grows(vendor: Vendor) -> None:
    vendor.switch(limit_requests=10)
    burn(vendor, 4)
    vendor.later(100)
    burn(vendor, 6)
    waits = [int(vendor.call("GET", "WhoAmI").header("Retry-After")) for _ in range(3)]
    assert waits == [201, 202, 203]
    vendor.later(200)
    burn(vendor, 4)
    assert vendor.call("GET", "WhoAmI").status == 429
    vendor.later(int(vendor.call("GET", "WhoAmI").header("Retry-After")))
    burn(vendor, 6)


@pytest.mark.rule("DV-LI-02")
def test_execution_time(vendor: Vendor) -> None:
    vendor.switch(ms_per_request=0.0, limit_execution_ms=1_000)
    for _ in range(200):
        vendor.create("accounts", {"name": "A"})
    answer = vendor.call("GET", "WhoAmI")
    assert answer.status == 429
    assert answer.json()["error"] == {
        "code": "0x80072321",
        "message": "Combined execution time of incoming requests exceeded limit of 1,000 milliseconds over time window "
        "of 300 seconds. Decrease number of concurrent requests or reduce the duration of requests and try again "
        "later.",
    }
    assert int(answer.header("Retry-After")) == 300
    vendor.later(300)
    assert vendor.call("GET", "WhoAmI").status == 200
    vendor.switch(ms_per_request=2_000.0)
    assert vendor.call("GET", "WhoAmI").status == 200
    assert vendor.call("GET", "WhoAmI").status == 429
    vendor.switch(limit_execution_ms=0)
    assert vendor.call("GET", "WhoAmI").status == 200


@pytest.mark.rule("DV-LI-03")
def test_concurrency_inside(vendor: Vendor) -> None:
    vendor.switch(limit_concurrent=3)
    inside, release, answers = threading.Semaphore(0), threading.Event(), []

    def slow(context: object, path: object) -> object:
        inside.release()
        release.wait(60)
        return vendor.system.operations.find_root("WhoAmI")["GET"](context, path)  # type: ignore[index,arg-type]

    vendor.system.operations.root("Slow", "GET", slow)  # type: ignore[arg-type]
    vendor.system.store.lock = threading.Semaphore(100)  # type: ignore[assignment]
    threads = [threading.Thread(target=lambda: answers.append(vendor.call("GET", "Slow").status)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert inside.acquire(timeout=60)
    answer = vendor.call("GET", "WhoAmI")
    release.set()
    for thread in threads:
        thread.join(60)
    assert answers == [200, 200, 200]
    assert answer.status == 429
    assert answer.json()["error"] == {
        "code": "0x80072326",
        "message": "Number of concurrent requests exceeded the limit of 3.",
    }
    assert answer.header("Retry-After") == "1"


@pytest.mark.rule("DV-LI-03")
def test_calls_in_flight_count_with_their_latency(vendor: Vendor) -> None:
    vendor.switch(limit_concurrent=4)
    host = Host(vendor.system)
    host.latency_ms = 150
    request = Request.build(
        "GET", "/api/data/v9.2/WhoAmI", headers={"Host": HOST, "Authorization": f"Bearer {vendor.token}"}
    )
    answers: list[int] = []

    def send() -> None:
        delivery = host.deliver(request)
        assert delivery.response is not None
        answers.append(delivery.response.status)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers.count(429) >= 1
    assert answers.count(200) >= 4
    host.latency_ms = 0
    send()
    assert answers[-1] == 200


@pytest.mark.rule("DV-LI-05")
def test_what_remains(vendor: Vendor) -> None:
    first = vendor.call("GET", "WhoAmI")
    assert first.header("x-ms-ratelimit-burst-remaining-xrm-requests") == "5999"
    assert first.header("x-ms-ratelimit-time-remaining-xrm-requests") == "1,199.99"
    assert first.header("x-ms-dop-hint") == "8"
    vendor.switch(hint_parallelism=20)
    second = vendor.call("GET", "nothing")
    assert second.header("x-ms-ratelimit-burst-remaining-xrm-requests") == "5998"
    assert second.header("x-ms-dop-hint") == "20"


@pytest.mark.rule("DV-LI-07")
def test_web_servers(vendor: Vendor) -> None:
    def left(**headers: str) -> int:
        answer = vendor.call("GET", "WhoAmI", headers=headers)
        return int(answer.header("x-ms-ratelimit-burst-remaining-xrm-requests"))

    vendor.switch(web_servers=2, limit_requests=3)
    assert sorted(left() for _ in range(4)) == [1, 1, 2, 2]
    cookie = vendor.call("GET", "WhoAmI").header("Set-Cookie").partition(";")[0]
    assert cookie in ("ARRAffinity=web0", "ARRAffinity=web1")
    stuck = vendor.call("GET", "WhoAmI", headers={"Cookie": f"a=b; {cookie}"})
    assert stuck.status == 429
    other = "ARRAffinity=web1" if cookie.endswith("0") else "ARRAffinity=web0"
    kept = vendor.call("GET", "WhoAmI", headers={"Cookie": other})
    assert (kept.status, kept.header("Set-Cookie")) == (200, "")


def test_limits_over_the_wire(vendor: Vendor) -> None:
    import requests

    vendor.switch(limit_requests=2)
    with serve(vendor.system) as server:
        vendor.system.started({"dataverse": server.url}, server.ca_file)
        headers = {"Authorization": f"Bearer {vendor.token_of()}"}
        url = f"{server.url}/api/data/v9.2/WhoAmI"
        statuses = [requests.get(url, headers=headers, verify=server.ca_file, timeout=60).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
