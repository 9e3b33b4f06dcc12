"""`dynasync openapi`."""

from __future__ import annotations

from pathlib import Path

import click

from cli.api import Api
from cli.failed import usage
from cli.group import Command
from cli.target import with_app


@click.command(
    "openapi",
    cls=Command,
    examples=(
        ("openapi", "print the document"),
        ("openapi --output dynasync.json", "write it to a file"),
    ),
)
@click.option("--output", default="-", metavar="FILE", help="Where to; - is standard output.")
@with_app
def command(api: Api, *, output: str) -> None:
    """The OpenAPI 3.1 document of the app, as it serves it."""
    content = api.call("GET", "openapi.json").content
    if output == "-":
        click.echo(content.decode().rstrip("\n"))
        return
    try:
        Path(output).write_bytes(content)
    except OSError as error:
        raise usage(f"{output} cannot be written: {error.strerror}", "Name another file.") from None
