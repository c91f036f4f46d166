"""Progress of long work, as stages report it; whoever shows it gives a `Progress` to the job."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """`with progress("tiles", total=900) as advance: advance(30)` announces, reports and ends a piece of work."""

    def __call__(self, label: str, total: int) -> AbstractContextManager[Advance]:
        """Begin work on `total` things that are called `label`."""
        ...


@contextmanager
def silent(label: str, total: int) -> Iterator[Advance]:
    """Progress that nobody watches."""
    yield lambda count: None


def tee(first: Progress, second: Progress) -> Progress:
    """Progress that two watch."""

    @contextmanager
    def progress(label: str, total: int) -> Iterator[Advance]:
        with first(label, total) as one, second(label, total) as two:

            def advance(count: int) -> None:
                one(count)
                two(count)

            yield advance

    return progress
