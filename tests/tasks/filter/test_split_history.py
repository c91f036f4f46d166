"""The splits that photos were ever assigned to."""

from pathlib import Path

import pytest

from tasks.filter.split_history import SplitHistory
from tasks.store.errors import UserError


def test_photos_that_moved_are_counted(tmp_path: Path) -> None:
    history = SplitHistory(tmp_path, {"seed": 0})
    assert (history.read(), history.moves()) == ({}, 0)
    history.write({}, {"a": "train", "b": "test"})
    history.write(history.read(), {"c": "train"})
    assert history.moves() == 0
    history.write(history.read(), {"a": "test", "b": "test"})
    assert history.read() == {"a": "test", "b": "test", "c": "train"}
    assert history.moves() == 1
    assert SplitHistory(tmp_path, {"seed": 1}).read() == {}


def test_a_damaged_history_is_refused_with_the_consequences(tmp_path: Path) -> None:
    history = SplitHistory(tmp_path, {"seed": 0})
    history.write({}, {"a": "train"})
    history.path.write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"splits-.*damaged.*Restore it.*or delete"):
        history.read()
