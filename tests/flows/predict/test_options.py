"""Options that can't be followed are refused before anything is computed."""

from pathlib import Path

import pytest

from flows.predict.options import PredictOptions
from tasks.crawl.listing.tree import HEAT_MAPS
from tasks.store.errors import UserError


def test_excel_is_only_for_a_csv(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--excel is for the CSV of --out; add --out FILE\.csv"):
        PredictOptions(tmp_path, excel=True, out=tmp_path / "out.json").check()
    with pytest.raises(UserError, match="not for a submission, whose format is fixed"):
        PredictOptions(tmp_path, excel=True, submission=tmp_path / "out.csv").check()


def test_an_address_is_checked_before_anything_is_computed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--workers http://nowhere: give the address of a Dask scheduler"):
        PredictOptions(tmp_path, workers="http://nowhere").check()


def test_heat_maps_are_drawn_here(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leave out --heat-maps or --workers"):
        PredictOptions(tmp_path, heat_maps=tmp_path / "maps", workers="tcp://127.0.0.1:8786").check()


def test_heat_maps_are_not_mixed_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").touch()
    with pytest.raises(UserError, match="holds other files; name a new or an empty folder"):
        PredictOptions(tmp_path / "photos", heat_maps=tmp_path / "photos").check()
    (tmp_path / "heat").mkdir()
    PredictOptions(tmp_path / "photos", heat_maps=tmp_path / "heat").check()
    (tmp_path / "heat" / HEAT_MAPS).touch()  # those of an earlier prediction
    PredictOptions(tmp_path / "photos", heat_maps=tmp_path / "heat").check()


def test_what_a_killed_prediction_has_left_does_not_refuse_the_next(tmp_path: Path) -> None:
    (tmp_path / "heat" / ".partial-0123").mkdir(parents=True)
    PredictOptions(tmp_path, heat_maps=tmp_path / "heat").check()
