"""Makes docs/reference/cli.md of the commands themselves: `python scripts/cli_docs.py [--check]`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/reference/cli.md"
COMMAND = "`.venv/bin/python scripts/cli_docs.py`"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by what is typed after `dynasync`."""
    import click

    from cli.main import COMMANDS, dynasync

    context = click.Context(dynasync)
    for name in COMMANDS:
        found = dynasync.get_command(context, name)
        if isinstance(found, click.Group):
            yield from ((f"{name} {below}", command) for below, command in found.commands.items())
        elif found is not None:
            yield name, found


def page() -> str:
    lines = [
        "# The command line",
        "",
        f"Made by {COMMAND} of the commands themselves; a test compares it. "
        "[How to use it](../how-to/command-line.md).",
        "",
        "`dynasync` speaks to the app over its REST API only. `python -m cli` is the same without installing.",
        "",
        *_exits(),
        *_environment(),
        "## Commands",
        "",
        "Every command that reads takes `--json`; the same options name the app everywhere: `--url`, `--key-file`, "
        "`--token-file`.",
    ]
    for name, command in commands():
        lines += _command(name, command)
    return "\n".join(lines) + "\n"


def _exits() -> list[str]:
    from cli.exits import EXITS

    rows = [f"| {int(code)} | {words} |" for code, words in EXITS.items()]
    return ["## Exit codes", "", "| code | meaning |", "|---|---|", *rows, ""]


def _environment() -> list[str]:
    from cli.target import KEY, TOKEN, URL

    rows = [
        f"| `{URL}` | The app's address, such as `https://NAME.azurewebsites.net`. |",
        f"| `{KEY}` | A function key: its holder is an administrator. |",
        f"| `{TOKEN}` | An Entra token for the app, used when there is no key; its roles decide. |",
        "| `NO_COLOR` | No colours on a terminal. Elsewhere there are none. |",
        "| `REQUESTS_CA_BUNDLE` | Certificates to trust, where the app's is not of a public authority. |",
    ]
    return ["## Environment", "", "| variable | meaning |", "|---|---|", *rows, ""]


def _command(name: str, command: click.Command) -> list[str]:
    import click

    given = [option for option in command.params if isinstance(option, click.Option)]
    own = [option for option in given if option.name not in {"url", "key_file", "token_file", "as_json"}]
    arguments = " ".join(
        item.make_metavar(click.Context(command)) for item in command.params if isinstance(item, click.Argument)
    )
    lines = ["", f"### `dynasync {name}{' ' + arguments if arguments else ''}`", ""]
    lines += [" ".join(inspect.getdoc(command.callback or command).split()) if command.callback else "", ""]
    lines += ["```sh", *(f"dynasync {typed}   # {what}" for typed, what in getattr(command, "examples", ())), "```"]
    if own:
        lines += ["", "| option | meaning |", "|---|---|"]
        lines += [f"| `{_names(option)}` | {option.help or ''}{_default(option)} |" for option in own]
    return lines


def _names(option: click.Option) -> str:
    import click

    kind = option.type
    value = "" if option.is_flag else " " + (option.metavar or kind.name.upper())
    if isinstance(kind, click.Choice):
        value = " " + ", ".join(str(choice) for choice in kind.choices)
    return f"{', '.join(option.opts)}{value}"


def _default(option: click.Option) -> str:
    return f" Default: {option.default}." if option.show_default else ""


def main() -> int:
    sys.path.insert(0, str(ROOT))
    text = page()
    if "--check" in sys.argv:
        fresh = PAGE.exists() and PAGE.read_text() == text
        if not fresh:
            print(f"stale: {PAGE.relative_to(ROOT)}", file=sys.stderr)
        return 0 if fresh else 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
