from pathlib import Path

import pandas as pd

from tasks.held_out import held_out, memory_of
from tasks.tables.filter import ABSENT, KEPT, MEMORY, REJECTED
from tests.helpers import stored_tables


def test_kept_and_rejected_photos_of_validation_and_test_are_held_out(tmp_path: Path) -> None:
    stored_tables.write(KEPT, pd.DataFrame({"photo": ["a", "b", "c"], "split": ["train", "val", "test"]}), tmp_path)
    stored_tables.write(REJECTED, pd.DataFrame({"photo": ["d", "e", "f"], "split": ["test", None, "train"]}), tmp_path)
    assert held_out(tmp_path) == {"b", "c", "d"}
    stored_tables.write(ABSENT, pd.DataFrame({"photo": ["g"], "split": ["test"]}), tmp_path)
    assert held_out(tmp_path) == {"b", "c", "d", "g"}


def test_a_memory_is_named_with_its_seed(tmp_path: Path) -> None:
    assert memory_of(tmp_path) is None
    MEMORY.path(tmp_path).write_text('{"name": "cats", "seed": 3, "generation": 2}')
    assert memory_of(tmp_path) == "cats, seed 3"
    MEMORY.path(tmp_path).write_text("")
    assert memory_of(tmp_path) is None
