"""Command line: ``python -m localhost``."""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import click

from localhost.errors import HostError
from localhost.host import REAL_LEASE, RunningHost, start
from localhost.settings import STORAGE
from localhost.timespan import parse_duration


def _lease(_context: click.Context, _option: click.Parameter, text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if not 1 <= seconds <= 7 * 24 * 3600:
        raise click.BadParameter("storage takes from 1 second to 7 days")
    return seconds


def _users(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> dict[str, list[str]]:
    users = {}
    for text in texts:
        name, _, roles = text.partition("=")
        if not name:
            raise click.BadParameter(f"{text!r} is not NAME=ROLE,ROLE")
        users[name] = [role.strip() for role in roles.split(",") if role.strip()]
    return users


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--app", type=click.Path(path_type=Path), default=Path(), help="Folder of function_app.py and host.json.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=7071, show_default=True, help="HTTP port; 0: any free one."
)
@click.option("--keep", type=click.Path(path_type=Path), help="Keep storage and keys in this folder.")
@click.option(
    "--queue-lease",
    callback=_lease,
    default=f"{REAL_LEASE / 60:g}m",
    show_default=True,
    help="How long a queue message in hand stays invisible, such as 10m or 5s.",
)
@click.option("--storage", help=f"Storage connection string; default: {STORAGE}, else an emulator is started.")
@click.option("--clock-file", type=click.Path(path_type=Path), help='JSON file {"offset": seconds} that moves timers.')
@click.option("--user", "users", multiple=True, callback=_users, help="A local user: NAME=ROLE,ROLE. Repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line when ready.")
def main(
    *,
    app: Path,
    port: int,
    keep: Path | None,
    queue_lease: float,
    storage: str | None,
    clock_file: Path | None,
    users: dict[str, list[str]],
    as_json: bool,
) -> None:
    """Run an Azure Functions app (Python v2 model) on this machine until Ctrl-C.

    The functions run in Microsoft's worker library; HTTP, timers and queues follow the real host's rules. For
    development, demo and tests only.
    """
    stop = threading.Event()
    _stop_on_signals(stop)
    try:
        host = start(
            app,
            port=port,
            keep=keep,
            settings={STORAGE: storage} if storage else {},
            queue_lease=queue_lease,
            clock_file=clock_file,
            users=users,
            echo=True,
        )
    except HostError as error:
        click.echo(f"localhost: {error.problem}\n  -> {error.next_step}", err=True)
        sys.exit(error.exit_code)
    with host:
        click.echo(json.dumps(_facts(host)) if as_json else _summary(host))
        sys.stdout.flush()
        stop.wait()


def _facts(host: RunningHost) -> dict[str, object]:
    return {
        "url": host.url,
        "storage": host.storage_connection,
        "keys": {
            "master": host.master_key,
            "host": host.host_key,
            "functions": {name: host.function_key(name) for name in host.functions},
        },
        "pid": os.getpid(),
        "workers": host.worker_pids,
    }


def _summary(host: RunningHost) -> str:
    lines = [
        f"Functions host: {host.url}   (Ctrl-C ends it)",
        f"Functions:      {', '.join(host.functions)}",
        f"Master key:     {host.master_key}",
        f"Host key:       {host.host_key}",
        f"Storage:        {host.storage_connection}",
    ]
    return "\n".join(lines)


def _stop_on_signals(stop: threading.Event) -> None:
    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)


if __name__ == "__main__":
    main()
