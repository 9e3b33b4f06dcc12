"""Queues on the local host follow the rules of the real one, against the storage protocol."""

import base64
import itertools
import json
import random
import statistics
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from localhost.backoff import Backoff
from tests.runtime.support import Sample, copy_app, rule, sample, until

pytestmark = [pytest.mark.storage, pytest.mark.feature("APP-01.1")]
LEASE = 2.0


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, azurite: str) -> Iterator[Sample]:
    settings = {"PYTHON_THREADPOOL_THREAD_COUNT": "16"}
    with sample(tmp_path_factory.mktemp("queues"), azurite, settings=settings, queue_lease=LEASE) as running:
        yield running


def order(**what: object) -> tuple[str, str]:
    """An id and the message that carries it."""
    key = uuid.uuid4().hex
    return key, json.dumps({"id": key, **what})


def messages_left(app: Sample, setting: str, suffix: str = "") -> int:
    return app.queue(setting, suffix).get_queue_properties().approximate_message_count or 0


@rule("QUEUE-01")
def test_a_missing_queue_is_looked_for_again(tmp_path: Path, azurite: str) -> None:
    with sample(tmp_path, azurite) as app:
        with pytest.raises(ResourceNotFoundError):
            app.queue("WORK_QUEUE").get_queue_properties()
        key, body = order()
        app.send("WORK_QUEUE", body)
        until(lambda: app.records("work-done", key))
        assert not any(" error " in line for line in app.host.logs())


@rule("QUEUE-04")
def test_success_deletes_the_message(app: Sample) -> None:
    key, body = order()
    app.send("WORK_QUEUE", body)
    until(lambda: app.records("work-done", key))
    until(lambda: messages_left(app, "WORK_QUEUE") == 0)
    assert len(app.records("work", key)) == 1


@rule("QUEUE-12")
def test_the_function_sees_the_messages_properties(app: Sample) -> None:
    key, body = order()
    app.send("WORK_QUEUE", body)
    seen = until(lambda: app.records("work", key))[0]
    assert (seen["body"], seen["dequeue_count"]) == (body, 1)
    assert uuid.UUID(seen["message"])
    assert seen["pop_receipt"]
    assert seen["insertion_time"] < seen["time_next_visible"] < seen["expiration_time"]


@rule("QUEUE-05", "QUEUE-06")
def test_failures_are_repeated_after_the_delay_and_end_in_poison(app: Sample) -> None:
    key, body = order(fail=True)
    app.send("WORK_QUEUE", body)
    poisoned = until(lambda: app.records("poisoned", key))
    tries = app.records("work", key)
    assert [one["dequeue_count"] for one in tries] == [1, 2, 3]
    assert all(later["at"] - earlier["at"] >= 1.0 for earlier, later in itertools.pairwise(tries))
    assert poisoned[0]["body"] == body
    assert messages_left(app, "WORK_QUEUE") == 0
    assert any("the function failed 3 times" in line for line in app.host.logs())


@rule("QUEUE-08")
def test_behind_a_poison_queue_there_is_none(app: Sample) -> None:
    key, body = order(fail=True, note="fail_again")
    client = app.queue("WORK_QUEUE", "-poison")
    app.send("WORK_QUEUE", body, suffix="-poison")
    until(lambda: app.records("poisoned", key))
    time.sleep(0.3)
    assert messages_left(app, "WORK_QUEUE", "-poison") == 1
    assert not client.peek_messages(), "the failed message stays invisible for its lease"
    with pytest.raises(ResourceNotFoundError):
        app.queue("WORK_QUEUE", "-poison-poison").get_queue_properties()
    client.clear_messages()


@rule("QUEUE-07")
def test_a_message_taken_too_often_goes_to_poison_without_running(app: Sample) -> None:
    key, body = order()
    client = app.queue("OFF_QUEUE")
    app.send("OFF_QUEUE", body)
    for _ in range(3):
        client.update_message(client.receive_message(), visibility_timeout=0)
    listener_queue = app.settings["OFF_QUEUE"]
    with sample(
        Path(app.settings["RECORD_FILE"]).parent,
        app.host.storage_connection,
        settings={"WORK_QUEUE": listener_queue},
    ) as second:
        until(lambda: second.records("poisoned", key))
        assert not second.records("work", key)


@rule("QUEUE-09")
def test_the_lease_is_renewed_while_the_function_runs(app: Sample) -> None:
    key, body = order(sleep=LEASE * 1.4)
    app.send("WORK_QUEUE", body)
    until(lambda: app.records("work-done", key))
    time.sleep(0.4)
    assert len(app.records("work", key)) == 1


@rule("QUEUE-10")
def test_a_lost_pop_receipt_is_ignored(app: Sample) -> None:
    key, body = order(sleep=0.6)
    app.send("WORK_QUEUE", body)
    seen = until(lambda: app.records("work", key))[0]
    app.queue("WORK_QUEUE").delete_message(seen["message"], seen["pop_receipt"])
    until(lambda: app.records("work-done", key))
    until(lambda: any(seen["message"] in line and "was not deleted" in line for line in app.host.logs()))
    assert not app.records("poisoned", key)


@rule("QUEUE-11")
def test_plain_text_under_base64_goes_to_poison_as_it_is(app: Sample) -> None:
    text = f"plain words {uuid.uuid4().hex}!"
    app.send("RELAY_QUEUE", text, raw=True)
    poison = app.queue("RELAY_QUEUE", "-poison")

    def moved() -> list[str]:
        try:
            return [message.content for message in poison.peek_messages(5)]
        except ResourceNotFoundError:
            return []

    assert until(moved) == [text]
    until(lambda: any("is not base64" in line and "messageEncoding" in line for line in app.host.logs()))


@rule("QUEUE-11", "OUT-02")
def test_message_encoding_none_reads_and_writes_plain_text(tmp_path: Path, azurite: str) -> None:
    copy = copy_app(tmp_path, extensions__queues__messageEncoding="none")
    with sample(tmp_path, azurite, app=copy) as app:
        app.send("RELAY_QUEUE", "plain words", raw=True)
        out = app.queue("OUT_QUEUE")

        def answers() -> list[str]:
            try:
                return [message.content for message in out.peek_messages(5)]
            except ResourceNotFoundError:
                return []

        assert until(answers) == ["relayed plain words"]


@rule("QUEUE-02")
def test_batches_and_the_threshold_bound_what_is_in_hand(app: Sample) -> None:
    marker = uuid.uuid4().hex
    app.send("WORK_QUEUE", *(json.dumps({"id": f"{marker}-{n}", "sleep": 0.5}) for n in range(12)))
    until(lambda: len(app.records("work-done", marker)) == 12)
    edges = [(one["at"], 1) for one in app.records("work", marker)]
    edges += [(one["at"], -1) for one in app.records("work-done", marker)]
    running, most = 0, 0
    for _, change in sorted(edges):
        running += change
        most = max(most, running)
    assert 4 <= most <= 4 + 2, "batchSize 4, and a further batch only at newBatchThreshold 2 or below"


@rule("QUEUE-03")
def test_back_off_grows_at_random_up_to_the_maximum() -> None:
    waits = Backoff(2.0, random.Random(1))
    first = [waits.next_delay() for _ in range(8)]
    assert first[0] == 0.1
    assert first == sorted(first)
    assert first[-1] == 2.0
    thirds = set()
    for seed in range(20):
        other = Backoff(60.0, random.Random(seed))
        thirds.add([other.next_delay() for _ in range(4)][3])
    assert len(thirds) == 20
    assert 0.6 < statistics.mean(thirds) < 1.0
    waits.reset()
    assert waits.next_delay() == 0.1


@rule("QUEUE-14")
def test_a_disabled_function_takes_nothing(app: Sample) -> None:
    client = app.queue("OFF_QUEUE")
    app.send("OFF_QUEUE", "left alone")
    time.sleep(0.5)
    assert [message.dequeue_count for message in client.peek_messages()] == [0]
    client.clear_messages()
    assert not app.records("queue_off")


@rule("OUT-02", "QUEUE-13")
def test_return_value_is_a_message(app: Sample) -> None:
    app.send("RELAY_QUEUE", "this")
    until(lambda: "relayed this" in peeked(app, "OUT_QUEUE"))
    app.queue("OUT_QUEUE").clear_messages()


@rule("OUT-01")
def test_a_function_that_fails_sends_nothing(app: Sample) -> None:
    assert app.get("send?one=never&fail=1").status_code == 500
    app.send("RELAY_QUEUE", "fail")
    until(lambda: any("nothing to relay" in line for line in app.host.logs()))
    assert peeked(app, "OUT_QUEUE") == []
    app.queue("RELAY_QUEUE").clear_messages()


@rule("OUT-02")
def test_a_string_is_one_message_and_a_list_several(app: Sample) -> None:
    assert app.get("send?one=alone&many=x,y,z").status_code == 200
    assert sorted(app.bodies("OUT_QUEUE")) == ["alone", "x", "y", "z"]


@rule("OUT-03")
def test_outputs_are_written_one_by_one_and_one_that_fails_fails_the_call(app: Sample) -> None:
    assert app.get("send-to-two").status_code == 500
    assert app.bodies("OUT_QUEUE") == ["fits"]
    assert any("An output could not be written" in line for line in app.host.logs())


@rule("OUT-04")
def test_a_string_that_is_a_json_array_becomes_several_messages(app: Sample) -> None:
    app.get("send", params={"one": '["a", {"b": 1}, 2]'})
    bodies = app.bodies("OUT_QUEUE")
    assert bodies[0] == "a"
    assert json.loads(bodies[1]) == {"b": 1}
    assert bodies[2] == "2"


@rule("QUEUE-13")
def test_an_output_wakes_the_listener_of_its_queue(tmp_path: Path, azurite: str) -> None:
    copy = copy_app(tmp_path, extensions__queues__maxPollingInterval="00:01:00")
    shared = f"shared-{uuid.uuid4().hex[:12]}"
    with sample(tmp_path, azurite, app=copy, settings={"WORK_QUEUE": shared, "OUT_QUEUE": shared}) as app:
        app.send("WORK_QUEUE")
        took = list[float]()
        while not took or (took[-1] >= 0.5 and len(took) < 5):
            time.sleep(3)  # by now the listener waits a second and more between polls
            key, body = order()
            sent = time.time()
            app.get("send", params={"one": body})
            took.append(until(lambda key=key: app.records("work", key))[0]["at"] - sent)
        assert took[-1] < 0.5, took


def peeked(app: Sample, setting: str) -> list[str]:
    client: QueueClient = app.queue(setting)
    try:
        return [base64.b64decode(message.content).decode() for message in client.peek_messages(32)]
    except ResourceNotFoundError:
        return []
