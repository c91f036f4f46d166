"""A folder of heat maps is written completely or not at all."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from configs.schema import PreprocessConfig
from flows.predict import predict
from tasks.crawl.listing.tree import HEAT_MAPS
from tasks.inference import predictor
from tasks.inference.limits import Limits
from tasks.store.progress import silent
from tests.helpers.pipeline import write_photos


class FakePredictor:
    """Finds everything as likely, without a network."""

    def __init__(self, *_: object) -> None:
        """Ignore the model's files."""

    def inputs(self, tiles: np.ndarray) -> np.ndarray:
        return tiles

    def probabilities(self, inputs: np.ndarray) -> np.ndarray:
        return np.full((len(inputs), 2), 0.5)

    def heat_maps(self, inputs: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        return np.ones((len(inputs), 4, 4), np.float32)


def draw_to(folder: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Predict photos with heat maps; return the names of the pictures."""
    monkeypatch.setattr(predictor, "Predictor", FakePredictor)
    rule = SimpleNamespace(names=["a", "b"], unknown_label=None)
    nothing = dict.fromkeys(("classifier", "encoder", "references"))
    model = SimpleNamespace(preprocess=PreprocessConfig(side_px=16), rule=rule, limits=Limits(), **nothing)
    listed = [(path.name, path) for path in sorted(photos.rglob("*.png"))]
    with ThreadPoolExecutor(2) as threads:
        table = predict.predict(model, listed, top_k=1, threads=threads, progress=silent, heat_maps=folder)
    assert table["heat_map"].tolist() == [str(folder / Path(path).name) for path in table["heat_map"]]
    return sorted(Path(path).name for path in table["heat_map"])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_photos(tmp_path / "photos", 9)
    return tmp_path / "photos"


@pytest.mark.parametrize("exists", [True, False])
def test_pictures_are_added_to_a_folder_of_heat_maps(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, exists: bool
) -> None:
    folder = tmp_path / "heat"
    if exists:
        folder.mkdir()
        (folder / HEAT_MAPS).touch()
        (folder / "earlier.jpg").touch()
    names = draw_to(folder, photos, monkeypatch)
    assert len(names) == 9
    assert sorted(path.name for path in folder.iterdir()) == sorted([HEAT_MAPS, *names, *["earlier.jpg"] * exists])


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_no_half_folder_and_is_named(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, exists: bool, number: int
) -> None:
    folder = tmp_path / "heat"
    if exists:
        folder.mkdir()
    written: list[str] = []
    real = Path.write_bytes

    def write(path: Path, data: bytes) -> int:
        if len(written) == 5:
            raise OSError(number, os.strerror(number))
        written.append(path.name)
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(OSError, match=os.strerror(number)) as raised:
        draw_to(folder, photos, monkeypatch)
    assert (raised.value.errno, raised.value.filename) == (number, str(folder))
    assert len(written) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == [*["heat"] * exists, "photos"]
    assert not exists or list(folder.iterdir()) == []
