"""Pictures with heat maps need a bounded part of the memory, however large the photo is."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from configs.load import load
from flows.predict import pictures
from tasks.images import photos as decoding


@pytest.mark.parametrize("kind", [".png", ".jpg"])
def test_the_heat_map_of_a_huge_photo_is_smaller_and_not_drawn_without_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    photo, picture = tmp_path / f"photo{kind}", tmp_path / "map.jpg"
    cv2.imwrite(str(photo), np.full((600, 1200), 200, np.uint8))
    monkeypatch.setattr(pictures, "_MOST_DRAWN_PX", 1e4)
    config = load("default").preprocess
    assert pictures.draw(photo, np.ones((4, 4), np.float32), config, picture)
    height, width = cv2.imread(str(picture)).shape[:2]
    assert abs(width - 2 * height) <= 2
    assert 0.8e4 < height * width <= 1e4
    monkeypatch.setattr(decoding, "_MOST_BYTES", 1e4)
    picture.unlink()
    assert not pictures.draw(photo, np.ones((4, 4), np.float32), config, picture)
    assert not picture.exists()
