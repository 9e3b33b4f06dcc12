"""Which app a command speaks to, and as whom. Secrets come from the environment, a file or standard input: arguments
can be read by everybody on the machine, and stay in the shell's history."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from cli.api import Api
from cli.failed import usage
from cli.together import together

URL, KEY, TOKEN = "DYNASYNC_URL", "DYNASYNC_KEY", "DYNASYNC_TOKEN"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


options = together(
    click.option("--url", metavar="URL", help=f"The app, such as https://NAME.azurewebsites.net. [{URL}]"),
    click.option("--key-file", metavar="FILE", help=f"File with a function key; - is standard input. [{KEY}]"),
    click.option("--token-file", metavar="FILE", help=f"File with an Entra token; - is standard input. [{TOKEN}]"),
)
"""The options that say which app is meant, and as whom."""


def with_app(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command `api` as its first argument, and the options that say where it is."""

    @options
    @wraps(command)
    def run(*, url: str | None, key_file: str | None, token_file: str | None, **given: Any) -> Any:
        return command(connect(url, key_file, token_file), **given)

    return run


def connect(url: str | None, key_file: str | None, token_file: str | None) -> Api:
    """Raises Failed when the address or the key is missing, or a key would go over the wire unprotected."""
    return Api(_address(url or os.environ.get(URL, "")), _headers(key_file, token_file))


def _address(text: str) -> str:
    if not text:
        raise usage("no app is named", f"Give --url, or set {URL} to the app's address.")
    parts = urlsplit(text if "//" in text else f"https://{text}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise usage(f"{text} is no address", "An address is https://NAME.azurewebsites.net, without /api.")
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        raise usage("a key would travel unprotected over http", "Use https; http is for this machine only.")
    if parts.username or parts.password:
        raise usage("the address holds a user name", f"Leave it out; keys stand in {KEY} or a file.")
    return f"{parts.scheme}://{parts.netloc}"


def _headers(key_file: str | None, token_file: str | None) -> dict[str, str]:
    if key_file and token_file:
        raise usage("--key-file and --token-file exclude each other", "Give one of them.")
    key = secret(key_file) if key_file else "" if token_file else os.environ.get(KEY, "").strip()
    token = secret(token_file) if token_file else "" if key else os.environ.get(TOKEN, "").strip()
    if not (key or token):
        raise usage(
            "neither key nor token is given",
            f"Set {KEY} (a function key) or {TOKEN} (an Entra token), or name a file: --key-file, --token-file.",
        )
    if not (key or token).isascii() or not (key or token).isprintable():
        raise usage("the key holds characters that no key has", "Look at the file: it holds the key alone, one line.")
    return {"x-functions-key": key} if key else {"Authorization": f"Bearer {token}"}


def secret(source: str) -> str:
    """A secret from a file, or from standard input (`-`)."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise usage(f"{source} cannot be read: {why}", "Name a file that holds the secret alone.") from None
    if not text.strip():
        raise usage(f"{source} is empty", "Name a file that holds the secret alone.")
    return text.strip()
