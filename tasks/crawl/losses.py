"""The limit of losses: how many of the photos and rows that the user gave may be unusable before a crawl stops."""

from collections.abc import Sequence

from tasks.store.errors import UserError
from tasks.text import first_few, percent


def require_few_lost(
    lost: Sequence[str],
    total: int,
    *,
    max_loss: float,
    what: str,
    remedy: str,
    error: type[UserError] = UserError,
) -> str | None:
    """Check that few of the things that the user gave are lost.

    Args:
        lost: The names of those that can't be used.
        total: How many the user gave, including the lost ones.
        max_loss: The largest share that may be lost (`crawl.max_loss`).
        what: What they are and what is wrong, after the counts: `photos of PATH can't be read`.
        remedy: What the user can do.
        error: The type of the error: TransientError if the loss may pass.

    Returns:
        One line for `StageContext.warn`: how many are lost, which, and what to do. None if none is lost.

    Raises:
        UserError: More than `max_loss` of them are lost.
    """
    if not lost:
        return None
    line = f"{len(lost):,} of {total:,} {what}: {first_few(lost)}"
    if len(lost) > max_loss * total:
        share = percent(len(lost) / total)
        raise error(
            f"{line}; that is {share}, and crawl.max_loss allows {percent(max_loss)}: {remedy}, or raise crawl.max_loss"
        )
    return f"{line}; {remedy}"
