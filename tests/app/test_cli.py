"""The operator's command line against the app: every command over the REST API, exit codes, JSON, refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from cli.main import run
from tests.app.conftest import World
from tests.app.test_requests import settled

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("app")]
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


type Dynasync = Callable[..., Ran]


@pytest.fixture
def dynasync(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dynasync:
    """Runs a command in this process, as a script would: without a terminal."""
    monkeypatch.setenv("DYNASYNC_URL", world.host.url)
    monkeypatch.setenv("DYNASYNC_KEY", world.host.host_key)
    monkeypatch.delenv("DYNASYNC_TOKEN", raising=False)

    def ran(*arguments: str, code: int = Exit.DONE) -> Ran:
        capsys.readouterr()
        found = run(list(arguments))
        told = capsys.readouterr()
        assert found == code, f"{arguments}: {found}\n{told.out}\n{told.err}"
        return Ran(found, told.out, told.err)

    return ran


@pytest.mark.feature("APP-04")
@pytest.mark.feature("HUB-02.2", system="activecampaign")
def test_a_connection_is_made_checked_switched_and_forgotten(
    world: World, dynasync: Dynasync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.reseed(2)
    body = world.body(name="CRM-AC")
    monkeypatch.setenv("AC_KEY", body["partner"].pop("secrets")["key"])
    (tmp_path / "crm.txt").write_text(body["crm"].pop("secrets")["secret"] + "\n")
    settings = tmp_path / "ac.json"
    settings.write_text(json.dumps(body))
    sources = ("--secret", "partner.key=env:AC_KEY", "--secret", f"crm.secret=file:{tmp_path / 'crm.txt'}")
    connection = dynasync("connections", "create", str(settings), *sources).out.strip()
    assert world.call("GET", f"connections/{connection}")["partner"]["secretsStored"] == ["key"]
    checked = dynasync("connections", "check", "crm-ac")  # by its name, in whatever case
    assert "✗" not in checked.out
    assert checked.out.count("✓") > 5
    steps = dynasync("connections", "check", connection, "--json").json["steps"]
    assert [step["name"] for step in steps] == [
        step["name"] for step in world.call("POST", f"connections/{connection}/check")["steps"]
    ]
    assert dynasync("connections", "on", "CRM-AC").out == "CRM-AC is on\n"
    world.tick()
    world.wait_for(connection, 1)
    refused = dynasync("connections", "delete", "CRM-AC", "--yes", code=Exit.REFUSED)
    assert "connection_on" in refused.err
    assert "next:" in refused.err
    assert dynasync("connections", "off", "CRM-AC", "--json").json["switch"] == "off"
    change = tmp_path / "change.json"
    change.write_text('{"name": "Renamed"}')
    assert dynasync("connections", "edit", "CRM-AC", str(change)).out == "changed: name\n"
    assert "Renamed" in dynasync("connections", "list").out
    unasked = dynasync("connections", "delete", "Renamed", code=Exit.USAGE)
    assert "--yes" in unasked.err  # no terminal: it does not ask, and says which flag to give
    dynasync("connections", "delete", "Renamed", "--yes")
    assert dynasync("connections", "list", "--json").json == {"value": [], "more": False}
    missing = dynasync("connections", "show", "Renamed", code=Exit.REFUSED)
    assert "there is no such connection" in missing.err


@pytest.mark.feature("APP-04")
def test_a_failed_check_says_what_to_do_and_ends_with_one(world: World, dynasync: Dynasync) -> None:
    world.reseed(1)
    connection = world.connect(name="Wrong", partner_secrets={"key": "not-the-key"})
    found = dynasync("connections", "check", "Wrong", code=Exit.FAILED)
    assert "✗" in found.out
    assert "next:" in found.out
    refused = dynasync("connections", "on", connection, code=Exit.REFUSED)
    assert "check_failed" in refused.err


@pytest.mark.feature("APP-04")
def test_status_runs_and_activity_show_what_happened(world: World, dynasync: Dynasync) -> None:
    connection = world.begun(3, name="CRM-AC")
    found = dynasync("status", "--json").json["value"]
    assert [(item["name"], item["connection"]) for item in found] == [("CRM-AC", connection)]
    assert found[0]["counts"] == world.status(connection)["counts"]
    assert "contact.linked" in dynasync("status", "CRM-AC", "--fail").out
    runs = dynasync("runs", "list", "CRM-AC", "--json").json["value"]
    assert [run["reason"] for run in runs] == ["initial"]
    shown = dynasync("runs", "show", "CRM-AC", runs[0]["id"][:10])
    assert runs[0]["id"] in shown.out
    assert "succeeded" in shown.out
    assert "created" in dynasync("runs", "list", "CRM-AC").out
    actions = [item["action"] for item in dynasync("activity", "CRM-AC", "--json").json["value"]]
    assert actions[-1] == "connection.created"
    assert "run.ended" in dynasync("activity", "CRM-AC", "--limit", "1").out
    plan = dynasync("runs", "revert", "CRM-AC", runs[0]["id"], "--plan", "--json").json
    assert plan["run"] == runs[0]["id"]
    unasked = dynasync("runs", "revert", "CRM-AC", runs[0]["id"], code=Exit.USAGE)
    assert "--yes" in unasked.err
    reverted = dynasync("runs", "revert", "CRM-AC", runs[0]["id"], "--created", "--yes", "--json").json
    assert reverted["status"] == "Succeeded"
    assert world.contacts() == []


@pytest.mark.feature("APP-04")
def test_a_run_is_followed_to_its_end_and_no_record_that_fails_ends_with_zero(world: World, dynasync: Dynasync) -> None:
    connection = world.begun(2, name="CRM-AC")
    refused = dynasync("run", "CRM-AC", code=Exit.REFUSED)
    assert "sync_now_refused" in refused.err  # ActiveCampaign's own integration knows no run outside its rhythm
    again = dynasync("run", "CRM-AC", "--initial", code=Exit.REFUSED)
    assert "initial_done" in again.err
    followed = dynasync("run", "CRM-AC", "--initial", "--repeat", "--yes", "--json")
    assert followed.json["status"] == "Succeeded"
    assert followed.json["run"]["state"] == "succeeded"
    assert "run: " in followed.err  # progress beside the result
    asked = dynasync("run", "CRM-AC", "--initial", "--repeat", "--yes", "--timeout", "0", "--json").json
    late = dynasync("run", "--operation", asked["id"], "--timeout", "1", "--json")
    assert late.json["id"] == asked["id"]
    assert world.status(connection)["runsEnded"] == 3


@pytest.mark.feature("APP-04")
def test_requests_are_asked_for_shown_given_up_requeued_and_forgotten(world: World, dynasync: Dynasync) -> None:
    connection = world.begun(1, name="CRM-AC")
    seeded = world.sims.control(
        "activecampaign", "POST", "seed", {"contacts": [{"email": "new@example.org", "lastName": "New"}]}
    )
    person = str(seeded["contacts"][0]["id"])
    asked = dynasync("pending", "ask", "CRM-AC", "--entity", "lead", "--record", person, "--json").json
    settled(world, connection, asked["id"], "waiting")
    assert [item["id"] for item in dynasync("pending", "list", "CRM-AC", "--json").json["value"]] == [asked["id"]]
    assert "waiting" in dynasync("pending", "show", "CRM-AC", asked["id"]).out
    wrong = dynasync("pending", "ask", "CRM-AC", "--entity", "nothing", "--record", person, code=Exit.REFUSED)
    assert "unknown_entity" in wrong.err
    assert dynasync("poison", "list", "CRM-AC").err == "Nothing was given up.\n"
    assert dynasync("poison", "requeue", "CRM-AC", "--all", "--json").json == {"requeued": []}
    assert "Give ids, or --all." in dynasync("poison", "purge", "CRM-AC", code=Exit.USAGE).err
    assert dynasync("poison", "purge", "CRM-AC", "0" * 32, "--yes").out == "purged: 0\n"


@pytest.mark.feature("APP-04")
@pytest.mark.feature("AC-12.2", system="activecampaign")
def test_records_are_added_to_automations(world: World, dynasync: Dynasync, tmp_path: Path) -> None:
    connection = world.begun(2, name="CRM-AC")
    assert dynasync("automations", "list", "CRM-AC").err == "There is no automation.\n"
    seeded = world.sims.control("activecampaign", "POST", "seed", {"automations": [{"name": "Welcome"}]})
    to = str(seeded["automations"][0]["id"])
    assert dynasync("automations", "list", "CRM-AC").out.split() == [
        *["id", "name", "takes", "records", "in"],
        to,
        "Welcome",
        "yes",
    ]
    one, other = (row["contactid"] for row in world.rows("contact"))
    ids = tmp_path / "ids.txt"
    ids.write_text(f"{other}\n\n")
    asked = ("automations", "add", "CRM-AC", "--entity", "contact", "--automation", to)
    found = dynasync(*asked, one, "--file", str(ids), "--json").json["value"]
    assert [item["record"]["id"] for item in found] == [one, other]
    for item in found:
        assert settled(world, connection, item["id"], "finished")["code"] == "enrolled"
    assert "enrolled" in dynasync("pending", "show", "CRM-AC", found[0]["id"]).out
    assert "cannot be read" in dynasync(*asked, "--file", str(tmp_path / "none.txt"), code=Exit.USAGE).err
    assert "Give their ids" in dynasync(*asked, code=Exit.USAGE).err
    wrong = dynasync("automations", "add", "CRM-AC", "--entity", "account", "--automation", to, one, code=Exit.REFUSED)
    assert "contact, lead" in wrong.err


@pytest.mark.feature("APP-04")
def test_errors_and_conflicts_are_listed_and_answered(world: World, dynasync: Dynasync) -> None:
    world.begun(1, name="CRM-AC")
    assert dynasync("errors", "list", "CRM-AC").err == "No record fails.\n"
    assert dynasync("errors", "retry", "CRM-AC", "--all", "--json").json["retried"] == 0
    assert dynasync("errors", "dismiss", "CRM-AC", "--all", "--yes").out == "dismissed: 0\n"
    assert "nothing says which" in dynasync("errors", "retry", "CRM-AC", code=Exit.USAGE).err
    assert dynasync("conflicts", "list", "CRM-AC", "--json").json == {"value": [], "more": False}
    assert dynasync("conflicts", "decide", "CRM-AC", "--winner", "crm", "--all", "--yes").out.startswith("decided: 0")
    gone = dynasync("conflicts", "decide", "CRM-AC", "nothere", "--winner", "crm", code=Exit.FAILED)
    assert "nothere" in gone.err


@pytest.mark.feature("APP-04")
def test_the_exit_code_says_whether_the_app_is_there_lets_in_or_refuses(
    world: World, dynasync: Dynasync, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert json.loads(dynasync("openapi").out)["openapi"].startswith("3.1")
    dynasync("openapi", "--output", str(tmp_path / "api.json"))
    assert json.loads((tmp_path / "api.json").read_text())["openapi"].startswith("3.1")
    (tmp_path / "key").write_text("a-wrong-key\n")
    shut = dynasync("status", "--key-file", str(tmp_path / "key"), code=Exit.NO_ACCESS)
    assert "DYNASYNC_KEY" in shut.err
    nobody = dynasync("status", "--url", "http://127.0.0.1:9", code=Exit.UNREACHABLE)
    assert "cannot be reached" in nobody.err
    wire = dynasync("status", "--url", "http://app.example.org", code=Exit.USAGE)
    assert "unprotected" in wire.err
    machine = dynasync("runs", "list", "0" * 32, "--json", code=Exit.REFUSED)
    assert json.loads(machine.err)["error"]["code"] == "connection_not_found"
    assert dynasync("runs", "list", code=Exit.USAGE).err.count("CONNECTION") >= 1
    monkeypatch.delenv("DYNASYNC_KEY")
    assert "--key-file" in dynasync("status", code=Exit.USAGE).err
    token = tmp_path / "token"
    token.write_text("a-token")
    assert dynasync("status", "--token-file", str(token), code=Exit.NO_ACCESS).err  # the other door: nobody signed in


@pytest.mark.feature("APP-04")
def test_as_a_process_the_key_comes_from_standard_input_and_nothing_is_coloured(world: World) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DYNASYNC_")}
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "status", "--url", world.host.url, "--key-file", "-"],
        input=world.host.host_key,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert "\x1b" not in ran.stdout + ran.stderr


@pytest.mark.feature("APP-04")
def test_the_doctor_goes_through_machine_app_and_connections(
    world: World, dynasync: Dynasync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.reseed(1)
    connection = world.connect(name="CRM-AC")
    monkeypatch.chdir(tmp_path)
    for name in ("DYNASYNC_STATE_KEY", "AzureWebJobsStorage", "AzureWebJobsStorage__tableServiceUri"):
        monkeypatch.delenv(name, raising=False)
    found = dynasync("doctor", "--app", "--connections", "--json").json
    states = {step["name"]: step["state"] for step in found["steps"] if step["part"].startswith("app ")}
    assert states == {
        "address": "passed",
        "access": "passed",
        "settings": "passed",
        "state tables": "passed",
        "queue sync-work": "passed",
        "queue sync-work-poison": "passed",
        "queue contact-requests": "passed",
        "queue contact-requests-poison": "passed",
        "vault": "skipped",
        "telemetry": "skipped",
        "sign-in": "passed",
    }
    assert len([step for step in found["steps"] if step["part"] == "connection CRM-AC"]) > 5
    local = {"AzureWebJobsStorage": world.host.storage_connection, "DYNASYNC_STATE_KEY": "a2tr" * 10 + "a2s="}
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": local}))
    machine = {step["name"]: step for step in dynasync("doctor", "--machine", "--json").json["steps"]}
    assert {name: step["state"] for name, step in machine.items() if name in {"app settings", "state tables"}} == {
        "app settings": "passed",
        "state tables": "passed",
    }
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": {**local, "DYNASYNC_STATE_KEY": "short"}}))
    sick = dynasync("doctor", "--machine", code=Exit.FAILED)
    assert "✗ app settings" in sick.out
    assert "DYNASYNC_STATE_KEY" in sick.out.partition("next:")[2]
    world.call("PATCH", f"connections/{connection}", {"crm": {"secret_ends": world.now().date().isoformat()}})
    ends = dynasync("doctor", "--app", code=Exit.FAILED)
    assert "rotate-secrets" in ends.out
    away = dynasync("doctor", "--app", "--url", "http://127.0.0.1:9", code=Exit.FAILED)
    assert "cannot be reached" in away.out


@pytest.mark.feature("APP-04")
@pytest.mark.feature("HUB-31", system="activecampaign")
def test_a_dry_run_and_a_record_are_shown(
    world: World, dynasync: Dynasync, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world.reseed(3)
    connection = world.connect(name="CRM-AC")
    planned = dynasync("plan", "CRM-AC", "--json").json
    assert {(item["entity"], item["side"], item["act"], item["count"]) for item in planned["counts"]} == {
        ("contact", "partner", "create", 3)
    }
    assert "create" in dynasync("plan", "CRM-AC", "--samples", "2").out
    assert world.contacts() == []
    world.switch_on(connection)
    world.wait_for(connection, 1)
    row = next(row for row in world.rows("contact") if row["emailaddress1"] == "person0@es.example.org")
    assert "yes" in dynasync("lookup", "CRM-AC", "--entity", "contact", "--crm", row["contactid"]).out
    (tmp_path / "address").write_text("person0@es.example.org")
    by_address = dynasync(
        "lookup", "CRM-AC", "--entity", "contact", "--match-file", str(tmp_path / "address"), "--json"
    ).json
    assert by_address["inSync"]
    assert by_address["crm"]["id"] == row["contactid"]
    edit = {"table": "contact", "id": row["contactid"], "values": {"lastname": "Ocampo"}}
    world.sims.control("dataverse", "POST", "do/edit", edit)
    apart = dynasync("lookup", "CRM-AC", "--entity", "contact", "--crm", row["contactid"], code=Exit.FAILED)
    assert "next step" in apart.out
    assert "differs" in apart.out
    assert "one thing says" in dynasync("lookup", "CRM-AC", "--entity", "contact", code=Exit.USAGE).err


@pytest.mark.feature("HUB-24", system="activecampaign")
@pytest.mark.feature("APP-04")
def test_config_export_and_apply_on_an_empty_installation_gives_the_same_and_twice_changes_nothing(
    world: World, dynasync: Dynasync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.reseed(1)
    world.connect(name="CRM-AC", rhythm={"kind": "grid", "hours": 6})
    file = tmp_path / "dynasync.json"
    dynasync("config", "export", "--output", str(file))
    assert world.keys["api_key"] not in file.read_text()
    assert dynasync("config", "diff", str(file)).out == "Nothing differs.\n"
    world.delete_connections()
    assert dynasync("config", "export", "--json").json["connections"] == []
    assert "create" in dynasync("config", "diff", str(file), code=Exit.FAILED).out
    assert "--yes" in dynasync("config", "apply", str(file), code=Exit.USAGE).err
    assert dynasync("config", "export", "--json").json["connections"] == []
    made = dynasync("config", "apply", str(file), "--yes")
    assert "create" in made.out
    assert "--secret" in made.err
    assert dynasync("config", "export").out == file.read_text()
    again = dynasync("config", "apply", str(file), "--yes", "--json").json
    assert (again["changed"], [item["act"] for item in again["value"]]) == (False, ["same"])
    changed = json.loads(file.read_text())
    changed["connections"][0]["rhythm"]["hours"] = 12
    file.write_text(json.dumps(changed))
    assert "rhythm" in dynasync("config", "diff", str(file), code=Exit.FAILED).out
    file.write_text('{"format": 1, "connections": [], "more": 1}')
    assert "unknown_field" in dynasync("config", "apply", str(file), "--yes", code=Exit.REFUSED).err
    file.write_text("{")
    assert "is no JSON" in dynasync("config", "apply", str(file), code=Exit.USAGE).err


@pytest.mark.feature("HUB-14.6", system="activecampaign")
@pytest.mark.feature("APP-04")
def test_the_records_of_a_run_and_failing_records_become_files(
    world: World, dynasync: Dynasync, tmp_path: Path
) -> None:
    connection = world.begun(3, name="CRM-AC")
    run = world.status(connection)["lastRun"]
    records = dynasync("runs", "records", "CRM-AC", run, "--json").json["value"]
    assert [item["outcome"] for item in records] == ["created"] * 3
    assert "created" in dynasync("runs", "records", "CRM-AC", run, "--outcome", "created").out
    dynasync("runs", "export", "CRM-AC", run, "--output", str(tmp_path / "run.csv"))
    assert (tmp_path / "run.csv").read_text().count("\n") == 4
    assert not (tmp_path / "run.csv.part").exists()
    lines = dynasync("runs", "export", "CRM-AC", run, "--format", "ndjson").out.splitlines()
    assert [json.loads(line)["link"] for line in lines] == [item["link"] for item in records]
    assert dynasync("errors", "count", "CRM-AC").out == "0\n"
    assert dynasync("errors", "export", "CRM-AC").out.startswith("link,entity,")
