"""The files that the report reads."""

from pathlib import Path

import numpy as np
import pytest

from tasks import tables
from tasks.store.errors import UserError
from tests.helpers import stored_tables
from tests.helpers.report import report_files


def test_the_files_of_an_evaluation_and_its_parents_are_read(tmp_path: Path) -> None:
    files = report_files(tmp_path, ["cat", "dog", "eel"])
    assert files.class_names == ["cat", "dog", "eel"]
    assert files.confusion.tolist() == [[8, 2, 0], [0, 10, 0], [0, 0, 10]]
    assert len(files.test) == len(files.kept) == 30
    assert len(files.crawled) == 33
    assert sorted(files.rejected["reason"]) == ["near duplicate", "too small", "unreadable"]
    assert files.history["val_loss"] == [2.0, 1.5]
    assert files.autoencoder is None
    assert files.uncalibrated is None
    assert [ancestor.manifest.artifact.stage for ancestor in files.lineage] == [
        "crawl",
        "filter",
        "preprocess",
        "pretrain",
        "train",
    ]


def test_a_tile_is_found_by_its_photo(tmp_path: Path) -> None:
    files = report_files(tmp_path, channels=1)
    np.testing.assert_array_equal(files.tile(files.kept["photo"].iloc[7]), np.full((8, 8, 1), 7))


def test_the_settings_contain_those_of_the_view(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    assert list(files.settings) == ["crawl", "filter", "preprocess", "pretrain", "train", "evaluate"]
    assert files.settings["evaluate"] == {"bootstrap": 100, "gallery": 5, "layer_images": 0}


def test_uncalibrated_probabilities_are_those_of_test_photos(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    predictions = tables.evaluate.PREDICTIONS.read(files.folder)
    predictions.loc[:4, "split"] = "val"
    stored_tables.write(tables.evaluate.PREDICTIONS, predictions, files.folder)
    np.savez(tables.evaluate.ANSWERS.path(files.folder), uncalibrated=np.arange(30) / 30)
    assert files.uncalibrated is not None
    np.testing.assert_allclose(files.uncalibrated, np.arange(5, 30) / 30)


def test_an_evaluation_without_explanations_is_refused(tmp_path: Path) -> None:
    files = report_files(tmp_path)
    tables.evaluate.EXPLAINED.path(files.folder).write_text("{}")
    with pytest.raises(UserError, match="has no explanations for the report; run its preset again"):
        _ = files.view_settings
