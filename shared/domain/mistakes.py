"""What is wrong with a configuration, all of it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing wrong with a configuration: where, a stable code, and a sentence with the way out."""

    place: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class MapErrors(ConfigError):
    """A configuration that cannot be used, with every mistake in it."""

    code = "map"

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        noun = "mistake" if count == 1 else "mistakes"
        super().__init__(
            f"{count} {noun}: " + "; ".join(map(str, self.mistakes)),
            setting=self.mistakes[0].place if self.mistakes else "",
            next_step="Correct every place named, then save again. Nothing was changed.",
        )
