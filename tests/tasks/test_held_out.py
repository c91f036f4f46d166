from pathlib import Path

import pandas as pd

from tasks.held_out import held_out, memory_of
from tasks.tables import ABSENT, KEPT, MEMORY, REJECTED


def test_kept_and_rejected_photos_of_validation_and_test_are_held_out(tmp_path: Path) -> None:
    pd.DataFrame({"photo": ["a", "b", "c"], "split": ["train", "val", "test"]}).to_parquet(KEPT.path(tmp_path))
    pd.DataFrame({"photo": ["d", "e", "f"], "split": ["test", None, "train"]}).to_parquet(REJECTED.path(tmp_path))
    assert held_out(tmp_path) == {"b", "c", "d"}
    pd.DataFrame({"photo": ["g"], "split": ["test"]}).to_parquet(ABSENT.path(tmp_path))
    assert held_out(tmp_path) == {"b", "c", "d", "g"}


def test_a_memory_is_named_with_its_seed(tmp_path: Path) -> None:
    assert memory_of(tmp_path) is None
    MEMORY.path(tmp_path).write_text('{"name": "cats", "seed": 3, "generation": 2}')
    assert memory_of(tmp_path) == "cats, seed 3"
    MEMORY.path(tmp_path).write_text("")
    assert memory_of(tmp_path) is None
