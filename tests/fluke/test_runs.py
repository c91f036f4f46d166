"""Runs and models in Python, without a pipeline."""

from pathlib import Path

import numpy as np
import pytest

import fluke
from tests.helpers.runs import Runs


def test_a_run_is_opened_by_its_id_even_if_it_stopped_early(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.run()
    runs.run("failed")
    assert fluke.open_run(data=tmp_path).id == "001"
    failed = fluke.open_run("002", data=tmp_path)
    assert failed.state == "failed"
    with pytest.raises(fluke.UserError, match="run 002 ended before evaluate"):
        failed.metrics  # noqa: B018
    listed = fluke.list_runs(data=tmp_path)
    assert listed[["run", "state"]].to_numpy().tolist() == [["002", "failed"], ["001", "done"]]


def test_a_missing_table_or_run_is_named_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(fluke.UserError, match="no successful run"):
        fluke.load_model(data=tmp_path)
    Runs(tmp_path).run()
    with pytest.raises(fluke.UserError, match="run 001 has no table 'predictionz'"):
        fluke.open_run(data=tmp_path).table("predictionz")


def test_a_config_is_that_of_the_command() -> None:
    config = fluke.load_config("demo", "train.epochs=7")
    assert isinstance(config, fluke.Config)
    assert config.train.epochs == 7
    with pytest.raises(fluke.ConfigError, match=r"train\.epoch\b"):
        fluke.load_config("demo", "train.epoch=7")


def test_a_data_folder_that_is_given_counts_only_for_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUKE_DATA", str(tmp_path / "usual"))
    Runs(tmp_path / "other").run()
    assert len(fluke.list_runs(data=tmp_path / "other")) == 1
    assert len(fluke.list_runs()) == 0


@pytest.mark.parametrize("shape", [(50, 60), (50, 60, 3), (50, 60, 4)])
def test_an_array_is_one_photo_also_if_it_is_grey_or_has_an_alpha_channel(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    Runs(tmp_path).run()
    names, photos = fluke.open_run(data=tmp_path).model._listed(np.zeros(shape, np.uint8))
    assert names == ["0"]
    assert [photo.shape for photo in photos] == [shape]
