"""Secrets of connections in Key Vault: through the SDK against a vault on the loopback, and through the app itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from shared.azure.credential import ManagedIdentity
from shared.azure.vault import KEEP_SECONDS, VaultSecrets
from shared.errors import AuthError, ConfigError, Transient
from tests.fakes.vault import FakeVault, fake_vault


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVault]:
    with fake_vault(tmp_path) as found:
        for name, value in {**found.settings, "REQUESTS_CA_BUNDLE": found.ca_file}.items():
            monkeypatch.setenv(name, value)
        yield found


class Ticking:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@pytest.fixture
def store(vault: FakeVault, ticking: Ticking) -> Iterator[VaultSecrets]:
    made = VaultSecrets.by_credential(vault.url, ManagedIdentity(), ticking, retry_total=0)
    yield made
    made.close()


@pytest.mark.feature("APP-05.4")
def test_a_secret_is_stored_replaced_and_read(vault: FakeVault, store: VaultSecrets) -> None:
    store.put("c1-crm-secret", "first")
    store.put("c1-crm-secret", "second")
    assert store.secret("c1-crm-secret") == "second"
    assert vault.values == {"c1-crm-secret": ["first", "second"]}


@pytest.mark.feature("APP-05.4")
def test_a_secret_replaced_elsewhere_is_used_within_a_minute(
    vault: FakeVault, store: VaultSecrets, ticking: Ticking
) -> None:
    """Rotation without downtime: the old one is used until then, which both vendors keep valid as long as asked."""
    vault.values["c1-crm-secret"] = ["old"]
    assert store.secret("c1-crm-secret") == "old"
    vault.values["c1-crm-secret"].append("new")
    ticking.now += KEEP_SECONDS / 2
    assert store.secret("c1-crm-secret") == "old"
    assert vault.reads == 1
    ticking.now += KEEP_SECONDS
    assert store.secret("c1-crm-secret") == "new"


def test_a_removed_secret_goes_to_the_bin_and_the_same_name_can_be_stored_again(
    vault: FakeVault, store: VaultSecrets
) -> None:
    store.put("a", "1")
    store.remove("a")
    store.remove("a")
    assert vault.bin == {"a": ["1"]}
    with pytest.raises(ConfigError, match="was never stored"):
        store.secret("a")
    store.put("a", "2")
    assert store.secret("a") == "2"
    assert vault.bin == {}


def test_a_vault_that_refuses_or_does_not_answer_is_told_apart_and_nothing_is_said_of_values(
    vault: FakeVault, store: VaultSecrets, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store.put("a", "hidden-value")
    vault.forbidden = True
    with pytest.raises(AuthError, match="refuses the app the secret b") as refused:
        store.secret("b")
    assert "Secrets Officer" in refused.value.next_step
    vault.forbidden, vault.broken = False, True
    with pytest.raises(Transient, match="503"):
        store.secret("b")
    assert "hidden-value" not in caplog.text
    assert "hidden-value" not in str(refused.value)


@pytest.mark.feature("APP-05.4")
@pytest.mark.storage
def test_the_app_puts_entered_secrets_into_the_vault_and_nowhere_else(sims: Any, azurite: str, tmp_path: Path) -> None:
    """Created over the API, used by the check's own calls; no table and no answer holds it."""
    from cli.demo.world import app, seed
    from tests.app.conftest import World

    with (
        fake_vault(tmp_path, Path(sims.ca_file).parent) as vault,
        app(sims, port=0, clock_file=tmp_path / "clock.json", AzureWebJobsStorage=azurite, **vault.settings) as host,
    ):
        world = World(sims, host, tmp_path / "clock.json", seed(sims, []))
        connection = world.connect()
        checked = world.call("POST", f"connections/{connection}/check")
        assert checked["passed"], checked
        stored = {values[-1] for values in vault.values.values()}
        assert stored == {world.keys["client_secret"], world.keys["api_key"]}
        shown = str(world.call("GET", f"connections/{connection}"))
        assert not [value for value in stored if value in shown]
        with TableServiceClient.from_connection_string(azurite) as service:
            rows = [str(row) for table in service.list_tables() for row in
                    service.get_table_client(table.name).list_entities()]  # fmt: skip
        assert rows
        assert not [row for row in rows for value in stored if value in row]
