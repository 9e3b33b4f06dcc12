"""State of the first release is read today, and state written today can be read by the release before it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.azure.conflicts import TableConflicts
from shared.azure.connections import TableConnections
from shared.azure.log_rows import newest_first, packed
from shared.connectors.activecampaign.defaults import default_entities
from shared.domain.connection import ConnectionConfig, Switch
from shared.domain.entity_file import parse_entity_map
from shared.domain.records import Kind, Ref, RemoteId
from shared.ports.journal import KeptConflict
from shared.ports.state import Put
from shared.state import envelope
from tests.fakes.partition_store import MemoryPartitionStore

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
ID = f"{newest_first(NOW)}-a1"
FIRST_RELEASE: list[Any] = [
    "ab" * 12,
    "contact",
    "firstname",
    "ask",
    "",
    ["contact", "1"],
    ["contact", "2"],
    b"sealed ours",
    b"sealed theirs",
    NOW,
    "run",
    "",
    None,
]


@pytest.mark.feature("APP-11")
def test_a_question_of_the_first_release_is_read_and_answered_today() -> None:
    store = MemoryPartitionStore()
    store.transact("c1", [Put(f"q-{ID}", packed(FIRST_RELEASE))])
    found = TableConflicts(store, "c1").get(ID)
    assert found is not None
    assert (found.field, found.crm, found.crm_digest) == ("firstname", Ref(Kind("contact"), RemoteId("1")), b"")


@pytest.mark.feature("APP-11")
def test_a_question_of_today_has_the_shape_that_the_first_release_reads() -> None:
    store = MemoryPartitionStore()
    conflict = KeptConflict(
        id=ID,
        link="ab" * 12,
        entity="contact",
        field="firstname",
        policy="ask",
        winner=None,
        crm=Ref(Kind("contact"), RemoteId("1")),
        partner=Ref(Kind("contact"), RemoteId("2")),
        crm_value=b"sealed ours",
        partner_value=b"sealed theirs",
        at=NOW,
        run="run",
        crm_digest=b"1" * 16,
        partner_digest=b"2" * 16,
    )
    conflicts = TableConflicts(store, "c1")
    conflicts.add([conflict])
    row = store.get("c1", f"q-{ID}")
    assert row is not None
    assert envelope.read("c1", row) == FIRST_RELEASE
    assert conflicts.get(ID) == conflict


def config(**changes: Any) -> ConnectionConfig:
    plain = ConnectionConfig(
        id="c1",
        name="Test",
        system="activecampaign",
        crm={"url": "https://a"},
        partner={"url": "https://b"},
        entities=tuple(default_entities()),
    )
    return replace(plain, **changes)


def stored(data: dict[str, Any]) -> ConnectionConfig:
    store = MemoryPartitionStore()
    text = json.dumps(data)
    store.transact("connections", [Put("c-c1", {"format": 1, "data0": text, "unique": "u"})])
    found = TableConnections(store).get("c1")
    assert found is not None
    return found.config


@pytest.mark.feature("APP-11")
def test_a_connection_with_settings_of_a_newer_release_is_read_after_a_rollback() -> None:
    assert stored({**asdict(config()), "colour": "red"}).name == "Test"


@pytest.mark.feature("APP-11")
def test_a_connection_without_the_settings_of_this_release_gets_their_defaults() -> None:
    old = {name: value for name, value in asdict(config()).items() if name not in {"options", "hook_generation"}}
    assert stored(old).options == {}


@pytest.mark.feature("APP-11")
def test_an_upgrade_switches_nothing_on() -> None:
    """What was off stays off: settings are read as they were stored, new defaults are for new connections only."""
    narrow = [{**item, "on": False, "direction": "to_partner"} for item in default_entities()][:1]
    found = stored({**asdict(config(switch=Switch.OFF)), "entities": narrow})
    assert found.switch is Switch.OFF
    assert [(item.on, item.direction.value) for item in map(parse_entity_map, found.entities)] == [
        (False, "to_partner")
    ]
