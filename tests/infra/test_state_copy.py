"""The state of an installation saved to a file and loaded elsewhere: nothing lost, nothing mixed."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.data.tables import EdmType, EntityProperty, TableServiceClient

from scripts import state

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.storage


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


def rows_of(service: TableServiceClient, table: str) -> list[dict[str, object]]:
    return sorted((dict(row) for row in service.get_table_client(table).list_entities()), key=str)


def test_every_kind_of_value_comes_back_as_it_was(azurite: str, prefix: str, tmp_path: Path) -> None:
    moment = datetime(2026, 11, 22, 7, 30, 15, 123456, tzinfo=UTC)
    values = {"text": "Ω", "number": 7, "large": EntityProperty(2**40, EdmType.INT64), "share": 0.5, "yes": True,
              "bytes": bytes(range(256)), "moment": moment}  # fmt: skip
    with TableServiceClient.from_connection_string(azurite) as service:
        lanes = service.create_table(f"{prefix}lanes")
        for number in range(230):
            partition = "c1.main" if number < 200 else "c2.main"
            lanes.create_entity({"PartitionKey": partition, "RowKey": f"{number:05d}", **values})
        service.create_table(f"{prefix}budgets").create_entity({"PartitionKey": "a", "RowKey": "b"})
        service.create_table(f"other{prefix}").create_entity({"PartitionKey": "a", "RowKey": "b"})
        assert state.save(service, prefix, tmp_path / "state.gz") == {"lanes": 230}
        assert state.load(service, f"{prefix}new", tmp_path / "state.gz") == {"lanes": 230}
        assert rows_of(service, f"{prefix}newlanes") == rows_of(service, f"{prefix}lanes")
        with pytest.raises(state.NotEmpty, match="not empty"):
            state.load(service, f"{prefix}new", tmp_path / "state.gz")


def test_the_command_runs_and_says_what_it_needs(azurite: str, prefix: str, tmp_path: Path) -> None:
    command = [sys.executable, "scripts/state.py", "save", str(tmp_path / "state.gz"), "--prefix", prefix]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AzureWeb")}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "--account" in ran.stderr
    environment["AzureWebJobsStorage"] = azurite
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "{}")
