"""Progress of long work: stages report it to the `Progress` of their context, which shows it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """A function that shows progress: `with progress("tiles", total=900) as advance: advance(30)`."""

    def __call__(self, label: str, total: int) -> AbstractContextManager[Advance]:
        """Start work on `total` items; `label` is their name in the plural, such as `tiles`."""
        ...


@contextmanager
def silent(label: str, total: int) -> Iterator[Advance]:
    """Show nothing."""
    yield lambda count: None


def tee(first: Progress, second: Progress) -> Progress:
    """Report progress to two others."""

    @contextmanager
    def progress(label: str, total: int) -> Iterator[Advance]:
        with first(label, total) as one, second(label, total) as two:

            def advance(count: int) -> None:
                one(count)
                two(count)

            yield advance

    return progress
