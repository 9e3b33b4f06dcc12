"""What the doctor asks of storage: the queue service's answers, and none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from werkzeug import Request, Response
from werkzeug.serving import make_server

from cli import machine
from shared import config
from shared.azure.queue_depths import depth
from shared.errors import AuthError, ConfigError, Transient

KEY = "a2tr" * 10 + "a2s="


@dataclass
class Queues:
    url: str = ""
    status: int = 200
    messages: str = "3"
    asked: list[Request] = field(default_factory=list)

    def __call__(self, environ: Any, start: Any) -> Any:
        self.asked.append(Request(environ))
        headers = {"x-ms-approximate-messages-count": self.messages}
        return Response("", self.status, headers)(environ, start)

    def settings(self) -> config.Settings:
        account = f"AccountName=acc;AccountKey={KEY};QueueEndpoint={self.url}/acc"
        return config.load({"AzureWebJobsStorage": account, "DYNASYNC_STATE_KEY": KEY})


@pytest.fixture
def queues() -> Iterator[Queues]:
    found = Queues()
    server = make_server("127.0.0.1", 0, found)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


class Identity:
    def get_token(self, scope: str) -> Any:
        assert scope == "https://storage.azure.com/.default"
        return type("Token", (), {"token": "t0ken"})


def identity() -> Any:
    return Identity()


def test_the_depth_of_a_queue_is_asked_with_the_accounts_key_or_as_the_identity(queues: Queues) -> None:
    assert depth(queues.settings(), identity, "sync-work") == 3
    assert queues.asked[0].full_path == "/acc/sync-work?comp=metadata"
    assert queues.asked[0].headers["Authorization"].startswith("SharedKey acc:")
    given = {
        "AzureWebJobsStorage__tableServiceUri": "https://acc.table.example.net",
        "AzureWebJobsStorage__queueServiceUri": f"{queues.url}/",
        "DYNASYNC_STATE_KEY": KEY,
    }
    assert depth(config.load(given), identity, "sync-work") == 3
    assert queues.asked[1].headers["Authorization"] == "Bearer t0ken"
    with pytest.raises(ConfigError, match="no queue service"):
        depth(config.load({**given, "AzureWebJobsStorage__queueServiceUri": ""}), identity, "sync-work")


@pytest.mark.parametrize(("status", "kind"), [(403, AuthError), (401, AuthError), (500, Transient), (302, Transient)])
def test_a_refusal_names_the_role_and_trouble_is_for_later(queues: Queues, status: int, kind: type) -> None:
    queues.status = status
    with pytest.raises(kind) as told:
        depth(queues.settings(), identity, "sync-work")
    assert told.value.next_step


def test_a_queue_that_is_not_there_is_no_error_and_a_service_that_is_away_is_one(queues: Queues) -> None:
    queues.status = 404
    assert depth(queues.settings(), identity, "sync-work") is None
    away = {"AzureWebJobsStorage": f"AccountName=a;AccountKey={KEY};QueueEndpoint=http://127.0.0.1:9/a"}
    with pytest.raises(Transient, match="does not answer"):
        depth(config.load({**away, "DYNASYNC_STATE_KEY": KEY}), identity, "sync-work")


def test_the_machine_is_looked_at_with_a_fix_for_each_failing_step(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {step["name"]: step for step in machine.steps(tmp_path, {"REQUESTS_CA_BUNDLE": str(tmp_path / "gone")})}
    assert found["certificates"]["state"] == "failed"
    assert found["app settings"]["state"] == "skipped"
    assert found["libraries"]["state"] == "passed"
    (tmp_path / "local.settings.json").write_text("{")
    monkeypatch.setattr(machine, "_installed", lambda name: "0")
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    found = {step["name"]: step for step in machine.steps(tmp_path, {})}
    for name in ("app settings", "libraries", "storage emulator"):
        assert found[name]["state"] == "failed"
        assert found[name]["nextStep"]
