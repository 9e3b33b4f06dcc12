"""The one way out, against servers that misbehave."""

from __future__ import annotations

import gzip
import logging
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from shared.errors import AuthError, ConfigError, OutcomeUnknown, SyncError, Throttled, Transient
from shared.http.calls import Answer, Call
from shared.http.client import HttpClient, Manners, Runtime
from shared.http.counts import CallCounts
from shared.http.origin import Origin
from shared.http.session import new_session
from simulators.frame import Authority
from tests.wire.connectors.support import authority
from tests.wire.http.hostile import Hostile, answer, chunked, cut, drip, hostile, reset, silence

CANARY = "canary-7f3a"
JSON = b'{"value": [1, 2.50]}'


class Clock:
    """Real time that never sleeps for long."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() + sum(self.slept)

    def sleep(self, seconds: float) -> None:
        assert seconds <= 5
        self.slept.append(seconds)


class Budget:
    def __init__(self) -> None:
        self.taken = 0
        self.closings: list[float] = []

    def acquire(self, calls: int = 1, *, interactive: bool = False) -> None:
        del interactive
        self.taken += calls

    def close_for(self, seconds: float) -> None:
        self.closings.append(seconds)


class Keys:
    """Two keys, the second one after a refusal."""

    def __init__(self) -> None:
        self.refusals = 0

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {CANARY}-{self.refusals}"}

    def refused(self, used: Mapping[str, str]) -> bool:
        assert used == self.headers()
        self.refusals += 1
        return True


class Setup:
    def __init__(self, server: Hostile) -> None:
        self.server, self.clock, self.budget, self.keys, self.counts = server, Clock(), Budget(), Keys(), CallCounts()
        self.client = HttpClient(
            system="test",
            origin=Origin.parse(server.url, setting="url"),
            runtime=Runtime(session=new_session(), clock=self.clock, jitter=lambda: 0.5, observers=[self.counts]),
            budget=self.budget,
            authorizer=self.keys,
            manners=Manners(title="Test system"),
            scope="account",
        )

    def send(self, **members: object) -> Answer:
        call = {"method": "GET", "target": f"/x?email={CANARY}", "purpose": "read", "seconds": 20.0} | members
        return self.client.send(Call(**call))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("ca")) as made:
        yield made


def refused(setup: Setup, error: type[SyncError], **members: object) -> SyncError:
    """The error, which tells nothing that must not be told: not in its text, nor in anything chained to it."""
    with pytest.raises(error) as raised:
        setup.send(**members)
    told = "".join(traceback.format_exception(raised.value))
    assert CANARY not in told
    assert raised.value.__context__ is None or CANARY not in repr(raised.value.__context__)
    return raised.value


def test_a_read_gives_its_data_with_exact_decimals_over_one_kept_connection(ca: Authority) -> None:
    with hostile(ca, answer(JSON)) as server:
        setup = Setup(server)
        for _ in range(5):
            assert str(setup.send().data["value"][1]) == "2.50"
        assert server.connections == 1
        assert setup.budget.taken == setup.counts.calls("test", "read") == 5


def test_packed_answers_are_asked_for_and_unpacked(ca: Authority) -> None:
    with hostile(ca, answer(gzip.compress(JSON), 200, "Content-Encoding: gzip")) as server:
        assert Setup(server).send().data == {"value": [1, 2.5]}
        assert server.header("Accept-Encoding") == "gzip"


def test_chunked_answers_are_read(ca: Authority) -> None:
    with hostile(ca, chunked(JSON[:5], JSON[5:])) as server:
        assert Setup(server).send().data == {"value": [1, 2.5]}


@pytest.mark.parametrize(
    "first",
    [
        answer(JSON, 200, length=500),
        chunked(JSON[:5], end=False),
        cut,
        reset,
        answer(b"", 200),
        answer(b'{"a": 1, "a": 2}'),
        answer(b'{"a": NaN}'),
        answer(b"\xef\xbb\xbf{}"),
        answer("{}".encode("utf-16")),
        answer(b'{"a": "\xff"}'),
        answer(JSON, 200, "Content-Type: application/json; charset=iso-8859-1"),
        answer(b'{"a": '),
        answer(b"[" * 100_000),
        answer(gzip.compress(JSON)[:-12], 200, "Content-Encoding: gzip"),
        answer(b"not packed", 200, "Content-Encoding: gzip"),
        answer(b"oops", 500),
        answer(b"<html>busy</html>", 502, "Content-Type: text/html"),
        answer(b"", 503, "Retry-After: 2"),
    ],
)
def test_a_read_that_failed_in_passing_is_made_again(ca: Authority, first: object) -> None:
    with hostile(ca, first, answer(JSON)) as server:  # type: ignore[arg-type]
        setup = Setup(server)
        assert setup.send().data == {"value": [1, 2.5]}
        assert len(server.requests) == 2
        assert len(setup.clock.slept) == 1


@pytest.mark.parametrize("act", [cut, answer(b"{", 200), answer(b"", 500), answer(b"", 200)])
def test_a_read_that_keeps_failing_is_given_up_as_transient(ca: Authority, act: object) -> None:
    with hostile(ca, act) as server:  # type: ignore[arg-type]
        setup = Setup(server)
        error = refused(setup, Transient)
        assert isinstance(error, Transient)
        assert error.retry_after is not None
        assert len(server.requests) == 4


@pytest.mark.parametrize("act", [cut, reset, answer(JSON, 200, length=500)])
def test_a_write_whose_answer_was_lost_is_unknown_and_never_sent_again(ca: Authority, act: object) -> None:
    with hostile(ca, act) as server:  # type: ignore[arg-type]
        setup = Setup(server)
        refused(setup, OutcomeUnknown, method="POST", effect=True, body=CANARY.encode())
        assert len(server.requests) == 1


def test_a_write_that_met_no_connection_is_transient(ca: Authority) -> None:
    with hostile(ca, answer()) as server:
        setup = Setup(server)
    error = refused(setup, Transient, method="POST", effect=True)
    assert error.code == "no_connection"


def test_a_refusal_of_a_write_is_the_callers_to_judge(ca: Authority) -> None:
    with hostile(ca, answer(b'{"error": {}}', 412), answer(b"x", 500)) as server:
        setup = Setup(server)
        assert setup.send(method="PATCH", effect=True).status == 412
        assert setup.send(method="PATCH", effect=True).status == 500
        assert len(server.requests) == 2


@pytest.mark.feature("HUB-17.2")
@pytest.mark.parametrize("effect", [False, True])
def test_a_short_wait_is_spent_here_and_a_long_one_goes_back(ca: Authority, *, effect: bool) -> None:
    acts = [answer(b"", 429, "Retry-After: 2"), answer(JSON), answer(b"", 429, "Retry-After: 120")]
    with hostile(ca, *acts) as server:
        setup = Setup(server)
        assert setup.send(effect=effect).ok
        assert 2 <= setup.clock.slept[0] <= 2.5
        error = refused(setup, Throttled, effect=effect)
        assert isinstance(error, Throttled)
        assert 120 <= error.retry_after <= 121
        assert error.scope == "account"
        assert setup.budget.closings[-1] == error.retry_after
        assert len(setup.clock.slept) == 1


@pytest.mark.feature("HUB-17.2")
@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("2.128", 2.1, 2.7),
        ("-30", 0, 1),
        ("1000000000", 3600, 3601),
        ("soon", 1, 1.5),
        ("", 1, 1.5),
        ("nan", 1, 1.5),
        ("inf", 3600, 3601),
        ("date +90", 85, 91),
        ("date -86400", 0, 1),
    ],
)
def test_every_form_of_retry_after_gives_a_sane_wait(ca: Authority, header: str, low: float, high: float) -> None:
    if header.startswith("date "):
        moment = datetime.now(UTC) + timedelta(seconds=int(header.removeprefix("date ")))
        header = format_datetime(moment, usegmt=True)
    with hostile(ca, answer(b"", 429, f"Retry-After: {header}"), answer(JSON)) as server:
        setup = Setup(server)
        if high > 5:
            error = refused(setup, Throttled)
            assert isinstance(error, Throttled)
            assert low <= error.retry_after <= high
        else:
            assert setup.send().ok
            assert low <= setup.clock.slept[0] <= high


def test_a_date_is_measured_by_the_servers_own_clock(ca: Authority) -> None:
    theirs = datetime(2020, 1, 1, tzinfo=UTC)
    at = format_datetime(theirs + timedelta(seconds=60), usegmt=True)
    with hostile(ca, answer(b"", 429, f"Retry-After: {at}", f"Date: {format_datetime(theirs, usegmt=True)}")) as server:
        error = refused(Setup(server), Throttled)
        assert isinstance(error, Throttled)
        assert 60 <= error.retry_after <= 61


def test_refused_credentials_are_renewed_once(ca: Authority) -> None:
    with hostile(ca, answer(b"", 401), answer(JSON), answer(b"", 401)) as server:
        setup = Setup(server)
        assert setup.send().ok
        assert server.header("Authorization", 1) == f"Bearer {CANARY}-1"
        assert setup.send().status == 401
        assert len(server.requests) == 4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("effect", [False, True])
def test_a_redirect_is_never_followed(ca: Authority, status: int, *, effect: bool) -> None:
    with hostile(ca, answer()) as elsewhere:
        with hostile(ca, answer(b"", status, f"Location: {elsewhere.url}/take")) as server:
            error = refused(Setup(server), ConfigError, effect=effect)
            assert error.next_step
        assert elsewhere.requests == []


def test_a_page_for_people_instead_of_data_says_what_to_check(ca: Authority) -> None:
    for act in (answer(b"<!doctype html>", 200, "Content-Type: text/html"), answer(b"  <html>x</html>")):
        with hostile(ca, act) as server:
            error = refused(Setup(server), AuthError)
            assert error.code == "html_answer"
            assert "address" in error.next_step
            assert len(server.requests) == 1


def test_a_body_beyond_its_limit_is_not_taken_in(ca: Authority) -> None:
    bomb = gzip.compress(b'{"a": "' + b"x" * 30_000_000 + b'"}')
    with hostile(ca, answer(bomb, 200, "Content-Encoding: gzip")) as server:
        error = refused(Setup(server), Transient, max_bytes=1_000_000)
        assert error.code == "too_large"


def test_a_server_that_drips_cannot_outlast_the_call(ca: Authority) -> None:
    with hostile(ca, drip(b'{"a": "' + b"x" * 5000, 0.02)) as server:  # for 100 seconds
        started = time.monotonic()
        refused(Setup(server), Transient, seconds=0.5)
        assert time.monotonic() - started < 50


def test_a_server_that_says_nothing_is_given_up(ca: Authority) -> None:
    with hostile(ca, silence(100)) as server:
        started = time.monotonic()
        refused(Setup(server), Transient, seconds=0.6, read_seconds=0.3)
        assert time.monotonic() - started < 50
        refused(Setup(server), OutcomeUnknown, effect=True, read_seconds=0.3)


def test_a_certificate_nobody_vouches_for_is_a_setting_to_correct(
    ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile(ca, answer()) as server:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        error = refused(Setup(server), ConfigError)
        assert error.code == "untrusted_certificate"
        assert server.requests == []


def test_a_netrc_file_does_not_replace_our_credentials(
    ca: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with hostile(ca, answer(JSON)) as server:
        Setup(server).send()
        assert server.header("Authorization") == f"Bearer {CANARY}-0"


def test_cookies_are_not_kept(ca: Authority) -> None:
    with hostile(ca, answer(JSON, 200, "Set-Cookie: ARRAffinity=abc; Path=/")) as server:
        setup = Setup(server)
        setup.send()
        setup.send()
        assert server.header("Cookie", 1) is None


def test_nothing_private_is_logged(ca: Authority, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with hostile(ca, answer(CANARY.encode(), 500), cut, answer(JSON)) as server:
        Setup(server).send(headers={"X-Secret": CANARY}, method="GET")
    assert CANARY not in caplog.text
    assert not any(CANARY in str(vars(record)) for record in caplog.records)


def test_many_threads_share_one_client(ca: Authority) -> None:
    with hostile(ca, answer(JSON)) as server:
        setup = Setup(server)
        threads = [threading.Thread(target=lambda: [setup.send() for _ in range(20)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert setup.counts.calls("test") == 160
        assert server.connections <= 9
