"""Ids and random numbers that are the same each time."""

from __future__ import annotations

from random import Random


class FakeIds:
    """Implements `shared.ports.ambient.IdSource`: ids count up, jitter comes from a seed."""

    def __init__(self, seed: int = 0) -> None:
        self._count = 0
        self._random = Random(seed)

    def new_id(self) -> str:
        self._count += 1
        return f"{self._count:032x}"

    def jitter(self) -> float:
        return self._random.random()
