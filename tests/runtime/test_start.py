"""What stops a start says what, where, and what to do next."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import localhost
from localhost import azurite as emulator
from localhost import rpc
from localhost.__main__ import main
from localhost.config import QueueOptions, load_host_config
from localhost.errors import HostError
from localhost.timespan import parse_duration, parse_timespan
from tests.runtime.support import SAMPLE, copy_app, sample, sample_settings

pytestmark = pytest.mark.feature("APP-01.1")
HELLO = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""


def make_app(folder: Path, code: str, host_json: str = '{"version": "2.0"}', **settings: str) -> Path:
    (folder / "function_app.py").write_text(code)
    (folder / "host.json").write_text(host_json)
    if settings:
        (folder / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": settings}))
    return folder


def refusal(app: Path, **options: Any) -> HostError:
    with pytest.raises(HostError) as caught:
        localhost.start(app, port=options.pop("port", 0), **options)
    assert caught.value.next_step
    return caught.value


def test_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = refusal(make_app(tmp_path, HELLO), port=port)
    assert f"Port {port}" in error.problem
    assert "--port" in error.next_step
    assert error.exit_code == 3


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "host.json is missing"),
        ({"host.json": "{"}, "not valid JSON (line 1, column 2"),
        ({"host.json": '{"version": "1.0"}'}, 'version must be "2.0"'),
        ({"host.json": '{"version": "2.0"}'}, "function_app.py is missing"),
        ({"host.json": '{"version": "2.0", "functionTimeout": "5 minutes"}'}, "functionTimeout is wrong"),
        ({"host.json": '{"version": "2.0", "extensions": {"queues": {"batchSize": 33}}}'}, "batchSize must be"),
        ({"host.json": '{"version": "2.0", "extensions": {"queues": {"maxDequeueCount": 0}}}'}, "maxDequeueCount"),
        ({"host.json": '{"version": "2.0", "extensions": {"queues": {"messageEncoding": "x"}}}'}, "messageEncoding"),
        ({"host.json": '{"version": "2.0", "extensions": []}'}, "extensions must be a JSON object"),
    ],
)
def test_wrong_files(tmp_path: Path, files: dict[str, str], words: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert words in refusal(tmp_path).problem


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "There is no folder" in refusal(tmp_path / "nowhere").problem


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "not valid JSON"), ('{"Values": {"A": 1}}', "object of strings"), ('{"IsEncrypted": true}', "encrypted")],
)
def test_wrong_local_settings(tmp_path: Path, text: str, words: str) -> None:
    make_app(tmp_path, HELLO)
    (tmp_path / "local.settings.json").write_text(text)
    assert words in refusal(tmp_path).problem


@pytest.mark.storage
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import nothing_of_this_name\n", ["No module named 'nothing_of_this_name'", "(function_app.py line 1)"]),
        ("x = 1\ndef broken(:\n", ["SyntaxError", "(function_app.py line 2)"]),
        ("import sys; sys.exit(3)\n", ["ended during its start (exit code"]),
        ("x = 1\n", ["Could not find top level function app instances"]),
        (HELLO, ["has no functions"]),
        (
            HELLO + '@app.timer_trigger(arg_name="t", schedule="every day")\ndef t(t: func.TimerRequest): ...\n',
            ["'every day'", "2 fields"],
        ),
        (
            HELLO + '@app.timer_trigger(arg_name="t", schedule="%WHEN%")\ndef t(t: func.TimerRequest): ...\n',
            ["Function 't'", "'WHEN'"],
        ),
        (
            HELLO + '@app.queue_trigger(arg_name="m", queue_name="q%NR%", connection="AzureWebJobsStorage")\n'
            "def m(m: func.QueueMessage): ...\n",
            ["Function 'm'", "'NR'"],
        ),
        (
            HELLO + '@app.queue_trigger(arg_name="m", queue_name="under_score", connection="AzureWebJobsStorage")\n'
            "def m(m: func.QueueMessage): ...\n",
            ["'under_score' is not a queue name"],
        ),
        (
            HELLO + '@app.queue_trigger(arg_name="m", queue_name="work", connection="Elsewhere")\n'
            "def m(m: func.QueueMessage): ...\n",
            ["'Elsewhere'", "no app setting"],
        ),
        (
            HELLO + '@app.blob_trigger(arg_name="b", path="in/{name}", connection="AzureWebJobsStorage")\n'
            "def b(b: func.InputStream): ...\n",
            ["'blobTrigger'", "Function 'b'"],
        ),
        (
            HELLO + '@app.route(route="{*rest}/more")\ndef h(req: func.HttpRequest): ...\n',
            ["Function 'h'", "catch-all"],
        ),
        (
            HELLO + '@app.route(route="{id:colour}")\ndef h(req: func.HttpRequest): ...\n',
            ["Function 'h'", ":colour"],
        ),
    ],
)
def test_apps_that_cannot_be_loaded(tmp_path: Path, azurite: str, code: str, words: list[str]) -> None:
    problem = refusal(make_app(tmp_path, code), settings={"AzureWebJobsStorage": azurite}).problem
    assert all(word in problem for word in words), problem


@pytest.mark.storage
def test_an_identity_connection_is_not_offered(tmp_path: Path, azurite: str) -> None:
    code = HELLO + (
        '@app.queue_trigger(arg_name="m", queue_name="work", connection="Hub")\ndef m(m: func.QueueMessage): ...\n'
    )
    settings = {"AzureWebJobsStorage": azurite, "Hub__queueServiceUri": "https://hub.queue.core.windows.net"}
    assert "identity connection (Hub__queueServiceUri)" in refusal(make_app(tmp_path, code), settings=settings).problem
    assert "identity connection" in refusal(tmp_path, settings={"AzureWebJobsStorage__accountName": "hub"}).problem


def test_storage_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        connection = (
            f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={emulator.ACCOUNT_KEY};"
            f"QueueEndpoint=http://127.0.0.1:{closed.getsockname()[1]}/a;"
        )
        error = refusal(make_app(tmp_path, HELLO), settings={"AzureWebJobsStorage": connection})
    assert "does not answer" in error.problem
    assert emulator.ACCOUNT_KEY not in str(error)
    assert "cannot be read" in refusal(tmp_path, settings={"AzureWebJobsStorage": "nonsense"}).problem


def test_node_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refusal(make_app(tmp_path, HELLO))
    assert "Node.js was not found" in error.problem
    assert "apt-get install nodejs npm" in error.next_step


def test_azurite_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator, "_script", lambda: tmp_path / "azurite.js")
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/node")
    assert "make setup" in refusal(make_app(tmp_path, HELLO)).next_step


def test_message_classes_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "protos_folder", lambda: tmp_path)
    monkeypatch.delitem(sys.modules, rpc.PACKAGE, raising=False)
    error = refusal(make_app(tmp_path, HELLO))
    assert "message classes are not in" in error.problem
    assert "make setup" in error.next_step


@pytest.mark.storage
def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    before = set(children.read_text().split())
    refusal(make_app(tmp_path, "import nothing_of_this_name\n"))
    assert set(children.read_text().split()) <= before


@pytest.mark.storage
def test_settings_file_environment_and_argument(tmp_path: Path, azurite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = copy_app(tmp_path)
    values = {"FROM_FILE": "file", "FROM_BOTH": "file", "FROM_ALL": "file", "AzureWebJobsStorage": azurite}
    (copy / "local.settings.json").write_text(json.dumps({"Values": values}))
    monkeypatch.setenv("FROM_BOTH", "environment")
    monkeypatch.setenv("FROM_ALL", "environment")
    monkeypatch.delenv("AzureWebJobsStorage", raising=False)
    with sample(tmp_path, None, app=copy, settings={"FROM_ALL": "argument"}) as app:
        environment = app.get("surroundings").json()["environment"]
        assert app.host.storage_connection == azurite
    chosen = {name: environment[name] for name in ("FROM_FILE", "FROM_BOTH", "FROM_ALL")}
    assert chosen == {"FROM_FILE": "file", "FROM_BOTH": "environment", "FROM_ALL": "argument"}


@pytest.mark.storage
def test_keep_keeps_the_keys_for_their_owner(tmp_path: Path, azurite: str) -> None:
    keys = []
    for _ in range(2):
        with sample(tmp_path, azurite, keep=tmp_path / "kept") as app:
            keys.append((app.host.master_key, app.host.host_key, app.host.function_key("keyed")))
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 3
    assert (tmp_path / "kept" / "keys.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "kept" / "keys.json").write_text("[]")
    assert "does not hold keys" in refusal(SAMPLE, keep=tmp_path / "kept").problem


def test_the_command_line_names_problem_and_next_step(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "localhost", "--app", str(tmp_path), "--port", "0"],
        check=False,
        capture_output=True,
        text=True,
        cwd=SAMPLE.parents[2],
        timeout=60,
    )
    assert process.returncode == 2
    assert "host.json is missing" in process.stderr
    assert "  -> " in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--queue-lease", "soon"], "not a duration"),
        (["--queue-lease", "10ms"], "from 1 second"),
        (["--user", "=admin"], "NAME=ROLE"),
        (["--port", "70000"], "65535"),
    ],
)
def test_wrong_arguments(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert words in result.output


@pytest.mark.storage
def test_the_command_line_prints_where_it_listens(tmp_path: Path, azurite: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "localhost", "--port", "0", "--storage", azurite, "--user", "ana=admin,reader"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **sample_settings(tmp_path), "PYTHONPATH": str(SAMPLE.parents[2])},
        cwd=SAMPLE,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(5)]
    process.terminate()
    process.communicate(timeout=30)
    assert lines[0].startswith("Functions host: http://127.0.0.1:")
    assert "hello, any_verb" in lines[1]
    assert [line.split(":")[0] for line in lines[2:]] == ["Master key", "Host key", "Storage"]
    assert process.returncode == 0


def test_host_json_defaults_are_the_real_ones(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    config = load_host_config(tmp_path)
    assert (config.route_prefix, config.function_timeout) == ("api", 1800)
    threshold = 8 * (os.process_cpu_count() or 1)
    assert config.queues == QueueOptions(16, threshold, 60.0, 0.0, 5, True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:30", 30), ("01:30", 5400), ("1.02:03:04.5", 93784.5), ("00:00:00.1", 0.1), ("-00:00:01", -1)],
)
def test_time_spans(text: str, seconds: float) -> None:
    assert parse_timespan(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["30", "24:00:00", "00:60:00", "00:00:60", "x", ""])
def test_wrong_time_spans(text: str) -> None:
    with pytest.raises(ValueError, match="time span"):
        parse_timespan(text)


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600), ("5s", 5), ("500ms", 0.5), ("2", 2), ("1.5h", 5400)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)
