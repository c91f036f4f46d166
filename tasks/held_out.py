"""The photos that nothing may be trained on."""

from pathlib import Path

from tasks.tables import KEPT, REJECTED


def held_out(kept: Path) -> set[str]:
    """The photos of validation and test, by SHA-256.

    Rejected photos count as well: a rejected duplicate of a test photo shows the same.

    Args:
        kept: The folder of the filter.
    """
    import pandas as pd

    known = pd.concat([table.read(kept, columns=["photo", "split"]) for table in (KEPT, REJECTED)])
    return set(known.loc[known["split"].isin(["val", "test"]), "photo"])
