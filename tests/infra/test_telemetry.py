"""A day of the demo, told to an ingestion endpoint on the loopback: traces, metrics, logs, and queries over them."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from cli.demo.people import generated
from cli.demo.world import app, seed
from scripts.infra import kql, parity
from shared.ports.telemetry import GIVEN_UP, METRICS
from tests.app.conftest import FAST, World
from tests.fakes.ingestion import Ingestion, ingestion
from tests.pace import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
PEOPLE = 40
LATER = {"sync_work", "sync_work_poison", "contact_request", "contact_request_poison"}
"""Functions that go on with somebody's trace; every other one begins its own."""

BROKEN = "no lane has / in its name"
"""A shard that none of our own messages names: its message fails in a way that nobody foresaw."""
BROKEN_TRACE = "0af7651916cd43dd8448eb211c80319c"

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("telemetry")]


@dataclass(slots=True)
class Day:
    """What was told, and what the vendors saw: their own counts of the calls they were asked."""

    told: Ingestion
    asked: int
    connection: str
    secrets: list[str]


def asked(sims: Any) -> int:
    return sum(sims.control(system, "GET", "counts")["total"] for system in ("dataverse", "entra", "activecampaign"))


@pytest.fixture(scope="module")
def day(sims: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Connect, check, the initial sync, a run on request, another check, a tick with nothing to do."""
    clock = tmp_path_factory.mktemp("clock") / "clock.json"
    with ingestion() as told:
        deployed = parity.Templates.load(INFRA).bicep_settings()
        worker = {name: value for name, value in deployed.items() if name == "PYTHON_ENABLE_OPENTELEMETRY"}
        settings = {**FAST, **told.settings, **worker, "DYNASYNC_ALLOW_SYNC_NOW": "1"}
        with app(sims, port=0, clock_file=clock, **settings) as host:
            world = World(sims, host, clock, seed(sims, list(generated(PEOPLE))))
            before = asked(sims)
            ends = (datetime.now(UTC) + timedelta(days=12)).date().isoformat()
            connection = world.connect(crm_secret_ends=ends)
            assert world.call("POST", f"connections/{connection}/check")["passed"]
            world.switch_on(connection)
            world.wait_for(connection, 1)
            world.call("POST", f"connections/{connection}/sync", status=202)
            world.tick()
            world.wait_for(connection, 2)
            assert world.call("POST", f"connections/{connection}/check")["passed"]
            world.tick()
            seen = rested(sims) - before
            fail(host.storage_connection, told, connection)
        yield Day(told, seen, connection, [*world.keys.values()])


def rested(sims: Any) -> int:
    """What the systems were asked, once nobody has asked them anything for three seconds."""
    end = time.monotonic() + PATIENCE
    while True:
        found = asked(sims)
        time.sleep(3)
        if asked(sims) == found:
            return found
        assert time.monotonic() < end, "the app asks on and on"


def fail(storage: str, told: Ingestion, connection: str) -> None:
    """A message that no release sends: five tries, then it is given up."""
    wanted = {"connection": connection, "shard": BROKEN, "traceparent": f"00-{BROKEN_TRACE}-b7ad6b7169203331-01"}
    encoding = TextBase64EncodePolicy()
    with QueueClient.from_connection_string(storage, "sync-work", message_encode_policy=encoding) as queue:
        queue.send_message(json.dumps(wanted))
        end = time.monotonic() + PATIENCE
        while not [row for row in told.rows("AppMetrics") if row["Name"] == GIVEN_UP]:
            assert time.monotonic() < end, "the message was not given up"
            time.sleep(0.3)


def calls_of(day: Day) -> list[dict[str, Any]]:
    return [row for row in day.told.rows("AppDependencies") if row["DependencyType"] != "InProc"]


@pytest.mark.feature("APP-07.1")
def test_every_vendor_call_belongs_to_a_trace_that_starts_at_its_trigger(day: Day) -> None:
    spans = day.told.rows("AppDependencies")
    inside = [row for row in spans if row["DependencyType"] == "InProc"]
    triggers = {row["OperationId"] for row in inside if row["Name"] not in LATER}
    calls = calls_of(day)
    joined = [row for row in calls if row["OperationId"] in triggers]
    assert len(calls) >= 0.99 * day.asked
    assert len(joined) >= 0.99 * day.asked
    parents = {row["Id"] for row in spans}
    assert all(row["ParentId"] in parents for row in joined)


@pytest.mark.feature("APP-07.1")
def test_a_run_goes_on_with_the_trace_of_the_timer_through_the_queue(day: Day) -> None:
    names: dict[str, set[str]] = {}
    for row in day.told.rows("AppDependencies"):
        if row["OperationId"] != BROKEN_TRACE:
            names.setdefault(row["OperationId"], set()).add(row["Name"])
    runs = [found for found in names.values() if "sync_work" in found]
    assert runs
    assert all(found & {"tick", "sync_now", "edit_connection"} for found in runs)
    systems = {found.partition(" ")[0] for names_of in runs if "tick" in names_of for found in names_of}
    assert {"dynamics", "activecampaign"} <= systems, runs


@pytest.mark.feature("APP-07.1")
def test_a_vendor_call_is_named_by_its_purpose_and_holds_no_address(day: Day) -> None:
    calls = calls_of(day)
    assert len(calls) > 20
    for row in calls:
        assert re.fullmatch(r"(dynamics|activecampaign|entra) [\w :-]+", row["Name"]), row["Name"]
        assert not row.get("Target")
        assert row["Properties"]["status"].isdigit()
        assert set(row["Properties"]) == {"connection", "purpose", "system", "method", "status"}, row["Properties"]


@pytest.mark.feature("APP-07.1")
def test_log_lines_belong_to_the_trace_of_what_they_tell(day: Day) -> None:
    lines = [row for row in day.told.rows("AppTraces") if "slice_done" in row["Message"]]
    assert lines
    spans = {row["OperationId"] for row in day.told.rows("AppDependencies") if row["Name"] == "sync_work"}
    assert {row["OperationId"] for row in lines} <= spans


@pytest.mark.feature("APP-07.2")
def test_metrics_tell_records_by_connection_entity_and_outcome(day: Day) -> None:
    rows = [row for row in day.told.rows("AppMetrics") if row["Name"] == "dynasync.records"]
    told: Counter[str] = Counter()
    for row in rows:
        assert row["Properties"]["connection"] == day.connection
        assert row["Properties"]["system"] == "activecampaign"
        told[f"{row['Properties']['entity']}:{row['Properties']['outcome']}"] += int(row["Sum"])
    created = sum(number for what, number in told.items() if ":created" in what)
    assert created >= PEOPLE * 0.8, told
    assert {what.partition(":")[0] for what in told if ":created" in what} <= {"contact", "lead", "account", ""}


@pytest.mark.feature("APP-07.2")
def test_every_metric_the_app_declares_is_told_and_no_other_of_its_own(day: Day) -> None:
    names = {row["Name"] for row in day.told.rows("AppMetrics") if row["Name"].startswith("dynasync.")}
    assert names == set(METRICS)


@pytest.mark.feature("APP-07.2")
def test_vendor_calls_are_counted_as_the_vendors_count_them(day: Day) -> None:
    rows = [row for row in day.told.rows("AppMetrics") if row["Name"] == "dynasync.vendor.calls"]
    assert sum(int(row["Sum"]) for row in rows) == len(calls_of(day))
    assert {row["Properties"]["answer"] for row in rows} <= {"2xx", "3xx", "4xx", "5xx", "throttled", "lost"}


@pytest.mark.feature("APP-07.1")
def test_nothing_of_a_person_and_no_secret_is_told(day: Day) -> None:
    raw = bytes(day.told.raw).decode()
    people = list(generated(PEOPLE))
    fields = {"emailaddress1", "lastname", "telephone1", "mobilephone", "address1_line1"}
    personal = {str(row[name]) for row in people for name in fields & row.keys() if len(str(row[name])) > 5}
    assert len(personal) > PEOPLE
    assert not [value for value in personal if value in raw]
    assert not [value for value in day.secrets if value in raw]
    assert "Authorization" not in raw
    assert "@" not in re.sub(r"@\w+\.py", "", raw.replace("@Microsoft", ""))


@pytest.mark.feature("APP-07.3")
@pytest.mark.feature("APP-07.4")
def test_every_query_binds_to_columns_that_real_envelopes_fill(day: Day) -> None:
    """A column or a property that the app does not send would be an empty chart, an alert that never fires."""
    columns = day.told.columns()
    declared = kql.tables(INFRA)
    real = {name: columns.get(name, {}) for name in kql.tables(INFRA) if name.startswith("App")}
    for name, found in real.items():
        assert found, f"no envelope became a row of {name}"
        both = declared[name].keys() & found.keys()
        assert {column: declared[name][column] for column in both} == {column: found[column] for column in both}
    schema = {**declared, **real}
    assert kql.findings(INFRA, schema) == []


@pytest.mark.feature("APP-07.3")
@pytest.mark.feature("APP-07.4")
def test_every_metric_and_property_a_query_names_is_sent_together(day: Day) -> None:
    sent: dict[str, set[str]] = {}
    for row in day.told.rows("AppMetrics"):
        sent.setdefault(row["Name"], set()).update(row["Properties"])
    checked = 0
    for name, query in kql.queries(INFRA).items():
        metrics = re.findall(r'"(dynasync\.[\w.]+)"', query)
        for metric in metrics:
            assert metric in sent, f"{name} asks for {metric}, which is never sent"
            wanted = set(re.findall(r"\bProperties\.(\w+)", query))
            assert wanted <= sent[metric], f"{name}: {metric} has no {wanted - sent[metric]}"
            checked += 1
    assert checked >= 10


@pytest.mark.feature("APP-07.4")
def test_values_that_alert_rules_compare_with_are_values_that_are_sent(day: Day) -> None:
    """`Answer in ("lost", "5xx")`: the labels must be the app's own words."""
    from shared.azure.telemetry import answer

    rules = (INFRA / "monitoring" / "alerts.json").read_text()
    answers = {answer(status) for status in (0, 200, 304, 404, 429, 500, 503)}
    assert set(re.findall(r"\b(?:lost|\dxx|throttled)\b", rules)) <= answers
    states = set(json.loads(rules)[2]["query"][3].split('"')[1::2])
    assert states == {"failed", "stopped"}
    ended = {row["Properties"]["state"] for row in day.told.rows("AppMetrics") if row["Name"] == "dynasync.runs"}
    assert ended & {"succeeded", "partly_failed"}


@pytest.mark.feature("APP-07.4")
def test_a_message_that_is_given_up_is_counted_where_the_alert_looks(day: Day) -> None:
    rule = next(rule for rule in json.loads((INFRA / "monitoring" / "alerts.json").read_text())
                if rule["name"] == "poison")  # fmt: skip
    assert f'Name == "{GIVEN_UP}"' in "\n".join(rule["query"])
    rows = [row for row in day.told.rows("AppMetrics") if row["Name"] == GIVEN_UP]
    assert sum(row["Sum"] for row in rows) == 1 > rule["threshold"]
    assert rows[0]["Properties"] == {"queue": "sync-work", "connection": day.connection}


@pytest.mark.feature("APP-07.4")
def test_what_nobody_foresaw_becomes_an_exception_with_its_place_and_without_its_words(day: Day) -> None:
    """The alert on bugs reads these rows, and no others: the host tells failures in its own words, without a place."""
    rows = [row for row in day.told.rows("AppExceptions") if row["OperationId"] == BROKEN_TRACE]
    assert len(rows) == 5  # each try
    for row in rows:
        assert row["ExceptionType"] == "ValueError"
        assert row["OuterMessage"] == "a function failed"
        assert "letters" not in str(row)  # the error's own words
        assert re.fullmatch(r"\w+ \(\w+\.py:\d+\)", row["Properties"]["place"]), row["Properties"]
        assert row["Properties"]["function"] == "sync_work"
    rule = next(rule for rule in json.loads((INFRA / "monitoring" / "alerts.json").read_text())
                if rule["name"] == "bugs")  # fmt: skip
    asked = set(re.findall(r"Properties\.(\w+)", "\n".join(rule["query"])))
    assert asked == {"place"} <= rows[0]["Properties"].keys()


@pytest.mark.feature("HUB-25.4")
def test_a_secret_that_ends_within_thirty_days_is_told_and_its_alert_would_fire(day: Day) -> None:
    rows = [row for row in day.told.rows("AppMetrics") if row["Name"] == "dynasync.secret.days_left"]
    assert {(row["Properties"]["connection"], row["Properties"]["secret"]) for row in rows} == {
        (day.connection, "crm.secret")
    }
    rule = next(rule for rule in json.loads((INFRA / "monitoring" / "alerts.json").read_text())
                if rule["name"] == "secret-expiring")  # fmt: skip
    assert (rule["aggregation"], rule["operator"], rule["threshold"]) == ("Minimum", "LessThanOrEqual", 30)
    assert all(10 < row["Sum"] <= 12 for row in rows)
    assert any("secret_ends_soon" in row["Message"] and row["SeverityLevel"] == 2
               for row in day.told.rows("AppTraces"))  # fmt: skip
