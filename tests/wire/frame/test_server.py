"""The frame over a real socket, and in process."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from simulators.frame import ControlError, Request, Response, RunningServer, SystemBase, flag, json_response, serve
from simulators.frame.clock import Agenda, Clock
from tests.pace import PATIENCE


class Echo(SystemBase):
    """Says back what it heard and counts effects."""

    name = "echo"
    switch_list = (flag("loud", default=False, text="speaks up", source="none"),)

    def __init__(self) -> None:
        super().__init__()
        self.effects = 0

    def handle(self, request: Request) -> Response:
        """One effect a call."""
        if request.path == "/bug":
            raise RuntimeError("a bug")
        self.effects += 1
        self.writes.add(
            at=self.clock.time(), who="key", op="create", kind="echo", record_id=str(self.effects), changed={}
        )
        return json_response(
            200,
            {
                "method": request.method,
                "path": request.path,
                "query": request.query,
                "body": request.body.decode("utf-8", "replace"),
                "pad": "x" * (5000 if request.path == "/big" else 0),
            },
        )

    def seed(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Nothing but a mirror."""
        if "bad" in spec:
            raise ControlError("bad is bad: leave it out")
        return spec

    def state(self, query: dict[str, str]) -> dict[str, Any]:
        """The count."""
        return {"effects": self.effects, "query": query}


@pytest.fixture
def server() -> Iterator[RunningServer]:
    """An echo on a free port."""
    with serve(Echo()) as running:
        yield running


@pytest.fixture
def session(server: RunningServer) -> Iterator[requests.Session]:
    """A session that trusts the server's authority."""
    with requests.Session() as made:
        made.trust_env = False  # REQUESTS_CA_BUNDLE of the machine would beat `verify`
        made.verify = server.ca_file
        yield made


def control(session: requests.Session, server: RunningServer, method: str, path: str, body: Any = None) -> Any:
    """One control call that must work."""
    answer = session.request(method, f"{server.url}/_sim/{path}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_certificate_is_verified_by_name_and_authority(server: RunningServer) -> None:
    port = urlsplit(server.url).port
    trusted = ssl.create_default_context(cafile=server.ca_file)
    for name in ("127.0.0.1", "localhost"):
        connection = http.client.HTTPSConnection(name, port, context=trusted, timeout=60)
        connection.request("GET", "/x")
        assert connection.getresponse().status == 200
        connection.close()
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(server.url, timeout=60)


def test_keep_alive_chunked_and_gzip(server: RunningServer, session: requests.Session) -> None:
    answer = session.post(f"{server.url}/a%20b?x=1&x=&y=%C3%A9", data=iter([b"one ", b"two"]), timeout=60).json()
    assert answer["path"] == "/a b"
    assert answer["query"] == [["x", "1"], ["x", ""], ["y", "é"]]
    assert answer["body"] == "one two"
    plain = session.get(f"{server.url}/big", headers={"Accept-Encoding": "identity"}, timeout=60)
    packed = session.get(f"{server.url}/big", headers={"Accept-Encoding": "gzip"}, stream=True, timeout=60)
    raw = packed.raw.read()
    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(raw)) == plain.json()
    assert "Content-Encoding" not in plain.headers


def test_two_requests_pass_over_one_connection(server: RunningServer) -> None:
    context = ssl.create_default_context(cafile=server.ca_file)
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=60)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("GET", "/x")
        connection.getresponse().read()
        assert connection.sock is first
    connection.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: minus\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_broken_framing_is_refused_and_the_server_lives(server: RunningServer, raw: bytes) -> None:
    context = ssl.create_default_context(cafile=server.ca_file)
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as bare,
        context.wrap_socket(bare, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(raw)
        answer = connection.recv(4096)
    assert answer.split(b" ")[1][:1] == b"4" or b"Error code: 4" in answer
    assert requests.get(f"{server.url}/x", verify=server.ca_file, timeout=60).status_code == 200


def test_unusual_methods_reach_the_system(server: RunningServer, session: requests.Session) -> None:
    assert session.request("MERGE", f"{server.url}/x", timeout=60).json()["method"] == "MERGE"


def test_a_bug_of_a_simulator_is_a_500_that_says_so(server: RunningServer, session: requests.Session) -> None:
    answer = session.get(f"{server.url}/bug", timeout=60)
    assert (answer.status_code, answer.text) == (500, "the echo simulator itself failed; its log says where")
    assert session.get(f"{server.url}/x", timeout=60).status_code == 200


def test_many_threads_are_served_at_once(server: RunningServer) -> None:
    control_session = requests.Session()
    control_session.trust_env = False
    control_session.verify = server.ca_file
    control(control_session, server, "POST", "latency", {"ms": 100})
    statuses: list[int] = []

    def call() -> None:
        statuses.append(requests.get(f"{server.url}/x", verify=server.ca_file, timeout=60).status_code)

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 20
    calls = control(control_session, server, "GET", "calls")
    assert len(calls) == 20
    assert all(call["ms"] >= 100 for call in calls)
    control_session.close()


def test_call_log_knows_templates_keys_and_agent_but_no_values(
    server: RunningServer, session: requests.Session
) -> None:
    session.get(
        f"{server.url}/contacts/17?email=secret", headers={"User-Agent": "walk/1", "Api-Token": "k"}, timeout=60
    )
    (call,) = control(session, server, "GET", "calls")
    assert (call["path"], call["query_keys"], call["user_agent"]) == ("/contacts/{id}", ["email"], "walk/1")
    assert "secret" not in json.dumps(call)
    counts = control(session, server, "GET", "counts")
    assert counts == {"total": 1, "by": [{"method": "GET", "path": "/contacts/{id}", "status": 200, "count": 1}]}
    control(session, server, "DELETE", "calls")
    assert control(session, server, "GET", "counts")["total"] == 0


@pytest.mark.parametrize(("do", "effects"), [("drop_before", 0), ("drop_after", 1), ({"late_effect_ms": 5000}, 0)])
def test_dropped_connections(server: RunningServer, session: requests.Session, do: Any, effects: int) -> None:
    control(session, server, "POST", "clock", {"frozen": True})
    control(session, server, "POST", "faults", [{"match": {"path": "/x", "nth": 1}, "do": do}])
    with pytest.raises(requests.exceptions.ConnectionError):
        session.get(f"{server.url}/x", timeout=60)
    assert control(session, server, "GET", "state")["effects"] == effects
    control(session, server, "POST", "clock", {"advance": 6})
    assert control(session, server, "GET", "state")["effects"] == max(effects, 0 if do == "drop_before" else 1)
    assert session.get(f"{server.url}/x", timeout=60).status_code == 200
    assert [call["status"] for call in control(session, server, "GET", "calls")] == [0, 200]


def test_faulty_answers(server: RunningServer, session: requests.Session) -> None:
    def order(do: Any, **match: Any) -> None:
        control(session, server, "DELETE", "faults")
        control(session, server, "POST", "faults", {"match": match, "do": do})

    order({"status": 503, "body": "busy", "headers": {"Retry-After": "7"}}, every=2)
    first, second = (session.get(f"{server.url}/x", timeout=60) for _ in range(2))
    assert (first.status_code, second.status_code, second.text, second.headers["Retry-After"]) == (
        200,
        503,
        "busy",
        "7",
    )
    assert control(session, server, "GET", "state")["effects"] == 1
    order({"status": 200}, times=1)
    empty = session.get(f"{server.url}/x", timeout=60)
    assert (empty.status_code, empty.content) == (200, b"")
    order({"status": 403, "body": {"message": "Forbidden"}}, times=1)
    assert session.get(f"{server.url}/x", timeout=60).json() == {"message": "Forbidden"}
    order({"status_after": 500}, times=1)
    assert session.get(f"{server.url}/x", timeout=60).status_code == 500
    assert control(session, server, "GET", "state")["effects"] == 2
    order({"html": "<html>log in</html>"}, method="GET", path="^/x")
    assert session.get(f"{server.url}/x", timeout=60).headers["Content-Type"].startswith("text/html")
    assert session.post(f"{server.url}/x", timeout=60).json()["method"] == "POST"
    order("truncate")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        session.get(f"{server.url}/big", headers={"Accept-Encoding": "identity"}, timeout=60)
    order({"delay_ms": 60})
    session.get(f"{server.url}/x", timeout=60)
    assert control(session, server, "GET", "calls")[-1]["ms"] >= 60


def test_probability_is_seeded(server: RunningServer, session: requests.Session) -> None:
    def pattern() -> list[int]:
        control(session, server, "POST", "reset", {"seed": 5})
        control(session, server, "POST", "faults", {"match": {"probability": 0.5}, "do": {"status": 500}})
        return [session.get(f"{server.url}/x", timeout=60).status_code for _ in range(20)]

    first = pattern()
    assert first == pattern()
    assert {200, 500} == set(first)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "faults", [{"match": {"colour": 1}, "do": "truncate"}]),
        ("POST", "faults", [{"match": {}, "do": "explode"}]),
        ("POST", "faults", [{"match": {"path": "("}, "do": "truncate"}]),
        ("POST", "faults", [1]),
        ("POST", "switches", {"nope": True}),
        ("POST", "switches", {"loud": "yes"}),
        ("POST", "switches", {"loud": 1}),
        ("POST", "seed", {"bad": 1}),
        ("POST", "seed", [1]),
        ("POST", "clock", {"now": "yesterday"}),
        ("POST", "do/dance", {}),
    ],
)
def test_bad_control_calls_say_what_is_wrong(
    server: RunningServer, session: requests.Session, method: str, path: str, body: Any
) -> None:
    answer = session.request(method, f"{server.url}/_sim/{path}", json=body, timeout=60)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_unknown_control_call_lists_the_known(server: RunningServer, session: requests.Session) -> None:
    answer = session.get(f"{server.url}/_sim/nothing", timeout=60)
    assert answer.status_code == 404
    assert "GET state" in answer.json()["known"]


def test_switches_are_described_and_reset(server: RunningServer, session: requests.Session) -> None:
    control(session, server, "POST", "switches", {"loud": True})
    (loud,) = control(session, server, "GET", "switches")
    assert (loud["value"], loud["default"], loud["source"]) == (True, False, "none")
    control(session, server, "POST", "reset", {})
    assert control(session, server, "GET", "switches")[0]["value"] is False


def test_clock_can_be_set_frozen_and_advanced(server: RunningServer, session: requests.Session) -> None:
    spec = {"now": "2026-03-01T12:00:00Z", "frozen": True}
    assert control(session, server, "POST", "clock", spec)["now"] == "2026-03-01T12:00:00.000Z"
    assert control(session, server, "POST", "clock", {"advance": 90})["now"] == "2026-03-01T12:01:30.000Z"
    assert session.get(f"{server.url}/x", timeout=60).headers["Date"] == "Sun, 01 Mar 2026 12:01:30 GMT"
    assert control(session, server, "GET", "writes")[0]["time"] == "2026-03-01T12:01:30.000Z"
    assert control(session, server, "POST", "clock", {"frozen": False})["frozen"] is False
    assert control(session, server, "POST", "clock", {"offset": 0})["offset"] == pytest.approx(0, abs=1)


def test_agenda_runs_in_order_of_time_and_only_when_due() -> None:
    clock = Clock(source=lambda: 1000.0)
    agenda = Agenda(clock)
    ran: list[str] = []
    agenda.after(20, lambda: ran.append("late"))
    agenda.after(10, lambda: ran.append("early"))
    agenda.run_due()
    assert ran == []
    clock.advance(30)
    assert agenda.run_due() == 2
    assert ran == ["early", "late"]


def test_whoever_runs_the_agenda_waits_for_what_another_thread_began() -> None:
    clock = Clock(source=lambda: 1000.0)
    agenda = Agenda(clock)
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    done: list[str] = []

    def slow() -> None:
        begun.set()
        assert go_on.wait(PATIENCE)
        done.append("slow")

    def second() -> None:
        agenda.run_due()
        done.append("second")
        ended.set()

    agenda.after(0, slow)
    threads = [threading.Thread(target=agenda.run_due), threading.Thread(target=second)]
    threads[0].start()
    assert begun.wait(PATIENCE)
    threads[1].start()
    assert not ended.wait(0.05)
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert done == ["slow", "second"]


def test_served_agenda_ticks_by_itself(server: RunningServer) -> None:
    done = threading.Event()
    server.host.system.agenda.after(0.01, done.set)
    assert done.wait(PATIENCE)


def test_close_cuts_open_connections() -> None:
    running = serve(Echo())
    session = requests.Session()
    session.trust_env = False
    session.verify = running.ca_file
    session.get(f"{running.url}/x", timeout=60)
    running.close()
    with pytest.raises(OSError):  # noqa: PT011 - refused, reset or already without its CA file
        session.get(f"{running.url}/x", timeout=60)
    session.close()


def test_request_values_never_raise() -> None:
    request = Request.build("GET", "https://h/%ff%zz\udcff?%ff=%&a=b#frag", headers=[("A", "1"), ("a", "2")])
    assert request.path.startswith("/")
    assert request.headers["A"] == "1, 2"
    assert request.first("a") == "b"
    with pytest.raises(ValueError, match=r"."):
        Request.build("POST", "/", body=b"{" * 5000).json()
