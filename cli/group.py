"""Commands whose help leads with examples, and a group that imports a command when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

type Examples = Sequence[tuple[str, str]]
"""What is typed after `dynasync`, and what it does."""

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def _write_examples(examples: Examples, formatter: click.HelpFormatter) -> None:
    with formatter.section("Examples"):
        formatter.write_dl([(f"dynasync {typed}".strip(), what) for typed, what in examples], col_max=56)


class Command(click.Command):
    """`examples` stand before everything else in its help."""

    def __init__(self, name: str | None, examples: Examples = (), **more: Any) -> None:
        super().__init__(name, **{"context_settings": SETTINGS, **more})
        self.examples = examples

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_examples(self.examples, formatter)
        formatter.write_paragraph()
        super().format_help(ctx, formatter)


class Group(click.Group):
    """A group with examples. `lazy` names commands by module, with the line that the list shows of each."""

    command_class = Command

    def __init__(
        self,
        name: str | None = None,
        examples: Examples = (),
        lazy: Mapping[str, tuple[str, str]] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(name, **{"context_settings": SETTINGS, **more})
        self.examples = examples
        self.lazy = lazy or {}

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_examples(self.examples, formatter)
        formatter.write_paragraph()
        super().format_help(ctx, formatter)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.lazy:
            found: click.Command = importlib.import_module(self.lazy[cmd_name][0]).command
            return found
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list without importing anything."""
        if not self.lazy:
            super().format_commands(ctx, formatter)
            return
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.lazy.items()])


def group(name: str, examples: Examples) -> Callable[[Callable[..., Any]], Group]:
    def made(function: Callable[..., Any]) -> Group:
        return click.group(name, cls=Group, examples=examples)(function)

    return made
