"""The photos that nothing may be trained on."""

from pathlib import Path

from tasks.split_reference import SplitReference
from tasks.tables.filter import ABSENT, KEPT, REJECTED


def held_out(kept: Path) -> set[str]:
    """The photos of validation and test, by SHA-256.

    Rejected photos count as well: a rejected duplicate of a test photo shows the same. So do photos that
    were trained on, have left the crawl, and are held out now.

    Args:
        kept: The folder of the filter.
    """
    import pandas as pd

    tables = [KEPT, REJECTED, *([ABSENT] if ABSENT.path(kept).exists() else [])]  # earlier versions wrote none
    known = pd.concat([table.read(kept, columns=["photo", "split"]) for table in tables])
    return set(known.loc[known["split"].isin(["val", "test"]), "photo"])


def memory_of(kept: Path) -> str | None:
    """Return which memory decided the splits: its name and seed; None if the filter's result has none.

    What a model of another memory was trained on may resemble a test photo of this one: only photos of one memory are
    compared with each other.

    Args:
        kept: The folder of the filter.
    """
    reference = SplitReference.read(kept)
    return f"{reference.name}, seed {reference.seed}" if reference else None
