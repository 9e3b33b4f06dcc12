"""Reading answers whose shape is not what the vendor documents."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from shared.errors import Transient

_MISREAD = (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError)


def shaped[**P, R](title: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Marks a function that only takes an answer apart: what does not fit raises Transient (`unreadable_answer`).

    For functions that call nobody and decide nothing; elsewhere such an error is a bug and must be seen. Nothing of the
    answer is told, not even in a chained exception.
    """

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def read(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except _MISREAD:
                pass
            raise Transient(f"{title} answered something of another shape than documented", code="unreadable_answer")

        return read

    return mark
