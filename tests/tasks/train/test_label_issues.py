"""Which labels of the train and validation photos are doubted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks import tables
from tasks.store import hashing
from tasks.train import label_issues
from tasks.train.training_set import Part, TrainingSet


def photos(names: list[str], labels: list[str], classes: list[str]) -> Part:
    rows = pd.DataFrame({"photo": names, "label": labels, "group": names})
    return Part(rows, np.searchsorted(classes, labels).astype(np.int32))


def training_set(root: Path, labels: list[str], vectors: np.ndarray, *, kind: str = "network") -> TrainingSet:
    """Make a training set whose last quarter validates; photo i is named by the SHA-256 of i."""
    names = [hashing.of_bytes(str(i).encode()) for i in range(len(labels))]
    (root / "pools").mkdir()
    np.save(root / "pools" / "a.npy", vectors.astype(np.float32))
    index = pd.DataFrame({"photo": names, "shard": "pools/a.npy", "row": range(len(names)), "digest": "0" * 24})
    tables.shared.INDEX.write(index, root)
    classes, cut = sorted(set(labels)), len(labels) * 3 // 4
    train, val = photos(names[:cut], labels[:cut], classes), photos(names[cut:], labels[cut:], classes)
    return TrainingSet(classes, train, val, kind, root, root, root, root)


def around_axes(count: int, size: int) -> tuple[list[str], np.ndarray]:
    """Return labels c0, c1 ... in turn and vectors `(count * size, 16)` around one axis for each."""
    codes = np.tile(np.arange(count), size)
    noise = np.random.default_rng(0).normal(0, 0.2, (len(codes), 16))
    return [f"c{code}" for code in codes], np.eye(16)[codes] + noise


def test_wrong_labels_of_train_and_validation_are_found_with_the_right_suggestion(tmp_path: Path) -> None:
    labels, vectors = around_axes(4, 40)
    truth = {0: labels[0], 41: labels[41], 158: labels[158]}
    for i in truth:
        labels[i] = "c1" if labels[i] != "c1" else "c3"
    data = training_set(tmp_path, labels, vectors)
    found = label_issues.find(data)
    names = [hashing.of_bytes(str(i).encode()) for i in range(len(labels))]
    assert {
        names.index(photo): label for photo, label in zip(found["photo"], found["suggestion"], strict=True)
    } == truth
    assert all(labels[names.index(photo)] == label for photo, label in zip(found["photo"], found["label"], strict=True))
    assert found["doubt"].is_monotonic_decreasing
    assert found["doubt"].between(0.5, 1).all()
    tables.train.LABEL_ISSUES.write(found, tmp_path)  # it has the columns of the catalog


def test_near_duplicates_dont_confirm_each_others_label(tmp_path: Path) -> None:
    labels, vectors = around_axes(2, 60)
    for i in range(0, 24, 2):  # twelve copies of one photo of class 0, all labelled as class 1
        labels[i], vectors[i] = "c1", vectors[0]
    data = training_set(tmp_path, labels, vectors)
    copies = {hashing.of_bytes(str(i).encode()) for i in range(0, 24, 2)}
    data.train.rows.loc[data.train.rows["photo"].isin(copies), "group"] = "one"
    assert set(label_issues.find(data)["photo"]) == copies


@pytest.mark.parametrize("kind", ["none", "network"])
def test_without_features_or_with_small_classes_nothing_is_judged(tmp_path: Path, kind: str) -> None:
    labels, vectors = around_axes(3, 40 if kind == "none" else 4)
    found = label_issues.find(training_set(tmp_path, labels, vectors, kind=kind))
    assert found.empty
    tables.train.LABEL_ISSUES.write(found, tmp_path)
    assert tables.train.LABEL_ISSUES.read(tmp_path).empty


def test_right_labels_are_not_listed(tmp_path: Path) -> None:
    assert label_issues.find(training_set(tmp_path, *around_axes(3, 40))).empty
