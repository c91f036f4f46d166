"""Counting faces. The photo with one face shows Grace Hopper and is part of matplotlib."""

from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest

from tasks.filter import faces
from tasks.images import photos
from tasks.networks import face_detector
from tasks.store.errors import UserError


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return photos.decode(path.read_bytes())


def test_faces_are_counted_at_any_size(portrait: np.ndarray) -> None:
    assert faces.count(portrait) == 1
    assert faces.count(np.ascontiguousarray(portrait[::2, ::2])) == 1
    assert faces.count(np.concatenate([portrait, portrait], axis=1)) == 2
    assert faces.count(np.full((200, 300, 3), 127, np.uint8)) == 0


def test_a_file_that_is_not_a_yunet_model_is_refused(portrait: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(UserError, match=r"filter\.face_model=.*model\.onnx: OpenCV can't use it"):
        faces.count(portrait, tmp_path / "model.onnx")


def test_small_faces_of_a_group_are_counted_and_located(portrait: np.ndarray) -> None:
    face = cv2.resize(portrait[:420, 60:480], (90, 90), interpolation=cv2.INTER_AREA)
    group = np.full((300, 500, 3), 90, np.uint8)
    places = [(10, 20), (200, 30), (390, 10), (100, 190), (330, 200)]
    for left, top in places:
        group[top : top + 90, left : left + 90] = face
    assert faces.count(group) >= 4
    found = face_detector.find_faces(group)
    centres = found[:, :2] + found[:, 2:] / 2
    located = [np.hypot(*(centres - [left + 50, top + 40]).T).min() < 20 for left, top in places]
    assert sum(located) >= 4


def test_each_detector_has_counts_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"a model")
    assert faces.detector(tmp_path / "model.onnx") != faces.detector(None)
