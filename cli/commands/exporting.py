"""Lists as files, part by part as the app gives them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import click

from cli import show
from cli.api import Api
from cli.failed import usage
from cli.together import together

options = together(
    click.option("--format", "form", type=click.Choice(["csv", "ndjson"]), default="csv", help="What it becomes."),
    click.option("--output", default="-", metavar="FILE", help="Where to; - is standard output."),
    click.option("--bom", is_flag=True, help="The CSV begins with a byte order mark, as Excel wants it."),
)
"""The options of an export."""


def export(api: Api, path: str, query: Mapping[str, object], *, form: str, output: str, bom: bool) -> None:
    """Writes every part of an export. A file that cannot be finished is not left behind half."""
    wanted = {**query, "format": form, "maxpagesize": 1000, **({"bom": "true"} if bom else {})}
    with _target(output) as target, show.progress("export") as tell:
        parts = 0
        answer = api.call("GET", path, query=wanted)
        while True:
            target.write(answer.content)
            parts += 1
            tell(f"{parts} parts of up to 1,000 records")
            if not answer.next:
                return
            answer = api.call("GET", api.path_of(answer.next))


@contextlib.contextmanager
def _target(output: str) -> Iterator[IO[bytes]]:
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    fresh = Path(f"{output}.part")
    try:
        target = fresh.open("wb")
    except OSError as error:
        raise usage(f"{output} cannot be written: {error.strerror}", "Name another file.") from None
    try:
        with target:
            yield target
        fresh.replace(output)
    finally:
        fresh.unlink(missing_ok=True)
