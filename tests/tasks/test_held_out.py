from pathlib import Path

import pandas as pd

from tasks.held_out import held_out
from tasks.tables import KEPT, REJECTED


def test_kept_and_rejected_photos_of_validation_and_test_are_held_out(tmp_path: Path) -> None:
    pd.DataFrame({"photo": ["a", "b", "c"], "split": ["train", "val", "test"]}).to_parquet(KEPT.path(tmp_path))
    pd.DataFrame({"photo": ["d", "e", "f"], "split": ["test", None, "train"]}).to_parquet(REJECTED.path(tmp_path))
    assert held_out(tmp_path) == {"b", "c", "d"}
