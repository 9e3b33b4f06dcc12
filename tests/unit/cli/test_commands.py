"""The command line without an app: help, examples, the page of the reference, what it refuses, what it sends where."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest
from werkzeug import Request, Response
from werkzeug.serving import make_server

from cli.api import API_VERSION, Api
from cli.exits import EXITS, Exit
from cli.failed import Failed
from cli.main import COMMANDS, EXAMPLES, dynasync, run
from cli.words import clean
from functions.api.route import VERSIONS
from scripts import cli_docs

ROOT = Path(__file__).resolve().parents[3]
ALL = dict(cli_docs.commands())
URL = "https://app.example.net"


def parsed(typed: str) -> click.Context:
    """The context of the command that a line means; raises UsageError where a command would refuse its arguments."""
    arguments = shlex.split(typed, comments=True)
    context = dynasync.make_context("dynasync", list(arguments))
    while isinstance(context.command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, command, left = context.command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, list(left), parent=context)
    return context


def examples() -> Iterator[str]:
    yield from (typed for typed, _ in EXAMPLES)
    for command in ALL.values():
        yield from (typed for typed, _ in command.examples)  # type: ignore[attr-defined]
    for name in COMMANDS:
        found = dynasync.get_command(click.Context(dynasync), name)
        yield from (typed for typed, _ in found.examples)  # type: ignore[union-attr]


def documented() -> Iterator[str]:
    for page in [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]:
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                typed = line.strip().removeprefix("$ ")
                if typed.startswith("dynasync "):
                    yield typed.removeprefix("dynasync ")


@pytest.mark.feature("APP-04")
@pytest.mark.parametrize("typed", sorted({*examples(), *documented()}))
def test_every_example_of_help_and_documents_is_a_command_as_it_stands(typed: str) -> None:
    if typed.startswith("--help"):
        return
    assert parsed(typed).command.callback is not None


@pytest.mark.feature("APP-04")
@pytest.mark.parametrize("name", ALL)
def test_the_help_of_every_command_leads_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*name.split(), "--help"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"Examples:\n  dynasync {name}")
    assert "Usage: dynasync" in told


@pytest.mark.feature("APP-04")
def test_every_command_that_reads_takes_json() -> None:
    without = {name for name, command in ALL.items() if "as_json" not in {option.name for option in command.params}}
    assert without <= {
        "openapi",  # is JSON
        "connections delete",  # answers nothing
        "errors export",  # a file, --format ndjson for machines
        "runs export",
    }


def test_the_page_of_the_reference_is_fresh() -> None:
    assert cli_docs.PAGE.read_text() == cli_docs.page(), f"run {cli_docs.COMMAND}"
    assert set(EXITS) == set(Exit)


def test_the_command_line_speaks_the_version_that_the_app_answers() -> None:
    assert VERSIONS[-1] == API_VERSION


def test_help_imports_no_command() -> None:
    code = "import sys; from cli.main import run; run(['--help']); print(*(m for m in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(ran.stdout.splitlines()[-1].split())
    assert not loaded & {
        "requests",
        "rich",
        "pydantic",
        "cli.commands.connections",
        "cli.demo.play",
        "shared.bootstrap",
    }


def test_the_pins_are_those_of_the_requirements() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pinned = (ROOT / "requirements.txt").read_text() + (ROOT / "requirements-dev.txt").read_text()
    for pin in [*project["project"]["dependencies"], *project["build-system"]["requires"]]:
        assert f"\n{pin}\n" in pinned


@pytest.mark.feature("APP-04")
def test_installed_it_is_the_command_dynasync(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    for name in ("cli", "shared"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    install = [
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        str(tmp_path / "to"),
    ]
    subprocess.run([sys.executable, "-m", "pip", *install, str(source)], check=True, capture_output=True, cwd=tmp_path)
    ran = subprocess.run(
        [tmp_path / "to/bin/dynasync", "status"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "to"), "PATH": "/usr/bin:/bin"},
    )
    assert ran.returncode == Exit.USAGE
    assert "DYNASYNC_URL" in ran.stderr


@pytest.mark.feature("APP-04")
@pytest.mark.parametrize(
    ("arguments", "secret"),
    [
        (("connections", "edit", "X", "--secret", "partner.key=hunter2"), "hunter2"),
        (("connections", "edit", "X", "--secret", "hunter2"), "hunter2"),
        (("connections", "edit", "X", "--secret", "other.key=env:HOME"), "env:HOME"),
        (("connections", "edit", "X", "--secret", "partner.key=env:"), "partner.key=env"),
    ],
)
def test_a_secret_among_the_arguments_is_refused_and_not_repeated(
    arguments: tuple[str, ...], secret: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DYNASYNC_URL", URL)
    monkeypatch.setenv("DYNASYNC_KEY", "k")
    assert run(list(arguments)) == Exit.USAGE
    told = capsys.readouterr()
    assert secret not in told.out + told.err
    assert "next:" in told.err


@pytest.mark.parametrize("address", ["http://app.example.net", "ftp://x", "https://u:p@app.example.net", "https://"])
def test_an_address_that_would_give_the_key_away_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DYNASYNC_KEY", "k")
    assert run(["status", "--url", address]) == Exit.USAGE
    assert capsys.readouterr().err.startswith("dynasync: ")


@dataclass
class App:
    """Answers like the app, one prepared answer a call, and keeps what it was asked."""

    url: str = ""
    answers: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)

    def then(self, body: object, status: int = 200, **headers: str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.answers.append((status, text, {name.replace("_", "-"): value for name, value in headers.items()}))

    def __call__(self, environ: Any, start: Any) -> Any:
        self.asked.append(Request(environ))
        status, text, headers = self.answers.pop(0)
        return Response(text, status, headers, content_type="application/json")(environ, start)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    found = App()
    server = make_server("127.0.0.1", 0, found)
    found.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("DYNASYNC_URL", found.url)
    monkeypatch.setenv("DYNASYNC_KEY", "k")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def api(app: App) -> Api:
    return Api(app.url, {"x-functions-key": "k"}, sleep=lambda seconds: None)


def test_the_key_goes_to_the_app_alone(app: App, api: Api) -> None:
    """Neither a redirect nor an address in an answer takes it to another host."""
    app.then("", 302, Location="https://elsewhere.example.net/")
    with pytest.raises(Failed) as told:
        api.get("health")
    assert told.value.exit_code == Exit.UNREACHABLE
    app.then({"value": [1], "nextLink": "https://elsewhere.example.net/api/connections?after=x&api-version=2026-11-22"})
    app.then({"value": [2]})
    assert list(api.items("connections")) == [1, 2]
    assert app.asked[2].full_path == "/api/connections?after=x&api-version=2026-11-22"
    assert {request.headers["x-functions-key"] for request in app.asked} == {"k"}


def test_a_read_is_repeated_while_the_app_asks_for_patience_and_a_change_never(app: App, api: Api) -> None:
    error = {"error": {"code": "throttled", "message": "later", "nextStep": "Wait."}}
    app.then(error, 503, Retry_After="1")
    app.then({"id": "key"})
    assert api.get("me") == {"id": "key"}
    app.then(error, 503, Retry_After="1")
    with pytest.raises(Failed, match="later"):
        api.post("connections/x/sync")
    assert len(app.asked) == 3


@pytest.mark.feature("APP-04")
@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, "", Exit.NO_ACCESS),
        (403, {"error": {"code": "role_missing", "message": "no"}}, Exit.NO_ACCESS),
        (404, "<html>", Exit.UNREACHABLE),
        (409, {"error": {"code": "connection_on", "message": "no"}}, Exit.REFUSED),
        (500, {"error": {"code": "internal", "message": "no"}}, Exit.UNREACHABLE),
        (500, ["no"], Exit.UNREACHABLE),
        (200, "<html>", Exit.UNREACHABLE),
    ],
)
def test_what_the_app_answers_becomes_an_exit_code(app: App, api: Api, status: int, body: object, code: Exit) -> None:
    app.then(body, status)
    with pytest.raises(Failed) as told:
        api.get("me")
    assert told.value.exit_code == code
    assert told.value.next_step


def test_a_change_is_sent_against_what_was_read(app: App, api: Api) -> None:
    app.then({"switch": "on"}, ETag='"one"')
    app.then({"switch": "off"})
    assert api.change("connections/x", lambda found: {"switch": "off"}) == {"switch": "off"}
    assert [request.method for request in app.asked] == ["GET", "PATCH"]
    assert app.asked[1].headers["If-Match"] == '"one"'


def test_texts_of_others_do_not_drive_the_terminal(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.then({"value": [{"id": "a" * 32, "name": "\x1b]0;owned\x07[red]\u202efoo"}]})
    assert run(["runs", "list", "other"]) == Exit.REFUSED
    told = capsys.readouterr().err
    assert "[red]" in told
    assert not {"\x1b", "\x07", "\u202e"} & set(told)
    assert clean("ñandú\n") == "ñandú "


def test_what_takes_longer_than_the_time_given_ends_with_six(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    operation = {"id": "x.1", "kind": "run", "connection": "x", "status": "Running"}
    app.then(operation)
    app.then(operation)
    assert run(["run", "--operation", "x.1", "--timeout", "0.00001"]) == Exit.UNDER_WAY
    assert "dynasync run --operation x.1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "run_state", "code"),
    [("Succeeded", "succeeded", 0), ("Succeeded", "partly_failed", 1), ("Failed", "failed", 1), ("Failed", "", 1)],
)
def test_a_run_with_a_failure_never_ends_with_zero(
    app: App, capsys: pytest.CaptureFixture[str], status: str, run_state: str, code: int
) -> None:
    found = {"id": "r", "state": run_state, "counts": {"created": 1}, "started": "", "ended": "", "message": ""}
    operation = {"id": "x.1", "kind": "run", "connection": "x", "status": status, "run": found if run_state else None}
    for _ in range(2):
        app.then(operation)
    assert run(["run", "--operation", "x.1"]) == code
    assert ("next: dynasync" in capsys.readouterr().err) is bool(code)


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch, app: App, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    given: Callable[..., Any] = interrupted
    monkeypatch.setattr(Api, "call", given)
    assert run(["status"]) == Exit.INTERRUPTED
    assert "interrupted" in capsys.readouterr().err
