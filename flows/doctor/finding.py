"""What one look has found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What fluke sees, and what is wrong with it."""

    what: str
    """A few words: what was looked at."""
    seen: str
    """What is there."""
    problem: str = ""
    """What is wrong and what helps, in one line; empty: nothing."""
    stops_runs: bool = False
    """Whether a run ends with an error because of it; otherwise it is slower, or shows less."""
