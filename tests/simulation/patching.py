"""A mutant is put in its place in the engine for as long as a `with` lasts.

Names are patched where they are used, so a mutant whose place was renamed fails loudly instead of doing nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

type Real = Callable[..., Any]
type Make = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Mutant:
    """`model`: one of the fourteen that the research model was tried with. `patches`: owner, name, what takes its
    place (made from the real one)."""

    name: str
    mistake: str
    patches: Sequence[tuple[Any, str, Make]]
    model: bool = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Raises AttributeError for a place that is no longer there."""
        with ExitStack() as stack:
            for owner, name, make in self.patches:
                stack.enter_context(_patched(owner, name, make))
            yield


@contextmanager
def _patched(owner: Any, name: str, make: Make) -> Iterator[None]:
    if name not in vars(owner):
        raise AttributeError(f"{owner.__name__} has no {name} of its own any more: the mutant breaks nothing")
    real = vars(owner)[name]
    setattr(owner, name, make(real))
    try:
        yield
    finally:
        setattr(owner, name, real)


def nothing(_real: Any) -> Real:
    return lambda *_args, **_named: None


def answers(value: Any) -> Make:
    return lambda _real: lambda *_args, **_named: value
