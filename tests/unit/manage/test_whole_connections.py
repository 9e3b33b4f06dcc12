"""Connections are stored whole or not at all, whatever fails on the way."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from shared import config
from shared.bootstrap import Application
from shared.errors import Transient
from shared.manage.connections import Connections
from tests.fakes.clock import FakeClock
from tests.fakes.partition_store import MemoryPartitionStore

BODY: dict[str, Any] = {
    "system": "activecampaign",
    "name": "Mine",
    "crm": {
        "url": "https://contoso.crm4.dynamics.com",
        "tenant": "3c6e0b8a-9c15-4fd2-8e5b-7d0f4c1a2b39",
        "client_id": "6f1d3c4e-8f7a-4a57-9d3e-1b2c3d4e5f60",
        "secrets": {"secret": "first"},
    },
    "partner": {"url": "https://contoso.api-us1.com", "secrets": {"key": "first"}},
}


class Secrets:
    """Keeps secrets; refuses the one that `fails` names once."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.fails = ""

    def put(self, name: str, value: str) -> None:
        if self.fails and name.endswith(self.fails):
            raise Transient("the vault does not answer", code="vault")
        self.kept[name] = value

    def remove(self, name: str) -> None:
        self.kept.pop(name, None)


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture
def connections(secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> Connections:
    key = base64.b64encode(bytes(32)).decode()
    app = Application(config.load({"AzureWebJobsStorage": "UseDevelopmentStorage=true", "DYNASYNC_STATE_KEY": key}))
    stores: dict[str, MemoryPartitionStore] = {}
    clock = FakeClock()
    monkeypatch.setattr(Application, "store", lambda self, name: stores.setdefault(name, MemoryPartitionStore(clock)))
    monkeypatch.setattr(Application, "secrets", secrets)
    return app.connections


def test_a_connection_whose_secret_cannot_be_kept_is_not_made(connections: Connections, secrets: Secrets) -> None:
    secrets.fails = "-partner-key"
    with pytest.raises(Transient):
        connections.create(BODY)
    assert connections.all() == []
    assert secrets.kept == {}
    secrets.fails = ""
    made = connections.create(BODY)
    assert [stored.config.id for stored in connections.all()] == [made.config.id]
    assert sorted(secrets.kept.values()) == ["first", "first"]


def test_an_edit_whose_secret_cannot_be_kept_changes_nothing(connections: Connections, secrets: Secrets) -> None:
    made = connections.create(BODY)
    secrets.fails = "-partner-key"
    with pytest.raises(Transient):
        connections.edit(made, {"name": "Theirs", "partner": {"secrets": {"key": "second"}}})
    assert connections.get(made.config.id).config == made.config
    assert set(secrets.kept.values()) == {"first"}


def test_what_is_shown_can_be_sent_back_as_it_is(connections: Connections, secrets: Secrets) -> None:
    made = connections.create(BODY)
    shown = {name: value for name, value in made.config.crm.items() if name != "secret"}
    again = connections.edit(made, {"crm": {**shown, "secretsStored": ["secret"]}})
    assert again.config.crm == made.config.crm
    assert set(secrets.kept.values()) == {"first"}
