"""The catalog of what passes between stages."""

from pathlib import Path


def held_out(kept: Path) -> set[str]:
    """Photos of validation and test in the filter's folder, that nothing may have been trained on.

    That counts rejected ones, too: a rejected twin of a tested photo shows the same.
    """
    import pandas as pd

    tables = (pd.read_parquet(kept / f"{name}.parquet", columns=["photo", "split"]) for name in ("kept", "rejected"))
    known = pd.concat(tables)
    return set(known.loc[known["split"].isin(["val", "test"]), "photo"])
