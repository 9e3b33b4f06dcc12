"""The exit codes of the command line. docs/reference/cli.md is made of this declaration."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """What a script can tell from the number alone."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NO_ACCESS = 4
    REFUSED = 5
    UNDER_WAY = 6
    INTERRUPTED = 130


EXITS: Final[Mapping[Exit, str]] = {
    Exit.DONE: "Done, and nothing is wrong.",
    Exit.FAILED: "The command worked, and what it found is not well: a check, a run or records of a run failed, a "
    "connection is stopped (`status --fail`), two configurations differ (`config diff`).",
    Exit.USAGE: "The arguments are wrong or incomplete, a file cannot be read, or a question would have to be asked "
    "and there is no terminal; the text names the flag to give. Nothing was sent.",
    Exit.UNREACHABLE: "The app does not answer at this address, or answers with an error of its own (status 5xx); for "
    "`demo`: something could not be started.",
    Exit.NO_ACCESS: "The app does not let you in, or your role does not allow this (401, 403).",
    Exit.REFUSED: "The app refused: no such thing, wrong settings, or not as things stand (another 4xx). Nothing was "
    "changed.",
    Exit.UNDER_WAY: "The work goes on, and the time of `--timeout` is over; the text says how to look at it later.",
    Exit.INTERRUPTED: "Ctrl-C. What the app began goes on there.",
}
