"""Flow steps when something is wrong: bad bodies, wrong keys, strangers, refused callbacks, a worker that dies."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from shared.manage.flow_answers import TRIES
from tests.app.flow import called_back, chunks, effective, hooks, installed, made, people, run, until, waits
from tests.app.flow_kills import soak
from tests.app.marketo import MarketoWorld, email, marketo_world
from tests.pace import within

pytestmark = [pytest.mark.storage, pytest.mark.slow, pytest.mark.xdist_group("marketo-flow-trouble")]
STRANGER = "99999999-9999-4999-8999-999999999999"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketoWorld]:
    clock: Path = tmp_path_factory.mktemp("marketo-flow-trouble") / "clock.json"
    clock.write_text('{"offset": 0}')
    with marketo_world(clock) as made_:
        yield made_


def body(world: MarketoWorld, leads: list[Any], **changes: Any) -> dict[str, Any]:
    return {
        "token": "t",
        "batchid": "b",
        "apiCallBackKey": "k",
        "campaignId": 1,
        "callbackUrl": f"{world.sims.urls['marketo']}/flowsteps/callback/1",
        "context": {"subscription": {"munchkinId": "000-SIM-000"}},
        "objectData": [{"objectType": "lead", "objectContext": {"id": lead}} for lead in leads],
        **changes,
    }


def submit(world: MarketoWorld, connection: str, data: Any, key: str | None = None) -> requests.Response:
    address = hooks(world, connection)
    good = address["syncPerson:webhook"].rpartition("key=")[2]
    url = address["syncPerson"].replace("/openapi", "/submitAsyncAction")
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    headers = {"Content-Type": "application/json", "x-dynasync-key": good if key is None else key}
    return requests.post(url, data=raw, headers=headers, timeout=30)


@pytest.mark.feature("MK-04.1", system="marketo")
def test_what_cannot_be_taken_in_is_refused_by_name_and_leaves_nothing(world: MarketoWorld) -> None:
    connection = world.begun(0, partner_munchkin_id="000-SIM-000")
    foreign = {"subscription": {"munchkinId": "999-XXX-999"}}
    refused = [
        (submit(world, connection, body(world, [1], context=foreign)), 400, "body_malformed"),
        (submit(world, connection, b"{"), 400, "body_malformed"),
        (submit(world, connection, body(world, [1], context={})), 400, "body_malformed"),
        (submit(world, connection, body(world, ["x"])), 400, "body_malformed"),
        (submit(world, connection, body(world, [1], callbackUrl="https://evil.example/")), 400, "body_malformed"),
        (submit(world, connection, body(world, [1], callbackUrl=world.host.url)), 400, "body_malformed"),
        (submit(world, connection, body(world, [1], token="t" * 2_000_000)), 400, "body_malformed"),
        (submit(world, connection, body(world, [1], batchid="\ud800")), 400, "body_malformed"),
        (submit(world, connection, body(world, list(range(1, 20_002)))), 413, "body_too_large"),
        (submit(world, connection, b" " * (33 * 1024 * 1024)), 413, "body_too_large"),
        (submit(world, connection, body(world, [1]), key=""), 401, "hook_key"),
        (submit(world, connection, body(world, [1]), key="0" * 40), 401, "hook_key"),
        (submit(world, connection, body(world, [1]), key="ключ".encode().decode("latin-1")), 401, "hook_key"),
    ]
    for answer, status, code in refused:
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text[:300]
        assert answer.json()["error"]["nextStep"]
    told = [line for line in world.host.logs() if "flow_callback_refused" in line and connection in line]
    assert len(told) == 2
    assert not [line for line in world.host.logs() if "evil.example" in line]
    for state in ("queued", "waiting", "finished", "poison"):
        assert waits(world, connection, state) == []
    other = connection[:-1] + ("0" if connection[-1] != "0" else "1")
    url = hooks(world, connection)["syncPerson"].replace(connection, other)
    assert requests.get(url.replace("openapi", "status"), timeout=30).status_code == 401
    assert requests.get(url.replace("syncPerson", "nothing"), timeout=30).status_code == 404
    assert requests.get(url, timeout=30).status_code == 200, "the document tells nothing of a connection"


@pytest.mark.feature("MK-04.1", system="marketo")
@pytest.mark.feature("MK-04.5", system="marketo")
def test_who_cannot_be_made_is_named_in_the_callback_and_stops_nobody_else(world: MarketoWorld) -> None:
    connection = world.begun(1)
    names = installed(world, connection)
    good, refused = people(world, 2)
    world.mk("edit_lead", lead=refused, values={"lastName": "Bobby Tables"})
    rule = {"table": "lead", "column": "lastname", "when": "contains", "value": "Bobby", "message": "No drop tables"}
    world.sims.control("dataverse", "POST", "seed", {"rejections": [rule]})
    told = run(world, names["syncPerson"], [good, 987_654, refused], choices={"syncAs": "lead"})
    [chunk] = called_back(world, told["batch"])
    activities = chunk["activities"]
    assert activities[str(good)]["outcome"] == "created"
    assert activities[str(refused)]["errorCode"] == "REJECTED"
    assert "Bobby" not in str(activities)
    unknown = next(each for each in activities.values() if each.get("errorCode") in {"GONE", "LEAD_ID"})
    assert not unknown["success"]
    stranger = run(world, names["changeOwner"], [good], choices={"owner": f"systemuser:{STRANGER}"})
    [chunk] = called_back(world, stranger["batch"])
    assert chunk["activities"][str(good)]["errorCode"] == "UNKNOWN_OWNER"
    world.call("PATCH", f"connections/{connection}", {"switch": "off"})
    off = run(world, names["syncPerson"], [good])
    [chunk] = called_back(world, off["batch"])
    assert chunk["activities"][str(good)]["errorCode"] == "OFF"
    assert world.mk("poll_flow_steps")["logs"][names["syncPerson"]][-1].startswith(
        "WARN: Test: the sync is switched off"
    )


@pytest.mark.feature("MK-04.1", system="marketo")
@pytest.mark.timeout(400)
def test_a_callback_that_is_lost_after_it_took_effect_is_not_made_twice(world: MarketoWorld) -> None:
    """Whatever the vendor says of a token that was used."""
    connection = world.begun(0)
    names = installed(world, connection, "syncPerson")
    [person] = people(world, 1)
    for status in (400, 401, 403, 404, 405, 409, 410):
        world.sims.control("marketo", "POST", "switches", {"used_token": status})
        fault = {"match": {"path": "flowsteps/callback", "times": 1}, "do": "drop_after"}
        world.sims.control("marketo", "POST", "faults", fault)
        told = run(world, names["syncPerson"], [person])
        called_back(world, told["batch"])
        [call] = until(lambda: _ended(world, connection), 120)
        assert call["code"] == "answered_before", status
        [chunk] = chunks(world, told["batch"])
        assert [each["effective"] for each in chunk["callbacks"]] == [True] + [False] * (TRIES - 1)
        assert {each["status"] for each in chunk["callbacks"][1:]} == {status}


def _ended(world: MarketoWorld, connection: str) -> list[dict[str, Any]]:
    """The newest call, once it ended: every look is ten minutes later."""
    world.advance(600)
    world.tick()
    if waits(world, connection, "queued"):
        return []
    return sorted(waits(world, connection, "finished"), key=lambda each: str(each["receivedAt"]))[-1:]


@pytest.mark.feature("MK-04.1", system="marketo")
@pytest.mark.timeout(200)
def test_a_callback_that_never_arrived_and_was_presumed_to_can_be_sent_again(world: MarketoWorld) -> None:
    connection = world.begun(0)
    names = installed(world, connection, "syncPerson")
    [person] = people(world, 1)
    for status, times in ((502, 1), (403, TRIES - 1)):
        fault = {"match": {"path": "flowsteps/callback", "times": times}, "do": {"status": status}}
        world.sims.control("marketo", "POST", "faults", fault)
    told = run(world, names["syncPerson"], [person])
    until(lambda: waits(world, connection, "queued") or waits(world, connection, "finished"), world=world)
    [call] = until(lambda: _ended(world, connection), 120)
    assert (call["code"], bool(call["nextStep"])) == ("answered_before", True)
    assert not any(map(effective, chunks(world, told["batch"])))
    again = world.call("POST", f"connections/{connection}/requests/requeue", {"ids": [call["id"]]})
    assert again == {"requeued": [call["id"]]}
    called_back(world, told["batch"])
    [call] = until(lambda: waits(world, connection, "finished"), world=world)
    assert call["code"] == "answered"


@pytest.mark.feature("MK-04.1", system="marketo")
def test_a_callback_that_is_gone_is_in_the_poison_list_and_can_be_sent_again(world: MarketoWorld) -> None:
    connection = world.begun(0)
    names = installed(world, connection, "syncPerson")
    [person] = people(world, 1)
    fault = {"match": {"path": "flowsteps/callback", "times": 1}, "do": {"status": 410}}
    world.sims.control("marketo", "POST", "faults", fault)
    told = run(world, names["syncPerson"], [person])
    [call] = until(lambda: waits(world, connection, "poison"), world=world)
    assert (call["code"], call["entity"], call["record"]) == (
        "answer_gone",
        "syncPerson",
        {"kind": "lead", "id": str(person)},
    )
    assert call["message"]
    assert call["nextStep"]
    assert made(world, "lead", email(0, "new")), "the row was made all the same"
    again = world.call("POST", f"connections/{connection}/requests/requeue", {"ids": [call["id"]]})
    assert again == {"requeued": [call["id"]]}
    called_back(world, told["batch"])
    assert until(lambda: waits(world, connection, "finished"), world=world)[0]["code"] == "answered"
    assert waits(world, connection, "poison") == []

    fault = {"match": {"path": "flowsteps/callback", "times": 1}, "do": {"status": 404}}
    world.sims.control("marketo", "POST", "faults", fault)
    run(world, names["syncPerson"], [person])
    [call] = until(lambda: waits(world, connection, "poison"), world=world)
    assert world.call("POST", f"connections/{connection}/requests/purge", {"ids": [call["id"]]}) == {"purged": 1}
    assert waits(world, connection, "poison") == []


@pytest.mark.feature("MK-04.1", system="marketo")
@pytest.mark.timeout(300)
def test_ten_thousand_people_in_one_step_are_answered_in_two_seconds(world: MarketoWorld) -> None:
    connection = world.begun(1)
    names = installed(world, connection, "syncPerson")
    there = world.lead(email(0))["id"]
    for count in (1, 300, 10_000):
        strangers = list(range(1_000_001, 1_000_000 + count))
        told = run(world, names["syncPerson"], [there, *strangers], chunk=20_000)
        [chunk] = told["chunks"]
        print(f"201 for {count} people after {chunk['seconds']:.2f} s")
        assert chunk["tries"] == [201]
        assert within(chunk["seconds"], 2)
        [chunk] = called_back(world, told["batch"], 120)
        assert len(chunk["activities"]) == count
        assert chunk["activities"][str(there)]["outcome"] == "alreadyInSync"


@pytest.mark.feature("MK-04.1", system="marketo")
@pytest.mark.timeout(300)
def test_exactly_one_callback_though_the_worker_is_killed(tmp_path: Path) -> None:
    figures = soak(tmp_path, kills=3, seed_of=int(time.time()))
    print(figures)
    assert figures.findings == []
    assert figures.kills == 3
    assert figures.batches == figures.effective
    assert figures.strikes.get("with rows made, before any callback"), figures


def test_helpers_judge_callbacks() -> None:
    assert effective({"callbacks": [{"effective": True}, {"effective": False}]}) == 1
