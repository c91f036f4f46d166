"""Seconds of earlier work that a training finds in its checkpoints: they are a part of what it costs.

A training that was killed continues, and one that has ended isn't done again. The clock alone would make both cheap.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_found: ContextVar[list[float] | None] = ContextVar("found", default=None)


@contextmanager
def counted() -> Iterator[list[float]]:
    """Yield a list that gets the seconds of each piece of earlier work found within the `with` block."""
    outer, found = _found.get(), list[float]()
    token = _found.set(found)
    try:
        yield found
    finally:
        _found.reset(token)
        if outer is not None:
            outer.extend(found)


def add(seconds: float) -> None:
    """Say that work of so many seconds was found, and isn't done again."""
    if (found := _found.get()) is not None:
        found.append(seconds)
