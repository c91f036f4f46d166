"""What a page asks to change in the log of decisions, and what becomes of it."""

from dataclasses import dataclass
from typing import Literal

from tasks.filter.review_log import ReviewKey


@dataclass(frozen=True)
class ShownDecision:
    """The decision about a photo that a page showed when a person changed it."""

    action: str
    to: str


Shown = ShownDecision | None
"""None: the page showed no decision."""


@dataclass(frozen=True)
class Choice:
    """What a person wants to decide about a photo."""

    key: ReviewKey
    action: str
    """keep, reject or move."""
    to: str
    """The new class of a move, else empty."""
    shown: Shown
    """The decision that the page showed."""


@dataclass(frozen=True)
class Withdrawal:
    """A decision that a person wants to undo."""

    key: ReviewKey
    row: str
    """The row of the log that made it, see `Made`. An older page may have it under another class."""


Outcome = Literal["written", "same", "conflict"]
"""What became of a change: `same` was in the log already; of a `conflict` nothing is written, because the log has
another decision than the page showed."""
