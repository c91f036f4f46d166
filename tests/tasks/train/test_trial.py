from pathlib import Path

import numpy as np
import pytest

from tasks.train.trial import Trial

LOGITS = np.arange(6, dtype=np.float32).reshape(3, 2)
TRIAL = Trial(
    "the network from b11",
    LOGITS - 1,
    LOGITS,
    2.5,
    [np.eye(2), np.array([1, 2], np.int64)],
    infer_from="blend",
    details={"best_epochs": {"training": 3}, "history": {"loss": [0.5]}, "c": None},
)


def test_a_trial_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "under-way" / "trial.npz"
    TRIAL.write(path)
    found = Trial.read(path)
    assert found is not None
    assert (found.name, found.seconds, found.infer_from, found.details) == (
        TRIAL.name,
        TRIAL.seconds,
        TRIAL.infer_from,
        TRIAL.details,
    )
    np.testing.assert_array_equal(found.scores, TRIAL.scores)
    np.testing.assert_array_equal(found.logits, TRIAL.logits)
    for ours, theirs in zip(found.arrays, TRIAL.arrays, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_more_than_ten_arrays_keep_their_order(tmp_path: Path) -> None:
    Trial("many", LOGITS, LOGITS, 0, [np.array(i) for i in range(12)]).write(tmp_path / "trial.npz")
    found = Trial.read(tmp_path / "trial.npz")
    assert found is not None
    assert [int(array) for array in found.arrays] == list(range(12))


@pytest.mark.parametrize("damage", [lambda data: data[:-50], lambda data: b"", lambda data: b"PK" + data[2:60]])
def test_a_missing_or_damaged_file_is_no_trial(tmp_path: Path, damage) -> None:
    path = tmp_path / "trial.npz"
    assert Trial.read(path) is None
    TRIAL.write(path)
    path.write_bytes(damage(path.read_bytes()))
    assert Trial.read(path) is None
