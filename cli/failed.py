"""How a command ends badly: what happened, to what, what to do next, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import IO, Any

import click

from cli.exits import Exit
from cli.words import clean


class Failed(click.ClickException):
    """Ends the command. `where` names the record, setting or place; `details` are lines below it.

    `error` is the API's own error object, repeated whole with `--json`.
    """

    def __init__(
        self,
        code: Exit,
        message: str,
        *,
        where: str = "",
        next_step: str = "",
        details: Sequence[str] = (),
        error: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.exit_code = int(code)  # type: ignore[misc]  # click reads it from the error
        self.where = where
        self.next_step = next_step
        self.details = details
        self.error = error or {"code": code.name.lower(), "message": message, "target": where, "nextStep": next_step}
        context = click.get_current_context(silent=True)
        self._as_json = bool(context is not None and context.params.get("as_json"))

    def show(self, file: IO[Any] | None = None) -> None:
        if self._as_json:
            click.echo(json.dumps({"error": self.error}, ensure_ascii=False, indent=2), file=file, err=True)
            return
        lines = [f"dynasync: {self.message}"]
        lines += [f"  at: {self.where}"] if self.where else []
        lines += [f"  - {line}" for line in self.details]
        lines += [f"  next: {self.next_step}"] if self.next_step else []
        click.echo("\n".join(clean(line) for line in lines), file=file, err=True)


def usage(message: str, next_step: str) -> Failed:
    """Nothing was sent: the command line itself is to be corrected."""
    return Failed(Exit.USAGE, message, next_step=next_step)
