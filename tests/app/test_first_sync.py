"""From "no connection" to "first sync done", through HTTP, timer, queue and storage, against both simulators."""

from __future__ import annotations

import contextlib
import time

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from cli.demo.people import expected, generated
from cli.demo.verify import compare, write_log
from cli.demo.world import CLIENT_ID, TENANT
from tests.app.conftest import World
from tests.pace import PATIENCE

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]


@pytest.mark.feature("HUB-02.1", system="activecampaign")
def test_a_check_names_its_steps_in_order_and_every_one_passes_on_a_good_connection(world: World) -> None:
    world.reseed(3)
    found = world.call("POST", f"connections/{world.connect()}/check")
    assert found["passed"], found
    names = [(step["side"], step["name"]) for step in found["steps"]]
    assert names[0] == ("crm", "settings")
    assert [side for side, _ in names] == sorted((side for side, _ in names), key=["crm", "partner", ""].index)
    crm = [name for side, name in names if side == "crm"]
    order = ["settings", "secret", "token", "whoami", "clock", "privileges:contact", "tracking:contact"]
    assert [name for name in crm if name in order] == order
    assert {"settings", "secret", "key", "clock", "contacts", "imports"} <= {
        n for side, n in names if side == "partner"
    }
    assert names[-1] == ("", "mapping")


@pytest.mark.feature("HUB-02.1", system="activecampaign")
def test_steps_after_a_failed_one_are_skipped_and_the_failed_one_says_what_to_do(world: World) -> None:
    world.reseed(3)
    connection = world.connect(crm_secrets={"secret": "not-the-secret"})
    found = world.call("POST", f"connections/{connection}/check")
    assert not found["passed"]
    token = next(step for step in found["steps"] if step["side"] == "crm" and step["name"] == "token")
    assert token["state"] == "failed"
    assert token["nextStep"]
    assert "not-the-secret" not in str(found)
    assert all(step["state"] == "skipped" for step in found["steps"] if step["side"] == "")
    refused = world.call("PATCH", f"connections/{connection}", {"switch": "on"}, status=409)
    assert refused["error"]["code"] == "check_failed"


@pytest.mark.feature("AC-01", system="activecampaign")
@pytest.mark.parametrize("answer", ["403", "html_200", "html_403"])
def test_a_bad_key_is_a_clear_error_whatever_form_the_refusal_takes(world: World, answer: str) -> None:
    world.reseed(2)
    world.sims.control("activecampaign", "POST", "switches", {"bad_key": answer})
    connection = world.connect(partner_secrets={"key": "wrong-key"})
    found = world.call("POST", f"connections/{connection}/check")
    failed = [step for step in found["steps"] if step["state"] == "failed"]
    assert [step["side"] for step in failed] == ["partner"]
    assert "key" in (failed[0]["reason"] + failed[0]["nextStep"]).lower()
    assert "wrong-key" not in str(found)


@pytest.mark.feature("AC-01", system="activecampaign")
@pytest.mark.feature("HUB-01.2", system="activecampaign")
@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"crm_url": "https://dynamics.contoso.local"}, "crm.url"),
        ({"crm_url": "not a url"}, "crm.url"),
        ({"partner_url": "ftp://example.org"}, "partner.url"),
        ({"crm_colour": "red"}, "crm.colour"),
    ],
)
def test_a_wrong_setting_is_refused_and_named_before_anything_is_stored(
    world: World, changes: dict[str, str], target: str
) -> None:
    world.reseed(1)
    error = world.call("POST", "connections", world.body(**changes), status=400)["error"]
    assert error["target"] == target
    assert error["nextStep"]
    assert world.call("GET", "connections")["value"] == []


@pytest.mark.feature("HUB-01.1", system="activecampaign")
def test_a_second_connection_of_the_same_pair_is_refused(world: World) -> None:
    world.reseed(1)
    first = world.connect()
    error = world.call("POST", "connections", world.body(), status=409)["error"]
    assert error["code"] == "connection_exists"
    assert first in error["message"]
    assert [item["id"] for item in world.call("GET", "connections")["value"]] == [first]


@pytest.mark.feature("HUB-01.2", system="activecampaign")
def test_a_connection_is_edited_paused_resumed_and_deleted_and_secrets_are_never_shown(world: World) -> None:
    world.reseed(4)
    connection = world.connect()
    shown = world.call("GET", f"connections/{connection}")
    assert world.keys["api_key"] not in str(shown)
    assert shown["partner"]["secretsStored"] == ["key"]
    assert world.call("PATCH", f"connections/{connection}", {"name": "Renamed"})["name"] == "Renamed"
    stale = {"name": "Mine"}
    answer = world.call("PATCH", f"connections/{connection}", {**stale, "nonsense": 1}, status=400)
    assert answer["error"]["code"] == "unknown_field"
    world.switch_on(connection)
    world.wait_for(connection, 1)
    assert world.call("PATCH", f"connections/{connection}", {"switch": "off"})["switch"] == "off"
    assert world.call("DELETE", f"connections/{connection}", status=204) is None
    assert world.call("GET", f"connections/{connection}", status=404)["error"]["code"] == "connection_not_found"


@pytest.mark.feature("HUB-04.1", system="activecampaign")
def test_the_initial_sync_brings_every_person_over_once_and_writes_nothing_to_dynamics(world: World) -> None:
    world.reseed(120)
    connection = world.connect()
    world.switch_on(connection)
    status = world.wait_for(connection, 1)
    wanted, doubled = expected(list(generated(120)))
    runs = world.call("GET", f"connections/{connection}/runs")["value"]
    assert compare(world.sims, wanted, doubled, status["counts"], []) == []
    assert runs[-1]["reason"] == "initial"
    assert runs[-1]["state"] == "succeeded"


@pytest.mark.feature("HUB-01.1", system="activecampaign")
def test_a_connection_that_is_off_moves_nothing(world: World) -> None:
    world.reseed(5)
    connection = world.connect()
    world.tick()
    time.sleep(1.5)
    assert world.status(connection)["runsEnded"] == 0
    assert write_log(world.sims, "activecampaign") == []


@pytest.mark.feature("APP-01.1")
def test_the_app_is_made_of_timer_queue_and_http_triggers(world: World) -> None:
    assert {"tick", "sync_work", "create_connection", "health"} <= set(world.host.functions)
    assert world.call("GET", "health", key=False) == {"status": "ok"}
    world.call("GET", "connections", status=401, key=False)


def test_a_malformed_queue_message_is_given_up_and_says_why_and_not_what_it_held(world: World) -> None:
    queue = QueueClient.from_connection_string(
        world.host.storage_connection, "sync-work", message_encode_policy=TextBase64EncodePolicy()
    )
    with contextlib.suppress(ResourceExistsError):
        queue.create_queue()  # the host makes it when the first message is put out; in Azure the templates do
    sent = queue.send_message('{"colour": "red", "connection": ["mauve"]}')
    end = time.monotonic() + PATIENCE
    while not [line for line in world.host.logs() if "message_given_up" in line and "queue=sync-work " in line]:
        assert time.monotonic() < end, world.host.logs()[-20:]
        time.sleep(0.3)
    poison = QueueClient.from_connection_string(world.host.storage_connection, "sync-work-poison")
    assert poison.get_queue_properties().approximate_message_count == 0
    assert [line for line in world.host.logs() if "names no connection" in line and str(sent.id) in line]
    assert not [line for line in world.host.logs() if "colour" in line or "mauve" in line]


@pytest.mark.feature("HUB-02.1", system="activecampaign")
def test_an_expired_client_secret_is_called_expired(world: World) -> None:
    world.reseed(1)
    expired = {"value": "old-secret", "expires": "2020-01-01T00:00:00Z"}
    world.sims.control(
        "entra", "POST", "seed", {"apps": [{"tenant": TENANT, "client_id": CLIENT_ID, "secrets": [expired]}]}
    )
    connection = world.connect(crm_secrets={"secret": "old-secret"})
    found = world.call("POST", f"connections/{connection}/check")
    [failed] = [step for step in found["steps"] if step["state"] == "failed"]
    assert failed["name"] == "token"
    assert "expired" in failed["reason"]
    assert failed["nextStep"]
