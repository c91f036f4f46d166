"""The photos that nothing may be trained on."""

import json
from pathlib import Path

from tasks.tables import ABSENT, KEPT, MEMORY, REJECTED


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
    try:
        value = json.loads(MEMORY.path(kept).read_bytes())
        return f"{value['name']}, seed {value['seed']}"
    except (OSError, ValueError, KeyError, TypeError):
        return None
